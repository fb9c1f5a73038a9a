// The table of launches of triangular work: addresses, strides and sizes, and the axes of the batch behind it.
#pragma once
#include <cstdint>

namespace adjoint::cuda {

struct TriangularMatrix {
  uint64_t address;
  int64_t row_stride, column_stride;
};
struct TriangularTable {
  TriangularMatrix matrix, right, out;
  int64_t size, columns, panels;
  int64_t has_unit_diagonal;
  uint64_t failure; // the address of the failure word; 0 where NaN says that there is no factor
  int64_t batch_rank;
};
// One for every batch axis, the first one first.
struct TriangularBatchAxis {
  int64_t extent, matrix, right, out; // strides
};

} // namespace adjoint::cuda
