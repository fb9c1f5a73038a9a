// Entries that describe a tensor and read it.
#include <cstring>

#include "graph/batches.h"
#include "graph/numbers.h"
#include "graph/record.h"
#include "node/addon.h"

namespace adjoint::node {

namespace {

Napi::Value shape_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  if (Recording* recording = binding.addon.rules.recording.get()) recording->has_read_a_shape = true;
  return to_array(info.Env(), binding.addon.cell(info, 0, "shape").shape());
}

// handle, axes (null: all), op's name: returns the axes in ascending order.
Napi::Value axes_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const std::string op = info[2].ToString().Utf8Value();
  const size_t rank = binding.addon.cell(info, 0, op.c_str()).shape().size();
  return to_array(info.Env(), normalize_axes(op, read_dims(info[1], op.c_str(), "dim"), rank));
}

Napi::Value dtype_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(binding.addon.cell(info, 0, "dtype").node->dtype));
}

Napi::Value grad_function_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Cell& cell = binding.addon.cell(info, 0, "gradFn");
  return cell.function ? Napi::String::New(info.Env(), cell.function->name()) : info.Env().Null();
}

// Bit 0: requires grad; bit 1: leaf.
Napi::Value flags_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Cell& cell = binding.addon.cell(info, 0, "requiresGrad");
  return Napi::Number::New(info.Env(), (cell.tracks() ? 1 : 0) | (cell.function ? 0 : 2) |
                                           (cell.node->is_inference ? 4 : 0));
}

// What vmap works on has no value of its own.
void check_is_readable(const Cell& cell, const char* op) {
  if (cell.batch)
    throw Error(
        ErrorClass::error, "ERR_VMAP",
        "vmap: It looks like you're either (1) calling ." + std::string(op) +
            "() on a Tensor or (2) attempting to use a Tensor in some data-dependent "
            "control flow. For (1): we don't support vmap over reading a Tensor, please try to rewrite "
            "what you're doing with other operations. For (2): where() chooses by a mask; " +
            op + ": the tensor has a value for each example",
        op, {cell.shape()});
}

void check_is_single(const Node& node) {
  if (node.elements() != 1)
    throw Error(ErrorClass::error, "ERR_ITEM",
                "a Tensor with " + std::to_string(node.elements()) +
                    " elements cannot be converted to Scalar; item: the shape is " + to_string(node.shape) +
                    ", use toArray() or reduce it first",
                "item", {node.shape});
}

Napi::Value item_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  // Held, since a run sweeps, and JavaScript may have let go of the Tensor already.
  const Ref<Cell> held = &binding.addon.tensor(info, 0, "item");
  check_is_readable(*held, "item");
  check_is_single(*held->node);
  held->node->engine.compute(held->node);
  alignas(8) std::byte element[8];
  held->node->engine.download(element, *held->node->buffer, held->node->bytes());
  return item_at(info.Env(), held->node->dtype, element);
}

Napi::Value data_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Ref<Cell> held = &binding.addon.tensor(info, 0, "data");
  check_is_readable(*held, "data");
  held->node->engine.compute(held->node);
  const Readers::Array array = binding.addon.readers.array_for(info.Env(), *held->node);
  held->node->engine.download(array.place_of_bytes, *held->node->buffer, held->node->bytes());
  finish_array(*held->node, array.data);
  return array.value;
}

// handle, whether a single item is wanted; returns a Promise.
Napi::Value read_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const bool is_item = info[1].ToBoolean();
  const Ref<Cell> held = &binding.addon.tensor(info, 0, is_item ? "itemAsync" : "data");
  check_is_readable(*held, is_item ? "itemAsync" : "data");
  if (is_item) check_is_single(*held->node);
  if (held->node->is_pending()) held->node->engine.run(held->node);
  return binding.addon.readers.read(info.Env(), held->node, is_item);
}

// An array of handles: computes them as one plan.
Napi::Value realize_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  std::vector<Ref<Node>> wanted;
  for (uint32_t handle : read_handles(info[0]))
    wanted.push_back(binding.addon.handles.at(handle, "realize").node);
  binding.addon.session.run(wanted, {});
  return info.Env().Undefined();
}

void check_rebinding(const Session& session, const Cell& cell, const Value& value, const std::string& op,
                     bool reshapes) {
  if (cell.view_of && !reshapes)
    throw Error(ErrorClass::error, "ERR_VIEW",
                op + ": this tensor came from " + cell.view_of +
                    "(), whose result is a value of its own here and not a window into " +
                    "its input, so the input would not change. Use x.set(index, value) on the input, or "
                    "clone() this one first",
                op);
  if (cell.node->is_inference && !session.is_inference)
    throw autograd_error(
        "Inplace update to inference tensor outside InferenceMode is not allowed. You can make "
        "a clone to get a normal tensor before doing inplace update.; " +
            op,
        op);
  if (session.grad_enabled && cell.requires_grad)
    throw autograd_error(
        op == "set" ? "a view of a leaf Variable that requires grad is being used in an in-place operation.; "
                      "wrap the update in noGrad(() => ...)"
                    : "a leaf Variable that requires grad is being used in an in-place operation.; " + op +
                          ": wrap the update in noGrad(() => ...)",
        op);
  if (&value.node->engine != &cell.node->engine && !value.node->is_number())
    throw Error(ErrorClass::type_error, "ERR_DEVICE",
                op + ": the tensor is on " + cell.node->engine.device->name() + " and its new value on " +
                    value.node->engine.device->name() + "; move the value with .to()",
                op);
  if (!(value.shape() == cell.node->shape) && (!reshapes || cell.requires_grad))
    throw shape_error(op,
                      "output with shape " + to_string(cell.node->shape) +
                          " doesn't match the broadcast shape " + to_string(value.shape()) + "; " + op +
                          " cannot change a tensor's shape",
                      {cell.node->shape, value.shape()});
  if (category(value.dtype()) > category(cell.node->dtype))
    throw dtype_error(op, "result type " + std::string(info(value.dtype()).word) +
                              " can't be cast to the desired output type " +
                              std::string(info(cell.node->dtype).word) + "; " + op +
                              ": convert with .to() first");
}

// The whole of a new value for a batch, which is one already, or is refused.
Value of_batch(const std::string& op, const Value& value, const Cell& cell, bool broadcasts) {
  for (size_t i = 0; value.batch && i < value.batch->levels.size(); ++i)
    if (!cell.batch || !cell.batch->levels.contains(value.batch->levels[i]))
      throw Error(
          ErrorClass::error, "ERR_VMAP",
          "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` "
          "in "
          "extra_args that has more elements than `self`; " +
              op +
              ": the tensor comes from outside of vmap and has one value for all examples; make a new one",
          op);
  const bool is_number = value.node->is_number();
  if (is_number) check_fits(op, value.node->number, cell.node->dtype);
  Value own = is_number || broadcasts ? to(value, cell.node->dtype) : value;
  if (broadcasts && !(own.shape() == cell.shape()) && own.shape().size() <= cell.shape().size())
    own = expand(own, cell.shape());
  return batches::fitted(own, cell.batch, cell.node->shape);
}

// target, handle or 0, number, op's name, whether to broadcast, whether the shape may change: in-place methods give the
// target a new value.
Napi::Value rebind_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const std::string op = info[3].ToString().Utf8Value();
  const Ref<Cell> held = &addon.tensor(info, 0, op.c_str());
  Cell& cell = *held;
  const uint32_t handle = read_uint32(info[1]);
  Value value = handle == 0 ? number(cell.node->engine, read_number(info[2], op.c_str()))
                            : addon.handles.at(handle, op.c_str()).value();
  const bool broadcasts = read_flag(info, 4);
  if (cell.batch || value.batch) value = of_batch(op, value, cell, broadcasts);
  // Assignments convert freely; only arithmetic must not narrow.
  if (broadcasts) value = assigned(op, value, *cell.node);
  check_rebinding(addon.session, cell, value, op, read_flag(info, 5));
  value = to(value, cell.node->dtype);
  // The old value had a history, and its gradient is zero rather than missing.
  if (broadcasts && cell.function && addon.session.grad_enabled)
    value = overwritten(batches::whole(cell.value()), value);
  value = with_function(value);
  // A value that is replaced before any run is no state, only the last one is.
  cell.node->is_persistent = false;
  // A tensor stays what it was made as.
  value.node->is_inference = cell.node->is_inference;
  cell.node = value.node;
  cell.node->is_persistent = true;
  if (addon.session.grad_enabled)
    cell.function = value.source ? static_cast<Function*>(value.source.get()) : nullptr;
  return info.Env().Undefined();
}

} // namespace

void export_access(Exports& exports) {
  constexpr const char* reads = "read tensors, which have no values yet; decide with where(), or by a flag";
  exports.add<shape_entry>("shape");
  exports.add<axes_entry>("axes");
  exports.add<dtype_entry>("dtype");
  exports.add<grad_function_entry>("gradFn");
  exports.add<flags_entry>("flags");
  exports.add<item_entry>("item", reads);
  exports.add<data_entry>("data", reads);
  exports.add<read_entry>("read", reads);
  exports.add<realize_entry>("realize", reads);
  exports.add<rebind_entry>("rebind",
                            "change tensors in place; return new values, with x.add(y) for x.add_(y)");
}

} // namespace adjoint::node
