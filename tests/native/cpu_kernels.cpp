// Runs random kernels on the CPU device's programs and on an evaluator that knows nothing of blocks, and
// compares bit for bit: for each instruction set that this machine has, and for several numbers of threads.
//
//   cpu_kernels [kernels per instruction set] [first seed]
//   cpu_kernels --bench [name]    prints times of typical kernels
#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>

#include "cpu/jit/segment.h"
#include "cpu/pool.h"
#include "cpu/program.h"
#include "cpu/thread_memory.h"
#include "ops/arithmetic.h"
#include "ops/random.h"
#include "random_kernels.h"
#include "written_kernels.h"

using namespace adjoint;
using namespace adjoint::cpu;

namespace {

using Cell = std::array<unsigned char, 8>; // one element of any dtype

// What a program runs in: the caller's own, and what threads share.
struct Memory {
  explicit Memory(const CpuProgram& program) : scratch(static_cast<size_t>(program.scratch_bytes), 0xa5) {
    own.reserve(program.thread_bytes);
  }
  ThreadMemory own;
  mutable std::vector<unsigned char> scratch;
};

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
    } else if (step.op == Op::position) {
      with_type(step.dtype, [&]<class T>() {
        const T value = convert<T>(place(kernel.accesses[step.index], i));
        std::memcpy(&out, &value, sizeof value);
      });
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

bool agrees(Case& one, const char* name, uint64_t seed, Isa isa, Encoding encoding) {
  if (std::getenv("SHOW")) describe(one);
  const LoopTable& loops = loops_for(isa);
  std::vector<Bytes> expected = one.arrays;
  Evaluator{one.kernel, loops, pointers(expected), one.numbers.data(), {}}.run();
  const CpuProgram program = compile_fused(one.kernel, loops, encoding);
  for (const int threads : {1, 2, 4}) {
    set_thread_count(threads);
    // What was compiled for one number of threads serves any other.
    std::vector<Bytes> arrays = one.arrays;
    const std::vector<void*> data = pointers(arrays);
    Memory memory(program);
    const Instance instance{
        .arrays = data.data(), .numbers = one.numbers.data(), .scratch = memory.scratch.data()};
    run_fused(program, {&instance, 1}, memory.own.data());
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

bool check_chain(uint64_t seed, Isa isa, Encoding encoding) {
  Case one = make_chain(seed);
  return agrees(one, "chain", seed, isa, encoding);
}

bool check_flat(uint64_t seed, Isa isa, Encoding encoding) {
  const auto [kernel, f, rows, arrays, numbers] = make_flat(seed);
  const size_t n = rows.size();
  const LoopTable& loops = loops_for(isa);
  std::vector<std::vector<Bytes>> expected = arrays;
  for (size_t i = 0; i < n; ++i) {
    FusedKernel alone = kernel;
    alone.rows = rows[i];
    for (Access& one_access : alone.accesses) one_access.extents[0] = rows[i];
    for (Store& store : alone.stores) store.access.extents[0] = rows[i];
    Evaluator{alone, loops, pointers(expected[i]), &numbers[i], {}}.run();
  }
  const CpuProgram program = compile_fused(kernel, loops, encoding);
  for (const int threads : {1, 2, 4}) {
    set_thread_count(threads);
    std::vector<std::vector<Bytes>> got = arrays;
    std::vector<std::vector<void*>> data;
    std::vector<Instance> instances;
    for (size_t i = 0; i < n; ++i) data.push_back(pointers(got[i]));
    Memory memory(program);
    for (size_t i = 0; i < n; ++i)
      instances.push_back({rows[i], data[i].data(), &numbers[i], memory.scratch.data()});
    run_fused(program, instances, memory.own.data());
    for (size_t i = 0; i < n; ++i)
      for (size_t array = 0; array < 3; ++array)
        if (!is_same(got[i][array], expected[i][array], f)) {
          std::printf("flat seed %lu: instance %zu differs\n", static_cast<unsigned long>(seed), i);
          return false;
        }
  }
  return true;
}

// Elements of every width are moved as what they are, whether there is a dtype of that width or not.
template <class Word> bool check_width() {
  constexpr int64_t rows = 3, columns = 5;
  Word array[rows * columns], gathered[rows * columns + 1] = {}, scattered[rows * columns] = {};
  for (int64_t i = 0; i < rows * columns; ++i) array[i] = static_cast<Word>(i + 1);
  // Transposed: what is next in the space is a row further in the array.
  Access access;
  access.extents = {columns, rows};
  access.strides = {1, columns};
  const Path path(access, sizeof(Word));
  path.gather(array, 0, rows * columns, gathered);
  path.scatter(scattered, 0, rows * columns, {gathered, false});
  bool ok = gathered[rows * columns] == 0 && std::equal(array, array + rows * columns, scattered);
  for (int64_t i = 0; i < rows * columns; ++i) ok &= gathered[i] == array[i % rows * columns + i / rows];
  if (!ok) std::printf("elements of %zu bytes: WRONG\n", sizeof(Word));
  return ok;
}

bool check_all(uint64_t kernels, uint64_t first_seed) {
  bool ok =
      check_width<uint8_t>() && check_width<uint16_t>() && check_width<uint32_t>() && check_width<uint64_t>();
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
  const CpuProgram program =
      compile_fused(writer.kernel, loops_for(chosen_isa()), encoding_for(chosen_isa()));
  const std::vector<void*> data = pointers(writer.arrays);
  const Memory memory(program);
  const Instance instance{.rows = writer.kernel.rows,
                          .arrays = data.data(),
                          .numbers = writer.numbers.data(),
                          .scratch = memory.scratch.data()};
  const double time = best_time([&] { run_fused(program, {&instance, 1}, memory.own.data()); });
  std::printf("%-40s %10.3f ns/element %12.3f us\n", name, time / elements, time / 1000);
}

void bench_compile(const char* name, const Writer& writer) {
  const Isa isa = chosen_isa();
  const double time = best_time([&] { compile_fused(writer.kernel, loops_for(isa), encoding_for(isa)); });
  std::printf("%-40s %34.3f us\n", name, time / 1000);
}

void bench_many(int64_t tensors, int64_t n) {
  Writer w = adam(n);
  const CpuProgram program = compile_fused(w.kernel, loops_for(chosen_isa()), encoding_for(chosen_isa()));
  std::vector<std::vector<Bytes>> arrays(static_cast<size_t>(tensors), w.arrays);
  std::vector<std::vector<void*>> data;
  std::vector<Instance> instances;
  for (auto& one : arrays) data.push_back(pointers(one));
  const Memory memory(program);
  for (auto& one : data) instances.push_back({n, one.data(), w.numbers.data(), memory.scratch.data()});
  const double time = best_time([&] { run_fused(program, instances, memory.own.data()); });
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
