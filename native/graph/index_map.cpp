#include "graph/index_map.h"

#include <algorithm>

namespace adjoint {

IndexMap IndexMap::identity(const Dims& shape, const Dims& reduced_axes) {
  IndexMap map;
  map.axes.resize(shape.size());
  for (const bool goes : {false, true}) {
    for (size_t i = 0; i < shape.size(); ++i) {
      // An axis of extent one is no axis of the space, so that it cannot stand between axes that merge.
      if (reduced_axes.contains(static_cast<int64_t>(i)) != goes || shape[i] == 1) continue;
      map.axes[i].source = static_cast<int32_t>(map.extents.size());
      map.extents.push_back(shape[i]);
    }
    if (!goes) map.row_axes = map.extents.size();
  }
  return map;
}

IndexMap IndexMap::of_rows(const Dims& kept_shape) const {
  IndexMap map = *this;
  map.axes.assign(kept_shape.size(), {});
  int32_t source = 0;
  for (size_t i = 0; i < kept_shape.size(); ++i)
    if (kept_shape[i] != 1) map.axes[i].source = source++;
  return map;
}

bool IndexMap::is_row_level() const {
  if (has_lost_rows) return false;
  for (const AxisMap& axis : axes)
    if (axis.source >= static_cast<int32_t>(row_axes)) return false;
  for (size_t i = row_axes; i < first.size(); ++i)
    if (first[i] > 0 || last[i] < extents[i]) return false;
  return true;
}

IndexMap IndexMap::through_broadcast(const Dims& from, const Dims& to) const {
  IndexMap map = *this;
  const size_t added = to.size() - from.size();
  map.axes.erase(map.axes.begin(), map.axes.begin() + static_cast<int64_t>(added));
  for (size_t i = 0; i < from.size(); ++i)
    if (from[i] == 1) map.axes[i] = {};
  return map;
}

IndexMap IndexMap::through_permute(const Dims& order) const {
  IndexMap map = *this;
  for (size_t i = 0; i < order.size(); ++i) map.axes[static_cast<size_t>(order[i])] = axes[i];
  return map;
}

IndexMap IndexMap::through_slice(const Dims& starts, const Dims& steps) const {
  IndexMap map = *this;
  for (size_t i = 0; i < starts.size(); ++i) {
    map.axes[i].start = starts[i] + steps[i] * axes[i].start;
    map.axes[i].step = steps[i] * axes[i].step;
  }
  return map;
}

namespace {

// The axes of a space, to be split and merged; the map's own axes refer to them by number.
class Respacing {
 public:
  explicit Respacing(const IndexMap& map) : map_(map) {}

  // Whether this axis of the value is one whole axis of the space, walked in order.
  bool is_whole(const IndexMap::AxisMap& axis, int64_t extent) const {
    if (axis.source < 0 || axis.start != 0 || axis.step != 1) return false;
    const auto i = static_cast<size_t>(axis.source);
    return map_.extents[i] == extent &&
           (map_.first.empty() || (map_.first[i] == 0 && map_.last[i] == extent));
  }

  // Replaces axes [first, first + count) of the space by axes of these extents.
  void replace(size_t first, size_t count, const Dims& extents) {
    IndexMap next = map_;
    const auto splice = [&](Dims& dims, int64_t fill, bool fills) {
      Dims result;
      for (size_t i = 0; i < first; ++i) result.push_back(dims[i]);
      for (int64_t extent : extents) result.push_back(fills ? fill : extent);
      for (size_t i = first + count; i < map_.extents.size(); ++i) result.push_back(dims[i]);
      dims = result;
    };
    if (!next.first.empty()) {
      splice(next.first, 0, true);
      splice(next.last, 0, false);
    }
    splice(next.extents, 0, false);
    const auto shift = static_cast<int32_t>(extents.size()) - static_cast<int32_t>(count);
    for (IndexMap::AxisMap& axis : next.axes)
      if (axis.source >= static_cast<int32_t>(first + count)) axis.source += shift;
    if (next.row_axes >= first + count)
      next.row_axes = static_cast<size_t>(static_cast<int64_t>(next.row_axes) + shift);
    else if (next.row_axes > first)
      next.has_lost_rows = true;
    map_ = next;
  }

  IndexMap& map() { return map_; }

 private:
  IndexMap map_;
};

} // namespace

std::optional<IndexMap> IndexMap::through_reshape(const Dims& from, const Dims& to) const {
  Respacing space(*this);
  std::vector<AxisMap> result(from.size());
  // The numbers of axes change while they are split and merged, so the result is kept among the map's own
  // axes.
  size_t i = 0, j = 0;
  const auto is_one = [](const Dims& dims, size_t k) { return k < dims.size() && dims[k] == 1; };
  std::vector<std::pair<size_t, AxisMap>> placed; // axis of `from`, its map
  for (;;) {
    while (is_one(from, i)) ++i;
    while (is_one(to, j)) ++j;
    if (i == from.size() || j == to.size()) break;
    // Groups of axes whose extents multiply to the same number correspond.
    size_t i_end = i + 1, j_end = j + 1;
    int64_t from_count = from[i], to_count = to[j];
    while (from_count != to_count) {
      if (from_count < to_count)
        from_count *= from[i_end++];
      else
        to_count *= to[j_end++];
    }
    const bool is_same = i_end == i + 1 && j_end == j + 1;
    if (is_same) {
      placed.emplace_back(i, space.map().axes[j]);
    } else {
      // Only whole axes that lie beside each other can be merged and split.
      int32_t next_source = -1;
      size_t first = 0, count = 0;
      for (size_t k = j; k < j_end; ++k) {
        if (to[k] == 1) continue;
        const AxisMap& axis = space.map().axes[k];
        if (!space.is_whole(axis, to[k]) || (count > 0 && axis.source != next_source)) return std::nullopt;
        if (count++ == 0) first = static_cast<size_t>(axis.source);
        next_source = axis.source + 1;
      }
      Dims extents;
      for (size_t k = i; k < i_end; ++k)
        if (from[k] != 1) extents.push_back(from[k]);
      const auto shift = static_cast<int32_t>(extents.size()) - static_cast<int32_t>(count);
      space.replace(first, count, extents);
      for (auto& [axis, map] : placed)
        if (map.source >= static_cast<int32_t>(first + count)) map.source += shift;
      auto source = static_cast<int32_t>(first);
      for (size_t k = i; k < i_end; ++k)
        if (from[k] != 1) placed.emplace_back(k, AxisMap{.source = source++});
    }
    i = i_end;
    j = j_end;
  }
  for (const auto& [axis, map] : placed) result[axis] = map;
  IndexMap map = space.map();
  map.axes = result;
  return map;
}

IndexMap IndexMap::through_splice(const Dims& starts, const Dims& steps, const Dims& part) const {
  IndexMap map = *this;
  if (map.first.empty()) {
    map.first = Dims(extents.size(), 0);
    map.last = extents;
  }
  for (size_t i = 0; i < starts.size(); ++i) {
    AxisMap& axis = map.axes[i];
    axis.start = (axis.start - starts[i]) * steps[i];
    axis.step *= steps[i];
    // Indices k with 0 <= start + step * k < part.
    int64_t low = 0, high = 0;
    if (axis.source < 0) {
      if (axis.start >= 0 && axis.start < part[i]) continue;
      map.is_nowhere = true;
      continue;
    }
    const auto ceil_div = [](int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); };
    if (axis.step > 0) {
      low = ceil_div(-axis.start, axis.step);
      high = ceil_div(part[i] - axis.start, axis.step);
    } else {
      low = ceil_div(axis.start - part[i] + 1, -axis.step);
      high = ceil_div(axis.start + 1, -axis.step);
    }
    const auto k = static_cast<size_t>(axis.source);
    map.first[k] = std::max(map.first[k], low);
    map.last[k] = std::max(map.first[k], std::min(map.last[k], high));
  }
  return map;
}

bool IndexMap::is_everywhere() const {
  if (is_nowhere) return false;
  for (size_t i = 0; i < first.size(); ++i)
    if (first[i] > 0 || last[i] < extents[i]) return false;
  return true;
}

bool IndexMap::is_empty() const {
  if (is_nowhere) return true;
  // A space without columns still has rows, of which a value may be asked for.
  for (size_t i = 0; i < first.size(); ++i)
    if (first[i] >= last[i] && extents[i] > 0) return true;
  return false;
}

Access IndexMap::bounds(bool over_rows) const {
  const size_t count = over_rows ? row_axes : extents.size();
  const auto part = [&](const Dims& dims) {
    Dims result = dims;
    if (!result.empty()) result.resize(count);
    return result;
  };
  Access access;
  access.extents = part(extents);
  access.strides = Dims(count, 0);
  access.first = part(first);
  access.last = part(last);
  return access;
}

Access IndexMap::access(const Dims& shape, bool over_rows) const {
  Access access = bounds(over_rows);
  const Dims strides = row_major_strides(shape);
  for (size_t i = 0; i < axes.size(); ++i) {
    access.offset += axes[i].start * strides[i];
    if (axes[i].source >= 0) access.strides[static_cast<size_t>(axes[i].source)] += axes[i].step * strides[i];
  }
  return access;
}

} // namespace adjoint
