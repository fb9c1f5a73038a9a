// Values made from positions, in blocks that threads share.
#include "cpu/routines/generate.h"

#include <algorithm>

#include "cpu/pool.h"
#include "ops/op.h"

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

} // namespace

void run_generator(const GeneratorKernel& kernel, const Instance& instance) {
  with_type(kernel.dtype, [&]<class T>() {
    using P = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;
    auto* out = static_cast<T*>(instance.arrays[kernel.array]);
    const int64_t n = kernel.elements;
    if (n == 0) return;
    switch (kernel.op) {
#define GENERATOR(name, value)                                                                               \
  case Op::name: {                                                                                           \
    [[maybe_unused]] const P p = instance.numbers[0].as<P>(), q = instance.numbers[1].as<P>(),               \
                             r = instance.numbers[2].as<P>();                                                \
    each_block(n, [=](int64_t begin, int64_t end) {                                                          \
      for (int64_t i = begin; i < end; ++i) out[i] = static_cast<T>(value);                                  \
    });                                                                                                      \
    break;                                                                                                   \
  }
#include "ops/generators.def"
#undef GENERATOR
    default:
      break;
    }
  });
}

} // namespace adjoint::cpu
