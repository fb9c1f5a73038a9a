// Sorting: tiles are sorted by a block each, and merged in passes of twice the length. An element's place among two runs
// is its place in its own and its rank in the other; equal ones keep their order, since those of the first run rank
// before those of the second.
//
//   sort_tiles   lines of the input; addresses of keys and positions; whether the order descends
//   merge_runs   addresses of keys and positions, sorted in runs, and where they go; lines, their length, a run's length
//   take_sorted  lines of the input, of values, of positions; the address of sorted positions; the rank of the first
//   search       lines of the sorted sequence, of what is sought, of places; whether to go behind equal elements
#include "cuda/kernels/lines.h"
#include "device/dtype.h"
#include "ops/search.h"
#include "ops/sort_key.h"

namespace {

using namespace adjoint;
using namespace adjoint::cuda;

constexpr int tile = 1024;

// The place of item i when the runs of a list are merged in pairs.
template <class Index>
__device__ __forceinline__ Index merged_place(const uint64_t* keys, Index n, Index run, Index i) {
  const Index first = i / run * run;
  const bool is_second = (i / run & 1) != 0;
  const Index other = is_second ? first - run : first + run;
  const uint64_t key = keys[i];
  Index low = min(other, n), high = min(other + run, n);
  const Index begin = low;
  while (low < high) {
    const Index middle = low + (high - low) / 2;
    if (keys[middle] < key || (is_second && keys[middle] == key))
      low = middle + 1;
    else
      high = middle;
  }
  return (is_second ? other : first) + (i - first) + (low - begin);
}

} // namespace

template <int dtype, class T> __global__ void __launch_bounds__(256) sort_tiles(const uint64_t* table) {
  __shared__ uint64_t keys[2][tile];
  __shared__ uint32_t positions[2][tile];
  const auto* lines = reinterpret_cast<const LinesTable<1>*>(table);
  auto* sorted_keys = reinterpret_cast<uint64_t*>(lines->after()[0]);
  auto* sorted_positions = reinterpret_cast<uint32_t*>(lines->after()[1]);
  const bool is_descending = lines->after()[2] != 0;
  const int64_t length = lines->tensor[0].extent, tiles = (length + tile - 1) / tile;
  const int own = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  for (int64_t task = blockIdx.x; task < lines->count * tiles; task += gridDim.x) {
    const int64_t line = task / tiles, begin = task % tiles * tile;
    const int count = static_cast<int>(min(static_cast<int64_t>(tile), length - begin));
    int64_t at[1];
    lines->offsets(line, at);
    for (int i = own; i < count; i += threads) {
      keys[0][i] = sort_key(lines->data<T>(0)[at[0] + (begin + i) * lines->tensor[0].stride], is_descending);
      positions[0][i] = static_cast<uint32_t>(begin + i);
    }
    __syncthreads();
    int side = 0;
    for (int run = 1; run < count; run *= 2) {
      for (int i = own; i < count; i += threads) {
        const int place = merged_place(keys[side], count, run, i);
        keys[1 - side][place] = keys[side][i];
        positions[1 - side][place] = positions[side][i];
      }
      side = 1 - side;
      __syncthreads();
    }
    for (int i = own; i < count; i += threads) {
      sorted_keys[line * length + begin + i] = keys[side][i];
      sorted_positions[line * length + begin + i] = positions[side][i];
    }
    __syncthreads();
  }
}

__global__ void __launch_bounds__(256) merge_runs(const uint64_t* table) {
  const auto* keys = reinterpret_cast<const uint64_t*>(table[0]);
  const auto* positions = reinterpret_cast<const uint32_t*>(table[1]);
  auto* merged_keys = reinterpret_cast<uint64_t*>(table[2]);
  auto* merged_positions = reinterpret_cast<uint32_t*>(table[3]);
  const auto count = static_cast<int64_t>(table[4]), length = static_cast<int64_t>(table[5]);
  const auto run = static_cast<int64_t>(table[6]);
  for (int64_t item = first_item(); item < count * length; item += item_step()) {
    const int64_t start = item / length * length;
    const int64_t place = start + merged_place(keys + start, length, run, item - start);
    merged_keys[place] = keys[item];
    merged_positions[place] = positions[item];
  }
}

template <int bytes, class T> __global__ void __launch_bounds__(256) take_sorted(const uint64_t* table) {
  const auto* lines = reinterpret_cast<const LinesTable<3>*>(table);
  const auto* sorted = reinterpret_cast<const uint32_t*>(lines->after()[0]);
  const auto first = static_cast<int64_t>(lines->after()[1]);
  for (int64_t item = first_item(); item < lines->count * lines->tensor[1].extent; item += item_step()) {
    const int64_t line = item % lines->count, i = item / lines->count;
    int64_t at[3];
    lines->offsets(line, at);
    const int64_t position = sorted[line * lines->tensor[0].extent + first + i];
    lines->data<T>(1)[at[1] + i * lines->tensor[1].stride] =
        lines->data<T>(0)[at[0] + position * lines->tensor[0].stride];
    lines->data<int64_t>(2)[at[2] + i * lines->tensor[2].stride] = position;
  }
}

template <int dtype, class T> __global__ void __launch_bounds__(256) search(const uint64_t* table) {
  const auto* lines = reinterpret_cast<const LinesTable<3>*>(table);
  const auto &sequence = lines->tensor[0], &wanted = lines->tensor[1], &out = lines->tensor[2];
  const bool is_right = lines->after()[0] != 0;
  for (int64_t item = first_item(); item < lines->count * out.extent; item += item_step()) {
    const int64_t line = item % lines->count, i = item / lines->count;
    int64_t at[3];
    lines->offsets(line, at);
    const T value = lines->data<T>(1)[at[1] + i * wanted.stride];
    const T* elements = lines->data<T>(0) + at[0];
    int64_t place = 0;
    for (int64_t left = sequence.extent; left > 0;) {
      const int64_t step = search_step(left);
      if (is_before(elements[(place + step - 1) * sequence.stride], value, is_right)) place += step;
      left -= step;
    }
    lines->data<int64_t>(2)[at[2] + i * out.stride] = place;
  }
}

#define ROW(name, T, ...)                                                                                    \
  template __global__ void search<static_cast<int>(DType::name), T>(const uint64_t*);                        \
  template __global__ void sort_tiles<static_cast<int>(DType::name), T>(const uint64_t*);
ADJOINT_COMPUTED_DTYPES(ROW)
#undef ROW
template __global__ void take_sorted<1, uint8_t>(const uint64_t*);
template __global__ void take_sorted<4, uint32_t>(const uint64_t*);
template __global__ void take_sorted<8, uint64_t>(const uint64_t*);
