// Reductions of several rounds, and of several blocks that share a row.
#include <algorithm>
#include <bit>

#include "cuda/code/reduction_text.h"

namespace adjoint::cuda {

// --- rounds

void ReductionText::begin_rounds() {
  if (is_empty()) return;
  level_bytes_ = static_cast<int64_t>(8 * reductions_.size());
  const auto levels = static_cast<int64_t>(std::bit_width(static_cast<uint64_t>(shape_.rounds())));
  local_bytes_ = std::max(local_bytes_, levels * level_bytes_);
  levels_ = w().fresh(Width::wide);
  top_ = w().fresh(Width::wide);
  round_ = w().fresh(Width::word);
  w().line("mov.u64 ", levels_, ", levels");
  w().line("mov.b64 ", top_, ", ", levels_);
  w().line("mov.b32 ", round_, ", 0");
}

// Combines the results with the uppermost of those before.
void ReductionText::pop_level() {
  w().line("sub.s64 ", top_, ", ", top_, ", ", level_bytes_);
  for (size_t i = 0; i < results_.size(); ++i) {
    const Register before = w().fresh(width(i));
    w().line("ld.local", bits(i), " ", before, ", [", top_, "+", static_cast<int64_t>(8 * i), "]");
    const Register both = combined(i, before, results_[i]);
    w().line("mov", bits(i), " ", results_[i], ", ", both);
  }
}

void ReductionText::push_round() {
  if (is_empty()) return;
  for (size_t i = 0; i < results_.size(); ++i) {
    const Register value = w().fresh(width(i));
    w().line("mov", bits(i), " ", value, ", ", results_[i]);
    results_[i] = value;
  }
  const std::string loop = w().fresh_label(), done = w().fresh_label();
  const Register count = w().fresh(Width::word), odd = w().fresh(Width::word),
                 is_even = w().fresh(Width::flag);
  w().line("mov.b32 ", count, ", ", round_);
  w().label(loop);
  w().line("and.b32 ", odd, ", ", count, ", 1");
  w().line("setp.eq.s32 ", is_even, ", ", odd, ", 0");
  w().line("@", is_even, " bra ", done);
  pop_level();
  w().line("shr.u32 ", count, ", ", count, ", 1");
  w().line("bra ", loop);
  w().label(done);
  for (size_t i = 0; i < results_.size(); ++i)
    w().line("st.local", bits(i), " [", top_, "+", static_cast<int64_t>(8 * i), "], ", results_[i]);
  w().line("add.s64 ", top_, ", ", top_, ", ", level_bytes_);
  w().line("add.s32 ", round_, ", ", round_, ", 1");
  // The next round writes where this one is read.
  if (has_exchanged_) w().line("bar.sync 0");
}

void ReductionText::end_rounds() {
  if (is_empty()) return;
  w().line("sub.s64 ", top_, ", ", top_, ", ", level_bytes_);
  for (size_t i = 0; i < results_.size(); ++i)
    w().line("ld.local", bits(i), " ", results_[i], ", [", top_, "+", static_cast<int64_t>(8 * i), "]");
  const std::string loop = w().fresh_label(), done = w().fresh_label();
  const Register is_last = w().fresh(Width::flag);
  w().label(loop);
  w().line("setp.eq.s64 ", is_last, ", ", top_, ", ", levels_);
  w().line("@", is_last, " bra ", done);
  pop_level();
  w().line("bra ", loop);
  w().label(done);
}

// --- splits

// Every block leaves its partial results; the last one to finish puts them together.
void ReductionText::combine_splits(int64_t scratch_word, const std::string& end) {
  const auto wide = [&](const char* opcode, const Register& a, int64_t b, const Register& c) {
    const Register out = w().fresh(Width::wide);
    w().line(opcode, out, ", ", a, ", ", b, ", ", c);
    return out;
  };
  const Register partials = w().fresh(Width::wide), tickets = w().fresh(Width::wide);
  w().line("ld.global.b64 ", partials, ", [%table+", 8 * scratch_word, "]");
  w().line("ld.global.b64 ", tickets, ", [%table+", 8 * scratch_word + 8, "]");
  const Register block = w().fresh(Width::word), row_block = w().fresh(Width::word);
  w().line("mov.u32 ", block, ", %ctaid.x");
  w().line("div.u32 ", row_block, ", ", block, ", ", shape_.splits);
  const Register row_at = wide("mad.wide.u32 ", place_.local_row, 8, partials);
  const int64_t value_bytes = 8 * shape_.rows,
                block_bytes = value_bytes * static_cast<int64_t>(results_.size());
  const Register own = wide("mad.wide.u32 ", block, block_bytes, row_at);
  for (size_t i = 0; i < results_.size(); ++i)
    w().when(place_.is_leader, "st.global", bits(i), " [", own, "+", static_cast<int64_t>(i) * value_bytes,
             "], ", results_[i]);
  w().line("membar.gl");
  w().line("bar.sync 0");
  const int64_t flag_at = reserve(4);
  const Register shared = shared_address(), drawn = w().fresh(Width::word);
  const Register is_other = w().fresh(Width::flag), is_early = w().fresh(Width::flag);
  const std::string told = w().fresh_label();
  w().line("setp.ne.s32 ", is_other, ", ", place_.thread, ", 0");
  w().line("@", is_other, " bra ", told);
  const Register ticket = wide("mad.wide.u32 ", row_block, 4, tickets), old = w().fresh(Width::word);
  // The ticket wraps to zero behind the last block, as the next launch needs it.
  w().line("atom.global.inc.u32 ", old, ", [", ticket, "], ", shape_.splits - 1);
  w().line("st.shared.b32 [", shared, "+", flag_at, "], ", old);
  w().label(told);
  w().line("bar.sync 0");
  w().line("ld.shared.b32 ", drawn, ", [", shared, "+", flag_at, "]");
  w().line("setp.ne.s32 ", is_early, ", ", drawn, ", ", shape_.splits - 1);
  w().line("@", is_early, " bra ", end);
  w().line("membar.gl");

  // Each of the row's threads takes some partial results that follow each other.
  const int64_t each = static_cast<int64_t>(std::bit_ceil(
      static_cast<uint64_t>((shape_.splits + shape_.row_threads() - 1) / shape_.row_threads())));
  const Register first = w().fresh(Width::word);
  w().line("mul.lo.u32 ", first, ", ", place_.lane, ", ", each);
  const Register from =
      wide("mad.wide.u32 ", multiplied(row_block, shape_.splits, first), block_bytes, row_at);
  std::vector<Values> parts(results_.size());
  for (int64_t k = 0; k < each; ++k) {
    const Register split = w().fresh(Width::word), exists = w().fresh(Width::flag);
    w().line("add.s32 ", split, ", ", first, ", ", k);
    w().line("setp.lt.s32 ", exists, ", ", split, ", ", shape_.splits);
    for (size_t i = 0; i < results_.size(); ++i) {
      const Register part = w().fresh(width(i)), nothing = identity(i);
      w().line("mov", bits(i), " ", part, ", ", nothing);
      // Not from the first-level cache, which knows nothing of other blocks.
      w().when(exists, "ld.global.cg", bits(i), " ", part, ", [", from, "+",
               k * block_bytes + static_cast<int64_t>(i) * value_bytes, "]");
      parts[i].push_back(part);
    }
  }
  for (size_t i = 0; i < results_.size(); ++i) results_[i] = paired(i, parts[i]);
  if (shape_.is_across)
    combine_across(&ReductionText::paired);
  else
    combine_along(1, false);
}

void ReductionText::end_pass() {
  const Register count = w().fresh(Width::wide);
  w().line("mov.b64 ", count, ", ", shape_.columns);
  for (size_t i = 0; i < reductions_.size(); ++i) {
    const Register inputs[] = {shape_.columns > 0 ? results_[i] : identity(i), count};
    const Op op = text_.kernel.steps[reductions_[i]].op;
    text_.set_outer(reductions_[i], w().paste(body(BodyRole::finish, op, dtype(i)), width(i), inputs));
  }
}

} // namespace adjoint::cuda
