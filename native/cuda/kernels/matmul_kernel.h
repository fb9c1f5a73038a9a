// The common part of kernels of matrix products. A block goes along the inner axis with a tile of either
// operand in shared memory, while it loads the next ones into registers; every thread sums some elements of
// the block's tile. Where there are too few tiles to keep the chip busy, blocks share the inner axis of one;
// the last of them adds up the parts, in their order.
//
// A type `Sums<T, tile>`, made from the number of the thread, says how the sums are taken:
//
//   padding                 elements between one row of a tile in shared memory and the next
//   prepared(value)         an element as it is put there
//   row(i), column(j)       which of the tile's rows and columns are the thread's
//   run                     the number of its columns that are adjacent, from every multiple of it on
//   stores_runs             whether a run is stored by one instruction where it is aligned
//   add(sums, left, right)  adds the products of two tiles
#pragma once
#include "cuda/kernels/matmul_table.h"
#include "device/dtype.h"

namespace adjoint::cuda {

__device__ __forceinline__ int least(int64_t a, int b) { return a < b ? static_cast<int>(a) : b; }

// The number of elements that one instruction moves.
template <class T>
inline constexpr int vector_elements = sizeof(T) >= 4 ? 16 / static_cast<int>(sizeof(T)) : 4;
template <class T, int elements = vector_elements<T>> struct alignas(sizeof(T) * elements) MemoryVector {
  T values[elements];
};

// One operand's tile: `outer` rows of the left or columns of the right, of which `extent` exist in the whole.
template <class T, int outer, int depth, int threads> struct Loader {
  static constexpr int width = vector_elements<T>;
  static constexpr int vectors = outer * depth / width;
  static constexpr int count = (vectors + threads - 1) / threads;

  const T* data; // the tile's first outer index, where the next tile begins
  int64_t outer_stride, inner_stride;
  int extent; // outer indices from there on, if fewer than the tile has
  bool is_aligned;
  MemoryVector<T> held[count];

  // Neighbouring threads take neighbours in memory.
  __device__ __forceinline__ bool is_along_inner() const { return inner_stride == 1; }
  __device__ __forceinline__ void position(int i, int& o, int& k) const {
    const int vector = static_cast<int>(threadIdx.x) + i * threads;
    if (is_along_inner()) {
      o = vector / (depth / width);
      k = vector % (depth / width) * width;
    } else {
      o = vector % (outer / width) * width;
      k = vector / (outer / width);
    }
  }
  // The next tile, of which `left` inner indices exist if they are fewer than its depth.
  __device__ __forceinline__ void fetch(int left) {
    const bool along = is_along_inner();
#pragma unroll
    for (int i = 0; i < count; ++i) {
      if (vectors % threads != 0 && static_cast<int>(threadIdx.x) + i * threads >= vectors) continue;
      int o, k;
      position(i, o, k);
      const T* at = data + o * outer_stride + k * inner_stride;
      const bool is_whole = along ? o < extent && k + width <= left : k < left && o + width <= extent;
      if (is_whole && is_aligned) {
        held[i] = *reinterpret_cast<const MemoryVector<T>*>(at);
        continue;
      }
      const int64_t step = along ? inner_stride : outer_stride;
#pragma unroll
      for (int v = 0; v < width; ++v) {
        const bool exists = along ? o < extent && k + v < left : k < left && o + v < extent;
        held[i].values[v] = exists ? at[v * step] : T(0);
      }
    }
    data += depth * inner_stride;
  }
  template <class Sums, int pitch> __device__ __forceinline__ void put(T (*shared)[pitch]) const {
    const bool along = is_along_inner();
#pragma unroll
    for (int i = 0; i < count; ++i) {
      if (vectors % threads != 0 && static_cast<int>(threadIdx.x) + i * threads >= vectors) continue;
      int o, k;
      position(i, o, k);
#pragma unroll
      for (int v = 0; v < width; ++v) {
        const T value = Sums::prepared(held[i].values[v]);
        if (along)
          shared[k + v][o] = value;
        else
          shared[k][o + v] = value;
      }
    }
  }
};

// The kernel.
template <class T, Tile tile, template <class, Tile> class SumsOf>
__device__ __forceinline__ void multiply_tiles(const MatmulTable* table_words) {
  using Sums = SumsOf<T, tile>;
  constexpr int threads = tile.threads();
  __shared__ __align__(16) T left_tile[2][tile.depth][tile.rows + Sums::padding];
  __shared__ __align__(16) T right_tile[2][tile.depth][tile.columns + Sums::padding];
  const MatmulTable& table = *table_words;

  // The block's place: batch, row tile, column tile, split, the last one the fastest.
  int64_t place = blockIdx.x;
  const int64_t split = place % table.splits;
  place /= table.splits;
  const int64_t whole_tile = place;
  const int64_t column = place % table.column_tiles * tile.columns;
  place /= table.column_tiles;
  const int64_t row = place % table.row_tiles * tile.rows;
  place /= table.row_tiles;
  int64_t left_at = row * table.left_row, right_at = column * table.right_column, out_at = 0;
  const auto* batch = reinterpret_cast<const MatmulBatchAxis*>(table_words + 1);
  for (int64_t axis = table.batch_rank; axis-- > 0;) {
    const int64_t i = place % batch[axis].extent;
    place /= batch[axis].extent;
    left_at += i * batch[axis].left;
    right_at += i * batch[axis].right;
    out_at += i * batch[axis].out;
  }
  const int64_t begin = split * table.chunk;

  left_at += begin * table.left_inner;
  right_at += begin * table.right_inner;
  Loader<T, tile.rows, tile.depth, threads> left{
      reinterpret_cast<const T*>(table.left) + left_at, table.left_row, table.left_inner,
      least(table.rows - row, tile.rows), table.left_is_aligned != 0};
  Loader<T, tile.columns, tile.depth, threads> right{
      reinterpret_cast<const T*>(table.right) + right_at, table.right_column, table.right_inner,
      least(table.columns - column, tile.columns), table.right_is_aligned != 0};

  const Sums own(static_cast<int>(threadIdx.x));
  T sums[tile.thread_rows][tile.thread_columns] = {};

  int64_t left_over = (begin + table.chunk < table.inner ? begin + table.chunk : table.inner) - begin;
  left.fetch(least(left_over, tile.depth));
  right.fetch(least(left_over, tile.depth));
  left.template put<Sums>(left_tile[0]);
  right.template put<Sums>(right_tile[0]);
  __syncthreads();
  for (int current = 0; left_over > 0; current ^= 1) {
    left_over -= tile.depth;
    if (left_over > 0) {
      left.fetch(least(left_over, tile.depth));
      right.fetch(least(left_over, tile.depth));
    }
    own.add(sums, left_tile[current], right_tile[current]);
    if (left_over > 0) {
      left.template put<Sums>(left_tile[current ^ 1]);
      right.template put<Sums>(right_tile[current ^ 1]);
    }
    __syncthreads();
  }

  if (table.splits > 1) {
    constexpr int64_t tile_elements = tile.rows * tile.columns;
    T* parts = reinterpret_cast<T*>(table.partials) + whole_tile * table.splits * tile_elements + threadIdx.x;
    T* part = parts + split * tile_elements;
#pragma unroll
    for (int i = 0; i < tile.thread_rows; ++i)
#pragma unroll
      for (int j = 0; j < tile.thread_columns; ++j)
        part[(i * tile.thread_columns + j) * threads] = sums[i][j];
    __threadfence();
    __shared__ unsigned drawn;
    __syncthreads();
    // The ticket wraps to zero behind the last block, as the next launch needs it.
    if (threadIdx.x == 0)
      drawn = atomicInc(reinterpret_cast<unsigned*>(table.tickets) + whole_tile,
                        static_cast<unsigned>(table.splits - 1));
    __syncthreads();
    if (drawn != table.splits - 1) return;
    __threadfence();
#pragma unroll
    for (int i = 0; i < tile.thread_rows; ++i)
#pragma unroll
      for (int j = 0; j < tile.thread_columns; ++j) sums[i][j] = T(0);
    for (int64_t s = 0; s < table.splits; ++s)
#pragma unroll
      for (int i = 0; i < tile.thread_rows; ++i)
#pragma unroll
        for (int j = 0; j < tile.thread_columns; ++j)
          sums[i][j] =
              static_cast<T>(sums[i][j] + *const_cast<volatile T*>(parts + s * tile_elements +
                                                                   (i * tile.thread_columns + j) * threads));
  }

  T* out = reinterpret_cast<T*>(table.out) + out_at;
#pragma unroll
  for (int i = 0; i < tile.thread_rows; ++i) {
    const int64_t r = row + own.row(i);
    if (r >= table.rows) continue;
#pragma unroll
    for (int j = 0; j < tile.thread_columns; j += Sums::run) {
      const int64_t c = column + own.column(j);
      T* to = out + r * table.out_row + c * table.out_column;
      if constexpr (Sums::stores_runs)
        if (table.out_is_aligned != 0 && c + Sums::run <= table.columns) {
          MemoryVector<T, Sums::run> vector;
#pragma unroll
          for (int v = 0; v < Sums::run; ++v) vector.values[v] = sums[i][j + v];
          *reinterpret_cast<MemoryVector<T, Sums::run>*>(to) = vector;
          continue;
        }
#pragma unroll
      for (int v = 0; v < Sums::run; ++v)
        if (c + v < table.columns) to[v * table.out_column] = sums[i][j + v];
    }
  }
}

} // namespace adjoint::cuda
