// Singular values and vectors of small matrices, compiled once for each instruction set: Jacobi's rotations of columns
// (J. Demmel and K. Veselic, 1992), which find small values as precisely as large ones.
#include "cpu/routines/columns.h"

namespace adjoint::cpu::ADJOINT_ISA {

namespace {

// Rotates by less than a right angle, in Rutishauser's form, whose errors do not pile up.
void rotate_slightly(double* x, double* y, double cosine, double sine, int64_t n) {
  const double part = sine / (1 + cosine);
  for (int64_t i = 0; i < n; ++i) {
    const double one = x[i], other = y[i];
    x[i] = multiply_add(-sine, multiply_add(part, one, other), one);
    y[i] = multiply_add(sine, multiply_add(-part, other, one), other);
  }
}

// A unit vector at right angles to the first `count` columns.
void complete(double* columns, int64_t n, int64_t count, double* column) {
  double best = -1;
  int64_t chosen = 0;
  for (int64_t i = 0; i < n; ++i) { // the axis of which the columns have least
    double left = 1;
    for (int64_t j = 0; j < count; ++j) left -= columns[j * n + i] * columns[j * n + i];
    if (left > best) {
      best = left;
      chosen = i;
    }
  }
  for (int64_t i = 0; i < n; ++i) column[i] = i == chosen ? 1 : 0;
  for (int round = 0; round < 3; ++round) {
    for (int64_t j = 0; j < count; ++j)
      add_multiple(-dot(columns + j * n, column, n), columns + j * n, column, n);
    const double length = length_of(column, n);
    for (int64_t i = 0; i < n; ++i) column[i] /= length;
  }
}

} // namespace

void factor_small(double* matrix, int64_t n, double* values, double* others, double* work) {
  constexpr int most_sweeps = 60;
  constexpr double nothing = 0x1p-960; // squares that have lost digits
  const double root = __builtin_sqrt(static_cast<double>(n));
  const double tolerance = epsilon * (root > 4 ? root : 4);
  double* const squares = work;
  for (int64_t i = 0; i < n * n; ++i) others[i] = i % (n + 1) == 0 ? 1 : 0;
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    bool has_rotated = false;
    for (int64_t j = 0; j < n; ++j) squares[j] = dot(matrix + j * n, matrix + j * n, n);
    for (int64_t p = 0; p < n; ++p)
      for (int64_t q = p + 1; q < n; ++q) {
        double *const x = matrix + p * n, *const y = matrix + q * n;
        if (squares[p] < squares[q]) {
          exchange(x, y, n);
          exchange(others + p * n, others + q * n, n);
          const double square = squares[p];
          squares[p] = squares[q];
          squares[q] = square;
        }
        if (squares[q] < nothing) continue;
        const double product = dot(x, y, n);
        if (size_of(product) <= tolerance * __builtin_sqrt(squares[p]) * __builtin_sqrt(squares[q])) continue;
        has_rotated = true;
        const double slope = (squares[q] - squares[p]) / (2 * product);
        const double tangent = (slope < 0 ? -1 : 1) / (size_of(slope) + length_of(1.0, slope));
        const double cosine = 1 / __builtin_sqrt(1 + tangent * tangent), sine = cosine * tangent;
        rotate_slightly(x, y, cosine, sine, n);
        rotate_slightly(others + p * n, others + q * n, cosine, sine, n);
        squares[p] -= tangent * product;
        const double square = squares[q] + tangent * product;
        squares[q] = square < 0.5 * squares[q] ? dot(y, y, n) : square;
      }
    if (!has_rotated) break;
  }
  for (int64_t j = 0; j < n; ++j) values[j] = length_of(matrix + j * n, n);
  for (int64_t j = 0; j < n; ++j) {
    int64_t most = j;
    for (int64_t k = j + 1; k < n; ++k)
      if (values[k] > values[most]) most = k;
    if (most != j) {
      const double value = values[j];
      values[j] = values[most];
      values[most] = value;
      exchange(matrix + j * n, matrix + most * n, n);
      exchange(others + j * n, others + most * n, n);
    }
    double* const x = matrix + j * n;
    if (values[j] * values[j] < nothing)
      complete(matrix, n, j, x);
    else
      for (int64_t i = 0; i < n; ++i) x[i] /= values[j];
  }
}

} // namespace adjoint::cpu::ADJOINT_ISA
