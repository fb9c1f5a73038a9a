// How an element that comes to a place is combined with what is there, one after the other.
#pragma once
#include <cstdint>
#include <span>

#include "ops/arithmetic.h"
#include "ops/op.h"

namespace adjoint {

// The numbers of the first three are scatterReduce's parameter, in lib/functional/scatter.ts too.
enum class Combination : int { product, least, greatest, sum, last };

// What the routine of an op with these parameters does.
inline Combination combination_of(Op op, std::span<const int64_t> parameters) {
  if (op == Op::scatter) return Combination::last;
  return op == Op::scatterAdd ? Combination::sum : static_cast<Combination>(parameters[1]);
}

inline namespace ADJOINT_ISA {

template <Combination combination, class T> ADJOINT_FUNCTION T combined(T before, T next) {
  if constexpr (combination == Combination::product) return static_cast<T>(before * next);
  if constexpr (combination == Combination::least) return math::minimum(before, next);
  if constexpr (combination == Combination::greatest) return math::maximum(before, next);
  if constexpr (combination == Combination::sum) return static_cast<T>(before + next);
  if constexpr (combination == Combination::last) return next;
}

} // namespace ADJOINT_ISA

} // namespace adjoint
