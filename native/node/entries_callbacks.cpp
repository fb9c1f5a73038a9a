// Entries that give the graph functions of the program's own: hooks, and gradients of custom functions.
//
// When a backward pass calls such a function, it gets no arguments: it fetches the gradients with takeGradients, since only
// JavaScript can make the Tensor objects for them, and returns handles. Behind the gradients come the function's results.
#include "graph/batches.h"
#include "graph/record.h"
#include "graph/recording.h"
#include "node/addon.h"

namespace adjoint::node {

namespace {

// A function of JavaScript's that the graph keeps.
class Callback {
 public:
  Callback(Addon& addon, const Napi::Function& function)
      : addon_(addon), function_(Napi::Persistent(function)) {}

  // What it returns for these gradients: an empty value for a handle of 0.
  std::vector<Value> called(std::vector<Value> grads, const char* op) const {
    const Napi::HandleScope scope(function_.Env());
    std::swap(addon_.taken_gradients, grads);
    Napi::Value result;
    try {
      result = function_.Call({});
    } catch (...) {
      std::swap(addon_.taken_gradients, grads);
      throw;
    }
    std::swap(addon_.taken_gradients, grads);
    std::vector<Value> values;
    for (uint32_t handle : read_handles(result))
      values.push_back(handle == 0 ? Value() : addon_.handles.at(handle, op).value());
    return values;
  }

 private:
  Addon& addon_;
  Napi::FunctionReference function_;
};

Napi::Function function_at(const Napi::CallbackInfo& info, size_t i) {
  if (!info[i].IsFunction()) throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "expected a function");
  return info[i].As<Napi::Function>();
}

// A gradient as the program gives it for a tensor of that shape.
Value gradient_for(const char* op, const std::string& who, const Value& given, const Edge& edge,
                   const Ref<const Batch>& batch, const Dims& shape) {
  if (!(given.shape() == shape))
    throw Error(ErrorClass::range_error, "ERR_AUTOGRAD",
                who + " - got " + to_string(given.shape()) + " but expected shape compatible with " +
                    to_string(shape),
                op, {given.shape(), shape});
  return batches::fitted(to(given, edge.dtype), batch, edge.shape);
}

class TensorHook final : public Hook {
 public:
  TensorHook(uint32_t number, bool is_after, Addon& addon, const Napi::Function& function, const Cell& cell)
      : Hook(number, is_after), callback_(addon, function), batch_(cell.batch),
        edge_{{}, cell.node->shape, cell.node->dtype}, shape_(cell.shape()) {}

  Value called(const Value& grad) override {
    const std::vector<Value> results = callback_.called({batches::like(grad, batch_)}, "registerHook");
    if (results.empty() || !results[0]) return {};
    return gradient_for("registerHook", "registerHook: the hook returned an invalid gradient", results[0],
                        edge_, batch_, shape_);
  }

 private:
  Callback callback_;
  Ref<const Batch> batch_;
  Edge edge_;
  Dims shape_;
};

// A function that says where the program is, or nothing: whether backward passes look for NaN.
Napi::Value set_call_site_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Session& session = binding.addon.session;
  session.call_site = nullptr;
  if (!info[0].IsFunction()) return info.Env().Undefined();
  const auto says = std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[0].As<Napi::Function>()));
  session.call_site = [says] {
    const Napi::HandleScope scope(says->Env());
    return says->Call({}).ToString().Utf8Value();
  };
  return info.Env().Undefined();
}

// handle, function, whether it is called after the gradient has been accumulated; returns the hook's number
Napi::Value add_hook_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const bool is_after = read_flag(info, 2);
  const char* op = is_after ? "registerPostAccumulateGradHook" : "registerHook";
  Cell& cell = addon.tensor(info, 0, op);
  if (!cell.tracks())
    throw autograd_error("cannot register a hook on a tensor that doesn't require gradient; " +
                             std::string(op) + ": create it with { requiresGrad: true }",
                         op);
  if (is_after && cell.function)
    throw autograd_error(
        "post accumulate grad hooks cannot be registered on non-leaf tensors; use registerHook", op);
  Source& source = cell.function ? static_cast<Source&>(*cell.function) : cell;
  if (!source.hooks) source.hooks = std::make_unique<Hooks>();
  const uint32_t number = addon.next_hook++;
  source.hooks->push_back(std::make_shared<TensorHook>(number, is_after, addon, function_at(info, 1), cell));
  return Napi::Number::New(info.Env(), number);
}

// handle, number
Napi::Value remove_hook_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Cell& cell = binding.addon.cell(info, 0, "remove");
  const uint32_t number = read_uint32(info[1]);
  for (Source* source : {static_cast<Source*>(cell.function.get()), static_cast<Source*>(&cell)}) {
    if (!source || !source->hooks) continue;
    std::erase_if(*source->hooks, [&](const std::shared_ptr<Hook>& hook) { return hook->number == number; });
    if (source->hooks->empty()) source->hooks = nullptr;
  }
  return info.Env().Undefined();
}

// objects: the gradients of the call that is under way; returns a handle or 0 for each
Napi::Value take_gradients_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const std::vector<Napi::Object> objects = read_objects(info, 0);
  const std::vector<Value> grads = addon.taken_gradients;
  auto handles = Napi::Array::New(info.Env(), objects.size());
  for (uint32_t i = 0; i < objects.size(); ++i) {
    const bool has = i < grads.size() && grads[i];
    handles.Set(
        i, Napi::Number::New(info.Env(), has ? addon.handles.bind(objects[i], addon.cell_of(grads[i])) : 0));
  }
  return handles;
}

// objects for the results, handles of outputs, handles of inputs, name, function: the outputs' values, with a history that
// calls the function for its gradients. Returns a handle for each.
Napi::Value custom_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const std::vector<Napi::Object> objects = read_objects(info, 0);
  const std::string name = info[3].ToString();
  const Napi::Function gradients = function_at(info, 4);
  const std::vector<Value> outputs = addon.values(info[1], "apply"), inputs = addon.values(info[2], "apply");
  if (objects.size() < outputs.size() || outputs.empty() || outputs.size() > 255)
    throw Error(ErrorClass::type_error, "ERR_ARGUMENT", name + ": from 1 to 255 results are possible",
                "apply");
  Ref<Function> function = new Function(Op::clone, addon.session.next_sequence++);
  function->label = addon.session.interned(name);
  function->result_count = static_cast<uint8_t>(outputs.size());
  function->custom = std::make_unique<CustomGradient>();
  std::vector<Dims> shapes;
  std::vector<Ref<const Batch>> input_batches, output_batches;
  std::vector<Edge> edges;
  for (const Value& input : inputs) {
    edges.push_back({input.source, input.node->shape, input.dtype()});
    shapes.push_back(input.shape());
    input_batches.push_back(input.batch);
  }
  for (const Value& output : outputs) output_batches.push_back(output.batch);
  function->custom->edges = edges;
  for (Edge& edge : edges) edge.source = {}; // the function below must not keep its own graph
  const auto callback = std::make_shared<Callback>(addon, gradients);
  std::vector<Ref<Node>> nodes;
  for (const Value& output : outputs) nodes.push_back(output.node);
  function->custom->gradients = [=](Function& self, std::span<const Value> grads) {
    std::vector<Value> given;
    for (size_t i = 0; i < grads.size(); ++i)
      given.push_back(grads[i] ? batches::like(grads[i], output_batches[i]) : Value());
    for (size_t i = 0; i < nodes.size(); ++i) {
      Value result{nodes[i], {}, output_batches[i]};
      if (is_floating(result.dtype()) && nodes[i]->engine.session.grad_enabled) {
        if (nodes.size() == 1)
          result.source = &self;
        else
          result.source = result_function(self, i, *nodes[i]);
      }
      given.push_back(result);
    }
    std::vector<Value> results = callback->called(std::move(given), name.c_str());
    if (results.size() != edges.size())
      throw Error(ErrorClass::error, "ERR_AUTOGRAD",
                  "function " + name + "Backward returned an incorrect number of gradients (expected " +
                      std::to_string(edges.size()) + ", got " + std::to_string(results.size()) + ")",
                  name);
    for (size_t i = 0; i < results.size(); ++i)
      if (results[i])
        results[i] = gradient_for(name.c_str(),
                                  "Function " + name + "Backward returned an invalid gradient at index " +
                                      std::to_string(i),
                                  results[i], edges[i], input_batches[i], shapes[i]);
    return results;
  };
  auto handles = Napi::Array::New(info.Env(), outputs.size());
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    Value value = outputs[i];
    value.source = {};
    if (is_floating(value.dtype())) {
      if (outputs.size() == 1)
        value.source = function;
      else
        value.source = result_function(*function, i, *value.node);
    }
    handles.Set(i, Napi::Number::New(info.Env(), addon.handles.bind(objects[i], addon.cell_of(value))));
  }
  return handles;
}

} // namespace

void export_callbacks(Exports& exports) {
  constexpr const char* calls = "call functions of the program's own";
  exports.add<add_hook_entry>("addHook", calls);
  exports.add<remove_hook_entry>("removeHook", calls);
  exports.add<take_gradients_entry>("takeGradients");
  exports.add<set_call_site_entry>("setCallSite", calls);
  exports.add<custom_entry>("custom", calls);
}

} // namespace adjoint::node
