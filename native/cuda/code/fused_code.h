// The forms that fused kernels take on a GPU.
#pragma once
#include "cuda/code/fused_text.h"

namespace adjoint::cuda {

// Kernels without columns. Where they are flat, instances have their own numbers of rows.
std::unique_ptr<KernelCode> make_elementwise_code(const FusedKernel& kernel, const Chip& chip);
// Kernels with rows and columns.
std::unique_ptr<KernelCode> make_row_code(const FusedKernel& kernel, const Chip& chip);

std::unique_ptr<KernelCode> make_matmul_code(const MatmulKernel& kernel, const Chip& chip);
std::unique_ptr<KernelCode> make_generator_code(const GeneratorKernel& kernel, const Chip& chip);

// A kernel whose launches are the same every time, of one function.
class FixedCode : public KernelCode {
 public:
  FunctionLaunch launch;
  int64_t partials = 0, tickets = 0;

  std::vector<FunctionLaunch> launches(std::span<const Instance>) const override {
    return launch.blocks > 0 ? std::vector{launch} : std::vector<FunctionLaunch>();
  }
  int64_t partials_bytes(std::span<const Instance>) const override { return partials; }
  int64_t ticket_count(std::span<const Instance>) const override { return tickets; }
};

// The kernel of every module that is written here.
inline constexpr const char* fused_name = "fused";

} // namespace adjoint::cuda
