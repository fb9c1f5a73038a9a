// Random values made from positions, by the same counters as on the CPU. Every function is an instance of
// `generate`, whose mangled name says of which op and dtype.
//
// Words of the table: the array's address, the number of elements, the seed and the offset.
#include <array>

#include "device/dtype.h"
#include "ops/op.h"
#include "ops/random.h"

namespace {

using namespace adjoint;

template <int op, class T> struct Value;
#define RANDOM(name, block)                                                                                  \
  template <class T> struct Value<static_cast<int>(Op::name), T> {                                           \
    static __device__ __forceinline__ void fill(uint64_t seed, uint64_t counter, T* values) {                \
      block(seed, counter, values);                                                                          \
    }                                                                                                        \
  };
#include "ops/generators.def"
#undef RANDOM

} // namespace

template <int op, int dtype, class T> __global__ void __launch_bounds__(256) generate(const uint64_t* table) {
  T* out = reinterpret_cast<T*>(table[0]);
  const auto n = static_cast<int64_t>(table[1]);
  const int64_t first = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  constexpr int64_t width = random::block_elements<T>;
  for (int64_t block = first; block * width < n; block += stride) {
    T values[width];
    Value<op, T>::fill(table[2], table[3] + static_cast<uint64_t>(block), values);
#pragma unroll
    for (int64_t k = 0; k < width; ++k)
      if (block * width + k < n) out[block * width + k] = values[k];
  }
}

// Names all functions, so that they are compiled.
void keep_functions(std::array<const void*, 64>& out) {
  size_t count = 0;
  const auto keep = [&](const void* function) { out[count++] = function; };
  const auto keep_dtype = [&]<class T>() {
    if constexpr (std::is_floating_point_v<T>) {
      constexpr int dtype = static_cast<int>(dtype_of<T>);
#define RANDOM(name, block)                                                                                  \
  keep(reinterpret_cast<const void*>(&generate<static_cast<int>(Op::name), dtype, T>));
#include "ops/generators.def"
#undef RANDOM
    }
  };
#define ROW(name, type, label, word) keep_dtype.template operator()<type>();
  ADJOINT_DTYPES(ROW)
#undef ROW
}
