// Runs random kernels on the CPU device's programs and on an evaluator that knows nothing of blocks, and
// compares bit for bit: for each instruction set that this machine has, and for several numbers of threads.
//
//   cpu_kernels [kernels per instruction set] [first seed]
//   cpu_kernels --bench [name]    prints times of typical kernels
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "cpu/generate.h"
#include "cpu/pool.h"
#include "cpu/program.h"
#include "cpu/segment.h"
#include "ops/arithmetic.h"
#include "ops/random.h"

using namespace adjoint;
using namespace adjoint::cpu;

namespace {

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
using Cell = std::array<unsigned char, 8>; // one element of any dtype

// --- the evaluator

struct Evaluator {
  const FusedKernel& kernel;
  const LoopTable& loops;
  std::vector<void*> arrays;
  const Number* numbers;
  std::vector<std::vector<Cell>> values;

  int64_t count(Level level) const {
    return level == Level::number ? 1 : level == Level::row ? kernel.rows : kernel.rows * kernel.columns;
  }
  const Cell& at(size_t step, Level level, int64_t i) const {
    const Level own = kernel.steps[step].level;
    const int64_t j = own == level              ? i
                      : own == Level::number    ? 0
                      : level == Level::element ? i / kernel.columns
                                                : i;
    return values[step][static_cast<size_t>(j)];
  }
  // The element's place in its array, or -1 where it does not exist.
  static int64_t place(const Access& access, int64_t i) {
    int64_t offset = access.offset;
    bool exists = true;
    for (size_t axis = access.extents.size(); axis-- > 0;) {
      const int64_t index = i % access.extents[axis];
      i /= access.extents[axis];
      offset += index * access.strides[axis];
      if (!access.first.empty()) exists &= index >= access.first[axis] && index < access.last[axis];
    }
    return exists ? offset : -1;
  }
  unsigned char* element(const Access& access, int64_t place, DType dtype) {
    return static_cast<unsigned char*>(arrays[access.array]) + place * bytes_of(dtype);
  }

  Cell reduce(const Step& step, int64_t row) {
    const ReductionLoops& loop = loops.reduction(step.op, step.arithmetic);
    const auto combine = [&](Cell a, const Cell& b) {
      loop.combine(1, &a, &a, &b, nullptr);
      return a;
    };
    Cell identity{};
    loop.identity(1, &identity, nullptr, nullptr, nullptr);
    std::vector<std::pair<int, Cell>> tree; // heights
    for (int64_t begin = 0; begin < kernel.columns; begin += chunk_columns) {
      std::vector<Cell> lanes(static_cast<size_t>(lane_count), identity);
      const int64_t end = std::min(begin + chunk_columns, kernel.columns);
      for (int64_t i = begin; i < end; ++i)
        loop.take(1, &lanes[static_cast<size_t>((i - begin) % lane_count)],
                  &at(step.inputs[0], Level::element, row * kernel.columns + i), nullptr, nullptr);
      for (size_t width = lanes.size() / 2; width > 0; width /= 2)
        for (size_t lane = 0; lane < width; ++lane) lanes[lane] = combine(lanes[lane], lanes[lane + width]);
      tree.emplace_back(0, lanes[0]);
      while (tree.size() > 1 && tree[tree.size() - 2].first == tree.back().first) {
        const Cell last = tree.back().second;
        tree.pop_back();
        tree.back() = {tree.back().first + 1, combine(tree.back().second, last)};
      }
    }
    Cell result = identity;
    if (!tree.empty()) result = tree.back().second;
    for (size_t i = tree.size(); i-- > 1;) result = combine(tree[i - 1].second, result);
    loop.finish(1, kernel.columns, &result, &result);
    return result;
  }

  Cell evaluate(const Step& step, int64_t i) {
    Cell out{};
    const auto input = [&](size_t j) -> const void* {
      return j < step.input_count ? &at(step.inputs[j], step.level, i) : nullptr;
    };
    if (step.op == Op::number) {
      with_type(step.dtype, [&]<class T>() {
        const T value = numbers[step.index].as<T>();
        std::memcpy(&out, &value, sizeof value);
      });
    } else if (step.op == Op::stored) {
      const Access& access = kernel.accesses[step.index];
      const int64_t from = place(access, i);
      if (from >= 0)
        std::memcpy(&out, element(access, from, step.dtype), static_cast<size_t>(bytes_of(step.dtype)));
    } else if (step.op == Op::splice) {
      out = at(step.inputs[place(kernel.accesses[step.index], i) >= 0], step.level, i);
    } else if (info(step.op).kind == Kind::reduction) {
      out = reduce(step, i);
    } else if (step.op == Op::to) {
      loops.cast(step.arithmetic, step.dtype)(1, &out, input(0), nullptr, nullptr);
    } else {
      loops.elementwise(step.op, step.arithmetic, 0)(1, &out, input(0), input(1), input(2));
    }
    return out;
  }

  void run() {
    for (const Step& step : kernel.steps) {
      std::vector<Cell>& cells = values.emplace_back();
      for (int64_t i = 0; i < count(step.level); ++i) cells.push_back(evaluate(step, i));
    }
    for (const Store& store : kernel.stores) {
      const Step& step = kernel.steps[store.step];
      for (int64_t i = 0; i < count(step.level); ++i)
        if (const int64_t to = place(store.access, i); to >= 0)
          std::memcpy(element(store.access, to, step.dtype), &values[store.step][static_cast<size_t>(i)],
                      static_cast<size_t>(bytes_of(step.dtype)));
    }
  }
};

// --- random kernels

struct Case {
  FusedKernel kernel;
  std::vector<Bytes> arrays;
  std::vector<DType> dtypes; // of arrays
  std::vector<Number> numbers;
};

template <class T> T random_element(Random& random) {
  if constexpr (std::is_same_v<T, bool>) return random.chance(50);
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

  // An access that walks some new array in a random way.
  Access make_access(Level level, DType dtype, bool is_output) {
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
    access.array = add_array(highest - lowest + 4, dtype, is_output);
    return access;
  }

  uint16_t push(Step step) {
    case_.kernel.steps.push_back(step);
    return static_cast<uint16_t>(case_.kernel.steps.size() - 1);
  }
  Level some_level() { return has_columns_ && random_.chance(75) ? Level::element : Level::row; }
  DType some_dtype() {
    const std::vector<DType> list = {DType::float32, DType::float32, DType::float32, DType::float64,
                                     DType::int32,   DType::int64,   DType::uint8,   DType::boolean};
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
    const OpInfo& row = info(op);
    const uint16_t first = some_value();
    DType arithmetic = case_.kernel.steps[first].dtype;
    if (!loops_for(Isa::portable).elementwise(op, arithmetic, 0)) arithmetic = DType::float32;
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
      if (!loops_for(Isa::portable).reduction(op, arithmetic).rows) arithmetic = DType::float32;
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

std::vector<void*> pointers(std::vector<Bytes>& arrays) {
  std::vector<void*> list;
  for (Bytes& bytes : arrays) list.push_back(bytes.data());
  return list;
}

// Equal bits, or both not a number.
bool is_same(const Bytes& a, const Bytes& b, DType dtype) {
  if (a == b) return true;
  return with_type(dtype, [&]<class T>() {
    for (size_t i = 0; i < a.size(); i += sizeof(T)) {
      if (std::memcmp(&a[i], &b[i], sizeof(T)) == 0) continue;
      T x, y;
      std::memcpy(&x, &a[i], sizeof(T));
      std::memcpy(&y, &b[i], sizeof(T));
      if (x == x || y == y) return false;
    }
    return true;
  });
}

void describe(const Case& one) {
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
    if (step.op == Op::stored || step.op == Op::splice) show(kernel.accesses[step.index]);
    std::printf("\n");
  }
  for (const Store& store : kernel.stores) {
    std::printf("  store %d to ", store.step);
    show(store.access);
    std::printf("\n");
  }
}

bool agrees(Case& one, const char* name, uint64_t seed, Isa isa, Encoding encoding) {
  if (std::getenv("SHOW")) describe(one);
  const LoopTable& loops = loops_for(isa);
  std::vector<Bytes> expected = one.arrays;
  Evaluator{one.kernel, loops, pointers(expected), one.numbers.data(), {}}.run();
  const Program program = compile_fused(one.kernel, loops, encoding);
  for (const int threads : {1, 2, 4}) {
    set_thread_count(threads);
    // What was compiled for one number of threads serves any other.
    std::vector<Bytes> arrays = one.arrays;
    const std::vector<void*> data = pointers(arrays);
    const Instance instance{.arrays = data.data(), .numbers = one.numbers.data()};
    run_fused(program, {&instance, 1});
    for (size_t i = 0; i < arrays.size(); ++i) {
      if (is_same(arrays[i], expected[i], one.dtypes[i])) continue;
      std::printf("%s, seed %lu, %s, encoding %d, %d threads: array %zu differs; traversal %d\n", name,
                  static_cast<unsigned long>(seed), std::string(isa_names[static_cast<size_t>(isa)]).c_str(),
                  static_cast<int>(encoding), threads, i, static_cast<int>(program.traversal));
      describe(one);
      return false;
    }
  }
  return true;
}

bool check_fused(uint64_t seed, Isa isa, Encoding encoding) {
  Case one = Generator(seed).make();
  return agrees(one, "random", seed, isa, encoding);
}

// Long chains of plain ops over more values than there are registers, of lengths that end vectors anywhere.
bool check_chain(uint64_t seed, Isa isa, Encoding encoding) {
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
    if (!is_plain(op, f) && (waiting > 0 || !random.chance(2))) continue;
    const OpInfo& row = info(op);
    const bool is_logical = row.dtypes == Dtypes::truth && !bools.empty() && is_plain(op, DType::boolean);
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
        kernel.steps[load].dtype == step.dtype) {
      is_taken[load] = true;
      store.access = access;
      store.replaces = access.array;
    } else {
      store.access = add_array(step.dtype, kernel.rows + guard);
    }
    kernel.stores.push_back(std::move(store));
  }
  return agrees(one, "chain", seed, isa, encoding);
}

// Instances of one flat kernel, each with its own rows, arrays and numbers.
bool check_flat(uint64_t seed, Isa isa, Encoding encoding) {
  Random random{seed};
  Case one;
  FusedKernel& kernel = one.kernel;
  kernel.is_flat = true;
  kernel.rows = 1 + random.below(2000);
  const auto access = [&](uint16_t array, int64_t stride) {
    Access result;
    result.array = array;
    result.extents = {kernel.rows};
    result.strides = {stride};
    return result;
  };
  const DType f = random.chance(50) ? DType::float32 : DType::float64;
  kernel.accesses = {access(0, 1), access(1, 1), access(2, 0)};
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
  kernel.stores = {{4, 0, access(0, 1)}, {6, 1, access(1, 1)}};

  const auto n = static_cast<size_t>(1 + random.below(60));
  std::vector<std::vector<Bytes>> arrays(n);
  std::vector<Number> numbers;
  std::vector<int64_t> rows;
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
  const LoopTable& loops = loops_for(isa);
  std::vector<std::vector<Bytes>> expected = arrays;
  for (size_t i = 0; i < n; ++i) {
    FusedKernel alone = kernel;
    alone.rows = rows[i];
    for (Access& one_access : alone.accesses) one_access.extents[0] = rows[i];
    for (Store& store : alone.stores) store.access.extents[0] = rows[i];
    Evaluator{alone, loops, pointers(expected[i]), &numbers[i], {}}.run();
  }
  const Program program = compile_fused(kernel, loops, encoding);
  for (const int threads : {1, 2, 4}) {
    set_thread_count(threads);
    std::vector<std::vector<Bytes>> got = arrays;
    std::vector<std::vector<void*>> data;
    std::vector<Instance> instances;
    for (size_t i = 0; i < n; ++i) data.push_back(pointers(got[i]));
    for (size_t i = 0; i < n; ++i) instances.push_back({rows[i], data[i].data(), &numbers[i]});
    run_fused(program, instances);
    for (size_t i = 0; i < n; ++i)
      for (size_t array = 0; array < 3; ++array)
        if (!is_same(got[i][array], expected[i][array], f)) {
          std::printf("flat seed %lu: instance %zu differs\n", static_cast<unsigned long>(seed), i);
          return false;
        }
  }
  return true;
}

bool check_all(uint64_t kernels, uint64_t first_seed) {
  bool ok = true;
  for (size_t i = 0; i < isa_count; ++i) {
    const Isa isa = static_cast<Isa>(i);
    if (!is_available(isa)) continue;
    std::vector<Encoding> encodings = {Encoding::none};
    if (encoding_for(isa) != Encoding::none) encodings.push_back(encoding_for(isa));
    for (const Encoding encoding : encodings) {
      uint64_t failures = 0;
      for (uint64_t seed = first_seed; seed < first_seed + kernels && failures < 3; ++seed) {
        failures += !check_fused(seed, isa, encoding);
        if (seed % 3 == 0) failures += !check_chain(seed, isa, encoding);
        if (seed % 8 == 0) failures += !check_flat(seed, isa, encoding);
      }
      std::printf("%s%s: %s\n", std::string(isa_names[i]).c_str(),
                  encoding == Encoding::none ? "" : ", machine code", failures ? "WRONG" : "ok");
      ok &= failures == 0;
    }
  }
  return ok;
}

// --- times

// Puts kernels together by hand.
struct Writer {
  FusedKernel kernel;
  std::vector<Number> numbers;
  std::vector<Bytes> arrays;
  DType dtype = DType::float32;

  Writer(int64_t rows, int64_t columns) {
    kernel.rows = rows;
    kernel.columns = columns;
  }
  uint16_t array(int64_t elements) {
    Random random{arrays.size() + 1};
    Bytes& bytes = arrays.emplace_back(static_cast<size_t>(elements) * 4);
    for (int64_t i = 0; i < elements; ++i) {
      const auto value = static_cast<float>(random.uniform(-3, 3));
      std::memcpy(&bytes[static_cast<size_t>(i) * 4], &value, 4);
    }
    return static_cast<uint16_t>(arrays.size() - 1);
  }
  static Access access(uint16_t array, Dims extents, Dims strides, int64_t offset = 0, Dims first = {},
                       Dims last = {}) {
    return {array, offset, std::move(extents), std::move(strides), std::move(first), std::move(last)};
  }
  uint16_t load(Level level, Access access) {
    kernel.accesses.push_back(std::move(access));
    return push(
        {.op = Op::stored, .level = level, .index = static_cast<uint16_t>(kernel.accesses.size() - 1)});
  }
  uint16_t number(double value) {
    numbers.emplace_back(value);
    return push(
        {.op = Op::number, .level = Level::number, .index = static_cast<uint16_t>(numbers.size() - 1)});
  }
  uint16_t step(Op op, std::vector<uint16_t> inputs) {
    Step step{.op = op, .level = Level::number, .input_count = static_cast<uint8_t>(inputs.size())};
    for (size_t i = 0; i < inputs.size(); ++i) {
      step.inputs[i] = inputs[i];
      step.level = std::max(step.level, kernel.steps[inputs[i]].level);
    }
    if (info(op).kind == Kind::reduction) step.level = Level::row;
    return push(step);
  }
  uint16_t splice(uint16_t base, uint16_t part, Level level, Access bounds) {
    kernel.accesses.push_back(std::move(bounds));
    Step step{.op = Op::splice, .level = level, .input_count = 2, .inputs = {base, part}};
    step.index = static_cast<uint16_t>(kernel.accesses.size() - 1);
    return push(step);
  }
  void store(uint16_t step, Access access) {
    kernel.stores.push_back({step, access.array, std::move(access)});
  }
  uint16_t push(Step step) {
    step.arithmetic = step.dtype = dtype;
    kernel.steps.push_back(step);
    return static_cast<uint16_t>(kernel.steps.size() - 1);
  }
};

// The best time of a launch, in nanoseconds.
double best_time(const std::function<void()>& launch) {
  using Clock = std::chrono::steady_clock;
  const auto time = [&](int64_t launches) {
    const auto begin = Clock::now();
    for (int64_t i = 0; i < launches; ++i) launch();
    return std::chrono::duration<double, std::nano>(Clock::now() - begin).count() /
           static_cast<double>(launches);
  };
  const double first = std::min(time(1), time(1));
  const int64_t launches = std::max<int64_t>(1, static_cast<int64_t>(2e6 / first));
  double best = first;
  for (int i = 0; i < 30; ++i) best = std::min(best, time(launches));
  return best;
}

void bench(const char* name, Writer& writer, double elements) {
  const Program program = compile_fused(writer.kernel, loops_for(chosen_isa()), encoding_for(chosen_isa()));
  const std::vector<void*> data = pointers(writer.arrays);
  const Instance instance{
      .rows = writer.kernel.rows, .arrays = data.data(), .numbers = writer.numbers.data()};
  const double time = best_time([&] { run_fused(program, {&instance, 1}); });
  std::printf("%-40s %10.3f ns/element %12.3f us\n", name, time / elements, time / 1000);
}

Writer value_and_gradient(int64_t n) {
  Writer w(1, n);
  const auto whole = [&](uint16_t array) { return Writer::access(array, {n}, {1}); };
  const uint16_t x = w.load(Level::element, whole(w.array(n)));
  const uint16_t twenty = w.number(20), one = w.number(1), two = w.number(2);
  const uint16_t t = w.step(Op::tanh, {w.step(Op::sin, {x})});
  const uint16_t value = w.step(Op::add, {w.step(Op::div, {w.step(Op::square, {x}), twenty}), t});
  const uint16_t slope =
      w.step(Op::mul, {w.step(Op::sub, {one, w.step(Op::mul, {t, t})}), w.step(Op::cos, {x})});
  const uint16_t gradient =
      w.step(Op::add, {w.step(Op::mul, {w.step(Op::div, {one, twenty}), w.step(Op::mul, {two, x})}), slope});
  w.store(gradient, whole(w.array(n)));
  w.store(w.step(Op::sum, {value}), Writer::access(w.array(1), {1}, {0}));
  return w;
}

Writer adam(int64_t n) {
  Writer w(n, 1);
  w.kernel.is_flat = true;
  std::vector<uint16_t> loads;
  for (int i = 0; i < 4; ++i) loads.push_back(w.load(Level::row, Writer::access(w.array(n), {n}, {1})));
  for (size_t i = 0; i < static_cast<size_t>(n) * 4; ++i)
    if (i % 4 == 3) w.arrays[3][i] &= 0x7f; // v is not negative
  const uint16_t p = loads[0], g = loads[1];
  const uint16_t m = w.step(Op::lerp, {loads[2], g, w.number(0.1)});
  const uint16_t v = w.step(Op::add, {w.step(Op::mul, {loads[3], w.number(0.999)}),
                                      w.step(Op::mul, {w.step(Op::mul, {g, g}), w.number(0.001)})});
  const uint16_t root =
      w.step(Op::add, {w.step(Op::div, {w.step(Op::sqrt, {v}), w.number(0.9)}), w.number(1e-8)});
  const uint16_t next = w.step(Op::sub, {p, w.step(Op::mul, {w.number(0.001), w.step(Op::div, {m, root})})});
  w.store(next, Writer::access(0, {n}, {1}));
  w.store(m, Writer::access(2, {n}, {1}));
  w.store(v, Writer::access(3, {n}, {1}));
  return w;
}

Writer rosenbrock(int64_t n) {
  Writer w(n, 1);
  const uint16_t array = w.array(n);
  const uint16_t x = w.load(Level::row, Writer::access(array, {n}, {1}));
  const uint16_t next = w.load(Level::row, Writer::access(array, {n}, {1}, 1, {0}, {n - 1}));
  const uint16_t last = w.load(Level::row, Writer::access(array, {n}, {1}, -1, {1}, {n}));
  const uint16_t zero = w.number(0);
  const uint16_t rest = w.step(Op::sub, {next, w.step(Op::square, {x})});
  const uint16_t left = w.step(Op::sub, {w.step(Op::mul, {w.number(-400), w.step(Op::mul, {x, rest})}),
                                         w.step(Op::mul, {w.number(2), w.step(Op::sub, {w.number(1), x})})});
  const uint16_t right = w.step(Op::mul, {w.number(200), w.step(Op::sub, {x, w.step(Op::square, {last})})});
  const uint16_t a = w.splice(zero, left, Level::row, Writer::access(0, {n}, {0}, 0, {0}, {n - 1}));
  const uint16_t b = w.splice(zero, right, Level::row, Writer::access(0, {n}, {0}, 0, {1}, {n}));
  w.store(w.step(Op::add, {a, b}), Writer::access(w.array(n), {n}, {1}));
  return w;
}

Writer softmax(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride) {
  Writer w(rows, columns);
  const auto whole = [&](uint16_t array) {
    return Writer::access(array, {rows, columns}, {row_stride, column_stride});
  };
  const uint16_t x = w.load(Level::element, whole(w.array(rows * columns)));
  const uint16_t e = w.step(Op::exp, {w.step(Op::sub, {x, w.step(Op::amax, {x})})});
  w.store(w.step(Op::div, {e, w.step(Op::sum, {e})}), whole(w.array(rows * columns)));
  return w;
}

Writer sum(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride) {
  Writer w(rows, columns);
  const uint16_t x = w.load(
      Level::element, Writer::access(w.array(rows * columns), {rows, columns}, {row_stride, column_stride}));
  w.store(w.step(Op::sum, {x}), Writer::access(w.array(rows), {rows}, {1}));
  return w;
}

Writer transposed(int64_t n) {
  Writer w(n * n, 1);
  const uint16_t x = w.load(Level::row, Writer::access(w.array(n * n), {n, n}, {1, n}));
  w.store(x, Writer::access(w.array(n * n), {n * n}, {1}));
  return w;
}

Writer tiny(int64_t n) {
  Writer w(n, 1);
  const uint16_t x = w.load(Level::row, Writer::access(w.array(n), {n}, {1}));
  const uint16_t a = w.number(0.5), b = w.number(0.25);
  uint16_t value = x;
  for (int i = 0; i < 5; ++i) {
    value = w.step(Op::mul, {value, a});
    value = w.step(Op::add, {value, b});
    value = w.step(Op::sub, {value, x});
    value = w.step(Op::square, {value});
  }
  value = w.step(Op::tanh, {w.step(Op::sin, {value})});
  w.store(value, Writer::access(w.array(n), {n}, {1}));
  return w;
}

void bench_compile(const char* name, const Writer& writer) {
  const Isa isa = chosen_isa();
  const double time = best_time([&] { compile_fused(writer.kernel, loops_for(isa), encoding_for(isa)); });
  std::printf("%-40s %34.3f us\n", name, time / 1000);
}

void bench_many(int64_t tensors, int64_t n) {
  Writer w = adam(n);
  const Program program = compile_fused(w.kernel, loops_for(chosen_isa()), encoding_for(chosen_isa()));
  std::vector<std::vector<Bytes>> arrays(static_cast<size_t>(tensors), w.arrays);
  std::vector<std::vector<void*>> data;
  std::vector<Instance> instances;
  for (auto& one : arrays) data.push_back(pointers(one));
  for (auto& one : data) instances.push_back({n, one.data(), w.numbers.data()});
  const double time = best_time([&] { run_fused(program, instances); });
  std::printf("%-40s %10.3f ns/element %12.3f us\n", "adam, 1000 tensors of 1000",
              time / static_cast<double>(tensors * n), time / 1000);
}

void run_benches(const std::string& wanted) {
  std::printf("%s, %d threads\n", std::string(isa_names[static_cast<size_t>(chosen_isa())]).c_str(),
              thread_count());
  const auto run = [&](const std::string& name, const std::function<Writer()>& make, int64_t elements) {
    if (name.find(wanted) == std::string::npos) return;
    Writer writer = make();
    bench(name.c_str(), writer, static_cast<double>(elements));
  };
  for (const int64_t n : {10000, 1000000, 10000000}) {
    const std::string size = std::to_string(n);
    run("value and gradient " + size, [&] { return value_and_gradient(n); }, n);
    run("adam " + size, [&] { return adam(n); }, n);
  }
  run("rosenbrock gradient", [&] { return rosenbrock(1000000); }, 1000000);
  constexpr int64_t rows = 4096, columns = 1024;
  run("softmax of rows", [&] { return softmax(rows, columns, columns, 1); }, rows * columns);
  run("softmax of columns", [&] { return softmax(columns, rows, 1, columns); }, rows * columns);
  run("sum of rows", [&] { return sum(rows, columns, columns, 1); }, rows * columns);
  run("sum of columns", [&] { return sum(columns, rows, 1, columns); }, rows * columns);
  run("sum of all", [&] { return sum(1, rows * columns, 0, 1); }, rows * columns);
  run("sum of short rows", [&] { return sum(rows * 128, 8, 8, 1); }, rows * columns);
  run("sum of short columns", [&] { return sum(columns * 64, 64, 1, columns * 64); }, rows * columns);
  run("transposed copy 4096", [&] { return transposed(4096); }, 4096 * 4096);
  run("tiny 1", [&] { return tiny(1); }, 1);
  run("tiny 16", [&] { return tiny(16); }, 1);
  if (std::string("compile").find(wanted) != std::string::npos) {
    bench_compile("compile tiny", tiny(1));
    bench_compile("compile adam", adam(1000));
  }
  if (std::string("adam many").find(wanted) != std::string::npos) bench_many(1000, 1000);
}

} // namespace

int main(int count, char** arguments) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (count > 1 && std::strcmp(arguments[1], "--bench") == 0) {
    run_benches(count > 2 ? arguments[2] : "");
    return 0;
  }
  const uint64_t kernels = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1500;
  const uint64_t first_seed = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 1;
  return check_all(kernels, first_seed) ? 0 : 1;
}
