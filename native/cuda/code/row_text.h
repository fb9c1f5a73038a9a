// The code of a kernel with rows and columns. A pass goes over the columns and computes the elements that it reduces
// or stores (device/passes.h); at its end the threads that share a row combine their parts of the reductions. Values
// of rows are computed when an element or a store asks for them. Elements are computed again in a later pass, unless
// a thread takes its columns in one step and keeps their values.
#pragma once
#include "cuda/code/reduction_text.h"
#include "device/passes.h"

namespace adjoint::cuda {

class RowText {
 public:
  RowText(const Passes& passes, const RowShape& shape);

  std::string write();
  const TableRecord& record() const { return text_.record; }
  size_t reductions() const { return reduction_.count(); }
  // The table's words behind the record: the addresses of partials and tickets.
  size_t scratch_word() const { return text_.record.words(); }

 private:
  PtxWriter& w() { return text_.writer; }
  IndexCode& index() { return text_.index; }

  void find_place();
  void write_pass(size_t pass);
  void write_round(size_t pass, const std::vector<bool>& needed, const Register& at);
  void write_iteration(size_t pass, const std::vector<bool>& needed, const Register& first);
  // Whether this many groups from a round's first on are all inside the row, whichever thread has them.
  bool is_always_inside(int64_t groups) const;
  void write_row_stores();
  bool keeps_elements() const { return shape_.iterations() == 1 && shape_.rounds() == 1; }

  const FusedKernel& kernel_;
  const RowShape shape_;
  const Passes& passes_;
  FusedText text_;
  ReductionText reduction_;
  RowPlace place_;
  Register row_inside_, first_; // the thread's first column of a round
  std::string end_label_;
};

} // namespace adjoint::cuda
