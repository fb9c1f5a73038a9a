#include "node/readers.h"

#include <cstring>

#include "node/arguments.h"

namespace adjoint::node {

namespace {

// Arrays from this size on are asked for with care.
constexpr int64_t large_bytes = 64 << 10;

Error out_of_memory(const std::string& message) {
  return {ErrorClass::error, "ERR_HOST_OOM", "out of memory: " + message, "data"};
}

} // namespace

Napi::Value item_at(Napi::Env env, DType dtype, const void* element) {
  return with_type(dtype, [&]<class T>() -> Napi::Value {
    T value;
    std::memcpy(&value, element, sizeof(T));
    if constexpr (std::is_same_v<T, bool>) return Napi::Boolean::New(env, value);
    if constexpr (std::is_same_v<T, int64_t>)
      if (value > (int64_t{1} << 53) || value < -(int64_t{1} << 53)) return Napi::BigInt::New(env, value);
    return Napi::Number::New(env, convert<double>(value));
  });
}

// Halves lie at the end of their array, so that element i is read before a float is written over it.
void finish_array(const Node& node, void* data) {
  if (!is_half_dtype(node.dtype)) return;
  const int64_t n = node.elements();
  auto* to = static_cast<std::byte*>(data);
  const std::byte* from = to + n * (static_cast<int64_t>(sizeof(float)) - bytes_of(node.dtype));
  with_type(node.dtype, [&]<class T>() {
    for (int64_t i = 0; i < n; ++i) {
      T element;
      std::memcpy(&element, from + i * static_cast<int64_t>(sizeof element), sizeof element);
      const auto value = convert<float>(element);
      std::memcpy(to + i * static_cast<int64_t>(sizeof value), &value, sizeof value);
    }
  });
}

Readers::Readers(Napi::Env env, Session& session)
    : session_(session),
      array_buffer_(Napi::Persistent(env.Global().Get("ArrayBuffer").As<Napi::Function>())) {}

// Node-API's own way to make one ends the process where there is no memory; JavaScript's constructor throws.
Napi::Value Readers::array_buffer(Napi::Env env, int64_t bytes) {
  if (bytes < large_bytes) return Napi::ArrayBuffer::New(env, static_cast<size_t>(bytes));
  Engine& host = session_.engine(0);
  session_.before_allocation(host, bytes);
  const int64_t held = host.device->live_bytes(), most = host.device->capacity_bytes();
  if (held + bytes > most)
    throw out_of_memory("an array of " + std::to_string(bytes) +
                        " bytes was wanted for the values, and tensors hold " + std::to_string(held) +
                        " of at most " + std::to_string(most) +
                        "; read parts, with narrow(), dispose() of tensors, or raise ADJOINT_MAX_BYTES");
  const Napi::Value length = Napi::Number::New(env, static_cast<double>(bytes));
  try {
    return array_buffer_.New({length});
  } catch (const Napi::Error&) {
    throw out_of_memory("JavaScript has no room for an ArrayBuffer of " + std::to_string(bytes) +
                        " bytes; read parts, with narrow()");
  }
}

Readers::Array Readers::array_for(Napi::Env env, const Node& node) {
  const auto length = static_cast<size_t>(node.elements());
  constexpr size_t longest = size_t{1} << 32; // every version of V8 can hold so many
  if (length >= longest)
    throw Error(ErrorClass::range_error, "ERR_VALUE",
                "data: " + std::to_string(length) + " elements are more than a typed array holds (" +
                    std::to_string(longest - 1) + "); read parts of it, with narrow()",
                "data", {node.shape});
  // There is no array of halves in every version of JavaScript: their values come as floats.
  const DType held = computed_dtype(node.dtype);
  const int64_t bytes = node.elements() * bytes_of(held);
  auto backing = array_buffer(env, bytes).As<Napi::ArrayBuffer>();
  const auto array = [&]() -> Napi::Value {
    switch (held) {
    case DType::float16:
    case DType::bfloat16:
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
  return {array(), backing.Data(), static_cast<std::byte*>(backing.Data()) + (bytes - node.bytes())};
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
  std::list<Reader> one(1);
  Reader& reader = one.back();
  reader.place = one.begin();
  reader.node = node;
  napi_value array = nullptr, promise = nullptr;
  reader.place_of_bytes = reader.element;
  if (!is_item) {
    const Array filled = array_for(env, *node);
    array = filled.value;
    reader.data = filled.data;
    reader.place_of_bytes = filled.place_of_bytes;
  }
  // The value's device copies it, so that JavaScript need not wait for that either.
  Device::ReadCall call = [this, &reader](const std::exception* problem) {
    if (problem) reader.note(*problem);
    napi_call_threadsafe_function(channel_, &reader, napi_tsfn_nonblocking);
  };
  NAPI_THROW_IF_FAILED(env, napi_create_promise(env, &reader.promise, &promise), Napi::Value());
  if (array) napi_create_reference(env, array, 1, &reader.array);
  // The process stays alive while a value is awaited.
  if (waiting_.empty()) napi_ref_threadsafe_function(env, channel_);
  waiting_.splice(waiting_.end(), one);
  // If that throws, the device will not call.
  try {
    node->engine.device->read(reader.place_of_bytes, *node->buffer, node->bytes(), std::move(call));
  } catch (const std::exception& problem) {
    reader.note(problem);
    finish(env, reader);
  }
  return {env, promise};
}

void Readers::Reader::note(const std::exception& found) noexcept {
  try {
    if (const auto* error = dynamic_cast<const Error*>(&found)) {
      problem = *error;
      return;
    }
  } catch (const std::bad_alloc&) {
    // Said below.
  }
  is_out_of_memory = true;
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
  napi_value result = caught(env, [&]() -> napi_value {
    if (reader.is_out_of_memory) throw std::bad_alloc();
    // The bytes mean nothing if the run that made them has failed: then the node is pending again, and computing it
    // once more says why.
    Engine& engine = reader.node->engine;
    engine.settle();
    if (reader.problem) throw Error(std::move(*reader.problem));
    if (reader.node->is_pending()) {
      engine.compute(reader.node);
      engine.download(reader.place_of_bytes, *reader.node->buffer, reader.node->bytes());
    }
    if (!reader.array) return item_at(env, reader.node->dtype, reader.element);
    finish_array(*reader.node, reader.data);
    return array;
  });
  napi_value problem = nullptr;
  if (!result) napi_get_and_clear_last_exception(env, &problem);
  waiting_.erase(reader.place);
  if (waiting_.empty()) napi_unref_threadsafe_function(env, channel_);
  // A thread that is being terminated refuses; then nobody is waiting.
  result ? napi_resolve_deferred(env, promise, result) : napi_reject_deferred(env, promise, problem);
}

} // namespace adjoint::node
