#include "cpu/jit/vector_code.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <optional>
#include <utility>

#include "cpu/jit/segment.h"
#include "device/error.h"

namespace adjoint::cpu {

namespace {

// Second bytes of 0F opcodes, for floats and, with 66, for doubles.
enum Arithmetic : uint8_t {
  op_and = 0x54,
  op_or = 0x56,
  op_xor = 0x57,
  op_add = 0x58,
  op_mul = 0x59,
  op_sub = 0x5C,
  op_min = 0x5D,
  op_div = 0x5E,
  op_max = 0x5F,
};
// Predicates of CMPPS.
enum Predicate : uint8_t {
  is_eq = 0x00,
  is_unordered = 0x03,
  is_ne = 0x04,
  is_lt = 0x11,
  is_le = 0x12,
  is_ge = 0x1D,
  is_gt = 0x1E,
};
enum Rounding : uint8_t { to_even = 8, downward = 9, upward = 10, to_zero = 11 };

// Evaluates rows on vectors of `bytes` per element: the one list of the rows that segments know.
class Rows {
 public:
  explicit Rows(size_t bytes) { code_.bytes = bytes; }

  // The vector of a row's value, or nothing for rows that are not in the list. Inputs are bools, or floats
  // (and a bool first, for where).
  std::optional<uint16_t> logical(Op op, uint16_t a, uint16_t b);
  std::optional<uint16_t> floating(Op op, uint16_t a, uint16_t b, uint16_t c);

  uint16_t add(SegmentVector vector) {
    code_.vectors.push_back(std::move(vector));
    return static_cast<uint16_t>(code_.vectors.size() - 1);
  }

 protected:
  VectorCode code_;

 private:
  uint16_t operate(Verb verb, unsigned opcode, std::initializer_list<uint16_t> inputs) {
    Operation operation{.verb = verb, .code = static_cast<uint8_t>(opcode)};
    bool is_constant = true;
    for (const uint16_t input : inputs) {
      operation.inputs[operation.count++] = input;
      code_.vectors[input].uses.push_back(static_cast<uint32_t>(code_.operations.size()));
      is_constant &= code_.vectors[input].is_constant;
    }
    operation.out = add({.is_constant = is_constant});
    code_.operations.push_back(operation);
    return operation.out;
  }
  uint16_t compute(Arithmetic opcode, uint16_t a, uint16_t b) {
    return operate(Verb::arithmetic, opcode, {a, b});
  }
  uint16_t compare(Predicate opcode, uint16_t x, uint16_t y) {
    return operate(Verb::compare, opcode, {x, y});
  }
  uint16_t choose(Predicate opcode, uint16_t x, uint16_t y, uint16_t a, uint16_t b) {
    return operate(Verb::choose, opcode, {x, y, a, b});
  }

  // What a vector of bools was made by, which costs less to do again than to read. A store in between may have
  // overwritten what was compared.
  std::optional<Operation> comparison(uint16_t bools) const {
    for (size_t at = code_.operations.size(); at-- > 0;) {
      const Operation& one = code_.operations[at];
      if (one.verb == Verb::store) break;
      if (one.verb == Verb::compare && one.out == bools) return one;
    }
    return std::nullopt;
  }

  uint16_t pattern(uint64_t bits) {
    for (size_t i = 0; i < code_.vectors.size(); ++i)
      if (code_.vectors[i].origin == SegmentVector::Origin::constant && code_.vectors[i].bits == bits)
        return static_cast<uint16_t>(i);
    return add({.origin = SegmentVector::Origin::constant, .is_constant = true, .bits = bits});
  }
  uint16_t number(double value) {
    return pattern(code_.bytes == 8 ? std::bit_cast<uint64_t>(value)
                                    : std::bit_cast<uint32_t>(static_cast<float>(value)));
  }
  uint16_t sign_bit() { return pattern(code_.bytes == 8 ? uint64_t{1} << 63 : uint64_t{1} << 31); }
  uint16_t all_but_sign() { return pattern(code_.bytes == 8 ? ~uint64_t{0} >> 1 : ~uint32_t{0} >> 1); }
  uint16_t all_bits() { return pattern(code_.bytes == 8 ? ~uint64_t{0} : ~uint32_t{0}); }

  uint16_t abs(uint16_t a) { return compute(op_and, a, all_but_sign()); }
  uint16_t both(uint16_t a, uint16_t b) { return compute(op_and, a, b); }
  uint16_t one_where(Predicate opcode, uint16_t x, uint16_t y) {
    return both(compare(opcode, x, y), number(1));
  }
  // MAXPS and MINPS give their second input where either is not a number, as `a > b ? a : b` does.
  uint16_t extreme(Arithmetic opcode, uint16_t a, uint16_t b) {
    return choose(is_unordered, a, a, a, compute(opcode, a, b));
  }
  uint16_t lerp(uint16_t a, uint16_t b, uint16_t c) {
    const uint16_t way = compute(op_sub, b, a);
    const uint16_t from_a = compute(op_add, a, compute(op_mul, c, way));
    const uint16_t from_b = compute(op_sub, b, compute(op_mul, way, compute(op_sub, number(1), c)));
    return choose(is_lt, abs(c), number(0.5), from_a, from_b);
  }
};

std::optional<uint16_t> Rows::logical(Op op, uint16_t a, uint16_t b) {
  switch (op) {
  case Op::logicalAnd:
    return both(a, b);
  case Op::logicalOr:
    return compute(op_or, a, b);
  case Op::logicalNot:
    return compute(op_xor, a, all_bits());
  default:
    return std::nullopt;
  }
}

// The rows' expressions over floats. They must give the bits of the rows: tests compare every one.
std::optional<uint16_t> Rows::floating(Op op, uint16_t a, uint16_t b, uint16_t c) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  switch (op) {
  case Op::neg:
    return compute(op_xor, a, sign_bit());
  case Op::abs:
    return abs(a);
  case Op::sign:
    return compute(op_sub, one_where(is_lt, number(0), a), one_where(is_lt, a, number(0)));
  case Op::square:
    return compute(op_mul, a, a);
  case Op::floor:
    return operate(Verb::round, downward, {a});
  case Op::ceil:
    return operate(Verb::round, upward, {a});
  case Op::round:
    return operate(Verb::round, to_even, {a});
  case Op::trunc:
    return operate(Verb::round, to_zero, {a});
  case Op::relu:
    return choose(is_le, a, number(0), number(0), a);
  case Op::sqrt:
    return operate(Verb::root, 0, {a});
  case Op::rsqrt:
    return compute(op_div, number(1), operate(Verb::root, 0, {a}));
  case Op::reciprocal:
    return compute(op_div, number(1), a);
  case Op::add:
    return compute(op_add, a, b);
  case Op::sub:
    return compute(op_sub, a, b);
  case Op::mul:
    return compute(op_mul, a, b);
  case Op::div:
    return compute(op_div, a, b);
  case Op::maximum:
    return extreme(op_max, a, b);
  case Op::minimum:
    return extreme(op_min, a, b);
  case Op::clamp:
    return extreme(op_min, c, extreme(op_max, b, a));
  case Op::lerp:
    return lerp(a, b, c);
  case Op::where:
    if (const std::optional<Operation> condition = comparison(a))
      return choose(static_cast<Predicate>(condition->code), condition->inputs[0], condition->inputs[1], b,
                    c);
    return operate(Verb::select, 0, {a, b, c});
  case Op::isnan:
    return compare(is_unordered, a, a);
  case Op::isinf:
    return compare(is_eq, abs(a), number(infinity));
  case Op::isfinite:
    return compare(is_lt, abs(a), number(infinity));
  case Op::logicalNot:
    return compare(is_eq, a, number(0));
  case Op::logicalAnd:
    return both(compare(is_ne, a, number(0)), compare(is_ne, b, number(0)));
  case Op::logicalOr:
    return compute(op_or, compare(is_ne, a, number(0)), compare(is_ne, b, number(0)));
  case Op::eq:
    return compare(is_eq, a, b);
  case Op::ne:
    return compare(is_ne, a, b);
  case Op::lt:
    return compare(is_lt, a, b);
  case Op::le:
    return compare(is_le, a, b);
  case Op::gt:
    return compare(is_gt, a, b);
  case Op::ge:
    return compare(is_ge, a, b);
  case Op::clone: // its input in memory may be overwritten before the copy is read
    return code_.vectors[a].origin == SegmentVector::Origin::made ? a : compute(op_or, a, a);
  default:
    return std::nullopt;
  }
}

class Translation : Rows {
 public:
  Translation(const CpuProgram& program, const Segment& segment)
      : Rows(4), program_(program), segment_(segment), of_value_(program.value_bytes.size(), nothing) {
    for (const Instruction& step : segment.steps)
      code_.bytes = std::max<size_t>(code_.bytes, program.value_bytes[step.c]);
    for (const Instruction& step : segment.steps) translate(step);
  }

  VectorCode take() {
    drop_unused();
    return std::move(code_);
  }

 private:
  static constexpr uint16_t nothing = UINT16_MAX;

  // Comparisons whose every reader has done them again.
  void drop_unused() {
    const std::vector<Operation> all = std::exchange(code_.operations, {});
    for (const Operation& one : all)
      if (one.verb != Verb::compare || !code_.vectors[one.out].uses.empty()) code_.operations.push_back(one);
    for (SegmentVector& vector : code_.vectors) vector.uses.clear();
    for (size_t at = 0; at < code_.operations.size(); ++at) {
      const Operation& one = code_.operations[at];
      for (size_t i = 0; i < one.count; ++i)
        code_.vectors[one.inputs[i]].uses.push_back(static_cast<uint32_t>(at));
    }
  }

  uint16_t input(uint16_t value) {
    if (of_value_[value] != nothing) return of_value_[value];
    const bool is_still = program_.value_extents[value] == Extent::one && segment_.extent != Extent::one;
    return of_value_[value] =
               add({.origin = is_still ? SegmentVector::Origin::still : SegmentVector::Origin::stream,
                    .is_bool = program_.value_bytes[value] == 1,
                    .is_constant = is_still,
                    .value = value});
  }

  void translate(const Instruction& step) {
    const uint16_t a = input(step.a), b = input(step.b), c = input(step.c);
    const std::optional<uint16_t> result =
        program_.value_bytes[step.c] == 1 ? logical(step.op, a, b) : floating(step.op, a, b, c);
    if (!result) throw internal_error(std::string(info(step.op).name) + " has no machine code");
    const uint16_t out = of_value_[step.out] = *result;
    if (!step.is_output) return;
    code_.vectors[out].uses.push_back(static_cast<uint32_t>(code_.operations.size()));
    code_.operations.push_back({.verb = Verb::store, .count = 1, .inputs = {out}, .out = step.out});
  }

  const CpuProgram& program_;
  const Segment& segment_;
  std::vector<uint16_t> of_value_;
};

} // namespace

VectorCode vector_code(const CpuProgram& program, const Segment& segment) {
  return Translation(program, segment).take();
}

bool is_plain(Op op, DType arithmetic) {
  struct Known {
    bool logical, floating;
  };
  static const std::array<Known, op_count> known = [] {
    std::array<Known, op_count> result;
    for (size_t i = 0; i < op_count; ++i) {
      Rows rows(4);
      const uint16_t a = rows.add({}), b = rows.add({}), c = rows.add({});
      const auto row = static_cast<Op>(i);
      result[i] = {rows.logical(row, a, b).has_value(), rows.floating(row, a, b, c).has_value()};
    }
    return result;
  }();
  const Known& row = known[static_cast<size_t>(op)];
  if (arithmetic == DType::boolean) return row.logical;
  return (arithmetic == DType::float32 || arithmetic == DType::float64) && row.floating;
}

} // namespace adjoint::cpu
