// Products of float32 matrices on tensor cores, whose factors are rounded to TF32: the exponent of a float32,
// and 10 bits of its mantissa. Sums are float32. Needs compute capability 8.0.
//
// Every function is an instance of `multiply_tf32`, whose mangled name says the tiling.
#include <array>

#include "cuda/kernels/matmul_kernel.h"

// Not an unnamed namespace, whose name in the PTX would depend on where this file lies.
namespace adjoint::cuda {

// A warp computes blocks of 16 x 8 elements by mma.m16n8k8, thread_rows / 2 of them down and thread_columns /
// 2 across. Lane 4 * group + member has of a block:
//   left    rows group and group + 8, inner indices member and member + 4
//   right   column group, inner indices member and member + 4
//   result  rows group and group + 8, columns 2 * member and 2 * member + 1
template <class T, Tile tile> struct SumsOfTensorCores {
  static_assert(std::is_same_v<T, float> && tile.depth % 8 == 0);
  static constexpr int padding = 8; // so that the lanes of a warp read from different banks
  static constexpr int run = 2;
  static constexpr bool stores_runs = true;
  static constexpr int warp_rows = tile.thread_rows / 2 * 16, warp_columns = tile.thread_columns / 2 * 8;
  static constexpr int warps_across = tile.columns / warp_columns;
  int warp_row, warp_column, group, member;

  explicit __device__ __forceinline__ SumsOfTensorCores(int thread)
      : warp_row(thread / 32 / warps_across * warp_rows),
        warp_column(thread / 32 % warps_across * warp_columns), group(thread % 32 / 4), member(thread % 4) {}
  static __device__ __forceinline__ float prepared(float value) {
    unsigned rounded;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(value));
    return __uint_as_float(rounded);
  }
  __device__ __forceinline__ int row(int i) const { return warp_row + i / 2 * 16 + i % 2 * 8 + group; }
  __device__ __forceinline__ int column(int j) const { return warp_column + j / 2 * 8 + member * 2 + j % 2; }

  __device__ __forceinline__ void add(float (&sums)[tile.thread_rows][tile.thread_columns],
                                      const float (&left)[tile.depth][tile.rows + padding],
                                      const float (&right)[tile.depth][tile.columns + padding]) const {
#pragma unroll
    for (int d = 0; d < tile.depth; d += 8) {
      const int near = d + member, far = near + 4;
      unsigned a[tile.thread_rows][2], b[tile.thread_columns / 2][2];
#pragma unroll
      for (int i = 0; i < tile.thread_rows; ++i) {
        a[i][0] = __float_as_uint(left[near][row(i)]);
        a[i][1] = __float_as_uint(left[far][row(i)]);
      }
#pragma unroll
      for (int j = 0; j < tile.thread_columns / 2; ++j) {
        b[j][0] = __float_as_uint(right[near][warp_column + j * 8 + group]);
        b[j][1] = __float_as_uint(right[far][warp_column + j * 8 + group]);
      }
#pragma unroll
      for (int i = 0; i < tile.thread_rows; i += 2)
#pragma unroll
        for (int j = 0; j < tile.thread_columns; j += 2)
          asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, "
                       "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                       : "+f"(sums[i][j]), "+f"(sums[i][j + 1]), "+f"(sums[i + 1][j]),
                         "+f"(sums[i + 1][j + 1])
                       : "r"(a[i][0]), "r"(a[i + 1][0]), "r"(a[i][1]), "r"(a[i + 1][1]), "r"(b[j / 2][0]),
                         "r"(b[j / 2][1]));
    }
  }
};

} // namespace adjoint::cuda

using namespace adjoint;
using namespace adjoint::cuda;

template <int tiling>
__global__ void __launch_bounds__(tf32_tile_of(static_cast<Tiling>(tiling)).threads(), 2)
    multiply_tf32(const MatmulTable* table) {
  multiply_tiles<float, tf32_tile_of(static_cast<Tiling>(tiling)), SumsOfTensorCores>(table);
}

// Names all functions, so that they are compiled.
void keep_functions(std::array<const void*, 2>& out) {
  out[0] = reinterpret_cast<const void*>(&multiply_tf32<static_cast<int>(Tiling::large)>);
  out[1] = reinterpret_cast<const void*>(&multiply_tf32<static_cast<int>(Tiling::small)>);
}
