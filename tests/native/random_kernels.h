// Random kernels and what they work on, for the tests of devices.
#pragma once
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "cpu/isa.h"
#include "cpu/jit/segment.h"
#include "cpu/loops.h"
#include "device/kernel.h"

namespace adjoint {

using cpu::elementwise_count;
using cpu::first_elementwise;
using cpu::first_reduction;
using cpu::reduction_count;

// splitmix64 (Steele, Lea and Flood 2014).
struct Random {
  uint64_t state;
  uint64_t bits() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  int64_t below(int64_t n) { return static_cast<int64_t>(bits() % static_cast<uint64_t>(n)); }
  bool chance(int percent) { return below(100) < percent; }
  double uniform(double low, double high) {
    return low + (high - low) * (static_cast<double>(bits() >> 11) * 0x1.0p-53);
  }
  template <class T> const T& of(const std::vector<T>& list) {
    return list[static_cast<size_t>(below(static_cast<int64_t>(list.size())))];
  }
};

// Memory as the device's allocator hands it out: aligned, large blocks in large pages.
template <class T> struct Aligned {
  using value_type = T;
  Aligned() = default;
  template <class U> Aligned(const Aligned<U>&) {}
  T* allocate(size_t n) {
    constexpr size_t page = size_t{2} << 20;
    const size_t alignment = n * sizeof(T) < page ? 64 : page;
    void* data = std::aligned_alloc(alignment, (n * sizeof(T) + alignment - 1) / alignment * alignment);
#ifdef MADV_HUGEPAGE
    if (alignment == page) madvise(data, n * sizeof(T), MADV_HUGEPAGE);
#endif
    return static_cast<T*>(data);
  }
  void deallocate(T* data, size_t) { std::free(data); }
  bool operator==(const Aligned&) const { return true; }
};
using Bytes = std::vector<unsigned char, Aligned<unsigned char>>;

struct Case {
  FusedKernel kernel;
  std::vector<Bytes> arrays;
  std::vector<DType> dtypes; // of arrays
  std::vector<Number> numbers;
};

template <class T> T random_element(Random& random) {
  if constexpr (std::is_same_v<T, bool>) return random.chance(50);
  if constexpr (is_half<T>)
    return random.chance(10) ? static_cast<T>(random.bits()) : narrowed<T>(random.uniform(-4, 4));
  if constexpr (std::is_floating_point_v<T>) {
    constexpr T special[] = {0,
                             T(-0.0),
                             std::numeric_limits<T>::infinity(),
                             -std::numeric_limits<T>::infinity(),
                             std::numeric_limits<T>::quiet_NaN(),
                             std::numeric_limits<T>::denorm_min(),
                             T(1e30)};
    if (random.chance(2)) return special[random.below(7)];
    return static_cast<T>(random.uniform(-4, 4));
  } else {
    return random.chance(10) ? static_cast<T>(random.bits()) : static_cast<T>(random.below(9) - 4);
  }
}

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_{seed} {}

  Case make() {
    choose_space();
    const int inputs = static_cast<int>(1 + random_.below(4));
    for (int i = 0; i < inputs; ++i) add_load();
    for (int i = 0; i < 2; ++i) add_number();
    const int64_t steps = 1 + random_.below(14);
    for (int64_t i = 0; i < steps; ++i) {
      const int64_t kind = random_.below(20);
      if (kind < 3 && has_columns_)
        add_reduction();
      else if (kind == 3)
        add_load();
      else if (kind == 4)
        add_splice();
      else if (kind < 7)
        add_position();
      else
        add_elementwise();
    }
    add_stores();
    return std::move(case_);
  }

 private:
  void choose_space() {
    FusedKernel& kernel = case_.kernel;
    const std::vector<int64_t> rows = {0, 1, 1, 2, 3, 7, 16, 33, 100, 513, 1000, 2049},
                               columns = {0,  1,   2,   3,    5,    15,   16,   17,
                                          31, 100, 512, 1000, 1024, 1025, 3000, 9000};
    has_columns_ = random_.chance(70);
    row_shape_ = shape(random_.of(rows));
    if (has_columns_) column_shape_ = shape(random_.of(columns));
    if (random_.chance(10)) row_shape_ = shape(random_.chance(50) ? 40000 : 1);
    if (!has_columns_ && random_.chance(30)) { // matrices, large enough for tiles
      row_shape_ = {16 + random_.below(90), 64 + 8 * random_.below(6)};
      if (random_.chance(50)) row_shape_.push_back(1 + random_.below(12));
    }
    while (element_count(row_shape_) * element_count(column_shape_) > 120000) {
      if (element_count(row_shape_) > 1)
        row_shape_ = shape(element_count(row_shape_) / 4);
      else
        column_shape_ = shape(element_count(column_shape_) / 4);
    }
    kernel.rows = element_count(row_shape_);
    kernel.columns = element_count(column_shape_);
  }
  // Some shape with so many elements.
  Dims shape(int64_t count) {
    Dims dims;
    if (count == 0) return {0};
    for (const int64_t factor : {2, 3, 5, 4, 7})
      if (count % factor == 0 && random_.chance(30)) {
        dims.push_back(factor);
        count /= factor;
      }
    if (random_.chance(20)) dims.push_back(1);
    if (count > 1 || random_.chance(50)) dims.push_back(count);
    if (dims.size() > 1 && random_.chance(50)) std::swap(dims[0], dims[dims.size() - 1]);
    return dims;
  }

  Dims space(Level level) const {
    Dims dims = row_shape_;
    if (level == Level::element)
      for (const int64_t extent : column_shape_) dims.push_back(extent);
    return dims;
  }

  uint16_t add_array(int64_t elements, DType dtype, bool is_output) {
    Bytes bytes(static_cast<size_t>(elements * bytes_of(dtype)));
    with_type(dtype, [&]<class T>() {
      for (int64_t i = 0; i < elements; ++i) {
        const T value = is_output ? T(1) : random_element<T>(random_);
        std::memcpy(bytes.data() + i * static_cast<int64_t>(sizeof value), &value, sizeof value);
      }
    });
    case_.arrays.push_back(std::move(bytes));
    case_.dtypes.push_back(dtype);
    return static_cast<uint16_t>(case_.arrays.size() - 1);
  }

  // A random way to walk an array that has so many elements.
  struct RandomWalk {
    Access access;
    int64_t elements;
  };
  RandomWalk make_walk(Level level, bool is_output) {
    Access access;
    const Dims dims = space(level);
    access.extents = dims;
    access.strides.resize(dims.size());
    const bool permutes = random_.chance(40), stretches = random_.chance(20);
    std::vector<size_t> order;
    for (size_t i = 0; i < dims.size(); ++i) order.push_back(i);
    if (permutes)
      for (size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[static_cast<size_t>(random_.below(static_cast<int64_t>(i)))]);
    int64_t step = stretches ? 1 + random_.below(3) : 1, lowest = 0, highest = 0;
    for (size_t i = order.size(); i-- > 0;) {
      const size_t axis = order[i];
      const int64_t extent = std::max<int64_t>(dims[axis], 1);
      int64_t stride = step;
      if (!is_output && random_.chance(15)) stride = 0;
      if (random_.chance(8)) stride = -stride;
      access.strides[axis] = stride;
      (stride < 0 ? lowest : highest) += stride * (extent - 1);
      if (stride != 0) step *= extent;
      if (stretches && random_.chance(30)) step += random_.below(4);
    }
    access.offset = -lowest + random_.below(3);
    if (random_.chance(is_output ? 5 : 20) && dims.size() > 0) {
      access.first.resize(dims.size());
      access.last.resize(dims.size());
      for (size_t i = 0; i < dims.size(); ++i) {
        access.first[i] = random_.chance(60) ? 0 : random_.below(std::max<int64_t>(dims[i], 1));
        access.last[i] = random_.chance(60) ? dims[i] : random_.below(std::max<int64_t>(dims[i], 1) + 1);
      }
    }
    // Contiguous arrays are often described by one axis.
    if (!permutes && !stretches && !is_output && random_.chance(30)) {
      access = Access{};
      access.extents = {element_count(dims)};
      access.strides = {1};
      highest = access.extents[0];
      lowest = 0;
    }
    return {std::move(access), highest - lowest + 4};
  }
  Access make_access(Level level, DType dtype, bool is_output) {
    auto [access, elements] = make_walk(level, is_output);
    access.array = add_array(elements, dtype, is_output);
    return access;
  }

  uint16_t push(Step step) {
    case_.kernel.steps.push_back(step);
    return static_cast<uint16_t>(case_.kernel.steps.size() - 1);
  }
  Level some_level() { return has_columns_ && random_.chance(75) ? Level::element : Level::row; }
  DType some_dtype() {
    const std::vector<DType> list = {DType::float32, DType::float32, DType::float32, DType::float64,
                                     DType::int32,   DType::int64,   DType::uint8,   DType::boolean,
                                     DType::float16, DType::bfloat16};
    return random_.of(list);
  }

  void add_load() {
    const Level level = some_level();
    const DType dtype = some_dtype();
    case_.kernel.accesses.push_back(make_access(level, dtype, false));
    push({.op = Op::stored,
          .arithmetic = dtype,
          .dtype = dtype,
          .level = level,
          .index = static_cast<uint16_t>(case_.kernel.accesses.size() - 1)});
  }
  void add_position() {
    const Level level = some_level();
    const DType dtype = some_dtype();
    Access access = make_walk(level, false).access;
    access.first = access.last = {};
    if (random_.chance(20)) access.offset += 10 * (random_.below(1 << 20) - (1 << 19));
    if (random_.chance(4)) access.offset += random_.chance(50) ? INT32_MAX : INT32_MIN;
    case_.kernel.accesses.push_back(access);
    push({.op = Op::position,
          .arithmetic = dtype,
          .dtype = dtype,
          .level = level,
          .index = static_cast<uint16_t>(case_.kernel.accesses.size() - 1)});
  }
  void add_number() {
    const DType dtype = some_dtype();
    case_.numbers.push_back(random_.chance(50) ? Number(random_.uniform(-3, 3))
                                               : Number::of_integer(random_.below(5)));
    push({.op = Op::number,
          .arithmetic = dtype,
          .dtype = dtype,
          .level = Level::number,
          .index = static_cast<uint16_t>(case_.numbers.size() - 1)});
  }

  uint16_t some_value() { // later ones more often
    const auto n = static_cast<int64_t>(case_.kernel.steps.size());
    return static_cast<uint16_t>(random_.chance(60) ? std::max<int64_t>(0, n - 1 - random_.below(4))
                                                    : random_.below(n));
  }
  uint16_t as(uint16_t value, DType dtype) {
    const Step& step = case_.kernel.steps[value];
    if (step.dtype == dtype) return value;
    return push({.op = Op::to,
                 .arithmetic = step.dtype,
                 .dtype = dtype,
                 .level = step.level,
                 .input_count = 1,
                 .inputs = {value}});
  }

  void add_elementwise() {
    const auto index =
        first_elementwise + static_cast<size_t>(random_.below(static_cast<int64_t>(elementwise_count)));
    const Op op = static_cast<Op>(index);
    // The sign of NaN is not a value's: instructions differ in it.
    if (op == Op::copysign || op == Op::signbit) return;
    const OpInfo& row = info(op);
    const uint16_t first = some_value();
    DType arithmetic = case_.kernel.steps[first].dtype;
    if (!cpu::loops_for(cpu::Isa::portable).elementwise(op, arithmetic, 0))
      arithmetic =
          row.dtypes == Dtypes::whole || row.dtypes == Dtypes::integral ? DType::int64 : DType::float32;
    Step step{.op = op,
              .arithmetic = arithmetic,
              .dtype = arithmetic,
              .level = Level::number,
              .input_count = row.arity};
    if (row.dtypes == Dtypes::truth) step.dtype = DType::boolean;
    for (size_t i = 0; i < row.arity; ++i) {
      const bool is_condition = row.dtypes == Dtypes::select && i == 0;
      step.inputs[i] = as(i == 0 ? first : some_value(), is_condition ? DType::boolean : arithmetic);
      step.level = std::max(step.level, case_.kernel.steps[step.inputs[i]].level);
    }
    push(step);
  }
  void add_reduction() {
    const auto n = static_cast<int64_t>(case_.kernel.steps.size());
    const auto index =
        first_reduction + static_cast<size_t>(random_.below(static_cast<int64_t>(reduction_count)));
    const Op op = static_cast<Op>(index);
    for (int attempt = 0; attempt < 20; ++attempt) {
      auto input = static_cast<uint16_t>(random_.below(n));
      if (case_.kernel.steps[input].level != Level::element) continue;
      DType arithmetic = case_.kernel.steps[input].dtype;
      if (!cpu::loops_for(cpu::Isa::portable).reduction(op, arithmetic).rows) arithmetic = DType::float32;
      input = as(input, arithmetic);
      push({.op = op,
            .arithmetic = arithmetic,
            .dtype = info(op).dtypes == Dtypes::truth ? DType::boolean : arithmetic,
            .level = Level::row,
            .input_count = 1,
            .inputs = {input}});
      return;
    }
  }
  void add_splice() {
    const uint16_t base = some_value();
    const DType dtype = case_.kernel.steps[base].dtype;
    const uint16_t part = as(some_value(), dtype);
    const Level level =
        std::max({case_.kernel.steps[base].level, case_.kernel.steps[part].level, Level::row});
    Access access;
    access.extents = space(level);
    const size_t rank = access.extents.size();
    access.strides = Dims(rank);
    access.first = Dims(rank);
    access.last = access.extents;
    for (size_t i = 0; i < rank; ++i) {
      if (random_.chance(50)) access.first[i] = random_.below(std::max<int64_t>(access.extents[i], 1));
      if (random_.chance(50)) access.last[i] = random_.below(access.extents[i] + 1);
    }
    case_.kernel.accesses.push_back(access);
    push({.op = Op::splice,
          .arithmetic = dtype,
          .dtype = dtype,
          .level = level,
          .input_count = 2,
          .inputs = {base, part},
          .index = static_cast<uint16_t>(case_.kernel.accesses.size() - 1)});
  }

  void add_stores() {
    std::vector<Step>& steps = case_.kernel.steps;
    std::vector<bool> is_taken(steps.size());
    for (size_t i = steps.size(); i-- > 0;) {
      const bool is_last = i + 1 == steps.size();
      if (steps[i].level == Level::number || (!is_last && !random_.chance(15))) continue;
      Store store;
      store.step = static_cast<uint16_t>(i);
      const int twin = random_.chance(50) ? twin_of(steps[i], is_taken) : -1;
      if (twin >= 0) {
        store.access = case_.kernel.accesses[steps[static_cast<size_t>(twin)].index];
        store.replaces = store.access.array;
      } else {
        store.access = make_access(steps[i].level, steps[i].dtype, true);
      }
      case_.kernel.stores.push_back(store);
    }
  }
  // A load whose array the store may overwrite: it reads the very same elements, and every element once.
  int twin_of(const Step& step, std::vector<bool>& is_taken) {
    for (size_t i = 0; i < case_.kernel.steps.size(); ++i) {
      const Step& load = case_.kernel.steps[i];
      if (load.op != Op::stored || load.dtype != step.dtype || load.level != step.level || is_taken[i])
        continue;
      const Access& access = case_.kernel.accesses[load.index];
      if (!access.first.empty()) continue;
      bool is_injective = true;
      for (size_t axis = 0; axis < access.extents.size(); ++axis)
        is_injective &= access.strides[axis] != 0 || access.extents[axis] == 1;
      if (!is_injective) continue;
      is_taken[i] = true;
      return static_cast<int>(i);
    }
    return -1;
  }

  Random random_;
  Case case_;
  bool has_columns_ = false;
  Dims row_shape_, column_shape_;
};

inline std::vector<void*> pointers(std::vector<Bytes>& arrays) {
  std::vector<void*> list;
  for (Bytes& bytes : arrays) list.push_back(bytes.data());
  return list;
}

// Equal bits, or both not a number.
inline bool is_same(const Bytes& a, const Bytes& b, DType dtype) {
  if (a == b) return true;
  return with_type(dtype, [&]<class T>() {
    for (size_t i = 0; i < a.size(); i += sizeof(T)) {
      if (std::memcmp(&a[i], &b[i], sizeof(T)) == 0) continue;
      T x, y;
      std::memcpy(&x, &a[i], sizeof(T));
      std::memcpy(&y, &b[i], sizeof(T));
      const auto is_number = [](T element) {
        if constexpr (is_half<T>)
          return widened(element) == widened(element);
        else
          return element == element;
      };
      if (is_number(x) || is_number(y)) return false;
    }
    return true;
  });
}

inline void describe(const Case& one) {
  const FusedKernel& kernel = one.kernel;
  const auto show = [](const Access& access) {
    std::printf("array %d + %ld %s x %s", access.array, static_cast<long>(access.offset),
                to_string(access.extents).c_str(), to_string(access.strides).c_str());
    if (!access.first.empty())
      std::printf(" from %s to %s", to_string(access.first).c_str(), to_string(access.last).c_str());
  };
  std::printf("rows %ld columns %ld flat %d\n", static_cast<long>(kernel.rows),
              static_cast<long>(kernel.columns), kernel.is_flat);
  for (size_t i = 0; i < kernel.steps.size(); ++i) {
    const Step& step = kernel.steps[i];
    std::printf("  %zu = %s", i, std::string(info(step.op).name).c_str());
    for (size_t j = 0; j < step.input_count; ++j) std::printf(" %d", step.inputs[j]);
    std::printf("  %s -> %s, level %d  ", std::string(info(step.arithmetic).label).c_str(),
                std::string(info(step.dtype).label).c_str(), static_cast<int>(step.level));
    if (step.op == Op::stored || step.op == Op::position || step.op == Op::splice)
      show(kernel.accesses[step.index]);
    std::printf("\n");
  }
  for (const Store& store : kernel.stores) {
    std::printf("  store %d to ", store.step);
    show(store.access);
    std::printf("\n");
  }
}

// Long chains of plain ops over more values than there are registers, of lengths that end vectors anywhere.
inline Case make_chain(uint64_t seed) {
  Random random{seed};
  Case one;
  FusedKernel& kernel = one.kernel;
  kernel.rows = seed % 4 == 0 ? 1 + random.below(20000) : 1 + static_cast<int64_t>(seed % 67);
  const DType f = random.chance(60) ? DType::float32 : DType::float64;
  constexpr int64_t guard = 16; // elements behind the last one, which are to stay as they are
  std::vector<uint16_t> floats, bools;
  const auto push = [&](Step step) {
    kernel.steps.push_back(step);
    (step.dtype == DType::boolean ? bools : floats).push_back(static_cast<uint16_t>(kernel.steps.size() - 1));
  };
  const auto add_array = [&](DType dtype, int64_t elements) {
    Bytes bytes(static_cast<size_t>(elements * bytes_of(dtype)));
    with_type(dtype, [&]<class T>() {
      for (size_t at = 0; at < bytes.size(); at += sizeof(T)) {
        const T value = random_element<T>(random);
        std::memcpy(&bytes[at], &value, sizeof value);
      }
    });
    one.arrays.push_back(std::move(bytes));
    one.dtypes.push_back(dtype);
    Access access;
    access.array = static_cast<uint16_t>(one.arrays.size() - 1);
    access.extents = {kernel.rows};
    access.strides = {elements > 1};
    return access;
  };
  // So many values wait, to be taken by one step each; nothing is there that would cut the chain.
  const size_t waiting = random.chance(30) ? 10 + static_cast<size_t>(random.below(80)) : 0;
  const bool has_bools = waiting == 0 || random.chance(50);
  const int64_t inputs = random.chance(40) ? 20 + random.below(40) : 1 + random.below(5);
  for (int64_t i = 0; i < inputs; ++i) {
    const DType dtype = i > 0 && waiting == 0 && random.chance(10) ? DType::boolean : f;
    const bool is_still = i > 0 && random.chance(25);
    if (i > 0 && dtype == f && random.chance(15)) {
      const int64_t stride = is_still ? 0 : 1 + random.below(3);
      Access& access = kernel.accesses.emplace_back();
      access.offset = random.below(9) - 4;
      access.extents = {kernel.rows};
      access.strides = {stride};
      push({.op = Op::position,
            .arithmetic = f,
            .dtype = f,
            .level = Level::row,
            .index = static_cast<uint16_t>(kernel.accesses.size() - 1)});
      continue;
    }
    kernel.accesses.push_back(add_array(dtype, is_still ? 1 : kernel.rows + guard));
    push({.op = Op::stored,
          .arithmetic = dtype,
          .dtype = dtype,
          .level = Level::row,
          .index = static_cast<uint16_t>(kernel.accesses.size() - 1)});
  }
  const size_t loads = kernel.steps.size();
  for (uint16_t i = 0; i < 3; ++i) {
    one.numbers.emplace_back(random.uniform(-2, 2));
    push({.op = Op::number, .arithmetic = f, .dtype = f, .level = Level::number, .index = i});
  }
  const size_t first = floats.size();
  size_t taken = first;
  const auto some_float = [&](bool is_last_of_several) {
    if (waiting > 0 && floats.size() < first + waiting)
      return floats[static_cast<size_t>(random.below(static_cast<int64_t>(first)))];
    if (waiting > 0) return is_last_of_several && taken < first + waiting ? floats[taken++] : floats.back();
    return random.of(floats);
  };
  const int64_t steps = 2 + 3 * static_cast<int64_t>(waiting) + random.below(random.chance(30) ? 150 : 20);
  while (static_cast<int64_t>(kernel.steps.size() - loads) < steps) {
    const Op op = static_cast<Op>(first_elementwise +
                                  static_cast<size_t>(random.below(static_cast<int64_t>(elementwise_count))));
    if (!cpu::is_plain(op, f) && (waiting > 0 || !random.chance(2))) continue;
    if (!cpu::loops_for(cpu::Isa::portable).elementwise(op, f, 0)) continue;
    const OpInfo& row = info(op);
    const bool is_logical =
        row.dtypes == Dtypes::truth && !bools.empty() && cpu::is_plain(op, DType::boolean);
    const DType arithmetic = is_logical ? DType::boolean : f;
    Step step{.op = op,
              .arithmetic = arithmetic,
              .dtype = row.dtypes == Dtypes::truth ? DType::boolean : f,
              .level = Level::number,
              .input_count = row.arity};
    if (row.dtypes == Dtypes::select && bools.empty()) continue;
    if (row.dtypes == Dtypes::truth && !has_bools) continue;
    for (size_t i = 0; i < row.arity; ++i) {
      const bool is_bool = is_logical || (row.dtypes == Dtypes::select && i == 0);
      step.inputs[i] = is_bool ? random.of(bools) : some_float(i > 0 && i + 1 == row.arity);
      step.level = std::max(step.level, kernel.steps[step.inputs[i]].level);
    }
    push(step);
  }
  // The last of them, and some others, where an input lies or elsewhere.
  std::vector<bool> is_taken(loads);
  for (size_t i = loads; i < kernel.steps.size(); ++i) {
    const Step step = kernel.steps[i];
    if (step.level != Level::row || (i < floats.back() && !random.chance(12))) continue;
    Store store;
    store.step = static_cast<uint16_t>(i);
    const auto load = static_cast<size_t>(random.below(static_cast<int64_t>(loads)));
    const Access& access = kernel.accesses[load];
    if (random.chance(60) && !is_taken[load] && access.strides[0] == 1 &&
        kernel.steps[load].op == Op::stored && kernel.steps[load].dtype == step.dtype) {
      is_taken[load] = true;
      store.access = access;
      store.replaces = access.array;
    } else {
      store.access = add_array(step.dtype, kernel.rows + guard);
    }
    kernel.stores.push_back(std::move(store));
  }
  return one;
}

// Instances of one flat kernel, each with its own rows, arrays and numbers.
struct FlatCase {
  FusedKernel kernel;
  DType dtype;
  std::vector<int64_t> rows;              // of each instance
  std::vector<std::vector<Bytes>> arrays; // three each
  std::vector<Number> numbers;            // one each
};
inline FlatCase make_flat(uint64_t seed) {
  Random random{seed};
  FlatCase one;
  auto& [kernel, f, rows, arrays, numbers] = one;
  kernel.is_flat = true;
  kernel.rows = 1 + random.below(2000);
  const auto access = [&](uint16_t array, int64_t stride) {
    Access result;
    result.array = array;
    result.extents = {kernel.rows};
    result.strides = {stride};
    return result;
  };
  f = random.chance(50) ? DType::float32 : DType::float64;
  kernel.accesses = {access(0, 1), access(1, 1), access(2, 0), access(0, 1)};
  const auto step = [&](Op op, Level level, std::vector<uint16_t> inputs, uint16_t index = 0) {
    Step result{.op = op,
                .arithmetic = f,
                .dtype = f,
                .level = level,
                .input_count = static_cast<uint8_t>(inputs.size()),
                .index = index};
    std::copy(inputs.begin(), inputs.end(), result.inputs);
    kernel.steps.push_back(result);
  };
  step(Op::stored, Level::row, {}, 0);
  step(Op::stored, Level::row, {}, 1);
  step(Op::stored, Level::row, {}, 2);
  step(Op::number, Level::number, {}, 0);
  step(Op::lerp, Level::row, {0, 1, 3});
  step(Op::mul, Level::row, {4, 2});
  step(Op::sub, Level::row, {1, 5});
  step(Op::position, Level::row, {}, 3);
  step(Op::add, Level::row, {6, 7});
  kernel.stores = {{4, 0, access(0, 1)}, {8, 1, access(1, 1)}};

  const auto n = static_cast<size_t>(1 + random.below(60));
  arrays.resize(n);
  for (size_t i = 0; i < n; ++i) {
    rows.push_back(random.chance(10) ? 0 : random.chance(30) ? random.below(20000) : random.below(700));
    numbers.emplace_back(random.uniform(0, 1));
    for (int array = 0; array < 3; ++array) {
      Bytes bytes(static_cast<size_t>((array < 2 ? rows[i] : 1) * bytes_of(f)));
      with_type(f, [&]<class T>() {
        for (size_t at = 0; at < bytes.size(); at += sizeof(T)) {
          const T value = random_element<T>(random);
          std::memcpy(&bytes[at], &value, sizeof value);
        }
      });
      arrays[i].push_back(std::move(bytes));
    }
  }
  return one;
}

} // namespace adjoint
