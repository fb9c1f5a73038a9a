#include <algorithm>

#include "cuda/code/module_text.h"
#include "cuda/code/ptx_writer.h"
#include "cuda/code/routine.h"

namespace adjoint::cuda {

namespace {

constexpr int64_t threads = 256, blocks_per_multiprocessor = 16;

// The table is described with the kernels.
class RandomCode final : public FixedCode {
 public:
  explicit RandomCode(const RoutineKernel::Operand& out) : out_(out) {}
  size_t table_words(std::span<const Instance>) const override { return 4; }
  void fill_table(std::span<const Instance> instances, Scratch, uint64_t* words) const override {
    words[0] = reinterpret_cast<uintptr_t>(instances[0].arrays[out_.array]);
    words[1] = static_cast<uint64_t>(out_.elements());
    for (size_t i = 0; i < 2; ++i)
      words[2 + i] = static_cast<uint64_t>(instances[0].numbers[i].as<int64_t>());
  }

 private:
  RoutineKernel::Operand out_;
};

std::unique_ptr<KernelCode> drawing(const RoutineKernel& kernel, const Chip& chip) {
  const RoutineKernel::Operand& out = kernel.results[0];
  auto code = std::make_unique<RandomCode>(out);
  EmbeddedKernel embedded = embedded_kernel(
      "random", instance_prefix("draw", {static_cast<int>(kernel.op), static_cast<int>(out.dtype)}));
  code->ptx = std::move(embedded.ptx);
  code->functions = {std::move(embedded.name)};
  const int64_t blocks =
      std::min((out.elements() + threads - 1) / threads, blocks_per_multiprocessor * chip.multiprocessors);
  code->launch = {0, static_cast<uint32_t>(blocks), static_cast<uint32_t>(threads), 0};
  return code;
}

} // namespace

std::unique_ptr<KernelCode> code_of_rand(const RoutineKernel& kernel, const Chip& chip) {
  return drawing(kernel, chip);
}
std::unique_ptr<KernelCode> code_of_randn(const RoutineKernel& kernel, const Chip& chip) {
  return drawing(kernel, chip);
}

} // namespace adjoint::cuda
