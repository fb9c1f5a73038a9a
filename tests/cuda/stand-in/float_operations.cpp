#include <bit>
#include <cfenv>

#include "operations.h"

namespace stand_in {

namespace {

void set_rounding(Machine&, const Instruction& i) { std::fesetround(static_cast<int>(i.offset)); }

template <class T> constexpr auto saturated = [](T x) { return x > T{0} ? (x < T{1} ? x : T{1}) : T{0}; };
template <class T> constexpr auto flushed = [](T x) { return flush(x); };

} // namespace

FloatModifiers::FloatModifiers(Decoder& decoder) : decoder_(decoder) {
  const std::string_view rounding = decoder.take_any({"rn", "rz", "rm", "rp"});
  if (rounding == "rz") rounding_ = FE_TOWARDZERO;
  if (rounding == "rm") rounding_ = FE_DOWNWARD;
  if (rounding == "rp") rounding_ = FE_UPWARD;
  is_approximate = decoder.take("approx");
  is_full = decoder.take("full");
  flushes_ = decoder.take("ftz");
  saturates_ = decoder.take("sat");
}

void FloatModifiers::emit(Handler handler, uint32_t destination, Type type,
                          std::initializer_list<uint32_t> sources) {
  if (!handler) decoder_.fail("no such type for this instruction");
  const bool is_double = type == Type::f64;
  const Handler flushing =
      is_double ? &apply<flushed<double>, double, double> : &apply<flushed<float>, float, float>;
  uint32_t operands[4] = {destination};
  size_t count = 1;
  for (const uint32_t source : sources) {
    operands[count] = source;
    if (flushes_) {
      operands[count] = decoder_.layout.reserve(bytes_of(type));
      decoder_.emit(flushing, {operands[count], source});
    }
    ++count;
  }
  if (rounding_) decoder_.emit(&set_rounding, {}).offset = rounding_;
  decoder_.emit(handler, {operands[0], operands[1], operands[2], operands[3]});
  if (rounding_) decoder_.emit(&set_rounding, {}).offset = FE_TONEAREST;
  if (flushes_) decoder_.emit(flushing, {destination, destination});
  if (saturates_)
    decoder_.emit(is_double ? &apply<saturated<double>, double, double>
                            : &apply<saturated<float>, float, float>,
                  {destination, destination});
}

namespace {

template <auto F, size_t N, class List = Floats> void float_operation(Decoder& d) {
  FloatModifiers modifiers(d);
  const Type type = d.take_type();
  d.expect_operands(N + 1);
  uint32_t s[3] = {};
  for (size_t k = 0; k < N; ++k) s[k] = d.source(d.operand(k + 1), type);
  const uint32_t to = d.destination(d.operand(0), type);
  const Handler handler = uniform<F, N>(type, List{});
  if constexpr (N == 1)
    modifiers.emit(handler, to, type, {s[0]});
  else if constexpr (N == 2)
    modifiers.emit(handler, to, type, {s[0], s[1]});
  else
    modifiers.emit(handler, to, type, {s[0], s[1], s[2]});
}

constexpr auto sum = []<class T>(T a, T b) { return canonical(a + b); };
constexpr auto difference = []<class T>(T a, T b) { return canonical(a - b); };
constexpr auto product = []<class T>(T a, T b) { return canonical(a * b); };
constexpr auto quotient = []<class T>(T a, T b) { return canonical(a / b); };
constexpr auto negation = []<class T>(T a) { return -a; };
constexpr auto magnitude = []<class T>(T a) { return std::abs(a); };
constexpr auto root = []<class T>(T a) { return canonical(std::sqrt(a)); };
constexpr auto reciprocal = []<class T>(T a) { return canonical(T{1} / a); };
constexpr auto fused = []<class T>(T a, T b, T c) { return canonical(std::fma(a, b, c)); };

// A number goes before NaN, and -0 before +0.
constexpr auto least = []<class T>(T a, T b) {
  if (a != a) return canonical(b);
  if (b != b) return a;
  return a < b || (a == b && std::signbit(a)) ? a : b;
};
constexpr auto greatest = []<class T>(T a, T b) {
  if (a != a) return canonical(b);
  if (b != b) return a;
  return a > b || (a == b && !std::signbit(a)) ? a : b;
};
constexpr auto least_or_nan = []<class T>(T a, T b) {
  return a != a || b != b ? canonical(std::numeric_limits<T>::quiet_NaN()) : least(a, b);
};
constexpr auto greatest_or_nan = []<class T>(T a, T b) {
  return a != a || b != b ? canonical(std::numeric_limits<T>::quiet_NaN()) : greatest(a, b);
};

// Approximations are better here than on a GPU: rounded from double.
constexpr auto approximate_sine = [](float a) { return canonical(static_cast<float>(std::sin(double{a}))); };
constexpr auto approximate_cosine = [](float a) {
  return canonical(static_cast<float>(std::cos(double{a})));
};
constexpr auto approximate_tanh = [](float a) { return canonical(static_cast<float>(std::tanh(double{a}))); };
constexpr auto approximate_power = [](float a) {
  return canonical(static_cast<float>(std::exp2(double{a})));
};
constexpr auto approximate_log = [](float a) { return canonical(static_cast<float>(std::log2(double{a}))); };
constexpr auto inverse_root = [](float a) { return canonical(static_cast<float>(1 / std::sqrt(double{a}))); };

// The upper half of a double is what a GPU computes.
inline double upper_half(double x) {
  return std::bit_cast<double>(std::bit_cast<uint64_t>(x) & 0xFFFFFFFF00000000u);
}
constexpr auto rough_reciprocal = [](double a) { return upper_half(1 / a); };
constexpr auto rough_inverse_root = [](double a) { return upper_half(1 / std::sqrt(a)); };

#if defined(__x86_64__)
// The baseline has no fused instruction, and a call for each element is slow.
template <class T> [[gnu::target("avx2,fma")]] void fused_fast(Machine& m, const Instruction& i) {
  T* d = m.at<T>(i.operand[0]);
  const T *a = m.at<T>(i.operand[1]), *b = m.at<T>(i.operand[2]), *c = m.at<T>(i.operand[3]);
  const Lanes lanes = m.lanes;
  if (lanes.index) {
    for (uint32_t k = 0; k < lanes.count; ++k) {
      const uint32_t t = lanes.index[k];
      d[t] = canonical(std::fma(a[t], b[t], c[t]));
    }
    return;
  }
  const uint32_t end = lanes.first + lanes.count;
#pragma GCC ivdep
  for (uint32_t t = lanes.first; t < end; ++t) {
    const T r = std::fma(a[t], b[t], c[t]);
    if constexpr (sizeof(T) == 4)
      d[t] = r == r ? r : std::bit_cast<float>(0x7FFFFFFFu);
    else
      d[t] = r;
  }
}
Handler fused_handler(Type type) {
  static const bool has_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (has_fma)
    return type == Type::f32 ? &fused_fast<float> : type == Type::f64 ? &fused_fast<double> : nullptr;
  return uniform<fused, 3>(type, Floats{});
}
#else
Handler fused_handler(Type type) { return uniform<fused, 3>(type, Floats{}); }
#endif

template <auto exact, auto rough, Type rough_type> void reciprocal_operation(Decoder& d) {
  FloatModifiers modifiers(d);
  const Type type = d.take_type();
  d.expect_operands(2);
  const uint32_t a = d.source(d.operand(1), type);
  const bool is_rough = modifiers.is_approximate && type == rough_type;
  modifiers.emit(is_rough ? uniform<rough, 1>(type, Floats{}) : uniform<exact, 1>(type, Floats{}),
                 d.destination(d.operand(0), type), type, {a});
}
template <auto F>
constexpr auto for_double = []<class T>(T a) {
  if constexpr (sizeof(T) == 8)
    return F(a);
  else
    return a;
};
constexpr auto any_inverse_root = []<class T>(T a) {
  return canonical(static_cast<T>(1 / std::sqrt(double{a})));
};

template <auto ordered, auto with_nan> void extreme(Decoder& d) {
  d.take("NaN") ? float_operation<with_nan, 2>(d) : float_operation<ordered, 2>(d);
}

template <auto F> void unary_approximation(Decoder& d) { float_operation<F, 1, Types<float>>(d); }

// Changes no more than the sign.
template <auto F, size_t N> void sign_operation(Decoder& d) {
  FloatModifiers modifiers(d);
  const Type type = d.take_type();
  d.expect_operands(N + 1);
  uint32_t s[2] = {};
  for (size_t k = 0; k < N; ++k) s[k] = d.source(d.operand(k + 1), type);
  const uint32_t to = d.destination(d.operand(0), type);
  if constexpr (N == 1)
    modifiers.emit(uniform<F, N>(type, Floats{}), to, type, {s[0]});
  else
    modifiers.emit(uniform<F, N>(type, Floats{}), to, type, {s[0], s[1]});
}
constexpr auto sign_of_first = []<class T>(T a, T b) { return std::copysign(b, a); };

template <class T> bool has_property(T x, std::string_view property);

enum class Property : int64_t { finite, infinite, number, not_a_number, normal, subnormal };
template <class T> void test_property(Machine& m, const Instruction& i) {
  uint8_t* p = m.at<uint8_t>(i.operand[0]);
  const T* a = m.at<T>(i.operand[1]);
  const auto property = static_cast<Property>(i.offset);
  each(m.lanes, [=](uint32_t t) {
    const int kind = std::fpclassify(a[t]);
    switch (property) {
    case Property::finite:
      p[t] = kind != FP_NAN && kind != FP_INFINITE;
      break;
    case Property::infinite:
      p[t] = kind == FP_INFINITE;
      break;
    case Property::number:
      p[t] = kind != FP_NAN;
      break;
    case Property::not_a_number:
      p[t] = kind == FP_NAN;
      break;
    case Property::normal:
      p[t] = kind == FP_NORMAL;
      break;
    case Property::subnormal:
      p[t] = kind == FP_SUBNORMAL;
      break;
    }
  });
}
void test_float(Decoder& d) {
  constexpr std::string_view NAMES[] = {"finite", "infinite", "number", "notanumber", "normal", "subnormal"};
  const std::string_view name = d.take_any({NAMES[0], NAMES[1], NAMES[2], NAMES[3], NAMES[4], NAMES[5]});
  const Type type = d.take_type();
  if (name.empty() || !is_float(type)) d.fail("no such test");
  d.expect_operands(2);
  const uint32_t a = d.source(d.operand(1), type);
  Instruction& made = d.emit(type == Type::f32 ? &test_property<float> : &test_property<double>,
                             {d.destination(d.operand(0), Type::pred), a});
  made.offset = std::find(std::begin(NAMES), std::end(NAMES), name) - std::begin(NAMES);
}

constexpr OperationRow ROWS[] = {
    {"sqrt", &float_operation<root, 1>},
    {"rcp", &reciprocal_operation<reciprocal, for_double<rough_reciprocal>, Type::f64>},
    {"rsqrt", &reciprocal_operation<any_inverse_root, for_double<rough_inverse_root>, Type::f64>},
    {"ex2", &unary_approximation<approximate_power>},
    {"lg2", &unary_approximation<approximate_log>},
    {"sin", &unary_approximation<approximate_sine>},
    {"cos", &unary_approximation<approximate_cosine>},
    {"tanh", &unary_approximation<approximate_tanh>},
    {"copysign", &sign_operation<sign_of_first, 2>},
    {"testp", &test_float},
};

} // namespace

void decode_float_sum(Decoder& d) { float_operation<sum, 2>(d); }
void decode_float_difference(Decoder& d) { float_operation<difference, 2>(d); }
void decode_float_product(Decoder& d) { float_operation<product, 2>(d); }
void decode_float_quotient(Decoder& d) { float_operation<quotient, 2>(d); }
void decode_float_negation(Decoder& d) { sign_operation<negation, 1>(d); }
void decode_float_magnitude(Decoder& d) { sign_operation<magnitude, 1>(d); }
void decode_float_least(Decoder& d) { extreme<least, least_or_nan>(d); }
void decode_float_greatest(Decoder& d) { extreme<greatest, greatest_or_nan>(d); }
void decode_float_fma(Decoder& d) {
  FloatModifiers modifiers(d);
  const Type type = d.take_type();
  d.expect_operands(4);
  const uint32_t a = d.source(d.operand(1), type), b = d.source(d.operand(2), type);
  const uint32_t c = d.source(d.operand(3), type);
  modifiers.emit(fused_handler(type), d.destination(d.operand(0), type), type, {a, b, c});
}

std::span<const OperationRow> float_operations() {
  static const auto rows = [] {
    std::vector<OperationRow> made(std::begin(ROWS), std::end(ROWS));
    made.push_back({"fma", &decode_float_fma});
    return made;
  }();
  return rows;
}

} // namespace stand_in
