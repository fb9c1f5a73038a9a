#include "graph/recording.h"

#include "device/error.h"
#include "graph/needs.h"

namespace adjoint {

namespace {

// Parameters are part of a plan's key, and of what a gradient knows: a routine that has them must not forget them.
void check_parameters(Op op, const Ref<Attributes>& attributes) {
  if (!info(op).parameters.empty() && (!attributes || attributes->parameters.empty()))
    throw internal_error(std::string(info(op).name) + " is recorded without its parameters",
                         std::string(info(op).name));
}

const Ref<Node>& checked_for_backward(const Ref<Node>& node, Op op) {
  if (node->is_inference && !node->is_number())
    throw autograd_error(
        "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
        "inference mode in computation tracked by autograd. To work around this, you can make a "
        "clone to get a normal tensor and use it in autograd, or use noGrad instead of "
        "inferenceMode.",
        std::string(info(op).name));
  return node;
}

bool wants_history(const Engine& engine, std::span<const Value> inputs) {
  if (!engine.session.grad_enabled || engine.session.is_inference) return false;
  bool is_tracked = false;
  for (const Value& input : inputs) is_tracked |= static_cast<bool>(input.source);
  return is_tracked;
}

// Whether an op gives elements other places and no other values, or converts them itself: these take halves as they are.
bool takes_halves(Op op) { return info(op).kind == Kind::structure || info(op).trait == Trait::moves; }

bool has_halves(DType result, std::span<const Value> inputs) {
  bool has = is_half_dtype(result);
  for (const Value& input : inputs) has |= is_half_dtype(input.dtype());
  return has;
}

// The node in another dtype, without history.
Ref<Node> converted(const Ref<Node>& node, DType dtype) {
  if (node->dtype == dtype) return node;
  const Value input{node, {}};
  return make_node(node->engine, Op::to, dtype, node->shape, std::span(&input, 1));
}
Ref<Node> widened(const Ref<Node>& node) { return converted(node, computed_dtype(node->dtype)); }

bool compares(Op op) { return op >= Op::eq && op <= Op::ge; }

// What an op on halves computes with: they as float32. A number that they are compared with is one of theirs first.
std::array<Value, max_inputs> widened(Op op, std::span<const Value> inputs) {
  std::array<Value, max_inputs> wide;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Ref<Node> node = inputs[i].node;
    if (node->is_number() && compares(op)) node = converted(node, inputs[1 - i].dtype());
    wide[i].node = widened(node);
  }
  return wide;
}

// Fills in the edges, and saves the inputs that the gradients name. Returns all that they name; results are
// not there yet.
GradientNeeds begin(Function& function, std::span<const Value> inputs, const Ref<Attributes>& attributes) {
  function.label = info(function.op).label;
  if (attributes) function.attributes = attributes;
  if (inputs.empty()) return {};
  if (const Session& session = inputs[0].node->engine.session; session.call_site)
    function.call_site = std::make_unique<const std::string>(session.call_site());
  function.edge_count = static_cast<uint8_t>(inputs.size());
  GradientNeeds needs;
  for (size_t i = 0; i < inputs.size(); ++i) {
    function.edges[i] = {inputs[i].source, inputs[i].node->shape, inputs[i].dtype()};
    if (!inputs[i].source) continue;
    needs.names |= gradient_needs(function.op, i).names;
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    if (needs.input(i)) function.save_input(i, checked_for_backward(inputs[i].node, function.op));
  return needs;
}

} // namespace

Ref<Node> make_node(Engine& engine, Op op, DType dtype, const Shape& shape, std::span<const Value> inputs,
                    const Ref<Attributes>& attributes) {
  if (is_routine(op)) check_parameters(op, attributes);
  if (has_halves(dtype, inputs) && !takes_halves(op)) {
    const std::array<Value, max_inputs> wide = widened(op, inputs);
    return converted(make_node(engine, op, computed_dtype(dtype), shape,
                               std::span(wide.data(), inputs.size()), attributes),
                     dtype);
  }
  Ref<Node> node = new Node(engine, op, dtype, shape);
  if (attributes) node->attributes = attributes;
  for (const Value& input : inputs) node->add_input(input.node);
  engine.after_recording(node);
  return node;
}

Value attach(Ref<Node> node, Op op, std::span<const Value> inputs, const Ref<Attributes>& attributes) {
  if (is_routine(op)) check_parameters(op, attributes);
  Engine& engine = node->engine;
  if (!is_floating(node->dtype) || !wants_history(engine, inputs)) return {std::move(node), {}};
  Ref<Function> function = new Function(op, engine.session.next_sequence++);
  if (begin(*function, inputs, attributes).result(0)) function->save_result(0, node);
  return {std::move(node), std::move(function)};
}

Value record(Engine& engine, Op op, DType dtype, const Shape& shape, std::span<const Value> inputs,
             const Ref<Attributes>& attributes) {
  return attach(make_node(engine, op, dtype, shape, inputs, attributes), op, inputs, attributes);
}

RoutineValues record(Engine& engine, Op op, std::span<const ResultType> results,
                     std::span<const Value> inputs, const Ref<Attributes>& attributes) {
  if (results.size() == 1)
    return {record(engine, op, results[0].dtype, results[0].shape, inputs, attributes)};
  if (is_routine(op)) check_parameters(op, attributes);
  Ref<Node> bundle = new Node(engine, op, computed_dtype(results[0].dtype), results[0].shape);
  bundle->attributes = attributes;
  bundle->results = std::make_unique<Results>();
  bundle->results->count = static_cast<uint8_t>(results.size());
  for (const Value& input : inputs) bundle->add_input(widened(input.node));
  RoutineValues values;
  for (size_t i = 0; i < results.size(); ++i) {
    const DType computed = computed_dtype(results[i].dtype);
    bundle->results->items[i] = {computed, results[i].shape, nullptr};
    Ref<Attributes> which = new Attributes;
    which->result = static_cast<uint32_t>(i);
    values[i].node = new Node(engine, Op::result, computed, results[i].shape);
    values[i].node->attributes = which;
    values[i].node->add_input(bundle);
  }
  // From here on a run may compute them.
  for (size_t i = 0; i < results.size(); ++i) values[i].node = converted(values[i].node, results[i].dtype);
  if (wants_history(engine, inputs)) {
    Ref<Function> function = new Function(op, engine.session.next_sequence++);
    function->result_count = static_cast<uint8_t>(results.size());
    const GradientNeeds needs = begin(*function, inputs, attributes);
    for (size_t i = 0; i < results.size(); ++i) {
      if (needs.result(i)) function->save_result(i, values[i].node);
      if (is_floating(results[i].dtype)) values[i].source = result_function(*function, i, *values[i].node);
    }
  }
  for (size_t i = 0; i < results.size(); ++i) engine.after_recording(values[i].node);
  return values;
}

int64_t computed_integer(const Value& scalar) {
  Engine& engine = scalar.node->engine;
  engine.compute(scalar.node);
  int64_t value = 0;
  engine.download(&value, *scalar.node->buffer, sizeof value);
  return value;
}

Ref<Function> result_function(Function& routine, size_t i, const Node& node) {
  Ref<Function> function = new Function(Op::result, node.engine.session.next_sequence++);
  function->label = routine.label;
  function->suffix = routine.suffix;
  function->edge_count = 1;
  function->edges[0] = {&routine, node.shape, node.dtype};
  function->attributes = new Attributes;
  function->attributes->result = static_cast<uint32_t>(i);
  return function;
}

} // namespace adjoint
