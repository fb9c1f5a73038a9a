#include "cuda/driver/gemm.h"

#include <algorithm>
#include <limits>

namespace adjoint::cuda {

namespace {

// Merges batch axes over which all operands go on evenly.
MatrixProduct with_one_batch_axis(MatrixProduct kernel) {
  Dims batch;
  MatrixOperand* const operands[] = {&kernel.left, &kernel.right, &kernel.out};
  Dims strides[3];
  for (size_t axis = 0; axis < kernel.batch.size(); ++axis) {
    const int64_t extent = kernel.batch[axis];
    if (extent == 1) continue;
    bool goes_on = !batch.empty();
    for (size_t k = 0; k < 3 && goes_on; ++k)
      goes_on = strides[k].back() == extent * operands[k]->batch_strides[axis];
    if (!goes_on) {
      batch.push_back(extent);
      for (size_t k = 0; k < 3; ++k) strides[k].push_back(operands[k]->batch_strides[axis]);
      continue;
    }
    const size_t last = batch.size() - 1;
    batch[last] *= extent;
    for (size_t k = 0; k < 3; ++k) strides[k][last] = operands[k]->batch_strides[axis];
  }
  kernel.batch = batch;
  for (size_t k = 0; k < 3; ++k) operands[k]->batch_strides = strides[k];
  return kernel;
}

bool fits_int(int64_t value) { return value <= std::numeric_limits<int>::max(); }

// A matrix of so many rows and columns, where a stride over one of them means nothing.
std::optional<Gemm::Operand> column_major(const MatrixOperand& operand, int64_t rows, int64_t columns,
                                          int64_t row_stride, int64_t column_stride) {
  Gemm::Operand made{.array = operand.array, .offset = operand.offset};
  made.batch_stride = operand.batch_strides.empty() ? 0 : operand.batch_strides[0];
  if (made.batch_stride < 0) return std::nullopt;
  const auto lies = [&](int64_t length, int64_t stride, int64_t others, int64_t leading) {
    if (length > 1 && stride != 1) return false;
    if (others == 1) leading = length;
    if (leading < length || !fits_int(leading)) return false;
    made.leading = static_cast<int>(leading);
    return true;
  };
  if (lies(rows, row_stride, columns, column_stride)) return made;
  made.is_transposed = true;
  if (lies(columns, column_stride, rows, row_stride)) return made;
  return std::nullopt;
}

} // namespace

std::optional<Gemm> gemm_of(const MatrixProduct& given) {
  const MatrixProduct kernel = with_one_batch_axis(with_batch_in_rows(given));
  const int64_t batch = element_count(kernel.batch);
  if (!is_floating(kernel.dtype) || kernel.batch.size() > 1) return std::nullopt;
  for (const int64_t extent : {kernel.rows, kernel.columns, kernel.inner, batch})
    if (extent < 1 || !fits_int(extent)) return std::nullopt;
  // Column-major is the transpose of row-major, and (left x right)' = right' x left'.
  const auto transposed = [](const MatrixOperand& operand, int64_t rows, int64_t columns) {
    return column_major(operand, columns, rows, operand.column_stride, operand.row_stride);
  };
  const auto left = transposed(kernel.right, kernel.inner, kernel.columns);
  const auto right = transposed(kernel.left, kernel.rows, kernel.inner);
  const auto out = transposed(kernel.out, kernel.rows, kernel.columns);
  if (!left || !right || !out || out->is_transposed) return std::nullopt;
  return Gemm{.dtype = kernel.dtype,
              .may_round = kernel.modes.may_round,
              .rows = static_cast<int>(kernel.columns),
              .columns = static_cast<int>(kernel.rows),
              .inner = static_cast<int>(kernel.inner),
              .batch = static_cast<int>(batch),
              .left = *left,
              .right = *right,
              .out = *out};
}

} // namespace adjoint::cuda
