#include "graph/indexing.h"

#include "device/error.h"

namespace adjoint {

namespace {

int64_t clipped(std::optional<int64_t> bound, int64_t extent, int64_t otherwise) {
  if (!bound) return otherwise;
  const int64_t value = *bound < 0 ? *bound + extent : *bound;
  return std::clamp<int64_t>(value, 0, extent);
}

void take(std::string_view op, const Dims& shape, size_t axis, const AxisIndex& index, Region& region) {
  const int64_t extent = shape[axis];
  if (index.kind == AxisIndex::Kind::position) {
    const int64_t position = *index.start;
    if (position < -extent || position >= extent)
      throw Error(ErrorClass::range_error, "ERR_INDEX",
                  "index " + std::to_string(position) + " is out of bounds for dimension " +
                      std::to_string(axis) + " with size " + std::to_string(extent) + "; " + std::string(op) +
                      " on shape " + to_string(shape),
                  std::string(op), {shape});
    region.starts[axis] = position < 0 ? position + extent : position;
    region.shape[axis] = 1;
    return;
  }
  if (index.step <= 0)
    throw Error(ErrorClass::range_error, "ERR_INDEX",
                "step must be greater than zero; use flip to walk backwards", std::string(op));
  const int64_t first = clipped(index.start, extent, 0), last = clipped(index.stop, extent, extent);
  region.starts[axis] = std::min(first, std::max<int64_t>(extent - 1, 0));
  region.steps[axis] = index.step;
  region.shape[axis] = last > first ? (last - first - 1) / index.step + 1 : 0;
  region.result_shape.push_back(region.shape[axis]);
}

} // namespace

Region resolve(std::string_view op, const Dims& shape, const std::vector<AxisIndex>& indices) {
  const size_t rank = shape.size();
  size_t ellipses = 0;
  for (const AxisIndex& index : indices) ellipses += index.kind == AxisIndex::Kind::ellipsis;
  if (ellipses > 1)
    throw Error(ErrorClass::range_error, "ERR_INDEX", "an index can only have a single ellipsis ('...')",
                std::string(op));
  if (indices.size() - ellipses > rank)
    throw Error(ErrorClass::range_error, "ERR_INDEX",
                "too many indices for tensor of dimension " + std::to_string(rank) + "; " + std::string(op) +
                    " with " + std::to_string(indices.size()) + " on shape " + to_string(shape),
                std::string(op), {shape});
  Region region{Dims(rank, 0), Dims(rank, 1), shape, {}};
  size_t axis = 0;
  const auto skip = [&](size_t count) {
    for (; count > 0; --count) region.result_shape.push_back(shape[axis++]);
  };
  for (const AxisIndex& index : indices) {
    if (index.kind == AxisIndex::Kind::ellipsis)
      skip(rank - (indices.size() - 1));
    else
      take(op, shape, axis++, index, region);
  }
  skip(rank - axis);
  return region;
}

} // namespace adjoint
