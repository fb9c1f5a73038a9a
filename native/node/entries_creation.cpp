#include "graph/record.h"
#include "graph/routines.h"
#include "node/addon.h"

namespace adjoint::node {

namespace {

DType dtype_of_array(napi_typedarray_type type) {
  switch (type) {
  case napi_float32_array:
    return DType::float32;
  case napi_float64_array:
    return DType::float64;
  case napi_int32_array:
    return DType::int32;
  case napi_bigint64_array:
    return DType::int64;
  case napi_uint8_array:
  case napi_uint8_clamped_array:
    return DType::uint8;
  default:
    throw dtype_error("tensor",
                      "tensor: typed arrays must be Float32Array, Float64Array, Int32Array, BigInt64Array or "
                      "Uint8Array; convert this one with Float64Array.from() first");
  }
}

// out, typed array (copied now), shape or null for one axis, whether bytes are booleans, device
Napi::Value from_array_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const napi_env env = info.Env();
  // First, since reading it may call JavaScript, which may detach the array's buffer.
  const Dims given_shape = read_dims(info[2], "tensor", "shape");
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  napi_value backing = nullptr;
  if (napi_get_typedarray_info(env, info[1], &type, &length, &data, &backing, nullptr) != napi_ok)
    throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "tensor: expected a typed array", "tensor");
  bool is_detached = false;
  if (napi_is_detached_arraybuffer(env, backing, &is_detached) == napi_ok && is_detached)
    throw Error(
        ErrorClass::type_error, "ERR_DETACHED",
        "tensor: the array's buffer is detached (it was transferred to another thread); copy it before",
        "tensor");
  DType dtype = dtype_of_array(type);
  if (dtype == DType::uint8 && read_flag(info, 3)) dtype = DType::boolean;
  const Dims flat = {static_cast<int64_t>(length)};
  const Dims shape = info[2].IsNull() || info[2].IsUndefined() ? flat : given_shape;
  Engine& engine = addon.engine(info[4]);
  check_shape(engine, "tensor", shape, dtype);
  if (element_count(shape) != flat[0])
    throw shape_error(
        "tensor", "shape '" + to_string(shape) + "' is invalid for input of size " + std::to_string(length),
        {shape});
  if (dtype == DType::boolean) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    if (std::any_of(bytes, bytes + length, [](uint8_t byte) { return byte > 1; }))
      throw Error(ErrorClass::range_error, "ERR_VALUE", "tensor: bytes of booleans must be 0 or 1", "tensor");
  }
  const int64_t bytes = flat[0] * bytes_of(dtype);
  return addon.bind(info, from_buffer(engine, engine.upload(data, bytes), shape, dtype));
}

// out, shape, dtype, number, name of the function called, device
Napi::Value full_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const std::string op = info[4].ToString();
  const Dims shape = read_dims(info[1], op.c_str(), "shape");
  const Number value = read_number(info[3], op.c_str());
  return binding.addon.bind(info, full(binding.addon.engine(info[5]), value, shape, read_dtype(info[2]), op));
}

// out, shape, dtype, device, start, step
Napi::Value arange_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Dims shape = read_dims(info[1], "arange", "shape", 1);
  return binding.addon.bind(info, arange(binding.addon.engine(info[3]), shape, read_dtype(info[2]),
                                         read_number(info[4], "arange"), read_number(info[5], "arange")));
}

// out, shape, dtype, device, start, end, step
Napi::Value linspace_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Dims shape = read_dims(info[1], "linspace", "shape", 1);
  const auto number = [&](size_t i) { return read_number(info[i], "linspace"); };
  return binding.addon.bind(info, linspace(binding.addon.engine(info[3]), shape, read_dtype(info[2]),
                                           number(4), number(5), number(6)));
}

// out, shape, dtype, device
Napi::Value eye_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Dims shape = read_dims(info[1], "eye", "shape", 2);
  return binding.addon.bind(info, eye(binding.addon.engine(info[3]), shape, read_dtype(info[2])));
}

// out, shape, dtype, device
Napi::Value draw_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  RoutineCall call{binding.addon.engine(info[3]), {}, {static_cast<int64_t>(read_dtype(info[2]))}};
  for (int64_t extent : read_dims(info[1], adjoint::info(binding.op).name.data(), "shape"))
    call.parameters.push_back(extent);
  return binding.addon.bind(info, routine(binding.op, call)[0]);
}

// A number or bigint of 64 bits, with or without a sign.
uint64_t read_seed(const Napi::Value& value) {
  if (!value.IsBigInt()) return static_cast<uint64_t>(read_integer(value, "manualSeed", "the seed"));
  bool fits = false;
  const uint64_t unsigned_seed = value.As<Napi::BigInt>().Uint64Value(&fits);
  if (fits) return unsigned_seed;
  const int64_t seed = value.As<Napi::BigInt>().Int64Value(&fits);
  if (fits) return static_cast<uint64_t>(seed);
  throw Error(ErrorClass::range_error, "ERR_ARGUMENT",
              "manualSeed: the seed must be from -2**63 to 2**64 - 1, got " + value.ToString().Utf8Value(),
              "manualSeed");
}

Napi::Value manual_seed_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Session& session = binding.addon.session;
  session.seed = read_seed(info[0]);
  session.random_offset = 0;
  return info.Env().Undefined();
}

Napi::Value seed_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Session& session = binding.addon.session;
  session.seed = unpredictable_seed();
  session.random_offset = 0;
  return Napi::BigInt::New(info.Env(), session.seed);
}

Napi::Value initial_seed_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), binding.addon.session.seed);
}

// The seed, and how many counters have been drawn since.
Napi::Value random_state_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Session& session = binding.addon.session;
  auto state = Napi::Array::New(info.Env(), 2);
  state.Set(0u, Napi::BigInt::New(info.Env(), session.seed));
  state.Set(1u, Napi::BigInt::New(info.Env(), session.random_offset));
  return state;
}

// seed, counters
Napi::Value set_random_state_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Session& session = binding.addon.session;
  const uint64_t seed = read_seed(info[0]), offset = read_seed(info[1]);
  session.seed = seed;
  session.random_offset = offset;
  return info.Env().Undefined();
}

Napi::Value set_default_dtype_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const DType dtype = read_dtype(info[0]);
  if (!is_floating(dtype) || is_half_dtype(dtype))
    throw dtype_error("setDefaultDtype",
                      std::string(is_floating(dtype)
                                      ? "types of two bytes are not supported as the default type"
                                      : "only floating-point types are supported as the default type") +
                          "; setDefaultDtype takes float32 or float64");
  binding.addon.session.default_dtype = dtype;
  return info.Env().Undefined();
}

Napi::Value default_dtype_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(binding.addon.session.default_dtype));
}

} // namespace

void export_creation(Exports& exports) {
  constexpr const char* draws = "draw random numbers, which would be the same at every step";
  exports.add<from_array_entry>("fromArray");
  exports.add<full_entry>("full");
  exports.add<arange_entry>("arange");
  exports.add<linspace_entry>("linspace");
  exports.add<eye_entry>("eye");
  for (size_t i = 0; i < op_count; ++i) {
    const auto op = static_cast<Op>(i);
    if (info(op).trait == Trait::draws) exports.add<draw_entry>(info(op).name, op, draws);
  }
  exports.add<manual_seed_entry>("manualSeed", draws);
  exports.add<seed_entry>("seed", draws);
  exports.add<initial_seed_entry>("initialSeed");
  exports.add<random_state_entry>("randomState");
  exports.add<set_random_state_entry>("setRandomState", draws);
  exports.add<set_default_dtype_entry>("setDefaultDtype");
  exports.add<default_dtype_entry>("defaultDtype");
}

} // namespace adjoint::node
