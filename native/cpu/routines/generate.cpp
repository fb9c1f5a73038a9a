// Random values made from positions, in blocks that threads share. Compiled for no particular instruction set:
// normal numbers go through logarithms and cosines, whose last bit depends on it, and a seed should mean the
// same numbers on every processor.
#include "cpu/routines/generate.h"

#include <algorithm>

#include "cpu/pool.h"
#include "ops/op.h"
#include "ops/random.h"

namespace adjoint::cpu {

namespace {

// Large enough that handing a block to a thread costs nothing beside it; a multiple of what a counter gives.
constexpr int64_t block_elements = int64_t{1} << 14;

// Calls body(begin, end) for parts of [0, n), each of which begins at a multiple of the block.
template <class Body> void each_block(int64_t n, Body body) {
  const int64_t blocks = (n + block_elements - 1) / block_elements;
  const auto run = [&](int64_t block) {
    body(block * block_elements, std::min((block + 1) * block_elements, n));
  };
  if (blocks == 1) return run(0);
  parallel_for(blocks, run);
}

template <class T, class Block> void fill_random(T* out, int64_t n, const Number* numbers, Block block) {
  const auto seed = static_cast<uint64_t>(numbers[0].as<int64_t>());
  const auto offset = static_cast<uint64_t>(numbers[1].as<int64_t>());
  constexpr int64_t width = random::block_elements<T>;
  each_block(n, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += width) {
      T values[4];
      block(seed, offset + static_cast<uint64_t>(i / width), values);
      std::copy_n(values, std::min(width, end - i), out + i);
    }
  });
}

} // namespace

void run_generator(const GeneratorKernel& kernel, const Instance& instance) {
  with_type(kernel.dtype, [&]<class T>() {
    auto* out = static_cast<T*>(instance.arrays[kernel.array]);
    const int64_t n = kernel.elements;
    if (n == 0) return;
    switch (kernel.op) {
#define RANDOM(name, block)                                                                                  \
  case Op::name:                                                                                             \
    if constexpr (std::is_floating_point_v<T>)                                                               \
      fill_random(out, n, instance.numbers,                                                                  \
                  [](uint64_t seed, uint64_t counter, T* values) { block(seed, counter, values); });         \
    break;
#include "ops/generators.def"
#undef RANDOM
    default:
      break;
    }
  });
}

} // namespace adjoint::cpu
