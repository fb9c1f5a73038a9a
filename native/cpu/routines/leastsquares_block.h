// Parts of least squares, and the builds of them for each instruction set.
#pragma once
#include "cpu/isa_spaces.h"
#include "cpu/routines/orthogonal_block.h"

namespace adjoint::cpu {

// invert_triangle makes the inverse of an upper triangle, with zeros below it; what is below the given one is not read.
// Returns an upper bound of the condition number, or infinity where there is no inverse.
// multiply_columns makes the product of a matrix of `rows` and `inner` columns with columns; transpose_matrix turns a matrix
// of so many rows and columns.
#define ADJOINT_LEAST_SQUARES                                                                                \
  double invert_triangle(const Columns& triangle, int64_t size, const Columns& inverse);                     \
  void multiply_columns(const Columns& matrix, int64_t rows, int64_t inner, const Columns& right,            \
                        int64_t columns, const Columns& out);                                                \
  void transpose_matrix(const Columns& matrix, int64_t rows, int64_t columns, const Columns& to);

#define SPACE(name)                                                                                          \
  namespace name {                                                                                           \
  ADJOINT_LEAST_SQUARES                                                                                      \
  }
ADJOINT_ISA_SPACES(SPACE)
#undef SPACE
#undef ADJOINT_LEAST_SQUARES

} // namespace adjoint::cpu
