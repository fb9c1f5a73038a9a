// Index maps: which element of a value belongs to an index of a kernel's space. Ops that only move elements
// are maps, and maps compose, so nothing is copied for a broadcast, a slice, a permutation, a flip or a pad.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "device/kernel.h"

namespace adjoint {

// A map from a space, written in mixed radix over `extents`, to the coordinates of a value: one AxisMap per
// axis of the value, and at most one axis of the value per axis of the space. Only indices first <= i < last
// matter; elsewhere the value is not asked for, and its coordinates may lie outside.
struct IndexMap {
  struct AxisMap {
    int32_t source = -1; // axis of the space, or none: the coordinate is always `start`
    int64_t start = 0;
    int64_t step = 1;
  };
  std::vector<AxisMap> axes;
  Dims extents;
  Dims first, last;        // empty: everywhere
  bool is_nowhere = false; // no index matters at all
  // Rows and columns have been merged into one axis: the map no longer shows that a value is the same for a
  // whole row.
  bool has_lost_rows = false;
  // The number of leading axes that count rows; a value that depends on others is at element level.
  size_t row_axes = 0;

  // The space of a kernel over this shape, whose rows are the axes that stay, seen as a value of this shape.
  static IndexMap identity(const Dims& shape, const Dims& reduced_axes);

  // The same space, seen as a value of its rows.
  IndexMap of_rows(const Dims& kept_shape) const;
  bool is_row_level() const;
  // The map to an op's input, from the map to its result, for ops that move elements. Nothing if no map can
  // express it.
  IndexMap through_broadcast(const Dims& from, const Dims& to) const;
  IndexMap through_permute(const Dims& order) const;
  IndexMap through_slice(const Dims& starts, const Dims& steps) const;
  std::optional<IndexMap> through_reshape(const Dims& from, const Dims& to) const;
  // The map to the part of a splice; its bounds are the place of the part. Steps must be 1 or -1.
  IndexMap through_splice(const Dims& starts, const Dims& steps, const Dims& part) const;

  // The access to an array that holds the value, row-major: over the whole space, or over its rows.
  Access access(const Dims& shape, bool over_rows) const;
  // Only the bounds, over the same indices as access().
  Access bounds(bool over_rows) const;
  bool is_empty() const;
  bool is_everywhere() const;
};

} // namespace adjoint
