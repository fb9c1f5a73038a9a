// Random numbers, in blocks that threads share. Compiled for no particular instruction set: the last bit of
// normal numbers, which go through logarithms and cosines, depends on it, and a seed should mean the same
// numbers on every processor.
#include <algorithm>

#include "cpu/pool.h"
#include "cpu/routine.h"
#include "ops/random.h"

namespace adjoint::cpu {

namespace {

// Handing over this many elements costs nothing beside making them; a multiple of a counter's elements.
constexpr int64_t task_elements = int64_t{1} << 14;

template <class T, class Block> void fill_random(T* out, int64_t n, const Number* numbers, Block block) {
  const auto seed = static_cast<uint64_t>(numbers[0].as<int64_t>());
  const auto offset = static_cast<uint64_t>(numbers[1].as<int64_t>());
  constexpr int64_t width = random::block_elements<T>;
  parallel_for((n + task_elements - 1) / task_elements, [=](int64_t task) {
    const int64_t end = std::min((task + 1) * task_elements, n);
    for (int64_t i = task * task_elements; i < end; i += width) {
      T values[4];
      block(seed, offset + static_cast<uint64_t>(i / width), values);
      std::copy_n(values, std::min(width, end - i), out + i);
    }
  });
}

template <class Block> Routine drawing(const RoutineKernel& kernel, Block block) {
  const RoutineKernel::Operand& out = kernel.results[0];
  return {[array = out.array, n = out.elements(), dtype = out.dtype, block](const Instance& instance) {
    with_computed_type(dtype, [&]<class T>() {
      if constexpr (std::is_floating_point_v<T>)
        fill_random(static_cast<T*>(instance.arrays[array]), n, instance.numbers, block);
    });
  }};
}

} // namespace

Routine routine_of_rand(const RoutineKernel& kernel) {
  return drawing(kernel, [](uint64_t seed, uint64_t counter, auto* values) {
    random::uniform_block(seed, counter, values);
  });
}

Routine routine_of_randn(const RoutineKernel& kernel) {
  return drawing(kernel, [](uint64_t seed, uint64_t counter, auto* values) {
    random::normal_block(seed, counter, values);
  });
}

} // namespace adjoint::cpu
