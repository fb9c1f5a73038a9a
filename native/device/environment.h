// The environment variables. A value that means nothing is an error: somebody set it for a purpose.
#pragma once
#include <cstdint>

namespace adjoint::environment {

// Whether a switch is on: "1" or "0"; it is on without the variable.
bool is_on(const char* name);
// A whole number from 1 to `most`, with K, M or G for units of 1024 where `has_units`; 0 without the
// variable.
int64_t count(const char* name, int64_t most, bool has_units = false);

} // namespace adjoint::environment
