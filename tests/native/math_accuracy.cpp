// Measures every function of the math namespace against libm in the next wider type, over all of its range,
// and fails where one is further off than its bound or where a special value is wrong. The functions run
// in loops over blocks, as they do in kernels, so what is measured is the vectorised code.
//
//   math_accuracy [--exhaustive | --hash] [name ...]
//
// Without --exhaustive, float takes about a million of its 2^32 values; with it, all, on all processors.
// Functions of two arguments and double are always sampled. With --hash, prints a hash of each function's
// results instead: builds that must give the same bits must print the same text.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include "ops/math.h"

namespace {

namespace math = adjoint::math;

template <class T> using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;
constexpr size_t block = 512;

template <class W> W sigmoid(W x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }

template <class T> struct Row {
  const char* name;
  double bound; // in ulps of the exact result; correct rounding is 0
  bool is_binary;
  void (*run)(const T* x, const T* y, T* out, size_t n);
  Wide<T> (*reference)(Wide<T> x, Wide<T> y);
};

#define ROW(name, float_bound, double_bound, is_binary, value, reference)                                    \
  Row<T> {                                                                                                   \
    #name, std::is_same_v<T, float> ? float_bound : double_bound, is_binary,                                 \
        [](const T* x, [[maybe_unused]] const T* y, T* out, size_t n) {                                      \
          for (size_t i = 0; i < n; ++i) out[i] = math::name value;                                          \
        },                                                                                                   \
        [](Wide<T> x, [[maybe_unused]] Wide<T> y) -> Wide<T> { return reference; }                           \
  }
#define UNARY(name, float_bound, double_bound, reference)                                                    \
  ROW(name, float_bound, double_bound, false, (x[i]), reference)
#define BINARY(name, float_bound, double_bound, reference)                                                   \
  ROW(name, float_bound, double_bound, true, (x[i], y[i]), reference)

// The bounds. Whole numbers, remainders and signs are exact. A square root is rounded correctly, but a long
// double hides which way where the result lies almost between two doubles.
template <class T>
const std::vector<Row<T>> rows = {
    UNARY(abs, 0, 0, std::fabs(x)),
    UNARY(floor, 0, 0, std::floor(x)),
    UNARY(ceil, 0, 0, std::ceil(x)),
    UNARY(round, 0, 0, std::nearbyint(x)),
    UNARY(trunc, 0, 0, std::trunc(x)),
    UNARY(sqrt, 0, 0.501, std::sqrt(x)),
    UNARY(rsqrt, 2, 2, 1 / std::sqrt(x)),
    UNARY(exp, 2, 2, std::exp(x)),
    UNARY(exp2, 2, 2, std::exp2(x)),
    UNARY(expm1, 2, 2, std::expm1(x)),
    UNARY(log, 2, 2, std::log(x)),
    UNARY(log2, 2, 2, std::log2(x)),
    UNARY(log10, 2, 2, std::log10(x)),
    UNARY(log1p, 2, 2, std::log1p(x)),
    UNARY(sin, 2, 2, std::sin(x)),
    UNARY(cos, 2, 2, std::cos(x)),
    UNARY(tan, 2, 2, std::tan(x)),
    UNARY(asin, 2, 2, std::asin(x)),
    UNARY(acos, 2, 2, std::acos(x)),
    UNARY(atan, 2, 2, std::atan(x)),
    UNARY(sinh, 2, 2, std::sinh(x)),
    UNARY(cosh, 2, 2, std::cosh(x)),
    UNARY(tanh, 2, 2, std::tanh(x)),
    UNARY(asinh, 2, 2, std::asinh(x)),
    UNARY(acosh, 2, 2, std::acosh(x)),
    UNARY(atanh, 2, 2, std::atanh(x)),
    UNARY(sigmoid, 2, 2, sigmoid(x)),
    UNARY(erf, 2, 2, std::erf(x)),
    UNARY(erfc, 2, 2, std::erfc(x)),
    UNARY(logistic_density, 4, 4, sigmoid(x) * sigmoid(-x)),
    UNARY(normal_density, 4, 4, std::exp(-x* x / 2) * Wide<T>(0.398942280401432677939946059934381868L)),
    BINARY(pow, 2, 2, std::pow(x, y)),
    BINARY(atan2, 2, 2, std::atan2(x, y)),
    BINARY(hypot, 2, 2, std::hypot(x, y)),
    BINARY(fmod, 0, 0, std::fmod(x, y)),
};

constexpr double wrong = std::numeric_limits<double>::infinity();

// |got - want| in units of the last place of want, or 0 where got is want rounded correctly. Infinity counts
// as the number after the largest one.
template <class T> double ulps(T got, Wide<T> want) {
  using L = std::numeric_limits<T>;
  if (math::bits_of(got) == math::bits_of(static_cast<T>(want))) return 0;
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got) ? 0 : wrong;
  if (std::signbit(got) != std::signbit(want)) return wrong;
  if (std::isinf(want) && std::isinf(got)) return 0;
  const Wide<T> limit = std::ldexp(Wide<T>(1), L::max_exponent);
  const Wide<T> a = std::isinf(got) ? limit : std::fabs(Wide<T>(got)), b = std::fabs(want);
  if (b >= limit) return std::isinf(got) ? 0 : static_cast<double>((limit - a) / (limit - L::max()));
  if (b == 0) return a == 0 ? 0 : wrong;
  const int exponent = std::max(std::ilogb(b), L::min_exponent - 1);
  return static_cast<double>(std::ldexp(std::fabs(a - b), L::digits - 1 - exponent));
}

// FNV-1a. All NaNs count as one.
struct Hash {
  uint64_t state = 0xcbf29ce484222325;
  template <class T> void add(T value) {
    state = (state ^ (std::isnan(value) ? 1 : uint64_t{math::bits_of(value)})) * 0x100000001b3;
  }
};

template <class T> struct Worst {
  double error = -1;
  T x = 0, y = 0, got = 0;
  Wide<T> want = 0;
  bool depends_on_place = false;
};

// Runs one block whole and, for every 16th, once more in short pieces that leave no full vectors.
template <class T> struct Measurement {
  const Row<T>& row;
  Worst<T> worst;
  std::array<T, block> x{}, y{}, out{};
  Hash hash{};
  size_t filled = 0, blocks = 0;
  bool only_hashes = false;

  // A NaN is made a quiet one: C99 says nothing about signaling ones, and libms differ.
  void add(T a, T b = 0) {
    constexpr T nan = std::numeric_limits<T>::quiet_NaN();
    x[filled] = std::isnan(a) ? nan : a;
    y[filled] = std::isnan(b) ? nan : b;
    if (++filled == block) finish();
  }

  void finish() {
    row.run(x.data(), y.data(), out.data(), filled);
    for (size_t i = 0; i < filled; ++i) hash.add(out[i]);
    for (size_t i = 0; i < filled && !only_hashes; ++i) {
      const Wide<T> want = row.reference(x[i], y[i]);
      const double error = ulps(out[i], want);
      if (error > worst.error) worst = {error, x[i], y[i], out[i], want, worst.depends_on_place};
    }
    if (blocks++ % 16 == 0 && !only_hashes) compare_pieces();
    filled = 0;
  }

  void compare_pieces() {
    std::array<T, block> pieces{};
    for (size_t i = 0; i < filled; i += 3) row.run(&x[i], &y[i], &pieces[i], std::min<size_t>(3, filled - i));
    for (size_t i = 0; i < filled; ++i)
      if (!std::isnan(out[i]) && math::bits_of(out[i]) != math::bits_of(pieces[i]))
        worst.depends_on_place = true;
  }
};

// splitmix64 (Steele, Lea and Flood 2014).
struct Random {
  uint64_t state = 1;
  uint64_t bits() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  double uniform(double low, double high) {
    return low + (high - low) * (static_cast<double>(bits() >> 11) * 0x1.0p-53);
  }
  double sign() { return bits() & 1 ? 1 : -1; }
};

template <class T> T nudged(T x, uint64_t random) {
  return math::from_bits<T>(math::bits_of(x) + static_cast<math::Bits<T>>(random % 17) - 8);
}

// Where the formulas change over, or results leave the finite numbers.
template <class T> std::vector<T> interesting() {
  using L = std::numeric_limits<T>;
  std::vector<T> list = {0, L::denorm_min(), L::min(), L::max(), L::infinity(), L::quiet_NaN(), L::epsilon(),
                         T(0.25), T(0.3465736), T(0.4142), T(0.5), T(0.625), T(0.70710678), T(0.75), 1,
                         T(1.4142), T(1.5708), 2, 3, T(3.1415926535897931), T(9.01), T(18.02), T(19.06),
                         T(20), T(36.7), T(88.3762), T(88.72284), T(89.416), T(103.97), T(127), T(128),
                         T(149), T(150), T(708.396), T(709.782712893384), T(710.4758600739439), T(744.44),
                         T(745.1332191019411), T(1023), T(1024), T(1074), T(1075), T(100000), T(8388607),
                         T(8388608.5), T(16777215), T(4503599627370495.5), T(9007199254740991), T(0x1.0p50),
                         T(0x1.0p76), T(0x1.0p102),
                         // The double next to a multiple of pi/2.
                         static_cast<T>(std::ldexp(6381956970095103.0, sizeof(T) == 8 ? 797 : 40))};
  const size_t n = list.size();
  for (size_t i = 0; i < n; ++i) list.push_back(-list[i]);
  return list;
}

template <class T> T sample(Random& random, const std::vector<T>& list) {
  const auto near_quarter_turns = [&] {
    const long double n = std::nearbyint(std::exp2(static_cast<long double>(random.uniform(0, 60))));
    return nudged(static_cast<T>(n * 1.57079632679489661923132169163975144L), random.bits());
  };
  switch (random.bits() % 10) {
  case 0:
  case 1:
    return math::from_bits<T>(static_cast<math::Bits<T>>(random.bits()));
  case 2:
    return static_cast<T>(random.sign() * std::exp2(random.uniform(-60, 60)));
  case 3:
    return static_cast<T>(random.uniform(-1, 1));
  case 4:
    return static_cast<T>(random.uniform(-4, 4));
  case 5:
    return static_cast<T>(random.uniform(-110, 110));
  case 6:
    return static_cast<T>(random.uniform(-760, 760));
  case 7:
    return static_cast<T>(random.sign() * (1 + random.sign() * std::exp2(random.uniform(-54, -1))));
  case 8:
    return static_cast<T>(random.sign()) * near_quarter_turns();
  default:
    return nudged(list[random.bits() % list.size()], random.bits());
  }
}

// pow gets exponents for which the result is finite, beside the samples that all functions get.
template <class T> void add_pair(Measurement<T>& measurement, Random& random, const std::vector<T>& list) {
  const T x = sample(random, list);
  const double log = std::log2(std::fabs(static_cast<double>(x)));
  const double range = std::numeric_limits<T>::max_exponent + std::numeric_limits<T>::digits;
  const bool solve = random.bits() % 2 && log != 0 && std::isfinite(log);
  const T y = solve ? static_cast<T>(random.uniform(-range, range) / log) : sample(random, list);
  measurement.add(x, random.bits() % 8 == 0 ? std::nearbyint(y) : y);
}

template <class T> void add_samples(Measurement<T>& measurement) {
  const std::vector<T> list = interesting<T>();
  Random random;
  if (measurement.row.is_binary) {
    for (T x : list)
      for (T y : list) measurement.add(x, y);
    for (int i = 0; i < 300000; ++i) add_pair(measurement, random, list);
  } else {
    for (T x : list)
      for (uint64_t i = 0; i < 17; ++i) measurement.add(nudged(x, i));
    if constexpr (std::is_same_v<T, double>)
      for (int i = 0; i < 600000; ++i) measurement.add(sample(random, list));
  }
}

void add_floats(Measurement<float>& measurement, uint64_t begin, uint64_t end, uint64_t step) {
  for (uint64_t bits = begin; bits < end; bits += step)
    measurement.add(math::from_bits<float>(static_cast<uint32_t>(bits)));
  measurement.finish();
}

// Every float, on as many threads as there are processors.
Worst<float> measure_all(const Row<float>& row) {
  const uint64_t count = std::max(1u, std::thread::hardware_concurrency()),
                 share = (uint64_t{1} << 32) / count;
  std::vector<Measurement<float>> parts(count, Measurement<float>{row, {}});
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < count; ++i)
    threads.emplace_back(
        [&, i] { add_floats(parts[i], i * share, i + 1 == count ? uint64_t{1} << 32 : (i + 1) * share, 1); });
  for (std::thread& thread : threads) thread.join();
  Worst<float> worst;
  for (const auto& part : parts) {
    const bool depends_on_place = worst.depends_on_place || part.worst.depends_on_place;
    if (part.worst.error > worst.error) worst = part.worst;
    worst.depends_on_place = depends_on_place;
  }
  return worst;
}

constexpr uint64_t float_step = 4093; // prime, so that every low bit varies

template <class T> Measurement<T> measure(const Row<T>& row, bool only_hashes) {
  Measurement<T> measurement{row, {}};
  measurement.only_hashes = only_hashes;
  add_samples(measurement);
  if constexpr (std::is_same_v<T, float>)
    if (!row.is_binary) add_floats(measurement, 0, uint64_t{1} << 32, float_step);
  measurement.finish();
  return measurement;
}

template <class T> bool print_hash(const Row<T>& row, const char* type) {
  std::printf("%s %s %016llx\n", row.name, type,
              static_cast<unsigned long long>(measure(row, true).hash.state));
  return true;
}

template <class T> bool check(const Row<T>& row, const char* type, bool exhaustive) {
  Worst<T> worst;
  if constexpr (std::is_same_v<T, float>)
    worst = exhaustive && !row.is_binary ? measure_all(row) : measure(row, false).worst;
  else
    worst = measure(row, false).worst;
  const bool ok = worst.error <= row.bound && !worst.depends_on_place;
  std::printf("%-8s %-6s %6.3f ulp at %.17g", row.name, type, worst.error, static_cast<double>(worst.x));
  if (row.is_binary) std::printf(", %.17g", static_cast<double>(worst.y));
  std::printf(" (bound %g)", row.bound);
  if (!ok)
    std::printf("  WRONG: %.17g, not %.21Lg", static_cast<double>(worst.got),
                static_cast<long double>(worst.want));
  if (worst.depends_on_place) std::printf("  DEPENDS ON ITS PLACE");
  std::printf("\n");
  std::fflush(stdout);
  return ok;
}

} // namespace

int main(int count, char** arguments) {
  bool exhaustive = false, only_hashes = false;
  std::vector<std::string_view> names;
  for (int i = 1; i < count; ++i)
    if (std::strcmp(arguments[i], "--exhaustive") == 0)
      exhaustive = true;
    else if (std::strcmp(arguments[i], "--hash") == 0)
      only_hashes = true;
    else
      names.push_back(arguments[i]);
  const auto run = [&](const auto& table, const char* type) {
    bool ok = true;
    for (const auto& row : table)
      if (names.empty() || std::find(names.begin(), names.end(), row.name) != names.end())
        ok &= only_hashes ? print_hash(row, type) : check(row, type, exhaustive);
    return ok;
  };
  const bool floats = run(rows<float>, "float"), doubles = run(rows<double>, "double");
  return floats && doubles ? 0 : 1;
}
