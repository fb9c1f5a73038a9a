// Elements by their indices along a line. Functions are named by the width of an element, or its dtype.
//
// Words of the tables: the lines of the tensors that each function names, in that order, and the address of
// the failure word.
#include "cuda/kernels/lines.h"
#include "device/dtype.h"
#include "device/failure.h"
#include "ops/combination.h"

namespace {

using namespace adjoint;
using namespace adjoint::cuda;

__device__ __forceinline__ void fail(const uint64_t* word, int64_t index) {
  atomicMax(reinterpret_cast<unsigned long long*>(word[0]),
            static_cast<unsigned long long>(index_failure(index)));
}

} // namespace

// Lines: the input, the indices, the result.
template <int bytes, class T> __global__ void __launch_bounds__(256) gather(const uint64_t* table) {
  const auto* lines = reinterpret_cast<const LinesTable<3>*>(table);
  const auto &from = lines->tensor[0], &index = lines->tensor[1], &out = lines->tensor[2];
  for (int64_t item = first_item(); item < lines->count * out.extent; item += item_step()) {
    const int64_t line = item % lines->count, k = item / lines->count;
    int64_t at[3];
    lines->offsets(line, at);
    const int64_t i = lines->data<int64_t>(1)[at[1] + k * index.stride];
    const bool is_inside = i >= 0 && i < from.extent;
    if (!is_inside) fail(lines->after(), i);
    lines->data<T>(2)[at[2] + k * out.stride] = is_inside ? lines->data<T>(0)[at[0] + i * from.stride] : T(0);
  }
}

// Lines: the rows, the result; the address of a matrix of indices, its strides, its number of columns; the address of the
// failure word. Lines are columns.
template <int dtype, class T> __global__ void __launch_bounds__(256) sum_rows(const uint64_t* table) {
  const auto* lines = reinterpret_cast<const LinesTable<2>*>(table);
  const auto &from = lines->tensor[0], &out = lines->tensor[1];
  const uint64_t* words = lines->after();
  const auto* indices = reinterpret_cast<const int64_t*>(words[0]);
  const auto row_step = static_cast<int64_t>(words[1]), step = static_cast<int64_t>(words[2]);
  const auto count = static_cast<int64_t>(words[3]);
  for (int64_t item = first_item(); item < lines->count * out.extent; item += item_step()) {
    const int64_t line = item % lines->count, row = item / lines->count;
    int64_t at[2];
    lines->offsets(line, at);
    T sum = T(0);
    for (int64_t k = 0; k < count; ++k) {
      const int64_t i = indices[row * row_step + k * step];
      if (i >= 0 && i < from.extent)
        sum = combined<Combination::sum>(sum, lines->data<T>(0)[at[0] + i * from.stride]);
      else
        fail(words + 4, i);
    }
    lines->data<T>(1)[at[1] + row * out.stride] = sum;
  }
}

// Lines: the input, the result.
template <int bytes, class T> __global__ void __launch_bounds__(256) copy_lines(const uint64_t* table) {
  const auto* lines = reinterpret_cast<const LinesTable<2>*>(table);
  for (int64_t item = first_item(); item < lines->count * lines->tensor[1].extent; item += item_step()) {
    const int64_t line = item % lines->count, k = item / lines->count;
    int64_t at[2];
    lines->offsets(line, at);
    lines->data<T>(1)[at[1] + k * lines->tensor[1].stride] =
        lines->data<T>(0)[at[0] + k * lines->tensor[0].stride];
  }
}

// Lines: the indices, which ascend along each; the elements that come to them; the result. A thread combines all
// elements of one index.
template <int combination, int dtype, class T>
__global__ void __launch_bounds__(256) combine_runs(const uint64_t* table) {
  const auto* lines = reinterpret_cast<const LinesTable<3>*>(table);
  const auto &index = lines->tensor[0], &part = lines->tensor[1], &out = lines->tensor[2];
  for (int64_t item = first_item(); item < lines->count * index.extent; item += item_step()) {
    const int64_t line = item % lines->count, k = item / lines->count;
    int64_t at[3];
    lines->offsets(line, at);
    const int64_t* indices = lines->data<int64_t>(0) + at[0];
    const int64_t i = indices[k * index.stride];
    if (i < 0 || i >= out.extent) {
      fail(lines->after(), i);
      continue;
    }
    if (k > 0 && indices[(k - 1) * index.stride] == i) continue;
    const T* parts = lines->data<T>(1) + at[1];
    T& target = lines->data<T>(2)[at[2] + i * out.stride];
    T value = target;
    for (int64_t j = k; j < index.extent && indices[j * index.stride] == i; ++j)
      value = combined<static_cast<Combination>(combination)>(value, parts[j * part.stride]);
    target = value;
  }
}

// Words: the addresses of a mask and of running counts, with their strides; the number of elements; the address of the
// result; the rank, and the extents. Every element that is counted writes its indices as one row.
__global__ void __launch_bounds__(256) write_places(const uint64_t* table) {
  const auto* is_counted = reinterpret_cast<const uint8_t*>(table[0]);
  const auto* counts = reinterpret_cast<const int64_t*>(table[2]);
  const auto mask_stride = static_cast<int64_t>(table[1]), count_stride = static_cast<int64_t>(table[3]);
  const auto n = static_cast<int64_t>(table[4]), rank = static_cast<int64_t>(table[6]);
  auto* rows = reinterpret_cast<int64_t*>(table[5]);
  for (int64_t i = first_item(); i < n; i += item_step()) {
    if (!is_counted[i * mask_stride]) continue;
    int64_t* const row = rows + (counts[i * count_stride] - 1) * rank;
    int64_t rest = i;
    for (int64_t axis = rank - 1; axis >= 0; --axis) {
      const auto extent = static_cast<int64_t>(table[7 + axis]);
      row[axis] = rest % extent;
      rest /= extent;
    }
  }
}

#define OF_WIDTH(bytes, T)                                                                                   \
  template __global__ void gather<bytes, T>(const uint64_t*);                                                \
  template __global__ void copy_lines<bytes, T>(const uint64_t*);
OF_WIDTH(1, uint8_t)
OF_WIDTH(2, uint16_t)
OF_WIDTH(4, uint32_t)
OF_WIDTH(8, uint64_t)
#define ROW(name, T, ...)                                                                                    \
  template __global__ void sum_rows<static_cast<int>(DType::name), T>(const uint64_t*);                      \
  COMBINATION(product, name, T)                                                                              \
  COMBINATION(least, name, T)                                                                                \
  COMBINATION(greatest, name, T)                                                                             \
  COMBINATION(sum, name, T)                                                                                  \
  COMBINATION(last, name, T)
#define COMBINATION(which, name, T)                                                                          \
  template __global__ void                                                                                   \
  combine_runs<static_cast<int>(Combination::which), static_cast<int>(DType::name), T>(const uint64_t*);
ADJOINT_COMPUTED_DTYPES(ROW)
#undef ROW
#undef COMBINATION
