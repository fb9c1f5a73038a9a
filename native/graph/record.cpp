// What users record, except routines. In come values and arguments; out goes a value whose node is pending.
// Every function works alike: it checks its arguments, finds dtype and shape of the result, and calls
// `record` (recording.h), which makes the node and its history. Read `elementwise` first.
//
// In this order: what they all need (devices, shapes, axes, promotion), values without inputs, elementwise
// ops, transfers between devices, powers, reductions, casts, views and splices.
#include "graph/record.h"

#include <bit>
#include <numeric>

#include "graph/batches.h"
#include "graph/numbers.h"
#include "graph/recording.h"
#include "ops/arithmetic.h"

namespace adjoint {

namespace {

std::string text(std::string_view name) { return std::string(name); }

// A row evaluated on numbers alone stays a number.
Value fold(Engine& engine, Op op, std::span<const Value> inputs) {
  using T = double;
  double values[3] = {};
  for (size_t i = 0; i < inputs.size(); ++i) values[i] = inputs[i].node->number.as_double();
  [[maybe_unused]] const auto [a, b, c] = values;
  double result = 0;
  switch (op) {
#define UNARY(name, label, dtypes, cost, lo, hi, value, ...)                                                 \
  case Op::name:                                                                                             \
    result = static_cast<double>(value);                                                                     \
    break;
#define BINARY UNARY
#define TERNARY UNARY
#include "ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
  default:
    throw internal_error(text(info(op).name) + " has no value of numbers", text(info(op).name));
  }
  if (info(op).dtypes == Dtypes::truth) return number(engine, Number::of_boolean(result != 0));
  bool is_whole = info(op).dtypes != Dtypes::floating;
  for (const Value& input : inputs) is_whole &= !is_floating(input.dtype());
  return number(engine, is_whole ? Number::of_integer(static_cast<int64_t>(result)) : Number(result));
}

// Numbers, and 0-d tensors of the host, go along with tensors of any device, as in PyTorch.
bool is_portable(const Node& node) {
  return node.is_number() || (node.shape.empty() && node.engine.device->is_host());
}

std::vector<Value> on_one_device(std::string_view op, std::span<const Value> inputs) {
  Engine* target = nullptr;
  for (const Value& input : inputs) {
    if (is_portable(*input.node)) continue;
    if (target && target != &input.node->engine) throw device_error(op, *target, input.node->engine);
    target = &input.node->engine;
  }
  std::vector<Value> moved;
  for (const Value& input : inputs) moved.push_back(transfer(input, *target));
  return moved;
}

Shape broadcast_shape(std::string_view op, std::span<const Value> inputs) {
  Shape shape = inputs[0].node->shape;
  for (const Value& input : inputs.subspan(1)) {
    const Shape& own = input.node->shape;
    if (!(own == shape)) shape = shape.empty() ? own : Shape(broadcast_shapes(op, shape, own));
  }
  return shape;
}

bool takes_integers_alone(const OpInfo& op) {
  return op.dtypes == Dtypes::whole || op.dtypes == Dtypes::integral;
}

DType compute_dtype(const Engine& engine, const OpInfo& op, std::span<const Value> inputs) {
  const DType dtype = promoted_dtype(engine, op.dtypes == Dtypes::select ? inputs.subspan(1) : inputs);
  if (op.dtypes == Dtypes::floating && !is_floating(dtype)) return engine.session.default_dtype;
  if (op.dtypes == Dtypes::numeric && dtype == DType::boolean)
    throw dtype_error(text(op.name),
                      text(op.name) + ": not defined for bool tensors; convert with .to(\"int64\") first");
  if (takes_integers_alone(op) &&
      (is_floating(dtype) || (op.dtypes == Dtypes::integral && dtype == DType::boolean)))
    throw dtype_error(text(op.name), '"' + snake_case(op.name) + "_cpu\" not implemented for '" +
                                         std::string(info(dtype).word) + "'; " + text(op.name) +
                                         ": convert with .to(\"int64\") first");
  return dtype;
}

} // namespace

std::string snake_case(std::string_view name) {
  std::string words;
  for (char letter : name) {
    const bool is_upper = letter >= 'A' && letter <= 'Z';
    if (is_upper) words += '_';
    words += is_upper ? static_cast<char>(letter - 'A' + 'a') : letter;
  }
  return words;
}

Error device_error(std::string_view op, const Engine& a, const Engine& b) {
  const std::string name = text(op), one = a.device->name(), other = b.device->name();
  return {ErrorClass::type_error, "ERR_DEVICE",
          "Expected all tensors to be on the same device, but found at least two devices, " + one + " and " +
              other + "!; " + name + ": move one of them, as in x.to(\"" + one + "\")",
          name};
}

void check_shape(Engine& engine, std::string_view op, const Dims& shape, DType dtype) {
  if (shape.size() > max_rank)
    throw shape_error(text(op), text(op) + ": " + std::to_string(shape.size()) + " dimensions, but at most " +
                                    std::to_string(max_rank) + " are possible");
  for (int64_t extent : shape)
    if (extent < 0)
      throw shape_error(text(op), text(op) + ": shape " + to_string(shape) + " has a negative dimension",
                        {shape});
  const int64_t product = product_of_sizes(shape);
  const bool is_empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  const int64_t most_bytes =
      is_empty ? most_countable : std::min(engine.device->total_bytes(), most_countable);
  if (product > most_bytes / bytes_of(dtype))
    throw shape_error(text(op),
                      text(op) + ": a " + std::string(info(dtype).label) + " tensor of shape " +
                          to_string(shape) + " needs more memory than " +
                          (engine.device->is_host() ? "this machine" : engine.device->name()) + " has (" +
                          std::to_string(engine.device->total_bytes() >> 20) + " MiB)",
                      {shape});
}

int64_t normalize_axis(std::string_view op, int64_t axis, size_t rank) {
  const auto extent = static_cast<int64_t>(std::max<size_t>(rank, 1));
  if (axis < -extent || axis >= extent)
    throw Error(ErrorClass::range_error, "ERR_DIM",
                "Dimension out of range (expected to be in range of [" + std::to_string(-extent) + ", " +
                    std::to_string(extent - 1) + "], but got " + std::to_string(axis) + "); " + text(op) +
                    " on a tensor of " + std::to_string(rank) + " dimensions",
                text(op));
  return axis < 0 ? axis + extent : axis;
}

Dims normalize_axes(std::string_view op, Dims axes, size_t rank) {
  if (axes.empty())
    for (size_t i = 0; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  for (int64_t& axis : axes) axis = normalize_axis(op, axis, rank);
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    throw Error(ErrorClass::range_error, "ERR_DIM",
                text(op) + ": a dimension appears twice in " + to_string(axes), text(op));
  // On a 0-d tensor the axes 0 and -1 are allowed, and mean nothing.
  return rank == 0 ? Dims() : axes;
}

Dims broadcast_shapes(std::string_view op, const Dims& a, const Dims& b) {
  const size_t rank = std::max(a.size(), b.size());
  Dims shape(rank);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t x = i + a.size() < rank ? 1 : a[i + a.size() - rank];
    const int64_t y = i + b.size() < rank ? 1 : b[i + b.size() - rank];
    if (x != y && x != 1 && y != 1)
      throw shape_error(text(op),
                        "The size of tensor a (" + std::to_string(x) + ") must match the size of tensor b (" +
                            std::to_string(y) + ") at non-singleton dimension " + std::to_string(i) + "; " +
                            text(op) + ": shapes " + to_string(a) + " and " + to_string(b) +
                            " do not broadcast",
                        {a, b});
    shape[i] = x == 1 ? y : x;
  }
  return shape;
}

DType promoted_dtype(const Engine& engine, std::span<const Value> values) {
  // The strongest kind of operand first: tensors with axes, 0-d tensors, numbers.
  DType dtypes[3];
  bool present[3] = {};
  for (const Value& value : values) {
    const size_t tier = value.node->is_number() ? 2 : value.shape().empty() ? 1 : 0;
    dtypes[tier] = present[tier] ? promoted(dtypes[tier], value.dtype()) : value.dtype();
    present[tier] = true;
  }
  if (present[2] && is_floating(dtypes[2])) dtypes[2] = engine.session.default_dtype;
  DType result = DType::boolean;
  bool has_result = false;
  for (size_t tier = 0; tier < 3; ++tier) {
    if (!present[tier]) continue;
    if (!has_result || category(dtypes[tier]) > category(result)) result = dtypes[tier];
    has_result = true;
  }
  return result;
}

Value number(Engine& engine, Number value) {
  Ref<Node> node = new Node(engine, Op::number, value.dtype, {});
  node->number = value;
  return {std::move(node), {}};
}

Value literal(Engine& engine, double value) {
  constexpr size_t most_literals = 32;
  for (const auto& [known, node] : engine.literals)
    if (std::bit_cast<uint64_t>(known) == std::bit_cast<uint64_t>(value)) return {node, {}};
  const Value made = number(engine, value);
  if (engine.literals.size() < most_literals) engine.literals.emplace_back(value, made.node);
  return made;
}

Value full(Engine& engine, Number value, const Shape& shape, DType dtype, std::string_view op) {
  check_shape(engine, op, shape, dtype);
  check_fits(op, value, dtype);
  Value scalar = to(number(engine, value), dtype);
  if (shape.empty()) return scalar;
  return record(engine, Op::expand, dtype, shape, std::span(&scalar, 1));
}

Value zeros(Engine& engine, const Shape& shape, DType dtype) {
  return full(engine, Number::of_integer(0), shape, dtype);
}

Value from_buffer(Engine& engine, Ref<Buffer> buffer, const Dims& shape, DType dtype) {
  Ref<Node> node = new Node(engine, Op::stored, dtype, shape);
  node->buffer = std::move(buffer);
  return {node, {}};
}

Value position(Engine& engine, const Shape& shape, DType dtype) {
  return record(engine, Op::position, dtype, shape, {});
}

Value arange(Engine& engine, const Shape& shape, DType dtype, const Number& start, const Number& step) {
  check_shape(engine, "arange", shape, dtype);
  const auto is = [&](const Number& number, int64_t value) {
    return is_floating(dtype) ? number.as_double() == static_cast<double>(value)
                              : number.as<int64_t>() == value;
  };
  if (is(start, 0) && is(step, 1)) return position(engine, shape, dtype);
  const DType exact = is_floating(dtype) ? DType::float64 : DType::int64;
  const Value distance[] = {position(engine, shape, exact), number(engine, step)};
  const Value sum[] = {number(engine, start), record(engine, Op::mul, exact, shape, distance)};
  return to(record(engine, Op::add, exact, shape, sum), dtype);
}

Value linspace(Engine& engine, const Shape& shape, DType dtype, const Number& start, const Number& end,
               const Number& step) {
  check_shape(engine, "linspace", shape, dtype);
  const auto apply = [&](Op op, const Value& a, const Value& b, DType result = DType::float64) {
    const Value inputs[] = {a, b};
    return record(engine, op, result, shape, inputs);
  };
  // Counts from both ends, so that the last element is the end exactly.
  const Value before = position(engine, shape, DType::float64), after = flip(before, {0});
  const Value by = number(engine, step);
  const Value halves[] = {apply(Op::lt, before, after, DType::boolean),
                          apply(Op::add, number(engine, start), apply(Op::mul, before, by)),
                          apply(Op::sub, number(engine, end), apply(Op::mul, after, by))};
  return to(record(engine, Op::where, DType::float64, shape, halves), dtype);
}

Value eye(Engine& engine, const Shape& shape, DType dtype) {
  check_shape(engine, "eye", shape, dtype);
  const Dims rows = {shape[0]}, columns = {shape[1]};
  const Value both[] = {reshape(position(engine, rows, DType::int64), {shape[0], 1}),
                        position(engine, columns, DType::int64)};
  return to(record(engine, Op::eq, DType::boolean, shape, both), dtype);
}

// A comparison of a tensor of integers with a number; none where that is as exact in any other way.
Value exact_comparison(Op op, std::span<const Value> inputs) {
  const bool number_is_first = inputs[0].node->is_number();
  const Value &scalar = inputs[number_is_first ? 0 : 1], &integers = inputs[number_is_first ? 1 : 0];
  if (!scalar.node->is_number() || integers.node->is_number()) return {};
  const std::optional<Comparison> comparison =
      comparison_with(op, integers.dtype(), scalar.node->number, number_is_first);
  if (!comparison) return {};
  Engine& engine = integers.node->engine;
  if (comparison->answer)
    return full(engine, Number::of_boolean(*comparison->answer), integers.shape(), DType::boolean);
  const Value bound = number(engine, comparison->bound);
  const Value both[] = {number_is_first ? bound : integers, number_is_first ? integers : bound};
  return record(engine, op, DType::boolean, integers.shape(), both);
}

// What PyTorch makes of bool where the rows say nothing: squares are whole numbers, and there are no differences.
Value of_boolean(Op op, std::span<const Value> inputs) {
  const bool is_boolean = std::any_of(inputs.begin(), inputs.end(), [](const Value& input) {
    return !input.node->is_number() && input.dtype() == DType::boolean;
  });
  if (!is_boolean) return {};
  if (op == Op::square) {
    const Value integers = to(inputs[0], DType::int64);
    return elementwise(op, std::span(&integers, 1));
  }
  if (op != Op::sub) return {};
  throw dtype_error(
      "sub", "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
             "invert a mask, use the `~` or `logical_not()` operator instead.; sub: use logicalNot(), or "
             "convert with .to(\"int64\")");
}

Value elementwise(Op op, std::span<const Value> inputs) {
  if (has_batch(inputs)) return batches::elementwise(op, inputs);
  const OpInfo& row = info(op);
  // The usual case, which needs no promotion and no broadcast: numbers, and floating tensors of one dtype and
  // shape.
  const Node* model = nullptr;
  bool is_usual = !gives_elements(op) && !takes_integers_alone(row), is_of_one_device = true;
  for (const Value& input : inputs) {
    const Node& node = *input.node;
    if (node.is_number()) continue;
    if (!model) model = &node;
    is_usual &= is_floating(node.dtype) && node.dtype == model->dtype && node.shape == model->shape;
    is_of_one_device &= &node.engine == &model->engine;
  }
  if (!model) return fold(inputs[0].node->engine, op, inputs);
  if (!is_of_one_device) return elementwise(op, on_one_device(row.name, inputs));
  Engine& engine = model->engine;
  if (is_usual)
    return record(engine, op, row.dtypes == Dtypes::truth ? DType::boolean : model->dtype, model->shape,
                  inputs);

  if (Value made = of_boolean(op, inputs)) return made;
  if (row.dtypes == Dtypes::truth && inputs.size() == 2)
    if (Value compared = exact_comparison(op, inputs)) return compared;
  const Shape shape = broadcast_shape(row.name, inputs);
  const DType dtype = compute_dtype(engine, row, inputs);
  check_shape(engine, row.name, shape, dtype);

  const size_t first = row.dtypes == Dtypes::select ? 1 : 0;
  if (first == 1 && inputs[0].dtype() != DType::boolean)
    throw dtype_error("where",
                      "where expected condition to be a boolean tensor, but got a tensor with dtype " +
                          std::string(info(inputs[0].dtype()).word) + "; compare first, as in x.gt(0)");
  if (first == 1 && inputs[0].node->is_number()) {
    const Value chosen = to(inputs[inputs[0].node->number.integer ? 1 : 2], dtype);
    return chosen.shape() == shape ? chosen : expand(chosen, shape);
  }
  std::array<Value, 3> operands;
  std::copy(inputs.begin(), inputs.end(), operands.begin());
  for (size_t i = first; i < inputs.size(); ++i) {
    if (!operands[i].node->is_number()) {
      operands[i] = to(operands[i], dtype);
    } else if (!is_floating(dtype) || gives_elements(op)) {
      const Number& given = operands[i].node->number;
      const Number fitted = fitted_number(row, given, dtype);
      if (fitted.dtype != given.dtype || fitted.integer != given.integer)
        operands[i] = number(engine, fitted);
    }
  }
  return record(engine, op, row.dtypes == Dtypes::truth ? DType::boolean : dtype, shape,
                std::span(operands.data(), inputs.size()));
}

Value joined(std::string_view op, const Value& value, const Node& other) {
  if (&value.node->engine == &other.engine || value.node->is_number()) return value;
  if (!is_portable(*value.node)) throw device_error(op, other.engine, value.node->engine);
  return transfer(value, other.engine);
}

Value transfer(const Value& input, Engine& target) {
  if (input.batch) return batches::transfer(input, target);
  Node& node = *input.node;
  Engine& source = node.engine;
  if (&source == &target || node.is_number()) return input;
  source.compute(input.node);
  source.wait();
  const int64_t bytes = node.bytes();
  Ref<Buffer> copy;
  if (source.device->is_host()) {
    copy = target.upload(node.buffer->data, bytes);
  } else {
    std::vector<std::byte> staged(static_cast<size_t>(bytes));
    source.device->download(staged.data(), *node.buffer, bytes);
    copy = target.upload(staged.data(), bytes);
  }
  Ref<Attributes> attributes = new Attributes;
  attributes->origin = &source;
  Ref<Node> result = new Node(target, Op::transfer, node.dtype, node.shape);
  result->buffer = std::move(copy);
  return attach(std::move(result), Op::transfer, std::span(&input, 1), attributes);
}

Value power(const Value& base, const Value& exponent) {
  const Value both[] = {base, exponent};
  if (base.node->is_number() || !exponent.node->is_number())
    return named(elementwise(Op::pow, both), "Pow", '1');
  const Number& p = exponent.node->number;
  const double value = p.as_double();
  if (!is_floating(base.dtype()) && p.dtype == DType::int64 && value < 0)
    throw Error(ErrorClass::range_error, "ERR_VALUE",
                "Integers to negative integer powers are not allowed.; convert with .to(\"float32\") first",
                "pow");
  const auto apply = [&](Op op) { return named(elementwise(op, std::span(&base, 1)), "Pow"); };
  if (base.dtype() != DType::boolean && (is_floating(base.dtype()) || p.dtype == DType::int64)) {
    if (value == 1) return apply(Op::clone);
    if (value == 2) return apply(Op::square);
    if (value == 3) {
      const Value factors[] = {apply(Op::square), base};
      return named(elementwise(Op::mul, factors), "Pow");
    }
  }
  if (value == -1) return apply(Op::reciprocal);
  if (value == 0.5) return apply(Op::sqrt);
  return elementwise(Op::pow, both);
}

Value reduce(Op op, const Value& input, Dims axes, bool keepdim) {
  if (input.batch) return batches::reduce(op, input, axes, keepdim);
  Engine& engine = input.node->engine;
  const OpInfo& row = info(op);
  const size_t rank = input.shape().size();
  const bool is_full = axes.empty();
  axes = normalize_axes(row.name, std::move(axes), rank);

  Value source = input;
  DType dtype = input.dtype();
  if (row.dtypes == Dtypes::mean && !is_floating(dtype))
    throw dtype_error("mean",
                      "mean(): could not infer output dtype. Input dtype must be either a floating point or "
                      "complex dtype. Got: " +
                          std::string(info(dtype).word) + "; convert with .to(\"float32\") first");
  if (row.dtypes == Dtypes::total && !is_floating(dtype)) source = to(input, dtype = DType::int64);
  Dims shape;
  for (size_t i = 0; i < rank; ++i) {
    const bool goes = axes.contains(static_cast<int64_t>(i));
    if (goes && input.shape()[i] == 0 && !row.has_empty_value)
      throw shape_error(text(row.name),
                        text(row.name) + "(): Expected reduction dim " +
                            (is_full ? "to be specified for input.numel() == 0. Specify the reduction dim "
                                       "with the 'dim' argument."
                                     : std::to_string(i) + " to have non-zero size.") +
                            " The shape is " + to_string(input.shape()),
                        {input.shape()});
    if (!goes)
      shape.push_back(input.shape()[i]);
    else if (keepdim)
      shape.push_back(1);
  }
  check_shape(engine, row.name, shape, dtype); // a reduction of an empty tensor may be large
  Ref<Attributes> attributes = new Attributes;
  attributes->axes = std::move(axes);
  const Value result = record(engine, op, row.dtypes == Dtypes::truth ? DType::boolean : dtype, shape,
                              std::span(&source, 1), attributes);
  return named(result, row.label, is_full ? '0' : row.number);
}

Value to(const Value& input, DType dtype) {
  if (input.batch) return batches::to(input, dtype);
  if (input.dtype() == dtype && !input.node->is_number()) return input;
  return record(input.node->engine, Op::to, dtype, input.shape(), std::span(&input, 1));
}

Value reshape(const Value& input, Dims shape) {
  if (input.batch) return batches::reshape(input, shape);
  Engine& engine = input.node->engine;
  const int64_t elements = input.node->elements();
  int64_t known = 1;
  int64_t* unknown = nullptr;
  bool is_valid = true;
  for (int64_t& extent : shape) {
    if (extent == -1 && !unknown)
      unknown = &extent;
    else if (extent < 0 || __builtin_mul_overflow(known, extent, &known))
      is_valid = false;
  }
  const Dims asked = shape;
  if (is_valid && unknown) {
    if (known > 0 && elements % known == 0)
      *unknown = elements / known;
    else
      is_valid = false;
  } else if (known != elements) {
    is_valid = false;
  }
  if (!is_valid)
    throw shape_error("reshape",
                      "shape '" + to_string(asked) + "' is invalid for input of size " +
                          std::to_string(elements) + "; reshape: the input has shape " +
                          to_string(input.shape()),
                      {input.shape(), asked});
  check_shape(engine, "reshape", shape, input.dtype());
  return record(engine, Op::reshape, input.dtype(), shape, std::span(&input, 1));
}

Value permute(const Value& input, const Dims& order) {
  if (input.batch) return batches::permute(input, order);
  const size_t rank = input.shape().size();
  Ref<Attributes> attributes = new Attributes;
  Dims shape;
  for (int64_t axis : order) {
    const int64_t own = normalize_axis("permute", axis, rank);
    if (attributes->axes.contains(own))
      throw Error(ErrorClass::range_error, "ERR_DIM",
                  "permute(): duplicate dims are not allowed, got " + to_string(order), "permute");
    attributes->axes.push_back(own);
    if (rank > 0) shape.push_back(input.shape()[static_cast<size_t>(own)]);
  }
  if (order.size() != rank)
    throw Error(ErrorClass::range_error, "ERR_DIM",
                "permute: " + std::to_string(order.size()) + " dims for a tensor of shape " +
                    to_string(input.shape()),
                "permute", {input.shape()});
  return record(input.node->engine, Op::permute, input.dtype(), shape, std::span(&input, 1), attributes);
}

Value expand(const Value& input, Dims shape) {
  if (input.batch) return batches::expand(input, shape);
  const Dims& from = input.shape();
  if (shape.size() < from.size())
    throw shape_error("expand",
                      "expand: the number of sizes provided (" + std::to_string(shape.size()) +
                          ") must be greater or equal to the number of dimensions in the tensor (" +
                          std::to_string(from.size()) + "); shape " + to_string(from) + " to " +
                          to_string(shape),
                      {from, shape});
  const size_t added = shape.size() - from.size();
  const Dims asked = shape;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i < added && shape[i] < 0)
      throw shape_error("expand",
                        "The expanded size of the tensor (" + std::to_string(shape[i]) +
                            ") isn't allowed in a leading, non-existing dimension " + std::to_string(i) +
                            "; expand: shape " + to_string(from) + " to " + to_string(asked),
                        {from, asked});
    if (i < added) continue;
    if (shape[i] == -1) shape[i] = from[i - added];
    if (shape[i] != from[i - added] && (from[i - added] != 1 || shape[i] < 0))
      throw shape_error("expand",
                        "The expanded size of the tensor (" + std::to_string(shape[i]) +
                            ") must match the existing size (" + std::to_string(from[i - added]) +
                            ") at non-singleton dimension " + std::to_string(i) +
                            ".  Target sizes: " + to_string(asked) + ".  Tensor sizes: " + to_string(from) +
                            "; expand: only dimensions of size 1 grow, and new ones come in front",
                        {from, asked});
  }
  check_shape(input.node->engine, "expand", shape, input.dtype());
  return record(input.node->engine, Op::expand, input.dtype(), shape, std::span(&input, 1));
}

Value slice(const Value& input, const Dims& starts, const Dims& steps, const Dims& shape) {
  if (input.batch) return batches::slice(input, starts, steps, shape);
  Ref<Attributes> attributes = new Attributes;
  attributes->starts = starts;
  attributes->steps = steps;
  return record(input.node->engine, Op::slice, input.dtype(), shape, std::span(&input, 1), attributes);
}

Value splice(const Value& base, const Value& part, const Dims& starts, const Dims& steps, const Dims& shape,
             bool is_disjoint) {
  if (base.batch || part.batch) return batches::splice(base, part, starts, steps, shape, is_disjoint);
  Ref<Attributes> attributes = new Attributes;
  attributes->starts = starts;
  attributes->steps = steps;
  attributes->is_disjoint = is_disjoint;
  Value fitted = to(joined("set", part, *base.node), base.dtype());
  if (fitted.shape() != shape) fitted = expand(fitted, shape);
  const Value inputs[] = {base, fitted};
  return record(base.node->engine, Op::splice, base.dtype(), base.shape(), inputs, attributes);
}

Value with_function(const Value& value) {
  if (!value.source || !value.source->is_leaf()) return value;
  return elementwise(Op::clone, std::span(&value, 1));
}

Value named(Value value, std::string_view label, char suffix) {
  if (value.source && !value.source->is_leaf()) {
    auto& function = static_cast<Function&>(*value.source);
    function.label = label;
    function.suffix = suffix;
  }
  return value;
}

} // namespace adjoint
