#include "device/triangular.h"

#include <utility>

namespace adjoint {

namespace {

using Operand = TriangularWork::Operand;

Operand operand_of(const RoutineKernel::Operand& tensor) {
  const size_t rank = tensor.shape.size();
  Operand result{tensor.array, tensor.offset, tensor.strides, tensor.strides[rank - 2],
                 tensor.strides[rank - 1]};
  result.batch_strides.resize(rank - 2);
  return result;
}

void transpose(Operand& operand) { std::swap(operand.row_stride, operand.column_stride); }

void reverse_rows(Operand& operand, int64_t rows) {
  operand.offset += (rows - 1) * operand.row_stride;
  operand.row_stride = -operand.row_stride;
}

TriangularWork work_of(const RoutineKernel& kernel) {
  const RoutineKernel::Operand &matrix = kernel.inputs[0], &out = kernel.results[0];
  TriangularWork work;
  work.dtype = out.dtype;
  work.batch = out.shape;
  work.batch.resize(out.shape.size() - 2);
  work.size = matrix.shape.back();
  work.matrix = operand_of(matrix);
  work.out = operand_of(out);
  return work;
}

} // namespace

TriangularWork factor_of(const RoutineKernel& kernel) {
  TriangularWork work = work_of(kernel);
  work.columns = work.size;
  const bool is_upper = kernel.parameters[0] != 0;
  if (is_upper) {
    transpose(work.matrix);
    transpose(work.out);
  }
  return work;
}

TriangularWork equation_of(const RoutineKernel& kernel) {
  TriangularWork work = work_of(kernel);
  bool is_upper = kernel.parameters[0] != 0;
  const bool is_left = kernel.parameters[1] != 0;
  work.has_unit_diagonal = kernel.parameters[2] != 0;
  work.right = operand_of(kernel.inputs[1]);
  const Dims& shape = kernel.results[0].shape;
  work.columns = shape[shape.size() - (is_left ? 1 : 2)];
  if (!is_left) {
    for (Operand* operand : {&work.matrix, &work.right, &work.out}) transpose(*operand);
    is_upper = !is_upper;
  }
  if (is_upper && work.size > 0) {
    for (Operand* operand : {&work.matrix, &work.right, &work.out}) reverse_rows(*operand, work.size);
    transpose(work.matrix);
    reverse_rows(work.matrix, work.size);
    transpose(work.matrix);
  }
  return work;
}

} // namespace adjoint
