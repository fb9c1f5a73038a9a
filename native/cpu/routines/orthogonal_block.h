// Orthogonal factors of one matrix, and the builds of them for each instruction set. All is computed in double precision,
// in matrices that lie column after column.
#pragma once
#include "cpu/isa_spaces.h"
#include <cstdint>

namespace adjoint::cpu {

// How far apart columns of so many rows lie: they begin cache lines, and are not a power of two apart, so that equal rows
// of neighbours do not fight for one place in the cache.
constexpr int64_t column_stride(int64_t rows) { return ((rows + 7) / 8 | 1) * 8; }

// Columns that lie `stride` numbers apart.
struct Columns {
  double* data;
  int64_t stride;
  double* at(int64_t row, int64_t column) const { return data + column * stride + row; }
  Columns from(int64_t row, int64_t column) const { return {at(row, column), stride}; }
};

// Reflections 1 - factor v v', one for each column of a matrix, as far as there are rows. Below the diagonal of column j
// is the rest of v, whose element j is 1; above it is R, which the reflections leave of the matrix.
struct Reflections {
  Columns matrix;
  int64_t rows, columns;
  double* factors; // one for each column
  int64_t count() const { return rows < columns ? rows : columns; }
};

// Reflections that are made, kept and applied together.
inline constexpr int64_t reflection_block = 32;
// How many numbers of memory that takes.
constexpr int64_t block_numbers(int64_t rows) { return 2 * reflection_block * column_stride(rows); }

// reflect makes the reflections of a matrix, in `work` of block_numbers(rows).
// reflect_falling exchanges columns so that R's diagonal falls; order[j] is where column j was.
// reflect_both makes those that leave two diagonals, together with others from the right, which are not kept: `work` has
// room for a number for each row and each column.
// apply_reflections multiplies a matrix of as many rows by their product Q from the left, which may be known to be an
// identity; remove_reflections multiplies by Q'. Both work in block_numbers(rows).
// factor_symmetric gives the eigenvalues in ascending order, and eigenvectors in the matrix's place; `work` has room for
// symmetric_numbers(size). Returns whether it found them.
// factor_small gives the singular values in descending order, left singular vectors in the matrix's place, and right ones
// in `others`, both without gaps between columns; `work` has room for two numbers for each row.
// factor_square gives the same of a larger matrix, in `work` of square_numbers(size). Returns whether it found them.
#define ADJOINT_ORTHOGONAL                                                                                   \
  void reflect(const Reflections& reflections, double* work);                                                \
  void reflect_falling(const Reflections& reflections, int64_t* order);                                      \
  void reflect_both(const Reflections& reflections, double* work);                                           \
  void remove_reflections(const Reflections& reflections, const Columns& to, int64_t columns, double* work); \
  void apply_reflections(const Reflections& reflections, const Columns& to, int64_t columns,                 \
                         bool is_identity, double* work);                                                    \
  bool factor_symmetric(const Columns& matrix, int64_t size, double* values, double* work);                  \
  void factor_small(double* matrix, int64_t size, double* values, double* others, double* work);             \
  bool factor_square(const Columns& matrix, int64_t size, double* values, const Columns& others,             \
                     double* work);

// Two diagonals whose eigenvalues or singular values are wanted take that many numbers for rotations, kept until they are
// applied to the vectors, and for the vectors meanwhile.
inline constexpr int64_t vector_strip = 16;
constexpr int64_t rotation_numbers(int64_t size) { return 32 * size + 64; }
constexpr int64_t strip_numbers(int64_t size) {
  return (size + vector_strip - 1) / vector_strip * vector_strip * size;
}
constexpr int64_t panel_numbers(int64_t size) { return 4 * reflection_block * column_stride(size); }
constexpr int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
constexpr int64_t symmetric_numbers(int64_t size) {
  return 2 * size + larger(panel_numbers(size), column_stride(size) * size + block_numbers(size)) +
         strip_numbers(size) + rotation_numbers(size);
}
constexpr int64_t square_numbers(int64_t size) {
  return 3 * size + larger(panel_numbers(size), block_numbers(size)) + column_stride(size) * size +
         2 * strip_numbers(size) + 2 * rotation_numbers(size);
}

#define SPACE(name)                                                                                          \
  namespace name {                                                                                           \
  ADJOINT_ORTHOGONAL                                                                                         \
  }
ADJOINT_ISA_SPACES(SPACE)
#undef SPACE
#undef ADJOINT_ORTHOGONAL

} // namespace adjoint::cpu
