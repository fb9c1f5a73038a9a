// How a kernel's threads reach arrays: accesses in their simplest form, cut where rows end and columns begin.
#pragma once
#include <optional>
#include <vector>

#include "device/kernel.h"

namespace adjoint::cuda {

// One digit of an index, with bounds if not every value of it exists.
struct WalkAxis {
  int64_t extent = 1, stride = 0;
  int64_t first = 0, last = 1;
  bool is_bounded() const { return first > 0 || last < extent; }
};

// An access without needless axes: the element of an index lies at offset + sum of digit * stride. The last
// axis is the fastest; no axis at all is one element for all indices.
struct Walk {
  uint16_t array = 0;
  int64_t offset = 0;
  std::vector<WalkAxis> axes;

  explicit Walk(const Access& access);
  // The extent of an axis that no index leaves: flat kernels run on for as long as the instance has rows.
  static constexpr int64_t endless = int64_t{1} << 62;
  // Goes over an array from its start, or stands still, whatever the number of rows.
  static Walk flat(const Access& access);

  // Whether `width` indices from a multiple of it on differ in the last digit alone.
  bool steps_by(int64_t width) const { return axes.empty() || axes.back().extent % width == 0; }
  // Whether they are one element, or stand side by side from a multiple of `width` elements on. Either exist
  // all or not at all. steps_by(width) is given.
  bool is_still(int64_t width) const;
  bool is_vector(int64_t width) const;
  // How far from the offset elements can lie.
  int64_t reach() const;

 private:
  Walk() = default;
  bool keeps_together(int64_t width) const;
};

// The digits of the rows and of the columns apart; nothing where a digit counts both.
struct SplitWalk {
  Walk rows, columns; // the offset is in rows
};
std::optional<SplitWalk> split(const Walk& walk, int64_t columns);

} // namespace adjoint::cuda
