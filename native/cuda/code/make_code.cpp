#include "cuda/code/make_code.h"

#include <algorithm>

#include "cuda/code/embedded.h"
#include "cuda/code/fused_code.h"
#include "cuda/code/routine.h"
#include "device/error.h"

namespace adjoint::cuda {

namespace {

// The code of a kernel without rows.
class NoCode final : public FixedCode {
 public:
  NoCode() {
    launch.blocks = 0;
    ptx = std::make_shared<const std::string>(PtxWriter().module(fused_name, 32, 0));
    functions = {fused_name};
  }
  size_t table_words(std::span<const Instance>) const override { return 0; }
  void fill_table(std::span<const Instance>, Scratch, uint64_t*) const override {}
};

std::unique_ptr<KernelCode> code_of(const FusedKernel& kernel, const Chip& chip) {
  if (!kernel.is_flat && kernel.rows == 0) return std::make_unique<NoCode>();
  const bool has_columns = std::any_of(kernel.steps.begin(), kernel.steps.end(), [](const Step& step) {
    return step.level == Level::element || info(step.op).kind == Kind::reduction;
  });
  return has_columns ? make_row_code(kernel, chip) : make_elementwise_code(kernel, chip);
}

std::unique_ptr<KernelCode> code_of(const RoutineKernel& kernel, const Chip& chip) {
  switch (kernel.op) {
#define CODE_ON_every(name)                                                                                  \
  case Op::name:                                                                                             \
    return code_of_##name(kernel, chip);
#define CODE_ON_host(name)
#define CODE_ON_nowhere(name)
#define ROUTINE(name, label, in, out, keeps, dtypes, trait, failure, effort, devices, parameters)            \
  CODE_ON_##devices(name)
#include "ops/routines.def"
#undef ROUTINE
#undef CODE_ON_every
#undef CODE_ON_host
#undef CODE_ON_nowhere
  default:
    throw internal_error(std::string(info(kernel.op).name) + " has no kernel for a GPU");
  }
}

} // namespace

bool has_code() { return embedded_count > 0; }

std::unique_ptr<KernelCode> make_code(const Kernel& kernel, const Chip& chip) {
  if (!has_code())
    throw Error(
        ErrorClass::error, "ERR_CUDA_BUILD",
        "this addon was built without CUDA: install nvcc 12 or newer (a compiler, no driver is needed), "
        "see that it is found (PATH, CUDA_PATH), and build again with `npm rebuild adjoint`");
  return std::visit([&](const auto& form) { return code_of(form, chip); }, kernel);
}

} // namespace adjoint::cuda
