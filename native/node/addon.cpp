#include "node/addon.h"

#include "graph/record.h"

namespace adjoint::node {

Engine& Addon::engine(const Napi::Value& index) const {
  if (index.IsEmpty() || index.IsUndefined()) return session.default_engine();
  const uint32_t i = read_uint32(index);
  if (i >= session.engines().size())
    throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "there is no such device");
  return session.engine(i);
}

std::vector<Value> Addon::values(const Napi::Value& array, const char* op) const {
  std::vector<Value> result;
  for (uint32_t handle : read_handles(array)) result.push_back(handles.at(handle, op).value());
  return result;
}

Ref<Cell> Addon::cell_of(const Value& value) {
  if (value.source && value.source->is_leaf()) return cell_of(with_function(value));
  Ref<Cell> cell = new Cell(value.node);
  cell->function = static_cast<Function*>(value.source.get());
  cell->batch = value.batch;
  return cell;
}

Napi::Value Addon::bind(const Napi::CallbackInfo& info, const Value& value, const char* view_of) {
  napi_value handle = nullptr;
  NAPI_THROW_IF_FAILED(info.Env(), napi_create_uint32(info.Env(), bind_at(info, 0, value, view_of), &handle),
                       Napi::Value());
  return {info.Env(), handle};
}

uint32_t Addon::bind_at(const Napi::CallbackInfo& info, size_t i, const Value& value, const char* view_of) {
  if (!info[i].IsObject())
    throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "expected an object for the result");
  Ref<Cell> cell = cell_of(value);
  cell->view_of = view_of;
  return handles.bind(info[i].As<Napi::Object>(), std::move(cell));
}

Cell& Addon::tensor(const Napi::CallbackInfo& info, size_t i, const char* op) const {
  Cell& found = cell(info, i, op);
  if (found.node->is_number()) throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "expected a tensor");
  return found;
}

void Binding::refuse_in_update() const {
  throw Error(ErrorClass::type_error, "ERR_RULE",
              addon.rules.recording->who + ": update is recorded once and then repeated, so it cannot " +
                  refusal);
}

namespace {

// The tables, for TypeScript and for the tests that walk them.
void export_tables(Napi::Env env, Napi::Object exports) {
  auto ops = Napi::Array::New(env);
  uint32_t count = 0;
  for (const OpInfo& op : op_table) {
    if (op.kind == Kind::leaf) continue;
    auto row = Napi::Object::New(env);
    row.Set("name", std::string(op.name));
    row.Set("label", std::string(op.label));
    row.Set("kind", name_of(op.kind));
    row.Set("arity", Napi::Number::New(env, op.arity));
    row.Set("dtypes", name_of(op.dtypes));
    row.Set("hasEmptyValue", op.has_empty_value);
    row.Set("results", Napi::Number::New(env, op.results));
    row.Set("parameters", std::string(op.parameters));
    row.Set("lo", Napi::Number::New(env, op.lo));
    row.Set("hi", Napi::Number::New(env, op.hi));
    ops.Set(count++, row);
  }
  exports.Set("ops", ops);
  auto dtypes = Napi::Array::New(env), dtype_words = Napi::Array::New(env), largest = Napi::Array::New(env);
  for (uint32_t i = 0; i < dtype_count; ++i) {
    dtypes.Set(i, std::string(dtype_table[i].label));
    dtype_words.Set(i, std::string(dtype_table[i].word));
    largest.Set(i, largest_of(static_cast<DType>(i)));
  }
  exports.Set("dtypes", dtypes);
  exports.Set("dtypeWords", dtype_words);
  exports.Set("largestElements", largest);
}

// Fails where an environment variable asks for something impossible.
void fill(Napi::Env env, Napi::Object object) {
  auto* addon = new Addon(env);
  // Cleanup hooks run before the environment's own references go, so every weak reference can still be
  // deleted.
  env.AddCleanupHook(+[](Addon* dead) { delete dead; }, addon);
  Exports exports(*addon, object);
  export_ops(exports);
  export_routines(exports);
  export_creation(exports);
  export_access(exports);
  export_autograd(exports);
  export_transforms(exports);
  export_callbacks(exports);
  export_memory(exports);
  export_running(exports);
  export_rules(exports);
  export_devices(exports);
  export_tables(env, object);
}

Napi::Object init(Napi::Env env, Napi::Object object) {
  caught(env, [&]() -> napi_value {
    fill(env, object);
    return nullptr;
  });
  return object;
}

NODE_API_MODULE(adjoint, init)

} // namespace

} // namespace adjoint::node
