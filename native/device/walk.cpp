#include "device/walk.h"

#include <algorithm>

namespace adjoint {

Walk::Walk(const Access& access) : array(access.array), offset(access.offset) {
  axes.reserve(access.extents.size());
  for (size_t i = 0; i < access.extents.size(); ++i) {
    WalkAxis axis{access.extents[i], access.strides[i], 0, access.extents[i]};
    if (!access.first.empty()) {
      axis.first = std::max<int64_t>(access.first[i], 0);
      axis.last = std::min(access.last[i], axis.extent);
    }
    if (axis.extent != 1 || axis.is_bounded()) axes.push_back(axis);
  }
}

bool Walk::is_bounded() const {
  return std::any_of(axes.begin(), axes.end(), [](const WalkAxis& axis) { return axis.is_bounded(); });
}

bool Walk::is_still() const {
  return std::all_of(axes.begin(), axes.end(),
                     [](const WalkAxis& axis) { return axis.stride == 0 && !axis.is_bounded(); });
}

bool Walk::is_contiguous(int64_t count) const {
  if (offset != 0) return false;
  if (axes.empty()) return count == 1;
  return axes.size() == 1 && axes[0] == WalkAxis{count, 1, 0, count};
}

bool Walk::keeps_together(int64_t width) const {
  const WalkAxis& axis = axes.back();
  return axis.first % width == 0 && (axis.last % width == 0 || axis.first >= axis.last);
}

bool Walk::is_still(int64_t width) const {
  return axes.empty() || (axes.back().stride == 0 && keeps_together(width));
}

bool Walk::is_vector(int64_t width) const {
  if (axes.empty() || axes.back().stride != 1 || !keeps_together(width) || offset % width != 0) return false;
  for (size_t i = 0; i + 1 < axes.size(); ++i)
    if (axes[i].stride % width != 0) return false;
  return true;
}

int64_t Walk::reach() const {
  int64_t sum = 0;
  for (const WalkAxis& axis : axes) sum += (axis.stride < 0 ? -axis.stride : axis.stride) * axis.extent;
  return sum;
}

Walk merged(Walk walk) {
  size_t count = 0;
  for (const WalkAxis& axis : walk.axes) {
    WalkAxis* outer = count > 0 ? &walk.axes[count - 1] : nullptr;
    if (outer && !axis.is_bounded() && outer->stride == axis.stride * axis.extent)
      *outer = {outer->extent * axis.extent, axis.stride, outer->first * axis.extent,
                outer->last * axis.extent};
    else
      walk.axes[count++] = axis;
  }
  walk.axes.resize(count);
  if (walk.is_still()) walk.axes.clear();
  return walk;
}

std::optional<SplitWalk> split(const Walk& walk, int64_t columns) {
  SplitWalk parts{walk, {}};
  parts.columns.array = walk.array;
  std::vector<WalkAxis>& axes = parts.rows.axes;
  if (std::any_of(axes.begin(), axes.end(), [](const WalkAxis& axis) { return axis.extent == 0; }))
    return std::nullopt;
  int64_t left = columns;
  while (left > 1 && !axes.empty()) {
    WalkAxis axis = axes.back();
    axes.pop_back();
    if (left % axis.extent != 0) {
      // The axis goes on in the rows.
      if (axis.extent % left != 0 || axis.is_bounded()) return std::nullopt;
      axes.push_back({axis.extent / left, axis.stride * left, 0, axis.extent / left});
      axis = {left, axis.stride, 0, left};
    }
    left /= axis.extent;
    parts.columns.axes.insert(parts.columns.axes.begin(), axis);
  }
  return parts;
}

// --- flat kernels

Access flattened(const Access& access, int64_t rows) {
  Access flat;
  flat.array = access.array;
  flat.extents = {rows};
  flat.strides = {rows > 1 && Walk(access).is_still() ? 0 : 1};
  return flat;
}

Walk Walk::flat(const Access& access) {
  Walk walk;
  walk.array = access.array;
  if (access.strides[0] != 0) walk.axes.push_back({endless, 1, 0, endless});
  return walk;
}

} // namespace adjoint
