#include <bit>

#include "cuda_api.h"
#include "operations.h"

namespace stand_in {

namespace {

// The threads of the lanes, warp by warp: f(warp, mask of its threads).
template <class F> void each_warp(const Lanes& lanes, F f) {
  uint32_t warp = UINT32_MAX, mask = 0;
  each(lanes, [&](uint32_t t) {
    if (t / 32 != warp) {
      if (mask) f(warp, mask);
      warp = t / 32;
      mask = 0;
    }
    mask |= 1u << t % 32;
  });
  if (mask) f(warp, mask);
}
template <class F> void each_lane(uint32_t mask, F f) {
  for (; mask; mask &= mask - 1) f(static_cast<uint32_t>(std::countr_zero(mask)));
}

enum class Shuffle : int64_t { up, down, bfly, idx };

// Operands: mask, destination, predicate, value, lane, clamp.
void shuffle(Machine& m, const Instruction& i) {
  const uint32_t* masks = m.at<uint32_t>(i.operand[0]);
  uint32_t* d = m.at<uint32_t>(i.operand[1]);
  uint8_t* p = m.at<uint8_t>(i.operand[2]);
  const uint32_t *values = m.at<uint32_t>(i.operand[3]), *by = m.at<uint32_t>(i.operand[4]),
                 *clamps = m.at<uint32_t>(i.operand[5]);
  each_warp(m.lanes, [&](uint32_t warp, uint32_t present) {
    uint32_t old[32];
    each_lane(present, [&](uint32_t lane) { old[lane] = values[warp * 32 + lane]; });
    uint32_t made[32];
    uint8_t inside[32];
    each_lane(present, [&](uint32_t lane) {
      const uint32_t t = warp * 32 + lane, clamp = clamps[t] & 31, segment = clamps[t] >> 8 & 31,
                     b = by[t] & 31;
      const uint32_t last = (lane & segment) | (clamp & ~segment), first = lane & segment;
      uint32_t from = 0;
      bool is_inside = false;
      switch (static_cast<Shuffle>(i.offset)) {
      case Shuffle::up:
        from = lane - b;
        is_inside = static_cast<int32_t>(from) >= static_cast<int32_t>(last);
        break;
      case Shuffle::down:
        from = lane + b;
        is_inside = from <= last;
        break;
      case Shuffle::bfly:
        from = lane ^ b;
        is_inside = from <= last;
        break;
      case Shuffle::idx:
        from = first | (b & ~segment);
        is_inside = from <= last;
        break;
      }
      if (!is_inside) from = lane;
      if (!(present & masks[t]) || !((present & masks[t]) >> from & 1))
        m.fail(CUDA_ERROR_LAUNCH_FAILED, t,
               "shuffles from lane " + std::to_string(from) + ", whose thread does not take part");
      made[lane] = old[from];
      inside[lane] = is_inside;
    });
    each_lane(present, [&](uint32_t lane) {
      d[warp * 32 + lane] = made[lane];
      p[warp * 32 + lane] = inside[lane];
    });
  });
}

void shuffle_operation(Decoder& d) {
  if (!d.take("sync")) d.fail("only shfl.sync is known");
  const std::string_view mode = d.take_any({"up", "down", "bfly", "idx"});
  if (mode.empty() || bytes_of(d.take_type()) != 4) d.fail("no such shuffle");
  d.expect_operands(5);
  const Operand& to = d.operand(0);
  const bool is_pair = to.kind == Operand::Kind::pair;
  const uint32_t value = d.source(d.operand(1), Type::b32), by = d.source(d.operand(2), Type::b32);
  const uint32_t clamp = d.source(d.operand(3), Type::b32), mask = d.source(d.operand(4), Type::b32);
  const uint32_t result = d.destination(is_pair ? to.elements[0] : to, Type::b32);
  const uint32_t inside = is_pair ? d.destination(to.elements[1], Type::pred) : d.layout.reserve(1);
  Instruction& made = d.emit(&shuffle, {mask, result, inside, value, by, clamp});
  made.control = Control::collective;
  made.offset = static_cast<int64_t>(mode == "up"     ? Shuffle::up
                                     : mode == "down" ? Shuffle::down
                                     : mode == "bfly" ? Shuffle::bfly
                                                      : Shuffle::idx);
}

enum class Vote : int64_t { all, any, uni, ballot };
// Operands: mask, destination, predicate.
void vote(Machine& m, const Instruction& i) {
  const uint32_t* masks = m.at<uint32_t>(i.operand[0]);
  const uint8_t* p = m.at<uint8_t>(i.operand[2]);
  each_warp(m.lanes, [&](uint32_t warp, uint32_t present) {
    uint32_t yes = 0;
    each_lane(present, [&](uint32_t lane) { yes |= static_cast<uint32_t>(p[warp * 32 + lane]) << lane; });
    each_lane(present, [&](uint32_t lane) {
      const uint32_t t = warp * 32 + lane, asked = masks[t] & present, for_it = yes & asked;
      if (i.offset == static_cast<int64_t>(Vote::ballot)) {
        m.at<uint32_t>(i.operand[1])[t] = for_it;
        return;
      }
      const bool all = for_it == asked, any = for_it != 0;
      const auto kind = static_cast<Vote>(i.offset);
      m.at<uint8_t>(i.operand[1])[t] = kind == Vote::all ? all : kind == Vote::any ? any : all || !any;
    });
  });
}
void vote_operation(Decoder& d) {
  if (!d.take("sync")) d.fail("only vote.sync is known");
  const std::string_view mode = d.take_any({"all", "any", "uni", "ballot"});
  const bool is_ballot = mode == "ballot";
  const Type type = d.take_type();
  if (mode.empty() || type != (is_ballot ? Type::b32 : Type::pred)) d.fail("no such vote");
  d.expect_operands(3);
  const uint32_t p = d.predicate(d.operand(1)), mask = d.source(d.operand(2), Type::b32);
  Instruction& made = d.emit(&vote, {mask, d.destination(d.operand(0), type), p});
  made.control = Control::collective;
  made.offset = static_cast<int64_t>(is_ballot       ? Vote::ballot
                                     : mode == "all" ? Vote::all
                                     : mode == "any" ? Vote::any
                                                     : Vote::uni);
}

void active_mask(Decoder& d) {
  if (bytes_of(d.take_type()) != 4) d.fail("no such type for this instruction");
  d.expect_operands(1);
  d.emit(
      [](Machine& m, const Instruction& i) {
        uint32_t* to = m.at<uint32_t>(i.operand[0]);
        each_warp(m.lanes, [&](uint32_t warp, uint32_t present) {
          each_lane(present, [&](uint32_t lane) { to[warp * 32 + lane] = present; });
        });
      },
      {d.destination(d.operand(0), Type::b32)});
}

// Operands: mask, destination, value, and whether all agree.
template <class T, bool of_all> void match(Machine& m, const Instruction& i) {
  const uint32_t* masks = m.at<uint32_t>(i.operand[0]);
  uint32_t* d = m.at<uint32_t>(i.operand[1]);
  const T* values = m.at<T>(i.operand[2]);
  uint8_t* p = m.at<uint8_t>(i.operand[3]);
  each_warp(m.lanes, [&](uint32_t warp, uint32_t present) {
    each_lane(present, [&](uint32_t lane) {
      const uint32_t t = warp * 32 + lane, asked = masks[t] & present;
      uint32_t equal = 0;
      each_lane(asked, [&](uint32_t other) {
        equal |= static_cast<uint32_t>(values[warp * 32 + other] == values[t]) << other;
      });
      d[t] = of_all && equal != asked ? 0 : equal;
      if (of_all) p[t] = equal == asked;
    });
  });
}
void match_operation(Decoder& d) {
  const bool of_all = d.take("all");
  if ((!of_all && !d.take("any")) || !d.take("sync")) d.fail("no such match");
  const Type type = d.take_type();
  const bool is_long = bytes_of(type) == 8;
  if (!is_long && bytes_of(type) != 4) d.fail("no such type for this instruction");
  d.expect_operands(3);
  const Operand& to = d.operand(0);
  const bool is_pair = to.kind == Operand::Kind::pair;
  const uint32_t value = d.source(d.operand(1), type), mask = d.source(d.operand(2), Type::b32);
  const uint32_t result = d.destination(is_pair ? to.elements[0] : to, Type::b32);
  const uint32_t agree = is_pair ? d.destination(to.elements[1], Type::pred) : d.layout.reserve(1);
  const Handler handler = of_all    ? is_long ? &match<uint64_t, true> : &match<uint32_t, true>
                          : is_long ? &match<uint64_t, false>
                                    : &match<uint32_t, false>;
  d.emit(handler, {mask, result, value, agree}).control = Control::collective;
}

// Operands: mask, destination, value.
template <auto F, class T> void reduce(Machine& m, const Instruction& i) {
  const uint32_t* masks = m.at<uint32_t>(i.operand[0]);
  T* d = m.at<T>(i.operand[1]);
  const T* values = m.at<T>(i.operand[2]);
  each_warp(m.lanes, [&](uint32_t warp, uint32_t present) {
    T made[32];
    each_lane(present, [&](uint32_t lane) {
      bool is_first = true;
      each_lane(masks[warp * 32 + lane] & present, [&](uint32_t other) {
        const T value = values[warp * 32 + other];
        made[lane] = is_first ? value : static_cast<T>(F(made[lane], value));
        is_first = false;
      });
    });
    each_lane(present, [&](uint32_t lane) { d[warp * 32 + lane] = made[lane]; });
  });
}
void reduce_operation(Decoder& d) {
  if (!d.take("sync")) d.fail("only redux.sync is known");
  const std::string_view kind = d.take_any({"add", "min", "max", "and", "or", "xor"});
  const Type type = d.take_type();
  if (bytes_of(type) != 4 || is_float(type)) d.fail("no such type for this instruction");
  const bool has_sign = is_signed(type);
  Handler handler = nullptr;
  if (kind == "add") handler = &reduce<[](uint32_t a, uint32_t b) { return a + b; }, uint32_t>;
  if (kind == "and") handler = &reduce<[](uint32_t a, uint32_t b) { return a & b; }, uint32_t>;
  if (kind == "or") handler = &reduce<[](uint32_t a, uint32_t b) { return a | b; }, uint32_t>;
  if (kind == "xor") handler = &reduce<[](uint32_t a, uint32_t b) { return a ^ b; }, uint32_t>;
  constexpr auto least = []<class T>(T a, T b) { return a < b ? a : b; };
  constexpr auto greatest = []<class T>(T a, T b) { return a > b ? a : b; };
  if (kind == "min") handler = has_sign ? &reduce<least, int32_t> : &reduce<least, uint32_t>;
  if (kind == "max") handler = has_sign ? &reduce<greatest, int32_t> : &reduce<greatest, uint32_t>;
  if (!handler) d.fail("no such reduction");
  d.expect_operands(3);
  const uint32_t value = d.source(d.operand(1), type), mask = d.source(d.operand(2), Type::b32);
  d.emit(handler, {mask, d.destination(d.operand(0), type), value}).control = Control::collective;
}

// mma.m16n8k8 of TF32. Lane 4 * group + member has, in this order,
//   of A   (group, member), (group + 8, member), (group, member + 4), (group + 8, member + 4)
//   of B   (member, group), (member + 4, group)
//   of C   (group, 2 * member), (group, 2 * member + 1), (group + 8, the same two)
// Of each factor, the 13 lowest bits are ignored; sums are float32, in an order that is not specified.
// Operands: mask; then 4 of D, 4 of A, 2 of B, 4 of C.
void multiply_matrices(Machine& m, const Instruction& i) {
  const auto at = [&](size_t which, uint32_t warp) { return m.at<uint32_t>(i.more[which]) + warp * 32; };
  const auto factor = [](uint32_t bits) { return std::bit_cast<float>(bits & ~0x1FFFu); };
  each_warp(m.lanes, [&](uint32_t warp, uint32_t present) {
    if (~present)
      m.fail(CUDA_ERROR_LAUNCH_FAILED, warp * 32 + static_cast<uint32_t>(std::countr_zero(present)),
             "mma without all threads of the warp");
    float a[16][8], b[8][8], c[16][8];
    const auto row_of = [](uint32_t lane, size_t r) { return lane / 4 + r * 8; };
    for (uint32_t lane = 0; lane < 32; ++lane) {
      const uint32_t member = lane % 4;
      for (size_t r = 0; r < 4; ++r) {
        a[row_of(lane, r % 2)][member + r / 2 * 4] = factor(at(4 + r, warp)[lane]);
        c[row_of(lane, r / 2)][member * 2 + r % 2] = std::bit_cast<float>(at(10 + r, warp)[lane]);
      }
      for (size_t r = 0; r < 2; ++r) b[member + r * 4][lane / 4] = factor(at(8 + r, warp)[lane]);
    }
    for (size_t row = 0; row < 16; ++row)
      for (size_t column = 0; column < 8; ++column)
        for (size_t k = 0; k < 8; ++k) c[row][column] += a[row][k] * b[k][column];
    for (uint32_t lane = 0; lane < 32; ++lane)
      for (size_t r = 0; r < 4; ++r)
        at(r, warp)[lane] = std::bit_cast<uint32_t>(canonical(c[row_of(lane, r / 2)][lane % 4 * 2 + r % 2]));
  });
}
void multiply_matrices_operation(Decoder& d) {
  for (const char* modifier : {"sync", "aligned", "m16n8k8", "row", "col", "tf32", "tf32"})
    if (!d.take(modifier)) d.fail("only mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 is known");
  if (d.take_type() != Type::f32 || d.take_type() != Type::f32) d.fail("sums of TF32 are f32");
  d.expect_capability(80);
  d.expect_operands(4);
  constexpr size_t counts[] = {4, 4, 2, 4};
  std::vector<uint32_t> registers;
  for (size_t k = 0; k < 4; ++k) {
    const Operand& operand = d.operand(k);
    if (operand.kind != Operand::Kind::vector || operand.elements.size() != counts[k])
      d.fail("operand " + std::to_string(k) + " is no vector of " + std::to_string(counts[k]));
    for (const Operand& element : operand.elements)
      registers.push_back(k == 0 ? d.destination(element, Type::b32) : d.source(element, Type::b32));
  }
  Instruction& made = d.emit(&multiply_matrices, {d.number(Type::b32, UINT32_MAX)});
  made.control = Control::collective;
  made.more = std::move(registers);
}

constexpr OperationRow ROWS[] = {
    {"shfl", &shuffle_operation}, {"vote", &vote_operation},    {"activemask", &active_mask},
    {"match", &match_operation},  {"redux", &reduce_operation}, {"mma", &multiply_matrices_operation},
};

} // namespace

std::span<const OperationRow> warp_operations() { return ROWS; }

} // namespace stand_in
