#include <algorithm>

#include "cuda/code/fused_code.h"

namespace adjoint::cuda {

namespace {

constexpr int64_t threads = 256, blocks_per_multiprocessor = 16;

// Its table is described with the kernels.
class GeneratorCode final : public FixedCode {
 public:
  explicit GeneratorCode(const GeneratorKernel& kernel) : kernel_(kernel) {}
  size_t table_words(std::span<const Instance>) const override { return 4; }
  void fill_table(std::span<const Instance> instances, Scratch, uint64_t* words) const override {
    const Number* numbers = instances[0].numbers;
    words[0] = reinterpret_cast<uintptr_t>(instances[0].arrays[kernel_.array]);
    words[1] = static_cast<uint64_t>(kernel_.elements);
    for (size_t i = 0; i < 2; ++i) words[2 + i] = static_cast<uint64_t>(numbers[i].as<int64_t>());
  }

 private:
  GeneratorKernel kernel_;
};

} // namespace

std::unique_ptr<KernelCode> make_generator_code(const GeneratorKernel& kernel, const Chip& chip) {
  auto code = std::make_unique<GeneratorCode>(kernel);
  EmbeddedKernel embedded = embedded_kernel(
      "generate", instance_prefix("generate", {static_cast<int>(kernel.op), static_cast<int>(kernel.dtype)}));
  code->ptx = std::move(embedded.ptx);
  code->functions = {std::move(embedded.name)};
  const int64_t blocks =
      std::min((kernel.elements + threads - 1) / threads, blocks_per_multiprocessor * chip.multiprocessors);
  code->launch = {0, static_cast<uint32_t>(blocks), static_cast<uint32_t>(threads), 0};
  return code;
}

} // namespace adjoint::cuda
