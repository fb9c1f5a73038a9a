// Elements by their indices along a dimension: taken (gather, indexSelect) and added up (scatterAdd), each
// the other's gradient; written (scatter) and combined (scatterReduce).
//
// What comes to one element comes in the order of the indices, so no two threads may write to it. On the CPU a
// thread has a whole line. On other devices indices are sorted first, so that a thread has all elements of one
// target.
#include "graph/engine.h"
#include "graph/record.h"
#include "graph/routines.h"
#include "graph/saved.h"
#include "ops/combination.h"

namespace adjoint {

namespace {

Value checked_index(Op op, const Value& index) {
  const std::string name(info(op).name);
  // As in PyTorch, no indices at all may be of any dtype.
  if (index.dtype() != DType::int64 && index.dtype() != DType::int32 && index.node->elements() > 0)
    throw dtype_error(name, name + "(): Expected dtype int32/int64 for index, but got " +
                                std::string(info(index.dtype()).word) + "; convert it with .to(\"int64\")");
  return {to(index, DType::int64).node, {}};
}

Ref<Attributes> with_caller(const Engine& engine, const Dims& parameters) {
  Ref<Attributes> attributes = with_parameters(parameters);
  attributes->caller = engine.session.caller();
  return attributes;
}

int64_t rank_of(const Value& value) {
  return std::max<int64_t>(static_cast<int64_t>(value.shape().size()), 1);
}
int64_t extent_of(const Value& value, size_t axis) { return value.shape().empty() ? 1 : value.shape()[axis]; }

// Whether `index`, with its shape, fits into `whole` in all axes but one.
bool fits(const Value& index, const Value& whole, int64_t axis) {
  for (size_t i = 0; i < index.shape().size(); ++i)
    if (static_cast<int64_t>(i) != axis && index.shape()[i] > extent_of(whole, i)) return false;
  return true;
}

Value expanded(const Value& value, const Dims& shape) {
  return value.shape() == shape ? value : expand(value, shape);
}

// A number is a vector of one element.
Value as_vector(const Value& value) { return value.shape().empty() ? reshape(value, {1}) : value; }
Value untracked(const Value& value) { return {value.node, {}}; }

// A vector of indices along the axis of a tensor of that rank.
Value vector_along(const Value& index, int64_t axis, size_t rank) {
  Dims shape(rank, 1);
  if (rank > 0) shape[static_cast<size_t>(axis)] = index.node->elements();
  return reshape(index, shape);
}

// A vector of indices along the axis that has been expanded along all others, before that: it is less to sort.
Value before_expansion(const Value& index, int64_t axis) {
  const Node& node = *index.node;
  if (node.op != Op::expand || !node.inputs[0]) return index;
  const Ref<Node>& vector = node.inputs[0];
  Dims shape(index.shape().size(), 1);
  shape[static_cast<size_t>(axis)] = index.shape()[static_cast<size_t>(axis)];
  return vector->shape == shape ? Value{vector, {}} : index;
}

// Combines parts with the whole at indices, which broadcast to the shape of the parts, as the op does. Without history.
Ref<Node> put_at(Op op, const Value& whole, Value index, Value part, const Dims& parameters) {
  const int64_t axis = parameters[0];
  if (!whole.node->engine.device->is_host() && index.node->elements() > 1) {
    const Value keys[] = {before_expansion(index, axis)};
    const RoutineValues sorted = routine(Op::sort, {whole.node->engine, keys, {axis, 0}});
    const Value moved[] = {part, expanded(sorted[1], part.shape())};
    index = sorted[0];
    part = routine(Op::gather, moved, {axis});
  }
  const Value inputs[] = {whole, expanded(index, part.shape()), part};
  return make_node(whole.node->engine, op, whole.dtype(), whole.node->shape, inputs,
                   with_caller(whole.node->engine, parameters));
}

Value equal(const Value& a, const Value& b) {
  const Value operands[] = {a, b};
  return elementwise(Op::eq, operands);
}
Value is_zero(const Value& a) { return equal(a, literal(a.node->engine, 0)); }
Value where(const Value& condition, const Value& then, const Value& otherwise) {
  const Value operands[] = {condition, then, otherwise};
  return elementwise(Op::where, operands);
}
Value where(const Value& condition, const Value& then, double otherwise) {
  return where(condition, then, literal(then.node->engine, otherwise));
}
Value times(const Value& a, const Value& b) {
  const Value operands[] = {a, b};
  return elementwise(Op::mul, operands);
}
Value divided(const Value& a, const Value& b) {
  const Value operands[] = {a, b};
  return elementwise(Op::div, operands);
}

// An operand of scatterReduce, and what lies at the places where it went: both in its own shape.
struct Met {
  const Value& element;
  bool is_part; // gathers what lies at its places
  const Value& index;
  int64_t axis;

  Value at(const Value& whole) const {
    if (!is_part) return whole;
    const Value inputs[] = {whole, index};
    return routine(Op::gather, inputs, {axis});
  }
};

// The sums of values for the elements of the whole and for the parts, at the places of the whole.
Value total_at(const Value& of_whole, const Value& index, const Value& of_part, int64_t axis) {
  const Value inputs[] = {of_whole, index, of_part};
  return routine(Op::scatterAdd, inputs, {axis});
}

// Equal extremes share the gradient; where NaN is the extreme, nothing equals it and the gradient is NaN.
Value gradient_of_extreme(const Met& met, const Value& whole, const Value& part, const Value& out,
                          const Value& grad) {
  const DType dtype = whole.dtype();
  const Value part_out = Met{part, true, met.index, met.axis}.at(out);
  const Value count =
      total_at(to(equal(whole, out), dtype), met.index, to(equal(part, part_out), dtype), met.axis);
  const Value is_extreme = equal(met.element, met.is_part ? part_out : out);
  return divided(where(is_extreme, met.at(grad), 0), met.at(count));
}

// The product of all other elements, by a division where none is zero. Where some are, the product of those that are
// not zero, times the zeros themselves, which keep its own gradient right; of three zeros that is zero too.
Value gradient_of_product(const Met& met, const Value& whole, const Value& part, const Value& grad) {
  Engine& engine = whole.node->engine;
  const DType dtype = whole.dtype();
  const Value one = literal(engine, 1);
  const Value factors[] = {where(is_zero(whole), one, whole), met.index, where(is_zero(part), one, part)};
  const Value product =
      routine(Op::scatterReduce, factors, {met.axis, static_cast<int64_t>(Combination::product)});
  const Value zeros_there =
      met.at(total_at(to(is_zero(whole), dtype), met.index, to(is_zero(part), dtype), met.axis));
  const Value their_sum =
      met.at(total_at(where(is_zero(whole), whole, 0), met.index, where(is_zero(part), part, 0), met.axis));
  const Value weight = met.at(times(grad, product));
  const Value own = is_zero(met.element), safe = where(own, one, met.element);
  const auto are = [&](double count) { return equal(zeros_there, literal(engine, count)); };
  const Value differs[] = {their_sum, met.element};
  const Value others = where(own, where(are(1), one, where(are(2), elementwise(Op::sub, differs), 0)),
                             divided(where(are(0), one, where(are(1), their_sum, 0)), safe));
  return times(weight, others);
}

} // namespace

// Where each element goes is the running count of nonzero ones. The host counts while it writes; other devices are given
// the counts.
RoutineValues record_nonzero(const RoutineCall& call) {
  const Value& input = call.inputs[0];
  Engine& engine = call.engine;
  const size_t rank = input.shape().size();
  const Value operands[] = {{input.node, {}}, literal(engine, 0)};
  const Value mask =
      reshape(input.dtype() == DType::boolean ? operands[0] : elementwise(Op::ne, operands), {-1});
  const int64_t elements = mask.node->elements();
  check_shape(engine, "nonzero", {elements, static_cast<int64_t>(rank)}, DType::int64);
  std::vector<Value> counted = {mask};
  Value total = reduce(Op::sum, mask, {}, false);
  if (!engine.device->is_host()) {
    counted.push_back(routine(Op::cumsum, std::span(&mask, 1), {0}));
    if (elements > 0) total = select(counted[1], 0, elements - 1);
  }
  const int64_t count = elements == 0 ? 0 : computed_integer(total);
  return {{make_node(engine, Op::nonzero, DType::int64, Dims{count, static_cast<int64_t>(rank)}, counted,
                     with_parameters(input.shape())),
           {}}};
}

RoutineValues record_gather(const RoutineCall& call) {
  const Value& input = call.inputs[0];
  const int64_t axis = axis_of(call, Op::gather, 0);
  const Value index = checked_index(Op::gather, call.inputs[1]);
  const bool is_empty = index.node->elements() == 0;
  if (rank_of(index) != rank_of(input) && !is_empty)
    throw shape_error(
        "gather",
        "Index tensor must have the same number of dimensions as input tensor; gather: the index has "
        "shape " +
            to_string(index.shape()) + " and the input " + to_string(input.shape()),
        {input.shape(), index.shape()});
  if (!is_empty && !fits(index, input, axis))
    throw shape_error("gather",
                      "Size does not match: expected index " + to_string(index.shape()) +
                          " to be no larger than self " + to_string(input.shape()) +
                          " apart from dimension " + std::to_string(axis) + "; gather",
                      {input.shape(), index.shape()});
  check_shape(call.engine, "gather", index.shape(), input.dtype());
  const Value operands[] = {as_vector(untracked(input)), as_vector(index)}, inputs[] = {input, index};
  Value taken = untracked({make_node(call.engine, Op::gather, input.dtype(), operands[1].node->shape,
                                     operands, with_caller(call.engine, {axis})),
                           {}});
  if (taken.shape() != index.shape()) taken = reshape(taken, index.shape());
  return {attach(taken.node, Op::gather, inputs, with_parameters({axis}))};
}

Value gradient_of_gather(Function& function, size_t, std::span<const Value> grads) {
  const Edge& edge = function.edges[0];
  if (grads[0].node->elements() == 0) return zeros(grads[0].node->engine, edge.shape, edge.dtype);
  return gradient_of_taken(function, input_value(function, 1), grads[0], function.attributes->parameters[0]);
}

RoutineValues record_indexSelect(const RoutineCall& call) {
  const Value& input = call.inputs[0];
  const int64_t axis = axis_of(call, Op::indexSelect, 0);
  const Value index = checked_index(Op::indexSelect, call.inputs[1]);
  if (index.shape().size() > 1)
    throw shape_error("indexSelect",
                      "index_select(): Index is supposed to be a vector; indexSelect: it has shape " +
                          to_string(index.shape()),
                      {input.shape(), index.shape()});
  Dims shape = input.shape();
  if (!shape.empty()) shape[static_cast<size_t>(axis)] = index.node->elements();
  if (shape.empty() && index.node->elements() != 1)
    throw shape_error("indexSelect",
                      "index_select(): Index to scalar can have only 1 value, got " +
                          std::to_string(index.node->elements()) + " value(s); indexSelect",
                      {input.shape(), index.shape()});
  check_shape(call.engine, "indexSelect", shape, input.dtype());
  const Value operands[] = {{input.node, {}}, expanded(vector_along(index, axis, shape.size()), shape)};
  const Value inputs[] = {input, index};
  return {attach(make_node(call.engine, Op::indexSelect, input.dtype(), shape, operands,
                           with_caller(call.engine, {axis})),
                 Op::indexSelect, inputs, with_parameters({axis}))};
}

namespace {

// The gradient of rows along an axis of the function's first input, that a vector of indices has named.
Value gradient_of_rows(const Function& function, const Value& index, const Value& grad, int64_t axis) {
  const Edge& edge = function.edges[0];
  const Value places = vector_along(index, axis, edge.shape.size());
  const Value whole = zeros(grad.node->engine, edge.shape, edge.dtype);
  const Value inputs[] = {whole, expanded(places, grad.shape()), grad};
  return attach(put_at(Op::scatterAdd, whole, places, {grad.node, {}}, {axis}), Op::scatterAdd, inputs,
                with_parameters({axis}));
}

} // namespace

Value gradient_of_indexSelect(Function& function, size_t, std::span<const Value> grads) {
  return gradient_of_rows(function, input_value(function, 1), grads[0], function.attributes->parameters[0]);
}

RoutineValues record_embeddingBag(const RoutineCall& call) {
  const Value &table = call.inputs[0], index = checked_index(Op::embeddingBag, call.inputs[1]);
  if (table.shape().size() != 2 || index.shape().size() != 2)
    throw internal_error("embeddingBag: rows and indices must be matrices");
  const Dims shape = {index.shape()[0], table.shape()[1]};
  check_shape(call.engine, "embeddingBag", shape, table.dtype());
  const Value operands[] = {{table.node, {}}, index}, inputs[] = {table, index};
  return {
      attach(make_node(call.engine, Op::embeddingBag, table.dtype(), shape, operands, with_parameters({})),
             Op::embeddingBag, inputs, with_parameters({}))};
}

// Every row of a bag has the gradient of the bag.
Value gradient_of_embeddingBag(Function& function, size_t, std::span<const Value> grads) {
  const Value index = input_value(function, 1);
  const int64_t bags = index.shape()[0], size = index.shape()[1], width = grads[0].shape()[1];
  const Value each = reshape(expand(unsqueeze(grads[0], 1), {bags, size, width}), {bags * size, width});
  return gradient_of_rows(function, reshape(index, {-1}), each, 0);
}

namespace {

RoutineValues scattered(Op op, const RoutineCall& call) {
  const std::string name(info(op).name);
  const Value &whole = call.inputs[0], &part = call.inputs[2];
  const int64_t axis = axis_of(call, op, 0);
  const Value index = checked_index(op, call.inputs[1]);
  const std::vector<Dims> shapes = {whole.shape(), index.shape(), part.shape()};
  const auto dimensions = [&](const char* other) {
    return shape_error(name,
                       std::string("Index tensor must have the same number of dimensions as ") + other +
                           " tensor; " + name + ": self has shape " + to_string(whole.shape()) + ", index " +
                           to_string(index.shape()) + ", src " + to_string(part.shape()),
                       shapes);
  };
  if (part.dtype() != whole.dtype())
    throw dtype_error(name, "scatter(): Expected self.dtype to be equal to src.dtype; " + name +
                                ": they are " + std::string(info(whole.dtype()).label) + " and " +
                                std::string(info(part.dtype()).label));
  if (rank_of(index) != rank_of(whole)) throw dimensions("self");
  if (rank_of(index) != rank_of(part)) throw dimensions("src");
  bool is_covered = fits(index, whole, axis);
  for (size_t i = 0; i < index.shape().size(); ++i) is_covered &= index.shape()[i] <= extent_of(part, i);
  if (!is_covered)
    throw shape_error(name,
                      "Expected index " + to_string(index.shape()) + " to be no larger than self " +
                          to_string(whole.shape()) + " apart from dimension " + std::to_string(axis) +
                          " and to be no larger size than src " + to_string(part.shape()) + "; " + name,
                      shapes);
  const Value whole_vector = as_vector(whole), index_vector = as_vector(index), part_vector = as_vector(part);
  const size_t rank = part_vector.shape().size();
  const Value used = part_vector.shape() == index_vector.shape()
                         ? part_vector
                         : slice(part_vector, Dims(rank, 0), Dims(rank, 1), index_vector.shape());
  Dims parameters = call.parameters;
  parameters[0] = axis;
  Value out{put_at(op, untracked(whole_vector), index_vector, untracked(used), parameters), {}};
  if (out.shape() != whole.shape()) out = reshape(out, whole.shape());
  const Value inputs[] = {whole, index_vector, used};
  return {attach(out.node, op, inputs, with_parameters(parameters))};
}

} // namespace

RoutineValues record_scatterAdd(const RoutineCall& call) { return scattered(Op::scatterAdd, call); }
RoutineValues record_scatter(const RoutineCall& call) { return scattered(Op::scatter, call); }

RoutineValues record_scatterReduce(const RoutineCall& call) {
  if (call.parameters[1] < 0 || call.parameters[1] > static_cast<int64_t>(Combination::greatest))
    throw internal_error("scatterReduce: there is no such combination");
  return scattered(Op::scatterReduce, call);
}

Value gradient_of_scatterAdd(Function& function, size_t input, std::span<const Value> grads) {
  if (input == 0) return grads[0];
  const Value inputs[] = {grads[0], input_value(function, 1)};
  return routine(Op::gather, inputs, function.attributes->parameters);
}

// A part has the gradient of its place if it is the last one there, and the whole where there is none.
Value gradient_of_scatter(Function& function, size_t input, std::span<const Value> grads) {
  const Value& grad = grads[0];
  const Value index = input_value(function, 1);
  const Dims& parameters = function.attributes->parameters;
  const auto axis = static_cast<size_t>(parameters[0]);
  Engine& engine = grad.node->engine;
  if (input == 0) {
    const Value inputs[] = {grad, index, zeros(engine, index.shape(), grad.dtype())};
    return routine(Op::scatter, inputs, parameters);
  }
  const Value places = expanded(vector_along(position(engine, Dims{index.shape()[axis]}, DType::int64),
                                             parameters[0], index.shape().size()),
                                index.shape());
  const Value placed[] = {zeros(engine, as_vector(grad).shape(), DType::int64), index, places};
  const Value winners[] = {routine(Op::scatter, placed, parameters), index}, taken[] = {grad, index};
  return where(equal(routine(Op::gather, winners, parameters), places),
               routine(Op::gather, taken, parameters), 0);
}

Value gradient_of_scatterReduce(Function& function, size_t input, std::span<const Value> grads) {
  const Value whole = as_vector(input_value(function, 0)), index = input_value(function, 1),
              part = input_value(function, 2), grad = as_vector(grads[0]);
  const Dims& parameters = function.attributes->parameters;
  const Met met{input == 0 ? whole : part, input == 2, index, parameters[0]};
  const Value result =
      static_cast<Combination>(parameters[1]) == Combination::product
          ? gradient_of_product(met, whole, part, grad)
          : gradient_of_extreme(met, whole, part, as_vector(untracked(result_value(function))), grad);
  const Dims& shape = function.edges[input].shape;
  return result.shape() == shape ? result : reshape(result, shape);
}

} // namespace adjoint
