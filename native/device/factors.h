// Factors of the matrices of a batch, as both devices take them from a routine's operands. Results are row-major.
#pragma once
#include "device/matrices.h"

namespace adjoint {

struct FactorWork {
  DType dtype = DType::float32;
  Dims batch;
  int64_t rows = 0, columns = 0;
  MatrixOperand matrix;
  int64_t items() const { return element_count(batch); }
  // The place of an item's matrix, in elements from the start of its array.
  int64_t offset(int64_t item) const {
    int64_t offset = matrix.offset;
    for (size_t axis = batch.size(); axis-- > 0; item /= batch[axis])
      offset += item % batch[axis] * matrix.batch_strides[axis];
    return offset;
  }
};

inline FactorWork factors_of(const RoutineKernel& kernel, size_t input = 0) {
  const RoutineKernel::Operand& matrix = kernel.inputs[input];
  FactorWork work;
  work.dtype = matrix.dtype;
  work.batch = batch_of(matrix.shape);
  work.rows = matrix.shape[matrix.shape.size() - 2];
  work.columns = matrix.shape.back();
  work.matrix = matrices_of(matrix);
  return work;
}

} // namespace adjoint
