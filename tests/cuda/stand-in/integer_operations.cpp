#include <bit>

#include "operations.h"

namespace stand_in {

namespace {

// `add.s32 d, a, b` and everything of that form.
template <auto F, size_t N, class List> void uniform_operation(Decoder& d) {
  const Type type = d.take_type();
  const Handler handler = uniform<F, N>(type, List{});
  if (!handler) d.fail("no such type for this instruction");
  d.expect_operands(N + 1);
  uint32_t sources[3] = {};
  for (size_t k = 0; k < N; ++k) sources[k] = d.source(d.operand(k + 1), type);
  d.emit(handler, {d.destination(d.operand(0), type), sources[0], sources[1], sources[2]});
}

// ---- products

template <class T> struct Twice;
template <> struct Twice<uint16_t> {
  using type = uint32_t;
};
template <> struct Twice<uint32_t> {
  using type = uint64_t;
};
template <> struct Twice<uint64_t> {
  using type = unsigned __int128;
};
template <> struct Twice<int16_t> {
  using type = int32_t;
};
template <> struct Twice<int32_t> {
  using type = int64_t;
};
template <> struct Twice<int64_t> {
  using type = __int128;
};
template <class T> using twice = typename Twice<T>::type;

constexpr auto low_product = []<class T>(T a, T b) { return static_cast<T>(twice<T>(a) * b); };
constexpr auto high_product = []<class T>(T a, T b) {
  return static_cast<T>((twice<T>(a) * b) >> (sizeof(T) * 8));
};
constexpr auto low_sum = []<class T>(T a, T b, T c) { return static_cast<T>(low_product(a, b) + c); };
constexpr auto high_sum = []<class T>(T a, T b, T c) { return static_cast<T>(high_product(a, b) + c); };

template <class... Ts> Handler wide_product(Type type, bool has_addend, Types<Ts...>) {
  Handler found = nullptr;
  const auto choose = [&]<class T>() {
    using W = twice<T>;
    if (plain(type) != type_of<T>) return;
    found = has_addend ? &apply<[](T a, T b, W c) { return static_cast<W>(W(a) * W(b) + c); }, W, T, T, W>
                       : &apply<[](T a, T b) { return static_cast<W>(W(a) * W(b)); }, W, T, T>;
  };
  (choose.template operator()<Ts>(), ...);
  return found;
}
Type widened(Type type) {
  switch (plain(type)) {
  case Type::u16:
    return Type::u32;
  case Type::u32:
    return Type::u64;
  case Type::s16:
    return Type::s32;
  default:
    return Type::s64;
  }
}

// ---- carries: the flag is a register of its own

enum class Sum : uint8_t { add, subtract, low, high };

template <Sum kind, class T, bool reads_carry, bool writes_carry>
void carrying(Machine& m, const Instruction& i) {
  T* d = m.at<T>(i.operand[0]);
  const T *a = m.at<T>(i.operand[1]), *b = m.at<T>(i.operand[2]), *c = m.at<T>(i.operand[3]);
  uint8_t* carry = m.at<uint8_t>(i.operand[4]);
  each(m.lanes, [=](uint32_t t) {
    using W = unsigned __int128;
    const W in = reads_carry ? carry[t] : 0;
    W sum;
    if constexpr (kind == Sum::add)
      sum = W(a[t]) + b[t] + in;
    else if constexpr (kind == Sum::subtract)
      sum = W(a[t]) - b[t] - in;
    else if constexpr (kind == Sum::low)
      sum = W(low_product(a[t], b[t])) + c[t] + in;
    else
      sum = W(high_product(a[t], b[t])) + c[t] + in;
    d[t] = static_cast<T>(sum);
    if (writes_carry) carry[t] = static_cast<uint8_t>(sum >> (sizeof(T) * 8) & 1);
  });
}
template <Sum kind, class T> Handler carrying_handler(bool reads, bool writes) {
  if (reads) return writes ? &carrying<kind, T, true, true> : &carrying<kind, T, true, false>;
  return writes ? &carrying<kind, T, false, true> : nullptr;
}
template <Sum kind> void carrying_operation(Decoder& d, Type type, bool reads_carry, bool writes_carry) {
  // The high half of a signed product is another number, but nothing asks for its carry.
  if (kind == Sum::high && is_signed(type)) d.fail("no such type for this instruction");
  const uint32_t bytes = bytes_of(type);
  const Handler handler = bytes == 4   ? carrying_handler<kind, uint32_t>(reads_carry, writes_carry)
                          : bytes == 8 ? carrying_handler<kind, uint64_t>(reads_carry, writes_carry)
                                       : nullptr;
  if (!handler || is_float(type)) d.fail("no such type for this instruction");
  constexpr bool has_addend = kind == Sum::low || kind == Sum::high;
  d.expect_operands(has_addend ? 4 : 3);
  const uint32_t a = d.source(d.operand(1), type), b = d.source(d.operand(2), type);
  const uint32_t c = has_addend ? d.source(d.operand(3), type) : a;
  const uint32_t carry = d.layout.carry();
  d.emit(handler, {d.destination(d.operand(0), type), a, b, c, carry});
}

bool names_float(const Decoder& d) {
  const std::string& opcode = d.statement().opcode;
  return opcode.ends_with(".f32") || opcode.ends_with(".f64");
}

constexpr auto sum = []<class T>(T a, T b) { return static_cast<T>(a + b); };
constexpr auto difference = []<class T>(T a, T b) { return static_cast<T>(a - b); };
constexpr auto saturated_sum = [](int32_t a, int32_t b) {
  return static_cast<int32_t>(std::clamp<int64_t>(int64_t{a} + b, INT32_MIN, INT32_MAX));
};
constexpr auto saturated_difference = [](int32_t a, int32_t b) {
  return static_cast<int32_t>(std::clamp<int64_t>(int64_t{a} - b, INT32_MIN, INT32_MAX));
};

} // namespace

// Float forms of these opcodes are rows of another list.
void decode_float_sum(Decoder& d);
void decode_float_difference(Decoder& d);
void decode_float_product(Decoder& d);
void decode_float_fma(Decoder& d);
void decode_float_quotient(Decoder& d);
void decode_float_negation(Decoder& d);
void decode_float_magnitude(Decoder& d);
void decode_float_least(Decoder& d);
void decode_float_greatest(Decoder& d);

namespace {

template <Sum kind, auto F, auto saturated, Operation of_floats> void add_or_subtract(Decoder& d) {
  if (names_float(d)) return of_floats(d);
  const bool writes_carry = d.take("cc"), reads_carry = d.base().ends_with("c");
  if (writes_carry || reads_carry)
    return carrying_operation<kind>(d, d.take_type(), reads_carry, writes_carry);
  if (d.take("sat")) return uniform_operation<saturated, 2, Types<int32_t>>(d);
  uniform_operation<F, 2, Integers>(d);
}

void multiply(Decoder& d) {
  if (names_float(d)) return decode_float_product(d);
  const std::string_view half = d.take_any({"lo", "hi", "wide"});
  if (half == "lo") return uniform_operation<low_product, 2, Integers>(d);
  if (half == "hi") return uniform_operation<high_product, 2, Integers>(d);
  const Type type = d.take_type();
  const Handler handler = wide_product(type, false, Types<uint16_t, uint32_t, int16_t, int32_t>{});
  if (!handler || half != "wide") d.fail("a product is .lo, .hi or .wide");
  d.expect_operands(3);
  const uint32_t a = d.source(d.operand(1), type), b = d.source(d.operand(2), type);
  d.emit(handler, {d.destination(d.operand(0), widened(type)), a, b});
}

void multiply_add(Decoder& d) {
  if (names_float(d)) return decode_float_fma(d);
  const std::string_view half = d.take_any({"lo", "hi", "wide"});
  const bool writes_carry = d.take("cc"), reads_carry = d.base() == "madc";
  if (writes_carry || reads_carry) {
    const Type type = d.take_type();
    if (half == "lo") return carrying_operation<Sum::low>(d, type, reads_carry, writes_carry);
    if (half == "hi") return carrying_operation<Sum::high>(d, type, reads_carry, writes_carry);
    d.fail("a product with carry is .lo or .hi");
  }
  if (half == "lo") return uniform_operation<low_sum, 3, Integers>(d);
  if (half == "hi") return uniform_operation<high_sum, 3, Integers>(d);
  const Type type = d.take_type();
  const Handler handler = wide_product(type, true, Types<uint16_t, uint32_t, int16_t, int32_t>{});
  if (!handler || half != "wide") d.fail("a product is .lo, .hi or .wide");
  d.expect_operands(4);
  const uint32_t a = d.source(d.operand(1), type), b = d.source(d.operand(2), type);
  const uint32_t c = d.source(d.operand(3), widened(type));
  d.emit(handler, {d.destination(d.operand(0), widened(type)), a, b, c});
}

// Division by zero gives all ones, and the rest is what was divided.
constexpr auto quotient = []<class T>(T a, T b) {
  if (b == 0) return static_cast<T>(-1);
  if constexpr (std::is_signed_v<T>)
    if (b == -1) return static_cast<T>(-a);
  return static_cast<T>(a / b);
};
constexpr auto rest = []<class T>(T a, T b) {
  if (b == 0) return a;
  if constexpr (std::is_signed_v<T>)
    if (b == -1) return T{0};
  return static_cast<T>(a % b);
};

// Operations on integers whose opcode floats have as well.
template <auto F, size_t N, class List, Operation of_floats> void number_operation(Decoder& d) {
  names_float(d) ? of_floats(d) : uniform_operation<F, N, List>(d);
}

constexpr auto negation = []<class T>(T a) { return static_cast<T>(-a); };
constexpr auto magnitude = []<class T>(T a) { return static_cast<T>(a < 0 ? -a : a); };
constexpr auto least = []<class T>(T a, T b) { return a < b ? a : b; };
constexpr auto greatest = []<class T>(T a, T b) { return a > b ? a : b; };
constexpr auto bits_and = []<class T>(T a, T b) { return static_cast<T>(a & b); };
constexpr auto bits_or = []<class T>(T a, T b) { return static_cast<T>(a | b); };
constexpr auto bits_xor = []<class T>(T a, T b) { return static_cast<T>(a ^ b); };
constexpr auto bits_not = []<class T>(T a) { return static_cast<T>(~a); };
constexpr auto logical_not = []<class T>(T a) { return static_cast<T>(!a); };
constexpr auto distance = []<class T>(T a, T b, T c) { return static_cast<T>(c + (a > b ? a - b : b - a)); };

// Predicates are 0 or 1, so the bitwise operations hold for them too.
template <auto F, size_t N, auto of_predicates = F> void logic(Decoder& d) {
  if (!d.take("pred")) return uniform_operation<F, N, Unsigned>(d);
  d.expect_operands(N + 1);
  const uint32_t a = d.source(d.operand(1), Type::pred);
  const uint32_t b = N == 2 ? d.source(d.operand(2), Type::pred) : a;
  d.emit(same_type<of_predicates, uint8_t, N>(), {d.destination(d.operand(0), Type::pred), a, b});
}

// ---- shifts

template <auto F, class... Ts> void shift_operation(Decoder& d, Types<Ts...>) {
  const Type type = d.take_type();
  Handler handler = nullptr;
  ((plain(type) == type_of<Ts> ? static_cast<void>(handler = &apply<F, Ts, Ts, uint32_t>) : void()), ...);
  if (!handler) d.fail("no such type for this instruction");
  d.expect_operands(3);
  const uint32_t a = d.source(d.operand(1), type), count = d.source(d.operand(2), Type::u32);
  d.emit(handler, {d.destination(d.operand(0), type), a, count});
}
constexpr auto left = []<class T>(T a, uint32_t count) {
  return count >= sizeof(T) * 8 ? T{0} : static_cast<T>(a << count);
};
constexpr auto right = []<class T>(T a, uint32_t count) {
  const uint32_t most = sizeof(T) * 8;
  if (count >= most) return static_cast<T>(std::is_signed_v<T> && a < 0 ? -1 : 0);
  return static_cast<T>(a >> count);
};
void shift_left(Decoder& d) { shift_operation<left>(d, Unsigned{}); }
void shift_right(Decoder& d) { shift_operation<right>(d, Integers{}); }

template <bool wraps>
constexpr auto funnel_left = [](uint32_t a, uint32_t b, uint32_t c) {
  const uint32_t n = wraps ? c & 31 : std::min(c, 32u);
  return static_cast<uint32_t>(((uint64_t{b} << 32 | a) << n) >> 32);
};
template <bool wraps>
constexpr auto funnel_right = [](uint32_t a, uint32_t b, uint32_t c) {
  const uint32_t n = wraps ? c & 31 : std::min(c, 32u);
  return static_cast<uint32_t>((uint64_t{b} << 32 | a) >> n);
};
void funnel_shift(Decoder& d) {
  const bool is_left = d.take("l");
  if (!is_left && !d.take("r")) d.fail("a funnel shift is .l or .r");
  const bool wraps = d.take("wrap");
  if (!wraps && !d.take("clamp")) d.fail("a funnel shift is .wrap or .clamp");
  if (is_left && wraps) return uniform_operation<funnel_left<true>, 3, Types<uint32_t>>(d);
  if (is_left) return uniform_operation<funnel_left<false>, 3, Types<uint32_t>>(d);
  if (wraps) return uniform_operation<funnel_right<true>, 3, Types<uint32_t>>(d);
  uniform_operation<funnel_right<false>, 3, Types<uint32_t>>(d);
}

// ---- bits

template <class T> std::make_unsigned_t<T> field_mask(uint32_t length) {
  using U = std::make_unsigned_t<T>;
  return length >= sizeof(T) * 8 ? static_cast<U>(-1) : static_cast<U>((U{1} << length) - 1);
}
constexpr auto extract = []<class T>(T a, uint32_t position, uint32_t length) {
  using U = std::make_unsigned_t<T>;
  constexpr uint32_t top = sizeof(T) * 8 - 1;
  position &= 255;
  length &= 255;
  if (length == 0) return T{0};
  const bool fills = std::is_signed_v<T> && static_cast<U>(a) >> std::min(position + length - 1, top) & 1;
  const U field = position > top ? U{0} : static_cast<U>(static_cast<U>(a) >> position);
  const uint32_t there = position > top ? 0 : std::min(length, top + 1 - position);
  const U mask = field_mask<T>(there);
  return static_cast<T>((field & mask) | (fills ? static_cast<U>(~mask) : U{0}));
};
constexpr auto insert = []<class T>(T a, T b, uint32_t position, uint32_t length) {
  position &= 255;
  length &= 255;
  if (position >= sizeof(T) * 8) return b;
  const T mask = static_cast<T>(field_mask<T>(length) << position);
  return static_cast<T>((b & ~mask) | (static_cast<T>(a << position) & mask));
};
template <class... Ts> Handler extract_handler(Type type, Types<Ts...>) {
  Handler found = nullptr;
  ((type == type_of<Ts> ? static_cast<void>(found = &apply<extract, Ts, Ts, uint32_t, uint32_t>) : void()),
   ...);
  return found;
}
void bit_field_extract(Decoder& d) {
  const Type type = d.take_type();
  const Handler handler = extract_handler(type, Types<uint32_t, uint64_t, int32_t, int64_t>{});
  if (!handler) d.fail("no such type for this instruction");
  d.expect_operands(4);
  const uint32_t a = d.source(d.operand(1), type);
  const uint32_t position = d.source(d.operand(2), Type::u32), length = d.source(d.operand(3), Type::u32);
  d.emit(handler, {d.destination(d.operand(0), type), a, position, length});
}
void bit_field_insert(Decoder& d) {
  const Type type = d.take_type();
  if (type != Type::b32 && type != Type::b64) d.fail("no such type for this instruction");
  d.expect_operands(5);
  const uint32_t a = d.source(d.operand(1), type), b = d.source(d.operand(2), type);
  const uint32_t position = d.source(d.operand(3), Type::u32), length = d.source(d.operand(4), Type::u32);
  d.emit(type == Type::b32 ? &apply<insert, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t>
                           : &apply<insert, uint64_t, uint64_t, uint64_t, uint32_t, uint32_t>,
         {d.destination(d.operand(0), type), a, b, position, length});
}

// Results of 32 bits, whatever they count in.
template <auto F, class... Ts> void count_operation(Decoder& d, Types<Ts...>) {
  const Type type = d.take_type();
  Handler handler = nullptr;
  ((plain(type) == type_of<Ts> ? static_cast<void>(handler = &apply<F, uint32_t, Ts>) : void()), ...);
  if (!handler) d.fail("no such type for this instruction");
  d.expect_operands(2);
  const uint32_t a = d.source(d.operand(1), type);
  d.emit(handler, {d.destination(d.operand(0), Type::u32), a});
}
using Words = Types<uint32_t, uint64_t>;
void count_ones(Decoder& d) {
  count_operation<[]<class T>(T a) { return static_cast<uint32_t>(std::popcount(a)); }>(d, Words{});
}
void count_leading_zeros(Decoder& d) {
  count_operation<[]<class T>(T a) { return static_cast<uint32_t>(std::countl_zero(a)); }>(d, Words{});
}
template <bool as_shift>
constexpr auto highest_bit = []<class T>(T a) {
  using U = std::make_unsigned_t<T>;
  const U bits = static_cast<U>(a < 0 ? ~a : a);
  const auto zeros = static_cast<uint32_t>(std::countl_zero(bits));
  if (bits == 0) return ~0u;
  return as_shift ? zeros : static_cast<uint32_t>(sizeof(T) * 8 - 1 - zeros);
};
void find_highest_bit(Decoder& d) {
  using List = Types<uint32_t, uint64_t, int32_t, int64_t>;
  if (d.take("shiftamt")) return count_operation<highest_bit<true>>(d, List{});
  count_operation<highest_bit<false>>(d, List{});
}
constexpr auto reversed = []<class T>(T a) {
  T made = 0;
  for (size_t k = 0; k < sizeof(T) * 8; ++k) made = static_cast<T>(made << 1 | (a >> k & 1));
  return made;
};

constexpr auto permuted = [](uint32_t a, uint32_t b, uint32_t selector) {
  const uint64_t bytes = uint64_t{b} << 32 | a;
  uint32_t made = 0;
  for (uint32_t k = 0; k < 4; ++k) {
    const uint32_t choice = selector >> 4 * k & 15;
    auto byte = static_cast<uint32_t>(bytes >> 8 * (choice & 7) & 255);
    if (choice & 8) byte = byte & 128 ? 255 : 0;
    made |= byte << 8 * k;
  }
  return made;
};

void lookup3(Decoder& d) {
  if (d.take_type() != Type::b32) d.fail("no such type for this instruction");
  d.expect_operands(5);
  if (d.operand(4).kind != Operand::Kind::integer) d.fail("the table must be a number");
  const uint32_t a = d.source(d.operand(1), Type::b32), b = d.source(d.operand(2), Type::b32);
  const uint32_t c = d.source(d.operand(3), Type::b32);
  Instruction& made = d.emit(
      [](Machine& m, const Instruction& i) {
        uint32_t* result = m.at<uint32_t>(i.operand[0]);
        const uint32_t *x = m.at<uint32_t>(i.operand[1]), *y = m.at<uint32_t>(i.operand[2]),
                       *z = m.at<uint32_t>(i.operand[3]);
        uint32_t rows[8];
        for (int k = 0; k < 8; ++k) rows[k] = i.offset >> k & 1 ? ~0u : 0u;
        each(m.lanes, [&](uint32_t t) {
          const uint32_t p = x[t], q = y[t], r = z[t];
          result[t] = (~p & ~q & ~r & rows[0]) | (~p & ~q & r & rows[1]) | (~p & q & ~r & rows[2]) |
                      (~p & q & r & rows[3]) | (p & ~q & ~r & rows[4]) | (p & ~q & r & rows[5]) |
                      (p & q & ~r & rows[6]) | (p & q & r & rows[7]);
        });
      },
      {d.destination(d.operand(0), Type::b32), a, b, c});
  made.offset = d.operand(4).integer;
}

template <class A, class B>
constexpr auto byte_products = [](uint32_t a, uint32_t b, uint32_t c) {
  for (uint32_t k = 0; k < 32; k += 8)
    c += static_cast<uint32_t>(static_cast<int32_t>(static_cast<A>(a >> k)) * static_cast<B>(b >> k));
  return c;
};
void dot_of_bytes(Decoder& d) {
  const bool a_signed = is_signed(d.take_type()), b_signed = is_signed(d.take_type());
  d.expect_operands(4);
  uint32_t s[3];
  for (size_t k = 0; k < 3; ++k) s[k] = d.source(d.operand(k + 1), Type::u32);
  using W = uint32_t;
  const Handler handler = a_signed   ? b_signed ? &apply<byte_products<int8_t, int8_t>, W, W, W, W>
                                                : &apply<byte_products<int8_t, uint8_t>, W, W, W, W>
                          : b_signed ? &apply<byte_products<uint8_t, int8_t>, W, W, W, W>
                                     : &apply<byte_products<uint8_t, uint8_t>, W, W, W, W>;
  d.emit(handler, {d.destination(d.operand(0), Type::u32), s[0], s[1], s[2]});
}

constexpr Operation add_row = &add_or_subtract<Sum::add, sum, saturated_sum, &decode_float_sum>;
constexpr Operation subtract_row =
    &add_or_subtract<Sum::subtract, difference, saturated_difference, &decode_float_difference>;

constexpr OperationRow ROWS[] = {
    {"add", add_row},
    {"addc", add_row},
    {"sub", subtract_row},
    {"subc", subtract_row},
    {"mul", &multiply},
    {"mad", &multiply_add},
    {"madc", &multiply_add},
    {"div", &number_operation<quotient, 2, Integers, &decode_float_quotient>},
    {"rem", &uniform_operation<rest, 2, Integers>},
    {"neg", &number_operation<negation, 1, Signed, &decode_float_negation>},
    {"abs", &number_operation<magnitude, 1, Signed, &decode_float_magnitude>},
    {"min", &number_operation<least, 2, Integers, &decode_float_least>},
    {"max", &number_operation<greatest, 2, Integers, &decode_float_greatest>},
    {"sad", &uniform_operation<distance, 3, Integers>},
    {"and", &logic<bits_and, 2>},
    {"or", &logic<bits_or, 2>},
    {"xor", &logic<bits_xor, 2>},
    {"not", &logic<bits_not, 1, logical_not>},
    {"cnot", &uniform_operation<logical_not, 1, Unsigned>},
    {"shl", &shift_left},
    {"shr", &shift_right},
    {"shf", &funnel_shift},
    {"bfe", &bit_field_extract},
    {"bfi", &bit_field_insert},
    {"bfind", &find_highest_bit},
    {"popc", &count_ones},
    {"clz", &count_leading_zeros},
    {"brev", &uniform_operation<reversed, 1, Types<uint32_t, uint64_t>>},
    {"prmt", &uniform_operation<permuted, 3, Types<uint32_t>>},
    {"lop3", &lookup3},
    {"dp4a", &dot_of_bytes},
};

} // namespace

std::span<const OperationRow> integer_operations() { return ROWS; }

} // namespace stand_in
