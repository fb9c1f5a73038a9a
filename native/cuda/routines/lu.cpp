#include "cuda/kernels/lu_table.h"
#include "cuda/routines/routine_code.h"
#include "device/factors.h"

namespace adjoint::cuda {

namespace {

void add_batch(RoutineTable& table, const Dims& batch, const Dims& strides) {
  table.word(static_cast<int64_t>(batch.size()));
  for (size_t axis = 0; axis < batch.size(); ++axis) {
    table.word(batch[axis]);
    table.word(strides[axis]);
  }
}

} // namespace

// In the order of LuTable.
std::unique_ptr<KernelCode> code_of_lu(const RoutineKernel& kernel, const Chip& chip) {
  const FactorWork work = factors_of(kernel);
  auto code = std::make_unique<RoutineCode>("lu", chip);
  RoutineTable& table = code->launch_blocks(instance_prefix("eliminate", {static_cast<int>(work.dtype)}),
                                            work.rows * work.columns > 0 ? work.items() : 0, 256);
  const RoutineKernel::Operand &out = kernel.results[0], &pivots = kernel.results[1];
  table.array(work.matrix.array, work.matrix.offset, work.dtype);
  table.array(out.array, out.offset, out.dtype);
  table.array(pivots.array, pivots.offset, pivots.dtype);
  if (kernel.parameters[1] != 0)
    table.failure();
  else
    table.word(0);
  table.word(work.matrix.row_stride);
  table.word(work.matrix.column_stride);
  table.word(work.rows);
  table.word(work.columns);
  table.word(work.items());
  table.word(kernel.parameters[0]);
  add_batch(table, work.batch, work.matrix.batch_strides);
  code->finish();
  return code;
}

// In the order of OrderTable.
std::unique_ptr<KernelCode> code_of_permutation(const RoutineKernel& kernel, const Chip& chip) {
  const RoutineKernel::Operand &pivots = kernel.inputs[0], &out = kernel.results[0];
  Dims batch = pivots.shape;
  batch.resize(batch.size() - 1);
  auto code = std::make_unique<RoutineCode>("lu", chip);
  RoutineTable& table = code->launch("_Z10order_rows", element_count(batch));
  table.array(pivots.array, pivots.offset, pivots.dtype);
  table.array(out.array, out.offset, out.dtype);
  table.failure();
  for (const int64_t word :
       {pivots.strides.back(), pivots.shape.back(), kernel.parameters[0], element_count(batch)})
    table.word(word);
  add_batch(table, batch, pivots.strides);
  code->finish();
  return code;
}

} // namespace adjoint::cuda
