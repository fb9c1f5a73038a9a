#include "node/readers.h"

#include <cstring>
#include <tuple>

#include "node/arguments.h"

namespace adjoint::node {

Napi::Value item_at(Napi::Env env, DType dtype, const void* element) {
  return with_type(dtype, [&]<class T>() -> Napi::Value {
    T value;
    std::memcpy(&value, element, sizeof(T));
    if constexpr (std::is_same_v<T, bool>) return Napi::Boolean::New(env, value);
    if constexpr (std::is_same_v<T, int64_t>)
      if (value > (int64_t{1} << 53) || value < -(int64_t{1} << 53)) return Napi::BigInt::New(env, value);
    return Napi::Number::New(env, static_cast<double>(value));
  });
}

std::pair<Napi::Value, void*> array_for(Napi::Env env, const Node& node) {
  const auto length = static_cast<size_t>(node.elements());
  constexpr size_t longest = size_t{1} << 32; // every version of V8 can hold so many
  if (length >= longest)
    throw Error(ErrorClass::range_error, "ERR_VALUE",
                "data: " + std::to_string(length) + " elements are more than a typed array holds (" +
                    std::to_string(longest - 1) + "); read parts of it, with narrow()",
                "data", {node.shape});
  auto backing = Napi::ArrayBuffer::New(env, static_cast<size_t>(node.bytes()));
  const auto array = [&]() -> Napi::Value {
    switch (node.dtype) {
    case DType::float32:
      return Napi::Float32Array::New(env, length, backing, 0);
    case DType::float64:
      return Napi::Float64Array::New(env, length, backing, 0);
    case DType::int32:
      return Napi::Int32Array::New(env, length, backing, 0);
    case DType::int64:
      return Napi::BigInt64Array::New(env, length, backing, 0);
    case DType::boolean:
    case DType::uint8:
      return Napi::Uint8Array::New(env, length, backing, 0);
    }
    __builtin_unreachable();
  };
  return {array(), backing.Data()};
}

Readers::~Readers() {
  if (!channel_) return;
  // Pending reads call now; nobody waits for their results.
  for (const std::unique_ptr<Engine>& engine : session_.engines()) {
    try {
      engine->wait();
    } catch (const Error&) {
      // The device has failed.
    }
  }
  napi_release_threadsafe_function(channel_, napi_tsfn_abort);
}

Napi::Value Readers::read(Napi::Env env, const Ref<Node>& node, bool is_item) {
  if (!channel_) open_channel(env);
  Reader reader;
  reader.node = node;
  napi_value array = nullptr, promise = nullptr;
  void* filled = nullptr;
  if (!is_item) std::tie(array, filled) = array_for(env, *node);
  NAPI_THROW_IF_FAILED(env, napi_create_promise(env, &reader.promise, &promise), Napi::Value());
  if (array) napi_create_reference(env, array, 1, &reader.array);
  // The process stays alive while a value is awaited.
  if (waiting_.empty()) napi_ref_threadsafe_function(env, channel_);
  const auto place = waiting_.insert(waiting_.end(), std::move(reader));
  place->place = place;
  Reader* waiting = &*place;
  // The value's device copies it, so that JavaScript need not wait for that either.
  waiting->place_of_bytes = is_item ? waiting->element : filled;
  try {
    node->engine.device->read(waiting->place_of_bytes, *node->buffer, node->bytes(),
                              [this, waiting](const Error* problem) {
                                if (problem) waiting->problem = *problem;
                                napi_call_threadsafe_function(channel_, waiting, napi_tsfn_nonblocking);
                              });
  } catch (const Error& problem) {
    // The device will not call.
    waiting->problem = problem;
    finish(env, *waiting);
  }
  return {env, promise};
}

void Readers::open_channel(Napi::Env env) {
  const auto call = [](napi_env called, napi_value, void* context, void* reader) {
    // Without an environment the thread is ending, and nobody waits.
    try {
      if (called) static_cast<Readers*>(context)->finish(called, *static_cast<Reader*>(reader));
    } catch (const Napi::Error&) {
      // The thread is being terminated, and takes no values any more.
    }
  };
  const Napi::String name = Napi::String::New(env, "adjoint");
  NAPI_THROW_IF_FAILED_VOID(env, napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr,
                                                                 nullptr, this, call, &channel_));
  napi_unref_threadsafe_function(env, channel_);
}

void Readers::finish(Napi::Env env, Reader& reader) {
  const Napi::HandleScope scope(env);
  napi_value array = nullptr;
  if (reader.array) {
    napi_get_reference_value(env, reader.array, &array);
    napi_delete_reference(env, reader.array);
  }
  const napi_deferred promise = reader.promise;
  std::optional<Error> problem = std::move(reader.problem);
  // The bytes mean nothing if the run that made them has failed: then the node is pending again, and computing it once
  // more says why.
  Engine& engine = reader.node->engine;
  try {
    engine.settle();
    if (!problem && reader.node->is_pending()) {
      engine.run({reader.node}, {.replaced = {}, .caller_waits = true});
      engine.download(reader.place_of_bytes, *reader.node->buffer, reader.node->bytes());
    }
  } catch (const Error& error) {
    problem = error;
  }
  napi_value result = nullptr;
  if (problem)
    result = to_javascript(env, *problem).Value();
  else
    result = reader.array ? array : item_at(env, reader.node->dtype, reader.element);
  waiting_.erase(reader.place);
  if (waiting_.empty()) napi_unref_threadsafe_function(env, channel_);
  // A thread that is being terminated refuses; then nobody is waiting.
  problem ? napi_reject_deferred(env, promise, result) : napi_resolve_deferred(env, promise, result);
}

} // namespace adjoint::node
