// A routine's operand as a batch of matrices.
#pragma once
#include <utility>

#include "device/kernel.h"

namespace adjoint {

struct MatrixOperand {
  uint16_t array = 0;
  int64_t offset = 0;
  Dims batch_strides;
  int64_t row_stride = 0, column_stride = 0;
};

// The last two axes are a matrix's rows and columns.
inline MatrixOperand matrices_of(const RoutineKernel::Operand& tensor) {
  const size_t rank = tensor.shape.size();
  MatrixOperand matrices{tensor.array, tensor.offset, tensor.strides, tensor.strides[rank - 2],
                         tensor.strides[rank - 1]};
  matrices.batch_strides.resize(rank - 2);
  return matrices;
}

inline void transpose(MatrixOperand& matrices) { std::swap(matrices.row_stride, matrices.column_stride); }

// The axes before those of a matrix.
inline Dims batch_of(const Dims& shape) {
  Dims batch = shape;
  batch.resize(shape.size() < 2 ? 0 : shape.size() - 2);
  return batch;
}

} // namespace adjoint
