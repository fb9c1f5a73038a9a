// The way an array is walked: an Access as the axes that matter, with the questions that planner and devices
// ask of it. An axis is a digit of the index, and the last one is the fastest, as in shapes.
//
// A tensor of shape [2, 3], read by a kernel of 6 rows and 4 columns as if it had been expanded to [2, 3, 4]:
//
//   as given       extents 2, 3, 4   strides 3, 1, 0
//   merged         extents 6, 4      strides 1, 0      2 and 3 are walked as one
//   split, rows    extent  6         stride  1         contiguous
//          columns extent  4         stride  0         still: the row has one value
#pragma once
#include <optional>
#include <vector>

#include "device/kernel.h"

namespace adjoint {

// One digit of an index, with bounds if not every value of it exists.
struct WalkAxis {
  int64_t extent = 1, stride = 0;
  int64_t first = 0, last = 1;
  bool is_bounded() const { return first > 0 || last < extent; }
  bool operator==(const WalkAxis&) const = default;
};

// The element of an index lies at offset + sum of digit * stride. Axes of a single index are left out; no axis at
// all is one element for all indices.
struct Walk {
  uint16_t array = 0;
  int64_t offset = 0;
  std::vector<WalkAxis> axes;

  Walk() = default;
  Walk(const Access& access);
  // The extent of an axis that no index leaves.
  static constexpr int64_t endless = int64_t{1} << 62;
  // An access of a flat kernel, see `flattened`.
  static Walk flat(const Access& access);

  bool is_bounded() const;
  // Whether all indices are one element.
  bool is_still() const;
  // Whether the indices are an array's elements from the first to the last of `count`; of a merged walk.
  bool is_contiguous(int64_t count) const;

  // Whether `width` indices from a multiple of it on differ in the last digit alone.
  bool steps_by(int64_t width) const { return axes.empty() || axes.back().extent % width == 0; }
  // Whether those indices are one element, or stand side by side from a multiple of `width` elements on.
  // Either all or none of them exist. steps_by(width) is given.
  bool is_still(int64_t width) const;
  bool is_vector(int64_t width) const;
  // The greatest distance of an element from the offset.
  int64_t reach() const;

 private:
  bool keeps_together(int64_t width) const;
};

// Merges axes that are walked as one; a walk that stands still has none.
Walk merged(Walk walk);

// The digits of the rows and those of the columns. Nothing where a digit counts both and cannot be cut, or
// where there are no indices. The parts are merged no further than the walk is.
struct SplitWalk {
  Walk rows, columns; // the offset is in rows
};
std::optional<SplitWalk> split(const Walk& walk, int64_t columns);

// The access of a flat kernel: over an array from its start, element by element, or standing still. Instances
// have their own numbers of rows, so that the stride alone says which.
Access flattened(const Access& access, int64_t rows);

} // namespace adjoint
