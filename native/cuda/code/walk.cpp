#include "cuda/code/walk.h"

namespace adjoint::cuda {

Walk::Walk(const Access& access) : array(access.array), offset(access.offset) {
  for (size_t i = 0; i < access.extents.size(); ++i) {
    WalkAxis axis{access.extents[i], access.strides[i], 0, access.extents[i]};
    if (!access.first.empty()) {
      axis.first = access.first[i];
      axis.last = access.last[i];
    }
    if (axis.extent == 1 && !axis.is_bounded()) continue;
    if (!axes.empty() && !axis.is_bounded() && axes.back().stride == axis.stride * axis.extent) {
      WalkAxis& outer = axes.back();
      outer = {outer.extent * axis.extent, axis.stride, outer.first * axis.extent, outer.last * axis.extent};
      continue;
    }
    axes.push_back(axis);
  }
  if (axes.size() == 1 && axes[0].stride == 0 && !axes[0].is_bounded()) axes.clear();
}

Walk Walk::flat(const Access& access) {
  Walk walk;
  walk.array = access.array;
  if (access.strides[0] != 0) walk.axes.push_back({endless, 1, 0, endless});
  return walk;
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

std::optional<SplitWalk> split(const Walk& walk, int64_t columns) {
  SplitWalk result{walk, walk};
  result.columns.offset = 0;
  result.columns.axes.clear();
  int64_t left = columns;
  while (left > 1 && !result.rows.axes.empty()) {
    WalkAxis axis = result.rows.axes.back();
    result.rows.axes.pop_back();
    if (left % axis.extent != 0) {
      // Goes on in the rows.
      if (axis.extent % left != 0 || axis.is_bounded()) return std::nullopt;
      result.rows.axes.push_back({axis.extent / left, axis.stride * left, 0, axis.extent / left});
      axis = {left, axis.stride, 0, left};
    }
    left /= axis.extent;
    result.columns.axes.insert(result.columns.axes.begin(), axis);
  }
  for (Walk* part : {&result.rows, &result.columns})
    if (part->axes.size() == 1 && part->axes[0].stride == 0 && !part->axes[0].is_bounded())
      part->axes.clear();
  return result;
}

} // namespace adjoint::cuda
