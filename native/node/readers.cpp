#include "node/readers.h"

#include <cstring>
#include <tuple>

#include "node/addon.h"

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
  constexpr size_t longest = size_t{1} << 32; // what every version of V8 can hold
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
    default:
      return Napi::Uint8Array::New(env, length, backing, 0);
    }
  };
  return {array(), backing.Data()};
}

Readers::~Readers() {
  if (!channel_) return;
  // Whoever is still going to call does so now; nobody waits for what they say.
  addon_.engine.wait();
  napi_release_threadsafe_function(channel_, napi_tsfn_abort);
}

Napi::Value Readers::read(Napi::Env env, const Ref<Node>& node, bool is_item) {
  const Device& device = *addon_.engine.device;
  if (!channel_) open_channel(env);
  Reader reader{.node = node};
  napi_value array = nullptr, promise = nullptr;
  void* filled = nullptr;
  if (!is_item) std::tie(array, filled) = array_for(env, *node);
  NAPI_THROW_IF_FAILED(env, napi_create_promise(env, &reader.promise, &promise), Napi::Value());
  if (array) napi_create_reference(env, array, 1, &reader.array);
  // The process stays alive while a value is awaited.
  if (waiting_.empty()) napi_ref_threadsafe_function(env, channel_);
  waiting_.push_back(std::move(reader));
  void* to = is_item ? waiting_.back().element : filled;
  // Copied where the value comes from, so that JavaScript need not wait for that either.
  addon_.engine.device->notify([this, &device, buffer = node->buffer.get(), to, bytes = node->bytes()] {
    device.download(to, *buffer, bytes);
    napi_call_threadsafe_function(channel_, nullptr, napi_tsfn_nonblocking);
  });
  return {env, promise};
}

void Readers::open_channel(Napi::Env env) {
  const auto call = [](napi_env called, napi_value, void* context, void*) {
    // Without an environment the thread is ending, and nobody is waiting.
    try {
      if (called) static_cast<Readers*>(context)->finish_first(called);
    } catch (const Napi::Error&) {
      // The thread is being terminated, and takes no values any more.
    }
  };
  const Napi::String name = Napi::String::New(env, "adjoint");
  NAPI_THROW_IF_FAILED_VOID(env, napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr,
                                                                 nullptr, this, call, &channel_));
  napi_unref_threadsafe_function(env, channel_);
}

void Readers::finish_first(Napi::Env env) {
  if (waiting_.empty()) return;
  const Napi::HandleScope scope(env);
  const Reader& reader = waiting_.front();
  napi_value array = nullptr;
  if (reader.array) {
    napi_get_reference_value(env, reader.array, &array);
    napi_delete_reference(env, reader.array);
  }
  const napi_deferred promise = reader.promise;
  const napi_value result = reader.array ? array : item_at(env, reader.node->dtype, reader.element);
  waiting_.pop_front();
  if (waiting_.empty()) napi_unref_threadsafe_function(env, channel_);
  // A thread that is being terminated refuses; then nobody is waiting.
  napi_resolve_deferred(env, promise, result);
}

} // namespace adjoint::node
