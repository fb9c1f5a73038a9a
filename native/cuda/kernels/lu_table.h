// The tables of launches of elimination: addresses, strides and sizes, and the axes of the batch behind them.
#pragma once
#include <cstdint>

namespace adjoint::cuda {

struct LuTable {
  uint64_t matrix; // addresses
  uint64_t out, pivots;
  uint64_t failure; // of the failure word; 0 where nobody asks
  int64_t row_stride, column_stride;
  int64_t rows, columns, items;
  int64_t exchanges;
  int64_t batch_rank;
};
struct OrderTable {
  uint64_t pivots, out, failure;
  int64_t stride, size, rows, items;
  int64_t batch_rank;
};
// One for every batch axis, the first one first.
struct LuBatchAxis {
  int64_t extent, stride;
};

} // namespace adjoint::cuda
