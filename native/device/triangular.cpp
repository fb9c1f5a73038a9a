#include "device/triangular.h"

namespace adjoint {

namespace {

void reverse_rows(MatrixOperand& operand, int64_t rows) {
  operand.offset += (rows - 1) * operand.row_stride;
  operand.row_stride = -operand.row_stride;
}

TriangularWork work_of(const RoutineKernel& kernel) {
  const RoutineKernel::Operand &matrix = kernel.inputs[0], &out = kernel.results[0];
  TriangularWork work;
  work.dtype = out.dtype;
  work.batch = batch_of(out.shape);
  work.size = matrix.shape.back();
  work.matrix = matrices_of(matrix);
  work.out = matrices_of(out);
  return work;
}

} // namespace

TriangularWork factor_of(const RoutineKernel& kernel) {
  TriangularWork work = work_of(kernel);
  work.columns = work.size;
  work.checks = kernel.parameters[1] != 0;
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
  work.right = matrices_of(kernel.inputs[1]);
  const Dims& shape = kernel.results[0].shape;
  work.columns = shape[shape.size() - (is_left ? 1 : 2)];
  if (!is_left) {
    for (MatrixOperand* operand : {&work.matrix, &work.right, &work.out}) transpose(*operand);
    is_upper = !is_upper;
  }
  if (is_upper && work.size > 0) {
    for (MatrixOperand* operand : {&work.matrix, &work.right, &work.out}) reverse_rows(*operand, work.size);
    transpose(work.matrix);
    reverse_rows(work.matrix, work.size);
    transpose(work.matrix);
  }
  return work;
}

} // namespace adjoint
