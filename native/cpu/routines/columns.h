// Columns of numbers in double precision, as orthogonal factors are made of them. Everything is in a namespace of its
// instruction set.
//
// Sums have eight lanes, whatever the width of vectors, so that processors with fused multiply-adds agree.
#pragma once
#include <cstdint>

#include "cpu/routines/matmul_tile.h"
#include "cpu/routines/orthogonal_block.h"

namespace adjoint::cpu::ADJOINT_ISA {

inline constexpr double epsilon = 0x1p-52;

inline double size_of(double value) { return __builtin_fabs(value); }
inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// The products of Count columns with one, whose sums do not wait for each other.
template <int Count> void dot_each(const Columns& columns, const double* x, int64_t n, double* sums) {
  constexpr int lanes = 8;
  double parts[Count][lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
#pragma GCC unroll 4
    for (int j = 0; j < Count; ++j)
#pragma GCC unroll 8
      for (int lane = 0; lane < lanes; ++lane)
        parts[j][lane] =
            multiply_add(columns.data[j * columns.stride + i + lane], x[i + lane], parts[j][lane]);
  for (int lane = 0; i < n; ++i, ++lane)
    for (int j = 0; j < Count; ++j)
      parts[j][lane] = multiply_add(columns.data[j * columns.stride + i], x[i], parts[j][lane]);
  for (int j = 0; j < Count; ++j) {
    const double* const p = parts[j];
    sums[j] = ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]));
  }
}

inline double dot(const double* a, const double* b, int64_t n) {
  double sum;
  dot_each<1>({const_cast<double*>(a), 0}, b, n, &sum);
  return sum;
}

// sums[j] = column j times x
inline void dots(const Columns& columns, int64_t count, const double* x, int64_t n, double* sums) {
  int64_t j = 0;
  for (; j + 4 <= count; j += 4) dot_each<4>(columns.from(0, j), x, n, sums + j);
  for (; j < count; ++j) dot_each<1>(columns.from(0, j), x, n, sums + j);
}

// to += factor from
inline void add_multiple(double factor, const double* from, double* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = multiply_add(factor, from[i], to[i]);
}

// to += the sum of columns times factors, which lie `step` apart: one after the other.
inline void add_multiples(const Columns& columns, int64_t count, const double* factors, int64_t step,
                          double* to, int64_t n) {
  int64_t j = 0;
  for (; j + 4 <= count; j += 4) {
    const double *const a = columns.at(0, j), *const b = a + columns.stride, *const c = b + columns.stride,
                        *const d = c + columns.stride;
    const double p = factors[j * step], q = factors[(j + 1) * step], r = factors[(j + 2) * step],
                 s = factors[(j + 3) * step];
    for (int64_t i = 0; i < n; ++i)
      to[i] =
          multiply_add(s, d[i], multiply_add(r, c[i], multiply_add(q, b[i], multiply_add(p, a[i], to[i]))));
  }
  for (; j < count; ++j) add_multiple(factors[j * step], columns.at(0, j), to, n);
}

inline double largest_of(const double* x, int64_t n) {
  double largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = size_of(x[i]) > largest ? size_of(x[i]) : largest;
  return largest;
}

// Squares neither overflow nor vanish.
inline double length_of(const double* x, int64_t n) {
  const double square = dot(x, x, n);
  if (square > 0x1p-900 && square < 0x1p900) return __builtin_sqrt(square);
  const double largest = largest_of(x, n);
  if (largest == 0) return 0;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i] / largest * (x[i] / largest);
  return largest * __builtin_sqrt(sum);
}

// The length of (x, y).
inline double length_of(double x, double y) {
  const double square = multiply_add(x, x, y * y);
  return square > 0x1p-900 && square < 0x1p900 ? __builtin_sqrt(square) : __builtin_hypot(x, y);
}

inline void exchange(double* x, double* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const double value = x[i];
    x[i] = y[i];
    y[i] = value;
  }
}

struct Reflection {
  double first = 0;  // what the reflection makes of the first element, the others becoming 0
  double factor = 0; // 0 where there is nothing to do
};

// Makes v of x, all but its first element, which is 1. Numbers that have lost digits, being small, are made larger first,
// so that v and its factor belong together.
inline Reflection reflection_of(double* x, int64_t n) {
  double rest = length_of(x + 1, n - 1);
  if (rest == 0) return {x[0], 0};
  double length = length_of(x[0], rest), scale = 1;
  if (length < 0x1p-900) {
    scale = 0x1p-300;
    for (int64_t i = 0; i < n; ++i) x[i] *= 0x1p300;
    rest = length_of(x + 1, n - 1);
    length = length_of(x[0], rest);
  }
  const double first = x[0] > 0 ? -length : length, divisor = x[0] - first;
  const double factor = (first - x[0]) / first;
  for (int64_t i = 1; i < n; ++i) x[i] /= divisor;
  return {first * scale, factor};
}

// A matrix of which element (i, k) lies at i * row + k * step.
struct Operand {
  const double* data;
  int64_t row, step;
};

// out = left right, or is added to. Rows of `right` and of `out` lie along memory, and those of `right` may be read
// beyond their end, up to the end of a tile.
inline void multiply_tiles(int64_t rows, int64_t columns, int64_t inner, const Operand& left,
                           const Columns& right, const Columns& out, bool adds) {
  for (int64_t k = 0; k < inner; k += block_depth) {
    const int64_t depth = smaller(block_depth, inner - k);
    for (int64_t j = 0; j < columns; j += tile_width<double>)
      for (int64_t i = 0; i < rows; i += tile_height)
        multiply_tile<double>(smaller(tile_height, rows - i), smaller(tile_width<double>, columns - j),
                              {depth, left.data + i * left.row + k * left.step, left.row, left.step,
                               right.at(j, k), right.stride},
                              out.at(j, i), out.stride, adds || k > 0);
  }
}

} // namespace adjoint::cpu::ADJOINT_ISA
