#include <cfenv>

#include "operations.h"

namespace stand_in {

namespace {

using All = Types<uint8_t, uint16_t, uint32_t, uint64_t, int8_t, int16_t, int32_t, int64_t, float, double>;

// Rounds to a whole number in the mode of the processor.
constexpr auto whole = []<class S>(S x) { return std::nearbyint(x); };

// Numbers beyond the range become its ends, and NaN what the PTX manual says.
template <class D, class S> D to_integer(S x) {
  if (x != x) {
    constexpr bool is_zero = sizeof(S) == 4 && sizeof(D) < 8;
    return is_zero ? D{0} : static_cast<D>(std::make_unsigned_t<D>{1} << (sizeof(D) * 8 - 1));
  }
  constexpr S low = static_cast<S>(std::numeric_limits<D>::min());
  // The end of the range plus one is a power of two, which floats have.
  constexpr S end = static_cast<S>(std::numeric_limits<D>::max() / 2 + 1) * 2;
  if (x < low) return std::numeric_limits<D>::min();
  if (x >= end) return std::numeric_limits<D>::max();
  return static_cast<D>(x);
}

template <class D, class S, bool saturates> D convert(S x) {
  if constexpr (std::is_floating_point_v<D>) {
    D made = static_cast<D>(x);
    if constexpr (std::is_floating_point_v<S>) made = canonical(made);
    if (saturates) made = made > 0 ? made < 1 ? made : D{1} : D{0};
    return made;
  } else if constexpr (std::is_floating_point_v<S>) {
    return to_integer<D>(std::nearbyint(x));
  } else if constexpr (saturates) {
    const auto wide = static_cast<__int128>(x);
    const auto low = static_cast<__int128>(std::numeric_limits<D>::min());
    const auto high = static_cast<__int128>(std::numeric_limits<D>::max());
    return static_cast<D>(wide < low ? low : wide > high ? high : wide);
  } else {
    return static_cast<D>(x);
  }
}
template <class D, class S, bool saturates> void converting(Machine& m, const Instruction& i) {
  apply<[](S x) { return convert<D, S, saturates>(x); }, D, S>(m, i);
}

template <class D, class... Ss> Handler from_type(Type from, bool saturates, Types<Ss...>) {
  Handler found = nullptr;
  ((plain(from) == type_of<Ss>
        ? static_cast<void>(found = saturates ? &converting<D, Ss, true> : &converting<D, Ss, false>)
        : void()),
   ...);
  return found;
}
template <class... Ds> Handler conversion(Type to, Type from, bool saturates, Types<Ds...>) {
  Handler found = nullptr;
  ((plain(to) == type_of<Ds> ? static_cast<void>(found = from_type<Ds>(from, saturates, All{})) : void()),
   ...);
  return found;
}

void set_rounding(Machine&, const Instruction& i) { std::fesetround(static_cast<int>(i.offset)); }
constexpr auto flushed = []<class T>(T x) { return flush(x); };

// The nearest number with 10 bits of mantissa; of two, the one that is farther from zero.
constexpr auto to_tf32 = [](float x) {
  if (x != x) return uint32_t{0x7FFFFFFF};
  return (std::bit_cast<uint32_t>(x) + 0x1000) & ~0x1FFFu;
};
void convert_to_tf32(Decoder& d) {
  if (!d.take("rna") || d.take_type() != Type::f32) d.fail("only cvt.rna.tf32.f32 is known");
  d.expect_capability(80);
  d.expect_operands(2);
  const uint32_t value = d.source(d.operand(1), Type::f32);
  d.emit(&apply<to_tf32, uint32_t, float>, {d.destination(d.operand(0), Type::b32), value});
}

void convert_value(Decoder& d) {
  if (d.take("tf32")) return convert_to_tf32(d);
  const std::string_view mode = d.take_any({"rn", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi"});
  const bool flushes = d.take("ftz"), saturates = d.take("sat");
  const Type to = d.take_type(), from = d.take_type();
  d.expect_operands(2);
  const bool to_whole = mode.size() == 3, from_float = is_float(from), to_float = is_float(to);
  if (from_float && !to_float && !to_whole) d.fail("the rounding to a whole number is missing");
  if (to_whole && !from_float) d.fail("only floats are rounded to whole numbers");
  const bool is_exact = to == from || (to == Type::f64 && from == Type::f32);
  if (to_float && mode.empty() && !is_exact) d.fail("the rounding is missing");
  if (to_float && from_float && to_whole && to != from) d.fail("no such rounding of this conversion");
  const Handler handler = conversion(to, from, saturates, All{});
  if (!handler) d.fail("no such types for this instruction");

  uint32_t value = d.narrowed_source(d.operand(1), from);
  const Decoder::Widened result = d.widened_destination(d.operand(0), to);
  const auto flush_to = [&](uint32_t place, uint32_t source, Type type) {
    if (type == Type::f32) d.emit(&apply<flushed, float, float>, {place, source});
  };
  if (flushes && from == Type::f32) {
    const uint32_t place = d.layout.reserve(4);
    flush_to(place, value, from);
    value = place;
  }
  const int rounding = mode.starts_with("rz")   ? FE_TOWARDZERO
                       : mode.starts_with("rm") ? FE_DOWNWARD
                       : mode.starts_with("rp") ? FE_UPWARD
                                                : FE_TONEAREST;
  if (rounding != FE_TONEAREST) d.emit(&set_rounding, {}).offset = rounding;
  if (to_float && to_whole) {
    const uint32_t place = d.layout.reserve(bytes_of(from));
    d.emit(uniform<whole, 1>(from, Floats{}), {place, value});
    value = place;
  }
  d.emit(handler, {result.value, value});
  if (rounding != FE_TONEAREST) d.emit(&set_rounding, {}).offset = FE_TONEAREST;
  if (flushes) flush_to(result.value, result.value, to);
  d.widen(result);
}

// ---- addresses

template <bool to_generic> void add_window(Machine& m, const Instruction& i) {
  uint64_t* d = m.at<uint64_t>(i.operand[0]);
  const uint64_t* a = m.at<uint64_t>(i.operand[1]);
  const auto window = static_cast<uint64_t>(i.offset);
  each(m.lanes, [=](uint32_t t) { d[t] = to_generic ? a[t] + window : a[t] - window; });
}

uint64_t window_of(Decoder& d, std::string_view& space) {
  space = d.take_any({"global", "const", "shared", "shared::cta", "local"});
  if (space.empty()) d.fail("unknown space");
  return space.starts_with("shared") ? SHARED_WINDOW : space == "local" ? LOCAL_WINDOW : 0;
}

void convert_address(Decoder& d) {
  const bool from_generic = d.take("to");
  std::string_view space;
  const uint64_t window = window_of(d, space);
  const Type type = d.take_type();
  if (type != Type::u64 && type != Type::b64) d.fail("only 64-bit addresses are known");
  d.expect_operands(2);
  const uint32_t a = d.source(d.operand(1), type);
  Instruction& made =
      d.emit(from_generic ? &add_window<false> : &add_window<true>, {d.destination(d.operand(0), type), a});
  made.offset = static_cast<int64_t>(window);
}

void is_in_space(Decoder& d) {
  std::string_view space;
  const uint64_t window = window_of(d, space);
  d.expect_operands(2);
  const uint32_t a = d.source(d.operand(1), Type::u64);
  Instruction& made = d.emit(
      [](Machine& m, const Instruction& i) {
        uint8_t* p = m.at<uint8_t>(i.operand[0]);
        const uint64_t* address = m.at<uint64_t>(i.operand[1]);
        const auto start = static_cast<uint64_t>(i.offset);
        each(m.lanes, [=](uint32_t t) {
          const bool in_window = address[t] >= SHARED_WINDOW && address[t] < LOCAL_WINDOW + WINDOW_BYTES;
          p[t] = start ? address[t] - start < WINDOW_BYTES : !in_window;
        });
      },
      {d.destination(d.operand(0), Type::pred), a});
  made.offset = static_cast<int64_t>(window);
}

constexpr OperationRow ROWS[] = {
    {"cvt", &convert_value},
    {"cvta", &convert_address},
    {"isspacep", &is_in_space},
};

} // namespace

std::span<const OperationRow> convert_operations() { return ROWS; }

} // namespace stand_in
