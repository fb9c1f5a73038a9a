// Lower triangular matrices of a batch, as both devices take them from a routine's operands: whichever triangle and side
// a row is asked for, strides turn the matrices so that it is the lower one on the left.
//
// Every element of a result is what it is computed from, less products in ascending order of k, one multiply-add after
// the other, and then divided. So blocks and threads change no bits, and processors with fused multiply-adds agree.
#pragma once
#include "device/matrices.h"

namespace adjoint {

struct TriangularWork {
  DType dtype = DType::float32;
  Dims batch;
  int64_t size = 0;    // rows and columns of the triangle
  int64_t columns = 0; // of the equation's sides
  bool has_unit_diagonal = false;
  bool checks =
      true; // a factor that is not there is a failure; otherwise it is NaN from the row on that ends it
  MatrixOperand matrix, right, out; // factors have no right side
  int64_t items() const { return element_count(batch); }
};

// matrix = out out', of which out is lower triangular; of the matrix the lower triangle is read.
TriangularWork factor_of(const RoutineKernel& kernel);
// matrix out = right, of which the matrix is lower triangular.
TriangularWork equation_of(const RoutineKernel& kernel);

// So many rows or columns are taken at once.
inline constexpr int64_t triangular_block = 32;

} // namespace adjoint
