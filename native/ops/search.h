// Binary search in ascending elements: a search that has `left` elements left looks half of them ahead and goes there or
// stays, so that all searches in a line take the same steps.
#pragma once
#include <cstdint>

#include "ops/math_bits.h"

namespace adjoint {

// How far a search looks ahead; as many elements fewer are left afterwards.
ADJOINT_FUNCTION int64_t search_step(int64_t left) { return (left + 1) >> 1; }

// Whether the place of a value is behind an element; behind one that is equal, if `is_right` says so.
template <class T> ADJOINT_FUNCTION bool is_before(T element, T value, bool is_right) {
  return is_right ? !(element > value) : !(element >= value);
}

} // namespace adjoint
