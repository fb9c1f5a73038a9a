// Random numbers: the same counters as on the CPU. Every function is an instance of `draw`, whose mangled name says
// of which op and dtype.
//
// Words of the table: the array's address, the number of elements, the seed and the offset.
#include <array>

#include "device/dtype.h"
#include "ops/op.h"
#include "ops/random.h"

namespace {

using namespace adjoint;

template <int op, class T> __device__ __forceinline__ void fill(uint64_t seed, uint64_t counter, T* values) {
  if constexpr (op == static_cast<int>(Op::rand))
    random::uniform_block(seed, counter, values);
  else
    random::normal_block(seed, counter, values);
}

} // namespace

template <int op, int dtype, class T> __global__ void __launch_bounds__(256) draw(const uint64_t* table) {
  T* out = reinterpret_cast<T*>(table[0]);
  const auto n = static_cast<int64_t>(table[1]);
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  constexpr int64_t width = random::block_elements<T>;
  for (int64_t block = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; block * width < n;
       block += stride) {
    T values[width];
    fill<op>(table[2], table[3] + static_cast<uint64_t>(block), values);
#pragma unroll
    for (int64_t k = 0; k < width; ++k)
      if (block * width + k < n) out[block * width + k] = values[k];
  }
}

// Names all functions, so that they are compiled.
void keep_functions(std::array<const void*, 4>& out) {
  size_t count = 0;
  const auto keep = [&]<int op, class T>() {
    out[count++] = reinterpret_cast<const void*>(&draw<op, static_cast<int>(dtype_of<T>), T>);
  };
  keep.template operator()<static_cast<int>(Op::rand), float>();
  keep.template operator()<static_cast<int>(Op::rand), double>();
  keep.template operator()<static_cast<int>(Op::randn), float>();
  keep.template operator()<static_cast<int>(Op::randn), double>();
}
