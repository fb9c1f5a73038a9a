#include "node/arguments.h"

#include <cmath>

namespace adjoint::node {

namespace {

constexpr double largest_safe_integer = 9007199254740991.0;

std::string described(const Napi::Value& value) {
  switch (value.Type()) {
  case napi_undefined:
    return "undefined";
  case napi_null:
    return "null";
  case napi_number: {
    const double number = value.As<Napi::Number>().DoubleValue();
    if (std::isnan(number)) return "NaN";
    return value.ToString().Utf8Value();
  }
  case napi_string:
    return "'" + value.As<Napi::String>().Utf8Value() + "'";
  case napi_boolean:
  case napi_bigint:
    return value.ToString().Utf8Value();
  case napi_symbol:
    return "a symbol";
  case napi_function:
    return "a function";
  default:
    return value.IsArray() ? "an array; use tensor(data)" : "an object";
  }
}

Error not_a(const char* op, const char* what, const char* wanted, const Napi::Value& got) {
  return {ErrorClass::type_error, "ERR_ARGUMENT",
          std::string(op) + ": " + what + " must be " + wanted + ", got " + described(got), op};
}

} // namespace

uint32_t read_uint32(const Napi::Value& value) {
  uint32_t result = 0;
  if (napi_get_value_uint32(value.Env(), value, &result) != napi_ok)
    throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "expected a tensor");
  return result;
}

int64_t read_integer(const Napi::Value& value, const char* op, const char* what) {
  if (!value.IsNumber()) throw not_a(op, what, "a whole number", value);
  const double number = value.As<Napi::Number>().DoubleValue();
  if (number != std::floor(number) || std::abs(number) > largest_safe_integer)
    throw Error(
        ErrorClass::range_error, "ERR_ARGUMENT",
        std::string(op) + ": " + what + " must be a whole number below 2**53, got " + described(value), op);
  return static_cast<int64_t>(number);
}

bool read_flag(const Napi::CallbackInfo& info, size_t i) {
  if (i >= info.Length()) return false;
  bool flag = false;
  return napi_get_value_bool(info.Env(), info[i], &flag) == napi_ok ? flag : info[i].ToBoolean().Value();
}

Dims read_dims(const Napi::Value& value, const char* op, const char* what) {
  if (value.IsUndefined() || value.IsNull()) return {};
  if (!value.IsArray()) throw not_a(op, what, "an array of whole numbers", value);
  const auto array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  // No rank is as long, so the list is not worth copying.
  if (length > 4096)
    throw Error(ErrorClass::range_error, "ERR_ARGUMENT",
                std::string(op) + ": " + what + " has " + std::to_string(length) + " entries", op);
  Dims dims;
  for (uint32_t i = 0; i < length; ++i) dims.push_back(read_integer(array.Get(i), op, what));
  return dims;
}

Dims read_dims(const Napi::Value& value, const char* op, const char* what, size_t count) {
  Dims dims = read_dims(value, op, what);
  if (dims.size() == count) return dims;
  throw Error(ErrorClass::range_error, "ERR_ARGUMENT",
              std::string(op) + ": " + what + " must have " + std::to_string(count) + " entries, got " +
                  std::to_string(dims.size()),
              op);
}

std::vector<uint32_t> read_handles(const Napi::Value& value) {
  if (!value.IsArray()) throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "expected an array of tensors");
  const auto array = value.As<Napi::Array>();
  std::vector<uint32_t> handles;
  for (uint32_t i = 0; i < array.Length(); ++i) handles.push_back(read_uint32(array.Get(i)));
  return handles;
}

std::vector<Napi::Object> read_objects(const Napi::CallbackInfo& info, size_t i) {
  const char* const expected = "expected an array of objects";
  if (!info[i].IsArray()) throw Error(ErrorClass::type_error, "ERR_ARGUMENT", expected);
  const auto array = info[i].As<Napi::Array>();
  std::vector<Napi::Object> objects;
  for (uint32_t k = 0; k < array.Length(); ++k) {
    const Napi::Value object = array.Get(k);
    if (!object.IsObject()) throw Error(ErrorClass::type_error, "ERR_ARGUMENT", expected);
    objects.push_back(object.As<Napi::Object>());
  }
  return objects;
}

Number read_number(const Napi::Value& value, const char* op) {
  double number = 0;
  if (napi_get_value_double(value.Env(), value, &number) == napi_ok) {
    // Whole numbers are integers, as far as int64 goes: a number's dtype must not depend on its size.
    const bool is_whole = number == std::floor(number) && number >= -0x1p63 && number < 0x1p63 &&
                          !(number == 0 && std::signbit(number));
    return is_whole ? Number::of_integer(static_cast<int64_t>(number)) : Number(number);
  }
  if (value.IsBoolean()) return Number::of_boolean(value.As<Napi::Boolean>().Value());
  if (value.IsBigInt()) {
    bool is_lossless = false;
    const int64_t integer = value.As<Napi::BigInt>().Int64Value(&is_lossless);
    if (!is_lossless)
      throw Error(ErrorClass::range_error, "ERR_ARGUMENT",
                  std::string(op) + ": " + described(value) + "n does not fit 64 bits", op);
    return Number::of_integer(integer);
  }
  throw not_a(op, "the operand", "a Tensor, number, bigint or boolean", value);
}

DType read_dtype(const Napi::Value& value) {
  const uint32_t index = read_uint32(value);
  if (index >= dtype_count) throw Error(ErrorClass::type_error, "ERR_DTYPE", "unknown dtype");
  return static_cast<DType>(index);
}

Napi::Array to_array(Napi::Env env, const Dims& dims) {
  auto array = Napi::Array::New(env, dims.size());
  for (size_t i = 0; i < dims.size(); ++i)
    array.Set(static_cast<uint32_t>(i), Napi::Number::New(env, static_cast<double>(dims[i])));
  return array;
}

Napi::Error to_javascript(Napi::Env env, const Error& error) {
  Napi::Error thrown = error.kind == ErrorClass::range_error ? Napi::RangeError::New(env, error.what())
                       : error.kind == ErrorClass::type_error
                           ? Napi::Error(Napi::TypeError::New(env, error.what()))
                           : Napi::Error::New(env, error.what());
  // Defined rather than set, which Object.prototype could forbid.
  Napi::Object object = thrown.Value();
  const auto define = [&](const char* name, const Napi::Value& value) {
    object.DefineProperty(Napi::PropertyDescriptor::Value(name, value, napi_default_jsproperty));
  };
  define("code", Napi::String::New(env, error.code));
  if (!error.op.empty()) define("op", Napi::String::New(env, error.op));
  if (!error.shapes.empty()) {
    auto shapes = Napi::Array::New(env, error.shapes.size());
    for (size_t i = 0; i < error.shapes.size(); ++i)
      shapes.Set(static_cast<uint32_t>(i), to_array(env, error.shapes[i]));
    define("shapes", shapes);
  }
  return thrown;
}

} // namespace adjoint::node
