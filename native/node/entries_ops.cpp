// Entries that record ops. Elementwise ones take the out object, one handle per input, then one number per
// input, used where the handle is 0.
#include "graph/record.h"
#include "node/addon.h"

namespace adjoint::node {

namespace {

const char* name_of(Op op) { return info(op).name.data(); }

Napi::Value elementwise_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const char* name = name_of(binding.op);
  const size_t arity = adjoint::info(binding.op).arity;
  std::array<Value, 3> inputs;
  bool has_tensor = false;
  for (size_t i = 0; i < arity; ++i) {
    const uint32_t handle = read_uint32(info[1 + i]);
    has_tensor |= handle != 0;
    inputs[i] = handle == 0 ? number(addon.session.default_engine(), read_number(info[1 + arity + i], name))
                            : addon.handles.at(handle, name).value();
  }
  // Numbers alone would give a number, which nothing can read.
  if (!has_tensor)
    throw Error(ErrorClass::type_error, "ERR_ARGUMENT", std::string(name) + ": expected a Tensor", name);
  const Value result = binding.op == Op::pow ? power(inputs[0], inputs[1])
                                             : elementwise(binding.op, std::span(inputs.data(), arity));
  return addon.bind(info, result);
}

// out, input, axes (null: all), keepdim
Napi::Value reduction_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const char* name = name_of(binding.op);
  const Value input = binding.addon.value(info, 1, name);
  return binding.addon.bind(info,
                            reduce(binding.op, input, read_dims(info[2], name, "dim"), read_flag(info, 3)));
}

// out, input, shape
Napi::Value reshape_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Value input = binding.addon.value(info, 1, "reshape");
  return binding.addon.bind(info, reshape(input, read_dims(info[2], "reshape", "shape")), "reshape");
}

Napi::Value flatten_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Value input = binding.addon.value(info, 1, "flatten");
  return binding.addon.bind(info,
                            flatten(input, read_integer(info[2], "flatten", "startDim"),
                                    read_integer(info[3], "flatten", "endDim")),
                            "flatten");
}

Napi::Value unsqueeze_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Value input = binding.addon.value(info, 1, "unsqueeze");
  return binding.addon.bind(info, unsqueeze(input, read_integer(info[2], "unsqueeze", "dim")), "unsqueeze");
}

Napi::Value squeeze_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Value input = binding.addon.value(info, 1, "squeeze");
  return binding.addon.bind(info, squeeze(input, read_dims(info[2], "squeeze", "dim")), "squeeze");
}

Napi::Value permute_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Value input = binding.addon.value(info, 1, "permute");
  return binding.addon.bind(info, permute(input, read_dims(info[2], "permute", "dims")), "permute");
}

Napi::Value transpose_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Value input = binding.addon.value(info, 1, "transpose");
  return binding.addon.bind(info,
                            transpose(input, read_integer(info[2], "transpose", "dim0"),
                                      read_integer(info[3], "transpose", "dim1")),
                            "transpose");
}

Napi::Value expand_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Value input = binding.addon.value(info, 1, "expand");
  return binding.addon.bind(info, expand(input, read_dims(info[2], "expand", "shape")), "expand");
}

Napi::Value flip_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Value input = binding.addon.value(info, 1, "flip");
  return binding.addon.bind(info, flip(input, read_dims(info[2], "flip", "dims")));
}

Napi::Value narrow_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Value input = binding.addon.value(info, 1, "narrow");
  return binding.addon.bind(info,
                            narrow(input, read_integer(info[2], "narrow", "dim"),
                                   read_integer(info[3], "narrow", "start"),
                                   read_integer(info[4], "narrow", "length")),
                            "narrow");
}

Napi::Value select_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Value input = binding.addon.value(info, 1, "select");
  return binding.addon.bind(
      info, select(input, read_integer(info[2], "select", "dim"), read_integer(info[3], "select", "index")),
      "select");
}

// Each index is "...", a whole number, or [start, stop, step] with null for a missing one.
std::vector<AxisIndex> read_indices(const Napi::Value& value, const char* op) {
  const auto array = value.As<Napi::Array>();
  std::vector<AxisIndex> indices;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value item = array.Get(i);
    AxisIndex index;
    if (item.IsString()) {
      index.kind = AxisIndex::Kind::ellipsis;
    } else if (item.IsArray()) {
      const auto range = item.As<Napi::Array>();
      const auto bound = [&](uint32_t k) -> std::optional<int64_t> {
        const Napi::Value given = range.Get(k);
        if (given.IsNull() || given.IsUndefined()) return std::nullopt;
        return read_integer(given, op, "a range bound");
      };
      index.start = bound(0);
      index.stop = bound(1);
      index.step = bound(2).value_or(1);
    } else {
      index.kind = AxisIndex::Kind::position;
      index.start = read_integer(item, op, "an index");
    }
    indices.push_back(index);
  }
  return indices;
}

// out, input, indices
Napi::Value at_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Value input = binding.addon.value(info, 1, "at");
  return binding.addon.bind(info, at(input, read_indices(info[2], "at")), "at");
}

// out, input, indices, value handle, value number
Napi::Value splice_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const Value input = addon.value(info, 1, "set");
  const std::vector<AxisIndex> indices = read_indices(info[2], "set");
  const uint32_t handle = read_uint32(info[3]);
  const Value part = handle == 0 ? number(input.node->engine, read_number(info[4], "set"))
                                 : addon.handles.at(handle, "set").value();
  return addon.bind(info, with_part(input, indices, part));
}

Napi::Value cat_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  return binding.addon.bind(
      info, concatenate("cat", binding.addon.values(info[1], "cat"), read_integer(info[2], "cat", "dim")));
}

Napi::Value stack_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  return binding.addon.bind(
      info, stack(binding.addon.values(info[1], "stack"), read_integer(info[2], "stack", "dim")));
}

Napi::Value pad_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Value input = binding.addon.value(info, 1, "pad");
  return binding.addon.bind(info,
                            pad(input, read_dims(info[2], "pad", "the widths"), read_number(info[3], "pad")));
}

// out, input, dtype
Napi::Value to_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  return binding.addon.bind(info, to(binding.addon.value(info, 1, "to"), read_dtype(info[2])));
}

// out, handle: the value without its history
Napi::Value detach_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Cell& cell = binding.addon.cell(info, 1, "detach");
  return binding.addon.bind(info, {cell.node, {}, cell.batch}, "detach");
}

// handle, label, suffix: names the history of a composed op as PyTorch does.
Napi::Value name_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  Cell& cell = addon.cell(info, 0, "name");
  if (!cell.function) return info.Env().Undefined();
  const std::string label = info[1].ToString(), suffix = info[2].ToString();
  named(cell.value(), addon.session.interned(label), suffix[0]);
  return info.Env().Undefined();
}

// Says whom errors are to name: who calls, or nobody.
Napi::Value set_caller_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  binding.addon.session.set_caller(info[0].ToString());
  return info.Env().Undefined();
}

} // namespace

void export_ops(Exports& exports) {
  for (size_t i = 0; i < op_count; ++i) {
    const auto op = static_cast<Op>(i);
    if (info(op).kind == Kind::elementwise) exports.add<elementwise_entry>(info(op).name, op);
    if (info(op).kind == Kind::reduction) exports.add<reduction_entry>(info(op).name, op);
  }
  exports.add<reshape_entry>("reshape");
  exports.add<flatten_entry>("flatten");
  exports.add<unsqueeze_entry>("unsqueeze");
  exports.add<squeeze_entry>("squeeze");
  exports.add<permute_entry>("permute");
  exports.add<transpose_entry>("transpose");
  exports.add<expand_entry>("expand");
  exports.add<flip_entry>("flip");
  exports.add<narrow_entry>("narrow");
  exports.add<select_entry>("select");
  exports.add<at_entry>("at");
  exports.add<splice_entry>("splice");
  exports.add<cat_entry>("cat");
  exports.add<stack_entry>("stack");
  exports.add<pad_entry>("pad");
  exports.add<to_entry>("to");
  exports.add<detach_entry>("detach");
  exports.add<name_entry>("nameGradient");
  exports.add<set_caller_entry>("setCaller");
}

} // namespace adjoint::node
