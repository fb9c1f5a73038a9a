

#include "operations.h"

namespace stand_in {

namespace {

// Where one side is NaN, a comparison is false, `ne` too; those whose names end in u are true.
constexpr auto equal = []<class T>(T a, T b) { return static_cast<uint8_t>(a == b); };
constexpr auto unequal = []<class T>(T a, T b) { return static_cast<uint8_t>(a < b || a > b); };
constexpr auto less = []<class T>(T a, T b) { return static_cast<uint8_t>(a < b); };
constexpr auto less_equal = []<class T>(T a, T b) { return static_cast<uint8_t>(a <= b); };
constexpr auto greater = []<class T>(T a, T b) { return static_cast<uint8_t>(a > b); };
constexpr auto greater_equal = []<class T>(T a, T b) { return static_cast<uint8_t>(a >= b); };
constexpr auto equal_u = []<class T>(T a, T b) { return static_cast<uint8_t>(!(a < b || a > b)); };
constexpr auto unequal_u = []<class T>(T a, T b) { return static_cast<uint8_t>(a != b); };
constexpr auto less_u = []<class T>(T a, T b) { return static_cast<uint8_t>(!(a >= b)); };
constexpr auto less_equal_u = []<class T>(T a, T b) { return static_cast<uint8_t>(!(a > b)); };
constexpr auto greater_u = []<class T>(T a, T b) { return static_cast<uint8_t>(!(a <= b)); };
constexpr auto greater_equal_u = []<class T>(T a, T b) { return static_cast<uint8_t>(!(a < b)); };
constexpr auto both_numbers = []<class T>(T a, T b) { return static_cast<uint8_t>(a == a && b == b); };
constexpr auto any_nan = []<class T>(T a, T b) { return static_cast<uint8_t>(a != a || b != b); };

template <auto F, class... Ts> Handler comparing(Type type, Types<Ts...>) {
  Handler found = nullptr;
  ((plain(type) == type_of<Ts> ? static_cast<void>(found = &apply<F, uint8_t, Ts, Ts>) : void()), ...);
  return found;
}
template <auto F, class List> Handler compare_all(Type type) { return comparing<F>(type, List{}); }

struct Comparison {
  const char* name;
  Handler (*handler)(Type);
};
constexpr Comparison COMPARISONS[] = {
    {"eq", &compare_all<equal, Numbers>},        {"ne", &compare_all<unequal, Numbers>},
    {"lt", &compare_all<less, Numbers>},         {"le", &compare_all<less_equal, Numbers>},
    {"gt", &compare_all<greater, Numbers>},      {"ge", &compare_all<greater_equal, Numbers>},
    {"lo", &compare_all<less, Unsigned>},        {"ls", &compare_all<less_equal, Unsigned>},
    {"hi", &compare_all<greater, Unsigned>},     {"hs", &compare_all<greater_equal, Unsigned>},
    {"equ", &compare_all<equal_u, Floats>},      {"neu", &compare_all<unequal_u, Floats>},
    {"ltu", &compare_all<less_u, Floats>},       {"leu", &compare_all<less_equal_u, Floats>},
    {"gtu", &compare_all<greater_u, Floats>},    {"geu", &compare_all<greater_equal_u, Floats>},
    {"num", &compare_all<both_numbers, Floats>}, {"nan", &compare_all<any_nan, Floats>},
};

constexpr auto flushed = [](float x) { return flush(x); };

// What is the same in set and setp: the comparison, and a predicate that it is combined with.
struct Compared {
  uint32_t outcome;  // of the comparison alone
  uint32_t combined; // with the predicate
  uint32_t inverse;  // of the outcome, combined with the predicate
};
Compared compare(Decoder& d, bool wants_inverse, Type result) {
  const Comparison* comparison = nullptr;
  for (const Comparison& row : COMPARISONS)
    if (!comparison && d.take(row.name)) comparison = &row;
  if (!comparison) d.fail("unknown comparison");
  const std::string_view with = d.take_any({"and", "or", "xor"});
  const bool flushes = d.take("ftz");
  const Type type = d.take_type();
  if (result != Type::none && type == Type::none) d.fail("a type is missing");
  d.expect_operands(with.empty() ? 3 : 4);
  const Handler handler = comparison->handler(type);
  if (!handler) d.fail("no such comparison of this type");
  uint32_t a = d.source(d.operand(1), type), b = d.source(d.operand(2), type);
  if (flushes) {
    for (uint32_t* s : {&a, &b}) {
      const uint32_t to = d.layout.reserve(4);
      d.emit(&apply<flushed, float, float>, {to, *s});
      *s = to;
    }
  }
  const auto fresh = [&] { return d.layout.reserve(1); };
  Compared made{fresh(), 0, 0};
  d.emit(handler, {made.outcome, a, b});
  made.combined = made.outcome;
  if (wants_inverse) {
    made.inverse = fresh();
    d.emit(&apply<[](uint8_t p) { return static_cast<uint8_t>(!p); }, uint8_t, uint8_t>,
           {made.inverse, made.outcome});
  }
  if (with.empty()) return made;
  const uint32_t c = d.predicate(d.operand(3));
  const Handler combine =
      with == "and"  ? &apply<[](uint8_t p, uint8_t q) { return static_cast<uint8_t>(p & q); }, uint8_t,
                              uint8_t, uint8_t>
      : with == "or" ? &apply<[](uint8_t p, uint8_t q) { return static_cast<uint8_t>(p | q); }, uint8_t,
                              uint8_t, uint8_t>
                     : &apply<[](uint8_t p, uint8_t q) { return static_cast<uint8_t>(p ^ q); }, uint8_t,
                              uint8_t, uint8_t>;
  made.combined = fresh();
  d.emit(combine, {made.combined, made.outcome, c});
  if (wants_inverse) d.emit(combine, {made.inverse, made.inverse, c});
  return made;
}

constexpr auto same = []<class T>(T x) { return x; };

void set_predicate(Decoder& d) {
  const Operand& to = d.operand(0);
  const bool is_pair = to.kind == Operand::Kind::pair;
  const Compared compared = compare(d, is_pair, Type::none);
  const Handler copy = &apply<same, uint8_t, uint8_t>;
  if (!is_pair && d.code.size() == 1) { // the plain case is one instruction
    d.code.front().operand[0] = d.destination(to, Type::pred);
    return;
  }
  const uint32_t p = d.destination(is_pair ? to.elements[0] : to, Type::pred);
  d.emit(copy, {p, compared.combined});
  if (is_pair) d.emit(copy, {d.destination(to.elements[1], Type::pred), compared.inverse});
}

// `set.lt.u32.f32`: all ones, or 1.0.
void set_value(Decoder& d) {
  const Type result = d.take_type();
  if (bytes_of(result) != 4) d.fail("no such type for this instruction");
  const Compared compared = compare(d, false, result);
  d.emit(result == Type::f32 ? &apply<[](uint8_t p) { return p ? 1.0f : 0.0f; }, float, uint8_t>
                             : &apply<[](uint8_t p) { return p ? ~0u : 0u; }, uint32_t, uint8_t>,
         {d.destination(d.operand(0), result), compared.combined});
}

template <class T> Handler selecting() {
  return &apply<[](T a, T b, uint8_t p) { return p ? a : b; }, T, T, T, uint8_t>;
}
template <class T> Handler selecting_by_sign(bool of_float) {
  return of_float ? &apply<[](T a, T b, float c) { return c >= 0 ? a : b; }, T, T, T, float>
                  : &apply<[](T a, T b, int32_t c) { return c >= 0 ? a : b; }, T, T, T, int32_t>;
}

void select(Decoder& d) {
  const Type type = d.take_type();
  d.expect_operands(4);
  const uint32_t a = d.source(d.operand(1), type), b = d.source(d.operand(2), type);
  const uint32_t p = d.predicate(d.operand(3));
  const uint32_t bytes = bytes_of(type);
  if (bytes < 2) d.fail("no such type for this instruction");
  d.emit(bytes == 2   ? selecting<uint16_t>()
         : bytes == 4 ? selecting<uint32_t>()
                      : selecting<uint64_t>(),
         {d.destination(d.operand(0), type), a, b, p});
}

void select_by_sign(Decoder& d) {
  const bool flushes = d.take("ftz"); // -0 is not less than 0, so it makes no difference but below
  const Type type = d.take_type(), by = d.take_type();
  if (by != Type::s32 && by != Type::f32) d.fail("no such type for this instruction");
  d.expect_operands(4);
  const uint32_t a = d.source(d.operand(1), type), b = d.source(d.operand(2), type);
  uint32_t c = d.source(d.operand(3), by);
  if (flushes) {
    const uint32_t to = d.layout.reserve(4);
    d.emit(&apply<flushed, float, float>, {to, c});
    c = to;
  }
  const uint32_t bytes = bytes_of(type);
  if (bytes < 2) d.fail("no such type for this instruction");
  const bool of_float = by == Type::f32;
  d.emit(bytes == 2   ? selecting_by_sign<uint16_t>(of_float)
         : bytes == 4 ? selecting_by_sign<uint32_t>(of_float)
                      : selecting_by_sign<uint64_t>(of_float),
         {d.destination(d.operand(0), type), a, b, c});
}

constexpr OperationRow ROWS[] = {
    {"setp", &set_predicate},
    {"set", &set_value},
    {"selp", &select},
    {"slct", &select_by_sign},
};

} // namespace

std::span<const OperationRow> compare_operations() { return ROWS; }

} // namespace stand_in
