// The table that kernels of matrix products read, and the tiles into which they cut a product; for both
// sides.
#pragma once
#include <cstdint>
#include <type_traits>

namespace adjoint::cuda {

// The words of a launch's table, before those of the batch. Strides count elements.
struct MatmulTable {
  uint64_t left, right, out; // addresses of the first elements
  uint64_t partials, tickets;
  int64_t rows, columns, inner;
  int64_t left_row, left_inner, right_inner, right_column, out_row, out_column;
  int64_t row_tiles, column_tiles;
  int64_t splits, chunk; // parts of the inner axis, and the length of all but the last
  // Whether vectors along the axis that is adjacent in memory are aligned, wherever they begin.
  int64_t left_is_aligned, right_is_aligned, out_is_aligned;
  int64_t batch_rank;
};
// One for every batch axis, the first one first.
struct MatmulBatchAxis {
  int64_t extent, left, right, out;
};

// A block computes rows x columns of the result, `depth` of the inner axis at a time, and a thread some of
// them. Large tiles do more with their elements, small ones leave no processor idle, and narrow ones serve
// products with a matrix of few columns.
enum class Tiling : int { large, small, narrow };
struct Tile {
  int rows, columns, depth, thread_rows, thread_columns;
  constexpr int threads() const { return rows / thread_rows * (columns / thread_columns); }
};
constexpr Tile tile_of(Tiling tiling, bool is_float32) {
  switch (tiling) {
  case Tiling::large:
    return is_float32 ? Tile{128, 128, 16, 8, 8} : Tile{64, 64, 16, 4, 4};
  case Tiling::small:
    return {32, 32, 16, 2, 2};
  case Tiling::narrow:
    return {128, 8, 16, 4, 1};
  }
  __builtin_unreachable();
}
// The same on tensor cores, which have no use for narrow ones.
constexpr Tile tf32_tile_of(Tiling tiling) {
  return tiling == Tiling::large ? Tile{128, 128, 16, 8, 8} : Tile{64, 64, 16, 4, 8};
}

} // namespace adjoint::cuda
