// The code of a kernel with rows and columns. A pass goes over the columns with everything that can be
// computed by then; reductions end a pass, for the team of threads that share a row, and rows' values follow
// that need them. Values of elements are computed again in a later pass, unless a thread goes over its
// columns in one step, and keeps them.
#pragma once
#include "cuda/fused_text.h"
#include "cuda/row_shape.h"

namespace adjoint::cuda {

// Which pass needs what.
struct Passes {
  std::vector<size_t> of_step;  // the first in which it can be computed
  std::vector<size_t> of_store; // of elements
  size_t count = 0;             // of those that have anything to do

  explicit Passes(const FusedKernel& kernel);
  // The elements' steps that a pass reduces or stores, and all that they need.
  std::vector<bool> needed(const FusedText& text, size_t pass) const;
};

class RowText {
 public:
  RowText(const FusedKernel& kernel, const RowShape& shape, const Passes& passes);

  std::string write();
  const Record& record() const { return text_.record; }
  size_t reductions() const { return reductions_.size(); }
  // The table's words behind the record: the addresses of partials and tickets.
  size_t scratch_word() const { return text_.record.words(); }

 private:
  PtxWriter& w() { return text_.writer; }
  IndexCode& index() { return text_.index; }

  void find_place();
  void write_pass(size_t pass);
  void write_iterations(size_t pass, const std::vector<bool>& needed, std::span<const uint16_t> reductions,
                        std::span<Register> sums);
  void write_iteration(size_t pass, const Register& first, const std::vector<bool>& needed,
                       std::span<const uint16_t> reductions, std::span<Register> sums, bool is_only);
  Register lanes_combined(uint16_t reduction, const Group& group);
  void combine_team(std::span<const uint16_t> reductions, std::span<Register> values, bool is_for_all);
  void combine_in_warp(uint16_t reduction, Register& value, bool is_for_all);
  void combine_splits(std::span<const uint16_t> reductions, std::span<Register> values);
  void write_row_stores();

  DType partial_dtype(uint16_t reduction) const;
  Register identity(uint16_t reduction);
  Register combined(uint16_t reduction, const Register& a, const Register& b);
  Register tree(uint16_t reduction, std::vector<Register> values);
  Register shuffled(const char* mode, const Register& value, Width width, int64_t distance);
  // Shared memory that nobody is going to read what is in it.
  int64_t reserve(int64_t bytes);
  bool keeps_elements() const { return shape_.iterations() == 1; }

  const FusedKernel& kernel_;
  const RowShape shape_;
  const Passes& passes_;
  FusedText text_;
  std::vector<uint16_t> reductions_;
  Register thread_, lane_, local_row_, row_inside_, row_block_, is_leader_;
  Register begin_, end_, first_; // of the split's columns, and of this thread's
  std::string end_label_;
  int64_t shared_ = 0, most_shared_ = 0;
};

} // namespace adjoint::cuda
