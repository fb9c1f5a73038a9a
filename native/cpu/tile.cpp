#include "cpu/tile.h"

#include <algorithm>
#include <optional>

#include "cpu/access.h"
#include "ops/op.h"

namespace adjoint::cpu {

namespace {

// Below this many rows everything stays in the first-level cache anyway.
constexpr int64_t least_rows = 4096;
// A line of a cache is 16 floats, and pieces of two lines of the array that is read across are fetched
// better: copying a transposed matrix of 4096 x 4096 takes 2.5 ns an element in tiles of 32 x 16, 3.0 in 16 x
// 32, and 9 without tiles.
constexpr int64_t least_side = 8;
constexpr int64_t across_side = 32;

// Cuts axes at the products of extents that `bounds` lists, in ascending order.
bool refine(std::vector<Axis>& axes, const std::vector<int64_t>& bounds) {
  std::vector<Axis> result;
  size_t next = 0;
  int64_t begin = 1;
  for (const Axis& axis : axes) {
    const int64_t end = begin * axis.extent;
    int64_t stride = axis.stride;
    int64_t at = begin;
    bool is_cut = false;
    for (; next < bounds.size() && bounds[next] < end; ++next) {
      if (bounds[next] <= at) continue;
      if (bounds[next] % at != 0 || end % bounds[next] != 0 || axis.is_bounded()) return false;
      const int64_t extent = bounds[next] / at;
      result.push_back({extent, stride, 0, extent});
      stride *= extent;
      at = bounds[next];
      is_cut = true;
    }
    if (is_cut)
      result.push_back({end / at, stride, 0, end / at});
    else
      result.push_back(axis);
    begin = end;
  }
  axes = std::move(result);
  return true;
}

int64_t divisor_up_to(int64_t n, int64_t most) {
  int64_t divisor = std::min(n, most);
  while (n % divisor != 0) --divisor;
  return divisor;
}

Access with_axes(Access access, const std::vector<Axis>& axes) {
  access.extents.resize(axes.size());
  access.strides.resize(axes.size());
  access.first.resize(axes.size());
  access.last.resize(axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    const Axis& axis = axes[axes.size() - 1 - i];
    access.extents[i] = axis.extent;
    access.strides[i] = axis.stride;
    access.first[i] = axis.first;
    access.last[i] = axis.last;
  }
  return access;
}

} // namespace

int64_t tile_rows(FusedKernel& kernel, int64_t block) {
  if (kernel.is_flat || kernel.rows < least_rows) return 0;
  std::vector<Access*> accesses;
  for (Access& access : kernel.accesses) accesses.push_back(&access);
  for (Store& store : kernel.stores) accesses.push_back(&store.access);

  // The same extents for all, axes of one index left out.
  std::vector<std::vector<Axis>> all;
  std::vector<int64_t> bounds;
  for (const Access* access : accesses) {
    std::vector<Axis>& axes = all.emplace_back(axes_of(*access));
    std::erase_if(axes, [](const Axis& axis) { return axis.extent == 1 && !axis.is_bounded(); });
    int64_t product = 1;
    for (const Axis& axis : axes) bounds.push_back(product *= axis.extent);
    if (product != kernel.rows) return 0; // of a space that is not this one
  }
  std::sort(bounds.begin(), bounds.end());
  bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
  for (std::vector<Axis>& axes : all)
    if (!refine(axes, bounds)) return 0;

  size_t across = 0;
  for (size_t i = 0; i < kernel.accesses.size() && across == 0; ++i)
    if (std::abs(all[i][0].stride) > 1)
      for (size_t axis = 1; axis < all[i].size(); ++axis)
        if (std::abs(all[i][axis].stride) == 1) across = axis;
  if (across == 0) return 0;
  for (const std::vector<Axis>& axes : all)
    if (axes[0].is_bounded() || axes[across].is_bounded()) return 0;
  const int64_t height = divisor_up_to(all[0][across].extent, across_side);
  const int64_t width = divisor_up_to(all[0][0].extent, block / height);
  if (height < least_side || width < least_side) return 0;

  for (size_t i = 0; i < all.size(); ++i) {
    std::vector<Axis>& axes = all[i];
    const Axis inner = axes[0], outer = axes[across];
    const auto part = [](int64_t extent, int64_t stride) { return Axis{extent, stride, 0, extent}; };
    // One tile after the other along what is read across, so that it is fetched ahead.
    std::vector<Axis> tiled = {part(width, inner.stride), part(height, outer.stride),
                               part(outer.extent / height, outer.stride * height),
                               part(inner.extent / width, inner.stride * width)};
    for (size_t axis = 1; axis < axes.size(); ++axis)
      if (axis != across) tiled.push_back(axes[axis]);
    *accesses[i] = with_axes(*accesses[i], tiled);
  }
  return width * height;
}

} // namespace adjoint::cpu
