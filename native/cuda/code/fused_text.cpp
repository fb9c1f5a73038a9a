// The PTX of a fused kernel's values. In come steps; out goes text in `writer`, and the layout of the table that a
// launch brings (Record). Two writers call this one: ElementwiseText, whose inner level is rows, and RowText, whose
// inner level is elements. Their stages:
//
//   begin                 loads the addresses of arrays and the numbers from the table
//   prepare_accesses      the row's part of every address; elements add theirs
//   forget_lanes          a new tile or a new pass: nothing is held in registers
//   compute_outer_inputs  values that are the same for all lanes, each by outer_value
//   load                  for every group of lanes, from where `places` finds them
//   compute               pastes the bodies of steps, lane by lane
//   store, store_outer    lanes, and values of rows
//
// The softmax of rows of 8 floats: two threads have a row, and each a group of four lanes. Of pass 0 this file
// writes the first lines, the reduction the others; `word15` to `word18` are kept for the next passes.
//
//   mul.lo.s32 %word8, %word6, 8;                     prepare_accesses: row * columns
//   mad.wide.s32 %wide2, %word8, 4, %wide0;
//   mad.wide.s32 %wide4, %word7, 4, %wide2;           load: the group's first column
//   ld.global.v4.b32 {%word15, ... %word18}, [%wide4+0];
//   { body of amax, of %word11 and %word15 }          ReductionText::add
#include "cuda/code/fused_text.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace adjoint::cuda {

namespace {

// The type of an element in memory. Elements narrower than a word are words in registers, with zeros above
// them.
const char* memory_type(DType dtype) {
  return with_width(static_cast<size_t>(bytes_of(dtype)), []<class Word>() {
    return sizeof(Word) == 1 ? ".u8" : sizeof(Word) == 2 ? ".u16" : sizeof(Word) == 4 ? ".b32" : ".b64";
  });
}

std::string address(const Place& place, int64_t more = 0) {
  return "[" + place.address + "+" + std::to_string(place.displacement + more) + "]";
}

std::string braced(std::span<const Register> registers) {
  std::string list = "{";
  for (size_t i = 0; i < registers.size(); ++i) list += (i ? ", " : "") + registers[i];
  return list + "}";
}

// The lanes that one instruction moves: 16 bytes, and four registers, at most.
int64_t lanes_at_once(int64_t width, int64_t bytes) { return std::min<int64_t>({width, 16 / bytes, 4}); }

const Body& body_of(const Step& step) {
  if (step.op == Op::to) return cast_body(step.arithmetic, step.dtype);
  return body(BodyRole::value, step.op, step.arithmetic);
}

bool has_body(const Step& step) { return step.op == Op::to || info(step.op).kind == Kind::elementwise; }

} // namespace

// --- the table

TableRecord::TableRecord(const FusedKernel& kernel, size_t head) : head(head) {
  const auto add = [&](uint16_t array) {
    if (std::find(arrays.begin(), arrays.end(), array) == arrays.end()) arrays.push_back(array);
  };
  for (size_t i = 0; i < kernel.steps.size(); ++i) {
    const Step& step = kernel.steps[i];
    if (step.op == Op::stored) add(kernel.accesses[step.index].array);
    if (step.op != Op::number) continue;
    number_steps.push_back(static_cast<uint16_t>(i));
    number_dtypes.push_back(step.dtype);
    number_indices.push_back(step.index);
  }
  for (const Store& store : kernel.stores) add(store.access.array);
}

size_t TableRecord::array_word(uint16_t array) const {
  return head + static_cast<size_t>(std::find(arrays.begin(), arrays.end(), array) - arrays.begin());
}

void TableRecord::fill(const Instance& instance, uint64_t* words) const {
  for (const uint16_t array : arrays)
    words[array_word(array)] = reinterpret_cast<uintptr_t>(instance.arrays[array]);
  for (size_t i = 0; i < number_steps.size(); ++i)
    with_type(number_dtypes[i], [&]<class T>() {
      const T value = instance.numbers[number_indices[i]].as<T>();
      uint64_t& word = words[number_word(i)] = 0;
      std::memcpy(&word, &value, sizeof value);
    });
}

// --- values

FusedText::FusedText(const FusedKernel& kernel, Level inner, int64_t lane_width, bool is_wide,
                     size_t record_head)
    : kernel(kernel), inner(inner), width(lane_width), record(kernel, record_head), index(writer, is_wide),
      outer_(kernel.steps.size()) {}

void FusedText::begin(const Register& record_address) {
  const auto word = [&](size_t i) { return "[" + record_address + "+" + std::to_string(8 * i) + "]"; };
  for (const uint16_t array : record.arrays) {
    bases_.resize(std::max<size_t>(bases_.size(), array + size_t{1}));
    bases_[array] = writer.fresh(Width::wide);
    writer.line("ld.global.b64 ", bases_[array], ", ", word(record.array_word(array)));
  }
  for (size_t i = 0; i < record.number_steps.size(); ++i) {
    const Width width = width_of(record.number_dtypes[i]);
    Register& value = outer_[record.number_steps[i]] = writer.fresh(width);
    writer.line("ld.global", bits_of(width), " ", value, ", ", word(record.number_word(i)));
  }
}

Register FusedText::cast(const Register& value, DType from, DType to) {
  if (from == to) return value;
  return writer.paste(cast_body(from, to), width_of(to), {&value, 1});
}

Register FusedText::number_of(const Register& value, DType dtype) {
  return cast(value, index.width() == Width::wide ? DType::int64 : DType::int32, dtype);
}

Register FusedText::evaluate(const Step& step, std::span<const Register> inputs) {
  return writer.paste(body_of(step), width_of(step.dtype), inputs);
}

Register FusedText::chosen(const Register& exists, const Register& part, const Register& base, DType dtype) {
  if (exists.empty()) return part;
  const Width width = width_of(dtype);
  const Register out = writer.fresh(width);
  writer.line("selp", bits_of(width), " ", out, ", ", part, ", ", base, ", ", exists);
  return out;
}

Register FusedText::outer_value(uint16_t i) {
  if (!outer_[i].empty()) return outer_[i];
  const Step& step = kernel.steps[i];
  Register inputs[3];
  for (size_t k = 0; k < step.input_count; ++k) inputs[k] = outer_value(step.inputs[k]);
  Register value;
  if (step.op == Op::stored) {
    const Walk walk = merged(kernel.accesses[step.index]);
    Place place = index.place(walk, row_, bases_[walk.array], bytes_of(step.dtype));
    place.exists = index.exists(walk, row_);
    value = load_one(place, step.dtype);
  } else if (step.op == Op::position) {
    value = number_of(index.position(Walk(kernel.accesses[step.index]), row_), step.dtype);
  } else if (step.op == Op::splice) {
    value = chosen(index.exists(merged(kernel.accesses[step.index]), row_), inputs[1], inputs[0], step.dtype);
  } else {
    value = evaluate(step, {inputs, step.input_count});
  }
  return outer_[i] = value;
}

void FusedText::forget_lanes(size_t lanes) {
  lanes_.assign(lanes, std::vector<Register>(kernel.steps.size()));
}

void FusedText::compute_outer_inputs(const std::vector<bool>& needed) {
  for (size_t i = 0; i < needed.size(); ++i)
    if (needed[i] && kernel.steps[i].level != inner) outer_value(static_cast<uint16_t>(i));
}

Register FusedText::lane_input(uint16_t step, size_t lane) {
  return kernel.steps[step].level == inner ? lanes_[lane][step] : outer_value(step);
}

void FusedText::count(size_t i, const Group& group) {
  const Step& step = kernel.steps[i];
  const InnerAccess& access = accesses_[step.index];
  const Walk& walk = access.walk;
  const Register at = access.is_linear ? index.plus(row_start_, group.index) : group.index;
  const auto position = [&](const Register& lane) {
    const Register own = index.position(walk, lane);
    return access.base.empty() ? own : index.plus(access.base, own);
  };
  const Register first = position(at);
  const bool is_even = walk.steps_by(width);
  const int64_t stride = walk.axes.empty() ? 0 : walk.axes.back().stride;
  for (int64_t k = 0; k < width; ++k) {
    const size_t lane = group.first_lane + static_cast<size_t>(k);
    if (k > 0 && is_even && stride == 0)
      lanes_[lane][i] = lanes_[group.first_lane][i];
    else
      lanes_[lane][i] = number_of(
          k == 0 || is_even ? index.plus(first, k * stride) : position(index.plus(at, k)), step.dtype);
  }
}

void FusedText::compute(const std::vector<bool>& needed, const Group& group) {
  for (size_t i = 0; i < needed.size(); ++i)
    if (const Step& step = kernel.steps[i];
        needed[i] && step.level == inner && step.op == Op::position && lanes_[group.first_lane][i].empty())
      count(i, group);
  std::vector<std::vector<Register>> exists(kernel.steps.size()); // of splices, by lane
  for (size_t i = 0; i < needed.size(); ++i) {
    const Step& step = kernel.steps[i];
    if (!needed[i] || step.level != inner || step.op != Op::splice || !lanes_[group.first_lane][i].empty())
      continue;
    InnerAccess bounds = accesses_[step.index];
    const Places found = places(bounds, 1, {group.index, {}, group.first_lane});
    for (int64_t k = 0; k < width; ++k)
      exists[i].push_back(found.lanes[found.lanes.size() == 1 ? 0 : static_cast<size_t>(k)].exists);
  }
  for (size_t k = 0; k < static_cast<size_t>(width); ++k) {
    const size_t lane = group.first_lane + k;
    for (size_t i = 0; i < needed.size(); ++i) {
      const Step& step = kernel.steps[i];
      if (!needed[i] || step.level != inner || !lanes_[lane][i].empty()) continue;
      Register inputs[3];
      for (size_t j = 0; j < step.input_count; ++j) inputs[j] = lane_input(step.inputs[j], lane);
      lanes_[lane][i] = step.op == Op::splice ? chosen(exists[i][k], inputs[1], inputs[0], step.dtype)
                                              : evaluate(step, {inputs, step.input_count});
    }
  }
}

// --- memory

FusedText::InnerAccess FusedText::inner_access(const Access& access, int64_t bytes) {
  if (kernel.is_flat) return {Walk::flat(access), bases_[access.array], {}};
  Walk walk = merged(access);
  const Register base = bytes > 0 ? bases_[access.array] : Register(); // the bounds of a splice have none
  if (inner == Level::row) return {walk, base, {}};
  std::optional<SplitWalk> parts = split(walk, kernel.columns);
  if (!parts) {
    if (row_start_.empty()) row_start_ = index.times(row_, kernel.columns);
    InnerAccess result{walk, base, {}};
    result.is_linear = true;
    return result;
  }
  InnerAccess result{merged(parts->columns), base, index.exists(parts->rows, row_)};
  result.is_aligned = parts->rows.offset % width == 0;
  for (const WalkAxis& axis : parts->rows.axes) result.is_aligned &= axis.stride % width == 0;
  if (bytes > 0) {
    const Place place = index.place(parts->rows, row_, base, bytes);
    result.base = place.address;
    result.displacement = place.displacement;
  }
  return result;
}

FusedText::InnerAccess FusedText::inner_positions(const Access& access) {
  if (kernel.is_flat) return {Walk::flat(access), {}, {}};
  const Walk walk = merged(access);
  if (inner == Level::row) return {walk, {}, {}};
  if (std::optional<SplitWalk> parts = split(walk, kernel.columns))
    return {parts->columns, index.position(parts->rows, row_), {}};
  if (row_start_.empty()) row_start_ = index.times(row_, kernel.columns);
  InnerAccess result{walk, {}, {}};
  result.is_linear = true;
  return result;
}

void FusedText::prepare_accesses() {
  accesses_.clear();
  for (size_t i = 0; i < kernel.accesses.size(); ++i) {
    // The step that uses it: a load at the inner level, positions, or a splice whose bounds it is.
    const auto user = std::find_if(kernel.steps.begin(), kernel.steps.end(), [&](const Step& step) {
      return step.index == i && step.level == inner &&
             (step.op == Op::stored || step.op == Op::splice || step.op == Op::position);
    });
    if (user == kernel.steps.end())
      accesses_.push_back({merged(kernel.accesses[i]), {}, {}});
    else if (user->op == Op::position)
      accesses_.push_back(inner_positions(kernel.accesses[i]));
    else
      accesses_.push_back(
          inner_access(kernel.accesses[i], user->op == Op::stored ? bytes_of(user->dtype) : 0));
  }
  store_accesses_.clear();
  for (const Store& store : kernel.stores) {
    const Step& step = kernel.steps[store.step];
    if (step.level == inner)
      store_accesses_.push_back(inner_access(store.access, bytes_of(step.dtype)));
    else
      store_accesses_.push_back({merged(store.access), {}, {}});
  }
}

FusedText::Places FusedText::places(const InnerAccess& access, int64_t bytes, const Group& group) {
  const Walk& walk = access.walk;
  const Register at = access.is_linear ? index.plus(row_start_, group.index) : group.index;
  const bool is_bounds = access.base.empty();
  const auto finished = [&](Place place, Register exists) {
    place.displacement += access.displacement;
    place.exists = writer.both(writer.both(access.exists, exists), group.inside);
    return place;
  };
  const auto place_of = [&](const Register& i) {
    return is_bounds ? Place{} : index.place(walk, i, access.base, bytes);
  };
  if (walk.steps_by(width)) {
    const bool is_still = walk.is_still(width);
    if (is_still || (access.is_aligned && walk.is_vector(width)))
      return {is_still ? Layout::still : Layout::vector, {finished(place_of(at), index.exists(walk, at))}};
    Places result{Layout::apart, {}};
    const Place first = place_of(at);
    const Register outer = index.outer_exists(walk, at);
    for (int64_t k = 0; k < width; ++k) {
      Place place = first;
      place.displacement += k * walk.axes.back().stride * bytes;
      result.lanes.push_back(finished(
          place, writer.both(outer, index.in_bounds(walk.axes.back(), index.last_digit(walk, at), k))));
    }
    return result;
  }
  Places result{Layout::apart, {}};
  for (int64_t k = 0; k < width; ++k) {
    const Register i = index.plus(at, k);
    result.lanes.push_back(finished(place_of(i), index.exists(walk, i)));
  }
  return result;
}

Register FusedText::load_one(const Place& place, DType dtype) {
  const Width width = width_of(dtype);
  const Register value = writer.fresh(width);
  if (!place.exists.empty()) writer.line("mov", bits_of(width), " ", value, ", 0");
  writer.when(place.exists, "ld.global", memory_type(dtype), " ", value, ", ", address(place));
  return value;
}

void FusedText::load(const std::vector<bool>& needed, const Group& group) {
  for (size_t i = 0; i < needed.size(); ++i) {
    const Step& step = kernel.steps[i];
    if (!needed[i] || step.level != inner || step.op != Op::stored || !lanes_[group.first_lane][i].empty())
      continue;
    const int64_t bytes = bytes_of(step.dtype);
    const Places found = places(accesses_[step.index], bytes, group);
    std::vector<Register> values;
    if (found.layout == Layout::vector && width > 1) {
      const Place& place = found.lanes[0];
      const Width register_width = width_of(step.dtype);
      for (int64_t k = 0; k < width; ++k) {
        values.push_back(writer.fresh(register_width));
        if (!place.exists.empty()) writer.line("mov", bits_of(register_width), " ", values.back(), ", 0");
      }
      const int64_t each = lanes_at_once(width, bytes);
      for (int64_t k = 0; k < width; k += each)
        writer.when(place.exists, "ld.global.v", each, memory_type(step.dtype), " ",
                    braced(std::span(values).subspan(static_cast<size_t>(k), static_cast<size_t>(each))),
                    ", ", address(place, k * bytes));
    } else {
      for (const Place& place : found.lanes) values.push_back(load_one(place, step.dtype));
    }
    for (size_t k = 0; k < static_cast<size_t>(width); ++k)
      lanes_[group.first_lane + k][i] = values[values.size() == 1 ? 0 : k];
  }
}

void FusedText::store_one(const Place& place, DType dtype, const Register& value) {
  writer.when(place.exists, "st.global", memory_type(dtype), " ", address(place), ", ", value);
}

void FusedText::store(size_t number, const Group& group) {
  const Store& store = kernel.stores[number];
  const DType dtype = kernel.steps[store.step].dtype;
  const int64_t bytes = bytes_of(dtype);
  const Places found = places(store_accesses_[number], bytes, group);
  if (found.layout == Layout::vector && width > 1) {
    std::vector<Register> values;
    for (size_t k = 0; k < static_cast<size_t>(width); ++k)
      values.push_back(lanes_[group.first_lane + k][store.step]);
    const int64_t each = lanes_at_once(width, bytes);
    for (int64_t k = 0; k < width; k += each)
      writer.when(found.lanes[0].exists, "st.global.v", each, memory_type(dtype), " ",
                  address(found.lanes[0], k * bytes), ", ",
                  braced(std::span(values).subspan(static_cast<size_t>(k), static_cast<size_t>(each))));
    return;
  }
  // Lanes that share an element have one place and are equal, so the first writes it.
  for (size_t k = 0; k < found.lanes.size(); ++k)
    store_one(found.lanes[k], dtype, lanes_[group.first_lane + k][store.step]);
}

void FusedText::store_outer(size_t number, const Register& flag) {
  const Store& store = kernel.stores[number];
  const DType dtype = kernel.steps[store.step].dtype;
  const Walk walk = merged(store.access);
  const Register value = outer_value(store.step);
  Place place = index.place(walk, row_, bases_[walk.array], bytes_of(dtype));
  place.exists = writer.both(index.exists(walk, row_), flag);
  store_one(place, dtype, value);
}

// --- measures

size_t statements(const FusedKernel& kernel, const std::vector<bool>& steps) {
  size_t sum = 0;
  for (size_t i = 0; i < steps.size(); ++i)
    if (steps[i]) sum += has_body(kernel.steps[i]) ? body_of(kernel.steps[i]).statements : 2;
  return sum;
}

bool needs_wide_indices(const FusedKernel& kernel, int64_t slack) {
  constexpr int64_t limit = INT32_MAX;
  if (kernel.rows >= limit || kernel.columns >= limit || kernel.rows * kernel.columns >= limit - slack)
    return true;
  for (const Access& access : kernel.accesses)
    if (merged(access).reach() >= limit) return true;
  for (const Step& step : kernel.steps)
    if (step.op == Op::position)
      if (const Walk walk = merged(kernel.accesses[step.index]);
          std::abs(walk.offset) + walk.reach() >= limit)
        return true;
  for (const Store& store : kernel.stores)
    if (merged(store.access).reach() >= limit) return true;
  return false;
}

} // namespace adjoint::cuda
