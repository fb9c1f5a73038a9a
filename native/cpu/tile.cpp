#include "cpu/tile.h"

#include <algorithm>
#include <optional>

#include "cpu/access.h"
#include "ops/op.h"

namespace adjoint::cpu {

namespace {

// With fewer rows everything stays in the first-level cache anyway.
constexpr int64_t least_rows = 4096;
// A line of a cache is 16 floats, and pieces of two lines of the array that is read across are fetched
// better: copying a transposed matrix of 4096 x 4096 takes 2.5 ns an element in tiles of 32 x 16, 3.0 in 16 x
// 32, and 9 without tiles.
constexpr int64_t least_side = 8;
constexpr int64_t across_side = 32;

// Cuts axes at the products of extents that `bounds` lists, in ascending order.
bool refine(std::vector<WalkAxis>& axes, const std::vector<int64_t>& bounds) {
  std::vector<WalkAxis> result; // the fastest first
  size_t next = 0;
  int64_t begin = 1;
  for (size_t i = axes.size(); i-- > 0;) {
    const WalkAxis& axis = axes[i];
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
  axes.assign(result.rbegin(), result.rend());
  return true;
}

int64_t divisor_up_to(int64_t n, int64_t most) {
  int64_t divisor = std::min(n, most);
  while (n % divisor != 0) --divisor;
  return divisor;
}

Access with_axes(Access access, const std::vector<WalkAxis>& axes) {
  access.extents.resize(axes.size());
  access.strides.resize(axes.size());
  access.first.resize(axes.size());
  access.last.resize(axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    const WalkAxis& axis = axes[i];
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

  // All walks get the same extents.
  std::vector<std::vector<WalkAxis>> all;
  std::vector<int64_t> bounds;
  for (const Access* access : accesses) {
    const std::vector<WalkAxis>& axes = all.emplace_back(Walk(*access).axes);
    int64_t product = 1;
    for (size_t i = axes.size(); i-- > 0;) bounds.push_back(product *= axes[i].extent);
    if (product != kernel.rows) return 0; // of a space that is not this one
  }
  std::sort(bounds.begin(), bounds.end());
  bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
  for (std::vector<WalkAxis>& axes : all)
    if (!refine(axes, bounds)) return 0;

  const size_t along = all[0].size() - 1;
  size_t across = along;
  for (size_t i = 0; i < kernel.accesses.size() && across == along; ++i)
    if (std::abs(all[i][along].stride) > 1)
      for (size_t axis = along; axis-- > 0;)
        if (std::abs(all[i][axis].stride) == 1) across = axis;
  if (across == along) return 0;
  for (const std::vector<WalkAxis>& axes : all)
    if (axes[along].is_bounded() || axes[across].is_bounded()) return 0;
  const int64_t height = divisor_up_to(all[0][across].extent, across_side);
  const int64_t width = divisor_up_to(all[0][along].extent, block / height);
  if (height < least_side || width < least_side) return 0;

  for (size_t i = 0; i < all.size(); ++i) {
    std::vector<WalkAxis>& axes = all[i];
    const WalkAxis inner = axes[along], outer = axes[across];
    const auto add = [&](int64_t extent, int64_t stride) { axes.push_back({extent, stride, 0, extent}); };
    axes.pop_back();
    axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(across));
    // Tiles follow each other along the array that is read across, so that it is fetched ahead.
    add(inner.extent / width, inner.stride * width);
    add(outer.extent / height, outer.stride * height);
    add(height, outer.stride);
    add(width, inner.stride);
    *accesses[i] = with_axes(*accesses[i], axes);
  }
  return width * height;
}

} // namespace adjoint::cpu
