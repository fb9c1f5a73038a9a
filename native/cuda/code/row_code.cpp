// Kernels with rows and columns. In comes a FusedKernel; out come its PTX and its launch. The work of a row
// decides how threads share rows and columns (row_shape.h), RowText writes the text (row_text.h, and
// reduction_text.h for the tree of a reduction), and RowCode fills the table. A row that several blocks share
// needs device memory for partial results and tickets.
#include "cuda/code/fused_code.h"
#include "cuda/code/row_text.h"

namespace adjoint::cuda {

namespace {

class RowCode final : public FixedCode {
 public:
  RowCode(TableRecord record, bool has_scratch) : record_(std::move(record)), has_scratch_(has_scratch) {}
  size_t table_words(std::span<const Instance>) const override {
    return record_.words() + (has_scratch_ ? 2 : 0);
  }
  void fill_table(std::span<const Instance> instances, Scratch scratch, uint64_t* words) const override {
    record_.fill(instances[0], words);
    if (!has_scratch_) return;
    words[record_.words()] = scratch.partials;
    words[record_.words() + 1] = scratch.tickets;
  }

 private:
  TableRecord record_;
  bool has_scratch_;
};

} // namespace

std::unique_ptr<KernelCode> make_row_code(const FusedKernel& kernel, const Chip& chip) {
  const Passes passes(kernel);
  RowWork work{.passes = passes.count};
  for (size_t pass = 0; pass < passes.count; ++pass) {
    work.statements = std::max(work.statements, statements(kernel, passes.needed(pass)));
    work.reductions = std::max(work.reductions, static_cast<int64_t>(passes.reductions(pass).size()));
  }
  const RowShape shape = choose_row_shape(kernel, chip, work);
  RowText text(passes, shape);
  auto code = std::make_unique<RowCode>(text.record(), shape.splits > 1);
  code->ptx = std::make_shared<const std::string>(text.write());
  code->functions = {fused_name};
  const int64_t row_blocks = quotient_up(kernel.rows, shape.rows);
  code->launch = {0, static_cast<uint32_t>(row_blocks * shape.splits), static_cast<uint32_t>(shape.threads()),
                  0};
  if (shape.splits > 1) {
    code->partials = row_blocks * shape.splits * shape.rows * 8 * static_cast<int64_t>(text.reductions());
    code->tickets = row_blocks;
  }
  return code;
}

} // namespace adjoint::cuda
