// Windows of images: a thread makes elements of the result one by one, and sums over windows are taken in the order of
// the window's elements, as on the CPU. Every function is an instance of `unfold` or `fold`, whose mangled name says the
// bytes of an element or its dtype, and whether 32 bits do for the numbers of elements.
//
// Words of the table: the addresses of the input and the result, the number of its elements, and the Windows.
#include <array>

#include "device/dtype.h"
#include "device/windows.h"

namespace {

using namespace adjoint;

template <class Index> struct Split {
  Index rest;
  // The last digit in a number system of mixed radix, which it loses.
  __device__ __forceinline__ int64_t digit(int64_t radix) {
    const auto base = static_cast<Index>(radix);
    const Index digit = rest % base;
    rest /= base;
    return static_cast<int64_t>(digit);
  }
};

template <class Index, class Body>
__device__ __forceinline__ void for_elements(const uint64_t* table, const Body& body) {
  const auto n = static_cast<int64_t>(table[2]), stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += stride)
    body(i, Split<Index>{static_cast<Index>(i)});
}

} // namespace

template <int bytes, int is_wide, class Word, class Index>
__global__ void __launch_bounds__(256) unfold(const uint64_t* table) {
  const auto& windows = *reinterpret_cast<const Windows*>(table + 3);
  const WindowAxis &rows = windows.rows, &columns = windows.columns;
  const Word* image = reinterpret_cast<const Word*>(table[0]);
  Word* out = reinterpret_cast<Word*>(table[1]);
  for_elements<Index>(table, [&](int64_t i, Split<Index> split) {
    const int64_t column = split.digit(columns.count), row = split.digit(rows.count);
    const int64_t x = columns.at(column, split.digit(columns.kernel));
    const int64_t y = rows.at(row, split.digit(rows.kernel));
    const int64_t channel = split.digit(windows.channels), item = static_cast<int64_t>(split.rest);
    const bool is_inside = x >= 0 && x < columns.extent && y >= 0 && y < rows.extent;
    out[i] = is_inside ? image[item * windows.image.batch + channel * windows.image.channel +
                               y * windows.image.row + x * windows.image.column]
                       : Word(0);
  });
}

template <int dtype, int is_wide, class T, class Index>
__global__ void __launch_bounds__(256) fold(const uint64_t* table) {
  const auto& windows = *reinterpret_cast<const Windows*>(table + 3);
  const WindowAxis &rows = windows.rows, &columns = windows.columns;
  const T* patches = reinterpret_cast<const T*>(table[0]);
  T* out = reinterpret_cast<T*>(table[1]);
  for_elements<Index>(table, [&](int64_t i, Split<Index> split) {
    const int64_t x = split.digit(columns.extent), y = split.digit(rows.extent);
    const int64_t channel = split.digit(windows.channels), item = static_cast<int64_t>(split.rest);
    const T* from = patches + item * windows.patches.batch +
                    channel * rows.kernel * columns.kernel * windows.patches.element;
    T sum = T(0);
    for (int64_t ky = 0; ky < rows.kernel; ++ky) {
      const int64_t row = rows.window(y, ky);
      if (row < 0) continue;
      for (int64_t kx = 0; kx < columns.kernel; ++kx) {
        const int64_t column = columns.window(x, kx);
        if (column < 0) continue;
        sum = static_cast<T>(sum + from[(ky * columns.kernel + kx) * windows.patches.element +
                                        (row * columns.count + column) * windows.patches.window]);
      }
    }
    out[i] = sum;
  });
}

// Names all functions, so that they are compiled.
void keep_functions(std::array<const void*, 64>& out) {
  size_t count = 0;
  const auto keep = [&]<class T>() {
    constexpr int dtype = static_cast<int>(dtype_of<T>);
    out[count++] = reinterpret_cast<const void*>(&fold<dtype, 0, T, uint32_t>);
    out[count++] = reinterpret_cast<const void*>(&fold<dtype, 1, T, uint64_t>);
  };
#define ROW(name, type, label, word) keep.template operator()<type>();
  ADJOINT_COMPUTED_DTYPES(ROW)
#undef ROW
  const auto keep_width = [&]<class Word>() {
    constexpr int bytes = sizeof(Word);
    out[count++] = reinterpret_cast<const void*>(&unfold<bytes, 0, Word, uint32_t>);
    out[count++] = reinterpret_cast<const void*>(&unfold<bytes, 1, Word, uint64_t>);
  };
  keep_width.template operator()<uint8_t>();
  keep_width.template operator()<uint16_t>();
  keep_width.template operator()<uint32_t>();
  keep_width.template operator()<uint64_t>();
}
