// Walks several arrays over one space: axes that all arrays cross alike are merged, the innermost is handed
// out whole, the others are an odometer.
#pragma once
#include <array>

#include "device/device.h"

namespace adjoint::cpu {

template <size_t count> class Walk {
 public:
  // Strides are counted in elements; all have the rank of `shape`.
  Walk(const Dims& shape, const std::array<const Dims*, count>& strides) {
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      if (shape[axis] == 1) continue;
      if (shape[axis] == 0) is_empty_ = true;
      if (rank_ > 0 && merges(shape[axis], axis, strides))
        extents_[rank_ - 1] *= shape[axis];
      else
        extents_[rank_++] = shape[axis];
      for (size_t i = 0; i < count; ++i) steps_[rank_ - 1][i] = (*strides[i])[axis];
    }
    if (rank_ == 0) extents_[rank_++] = 1;
  }

  int64_t inner_extent() const { return extents_[rank_ - 1]; }
  const std::array<int64_t, count>& inner_steps() const { return steps_[rank_ - 1]; }

  // Calls body(offsets) for every run along the innermost axis; offsets are in elements.
  template <class Body> void each_run(Body body) const {
    if (is_empty_) return;
    std::array<int64_t, count> offsets = {};
    std::array<int64_t, 32> index = {};
    for (;;) {
      body(offsets);
      size_t axis = rank_ - 1;
      for (;;) {
        if (axis == 0) return;
        --axis;
        for (size_t i = 0; i < count; ++i) offsets[i] += steps_[axis][i];
        if (++index[axis] < extents_[axis]) break;
        for (size_t i = 0; i < count; ++i) offsets[i] -= steps_[axis][i] * extents_[axis];
        index[axis] = 0;
      }
    }
  }

 private:
  bool merges(int64_t extent, size_t axis, const std::array<const Dims*, count>& strides) const {
    for (size_t i = 0; i < count; ++i)
      if (steps_[rank_ - 1][i] != (*strides[i])[axis] * extent) return false;
    return true;
  }
  size_t rank_ = 0;
  bool is_empty_ = false;
  std::array<int64_t, 33> extents_;
  std::array<std::array<int64_t, count>, 33> steps_ = {};
};

} // namespace adjoint::cpu
