// Reads arguments that JavaScript passes to native entries, and turns native errors into JavaScript ones.
#pragma once
#include <napi.h>

#include "device/device.h"
#include "device/error.h"

namespace adjoint::node {

uint32_t read_uint32(const Napi::Value& value);
// A whole number; `what` names it in the error.
int64_t read_integer(const Napi::Value& value, const char* op, const char* what);
double read_double(const Napi::Value& value, const char* op, const char* what);
// An array of whole numbers; nothing for undefined and null.
Dims read_dims(const Napi::Value& value, const char* op, const char* what);
std::vector<uint32_t> read_handles(const Napi::Value& value);
// number, bigint or boolean. Whole numbers count as integers, so that they keep an integer tensor's dtype.
Number read_number(const Napi::Value& value, const char* op);
DType read_dtype(const Napi::Value& value);

Napi::Array to_array(Napi::Env env, const Dims& dims);
[[noreturn]] void throw_in_javascript(Napi::Env env, const Error& error);

} // namespace adjoint::node
