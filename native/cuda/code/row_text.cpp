#include "cuda/code/row_text.h"

#include <bit>

#include "cuda/code/fused_code.h"

namespace adjoint::cuda {

RowText::RowText(const Passes& passes, const RowShape& shape)
    : kernel_(passes.kernel), shape_(shape), passes_(passes),
      text_(kernel_, Level::element, shape.width,
            needs_wide_indices(kernel_, kernel_.columns + (2 * shape.teams + 2) * chunk_columns), 0),
      reduction_(text_, shape_) {}

std::string RowText::write() {
  text_.begin("%table");
  end_label_ = w().fresh_label();
  find_place();
  if (kernel_.columns > 0) text_.prepare_accesses();
  for (size_t pass = 0; pass < passes_.count; ++pass) write_pass(pass);
  write_row_stores();
  w().label(end_label_);
  return w().module(fused_name, static_cast<uint32_t>(shape_.threads()),
                    static_cast<uint32_t>(reduction_.shared_bytes()),
                    static_cast<uint32_t>(reduction_.local_bytes()));
}

void RowText::find_place() {
  const auto cut = [&](const Register& value, int64_t low, Register& first, Register& second) {
    first = w().fresh(Width::word);
    second = w().fresh(Width::word);
    w().line("and.b32 ", first, ", ", value, ", ", low - 1);
    w().line("shr.u32 ", second, ", ", value, ", ", std::countr_zero(static_cast<uint64_t>(low)));
  };
  place_.thread = w().fresh(Width::word);
  w().line("mov.u32 ", place_.thread, ", %tid.x");
  if (shape_.is_across)
    cut(place_.thread, shape_.rows, place_.local_row, place_.lane);
  else
    cut(place_.thread, shape_.row_threads(), place_.lane, place_.local_row);
  place_.team_lane = place_.lane;
  if (shape_.teams > 1) cut(place_.lane, shape_.lanes, place_.team_lane, place_.team);
  if (shape_.row_threads() > 1) {
    place_.is_leader = w().fresh(Width::flag);
    w().line("setp.eq.s32 ", place_.is_leader, ", ", place_.lane, ", 0");
  }
  const Register block = index().widened("%ctaid.x");
  Register row_block = block, split;
  if (shape_.splits > 1) index().divide(block, shape_.splits, row_block, split);

  Register row = index().plus(index().times(row_block, shape_.rows), index().from_word(place_.local_row));
  if (kernel_.rows % shape_.rows != 0) {
    // Threads beyond the last row do its work once more, since all of a warp must take part.
    row_inside_ = index().is_less(row, kernel_.rows);
    const Register held = w().fresh(index().width());
    w().line("min", index().type(), " ", held, ", ", row, ", ", kernel_.rows - 1);
    row = held;
  }
  text_.set_row(row);

  place_.end = std::to_string(kernel_.columns);
  if (shape_.splits > 1) {
    const int64_t columns = shape_.chunks * chunk_columns;
    place_.begin = index().times(split, columns);
    const Register whole = index().plus(place_.begin, columns);
    const Register end = w().fresh(index().width());
    w().line("min", index().type(), " ", end, ", ", whole, ", ", kernel_.columns);
    place_.end = end;
  }
  first_ = index().times(index().from_word(place_.team_lane), shape_.width);
  if (shape_.teams > 1)
    first_ = index().plus(first_, index().times(index().from_word(place_.team), chunk_columns));
}

// --- passes

bool RowText::is_always_inside(int64_t groups) const {
  if (kernel_.columns > chunk_columns) return kernel_.columns % (shape_.teams * chunk_columns) == 0;
  return groups * shape_.lanes * shape_.width <= kernel_.columns;
}

void RowText::write_iteration(size_t pass, const std::vector<bool>& needed, const Register& first) {
  std::vector<Group> groups;
  // All iterations have one text, so the last decides which groups may lie beyond the row.
  const int64_t groups_before = (shape_.iterations() - 1) * shape_.groups;
  for (int64_t i = 0; i < shape_.groups; ++i) {
    Group group{
        index().plus(first, i * shape_.lanes * shape_.width), {}, static_cast<size_t>(i * shape_.width)};
    if (!is_always_inside(groups_before + i + 1)) group.inside = index().is_less(group.index, place_.end);
    groups.push_back(group);
  }
  for (const Group& group : groups) text_.load(needed, group);
  for (const Group& group : groups) text_.compute(needed, group);
  for (size_t i = 0; i < kernel_.stores.size(); ++i)
    if (passes_.of_store[i] == pass)
      for (Group group : groups) {
        // Threads that do the last row once more may read elements that have been written over: they store none.
        group.inside = w().both(group.inside, row_inside_);
        text_.store(i, group);
      }
  for (size_t i = 0; i < groups.size(); ++i) reduction_.add(groups[i], i);
}

void RowText::write_round(size_t pass, const std::vector<bool>& needed, const Register& at) {
  const auto lanes = static_cast<size_t>(shape_.groups * shape_.width);
  reduction_.begin_round(at);
  const Register first = at == "0" ? first_ : index().plus(at, first_);
  if (shape_.iterations() == 1) {
    if (pass == 0 || !keeps_elements()) text_.forget_lanes(lanes);
    write_iteration(pass, needed, first);
  } else {
    const int64_t columns = shape_.columns_at_once();
    const Register column = w().fresh(index().width()),
                   stop = index().plus(first, shape_.iterations() * columns);
    w().line("mov", bits_of(index().width()), " ", column, ", ", first);
    const std::string loop = w().fresh_label();
    w().label(loop);
    index().forget();
    text_.forget_lanes(lanes);
    write_iteration(pass, needed, column);
    w().line("add", index().type(), " ", column, ", ", column, ", ", columns);
    const Register more = index().is_less(column, stop);
    w().line("@", more, " bra ", loop);
    index().forget();
  }
  reduction_.end_round();
}

void RowText::write_pass(size_t pass) {
  const std::vector<bool> needed = passes_.needed(pass);
  reduction_.begin_pass(place_, passes_.reductions(pass), pass + 1 < passes_.count);
  if (kernel_.columns > 0) {
    text_.compute_outer_inputs(needed);
    const Register begin = place_.begin.empty() ? "0" : place_.begin;
    if (shape_.rounds() == 1) {
      write_round(pass, needed, begin);
    } else {
      // All threads of a block go over the same number of rounds.
      const Register at = w().fresh(index().width());
      const std::string loop = w().fresh_label();
      w().line("mov", bits_of(index().width()), " ", at, ", ", begin);
      reduction_.begin_rounds();
      w().label(loop);
      index().forget();
      write_round(pass, needed, at);
      reduction_.push_round();
      w().line("add", index().type(), " ", at, ", ", at, ", ", shape_.teams * chunk_columns);
      const Register more = index().is_less(at, place_.end);
      w().line("@", more, " bra ", loop);
      index().forget();
      reduction_.end_rounds();
    }
    if (shape_.splits > 1) reduction_.combine_splits(static_cast<int64_t>(scratch_word()), end_label_);
  }
  reduction_.end_pass();
}

void RowText::write_row_stores() {
  bool replaces = false;
  for (const Store& store : kernel_.stores) {
    if (kernel_.steps[store.step].level == Level::element) continue;
    text_.outer_value(store.step);
    replaces |= store.replaces != Store::nothing;
  }
  // The first thread of a row writes only when all others have read the array that it may write over.
  if (replaces && shape_.row_threads() > 1) w().line("bar.sync 0");
  const Register flag = w().both(place_.is_leader, row_inside_);
  for (size_t i = 0; i < kernel_.stores.size(); ++i)
    if (kernel_.steps[kernel_.stores[i].step].level != Level::element) text_.store_outer(i, flag);
}

} // namespace adjoint::cuda
