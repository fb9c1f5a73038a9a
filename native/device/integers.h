#pragma once
#include <cstdint>

namespace adjoint {

// The number of pieces of `b` that cover `a`. Static, since files that are compiled for several instruction
// sets share no function.
static inline constexpr int64_t quotient_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

} // namespace adjoint
