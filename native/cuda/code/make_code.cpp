#include "cuda/code/make_code.h"

#include <algorithm>

#include "cuda/code/embedded.h"
#include "cuda/code/fused_code.h"
#include "device/error.h"

namespace adjoint::cuda {

namespace {

// Of a kernel without rows.
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

} // namespace

bool has_code() { return embedded_count > 0; }

std::unique_ptr<KernelCode> make_code(const Kernel& kernel, const Chip& chip) {
  if (!has_code())
    throw Error(
        ErrorClass::error, "ERR_CUDA_BUILD",
        "this addon was built without CUDA: install nvcc 12 or newer (a compiler, no driver is needed), "
        "see that it is found (PATH, CUDA_PATH), and build again with `npm rebuild adjoint`");
  if (const auto* product = std::get_if<MatmulKernel>(&kernel)) return make_matmul_code(*product, chip);
  if (const auto* generator = std::get_if<GeneratorKernel>(&kernel))
    return make_generator_code(*generator, chip);
  const auto& fused = std::get<FusedKernel>(kernel);
  if (!fused.is_flat && fused.rows == 0) return std::make_unique<NoCode>();
  const bool has_columns = std::any_of(fused.steps.begin(), fused.steps.end(), [](const Step& step) {
    return step.level == Level::element || info(step.op).kind == Kind::reduction;
  });
  return has_columns ? make_row_code(fused, chip) : make_elementwise_code(fused, chip);
}

} // namespace adjoint::cuda
