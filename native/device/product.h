// A product of matrices, as both devices take it from a routine's operands.
#pragma once
#include "device/matrices.h"

namespace adjoint {

// out = left x right, over a batch: row-major out, operands wherever their strides say.
struct MatrixProduct {
  DType dtype = DType::float32;
  ProductModes modes;
  Dims batch;
  int64_t rows = 1, columns = 1, inner = 1;
  MatrixOperand left, right, out;
};

MatrixProduct product_of(const RoutineKernel& kernel);

// Turns batch axes that merely lengthen the left matrix into rows of it: they share one right operand, and
// left and out go on along them as if they were one matrix.
MatrixProduct with_batch_in_rows(MatrixProduct product);

} // namespace adjoint
