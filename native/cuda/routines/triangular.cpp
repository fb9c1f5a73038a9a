#include "device/triangular.h"

#include <cstring>

#include "cuda/code/module_text.h"
#include "cuda/code/ptx_writer.h"
#include "cuda/code/routine.h"
#include "cuda/kernels/triangular_table.h"
#include "device/integers.h"

namespace adjoint::cuda {

namespace {

constexpr uint32_t threads = 256;

class TriangularCode final : public FixedCode {
 public:
  TriangularCode(const TriangularWork& work, int64_t panels) : work_(work), panels_(panels) {}
  size_t table_words(std::span<const Instance>) const override {
    return sizeof(TriangularTable) / 8 + work_.batch.size() * sizeof(TriangularBatchAxis) / 8;
  }
  void fill_table(std::span<const Instance> instances, Scratch, uint64_t* words) const override {
    const auto matrix = [&](const MatrixOperand& operand) {
      return TriangularMatrix{reinterpret_cast<uintptr_t>(instances[0].arrays[operand.array]) +
                                  static_cast<uint64_t>(operand.offset * bytes_of(work_.dtype)),
                              operand.row_stride, operand.column_stride};
    };
    TriangularTable table{};
    table.matrix = matrix(work_.matrix);
    table.right = matrix(work_.right);
    table.out = matrix(work_.out);
    table.size = work_.size;
    table.columns = work_.columns;
    table.panels = panels_;
    table.has_unit_diagonal = work_.has_unit_diagonal;
    table.failure = work_.checks ? reinterpret_cast<uintptr_t>(instances[0].failure) : 0;
    table.batch_rank = static_cast<int64_t>(work_.batch.size());
    std::memcpy(words, &table, sizeof table);
    words += sizeof table / 8;
    for (size_t i = 0; i < work_.batch.size(); ++i, words += sizeof(TriangularBatchAxis) / 8) {
      const bool has_right = !work_.right.batch_strides.empty();
      const TriangularBatchAxis axis{work_.batch[i], work_.matrix.batch_strides[i],
                                     has_right ? work_.right.batch_strides[i] : 0,
                                     work_.out.batch_strides[i]};
      std::memcpy(words, &axis, sizeof axis);
    }
  }

 private:
  TriangularWork work_;
  int64_t panels_;
};

std::unique_ptr<KernelCode> code_of(const TriangularWork& work, int64_t panels, const char* function) {
  auto code = std::make_unique<TriangularCode>(work, panels);
  EmbeddedKernel embedded =
      embedded_kernel("triangular", instance_prefix(function, {static_cast<int>(work.dtype)}));
  code->ptx = std::move(embedded.ptx);
  code->functions = {std::move(embedded.name)};
  const int64_t blocks = work.size > 0 ? work.items() * panels : 0;
  code->launch = {0, static_cast<uint32_t>(blocks), threads, 0};
  return code;
}

} // namespace

std::unique_ptr<KernelCode> code_of_cholesky(const RoutineKernel& kernel, const Chip&) {
  return code_of(factor_of(kernel), 1, "factor");
}
std::unique_ptr<KernelCode> code_of_solveTriangular(const RoutineKernel& kernel, const Chip&) {
  const TriangularWork work = equation_of(kernel);
  return code_of(work, quotient_up(work.columns, triangular_block), "solve");
}

} // namespace adjoint::cuda
