// The gradients of the rows, as templates over the type V that they are read for: graph values, which record
// a gradient (gradients.cpp), or sets of names, which tell what it needs (needs.cpp). V has the rows' names
// as functions, and arithmetic.
#pragma once
#include <limits>

#include "device/error.h"
#include "ops/op.h"

namespace adjoint {

inline Error no_gradient(Op op) {
  const std::string name(info(op).name);
  return internal_error(name + " has no gradient", name);
}

inline constexpr double ln2 = 0.693147180559945309417232121458;
inline constexpr double ln10 = 2.302585092994045684017991454684;
inline constexpr double two_over_sqrt_pi = 1.128379167095512573896158903122;
inline constexpr double half_sqrt_pi = 0.886226925452758013649083741671;
inline constexpr double sqrt_half = 0.707106781186547524400844362105;
inline constexpr double sqrt_two_pi = 2.506628274631000502415765284811;
inline constexpr double sqrt_two_over_pi = 0.797884560802865355879892119869;
// So small that the first digits of a power series are all.
inline constexpr double tiny = 1e-30;
inline constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

template <class V>
constexpr V elementwise_gradient(Op op, size_t input, const V& grad, const V& a, const V& b, const V& c,
                                 const V& out) {
  const V nothing = 0.0;
  switch (op) {
#define UNARY(name, label, dtypes, cost, lo, hi, value, gradient)                                            \
  case Op::name:                                                                                             \
    return gradient;
#define BINARY(name, label, dtypes, cost, lo, hi, value, gradient_a, gradient_b)                             \
  case Op::name:                                                                                             \
    if (input == 0) return gradient_a;                                                                       \
    return gradient_b;
#define TERNARY(name, label, dtypes, cost, lo, hi, value, gradient_a, gradient_b, gradient_c)                \
  case Op::name:                                                                                             \
    if (input == 0) return gradient_a;                                                                       \
    if (input == 1) return gradient_b;                                                                       \
    return gradient_c;
#include "ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
  default:
    throw no_gradient(op);
  }
}

template <class V, class Total, class Others>
constexpr V reduction_gradient(Op op, const V& grad, const V& a, const V& out, [[maybe_unused]] double count,
                               [[maybe_unused]] const Total& total, [[maybe_unused]] const Others& others) {
  const V nothing = 0.0;
  switch (op) {
#define REDUCTION(name, label, dtypes, number, empty, lo, hi, identity, combine, finish, gradient)           \
  case Op::name:                                                                                             \
    return gradient;
#include "ops/reductions.def"
#undef REDUCTION
  default:
    throw no_gradient(op);
  }
}

} // namespace adjoint
