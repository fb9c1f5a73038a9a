#include "ops/scan.h"
#include "cuda/routines/routine_code.h"
#include "device/integers.h"
#include "ops/op.h"

namespace adjoint::cuda {

namespace {

// Shorter lines leave most of a block idle.
constexpr int64_t least_length_along = 256;
constexpr uint32_t threads_along = static_cast<uint32_t>(scan::chunk);

// The first template argument of the functions in cuda/kernels/scan.cu.
enum class Scan : int { sum, product, recurrence, maximum };

std::unique_ptr<KernelCode> scanning(const RoutineKernel& kernel, const Chip& chip, Scan which,
                                     int64_t state_bytes) {
  const RoutineKernel::Operand& out = kernel.results[0];
  const Lines lines =
      kernel.results.size() == 2
          ? Lines(out.shape, kernel.parameters[0], {&kernel.inputs[0], &out, &kernel.results[1]})
      : kernel.inputs.size() == 2
          ? Lines(out.shape, kernel.parameters[0], {&kernel.inputs[0], &kernel.inputs[1], &out})
          : Lines(out.shape, kernel.parameters[0], {&kernel.inputs[0], &out});
  const int64_t length = lines[kernel.inputs.size()].extent, pieces = quotient_up(length, scan::piece);
  const int64_t tasks = lines.count() * pieces;
  auto code = std::make_unique<RoutineCode>("scan", chip);
  const auto fill = [&](RoutineTable& table) {
    table.lines(lines);
    table.word(pieces);
    table.scratch(0);
  };
  const auto name = [&](const char* function, std::initializer_list<int> more = {}) {
    std::vector<int> parameters = {static_cast<int>(which), static_cast<int>(out.dtype)};
    parameters.insert(parameters.end(), more);
    return instance_prefix(function, parameters);
  };
  const bool is_along = (which == Scan::sum || which == Scan::product) && lines[0].stride == 1 &&
                        lines[1].stride == 1 && length >= least_length_along;
  const auto launch = [&](bool is_totals) {
    if (is_along)
      fill(code->launch_blocks(name("scan_along", {is_totals}), tasks, threads_along));
    else
      fill(code->launch(name(is_totals ? "scan_totals" : "scan_elements"), tasks));
  };
  if (pieces > 1) {
    code->scratch = tasks * state_bytes;
    launch(true);
    fill(code->launch(name("scan_before"), lines.count()));
  }
  launch(false);
  code->finish();
  return code;
}

constexpr int64_t state_bytes = 8; // an accumulator

} // namespace

std::unique_ptr<KernelCode> code_of_cumsum(const RoutineKernel& kernel, const Chip& chip) {
  return scanning(kernel, chip, Scan::sum, state_bytes);
}
std::unique_ptr<KernelCode> code_of_cumprod(const RoutineKernel& kernel, const Chip& chip) {
  return scanning(kernel, chip, Scan::product, state_bytes);
}
std::unique_ptr<KernelCode> code_of_cummax(const RoutineKernel& kernel, const Chip& chip) {
  return scanning(kernel, chip, Scan::maximum, 2 * state_bytes);
}
std::unique_ptr<KernelCode> code_of_recurrence(const RoutineKernel& kernel, const Chip& chip) {
  return scanning(kernel, chip, Scan::recurrence, 2 * state_bytes);
}

} // namespace adjoint::cuda
