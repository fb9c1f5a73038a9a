#include <utility>

#include "cuda/routines/routine_code.h"
#include "device/integers.h"

namespace adjoint::cuda {

namespace {

constexpr int64_t tile = 1024; // as in cuda/kernels/sort.cu

// Whole lines are sorted; the results have the elements from rank `first` on.
std::unique_ptr<KernelCode> sorting(const RoutineKernel& kernel, int64_t first, const Chip& chip) {
  const RoutineKernel::Operand &input = kernel.inputs[0], &values = kernel.results[0],
                               &positions = kernel.results[1];
  const int64_t axis = kernel.parameters[0], elements = input.elements();
  const Lines lines(input.shape, axis, {&input});
  const int64_t length = lines[0].extent;
  // Keys and positions twice, since a pass goes from one side to the other.
  struct Side {
    int64_t keys, positions;
  };
  Side from{0, 2 * 8 * elements}, to{8 * elements, 2 * 8 * elements + 4 * elements};
  auto code = std::make_unique<RoutineCode>("sort", chip);
  code->scratch = 2 * (8 + 4) * elements;
  RoutineTable& tiles = code->launch_blocks(instance_prefix("sort_tiles", {static_cast<int>(input.dtype)}),
                                            lines.count() * quotient_up(length, tile), 256);
  tiles.lines(lines);
  tiles.scratch(from.keys);
  tiles.scratch(from.positions);
  tiles.word(kernel.parameters[1]);
  for (int64_t run = tile; run < length; run *= 2) {
    RoutineTable& table = code->launch("_Z10merge_runs", elements);
    for (const int64_t byte : {from.keys, from.positions, to.keys, to.positions}) table.scratch(byte);
    for (const int64_t word : {lines.count(), length, run}) table.word(word);
    std::swap(from, to);
  }
  RoutineTable& taking = code->launch(
      instance_prefix("take_sorted", {static_cast<int>(bytes_of(input.dtype))}), values.elements());
  taking.lines(Lines(input.shape, axis, {&input, &values, &positions}));
  taking.scratch(from.positions);
  taking.word(first);
  code->finish();
  return code;
}

} // namespace

std::unique_ptr<KernelCode> code_of_sort(const RoutineKernel& kernel, const Chip& chip) {
  return sorting(kernel, 0, chip);
}
std::unique_ptr<KernelCode> code_of_sortedPart(const RoutineKernel& kernel, const Chip& chip) {
  return sorting(kernel, kernel.parameters[2], chip);
}

std::unique_ptr<KernelCode> code_of_searchsorted(const RoutineKernel& kernel, const Chip& chip) {
  const RoutineKernel::Operand &sequence = kernel.inputs[0], &wanted = kernel.inputs[1],
                               &out = kernel.results[0];
  auto code = std::make_unique<RoutineCode>("sort", chip);
  RoutineTable& table =
      code->launch(instance_prefix("search", {static_cast<int>(wanted.dtype)}), out.elements());
  table.lines(Lines(out.shape, static_cast<int64_t>(out.shape.size()) - 1, {&sequence, &wanted, &out}));
  table.word(kernel.parameters[0]);
  code->finish();
  return code;
}

} // namespace adjoint::cuda
