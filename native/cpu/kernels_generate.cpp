#include <algorithm>

#include "cpu/kernels.h"
#include "ops/op.h"
#include "ops/random.h"

namespace adjoint::cpu {

namespace {

template <class T, class Block> void fill_random(const Kernel& kernel, Block block) {
  auto* out = static_cast<T*>(kernel.output.buffer->data);
  const int64_t n = element_count(kernel.shape), width = random::block_elements<T>;
  for (int64_t i = 0; i < n; i += width) {
    T values[4];
    block(kernel.attributes->seed, kernel.attributes->offset + static_cast<uint64_t>(i / width), values);
    std::copy_n(values, std::min(width, n - i), out + i);
  }
}

} // namespace

void run_generator(const Kernel& kernel) {
  with_type(kernel.dtype, [&]<class T>() {
    using P = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;
    auto* out = static_cast<T*>(kernel.output.buffer->data);
    const int64_t n = element_count(kernel.shape);
    const Number* numbers = kernel.attributes->numbers;
    [[maybe_unused]] const P p = numbers[0].as<P>(), q = numbers[1].as<P>(), r = numbers[2].as<P>();
    switch (kernel.op) {
#define GENERATOR(name, value)                                                                               \
  case Op::name:                                                                                             \
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(value);                                          \
    break;
#define RANDOM(name, block)                                                                                  \
  case Op::name:                                                                                             \
    if constexpr (std::is_floating_point_v<T>)                                                               \
      fill_random<T>(kernel,                                                                                 \
                     [](uint64_t seed, uint64_t counter, T* values) { block(seed, counter, values); });      \
    break;
#include "ops/generators.def"
#undef GENERATOR
#undef RANDOM
    default:
      break;
    }
  });
}

} // namespace adjoint::cpu
