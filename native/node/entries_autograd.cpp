#include "graph/backward.h"
#include "graph/record.h"
#include "node/addon.h"

namespace adjoint::node {

namespace {

BackwardOptions read_options(const Napi::CallbackInfo& info, size_t first) {
  return {.retain_graph = read_flag(info, first),
          .create_graph = read_flag(info, first + 1),
          .allow_unused = read_flag(info, first + 2)};
}

// A handle, or an empty value for 0.
Value optional_value(const Addon& addon, uint32_t handle, const char* op) {
  return handle == 0 ? Value() : addon.handles.at(handle, op).value();
}

// handle, handle of the gradient or 0, handles of the inputs that count (null: all), retainGraph, createGraph
Napi::Value backward_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const Value root = addon.value(info, 0, "backward");
  const Value seed = optional_value(addon, read_uint32(info[1]), "backward");
  const std::vector<Value> only = info[2].IsNull() ? std::vector<Value>() : addon.values(info[2], "backward");
  for (const Value& input : only)
    if (!input.source || !input.source->is_leaf())
      throw autograd_error("One of the differentiated Tensors does not require grad; backward: inputs must "
                           "be leaves with requiresGrad",
                           "backward");
  backward(addon.session, root, seed, only, read_options(info, 3));
  return info.Env().Undefined();
}

// fresh objects for the results, outputs, gradients of the outputs (0: none), inputs, retainGraph,
// createGraph, allowUnused; returns a handle or 0 for each input
Napi::Value gradients_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  if (!info[0].IsArray()) throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "expected an array of objects");
  const auto array = info[0].As<Napi::Array>();
  std::vector<Napi::Value> objects; // read before the graph is used up, since reading may call JavaScript
  for (uint32_t i = 0; i < array.Length(); ++i) {
    objects.push_back(array.Get(i));
    if (!objects.back().IsObject())
      throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "expected an array of objects");
  }
  std::vector<Value> seeds;
  for (uint32_t handle : read_handles(info[2])) seeds.push_back(optional_value(addon, handle, "grad"));
  const std::vector<Value> outputs = addon.values(info[1], "grad"), inputs = addon.values(info[3], "grad");
  if (objects.size() < inputs.size())
    throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "expected an object for each input");
  auto handles = Napi::Array::New(info.Env(), inputs.size());
  const auto take = [&](const std::vector<Value>& results) {
    for (uint32_t i = 0; i < results.size(); ++i) {
      uint32_t handle = 0;
      if (results[i]) {
        handle = addon.handles.bind(objects[i].As<Napi::Object>(), addon.cell_of(results[i]));
      }
      handles.Set(i, Napi::Number::New(info.Env(), handle));
    }
  };
  gradients(addon.session, outputs, seeds, inputs, read_options(info, 4), take);
  return handles;
}

// The gradient's Tensor object; null when there is no gradient; undefined when it has no object yet.
Napi::Value grad_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Cell& cell = binding.addon.cell(info, 0, "grad");
  if (!cell.grad) return info.Env().Null();
  const Napi::Value object = binding.addon.handles.object_of(*cell.grad);
  return object.IsEmpty() ? info.Env().Undefined() : object;
}

// fresh object, handle
Napi::Value bind_grad_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Cell& cell = binding.addon.cell(info, 1, "grad");
  if (!cell.grad) throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "grad: there is no gradient", "grad");
  if (!info[0].IsObject()) throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "expected an object");
  return Napi::Number::New(info.Env(),
                           binding.addon.handles.rebind_object(info[0].As<Napi::Object>(), cell.grad));
}

// handle, handle of the new gradient or 0
Napi::Value set_grad_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Cell& cell = binding.addon.cell(info, 0, "grad");
  const uint32_t handle = read_uint32(info[1]);
  if (handle == 0) {
    cell.set_grad({});
    return info.Env().Undefined();
  }
  Cell& grad = binding.addon.handles.at(handle, "grad");
  const auto size = [](const Dims& shape) { return "'" + to_string(shape) + "'"; };
  if (&grad == &cell) throw autograd_error("can't assign Variable as its own grad", "grad");
  if (grad.batch && !cell.batch)
    throw Error(ErrorClass::error, "ERR_VMAP",
                "vmap: the gradient has a value for each example, and the tensor one for all; grad", "grad");
  if (!(grad.node->shape == cell.node->shape))
    throw shape_error("grad",
                      "attempting to assign a gradient of size " + size(grad.node->shape) +
                          " to a tensor of size " + size(cell.node->shape) +
                          ". Please ensure that the gradient and the tensor are the same size",
                      {grad.node->shape, cell.node->shape});
  if (&grad.node->engine != &cell.node->engine)
    throw Error(ErrorClass::type_error, "ERR_DEVICE",
                "attempting to assign a gradient on device '" + grad.node->engine.device->name() +
                    "' to a tensor on device '" + cell.node->engine.device->name() +
                    "'. Please ensure that the gradient and the tensor are on the same device",
                "grad");
  if (grad.node->dtype != cell.node->dtype)
    throw dtype_error("grad", "attempting to assign a gradient with dtype '" +
                                  std::string(adjoint::info(grad.node->dtype).label) +
                                  "' to a tensor with dtype '" +
                                  std::string(adjoint::info(cell.node->dtype).label) +
                                  "'. Please ensure that the gradient and the tensor have the same dtype");
  cell.set_grad(&grad);
  return info.Env().Undefined();
}

// handles (Uint32Array): forgets the gradients of all of them
Napi::Value zero_grad_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  for (uint32_t handle : read_array<uint32_t>(info[0]))
    binding.addon.handles.at(handle, "zeroGrad").set_grad({});
  return info.Env().Undefined();
}

// handle, whether
Napi::Value require_grad_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Cell& cell = binding.addon.cell(info, 0, "requiresGrad_");
  const bool wanted = read_flag(info, 1);
  if (cell.function) {
    if (wanted) return info.Env().Undefined();
    throw autograd_error("you can only change requires_grad flags of leaf variables. If you want to use a "
                         "computed variable in a subgraph "
                         "that doesn't require differentiation use var_no_grad = var.detach().",
                         "requiresGrad_");
  }
  if (wanted && !is_floating(cell.node->dtype))
    throw dtype_error(
        "requiresGrad_",
        "only Tensors of floating point dtype can require gradients; requiresGrad: this one is " +
            std::string(adjoint::info(cell.node->dtype).label) + ", convert with .to(\"float32\") first");
  if (wanted && cell.node->is_inference && !cell.node->engine.session.is_inference)
    throw autograd_error(
        "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.; "
        "requiresGrad_: clone() it first",
        "requiresGrad_");
  cell.requires_grad = wanted;
  // A parameter is a variable of its own, however its first value was made: optimizers update it in place.
  if (wanted) cell.view_of = nullptr;
  return info.Env().Undefined();
}

// Sets the grad mode and returns the one before.
Napi::Value set_grad_enabled_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const bool before = binding.addon.session.grad_enabled;
  binding.addon.session.grad_enabled = read_flag(info, 0);
  return Napi::Boolean::New(info.Env(), before);
}

Napi::Value is_grad_enabled_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), binding.addon.session.grad_enabled);
}

// Sets whether what is made is never differentiated, and returns what was before.
Napi::Value set_inference_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const bool before = binding.addon.session.is_inference;
  binding.addon.session.is_inference = read_flag(info, 0);
  return Napi::Boolean::New(info.Env(), before);
}

Napi::Value is_inference_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), binding.addon.session.is_inference);
}

} // namespace

void export_autograd(Exports& exports) {
  constexpr const char* differentiates = "differentiate; the gradient is its argument";
  exports.add<backward_entry>("backward", differentiates);
  exports.add<gradients_entry>("gradients", differentiates);
  exports.add<grad_entry>("grad");
  exports.add<bind_grad_entry>("bindGrad");
  exports.add<set_grad_entry>("setGrad", "set gradients");
  exports.add<require_grad_entry>("requireGrad", "set requiresGrad: none of its tensors has a gradient");
  exports.add<zero_grad_entry>("zeroGrad", "set gradients");
  exports.add<set_grad_enabled_entry>("setGradEnabled");
  exports.add<is_grad_enabled_entry>("isGradEnabled");
  exports.add<set_inference_entry>("setInference");
  exports.add<is_inference_entry>("isInference");
}

} // namespace adjoint::node
