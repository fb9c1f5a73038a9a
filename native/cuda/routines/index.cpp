#include "cuda/routines/routine_code.h"
#include "ops/combination.h"

namespace adjoint::cuda {

namespace {

std::string of_width(const char* function, DType dtype) {
  return instance_prefix(function, {static_cast<int>(bytes_of(dtype))});
}

std::unique_ptr<KernelCode> gathering(const RoutineKernel& kernel, const Chip& chip) {
  const RoutineKernel::Operand &index = kernel.inputs[1], &out = kernel.results[0];
  const Lines lines(index.shape, kernel.parameters[0], {&kernel.inputs[0], &index, &out});
  auto code = std::make_unique<RoutineCode>("index", chip);
  RoutineTable& table = code->launch(of_width("gather", out.dtype), out.elements());
  table.lines(lines);
  table.failure();
  code->finish();
  return code;
}

// Indices ascend along a line when they come here: see graph/routines/index.cpp.
std::unique_ptr<KernelCode> scattering(const RoutineKernel& kernel, const Chip& chip) {
  const RoutineKernel::Operand &whole = kernel.inputs[0], &index = kernel.inputs[1], &part = kernel.inputs[2];
  const RoutineKernel::Operand& out = kernel.results[0];
  const int64_t axis = kernel.parameters[0];
  auto code = std::make_unique<RoutineCode>("index", chip);
  code->launch(of_width("copy_lines", out.dtype), out.elements())
      .lines(Lines(whole.shape, axis, {&whole, &out}));
  if (index.elements() > 0) {
    const auto combination = static_cast<int>(combination_of(kernel.op, kernel.parameters));
    const std::string function = instance_prefix("combine_runs", {combination, static_cast<int>(out.dtype)});
    RoutineTable& table = code->launch(function, index.elements());
    table.lines(Lines(index.shape, axis, {&index, &part, &out}));
    table.failure();
  }
  code->finish();
  return code;
}

} // namespace

std::unique_ptr<KernelCode> code_of_gather(const RoutineKernel& kernel, const Chip& chip) {
  return gathering(kernel, chip);
}
std::unique_ptr<KernelCode> code_of_indexSelect(const RoutineKernel& kernel, const Chip& chip) {
  return gathering(kernel, chip);
}

std::unique_ptr<KernelCode> code_of_embeddingBag(const RoutineKernel& kernel, const Chip& chip) {
  const RoutineKernel::Operand &rows = kernel.inputs[0], &index = kernel.inputs[1], &out = kernel.results[0];
  auto code = std::make_unique<RoutineCode>("index", chip);
  RoutineTable& table =
      code->launch(instance_prefix("sum_rows", {static_cast<int>(out.dtype)}), out.elements());
  table.lines(Lines(out.shape, 0, {&rows, &out}));
  table.array(index.array, index.offset, index.dtype);
  for (const int64_t word : {index.strides[0], index.strides[1], index.shape[1]}) table.word(word);
  table.failure();
  code->finish();
  return code;
}

std::unique_ptr<KernelCode> code_of_nonzero(const RoutineKernel& kernel, const Chip& chip) {
  const RoutineKernel::Operand &mask = kernel.inputs[0], &ends = kernel.inputs[1], &out = kernel.results[0];
  auto code = std::make_unique<RoutineCode>("index", chip);
  RoutineTable& table = code->launch("_Z12write_places", mask.elements());
  table.array(mask.array, mask.offset, mask.dtype);
  table.word(mask.strides[0]);
  table.array(ends.array, ends.offset, ends.dtype);
  table.word(ends.strides[0]);
  table.word(mask.elements());
  table.array(out.array, 0, out.dtype);
  table.word(static_cast<int64_t>(kernel.parameters.size()));
  for (int64_t extent : kernel.parameters) table.word(extent);
  code->finish();
  return code;
}

std::unique_ptr<KernelCode> code_of_scatterAdd(const RoutineKernel& kernel, const Chip& chip) {
  return scattering(kernel, chip);
}
std::unique_ptr<KernelCode> code_of_scatter(const RoutineKernel& kernel, const Chip& chip) {
  return scattering(kernel, chip);
}
std::unique_ptr<KernelCode> code_of_scatterReduce(const RoutineKernel& kernel, const Chip& chip) {
  return scattering(kernel, chip);
}

} // namespace adjoint::cuda
