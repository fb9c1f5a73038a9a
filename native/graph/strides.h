// Index arithmetic: what moving ops do to the way an array is walked.
#pragma once
#include <optional>

#include "device/device.h"

namespace adjoint {

inline Dims permuted(const Dims& strides, const Dims& order) {
  Dims result(strides.size());
  for (size_t i = 0; i < strides.size(); ++i) result[i] = strides[static_cast<size_t>(order[i])];
  return result;
}

// New axes in front, and axes of extent one that grow, are walked without moving.
inline Dims broadcast_strides(const Dims& strides, const Dims& from, const Dims& to) {
  Dims result(to.size(), 0);
  const size_t added = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i)
    result[added + i] = from[i] == 1 && to[added + i] != 1 ? 0 : strides[i];
  return result;
}

inline void move_to_slice(Operand& operand, const Dims& starts, const Dims& steps) {
  for (size_t i = 0; i < starts.size(); ++i) {
    operand.offset += starts[i] * operand.strides[i];
    operand.strides[i] *= steps[i];
  }
}

// Row-major over the axes that stay, zero along those that go.
inline Dims reduced_strides(const Dims& shape, const Dims& axes) {
  Dims strides(shape.size(), 0);
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (axes.contains(static_cast<int64_t>(i))) continue;
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

// The strides of the same elements in another shape, or nothing when only a copy can be walked so.
inline std::optional<Dims> reshaped(const Dims& strides, const Dims& from, const Dims& to) {
  if (element_count(to) == 0) return row_major_strides(to);
  Dims result(to.size(), 0);
  size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    // Groups of axes whose extents multiply to the same number correspond.
    size_t i_end = i, j_end = j;
    int64_t from_count = 1, to_count = 1;
    if (i_end < from.size()) from_count *= from[i_end++];
    if (j_end < to.size()) to_count *= to[j_end++];
    while (from_count != to_count) {
      if (from_count < to_count)
        from_count *= from[i_end++];
      else
        to_count *= to[j_end++];
    }
    // Within a group the old axes must walk evenly; axes of extent one do not matter.
    int64_t step = 0, expected = 0;
    for (size_t k = i_end; k-- > i;) {
      if (from[k] == 1) continue;
      if (expected == 0)
        step = strides[k];
      else if (strides[k] != expected)
        return std::nullopt;
      expected = strides[k] * from[k];
      if (strides[k] == 0 && k > i) {
        // An expanded axis: even only with other expanded axes.
        for (size_t l = i; l < k; ++l)
          if (from[l] != 1 && strides[l] != 0) return std::nullopt;
        expected = 0;
        break;
      }
    }
    for (size_t k = j_end; k-- > j;) {
      result[k] = to[k] == 1 ? 0 : step;
      step *= to[k];
    }
    i = i_end;
    j = j_end;
  }
  return result;
}

} // namespace adjoint
