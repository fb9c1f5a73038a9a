// Ops made of slices, splices and reshapes: those that gradients use, or that throw PyTorch's sentences about
// shapes. All other compositions are in lib/functional/.
#include <numeric>

#include "graph/numbers.h"
#include "graph/record.h"

namespace adjoint {

namespace {

Dims with_axis(const Dims& shape, size_t axis) {
  Dims result;
  for (size_t i = 0; i <= shape.size(); ++i) {
    if (i == axis) result.push_back(1);
    if (i < shape.size()) result.push_back(shape[i]);
  }
  return result;
}

// The value, broadcast to the shape of the slice that it replaces; it may have extra dimensions of size 1 in
// front.
Value fitted(Value part, const Dims& wanted) {
  const Dims given = part.shape();
  const size_t surplus = given.size() - std::min(given.size(), wanted.size());
  Dims rest;
  bool fits = true;
  for (size_t i = 0; i < given.size(); ++i) {
    if (i >= surplus) rest.push_back(given[i]);
    fits &= given[i] == 1 || (i >= surplus && given[i] == wanted[i + wanted.size() - given.size()]);
  }
  if (!fits)
    throw shape_error("set",
                      "shape mismatch: value tensor of shape " + to_string(given) +
                          " cannot be broadcast to indexing result of shape " + to_string(wanted) + "; set",
                      {given, wanted});
  if (surplus > 0) part = reshape(part, rest);
  return expand(part, wanted);
}

} // namespace

Value flatten(const Value& input, int64_t first_axis, int64_t last_axis) {
  const Dims& shape = input.shape();
  const int64_t first = normalize_axis("flatten", first_axis, shape.size());
  const int64_t last = normalize_axis("flatten", last_axis, shape.size());
  if (first > last)
    throw Error(ErrorClass::range_error, "ERR_DIM",
                "flatten() has invalid args: start_dim cannot come after end_dim", "flatten");
  Dims flat;
  for (size_t i = 0; i < shape.size(); ++i) {
    const auto axis = static_cast<int64_t>(i);
    if (axis > first && axis <= last)
      flat[flat.size() - 1] *= shape[i];
    else
      flat.push_back(shape[i]);
  }
  if (shape.empty()) flat.push_back(1);
  return reshape(input, flat);
}

Value unsqueeze(const Value& input, int64_t axis) {
  const Dims& shape = input.shape();
  const auto own = static_cast<size_t>(normalize_axis("unsqueeze", axis, shape.size() + 1));
  return named(reshape(input, with_axis(shape, own)), "Unsqueeze");
}

Value squeeze(const Value& input, Dims axes) {
  const bool is_full = axes.empty();
  for (int64_t& axis : axes) axis = normalize_axis("squeeze", axis, input.shape().size());
  Dims shape;
  for (size_t i = 0; i < input.shape().size(); ++i)
    if (input.shape()[i] != 1 || (!is_full && !axes.contains(static_cast<int64_t>(i))))
      shape.push_back(input.shape()[i]);
  return named(reshape(input, shape), "Squeeze");
}

Value transpose(const Value& input, int64_t axis0, int64_t axis1) {
  const size_t rank = input.shape().size();
  const auto a = static_cast<size_t>(normalize_axis("transpose", axis0, rank));
  const auto b = static_cast<size_t>(normalize_axis("transpose", axis1, rank));
  Dims order(rank);
  std::iota(order.begin(), order.end(), 0);
  if (rank > 0) std::swap(order[a], order[b]);
  return named(permute(input, order), "Transpose");
}

Value flip(const Value& input, const Dims& axes) {
  const size_t rank = input.shape().size();
  Dims starts(rank, 0), steps(rank, 1);
  Dims seen;
  for (int64_t axis : axes) {
    const int64_t own = normalize_axis("flip", axis, rank);
    if (seen.contains(own))
      throw Error(ErrorClass::range_error, "ERR_DIM",
                  "flip: dim " + std::to_string(axis) + " appears multiple times in the list of dims",
                  "flip");
    seen.push_back(own);
    if (rank == 0) continue;
    const auto i = static_cast<size_t>(own);
    starts[i] = std::max<int64_t>(input.shape()[i] - 1, 0);
    steps[i] = -1;
  }
  return named(slice(input, starts, steps, input.shape()), "Flip");
}

Value narrow(const Value& input, int64_t axis, int64_t start, int64_t length) {
  const size_t rank = input.shape().size();
  if (rank == 0)
    throw shape_error("narrow", "narrow() cannot be applied to a 0-dim tensor.", {input.shape()});
  const auto i = static_cast<size_t>(normalize_axis("narrow", axis, rank));
  const int64_t extent = input.shape()[i];
  const int64_t first = start < 0 ? start + extent : start;
  if (length < 0 || first < 0 || first > extent || length > extent - first)
    throw Error(ErrorClass::range_error, "ERR_INDEX",
                "start (" + std::to_string(start) + ") + length (" + std::to_string(length) +
                    ") exceeds dimension size (" + std::to_string(extent) + "); narrow: shape " +
                    to_string(input.shape()) + " along dim " + std::to_string(i),
                "narrow", {input.shape()});
  Dims starts(rank, 0), shape = input.shape();
  starts[i] = first;
  shape[i] = length;
  return slice(input, starts, Dims(rank, 1), shape);
}

Value select(const Value& input, int64_t axis, int64_t index) {
  const size_t rank = input.shape().size();
  if (rank == 0)
    throw shape_error("select", "select() cannot be applied to a 0-dim tensor.", {input.shape()});
  const auto i = static_cast<size_t>(normalize_axis("select", axis, rank));
  const int64_t extent = input.shape()[i];
  if (index < -extent || index >= extent)
    throw Error(ErrorClass::range_error, "ERR_INDEX",
                "select(): index " + std::to_string(index) + " out of range for tensor of size " +
                    to_string(input.shape()) + " at dimension " + std::to_string(i),
                "select", {input.shape()});
  Dims shape;
  for (size_t j = 0; j < rank; ++j)
    if (j != i) shape.push_back(input.shape()[j]);
  return named(reshape(narrow(input, axis, index, 1), shape), "Select");
}

Value at(const Value& input, const std::vector<AxisIndex>& indices) {
  const Region region = resolve("at", input.shape(), indices);
  const Value part = slice(input, region.starts, region.steps, region.shape);
  if (region.shape == region.result_shape) return part;
  return named(reshape(part, region.result_shape), "Select");
}

Value with_part(const Value& base, const std::vector<AxisIndex>& indices, const Value& part) {
  const Region region = resolve("set", base.shape(), indices);
  if (part.node->is_number()) check_fits("set", part.node->number, base.dtype());
  Value fit = part;
  if (!part.shape().empty()) fit = fitted(part, region.result_shape);
  if (!fit.shape().empty() && !(region.shape == region.result_shape)) fit = reshape(fit, region.shape);
  return named(splice(base, fit, region.starts, region.steps, region.shape), "CopySlices");
}

Value assigned(std::string_view op, const Value& value, const Node& target) {
  if (value.node->is_number()) check_fits(op, value.node->number, target.dtype);
  const Value moved = to(transfer(value, target.engine), target.dtype);
  if (moved.shape() == target.shape) return moved;
  broadcast_shapes(op, target.shape, moved.shape());
  return moved.shape().size() <= target.shape.size() ? expand(moved, target.shape) : moved;
}

Value overwritten(const Value& base, const Value& value) {
  const Dims& shape = base.shape();
  return named(splice(base, value, Dims(shape.size(), 0), Dims(shape.size(), 1), shape), "CopySlices");
}

Value concatenate(std::string_view op, std::span<const Value> inputs, int64_t axis) {
  if (inputs.empty())
    throw Error(ErrorClass::range_error, "ERR_VALUE",
                std::string(op) + ": expected a non-empty list of Tensors", std::string(op));
  Engine& engine = inputs[0].node->engine;
  const size_t rank = inputs[0].shape().size();
  if (rank == 0)
    throw shape_error("cat", "zero-dimensional tensors cannot be concatenated; use stack",
                      {inputs[0].shape()});
  const auto along = static_cast<size_t>(normalize_axis(op, axis, rank));
  Dims shape = inputs[0].shape();
  shape[along] = 0;
  DType dtype = inputs[0].dtype();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Dims& own = inputs[i].shape();
    bool fits = own.size() == rank;
    std::string expectation;
    for (size_t j = 0; fits && j < rank; ++j) {
      fits = j == along || own[j] == shape[j];
      if (!fits)
        expectation = "Expected size " + std::to_string(shape[j]) + " but got size " +
                      std::to_string(own[j]) + " for tensor number " + std::to_string(i) + " in the list. ";
    }
    if (!fits)
      throw shape_error(std::string(op),
                        "Sizes of tensors must match except in dimension " + std::to_string(along) + ". " +
                            expectation + std::string(op) + ": tensor 0 has shape " +
                            to_string(inputs[0].shape()) + ", tensor " + std::to_string(i) + " has shape " +
                            to_string(own),
                        {inputs[0].shape(), own});
    shape[along] += own[along];
    dtype = promoted(dtype, inputs[i].dtype());
  }
  check_shape(engine, op, shape, dtype);
  Value result = zeros(engine, shape, dtype);
  Dims starts(rank, 0);
  for (const Value& input : inputs) {
    result = splice(result, joined(op, input, *inputs[0].node), starts, Dims(rank, 1), input.shape(), true);
    starts[along] += input.shape()[along];
  }
  return named(result, "Cat");
}

Value stack(std::span<const Value> inputs, int64_t axis) {
  if (inputs.empty())
    throw Error(ErrorClass::range_error, "ERR_VALUE", "stack expects a non-empty list of Tensors", "stack");
  const Dims& first = inputs[0].shape();
  const auto along = static_cast<size_t>(normalize_axis("stack", axis, first.size() + 1));
  std::vector<Value> raised;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Dims& own = inputs[i].shape();
    if (!(own == first))
      throw shape_error("stack",
                        "stack expects each tensor to be equal size, but got " + to_string(first) +
                            " at entry 0 and " + to_string(own) + " at entry " + std::to_string(i),
                        {first, own});
    raised.push_back(reshape(inputs[i], with_axis(own, along)));
  }
  return named(concatenate("stack", raised, static_cast<int64_t>(along)), "Stack");
}

Value pad(const Value& input, const Dims& widths, Number value) {
  const size_t rank = input.shape().size();
  const bool fits = widths.size() % 2 == 0 && widths.size() / 2 <= rank;
  Dims cropped_starts(rank, 0), cropped = input.shape(), starts(rank, 0), shape = input.shape();
  for (size_t pair = 0; fits && pair < widths.size() / 2; ++pair) {
    const size_t axis = rank - 1 - pair;
    const int64_t before = widths[2 * pair], after = widths[2 * pair + 1];
    if (std::abs(before) > (int64_t{1} << 52) || std::abs(after) > (int64_t{1} << 52))
      throw shape_error("pad", "pad: the widths " + to_string(widths) + " are out of range", {input.shape()});
    cropped_starts[axis] = std::max<int64_t>(-before, 0);
    cropped[axis] += std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0);
    starts[axis] = std::max<int64_t>(before, 0);
    shape[axis] += before + after;
    if (shape[axis] < 0 || cropped[axis] < 0)
      throw shape_error("pad",
                        "pad: the widths " + to_string(widths) + " crop more than shape " +
                            to_string(input.shape()) + " has",
                        {input.shape()});
  }
  if (!fits)
    throw shape_error("pad",
                      "pad: " + std::to_string(widths.size()) + " widths for a tensor of " +
                          std::to_string(rank) +
                          " dimensions; give pairs (before, after), last dimension first",
                      {input.shape()});
  const Value part = cropped == input.shape() ? input : slice(input, cropped_starts, Dims(rank, 1), cropped);
  const Value base = full(input.node->engine, value, shape, input.dtype(), "pad");
  return named(splice(base, part, starts, Dims(rank, 1), cropped), "ConstantPadNd");
}

} // namespace adjoint
