// The code of reductions. Their tree is the one that every device takes (see ops/reduction_tree.h), however
// the kernel is cut:
//
//   thread   its lanes of a chunk, each in a register of its own
//   team     lanes folded by halves: those of a thread, then of neighbours, by way of shuffles
//   block    in a round, the chunks of a row's teams, combined in pairs
//   rounds   a binary counter, in memory of the thread's own
//   splits   combined in pairs by the block that comes last
#pragma once
#include "cuda/code/fused_text.h"
#include "cuda/code/row_shape.h"

namespace adjoint::cuda {

// The place where a thread works.
struct RowPlace {
  Register thread, local_row;
  Register lane;            // among the row's threads
  Register team, team_lane; // which of the row's teams, and which of its threads
  Register is_leader;       // of the row; empty if it has one thread
  Register begin, end;      // of the split's columns; an empty begin is zero
};

class ReductionText {
 public:
  ReductionText(FusedText& text, const RowShape& shape);

  // The memory that the code so far needs, for a block and for each thread.
  int64_t shared_bytes() const { return most_shared_; }
  int64_t local_bytes() const { return local_bytes_; }
  size_t count() const { return count_; }

  // A pass that reduces these steps. Its results are for the row's leader, or for all of its threads.
  void begin_pass(const RowPlace& place, std::vector<uint16_t> reductions, bool is_for_all);
  bool is_empty() const { return reductions_.empty(); }
  // A round: values are added in the order of their groups; `at` is the round's first column.
  void begin_round(const Register& at);
  void add(const Group& group, size_t number);
  // Makes the result of the round's chunks the pass's, or pushes it behind those of the rounds before.
  void end_round();
  void begin_rounds();
  void push_round();
  void end_rounds();
  // Puts the splits together; all blocks of a row but the last go to the label. Two words of the table, from
  // `scratch_word` on, are the addresses of partials and tickets.
  void combine_splits(int64_t scratch_word, const std::string& end);
  // The value of each reduction for the whole row, finished.
  void end_pass();

 private:
  using Values = std::vector<Register>;

  PtxWriter& w() { return text_.writer; }
  IndexCode& index() { return text_.index; }

  DType dtype(size_t i) const;
  Width width(size_t i) const { return width_of(dtype(i)); }
  const char* bits(size_t i) const { return bits_of(width(i)); }
  Register identity(size_t i);
  Register combined(size_t i, const Register& a, const Register& b);
  void combine_into(size_t i, const Register& sum, const Register& value, const Register& inside);
  // Combines the upper half of the values into the lower, until one is left; or neighbours in pairs.
  Register folded(size_t i, Values values);
  Register paired(size_t i, Values values);
  Register shuffled(size_t i, const char* mode, const Register& value, int64_t distance, int64_t segment);
  // Combines the results of neighbours in pairs: first of threads that are `distance` apart, then twice as far,
  // until `end` threads are one.
  void pair_threads(int64_t distance, int64_t end);

  // Shared memory brings elements that are spread over more threads than own lanes to the owners.
  void begin_spread(const Register& at);
  void leave_spread(size_t i, const Group& group, const Values& values);
  void collect_spread();
  int64_t element_bytes(size_t i) const { return width(i) == Width::wide ? 8 : 4; }
  int64_t tile_columns() const { return (shape_.columns_of_chunk() + 3) / 4 * 4; }
  Register tile_address(size_t i, const Register& column);

  void combine_across(Register (ReductionText::*tree)(size_t, Values));
  void combine_along(int64_t unit, bool is_for_all);
  void pop_level();

  Register shared_address();
  Register multiplied(const Register& a, int64_t b, const Register& c);
  // Shared memory for new contents: a place that no thread will read any more.
  int64_t reserve(int64_t bytes);
  // Every writer leaves its values, `bytes` for each reduction; then all may take any of them.
  template <class Leave, class Take> void exchange(int64_t bytes, const Leave& leave, const Take& take);

  FusedText& text_;
  const RowShape& shape_;
  RowPlace place_;
  size_t count_ = 0; // of the kernel's reductions
  std::vector<uint16_t> reductions_;
  bool is_for_all_ = false;
  std::vector<Values> owned_;     // lanes of the chunk, by reduction
  Values results_;                // of the round, the split, the row
  Register chunk_begin_, unit_;   // of a team, when elements are spread
  std::vector<int64_t> tiles_;    // where they lie in shared memory, by reduction
  Register levels_, top_, round_; // of the binary counter
  int64_t level_bytes_ = 0;
  int64_t shared_ = 0, most_shared_ = 0, local_bytes_ = 0;
  bool has_exchanged_ = false; // in this round
};

} // namespace adjoint::cuda
