#include "cuda/row_text.h"

#include <algorithm>
#include <bit>

#include "cuda/fused_code.h"

namespace adjoint::cuda {

namespace {

constexpr int64_t warp = 32;
constexpr int64_t most_shared_bytes = 32 << 10;
// A thread adds up so many iterations, and then the sums of those: rounding errors grow with the longer of
// two short chains.
constexpr int64_t chain = 64;

bool is_reduction(const Step& step) { return info(step.op).kind == Kind::reduction; }

} // namespace

Passes::Passes(const FusedKernel& kernel) : of_step(kernel.steps.size()), of_store(kernel.stores.size()) {
  for (size_t i = 0; i < kernel.steps.size(); ++i) {
    const Step& step = kernel.steps[i];
    for (size_t k = 0; k < step.input_count; ++k) of_step[i] = std::max(of_step[i], of_step[step.inputs[k]]);
    if (!is_reduction(step)) continue;
    count = std::max(count, of_step[i] + 1);
    ++of_step[i];
  }
  for (size_t i = 0; i < kernel.stores.size(); ++i) {
    of_store[i] = of_step[kernel.stores[i].step];
    if (kernel.steps[kernel.stores[i].step].level == Level::element) count = std::max(count, of_store[i] + 1);
  }
  // What lies where another array lies is written when nobody reads that one any more.
  for (size_t i = 0; i < kernel.stores.size(); ++i)
    if (kernel.stores[i].replaces != Store::nothing &&
        kernel.steps[kernel.stores[i].step].level == Level::element)
      of_store[i] = count - 1;
}

std::vector<bool> Passes::needed(const FusedText& text, size_t pass) const {
  const FusedKernel& kernel = text.kernel;
  std::vector<bool> list(kernel.steps.size());
  for (size_t i = 0; i < kernel.steps.size(); ++i)
    if (is_reduction(kernel.steps[i]) && of_step[i] == pass + 1) list[kernel.steps[i].inputs[0]] = true;
  for (size_t i = 0; i < kernel.stores.size(); ++i)
    if (kernel.steps[kernel.stores[i].step].level == Level::element && of_store[i] == pass)
      list[kernel.stores[i].step] = true;
  text.add_inputs(list);
  return list;
}

RowText::RowText(const FusedKernel& kernel, const RowShape& shape, const Passes& passes)
    : kernel_(kernel), shape_(shape), passes_(passes),
      text_(kernel, Level::element, shape.width,
            needs_wide_indices(kernel, 2 * shape.columns_at_once() + kernel.columns + 1024), 0) {
  for (size_t i = 0; i < kernel.steps.size(); ++i)
    if (is_reduction(kernel.steps[i])) reductions_.push_back(static_cast<uint16_t>(i));
}

std::string RowText::write() {
  text_.begin("%table");
  end_label_ = w().fresh_label();
  find_place();
  if (kernel_.columns > 0) text_.prepare_accesses();
  for (size_t pass = 0; pass < passes_.count; ++pass) write_pass(pass);
  write_row_stores();
  w().label(end_label_);
  return w().module(fused_name, static_cast<uint32_t>(shape_.threads()), static_cast<uint32_t>(most_shared_));
}

void RowText::find_place() {
  const auto cut = [&](const Register& value, int64_t low, Register& first, Register& second) {
    first = w().fresh(Width::word);
    second = w().fresh(Width::word);
    w().line("and.b32 ", first, ", ", value, ", ", low - 1);
    w().line("shr.u32 ", second, ", ", value, ", ", std::countr_zero(static_cast<uint64_t>(low)));
  };
  const auto as_index = [&](const Register& word) {
    if (index().width() == Width::word) return word;
    const Register wide = w().fresh(Width::wide);
    w().line("cvt.u64.u32 ", wide, ", ", word);
    return wide;
  };
  thread_ = w().fresh(Width::word);
  w().line("mov.u32 ", thread_, ", %tid.x");
  if (shape_.is_across)
    cut(thread_, shape_.rows, local_row_, lane_);
  else
    cut(thread_, shape_.lanes, lane_, local_row_);
  if (shape_.lanes > 1) {
    is_leader_ = w().fresh(Width::flag);
    w().line("setp.eq.s32 ", is_leader_, ", ", lane_, ", 0");
  }
  const Register block = index().widened("%ctaid.x");
  Register split;
  row_block_ = block;
  if (shape_.splits > 1) index().divide(block, shape_.splits, row_block_, split);

  Register row = index().plus(index().times(row_block_, shape_.rows), as_index(local_row_));
  if (kernel_.rows % shape_.rows != 0) {
    // Threads beyond the last row do its work once more, since all of a warp must take part.
    row_inside_ = index().is_less(row, kernel_.rows);
    const Register held = w().fresh(index().width());
    w().line("min", index().type(), " ", held, ", ", row, ", ", kernel_.rows - 1);
    row = held;
  }
  text_.set_row(row);

  if (shape_.splits > 1) {
    begin_ = index().times(split, shape_.chunk);
    end_ = w().fresh(index().width());
    const Register whole = index().plus(begin_, shape_.chunk);
    w().line("min", index().type(), " ", end_, ", ", whole, ", ", kernel_.columns);
  } else {
    end_ = std::to_string(kernel_.columns);
  }
  first_ = index().times(as_index(lane_), shape_.width);
}

// --- reductions

DType RowText::partial_dtype(uint16_t reduction) const {
  const Step& step = kernel_.steps[reduction];
  return info(step.op).dtypes == Dtypes::truth ? DType::boolean : step.arithmetic;
}

Register RowText::identity(uint16_t reduction) {
  const DType dtype = partial_dtype(reduction);
  return w().paste(body(BodyRole::identity, kernel_.steps[reduction].op, dtype), width_of(dtype), {});
}

Register RowText::combined(uint16_t reduction, const Register& a, const Register& b) {
  const DType dtype = partial_dtype(reduction);
  const Register inputs[] = {a, b};
  return w().paste(body(BodyRole::combine, kernel_.steps[reduction].op, dtype), width_of(dtype), inputs);
}

Register RowText::tree(uint16_t reduction, std::vector<Register> values) {
  while (values.size() > 1) {
    const size_t half = (values.size() + 1) / 2;
    for (size_t i = 0; i + half < values.size(); ++i)
      values[i] = combined(reduction, values[i], values[i + half]);
    values.resize(half);
  }
  return values[0];
}

Register RowText::shuffled(const char* mode, const Register& value, Width width, int64_t distance) {
  // The clamp says where the team's part of the warp ends.
  const int64_t team = std::min(shape_.lanes, warp);
  const int64_t clamp = (warp - team) << 8 | 31;
  const auto word = [&](const Register& from) {
    const Register out = w().fresh(Width::word);
    w().line("shfl.sync.", mode, ".b32 ", out, ", ", from, ", ", distance, ", ", clamp, ", -1");
    return out;
  };
  if (width == Width::word) return word(value);
  const Register low = w().fresh(Width::word), high = w().fresh(Width::word), out = w().fresh(Width::wide);
  w().line("mov.b64 {", low, ", ", high, "}, ", value);
  const Register got_low = word(low), got_high = word(high);
  w().line("mov.b64 ", out, ", {", got_low, ", ", got_high, "}");
  return out;
}

void RowText::combine_in_warp(uint16_t reduction, Register& value, bool is_for_all) {
  const Width width = width_of(partial_dtype(reduction));
  for (int64_t distance = std::min(shape_.lanes, warp) / 2; distance > 0; distance /= 2)
    value = combined(reduction, value, shuffled("down", value, width, distance));
  if (is_for_all) value = shuffled("idx", value, width, 0);
}

int64_t RowText::reserve(int64_t bytes) {
  bytes = (bytes + 15) / 16 * 16;
  if (shared_ + bytes > most_shared_bytes) {
    w().line("bar.sync 0");
    shared_ = 0;
  }
  const int64_t at = shared_;
  shared_ += bytes;
  most_shared_ = std::max(most_shared_, shared_);
  return at;
}

// The values of a row's lanes, put together: in its first lane, or in all. Across rows, and between warps, by
// way of shared memory, where every slot of every row has its place and all lanes read all slots.
void RowText::combine_team(std::span<const uint16_t> reductions, std::span<Register> values,
                           bool is_for_all) {
  if (shape_.lanes == 1 || values.empty()) return;
  const bool is_in_warp = !shape_.is_across && shape_.lanes <= warp;
  if (!shape_.is_across)
    for (size_t i = 0; i < values.size(); ++i)
      combine_in_warp(reductions[i], values[i], is_in_warp && is_for_all);
  if (is_in_warp) return;

  const int64_t slots = shape_.is_across ? shape_.lanes : shape_.lanes / warp;
  const int64_t slot_bytes = 8 * shape_.rows;
  Register slot = lane_, is_writer;
  if (!shape_.is_across) {
    slot = w().fresh(Width::word);
    w().line("shr.u32 ", slot, ", ", lane_, ", 5");
    const Register in_warp = w().fresh(Width::word);
    is_writer = w().fresh(Width::flag);
    w().line("and.b32 ", in_warp, ", ", lane_, ", 31");
    w().line("setp.eq.s32 ", is_writer, ", ", in_warp, ", 0");
  }
  const Register exchange = w().fresh(Width::word), row_at = w().fresh(Width::word),
                 at = w().fresh(Width::word);
  w().line("mov.u32 ", exchange, ", exchange");
  w().line("mad.lo.u32 ", row_at, ", ", local_row_, ", 8, ", exchange);
  w().line("mad.lo.u32 ", at, ", ", slot, ", ", slot_bytes, ", ", row_at);
  const size_t most = std::max<size_t>(1, static_cast<size_t>(most_shared_bytes / (slots * slot_bytes)));
  for (size_t begin = 0; begin < values.size(); begin += most) {
    const size_t count = std::min(most, values.size() - begin);
    const int64_t region = reserve(static_cast<int64_t>(count) * slots * slot_bytes);
    const auto offset = [&](size_t i, int64_t s) {
      return region + (static_cast<int64_t>(i) * slots + s) * slot_bytes;
    };
    for (size_t i = 0; i < count; ++i)
      w().when(is_writer, "st.shared", bits_of(width_of(partial_dtype(reductions[begin + i]))), " [", at, "+",
               offset(i, 0), "], ", values[begin + i]);
    w().line("bar.sync 0");
    for (size_t i = 0; i < count; ++i) {
      const Width width = width_of(partial_dtype(reductions[begin + i]));
      std::vector<Register> parts;
      for (int64_t s = 0; s < slots; ++s) {
        parts.push_back(w().fresh(width));
        w().line("ld.shared", bits_of(width), " ", parts.back(), ", [", row_at, "+", offset(i, s), "]");
      }
      values[begin + i] = tree(reductions[begin + i], parts);
    }
  }
}

// Every block leaves what it has; the one that comes last puts it together, in the order of the splits.
void RowText::combine_splits(std::span<const uint16_t> reductions, std::span<Register> values) {
  const auto count = static_cast<int64_t>(reductions.size());
  const auto wide = [&](const char* opcode, const Register& a, int64_t b, const Register& c) {
    const Register out = w().fresh(Width::wide);
    w().line(opcode, out, ", ", a, ", ", b, ", ", c);
    return out;
  };
  const Register partials = w().fresh(Width::wide), tickets = w().fresh(Width::wide);
  const auto word = static_cast<int64_t>(8 * scratch_word());
  w().line("ld.global.b64 ", partials, ", [%table+", word, "]");
  w().line("ld.global.b64 ", tickets, ", [%table+", word + 8, "]");
  const Register block = w().fresh(Width::word), row_block = w().fresh(Width::word);
  w().line("mov.u32 ", block, ", %ctaid.x");
  w().line("div.u32 ", row_block, ", ", block, ", ", shape_.splits);
  const Register row_at = wide("mad.wide.u32 ", local_row_, 8, partials);
  const int64_t value_bytes = 8 * shape_.rows, block_bytes = value_bytes * count;
  const Register own = wide("mad.wide.u32 ", block, block_bytes, row_at);
  for (size_t i = 0; i < values.size(); ++i)
    w().when(is_leader_, "st.global", bits_of(width_of(partial_dtype(reductions[i]))), " [", own, "+",
             static_cast<int64_t>(i) * value_bytes, "], ", values[i]);
  w().line("membar.gl");
  w().line("bar.sync 0");
  const int64_t flag_at = reserve(4);
  const Register exchange = w().fresh(Width::word), drawn = w().fresh(Width::word);
  const Register is_first = w().fresh(Width::flag), is_early = w().fresh(Width::flag);
  const std::string told = w().fresh_label();
  w().line("mov.u32 ", exchange, ", exchange");
  w().line("setp.ne.s32 ", is_first, ", ", thread_, ", 0");
  w().line("@", is_first, " bra ", told);
  const Register ticket = wide("mad.wide.u32 ", row_block, 4, tickets), old = w().fresh(Width::word);
  // Beyond the last number it goes on from zero, as the next launch needs it.
  w().line("atom.global.inc.u32 ", old, ", [", ticket, "], ", shape_.splits - 1);
  w().line("st.shared.b32 [", exchange, "+", flag_at, "], ", old);
  w().label(told);
  w().line("bar.sync 0");
  w().line("ld.shared.b32 ", drawn, ", [", exchange, "+", flag_at, "]");
  w().line("setp.ne.s32 ", is_early, ", ", drawn, ", ", shape_.splits - 1);
  w().line("@", is_early, " bra ", end_label_);
  w().line("membar.gl");

  for (size_t i = 0; i < values.size(); ++i) {
    const Width width = width_of(partial_dtype(reductions[i]));
    const Register start = identity(reductions[i]);
    values[i] = w().fresh(width);
    w().line("mov", bits_of(width), " ", values[i], ", ", start);
  }
  const Register split = w().fresh(Width::word), more = w().fresh(Width::flag), any = w().fresh(Width::flag);
  const std::string loop = w().fresh_label(), done = w().fresh_label();
  w().line("mov.b32 ", split, ", ", lane_);
  w().line("setp.lt.s32 ", any, ", ", split, ", ", shape_.splits);
  w().line("@!", any, " bra ", done);
  w().label(loop);
  const Register other = w().fresh(Width::word);
  w().line("mad.lo.u32 ", other, ", ", row_block, ", ", shape_.splits, ", ", split);
  const Register from = wide("mad.wide.u32 ", other, block_bytes, row_at);
  for (size_t i = 0; i < values.size(); ++i) {
    const Width width = width_of(partial_dtype(reductions[i]));
    const Register part = w().fresh(width);
    // Not from the first-level cache, which knows nothing of other blocks.
    w().line("ld.global.cg", bits_of(width), " ", part, ", [", from, "+",
             static_cast<int64_t>(i) * value_bytes, "]");
    const Register sum = combined(reductions[i], values[i], part);
    w().line("mov", bits_of(width), " ", values[i], ", ", sum);
  }
  w().line("add.s32 ", split, ", ", split, ", ", shape_.lanes);
  w().line("setp.lt.s32 ", more, ", ", split, ", ", shape_.splits);
  w().line("@", more, " bra ", loop);
  w().label(done);
  combine_team(reductions, values, false);
}

// --- passes

Register RowText::lanes_combined(uint16_t reduction, const Group& group) {
  const Step& step = kernel_.steps[reduction];
  std::vector<Register> lanes;
  for (size_t k = 0; k < static_cast<size_t>(shape_.width); ++k)
    lanes.push_back(text_.cast(text_.lane_input(step.inputs[0], group.first_lane + k), step.arithmetic,
                               partial_dtype(reduction)));
  const Register value = tree(reduction, lanes);
  if (group.inside.empty()) return value;
  const Width width = width_of(partial_dtype(reduction));
  const Register held = w().fresh(width), nothing = identity(reduction);
  w().line("selp", bits_of(width), " ", held, ", ", value, ", ", nothing, ", ", group.inside);
  return held;
}

void RowText::write_iteration(size_t pass, const Register& first, const std::vector<bool>& needed,
                              std::span<const uint16_t> reductions, std::span<Register> sums, bool is_only) {
  std::vector<Group> groups;
  for (int64_t i = 0; i < shape_.groups; ++i) {
    Group group{
        index().plus(first, i * shape_.lanes * shape_.width), {}, static_cast<size_t>(i * shape_.width)};
    if (kernel_.columns % shape_.columns_at_once() != 0) group.inside = index().is_less(group.index, end_);
    groups.push_back(group);
  }
  for (const Group& group : groups) text_.load(needed, group);
  for (const Group& group : groups) text_.compute(needed, group);
  for (size_t i = 0; i < kernel_.stores.size(); ++i)
    if (kernel_.steps[kernel_.stores[i].step].level == Level::element && passes_.of_store[i] == pass)
      for (const Group& group : groups) text_.store(i, group);
  for (size_t i = 0; i < reductions.size(); ++i) {
    std::vector<Register> parts;
    for (const Group& group : groups) parts.push_back(lanes_combined(reductions[i], group));
    const Register value = tree(reductions[i], parts);
    if (is_only) {
      // Like in a longer row, so that a sum of nothing but -0 is 0.
      sums[i] = combined(reductions[i], identity(reductions[i]), value);
      continue;
    }
    const Register sum = combined(reductions[i], sums[i], value);
    w().line("mov", bits_of(width_of(partial_dtype(reductions[i]))), " ", sums[i], ", ", sum);
  }
}

void RowText::write_pass(size_t pass) {
  std::vector<uint16_t> reductions;
  for (const uint16_t step : reductions_)
    if (passes_.of_step[step] == pass + 1) reductions.push_back(step);
  const std::vector<bool> needed = passes_.needed(text_, pass);
  std::vector<Register> sums(reductions.size());
  if (kernel_.columns == 0) {
    for (size_t i = 0; i < sums.size(); ++i) sums[i] = identity(reductions[i]);
  } else {
    text_.compute_outer_inputs(needed);
    write_iterations(pass, needed, reductions, sums);
    combine_team(reductions, sums, pass + 1 < passes_.count);
    if (shape_.splits > 1) combine_splits(reductions, sums);
  }
  const Register count = w().fresh(Width::wide);
  w().line("mov.b64 ", count, ", ", kernel_.columns);
  for (size_t i = 0; i < reductions.size(); ++i) {
    const Step& step = kernel_.steps[reductions[i]];
    const Register inputs[] = {sums[i], count};
    const DType dtype = partial_dtype(reductions[i]);
    text_.set_outer(reductions[i],
                    w().paste(body(BodyRole::finish, step.op, dtype), width_of(dtype), inputs));
  }
}

void RowText::write_iterations(size_t pass, const std::vector<bool>& needed,
                               std::span<const uint16_t> reductions, std::span<Register> sums) {
  const auto lanes = static_cast<size_t>(shape_.groups * shape_.width);
  if (keeps_elements()) {
    if (pass == 0) text_.forget_lanes(lanes);
    write_iteration(pass, begin_.empty() ? first_ : index().plus(begin_, first_), needed, reductions, sums,
                    true);
    return;
  }
  // All threads of a block go over the same number of columns, those beyond the end as well.
  const Width width = index().width();
  const auto variable = [&](Width of, const Register& value) {
    const Register out = w().fresh(of);
    w().line("mov", bits_of(of), " ", out, ", ", value);
    return out;
  };
  const auto is_long = [&](uint16_t reduction) {
    return shape_.iterations() > chain && is_floating(partial_dtype(reduction));
  };
  const bool has_chains = std::any_of(reductions.begin(), reductions.end(), is_long);
  std::vector<Register> totals(reductions.size());
  for (size_t i = 0; i < reductions.size(); ++i) {
    const Width of = width_of(partial_dtype(reductions[i]));
    sums[i] = variable(of, identity(reductions[i]));
    if (is_long(reductions[i])) totals[i] = variable(of, sums[i]);
  }
  const Register at = variable(width, begin_.empty() ? "0" : begin_);
  const std::string outer = w().fresh_label(), loop = w().fresh_label();
  Register stop = end_;
  if (has_chains) {
    w().label(outer);
    index().forget();
    const Register chain_end = index().plus(at, chain * shape_.columns_at_once());
    stop = w().fresh(width);
    w().line("min", index().type(), " ", stop, ", ", chain_end, ", ", end_);
  }
  w().label(loop);
  index().forget();
  text_.forget_lanes(lanes);
  write_iteration(pass, index().plus(at, first_), needed, reductions, sums, false);
  w().line("add", index().type(), " ", at, ", ", at, ", ", shape_.columns_at_once());
  const Register more = index().is_less(at, stop);
  w().line("@", more, " bra ", loop);
  if (has_chains) {
    for (size_t i = 0; i < reductions.size(); ++i) {
      if (!is_long(reductions[i])) continue;
      const char* bits = bits_of(width_of(partial_dtype(reductions[i])));
      const Register sum = combined(reductions[i], totals[i], sums[i]), start = identity(reductions[i]);
      w().line("mov", bits, " ", totals[i], ", ", sum);
      w().line("mov", bits, " ", sums[i], ", ", start);
    }
    const Register goes_on = index().is_less(at, end_);
    w().line("@", goes_on, " bra ", outer);
    for (size_t i = 0; i < reductions.size(); ++i)
      if (is_long(reductions[i])) sums[i] = totals[i];
  }
  index().forget();
}

void RowText::write_row_stores() {
  bool replaces = false;
  for (const Store& store : kernel_.stores) {
    if (kernel_.steps[store.step].level == Level::element) continue;
    text_.outer_value(store.step);
    replaces |= store.replaces != Store::nothing;
  }
  // All lanes have read what the first is going to write over.
  if (replaces && shape_.lanes > 1) w().line("bar.sync 0");
  const Register flag = w().both(is_leader_, row_inside_);
  for (size_t i = 0; i < kernel_.stores.size(); ++i)
    if (kernel_.steps[kernel_.stores[i].step].level != Level::element) text_.store_outer(i, flag);
}

} // namespace adjoint::cuda
