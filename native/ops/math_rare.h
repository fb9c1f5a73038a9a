// A rare slow case inside a loop that vectorises: chosen(x, y, common) is `common` unless that is NaN, and then
// rare(x, y). A branch would keep the loop from vectorising, and gcc's own vector version of a function with a branch
// takes every element apart. So the vector versions are written here, under the names that gcc looks for (the vector
// function ABI of x86-64: https://sourceware.org/glibc/wiki/libmvec); they look at all elements at once.
//
// ADJOINT_RARE_FLOAT(name, rare) and ADJOINT_RARE_DOUBLE(name, rare) define name(x, y, common).
#pragma once
#include "ops/math_bits.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

#ifdef __CUDACC__
#define ADJOINT_RARE_FUNCTION __host__ __device__ inline
#else
#define ADJOINT_RARE_FUNCTION inline
#endif

template <class T, T (*rare)(T, T)> ADJOINT_RARE_FUNCTION T one_rare(T x, T y, T common) {
  return common == common ? common : rare(x, y);
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__CUDACC__)
#include <immintrin.h>

namespace adjoint::math {
inline namespace ADJOINT_ISA {

ADJOINT_FUNCTION bool is_any_nan(__m128 x) { return _mm_movemask_ps(_mm_cmpunord_ps(x, x)); }
ADJOINT_FUNCTION bool is_any_nan(__m128d x) { return _mm_movemask_pd(_mm_cmpunord_pd(x, x)); }
#ifdef __AVX2__
ADJOINT_FUNCTION bool is_any_nan(__m256 x) { return _mm256_movemask_ps(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)); }
ADJOINT_FUNCTION bool is_any_nan(__m256d x) { return _mm256_movemask_pd(_mm256_cmp_pd(x, x, _CMP_UNORD_Q)); }
#endif
#ifdef __AVX512F__
ADJOINT_FUNCTION bool is_any_nan(__m512 x) { return _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q); }
ADJOINT_FUNCTION bool is_any_nan(__m512d x) { return _mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q); }
#endif

template <class T, T (*rare)(T, T), class Vector>
[[gnu::noinline]] Vector each_rare(Vector x, Vector y, Vector common) {
  for (size_t i = 0; i < sizeof(Vector) / sizeof(T); ++i)
    common[i] = one_rare<T, rare>(x[i], y[i], common[i]);
  return common;
}
template <class T, T (*rare)(T, T), class Vector>
ADJOINT_FUNCTION Vector vector_rare(Vector x, Vector y, Vector common) {
  return __builtin_expect(is_any_nan(common), false) ? each_rare<T, rare>(x, y, common) : common;
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math

// In the names, the letter says the instruction set and the number how many elements.
#define ADJOINT_SYMBOL_(prefix, name, isa) prefix##adjoint_##name##_##isa
#define ADJOINT_SYMBOL(prefix, name, isa) ADJOINT_SYMBOL_(prefix, name, isa)
#define ADJOINT_TEXT_(text) #text
#define ADJOINT_TEXT(text) ADJOINT_TEXT_(text)
#define ADJOINT_RARE_VECTOR(prefix, name, T, rare, Vector)                                                   \
  extern "C" [[gnu::weak, gnu::visibility("hidden")]] Vector ADJOINT_SYMBOL(prefix, name, ADJOINT_ISA)(      \
      Vector x, Vector y, Vector common) {                                                                   \
    return vector_rare<T, rare>(x, y, common);                                                               \
  }
#ifdef __AVX2__
#define ADJOINT_RARE_256(...) ADJOINT_RARE_VECTOR(__VA_ARGS__)
#else
#define ADJOINT_RARE_256(...)
#endif
#ifdef __AVX512F__
#define ADJOINT_RARE_512(...) ADJOINT_RARE_VECTOR(__VA_ARGS__)
#else
#define ADJOINT_RARE_512(...)
#endif
// The declaration that gcc sees has no body, or it would make vector versions of its own; the body has
// another C++ name.
#define ADJOINT_RARE(name, T, rare)                                                                          \
  extern "C" [[gnu::simd("notinbranch"), gnu::const]] T ADJOINT_SYMBOL(, name, ADJOINT_ISA)(                 \
      T x, T y, T common) noexcept;                                                                          \
  [[gnu::weak, gnu::visibility("hidden")]] T name##_body(T x, T y, T common) noexcept asm(                   \
      ADJOINT_TEXT(ADJOINT_SYMBOL(, name, ADJOINT_ISA)));                                                    \
  T name##_body(T x, T y, T common) noexcept { return one_rare<T, rare>(x, y, common); }                     \
  ADJOINT_FUNCTION T name(T x, T y, T common) { return ADJOINT_SYMBOL(, name, ADJOINT_ISA)(x, y, common); }
#define ADJOINT_RARE_FLOAT(name, rare)                                                                       \
  ADJOINT_RARE(name, float, rare)                                                                            \
  ADJOINT_RARE_VECTOR(_ZGVbN4vvv_, name, float, rare, __m128)                                                \
  ADJOINT_RARE_256(_ZGVdN8vvv_, name, float, rare, __m256)                                                   \
  ADJOINT_RARE_512(_ZGVeN16vvv_, name, float, rare, __m512)
#define ADJOINT_RARE_DOUBLE(name, rare)                                                                      \
  ADJOINT_RARE(name, double, rare)                                                                           \
  ADJOINT_RARE_VECTOR(_ZGVbN2vvv_, name, double, rare, __m128d)                                              \
  ADJOINT_RARE_256(_ZGVdN4vvv_, name, double, rare, __m256d)                                                 \
  ADJOINT_RARE_512(_ZGVeN8vvv_, name, double, rare, __m512d)

#else
// Elsewhere it is a branch like any other, and loops that contain it do not vectorise.
#define ADJOINT_RARE_FLOAT(name, rare)                                                                       \
  ADJOINT_FUNCTION float name(float x, float y, float common) { return one_rare<float, rare>(x, y, common); }
#define ADJOINT_RARE_DOUBLE(name, rare)                                                                      \
  ADJOINT_FUNCTION double name(double x, double y, double common) {                                          \
    return one_rare<double, rare>(x, y, common);                                                             \
  }
#endif
