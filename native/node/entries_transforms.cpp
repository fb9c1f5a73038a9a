// Entries for transformations of functions: variables that history begins at, and the batches of vmap.
#include <algorithm>

#include "graph/backward.h"
#include "graph/batches.h"
#include "node/addon.h"

namespace adjoint::node {

namespace {

// out, handle: the input of a function that is being differentiated
Napi::Value variable_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  return addon.bind(info, variable(addon.session, addon.value(info, 1, "grad")));
}

// handles of outputs, handles of variables
Napi::Value depend_on_others_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const std::vector<Value> outputs = addon.values(info[0], "grad"), variables = addon.values(info[1], "grad");
  return Napi::Boolean::New(info.Env(), depend_on_others(addon.session, outputs, variables));
}

// The number of the next function that is recorded.
Napi::Value sequence_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(binding.addon.session.next_sequence));
}

// Handles of outputs, handles of variables, a number that `sequence` gave: what the history of the outputs leads to beside the
// variables, and was there before that number; leaves, or the others.
std::vector<Value> read_captured(Addon& addon, const Napi::CallbackInfo& info, size_t first,
                                 bool are_leaves) {
  const std::vector<Value> outputs = addon.values(info[first], "checkpoint"),
                           variables = addon.values(info[first + 1], "checkpoint");
  const int64_t since = read_integer(info[first + 2], "checkpoint", "since");
  std::vector<Value> found =
      captured(addon.session, outputs, variables, static_cast<uint64_t>(std::max<int64_t>(since, 0)));
  std::erase_if(found, [&](const Value& value) { return value.source->is_leaf() != are_leaves; });
  return found;
}

// Those of a program's own leaves: their Tensor objects.
Napi::Value captured_leaves_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  auto objects = Napi::Array::New(info.Env());
  for (const Value& value : read_captured(addon, info, 0, true))
    if (const Napi::Value object = addon.handles.object_of(static_cast<Cell&>(*value.source));
        !object.IsEmpty())
      objects.Set(objects.Length(), object);
  return objects;
}

// The others, in the objects that come first; returns their handles, or their number where there are too few objects.
Napi::Value captured_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const std::vector<Value> found = read_captured(addon, info, 1, false);
  const std::vector<Napi::Object> objects = read_objects(info, 0);
  if (objects.size() < found.size()) return Napi::Number::New(info.Env(), static_cast<double>(found.size()));
  auto handles = Napi::Array::New(info.Env(), found.size());
  for (uint32_t k = 0; k < found.size(); ++k)
    handles.Set(k, Napi::Number::New(info.Env(), addon.handles.bind(objects[k], addon.cell_of(found[k]))));
  return handles;
}

// extent, index of the randomness: begins a level inside of all others, and returns its number
Napi::Value begin_level_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Session& session = binding.addon.session;
  const int64_t extent = read_integer(info[0], "vmap", "the size"),
                mode = read_integer(info[1], "vmap", "randomness");
  if (extent < 0 || mode < 0 || mode > static_cast<int64_t>(Randomness::different))
    throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "vmap: there is no such batch", "vmap");
  session.levels.push_back({session.next_level++, extent, static_cast<Randomness>(mode)});
  return Napi::Number::New(info.Env(), static_cast<double>(session.levels.back().number));
}

// Ends the innermost level.
Napi::Value end_level_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  if (!binding.addon.session.levels.empty()) binding.addon.session.levels.pop_back();
  return info.Env().Undefined();
}

const Session::Level& innermost(const Addon& addon) {
  if (addon.session.levels.empty())
    throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "vmap: there is no batch", "vmap");
  return addon.session.levels.back();
}

// out, handle, dim: the examples along a dimension as the batch of the innermost level
Napi::Value enter_level_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const Value value = addon.value(info, 1, "vmap");
  const int64_t axis = read_integer(info[2], "vmap", "inDims");
  return addon.bind(info, batches::entered(value, axis, innermost(addon).number));
}

// out, handle, dim: that batch as a dimension
Napi::Value leave_level_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const Value value = addon.value(info, 1, "vmap");
  return addon.bind(info, batches::left(value, innermost(addon), read_integer(info[2], "vmap", "outDims")));
}

// out, handle: the whole of a batch, for decisions about all of its examples
Napi::Value whole_batch_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  return binding.addon.bind(info, batches::whole(binding.addon.value(info, 1, "vmap")));
}

// handle: how many batches the tensor has
Napi::Value count_levels_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Cell& cell = binding.addon.cell(info, 0, "vmap");
  return Napi::Number::New(info.Env(), cell.batch ? static_cast<double>(cell.batch->levels.size()) : 0);
}

} // namespace

void export_transforms(Exports& exports) {
  constexpr const char* differentiates = "differentiate; the gradient is its argument";
  constexpr const char* batches = "call vmap";
  exports.add<variable_entry>("variable", differentiates);
  exports.add<depend_on_others_entry>("dependOnOthers");
  exports.add<sequence_entry>("sequence");
  exports.add<captured_leaves_entry>("capturedLeaves");
  exports.add<captured_entry>("captured");
  exports.add<begin_level_entry>("beginLevel", batches);
  exports.add<end_level_entry>("endLevel");
  exports.add<enter_level_entry>("enterLevel", batches);
  exports.add<leave_level_entry>("leaveLevel", batches);
  exports.add<whole_batch_entry>("wholeBatch");
  exports.add<count_levels_entry>("countLevels");
}

} // namespace adjoint::node
