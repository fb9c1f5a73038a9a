// Kernels as nvcc compiles them.
#include <cmath>
#include <cstring>
#include <random>

#include "harness.h"

namespace {

double ulps(float got, double exact) {
  const auto rounded = static_cast<float>(exact);
  if (std::isnan(exact)) return std::isnan(got) ? 0 : INFINITY;
  if (std::isinf(rounded) || got == rounded) return got == rounded ? 0 : INFINITY;
  const float unit = std::max(std::nextafter(std::fabs(rounded), INFINITY) - std::fabs(rounded), 1e-45f);
  return std::fabs(got - exact) / unit;
}
double ulps(double got, long double exact) {
  const auto rounded = static_cast<double>(exact);
  if (std::isnan(rounded)) return std::isnan(got) ? 0 : INFINITY;
  if (std::isinf(rounded) || got == rounded) return got == rounded ? 0 : INFINITY;
  const double unit = std::nextafter(std::fabs(rounded), INFINITY) - std::fabs(rounded);
  return static_cast<double>(std::fabs(static_cast<long double>(got) - exact) / unit);
}

// Evenly and by magnitude, and what is special.
template <class T> std::vector<T> arguments(double low, double high, size_t count) {
  std::mt19937_64 random(7);
  std::vector<T> made{static_cast<T>(low), static_cast<T>(high), T(0), T(-0.0), T(1), T(NAN),
                      T(INFINITY),         T(-INFINITY)};
  std::uniform_real_distribution<double> even(low, high), exponent(-30, 0);
  while (made.size() < count) {
    made.push_back(static_cast<T>(even(random)));
    const double small = (made.size() % 4 == 1 ? -1 : 1) * high * std::exp2(exponent(random));
    if (small >= low && small <= high) made.push_back(static_cast<T>(small));
  }
  return made;
}

template <class T, class F>
void compare(Session& session, CUmodule module, const char* name, double low, double high, double bound,
             F exact) {
  const std::vector<T> x = arguments<T>(low, high, 1000);
  const Array<T> in(x, session.stream), out(x.size(), session.stream);
  const auto n = static_cast<int>(x.size());
  OK(launch(session.stream, session.function(module, name), {.blocks = 8, .threads = 128}, in.address,
            out.address, n));
  const std::vector<T> y = out.read();
  for (size_t k = 0; k < x.size(); ++k) {
    const double error = ulps(y[k], exact(x[k]));
    if (!(error <= bound + 0.5))
      throw std::runtime_error(std::string(name) + "(" + std::to_string(x[k]) + ") = " +
                               std::to_string(y[k]) + " is off by " + std::to_string(error) + " ulps");
  }
}

TEST(math_functions) {
  if (compiled_kernels().empty()) return;
  Session session;
  const CUmodule module = session.load(compiled_kernels());
#define X(name, low, high, float_ulps, double_ulps)                                                          \
  compare<float>(session, module, #name "_float", low, high, float_ulps,                                     \
                 [](float x) { return std::name(static_cast<double>(x)); });                                 \
  compare<double>(session, module, #name "_double", low, high, double_ulps,                                  \
                  [](double x) { return std::name(static_cast<long double>(x)); });
#include "math_functions.def"
#undef X
}

template <class T, class W>
void compare_power(Session& session, CUmodule module, const char* name, double bound) {
  std::mt19937_64 random(3);
  std::vector<T> x{0, 0, 1, -2, -2, 2, T(INFINITY), T(NAN), T(-INFINITY), -8},
      y{0, -1, T(NAN), 3, 0.5, -1, 2, 0, 3, T(1) / 3};
  std::uniform_real_distribution<double> base(0, 10), exponent(-20, 20);
  while (x.size() < 512) {
    x.push_back(static_cast<T>(base(random)));
    y.push_back(static_cast<T>(exponent(random)));
  }
  const Array<T> a(x, session.stream), b(y, session.stream), c(x.size(), session.stream);
  OK(launch(session.stream, session.function(module, name), {.blocks = 4, .threads = 128}, a.address,
            b.address, c.address, static_cast<int>(x.size())));
  const std::vector<T> z = c.read();
  for (size_t k = 0; k < x.size(); ++k) {
    const double error = ulps(z[k], std::pow(static_cast<W>(x[k]), static_cast<W>(y[k])));
    if (!(error <= bound + 0.5))
      throw std::runtime_error(std::string(name) + "(" + std::to_string(x[k]) + ", " + std::to_string(y[k]) +
                               ") = " + std::to_string(z[k]) + " is off by " + std::to_string(error) +
                               " ulps");
  }
}
TEST(powers) {
  if (compiled_kernels().empty()) return;
  Session session;
  const CUmodule module = session.load(compiled_kernels());
  compare_power<float, double>(session, module, "pow_float", 4);
  compare_power<double, long double>(session, module, "pow_double", 2);
}

TEST(reductions) {
  if (compiled_kernels().empty()) return;
  Session session;
  const CUmodule module = session.load(compiled_kernels());
  std::vector<float> x(10'000);
  double exact = 0;
  for (size_t k = 0; k < x.size(); ++k) exact += x[k] = static_cast<float>(k % 17) - 3;
  const Array<float> in(x, session.stream), partials(7, session.stream), out(1, session.stream);
  const Array<unsigned> ticket(std::vector<unsigned>{0}, session.stream);
  for (int run = 0; run < 2; ++run) {
    OK(launch(session.stream, session.function(module, "sum"), {.blocks = 7, .threads = 256}, in.address,
              partials.address, out.address, ticket.address, static_cast<int>(x.size())));
    CHECK(out.read()[0] == static_cast<float>(exact));
    CHECK(ticket.read()[0] == 0);
  }
  std::vector<int> values(512);
  for (size_t k = 0; k < values.size(); ++k) values[k] = static_cast<int>(k * 7919 % 1000);
  const Array<int> numbers(values, session.stream), greatest(2, session.stream);
  OK(launch(session.stream, session.function(module, "block_max"),
            {.blocks = 2, .threads = 256, .shared = 1024}, numbers.address, greatest.address));
  for (size_t b = 0; b < 2; ++b)
    CHECK(greatest.read()[b] == *std::max_element(values.begin() + 256 * b, values.begin() + 256 * (b + 1)));
}

TEST(matrix_product) {
  if (compiled_kernels().empty()) return;
  Session session;
  const CUmodule module = session.load(compiled_kernels());
  const int m = 37, n = 50, k = 29;
  std::vector<float> a(m * k), b(k * n);
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 13) - 6;
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 7) - 3;
  const Array<float> da(a, session.stream), db(b, session.stream), dc(m * n, session.stream);
  OK(launch(session.stream, session.function(module, "matmul"),
            {.blocks = (n + 15) / 16, .threads = 16, .blocks_y = (m + 15) / 16, .threads_y = 16}, da.address,
            db.address, dc.address, m, n, k));
  const std::vector<float> c = dc.read();
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      float exact = 0;
      for (int l = 0; l < k; ++l) exact += a[i * k + l] * b[l * n + j];
      CHECK(c[i * n + j] == exact);
    }
}

TEST(random_numbers) {
  if (compiled_kernels().empty()) return;
  Session session;
  const CUmodule module = session.load(compiled_kernels());
  struct Four {
    uint32_t x, y, z, w;
  };
  const Array<Four> out(256, session.stream);
  OK(launch(session.stream, session.function(module, "philox"), {.blocks = 1, .threads = 256}, out.address,
            0u, 0u, uint64_t{0}));
  // The first of the known answers of the paper's library: key and counter all zero.
  const Four first = out.read()[0];
  CHECK(first.x == 0x6627e8d5 && first.y == 0xe169c58d && first.z == 0xbc57ac4c && first.w == 0x9b00dbd8);
  GIVES(CUDA_ERROR_INVALID_VALUE, launch(session.stream, session.function(module, "philox"),
                                         {.blocks = 1, .threads = 512}, out.address, 0u, 0u, uint64_t{0}));
}

TEST(whole_numbers) {
  if (compiled_kernels().empty()) return;
  Session session;
  const CUmodule module = session.load(compiled_kernels());
  std::mt19937_64 random(5);
  const size_t n = 256;
  std::vector<int64_t> a(n), b(n);
  std::vector<int32_t> c(n), d(n);
  for (size_t k = 0; k < n; ++k) {
    a[k] = static_cast<int64_t>(random());
    b[k] = static_cast<int64_t>(random() >> random() % 60) | 1;
    c[k] = static_cast<int32_t>(random());
    d[k] = static_cast<int32_t>(random() >> (32 + random() % 30)) | 1;
  }
  const Array<int64_t> da(a, session.stream), db(b, session.stream), wide(2 * n, session.stream);
  const Array<int32_t> dc(c, session.stream), dd(d, session.stream), narrow(2 * n, session.stream);
  const Array<uint8_t> bytes(n, session.stream);
  OK(launch(session.stream, session.function(module, "integers"), {.blocks = 2, .threads = 128}, da.address,
            db.address, dc.address, dd.address, wide.address, narrow.address, bytes.address));
  const auto w = wide.read();
  const auto s = narrow.read();
  const auto y = bytes.read();
  for (size_t k = 0; k < n; ++k) {
    const auto wrapped = [](auto x) { return static_cast<int32_t>(x); };
    CHECK(w[2 * k] ==
          static_cast<int64_t>(static_cast<uint64_t>(a[k] / b[k]) + static_cast<uint64_t>(a[k] % b[k]) * 3));
    CHECK(w[2 * k + 1] ==
          (static_cast<int64_t>(static_cast<__int128>(a[k]) * b[k] >> 64) ^ a[k] >> (c[k] & 63)));
    uint32_t reversed = 0;
    for (int bit = 0; bit < 32; ++bit) reversed |= (static_cast<uint32_t>(c[k]) >> bit & 1) << (31 - bit);
    const int64_t sum = int64_t{c[k] / d[k]} + c[k] % d[k] + __builtin_popcount(c[k]) +
                        (d[k] ? __builtin_clz(d[k]) : 32) + reversed + __builtin_ffs(c[k]);
    CHECK(s[2 * k] == wrapped(sum));
    int32_t chosen = 0;
    const auto u = static_cast<uint32_t>(c[k]), v = static_cast<uint32_t>(d[k]);
    switch (c[k] & 7) {
    case 0:
      chosen = wrapped(u * 3);
      break;
    case 1:
      chosen = d[k] ^ c[k];
      break;
    case 2:
      chosen = wrapped(u - v);
      break;
    case 3:
      chosen = wrapped(u / 7);
      break;
    case 4:
      chosen = c[k] >> 3;
      break;
    case 5:
      chosen = wrapped(v << 5 | u >> 27);
      break;
    case 6:
      chosen = std::min(c[k], d[k]);
      break;
    }
    CHECK(s[2 * k + 1] == chosen);
    CHECK(y[k] == static_cast<uint8_t>(static_cast<uint8_t>(c[k] % 251) / (static_cast<uint8_t>(d[k]) | 1)));
  }
}

TEST(function_calls) {
  if (compiled_kernels().empty()) return;
  Session session;
  const CUmodule module = session.load(compiled_kernels());
  struct {
    float values[7] = {1, 2, 3, 4, 5, 6, 7};
    int chosen = 3;
  } weights;
  std::vector<float> x(64);
  for (size_t k = 0; k < 64; ++k) x[k] = static_cast<float>(k) / 4;
  const Array<float> dx(x, session.stream);
  const Array<int> calls(std::vector<int>{0}, session.stream);
  OK(launch(session.stream, session.function(module, "calls"), {.threads = 64, .shared = 64 * 16}, dx.address,
            weights, calls.address));
  const auto y = dx.read();
  int expected_calls = 0;
  for (size_t t = 0; t < 64; ++t) {
    double value = 0;
    const auto other = static_cast<float>(t ^ 1);
    for (size_t k = 0; k < t % 3; ++k, ++expected_calls)
      value += x[t] * static_cast<double>(k) + other * (other + 1);
    CHECK(y[t] == static_cast<float>(value) + 4 + static_cast<float>(t % 5 + 1) + 7);
  }
  CHECK(calls.read()[0] == expected_calls);
}

TEST(atomic_operations) {
  if (compiled_kernels().empty()) return;
  Session session;
  const CUmodule module = session.load(compiled_kernels());
  const Array<float> f(std::vector<float>{0}, session.stream);
  const Array<double> d(std::vector<double>{0}, session.stream);
  const Array<int> i(std::vector<int>(5 + 128, -1), session.stream);
  const Array<unsigned> u(std::vector<unsigned>{0, 0, 0, 0, 0}, session.stream);
  const Array<uint64_t> l(std::vector<uint64_t>{0}, session.stream);
  OK(cuMemsetD32Async(i.address + 12, 0, 2, session.stream));
  OK(launch(session.stream, session.function(module, "atomics"), {.threads = 128}, f.address, d.address,
            i.address, u.address, l.address));
  CHECK(f.read()[0] == 128 && d.read()[0] == 64);
  const auto ints = i.read();
  CHECK(ints[0] == -5 && ints[1] == 254 && ints[2] == static_cast<int>(0x80000000) && ints[3] == 0x7FFFFFFF);
  CHECK(ints[4] == 0); // of 0 to 127, every bit is set an even number of times
  CHECK(ints[5] == static_cast<int>(0xAAAAAAAAu ^ 32));
  const auto words = u.read();
  CHECK(words[0] == 128 % 10 && words[1] == 2 && words[2] == 128 && words[3] == 77);
  CHECK(words[4] == 64 * 4 + 2 + 1);
  CHECK(l.read()[0] == uint64_t{1} << 63);
}

} // namespace
