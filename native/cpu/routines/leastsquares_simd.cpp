// Parts of least squares, compiled once for each instruction set.
#include "cpu/routines/leastsquares_block.h"

#include "cpu/pool.h"
#include "cpu/routines/columns.h"

namespace adjoint::cpu::ADJOINT_ISA {

double invert_triangle(const Columns& triangle, int64_t n, const Columns& inverse) {
  double squares = 0, inverse_squares = 0;
  for (int64_t j = 0; j < n; ++j) {
    double* const column = inverse.at(0, j);
    for (int64_t i = 0; i < n; ++i) column[i] = i == j ? 1 : 0;
    for (int64_t i = j; i >= 0; --i) {
      if (*triangle.at(i, i) == 0) return math::infinity<double>;
      column[i] /= *triangle.at(i, i);
      add_multiple(-column[i], triangle.at(0, i), column, i);
    }
    squares += dot(triangle.at(0, j), triangle.at(0, j), j + 1);
    inverse_squares += dot(column, column, j + 1);
  }
  const double bound = __builtin_sqrt(squares) * __builtin_sqrt(inverse_squares);
  return bound == bound ? bound : math::infinity<double>;
}

void multiply_columns(const Columns& matrix, int64_t rows, int64_t inner, const Columns& right,
                      int64_t columns, const Columns& out) {
  constexpr int64_t strip = 24;
  parallel_for((columns + strip - 1) / strip, [&](int64_t i) {
    const int64_t first = i * strip, count = smaller(strip, columns - first);
    for (int64_t j = first; j < first + count && inner == 0; ++j)
      for (int64_t k = 0; k < rows; ++k) *out.at(k, j) = 0;
    multiply_tiles(count, rows, inner, {right.at(0, first), right.stride, 1}, matrix, out.from(0, first),
                   false);
  });
}

void transpose_matrix(const Columns& matrix, int64_t rows, int64_t columns, const Columns& to) {
  pack<double>({rows, columns, matrix.data, 1, matrix.stride}, to.data, to.stride);
}

} // namespace adjoint::cpu::ADJOINT_ISA
