#include "device/windows.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "cuda/code/module_text.h"
#include "cuda/code/ptx_writer.h"
#include "cuda/code/routine.h"

namespace adjoint::cuda {

namespace {

constexpr int64_t threads = 256, blocks_per_multiprocessor = 16;

// Its table is described with the kernels.
class WindowsCode final : public FixedCode {
 public:
  WindowsCode(const RoutineKernel& kernel, const Windows& windows)
      : input_(kernel.inputs[0]), out_(kernel.results[0]), windows_(windows) {}
  size_t table_words(std::span<const Instance>) const override { return 3 + sizeof(Windows) / 8; }
  void fill_table(std::span<const Instance> instances, Scratch, uint64_t* words) const override {
    words[0] = reinterpret_cast<uintptr_t>(instances[0].arrays[input_.array]) +
               static_cast<uint64_t>(input_.offset * bytes_of(input_.dtype));
    words[1] = reinterpret_cast<uintptr_t>(instances[0].arrays[out_.array]);
    words[2] = static_cast<uint64_t>(out_.elements());
    std::memcpy(words + 3, &windows_, sizeof windows_);
  }

 private:
  RoutineKernel::Operand input_, out_;
  Windows windows_;
};

std::unique_ptr<KernelCode> code_of(const RoutineKernel& kernel, const Windows& windows, const Chip& chip,
                                    const char* function, int64_t instance) {
  const int64_t elements = kernel.results[0].elements();
  auto code = std::make_unique<WindowsCode>(kernel, windows);
  const bool is_wide = elements > std::numeric_limits<int32_t>::max();
  EmbeddedKernel embedded =
      embedded_kernel("windows", instance_prefix(function, {static_cast<int>(instance), is_wide}));
  code->ptx = std::move(embedded.ptx);
  code->functions = {std::move(embedded.name)};
  const int64_t blocks =
      std::min((elements + threads - 1) / threads, blocks_per_multiprocessor * chip.multiprocessors);
  code->launch = {0, static_cast<uint32_t>(blocks), static_cast<uint32_t>(threads), 0};
  return code;
}

} // namespace

std::unique_ptr<KernelCode> code_of_unfold(const RoutineKernel& kernel, const Chip& chip) {
  return code_of(kernel, unfolding_of(kernel), chip, "unfold", bytes_of(kernel.results[0].dtype));
}
std::unique_ptr<KernelCode> code_of_fold(const RoutineKernel& kernel, const Chip& chip) {
  return code_of(kernel, folding_of(kernel), chip, "fold", static_cast<int64_t>(kernel.results[0].dtype));
}

} // namespace adjoint::cuda
