// A rare slow case inside a loop that vectorises: chosen(x, near) is `near` where |x| is at most near_limit,
// and far(x) otherwise. A branch would keep the loop from vectorising, and gcc's own vector version of a
// function with a branch takes every element apart. So the vector versions are written here, under the names
// that gcc looks for (the vector function ABI of x86-64: https://sourceware.org/glibc/wiki/libmvec); they
// look at all elements at once.
//
// ADJOINT_FAR_FLOAT(name, far) and ADJOINT_FAR_DOUBLE(name, far) define name(x, near).
#pragma once
#include "ops/math_bits.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

#ifdef __CUDACC__
#define ADJOINT_FAR_FUNCTION __host__ __device__ inline
#else
#define ADJOINT_FAR_FUNCTION inline
#endif

// Angles up to here are reduced with a few parts of pi/2.
inline constexpr int near_limit = 100000;

template <class T, T (*far)(T)> ADJOINT_FAR_FUNCTION T one_far(T x, T near) {
  return std::fabs(x) <= T(near_limit) ? near : far(x);
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__CUDACC__)
#include <immintrin.h>

namespace adjoint::math {
inline namespace ADJOINT_ISA {

ADJOINT_FUNCTION bool is_any_far(__m128 x) {
  const __m128 absolute = _mm_andnot_ps(_mm_set1_ps(-0.0f), x);
  return _mm_movemask_ps(_mm_cmpnle_ps(absolute, _mm_set1_ps(near_limit)));
}
ADJOINT_FUNCTION bool is_any_far(__m128d x) {
  const __m128d absolute = _mm_andnot_pd(_mm_set1_pd(-0.0), x);
  return _mm_movemask_pd(_mm_cmpnle_pd(absolute, _mm_set1_pd(near_limit)));
}
#ifdef __AVX2__
ADJOINT_FUNCTION bool is_any_far(__m256 x) {
  const __m256 absolute = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
  return _mm256_movemask_ps(_mm256_cmp_ps(absolute, _mm256_set1_ps(near_limit), _CMP_NLE_UQ));
}
ADJOINT_FUNCTION bool is_any_far(__m256d x) {
  const __m256d absolute = _mm256_andnot_pd(_mm256_set1_pd(-0.0), x);
  return _mm256_movemask_pd(_mm256_cmp_pd(absolute, _mm256_set1_pd(near_limit), _CMP_NLE_UQ));
}
#endif
#ifdef __AVX512F__
ADJOINT_FUNCTION bool is_any_far(__m512 x) {
  return _mm512_cmp_ps_mask(_mm512_abs_ps(x), _mm512_set1_ps(near_limit), _CMP_NLE_UQ);
}
ADJOINT_FUNCTION bool is_any_far(__m512d x) {
  return _mm512_cmp_pd_mask(_mm512_abs_pd(x), _mm512_set1_pd(near_limit), _CMP_NLE_UQ);
}
#endif

// The elements that are far, one by one.
template <class T, T (*far)(T), class Vector> [[gnu::noinline]] Vector each_far(Vector x, Vector near) {
  for (size_t i = 0; i < sizeof(Vector) / sizeof(T); ++i) near[i] = one_far<T, far>(x[i], near[i]);
  return near;
}
template <class T, T (*far)(T), class Vector> ADJOINT_FUNCTION Vector vector_far(Vector x, Vector near) {
  return __builtin_expect(is_any_far(x), false) ? each_far<T, far>(x, near) : near;
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math

// In the names, the letter says the instruction set and the number how many elements.
#define ADJOINT_SYMBOL_(prefix, name, isa) prefix##adjoint_##name##_##isa
#define ADJOINT_SYMBOL(prefix, name, isa) ADJOINT_SYMBOL_(prefix, name, isa)
#define ADJOINT_TEXT_(text) #text
#define ADJOINT_TEXT(text) ADJOINT_TEXT_(text)
#define ADJOINT_FAR_VECTOR(prefix, name, T, far, Vector)                                                     \
  extern "C" [[gnu::weak, gnu::visibility("hidden")]] Vector ADJOINT_SYMBOL(prefix, name, ADJOINT_ISA)(      \
      Vector x, Vector near) {                                                                               \
    return vector_far<T, far>(x, near);                                                                      \
  }
#ifdef __AVX2__
#define ADJOINT_FAR_256(...) ADJOINT_FAR_VECTOR(__VA_ARGS__)
#else
#define ADJOINT_FAR_256(...)
#endif
#ifdef __AVX512F__
#define ADJOINT_FAR_512(...) ADJOINT_FAR_VECTOR(__VA_ARGS__)
#else
#define ADJOINT_FAR_512(...)
#endif
// The declaration that gcc sees has no body, or it would make vector versions of its own; the body has
// another C++ name.
#define ADJOINT_FAR(name, T, far)                                                                            \
  extern "C"                                                                                                 \
      [[gnu::simd("notinbranch"), gnu::const]] T ADJOINT_SYMBOL(, name, ADJOINT_ISA)(T x, T near) noexcept;  \
  [[gnu::weak, gnu::visibility("hidden")]] T name##_body(T x, T near) noexcept asm(                          \
      ADJOINT_TEXT(ADJOINT_SYMBOL(, name, ADJOINT_ISA)));                                                    \
  T name##_body(T x, T near) noexcept { return one_far<T, far>(x, near); }                                   \
  ADJOINT_FUNCTION T name(T x, T near) { return ADJOINT_SYMBOL(, name, ADJOINT_ISA)(x, near); }
#define ADJOINT_FAR_FLOAT(name, far)                                                                         \
  ADJOINT_FAR(name, float, far)                                                                              \
  ADJOINT_FAR_VECTOR(_ZGVbN4vv_, name, float, far, __m128)                                                   \
  ADJOINT_FAR_256(_ZGVdN8vv_, name, float, far, __m256)                                                      \
  ADJOINT_FAR_512(_ZGVeN16vv_, name, float, far, __m512)
#define ADJOINT_FAR_DOUBLE(name, far)                                                                        \
  ADJOINT_FAR(name, double, far)                                                                             \
  ADJOINT_FAR_VECTOR(_ZGVbN2vv_, name, double, far, __m128d)                                                 \
  ADJOINT_FAR_256(_ZGVdN4vv_, name, double, far, __m256d)                                                    \
  ADJOINT_FAR_512(_ZGVeN8vv_, name, double, far, __m512d)

#else
// Elsewhere it is a branch like any other, and loops that contain it do not vectorise.
#define ADJOINT_FAR_FLOAT(name, far)                                                                         \
  ADJOINT_FUNCTION float name(float x, float near) { return one_far<float, far>(x, near); }
#define ADJOINT_FAR_DOUBLE(name, far)                                                                        \
  ADJOINT_FUNCTION double name(double x, double near) { return one_far<double, far>(x, near); }
#endif
