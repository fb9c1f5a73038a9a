// The meaning of an index expression such as [0, 1:, ..., ::2] for a shape.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "device/dims.h"

namespace adjoint {

struct AxisIndex {
  enum class Kind { ellipsis, position, range } kind = Kind::range;
  std::optional<int64_t> start, stop; // a position is its start
  int64_t step = 1;
};

struct Region {
  Dims starts, steps, shape; // one entry an axis of the tensor
  Dims result_shape;         // without the axes at which one position was taken
};

// Positions must lie inside; ranges are clipped, as in Python.
Region resolve(std::string_view op, const Dims& shape, const std::vector<AxisIndex>& indices);

} // namespace adjoint
