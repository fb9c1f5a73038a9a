// Products as BLAS knows them.
#pragma once
#include <optional>

#include "device/product.h"

namespace adjoint::cuda {

// out = left x right, column-major, over one batch axis. `leading` elements lie between the columns of an
// operand, or between its rows if it is transposed.
struct Gemm {
  struct Operand {
    uint16_t array = 0;
    int64_t offset = 0; // in elements, as all here
    bool is_transposed = false;
    int leading = 1;
    int64_t batch_stride = 0;
  };
  DType dtype = DType::float32;
  bool may_round = false;
  int rows = 0, columns = 0, inner = 0, batch = 1;
  Operand left, right, out;
};

// The product in BLAS's words, or nothing if it has none: integers, an operand that is adjacent neither along
// rows nor along columns, overlaps or walks backwards, a batch of several strides, sums of nothing, extents
// beyond 32 bits.
std::optional<Gemm> gemm_of(const MatrixProduct& kernel);

} // namespace adjoint::cuda
