// Matrix products against their definition: blocks of 256 along the inner axis, one multiply-add after the
// other in each, then block after block. Floating-point results have its very bits, for every instruction set
// that the machine has, any number of threads and all layouts.
//
//   matmul [--bench]
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "cpu/pool.h"
#include "cpu/routines/matmul.h"

namespace adjoint::cpu {
Isa chosen_isa() { return Isa::portable; } // every call below says what it wants
} // namespace adjoint::cpu

namespace {

using adjoint::Dims;
using adjoint::DType;
using adjoint::MatrixProduct;
using adjoint::cpu::Isa;

constexpr const char* isa_labels[] = {"portable", "v2", "v3", "v4"};

std::vector<Isa> available() {
  std::vector<Isa> list = {Isa::portable};
#ifdef __x86_64__
  if (__builtin_cpu_supports("x86-64-v2")) list.push_back(Isa::v2);
  if (__builtin_cpu_supports("x86-64-v3")) list.push_back(Isa::v3);
  if (__builtin_cpu_supports("x86-64-v4")) list.push_back(Isa::v4);
#endif
  return list;
}

std::mt19937_64 generator{1};
int64_t between(int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>{low, high}(generator);
}
bool one_in(int64_t n) { return between(1, n) == 1; }

template <class T> T random_value() {
  if constexpr (std::is_floating_point_v<T>)
    return std::normal_distribution<T>{}(generator);
  else if constexpr (std::is_same_v<T, bool>)
    return one_in(4);
  else
    return static_cast<T>(generator());
}

template <class T> struct Case {
  MatrixProduct kernel;
  std::vector<uint8_t> left, right, out; // not vector<T>: that of bool has no elements
  Case() { kernel.dtype = adjoint::dtype_of<T>; }
  T* data(std::vector<uint8_t>& bytes) { return reinterpret_cast<T*>(bytes.data()); }
  const T* data(const std::vector<uint8_t>& bytes) const { return reinterpret_cast<const T*>(bytes.data()); }
};

// Gives an operand random strides (gaps, flips, broadcasts, any order of axes), and memory that just covers
// them.
template <class T>
void lay_out(adjoint::MatrixOperand& operand, const Dims& batch, int64_t rows, int64_t columns,
             std::vector<uint8_t>& bytes) {
  Dims extents = batch;
  extents.push_back(rows);
  extents.push_back(columns);
  const size_t rank = extents.size();
  std::vector<size_t> order(rank);
  std::iota(order.begin(), order.end(), 0);
  if (one_in(2)) std::swap(order[rank - 1], order[rank - 2]);
  if (one_in(8)) std::shuffle(order.begin(), order.end(), generator);
  Dims strides(rank);
  int64_t step = one_in(6) ? 2 : 1, low = 0, high = 0;
  for (size_t i = rank; i-- > 0;) {
    const size_t axis = order[i];
    strides[axis] = one_in(12) || (axis + 2 < rank && one_in(3)) ? 0 : step;
    if (one_in(12)) strides[axis] = -strides[axis];
    step *= std::max<int64_t>(extents[axis], 1);
    if (one_in(8)) step += between(1, 5);
    const int64_t reach = strides[axis] * (extents[axis] - 1);
    (reach < 0 ? low : high) += extents[axis] > 0 ? reach : 0;
  }
  operand.offset = -low;
  operand.batch_strides = Dims(batch.size());
  for (size_t i = 0; i < batch.size(); ++i) operand.batch_strides[i] = strides[i];
  operand.row_stride = strides[rank - 2];
  operand.column_stride = strides[rank - 1];
  bytes.resize(static_cast<size_t>(high - low + 1) * sizeof(T));
  for (int64_t i = 0; i <= high - low; ++i) {
    const T value = random_value<T>();
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
}

template <class T> void finish(Case<T>& test) {
  MatrixProduct& kernel = test.kernel;
  kernel.left.array = 0;
  kernel.right.array = 1;
  kernel.out.array = 2;
  Dims shape = kernel.batch;
  shape.push_back(kernel.rows);
  shape.push_back(kernel.columns);
  const Dims strides = adjoint::row_major_strides(shape);
  const size_t rank = kernel.batch.size();
  kernel.out.batch_strides = Dims(rank);
  for (size_t i = 0; i < rank; ++i) kernel.out.batch_strides[i] = strides[i];
  kernel.out.row_stride = strides[rank];
  kernel.out.column_stride = strides[rank + 1];
  test.out.assign(static_cast<size_t>(adjoint::element_count(shape)) * sizeof(T) + 64, 0xa5);
}

template <class T> Case<T> random_case() {
  Case<T> test;
  MatrixProduct& kernel = test.kernel;
  const int64_t most = one_in(8) ? 300 : one_in(3) ? 70 : 20;
  const auto extent = [&] { return one_in(40) ? 0 : one_in(8) ? 1 : between(1, most); };
  kernel.rows = extent();
  kernel.columns = extent();
  kernel.inner = one_in(10) ? between(250, 5000) * 40 / most : extent();
  for (int64_t i = between(0, 3) - 1; i > 0; --i) kernel.batch.push_back(one_in(30) ? 0 : between(1, 4));
  lay_out<T>(kernel.left, kernel.batch, kernel.rows, kernel.inner, test.left);
  lay_out<T>(kernel.right, kernel.batch, kernel.inner, kernel.columns, test.right);
  finish(test);
  return test;
}

template <class T> T multiply_add(T a, T b, T c, bool fused) {
  if constexpr (std::is_floating_point_v<T>)
    return fused ? std::fma(a, b, c) : a * b + c;
  else
    return static_cast<T>(c + a * b);
}

template <class T>
T element(const T* left, int64_t left_step, const T* right, int64_t right_step, int64_t inner, bool fused) {
  T total{};
  for (int64_t begin = 0; begin < inner; begin += 256) {
    T sum{};
    for (int64_t k = begin; k < std::min(begin + 256, inner); ++k)
      sum = multiply_add(left[k * left_step], right[k * right_step], sum, fused);
    total = begin ? static_cast<T>(total + sum) : sum;
  }
  return total;
}

// Calls body(left, right, out) with the first row, the first column and the place of every element.
template <class T, class Body> void each_element(Case<T>& test, Body body) {
  const MatrixProduct& kernel = test.kernel;
  T* out = test.data(test.out);
  for (int64_t item = 0; item < adjoint::element_count(kernel.batch); ++item) {
    const T* left = test.data(test.left) + kernel.left.offset;
    const T* right = test.data(test.right) + kernel.right.offset;
    int64_t index = item;
    for (size_t axis = kernel.batch.size(); axis-- > 0; index /= kernel.batch[axis]) {
      left += index % kernel.batch[axis] * kernel.left.batch_strides[axis];
      right += index % kernel.batch[axis] * kernel.right.batch_strides[axis];
    }
    for (int64_t i = 0; i < kernel.rows; ++i)
      for (int64_t j = 0; j < kernel.columns; ++j)
        body(left + i * kernel.left.row_stride, right + j * kernel.right.column_stride, out++);
  }
}

// Without scratch memory the bits are the same.
template <class T> void run(Case<T>& test, Isa isa, bool has_scratch = true) {
  void* const arrays[] = {test.left.data(), test.right.data(), test.out.data()};
  const adjoint::cpu::Routine product = adjoint::cpu::prepare_product(test.kernel, isa);
  static std::vector<uint8_t> scratch;
  scratch.resize(static_cast<size_t>(product.scratch_bytes) + 64);
  auto* const aligned = scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64);
  product.run({.arrays = arrays, .scratch = has_scratch ? aligned : nullptr});
}

template <class T> std::vector<uint8_t> expected(Case<T>& test, bool fused) {
  const MatrixProduct& kernel = test.kernel;
  const std::vector<uint8_t> before = test.out;
  each_element(test, [&](const T* left, const T* right, T* out) {
    *out = element(left, kernel.left.column_stride, right, kernel.right.row_stride, kernel.inner, fused);
  });
  return std::exchange(test.out, before);
}

// How far the definition itself is off, in units of what rounding may make of the sum of absolute values.
double definition_error(Case<double>& test) {
  const MatrixProduct& kernel = test.kernel;
  double worst = 0;
  each_element(test, [&](const double* left, const double* right, const double* out) {
    long double sum = 0, size = 0;
    for (int64_t k = 0; k < kernel.inner; ++k) {
      const long double term =
          static_cast<long double>(left[k * kernel.left.column_stride]) * right[k * kernel.right.row_stride];
      sum += term;
      size += std::fabs(term);
    }
    const auto steps =
        static_cast<long double>(std::min<int64_t>(kernel.inner, 256) + kernel.inner / 256 + 1);
    const long double bound = steps * 0x1.0p-53L * size;
    if (bound > 0) worst = std::max(worst, static_cast<double>(std::fabs(*out - sum) / bound));
  });
  return worst;
}

template <class T> std::string description(const MatrixProduct& kernel) {
  std::string text = std::string(info(kernel.dtype).label) + " batch " + to_string(kernel.batch) + " " +
                     std::to_string(kernel.rows) + "x" + std::to_string(kernel.inner) + "x" +
                     std::to_string(kernel.columns);
  for (const auto& operand : {kernel.left, kernel.right})
    text += " strides " + to_string(operand.batch_strides) + " " + std::to_string(operand.row_stride) + " " +
            std::to_string(operand.column_stride);
  return text;
}

template <class T> bool check_case(Case<T>& test, Isa isa) {
  const std::vector<uint8_t> want = expected(test, isa == Isa::v3 || isa == Isa::v4);
  const std::vector<uint8_t> before = test.out;
  for (int threads : {1, 2, 4}) {
    adjoint::cpu::set_thread_count(threads);
    test.out = before;
    run(test, isa, !one_in(4));
    if (test.out == want) continue;
    std::printf("WRONG: %s, %d threads, %s\n", isa_labels[static_cast<int>(isa)], threads,
                description<T>(test.kernel).c_str());
    return false;
  }
  if constexpr (std::is_same_v<T, double>)
    if (definition_error(test) > 1) {
      std::printf("INACCURATE: %s\n", description<T>(test.kernel).c_str());
      return false;
    }
  return true;
}

template <class T> bool check_type(int cases) {
  bool ok = true;
  for (int i = 0; i < cases && ok; ++i) {
    Case<T> test = random_case<T>();
    for (Isa isa : available()) ok = ok && check_case(test, isa);
  }
  return ok;
}

// 64-byte aligned operands of the usual layouts, for timing.
template <class T>
Case<T> dense_case(int64_t batch, int64_t rows, int64_t inner, int64_t columns, bool left_t, bool right_t) {
  Case<T> test;
  MatrixProduct& kernel = test.kernel;
  kernel.rows = rows;
  kernel.columns = columns;
  kernel.inner = inner;
  if (batch > 1) kernel.batch.push_back(batch);
  const auto dense = [&](adjoint::MatrixOperand& operand, int64_t height, int64_t width, bool transposed,
                         std::vector<uint8_t>& bytes) {
    operand.row_stride = transposed ? 1 : width;
    operand.column_stride = transposed ? height : 1;
    if (batch > 1) operand.batch_strides.push_back(height * width);
    bytes.resize(static_cast<size_t>(batch * height * width + 64) * sizeof(T));
    operand.offset = static_cast<int64_t>((64 - reinterpret_cast<uintptr_t>(bytes.data()) % 64) / sizeof(T));
    for (int64_t i = 0; i < batch * height * width; ++i)
      test.data(bytes)[operand.offset + i] = random_value<T>();
  };
  dense(kernel.left, rows, inner, left_t, test.left);
  dense(kernel.right, inner, columns, right_t, test.right);
  finish(test);
  return test;
}

// One thread is timed in its own processor time, which does not count what else the machine is doing.
double seconds() {
  timespec now;
  clock_gettime(adjoint::cpu::thread_count() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class T>
void measure(int64_t rows, int64_t inner, int64_t columns, bool left_t, bool right_t, Isa isa,
             int64_t batch = 1) {
  Case<T> test = dense_case<T>(batch, rows, inner, columns, left_t, right_t);
  const double work = static_cast<double>(batch * rows * inner * columns);
  const int calls = std::max(1, static_cast<int>(2e-3 / (work / 6e10 + 1e-6)));
  run(test, isa);
  double best = 1e9;
  for (int repeat = 0; repeat < 40; ++repeat) {
    const double start = seconds();
    for (int i = 0; i < calls; ++i) run(test, isa);
    best = std::min(best, (seconds() - start) / calls);
  }
  std::printf("%s %s %ldx%ldx%ld%s%s", isa_labels[static_cast<int>(isa)],
              info(test.kernel.dtype).label.data(), static_cast<long>(rows), static_cast<long>(inner),
              static_cast<long>(columns), left_t ? " At" : "", right_t ? " Bt" : "");
  if (batch > 1) std::printf(" batch %ld", static_cast<long>(batch));
  std::printf(": %.2f us %.1f GFLOP/s\n", best * 1e6, 2 * work / best / 1e9);
  std::fflush(stdout);
}

template <class T> void measure_type(Isa isa) {
  for (int64_t n : {64, 256, 1024}) measure<T>(n, n, n, false, false, isa);
  measure<T>(128, 784, 256, false, false, isa);
  measure<T>(784, 128, 256, true, false, isa);
  measure<T>(128, 256, 784, false, true, isa);
  measure<T>(128, 256, 10, false, false, isa);
  measure<T>(256, 128, 10, true, false, isa);
  measure<T>(128, 10, 256, false, true, isa);
  measure<T>(1, 1024, 1024, false, false, isa);
  measure<T>(1024, 1024, 1, false, false, isa);
  measure<T>(1, 1024, 1024, false, true, isa);
  measure<T>(256, 256, 1, false, false, isa);
  measure<T>(1, 100000, 1, false, false, isa);
  measure<T>(8, 8, 8, false, false, isa);
  measure<T>(16, 16, 16, false, false, isa, 1000);
}

} // namespace

int main(int count, char** arguments) {
  if (count > 1 && std::strcmp(arguments[1], "--bench") == 0) {
    std::printf("%d threads\n", adjoint::cpu::thread_count());
    const Isa isa = count > 2 ? static_cast<Isa>(std::atoi(arguments[2])) : available().back();
    measure_type<float>(isa);
    measure_type<double>(isa);
    return 0;
  }
  bool ok = check_type<float>(250);
  ok &= check_type<double>(250);
  ok &= check_type<int32_t>(50);
  ok &= check_type<int64_t>(50);
  ok &= check_type<uint8_t>(50);
  ok &= check_type<bool>(50);
  return ok ? 0 : 1;
}
