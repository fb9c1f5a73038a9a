// Reads arguments that JavaScript passes to native entries, and turns native errors into JavaScript ones.
#pragma once
#include <napi.h>
#include <span>

#include "device/device.h"
#include "device/error.h"

namespace adjoint::node {

uint32_t read_uint32(const Napi::Value& value);
// A whole number; `what` names it in the error.
int64_t read_integer(const Napi::Value& value, const char* op, const char* what);
// A flag as JavaScript's conditions see it; false where it was left out.
bool read_flag(const Napi::CallbackInfo& info, size_t i);
// An array of whole numbers; nothing for undefined and null.
Dims read_dims(const Napi::Value& value, const char* op, const char* what);
// So many of them.
Dims read_dims(const Napi::Value& value, const char* op, const char* what, size_t count);
std::vector<uint32_t> read_handles(const Napi::Value& value);
// The fresh objects for results; reading them may call JavaScript.
std::vector<Napi::Object> read_objects(const Napi::CallbackInfo& info, size_t i);
// The elements of a Uint8Array, Uint32Array or Float64Array.
template <class T> std::span<T> read_array(const Napi::Value& value) {
  constexpr napi_typedarray_type wanted = std::is_same_v<T, uint8_t>    ? napi_uint8_array
                                          : std::is_same_v<T, uint32_t> ? napi_uint32_array
                                                                        : napi_float64_array;
  napi_typedarray_type type{};
  void* elements = nullptr;
  size_t length = 0;
  if (napi_get_typedarray_info(value.Env(), value, &type, &length, &elements, nullptr, nullptr) != napi_ok ||
      type != wanted)
    throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "expected a typed array of another kind");
  return {static_cast<T*>(elements), length};
}
// number, bigint or boolean. Whole numbers count as integers, so that they keep an integer tensor's dtype.
Number read_number(const Napi::Value& value, const char* op);
DType read_dtype(const Napi::Value& value);

Napi::Array to_array(Napi::Env env, const Dims& dims);
Napi::Error to_javascript(Napi::Env env, const Error& error);

// Calls body(), and turns whatever it throws into an exception of JavaScript; then it returns null. Where there is no
// memory even for the error's own words, a shorter one is thrown, which needs none of ours.
template <class Body> napi_value caught(napi_env env, const Body& body) noexcept {
  const auto out_of_memory = [env] { napi_throw_error(env, "ERR_HOST_OOM", "out of memory"); };
  try {
    try {
      return body();
    } catch (const Error& error) {
      to_javascript(env, error).ThrowAsJavaScriptException();
    } catch (const Napi::Error& error) {
      error.ThrowAsJavaScriptException();
    } catch (const std::bad_alloc&) {
      out_of_memory();
    } catch (const std::exception& error) {
      to_javascript(env, internal_error(error.what())).ThrowAsJavaScriptException();
    }
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException(); // what came between: the thread is being terminated, for one
  } catch (...) {
    out_of_memory();
  }
  return nullptr;
}

} // namespace adjoint::node
