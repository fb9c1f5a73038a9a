// Values made from positions: the same rows as on the CPU. Every function is an instance of `generate`, whose
// mangled name says of which op and dtype.
//
// Words of the table: the array's address, the number of elements, and the numbers p, q, r.
#include <algorithm>

#include "device/dtype.h"
#include "ops/op.h"

namespace {

using namespace adjoint;

template <class T> using Parameter = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;

// Specialised by the tables: what a row makes of positions.
template <int op, class T> struct Row;
#define GENERATOR(name, value)                                                                               \
  template <class T> struct Row<static_cast<int>(Op::name), T> {                                             \
    using P = Parameter<T>;                                                                                  \
    static __device__ __forceinline__ T at(int64_t i, [[maybe_unused]] int64_t n, [[maybe_unused]] P p,      \
                                           [[maybe_unused]] P q, [[maybe_unused]] P r) {                     \
      return static_cast<T>(value);                                                                          \
    }                                                                                                        \
  };
#include "ops/generators.def"
#undef GENERATOR

} // namespace

template <int op, int dtype, class T> __global__ void __launch_bounds__(256) generate(const uint64_t* table) {
  T* out = reinterpret_cast<T*>(table[0]);
  const auto n = static_cast<int64_t>(table[1]);
  const int64_t first = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  using P = Parameter<T>;
  const P* numbers = reinterpret_cast<const P*>(table + 2);
  const P p = numbers[0], q = numbers[1], r = numbers[2];
  for (int64_t i = first; i < n; i += stride) out[i] = Row<op, T>::at(i, n, p, q, r);
}

// Names all functions, so that they are compiled.
void keep_functions(std::array<const void*, 64>& out) {
  size_t count = 0;
  const auto keep = [&](const void* function) { out[count++] = function; };
  const auto keep_dtype = [&]<class T>() {
    constexpr int dtype = static_cast<int>(dtype_of<T>);
#define GENERATOR(name, value)                                                                               \
  keep(reinterpret_cast<const void*>(&generate<static_cast<int>(Op::name), dtype, T>));
#include "ops/generators.def"
#undef GENERATOR
  };
#define ROW(name, type, label, word) keep_dtype.template operator()<type>();
  ADJOINT_DTYPES(ROW)
#undef ROW
}
