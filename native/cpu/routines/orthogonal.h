// Orthogonal factors of one matrix, and the builds of them for each instruction set. All is computed in double precision,
// in matrices that lie column after column.
#pragma once
#include <cstdint>

namespace adjoint::cpu {

// Reflections 1 - factor v v', one for each column of a matrix, as far as there are rows. Below the diagonal of column j
// is the rest of v, whose element j is 1; above it is R, which the reflections leave of the matrix.
struct Reflections {
  double* matrix;
  int64_t rows, columns;
  double* factors; // one for each column
  int64_t count() const { return rows < columns ? rows : columns; }
};

// reflect makes the reflections of a matrix. With `order`, columns are exchanged so that R's diagonal falls; order[j] is
// where column j was.
// reflect_both makes those that leave two diagonals, together with others from the right, which are not kept: `work` has
// room for a number for each row and each column.
// apply_reflections multiplies a matrix of as many rows by their product Q from the left, which may be known to be an
// identity; remove_reflections multiplies by Q'.
// factor_symmetric gives the eigenvalues in ascending order, and eigenvectors in the matrix's place; `work` has room for
// the matrix and for three more numbers for each row.
// factor_square gives the singular values in descending order, left singular vectors in the matrix's place, and right ones
// in `others`; `work` has room for two numbers for each row.
#define ADJOINT_ORTHOGONAL                                                                                   \
  void reflect(const Reflections& reflections, int64_t* order);                                              \
  void reflect_both(const Reflections& reflections, double* work);                                           \
  void remove_reflections(const Reflections& reflections, double* to, int64_t columns);                      \
  void apply_reflections(const Reflections& reflections, double* to, int64_t columns, bool is_identity);     \
  void factor_symmetric(double* matrix, int64_t size, double* values, double* work);                         \
  void factor_square(double* matrix, int64_t size, double* values, double* others, double* work);

namespace isa_base {
ADJOINT_ORTHOGONAL
}
#ifdef __x86_64__
namespace isa_v2 {
ADJOINT_ORTHOGONAL
}
namespace isa_v3 {
ADJOINT_ORTHOGONAL
}
namespace isa_v4 {
ADJOINT_ORTHOGONAL
}
#endif
#undef ADJOINT_ORTHOGONAL

} // namespace adjoint::cpu
