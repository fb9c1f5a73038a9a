// Handlers made of functions of one thread's values.
#pragma once
#include <bit>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "machine.h"

namespace stand_in {

template <class... Ts> struct Types {};
using Integers = Types<uint16_t, uint32_t, uint64_t, int16_t, int32_t, int64_t>;
using Unsigned = Types<uint16_t, uint32_t, uint64_t>;
using Signed = Types<int16_t, int32_t, int64_t>;
using Floats = Types<float, double>;
using Numbers = Types<uint16_t, uint32_t, uint64_t, int16_t, int32_t, int64_t, float, double>;

template <class T> constexpr Type type_of = Type::none;
template <> inline constexpr Type type_of<uint8_t> = Type::u8;
template <> inline constexpr Type type_of<uint16_t> = Type::u16;
template <> inline constexpr Type type_of<uint32_t> = Type::u32;
template <> inline constexpr Type type_of<uint64_t> = Type::u64;
template <> inline constexpr Type type_of<int8_t> = Type::s8;
template <> inline constexpr Type type_of<int16_t> = Type::s16;
template <> inline constexpr Type type_of<int32_t> = Type::s32;
template <> inline constexpr Type type_of<int64_t> = Type::s64;
template <> inline constexpr Type type_of<float> = Type::f32;
template <> inline constexpr Type type_of<double> = Type::f64;

// b types are computed as unsigned.
inline Type plain(Type type) {
  if (type >= Type::b8 && type <= Type::b64)
    return static_cast<Type>(static_cast<int>(type) - static_cast<int>(Type::b8) +
                             static_cast<int>(Type::u8));
  return type;
}

// operand 0 = F(operand 1, ...) for every thread.
template <auto F, class D, class... S> void apply(Machine& m, const Instruction& i) {
  [&]<size_t... I>(std::index_sequence<I...>) {
    D* const d = m.at<D>(i.operand[0]);
    const std::tuple<const S*...> s{m.at<S>(i.operand[I + 1])...};
    each(m.lanes, [=](uint32_t t) { d[t] = F(std::get<I>(s)[t]...); });
  }(std::index_sequence_for<S...>{});
}

template <auto F, class T, size_t N> constexpr Handler same_type() {
  if constexpr (N == 1)
    return &apply<F, T, T>;
  else if constexpr (N == 2)
    return &apply<F, T, T, T>;
  else
    return &apply<F, T, T, T, T>;
}
// The handler of an operation whose N operands and result are of one type; null if it is not among Ts.
template <auto F, size_t N, class... Ts> Handler uniform(Type type, Types<Ts...>) {
  Handler found = nullptr;
  ((plain(type) == type_of<Ts> ? static_cast<void>(found = same_type<F, Ts, N>()) : void()), ...);
  return found;
}

// What a GPU's f32 instructions give for NaN.
inline float canonical(float x) { return x == x ? x : std::bit_cast<float>(0x7FFFFFFFu); }
inline double canonical(double x) { return x; }
template <class T> T flush(T x) {
  return std::abs(x) < std::numeric_limits<T>::min() ? std::copysign(T{0}, x) : x;
}

} // namespace stand_in
