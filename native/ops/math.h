// The one home of transcendental functions, on the CPU and on GPUs: scalar functions of floats and doubles,
// at most 2 ulp off almost everywhere and never more than 4, with the special values of C99's Annex F. A
// result depends on its argument alone, and is the same bits on all processors with fused multiply-adds, GPUs
// among them. They are selects rather than branches, so that a plain loop over an array vectorises, from
// SSE4.1 on, with -fno-math-errno -fno-trapping-math; nothing calls libm, except for fma in fmod
// where processors have none. Of the special functions (gamma, igamma, bessel, normal) most branch and loop, and all may be
// off by more: tests/goldens/special.json says by how much. Start with the exponentials.
#pragma once
#include "ops/math_bessel.h"
#include "ops/math_bits.h"
#include "ops/math_erf.h"
#include "ops/math_exp.h"
#include "ops/math_gamma.h"
#include "ops/math_igamma.h"
#include "ops/math_inverse.h"
#include "ops/math_log.h"
#include "ops/math_mixed.h"
#include "ops/math_normal.h"
#include "ops/math_pow.h"
#include "ops/math_trig.h"
#include "ops/math_whole.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

#define UNARY(name, value)                                                                                   \
  template <std::floating_point T> ADJOINT_FUNCTION T name(T x) { return value; }

UNARY(abs, std::fabs(x))
UNARY(floor, std::floor(x))
UNARY(ceil, std::ceil(x))
UNARY(trunc, std::trunc(x))
UNARY(round, std::nearbyint(x)) // ties to even
UNARY(sqrt, std::sqrt(x))
UNARY(rsqrt, 1 / std::sqrt(x))

#undef UNARY

} // namespace ADJOINT_ISA
} // namespace adjoint::math
