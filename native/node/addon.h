// One Addon per JavaScript environment: its engine, its handles, and the native entries that share them.
#pragma once
#include <array>
#include <memory>
#include <napi.h>

#include "cpu/cpu_device.h"
#include "node/arguments.h"
#include "node/handles.h"
#include "node/readers.h"
#include "node/rules.h"

namespace adjoint::node {

class Addon;

// The data of an entry: the environment's Addon, and the op for entries made from rows.
struct Binding {
  Addon& addon;
  Op op;
  const char* refusal; // why an update that is being recorded cannot call it; null if it can
  void refuse_in_update() const;
};

class Addon {
 public:
  explicit Addon(Napi::Env env) : session(cpu::make_device()), handles(env, session), readers(env, session) {
    session.before_allocation = [this](Engine& engine, int64_t wanted_bytes) {
      handles.before_allocation(engine, wanted_bytes);
    };
  }

  Session session;
  Handles handles;
  Readers readers;
  Rules rules;
  std::vector<std::unique_ptr<Binding>> bindings;
  // What a backward pass has called a function of the program's own with.
  std::vector<Value> taken_gradients;
  uint32_t next_hook = 1;

  // The engine with JavaScript's number for it; undefined: the default.
  Engine& engine(const Napi::Value& index) const;

  // The tensor argument at `i`.
  Cell& cell(const Napi::CallbackInfo& info, size_t i, const char* op) const {
    return handles.at(read_uint32(info[i]), op);
  }
  Value value(const Napi::CallbackInfo& info, size_t i, const char* op) const {
    return cell(info, i, op).value();
  }
  std::vector<Value> values(const Napi::Value& array, const char* op) const;

  // The same of a cell that holds a tensor: a scalar of an update that is being recorded is none.
  Cell& tensor(const Napi::CallbackInfo& info, size_t i, const char* op) const;
  // A new cell for a recorded value.
  Ref<Cell> cell_of(const Value& value);
  // Ties a recorded value to the fresh Tensor object that JavaScript passed first.
  Napi::Value bind(const Napi::CallbackInfo& info, const Value& value, const char* view_of = nullptr);
  // The same of the object passed at `i`; returns its integer.
  uint32_t bind_at(const Napi::CallbackInfo& info, size_t i, const Value& value,
                   const char* view_of = nullptr);
};

using Entry = Napi::Value (*)(const Binding& binding, const Napi::CallbackInfo& info);

template <Entry entry> napi_value guarded(napi_env env, napi_callback_info raw) noexcept {
  return caught(env, [&]() -> napi_value {
    const Napi::CallbackInfo info(env, raw);
    const auto& binding = *static_cast<const Binding*>(info.Data());
    if (binding.refusal && binding.addon.rules.recording) binding.refuse_in_update();
    return entry(binding, info);
  });
}

// Adds entries to the exports object.
class Exports {
 public:
  Exports(Addon& addon, Napi::Object object) : addon_(addon), object_(object) {}
  template <Entry entry>
  void add(std::string_view name, Op op = Op::stored, const char* refusal_in_update = nullptr) {
    addon_.bindings.push_back(std::make_unique<Binding>(Binding{addon_, op, refusal_in_update}));
    napi_value function = nullptr;
    NAPI_THROW_IF_FAILED_VOID(object_.Env(),
                              napi_create_function(object_.Env(), name.data(), name.size(), guarded<entry>,
                                                   addon_.bindings.back().get(), &function));
    object_.Set(std::string(name), function);
  }
  template <Entry entry> void add(std::string_view name, const char* refusal_in_update) {
    add<entry>(name, Op::stored, refusal_in_update);
  }

 private:
  Addon& addon_;
  Napi::Object object_;
};

void export_ops(Exports& exports);
void export_routines(Exports& exports);
void export_creation(Exports& exports);
void export_access(Exports& exports);
void export_autograd(Exports& exports);
void export_transforms(Exports& exports);
void export_callbacks(Exports& exports);
void export_memory(Exports& exports);
void export_running(Exports& exports);
void export_rules(Exports& exports);
void export_devices(Exports& exports);

} // namespace adjoint::node
