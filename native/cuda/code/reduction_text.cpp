#include "cuda/code/reduction_text.h"

#include <algorithm>
#include <bit>

namespace adjoint::cuda {

namespace {

constexpr int64_t warp = 32;
constexpr int64_t turns_at_once = 4; // of lanes that have been spread, to read together

} // namespace

ReductionText::ReductionText(FusedText& text, const RowShape& shape) : text_(text), shape_(shape) {
  for (const Step& step : text.kernel.steps) count_ += info(step.op).kind == Kind::reduction;
}

// --- values

DType ReductionText::dtype(size_t i) const {
  const Step& step = text_.kernel.steps[reductions_[i]];
  return info(step.op).dtypes == Dtypes::truth ? DType::boolean : step.arithmetic;
}

Register ReductionText::identity(size_t i) {
  return w().paste(body(BodyRole::identity, text_.kernel.steps[reductions_[i]].op, dtype(i)), width(i), {});
}

Register ReductionText::combined(size_t i, const Register& a, const Register& b) {
  const Register inputs[] = {a, b};
  return w().paste(body(BodyRole::combine, text_.kernel.steps[reductions_[i]].op, dtype(i)), width(i),
                   inputs);
}

void ReductionText::combine_into(size_t i, const Register& sum, const Register& value,
                                 const Register& inside) {
  const Register next = combined(i, sum, value);
  w().when(inside, "mov", bits(i), " ", sum, ", ", next);
}

Register ReductionText::folded(size_t i, Values values) {
  for (size_t half = std::bit_ceil(values.size()) / 2; half > 0; half /= 2) {
    for (size_t k = 0; k + half < values.size(); ++k) values[k] = combined(i, values[k], values[k + half]);
    values.resize(std::min(values.size(), half));
  }
  return values[0];
}

Register ReductionText::paired(size_t i, Values values) {
  for (size_t stride = 1; stride < values.size(); stride *= 2)
    for (size_t k = 0; k + stride < values.size(); k += 2 * stride)
      values[k] = combined(i, values[k], values[k + stride]);
  return values[0];
}

Register ReductionText::shuffled(size_t i, const char* mode, const Register& value, int64_t distance,
                                 int64_t segment) {
  // The clamp says where a segment of the warp ends.
  const int64_t clamp = (warp - segment) << 8 | 31;
  const auto word = [&](const Register& from) {
    const Register out = w().fresh(Width::word);
    w().line("shfl.sync.", mode, ".b32 ", out, ", ", from, ", ", distance, ", ", clamp, ", -1");
    return out;
  };
  if (width(i) == Width::word) return word(value);
  const Register low = w().fresh(Width::word), high = w().fresh(Width::word), out = w().fresh(Width::wide);
  w().line("mov.b64 {", low, ", ", high, "}, ", value);
  const Register got_low = word(low), got_high = word(high);
  w().line("mov.b64 ", out, ", {", got_low, ", ", got_high, "}");
  return out;
}

void ReductionText::pair_threads(int64_t distance, int64_t end) {
  for (; distance < end; distance *= 2)
    for (size_t i = 0; i < results_.size(); ++i)
      results_[i] = combined(i, results_[i], shuffled(i, "down", results_[i], distance, warp));
}

// --- shared memory

int64_t ReductionText::reserve(int64_t bytes) {
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

Register ReductionText::shared_address() {
  const Register out = w().fresh(Width::word);
  w().line("mov.u32 ", out, ", exchange");
  return out;
}

Register ReductionText::multiplied(const Register& a, int64_t b, const Register& c) {
  const Register out = w().fresh(Width::word);
  w().line("mad.lo.u32 ", out, ", ", a, ", ", b, ", ", c);
  return out;
}

template <class Leave, class Take>
void ReductionText::exchange(int64_t bytes, const Leave& leave, const Take& take) {
  const size_t most = std::max<size_t>(1, static_cast<size_t>(most_shared_bytes / bytes));
  for (size_t begin = 0; begin < reductions_.size(); begin += most) {
    const size_t end = std::min(begin + most, reductions_.size());
    const int64_t region = reserve(static_cast<int64_t>(end - begin) * bytes);
    const auto at = [&](size_t i) { return region + static_cast<int64_t>(i - begin) * bytes; };
    for (size_t i = begin; i < end; ++i) leave(i, at(i));
    w().line("bar.sync 0");
    for (size_t i = begin; i < end; ++i) take(i, at(i));
  }
  has_exchanged_ = true;
}

// --- a chunk

void ReductionText::begin_pass(const RowPlace& place, std::vector<uint16_t> reductions, bool is_for_all) {
  place_ = place;
  reductions_ = std::move(reductions);
  is_for_all_ = is_for_all;
  results_.assign(reductions_.size(), {});
}

void ReductionText::begin_round(const Register& at) {
  has_exchanged_ = false;
  const int64_t vectors = shape_.is_spread() ? shape_.turns() : std::min(shape_.turns(), shape_.groups);
  const auto lanes = static_cast<size_t>(shape_.is_spread() ? vectors : vectors * shape_.width);
  owned_.assign(reductions_.size(), {});
  for (size_t i = 0; i < reductions_.size(); ++i) {
    const Register nothing = identity(i);
    for (size_t k = 0; k < lanes; ++k) {
      owned_[i].push_back(w().fresh(width(i)));
      w().line("mov", bits(i), " ", owned_[i].back(), ", ", nothing);
    }
  }
  if (shape_.is_spread() && !is_empty()) begin_spread(at);
}

void ReductionText::add(const Group& group, size_t number) {
  const auto lanes = static_cast<size_t>(shape_.width);
  for (size_t i = 0; i < reductions_.size(); ++i) {
    const Step& step = text_.kernel.steps[reductions_[i]];
    Values values;
    for (size_t k = 0; k < lanes; ++k)
      values.push_back(
          text_.cast(text_.lane_input(step.inputs[0], group.first_lane + k), step.arithmetic, dtype(i)));
    if (shape_.is_spread()) {
      leave_spread(i, group, values);
      continue;
    }
    const size_t turn = number % static_cast<size_t>(shape_.turns());
    for (size_t k = 0; k < lanes; ++k) combine_into(i, owned_[i][turn * lanes + k], values[k], group.inside);
  }
}

// Reserves room for the elements of a chunk, by reduction and team, in the order of columns.
void ReductionText::begin_spread(const Register& at) {
  const int64_t units = shape_.rows * shape_.teams;
  int64_t bytes = 0;
  tiles_.clear();
  for (size_t i = 0; i < reductions_.size(); ++i) {
    tiles_.push_back(bytes);
    bytes += units * tile_columns() * element_bytes(i);
  }
  const int64_t region = reserve(bytes);
  for (int64_t& tile : tiles_) tile += region;
  chunk_begin_ = at;
  unit_ = place_.local_row;
  if (shape_.teams > 1) {
    unit_ = multiplied(place_.local_row, shape_.teams, place_.team);
    chunk_begin_ = index().plus(at, index().times(index().from_word(place_.team), chunk_columns));
  }
  has_exchanged_ = true;
}

Register ReductionText::tile_address(size_t i, const Register& column) {
  const int64_t bytes = element_bytes(i);
  return multiplied(column, bytes, multiplied(unit_, tile_columns() * bytes, shared_address()));
}

void ReductionText::leave_spread(size_t i, const Group& group, const Values& values) {
  const Register offset = w().fresh(index().width());
  w().line("sub", index().type(), " ", offset, ", ", group.index, ", ", chunk_begin_);
  const Register address = tile_address(i, index().word_of(offset));
  const int64_t bytes = element_bytes(i);
  const auto each = static_cast<size_t>(std::min<int64_t>(shape_.width, 16 / bytes));
  for (size_t k = 0; k < values.size(); k += each) {
    const auto at = tiles_[i] + static_cast<int64_t>(k) * bytes;
    if (each == 1) {
      w().when(group.inside, "st.shared", bits(i), " [", address, "+", at, "], ", values[k]);
      continue;
    }
    Register list = values[k];
    for (size_t j = 1; j < each; ++j) list += ", " + values[k + j];
    w().when(group.inside, "st.shared.v", static_cast<int64_t>(each), bits(i), " [", address, "+", at, "], {",
             list, "}");
  }
}

// The first warp of a team adds up the elements that all its threads have left, two lanes a thread.
void ReductionText::collect_spread() {
  constexpr int64_t turn_columns = lane_count / 2;
  const int64_t turns = (shape_.columns_of_chunk() + lane_count - 1) / lane_count;
  const int64_t at_once = std::min(turns, turns_at_once);
  Register left = std::to_string(shape_.columns_of_chunk());
  if (shape_.columns > chunk_columns) {
    const Register rest = w().fresh(index().width());
    w().line("sub", index().type(), " ", rest, ", ", place_.end, ", ", chunk_begin_);
    const Register held = w().fresh(index().width());
    w().line("min", index().type(), " ", held, ", ", rest, ", ", chunk_columns);
    left = index().word_of(held);
  }
  w().line("bar.sync 0");
  const std::string loop = w().fresh_label(), done = w().fresh_label();
  const Register is_other = w().fresh(Width::flag), column = w().fresh(Width::word);
  w().line("setp.ge.s32 ", is_other, ", ", place_.team_lane, ", ", warp);
  w().line("@", is_other, " bra ", done);
  w().line("mov.b32 ", column, ", ", place_.team_lane);
  Values addresses;
  for (size_t i = 0; i < reductions_.size(); ++i) addresses.push_back(tile_address(i, column));
  w().label(loop);
  for (int64_t turn = 0; turn < at_once * 2; ++turn) {
    const Register at = w().fresh(Width::word), inside = w().fresh(Width::flag);
    w().line("add.s32 ", at, ", ", column, ", ", turn * turn_columns);
    w().line("setp.lt.s32 ", inside, ", ", at, ", ", left);
    for (size_t i = 0; i < reductions_.size(); ++i) {
      const Register value = w().fresh(width(i));
      w().line("mov", bits(i), " ", value, ", 0");
      w().when(inside, "ld.shared", bits(i), " ", value, ", [", addresses[i], "+",
               tiles_[i] + turn * turn_columns * element_bytes(i), "]");
      combine_into(i, owned_[i][static_cast<size_t>(turn % 2)], value, inside);
    }
  }
  if (turns > at_once) {
    for (size_t i = 0; i < reductions_.size(); ++i)
      w().line("add.u32 ", addresses[i], ", ", addresses[i], ", ", at_once * lane_count * element_bytes(i));
    const Register more = w().fresh(Width::flag);
    w().line("add.s32 ", column, ", ", column, ", ", at_once * lane_count);
    w().line("setp.lt.s32 ", more, ", ", column, ", ", turns * lane_count);
    w().line("@", more, " bra ", loop);
  }
  w().label(done);
}

// --- a round

void ReductionText::end_round() {
  if (is_empty()) return;
  if (shape_.is_spread()) collect_spread();
  const size_t vector = shape_.is_spread() ? 1 : static_cast<size_t>(shape_.width);
  for (size_t i = 0; i < reductions_.size(); ++i) {
    Values lanes;
    for (size_t k = 0; k < vector; ++k) {
      Values turns;
      for (size_t at = k; at < owned_[i].size(); at += vector) turns.push_back(owned_[i][at]);
      Register value = folded(i, turns);
      if (!shape_.is_across)
        for (int64_t distance = shape_.lane_owners() / 2; distance > 0; distance /= 2)
          value = combined(i, value, shuffled(i, "down", value, distance, warp));
      lanes.push_back(value);
    }
    results_[i] = folded(i, lanes);
  }
  if (shape_.is_across)
    combine_across(&ReductionText::folded);
  else
    combine_along(shape_.lanes, is_for_all_);
}

// Combines the threads of a row that lie apart, since neighbours have a row each: each leaves its value in
// shared memory, and then every thread reads all values of its row.
void ReductionText::combine_across(Register (ReductionText::*tree)(size_t, Values)) {
  if (shape_.lanes == 1) return;
  const int64_t slot_bytes = 8 * shape_.rows;
  const Register row_at = multiplied(place_.local_row, 8, shared_address());
  const Register at = multiplied(place_.lane, slot_bytes, row_at);
  exchange(
      shape_.lanes * slot_bytes,
      [&](size_t i, int64_t region) {
        w().line("st.shared", bits(i), " [", at, "+", region, "], ", results_[i]);
      },
      [&](size_t i, int64_t region) {
        Values slots;
        for (int64_t slot = 0; slot < shape_.lanes; ++slot) {
          slots.push_back(w().fresh(width(i)));
          w().line("ld.shared", bits(i), " ", slots.back(), ", [", row_at, "+", region + slot * slot_bytes,
                   "]");
        }
        results_[i] = (this->*tree)(i, slots);
      });
}

// Combines the threads of a row that follow each other, where the first of every `unit` has a value: in
// pairs, for the first thread of the row's first warp, or for all.
void ReductionText::combine_along(int64_t unit, bool is_for_all) {
  const int64_t threads = shape_.row_threads(), in_warp = std::min(threads, warp);
  pair_threads(unit, in_warp);
  unit = std::max(unit, in_warp);
  const int64_t units = threads / unit;
  if (units > 1 || (is_for_all && unit > warp)) {
    const Register number = w().fresh(Width::word), of_thread = w().fresh(Width::word),
                   in_unit = w().fresh(Width::word), in_row = w().fresh(Width::word),
                   wanted = w().fresh(Width::word), is_first = w().fresh(Width::flag);
    w().line("shr.u32 ", number, ", ", place_.thread, ", ", std::countr_zero(static_cast<uint64_t>(unit)));
    w().line("and.b32 ", in_unit, ", ", place_.thread, ", ", unit - 1);
    w().line("setp.eq.s32 ", is_first, ", ", in_unit, ", 0");
    w().line("and.b32 ", of_thread, ", ", place_.thread, ", ", units - 1);
    w().line("and.b32 ", in_row, ", ", number, ", ", -units);
    w().line("add.s32 ", wanted, ", ", in_row, ", ", of_thread);
    const Register from = multiplied(wanted, 8, shared_address()),
                   to = multiplied(number, 8, shared_address());
    exchange(
        8 * shape_.threads() / unit,
        [&](size_t i, int64_t region) {
          w().when(is_first, "st.shared", bits(i), " [", to, "+", region, "], ", results_[i]);
        },
        [&](size_t i, int64_t region) {
          results_[i] = w().fresh(width(i));
          w().line("ld.shared", bits(i), " ", results_[i], ", [", from, "+", region, "]");
        });
    pair_threads(1, units);
  }
  if (is_for_all && in_warp > 1)
    for (size_t i = 0; i < results_.size(); ++i) results_[i] = shuffled(i, "idx", results_[i], 0, in_warp);
}

} // namespace adjoint::cuda
