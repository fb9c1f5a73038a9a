// The one home of transcendental functions on the host: scalar functions of floats and doubles, at most 2 ulp
// off almost everywhere and never more than 4, with the special values of C99's Annex F. A result depends on
// its argument alone, and is the same bits on all processors with fused multiply-adds. They are selects
// rather than branches, so that a plain loop over an array vectorises, from SSE4.1 on, with -fno-math-errno
// -fno-trapping-math; only fmod calls libm. Under nvcc all of them are CUDA's own. Start with the
// exponentials.
#pragma once
#include "ops/math_bits.h"
#ifndef __CUDACC__
#include "ops/math_erf.h"
#include "ops/math_exp.h"
#include "ops/math_inverse.h"
#include "ops/math_log.h"
#include "ops/math_pow.h"
#include "ops/math_trig.h"
#endif

namespace adjoint::math {
inline namespace ADJOINT_ISA {

#define UNARY(name, value)                                                                                   \
  template <std::floating_point T> ADJOINT_FUNCTION T name(T x) { return value; }
#define BINARY(name, value)                                                                                  \
  template <std::floating_point T> ADJOINT_FUNCTION T name(T x, T y) { return value; }

UNARY(abs, std::fabs(x))
UNARY(floor, std::floor(x))
UNARY(ceil, std::ceil(x))
UNARY(trunc, std::trunc(x))
UNARY(round, std::nearbyint(x)) // ties to even
UNARY(sqrt, std::sqrt(x))
UNARY(rsqrt, 1 / std::sqrt(x))

BINARY(fmod, std::fmod(x, y))

#ifdef __CUDACC__
UNARY(asin, std::asin(x))
UNARY(acos, std::acos(x))
UNARY(atan, std::atan(x))
UNARY(asinh, std::asinh(x))
UNARY(acosh, std::acosh(x))
UNARY(atanh, std::atanh(x))
UNARY(erf, std::erf(x))
BINARY(atan2, std::atan2(x, y))
BINARY(hypot, std::hypot(x, y))
UNARY(erfc, std::erfc(x))
UNARY(exp, std::exp(x))
UNARY(exp2, std::exp2(x))
UNARY(expm1, std::expm1(x))
UNARY(log, std::log(x))
UNARY(log2, std::log2(x))
UNARY(log10, std::log10(x))
UNARY(log1p, std::log1p(x))
UNARY(sin, std::sin(x))
UNARY(cos, std::cos(x))
UNARY(tan, std::tan(x))
UNARY(sinh, std::sinh(x))
UNARY(cosh, std::cosh(x))
UNARY(tanh, std::tanh(x))
UNARY(sigmoid, (x < 0 ? std::exp(x) : T(1)) / (1 + std::exp(-std::fabs(x))))
BINARY(pow, std::pow(x, y))
#endif

#undef UNARY
#undef BINARY

} // namespace ADJOINT_ISA
} // namespace adjoint::math
