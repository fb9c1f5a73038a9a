// Products of matrices as sums of products, element by element; in floats with fused multiply-adds.
//
// Every function is an instance of `multiply`, whose mangled name says the tiling and the dtype.
#include <array>

#include "cuda/kernels/matmul_kernel.h"

// Not an unnamed namespace, whose name in the PTX would depend on where this file lies.
namespace adjoint::cuda {

template <class T> __device__ __forceinline__ T multiply_add(T a, T b, T sum) {
  if constexpr (std::is_floating_point_v<T>)
    return fma(a, b, sum);
  else
    return static_cast<T>(sum + a * b);
}

// The rows (or columns) of a tile that are a thread's: runs as long as a vector, spread over the tile, so
// that a warp reads shared memory without conflicts.
template <class T, int tile, int own> struct Share {
  static constexpr int run = own < vector_elements<T> ? own : vector_elements<T>;
  static __device__ __forceinline__ int at(int thread, int i) {
    return i / run * (tile / (own / run)) + thread * run + i % run;
  }
};

template <class T, Tile tile> struct SumsOfElements {
  using Rows = Share<T, tile.rows, tile.thread_rows>;
  using Columns = Share<T, tile.columns, tile.thread_columns>;
  static constexpr int padding = vector_elements<T>, run = Columns::run;
  static constexpr bool stores_runs = run == vector_elements<T>;
  int thread_row, thread_column;

  explicit __device__ __forceinline__ SumsOfElements(int thread)
      : thread_row(thread / (tile.columns / tile.thread_columns)),
        thread_column(thread % (tile.columns / tile.thread_columns)) {}
  static __device__ __forceinline__ T prepared(T value) { return value; }
  __device__ __forceinline__ int row(int i) const { return Rows::at(thread_row, i); }
  __device__ __forceinline__ int column(int j) const { return Columns::at(thread_column, j); }

  __device__ __forceinline__ void add(T (&sums)[tile.thread_rows][tile.thread_columns],
                                      const T (&left)[tile.depth][tile.rows + padding],
                                      const T (&right)[tile.depth][tile.columns + padding]) const {
#pragma unroll
    for (int d = 0; d < tile.depth; ++d) {
      T a[tile.thread_rows], b[tile.thread_columns];
#pragma unroll
      for (int i = 0; i < tile.thread_rows; ++i) a[i] = left[d][row(i)];
#pragma unroll
      for (int j = 0; j < tile.thread_columns; ++j) b[j] = right[d][column(j)];
#pragma unroll
      for (int i = 0; i < tile.thread_rows; ++i)
#pragma unroll
        for (int j = 0; j < tile.thread_columns; ++j) sums[i][j] = multiply_add(a[i], b[j], sums[i][j]);
    }
  }
};

} // namespace adjoint::cuda

using namespace adjoint;
using namespace adjoint::cuda;

template <int tiling, int dtype, class T>
__global__ void __launch_bounds__(tile_of(static_cast<Tiling>(tiling), std::is_same_v<T, float>).threads(), 2)
    multiply(const MatmulTable* table) {
  constexpr Tile tile = tile_of(static_cast<Tiling>(tiling), std::is_same_v<T, float>);
  multiply_tiles<T, tile, SumsOfElements>(table);
}

// Names all functions, so that they are compiled. Integers are multiplied rarely, and with one tiling.
void keep_functions(std::array<const void*, 64>& out) {
  size_t count = 0;
  const auto keep = [&]<class T>() {
    constexpr int dtype = static_cast<int>(dtype_of<T>);
    out[count++] = reinterpret_cast<const void*>(&multiply<static_cast<int>(Tiling::small), dtype, T>);
    if constexpr (std::is_floating_point_v<T>) {
      out[count++] = reinterpret_cast<const void*>(&multiply<static_cast<int>(Tiling::large), dtype, T>);
      out[count++] = reinterpret_cast<const void*>(&multiply<static_cast<int>(Tiling::narrow), dtype, T>);
    }
  };
#define ROW(name, type, label, word) keep.template operator()<type>();
  ADJOINT_COMPUTED_DTYPES(ROW)
#undef ROW
}
