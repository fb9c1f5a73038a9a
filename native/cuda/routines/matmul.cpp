#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "cuda/code/module_text.h"
#include "cuda/code/ptx_writer.h"
#include "cuda/code/routine.h"
#include "cuda/kernels/matmul_table.h"
#include "device/integers.h"
#include "device/product.h"

namespace adjoint::cuda {

namespace {

// The number of blocks that a multiprocessor should have, and of depths of a tile below which a part of the
// inner axis is not worth a block of its own.
constexpr int64_t busy_blocks = 2, least_depths_of_split = 8;
constexpr int64_t most_splits = 64;
// The first capability with tensor cores for TF32. Products of fewer rows or columns take as long without
// them.
constexpr int tf32_capability = 80;
constexpr int64_t few_for_tensor_cores = 16;

// The product of the transposed matrices, in the other order.
MatrixProduct transposed(MatrixProduct kernel) {
  std::swap(kernel.rows, kernel.columns);
  std::swap(kernel.left, kernel.right);
  for (MatrixOperand* operand : {&kernel.left, &kernel.right, &kernel.out}) transpose(*operand);
  return kernel;
}

// Whether vectors along the axis with stride 1 begin at multiples of their length.
bool is_aligned(const MatrixOperand& operand, size_t batch_rank, int64_t bytes, bool by_column_only) {
  const int64_t elements = bytes >= 4 ? 16 / bytes : 4;
  const bool along_columns = operand.column_stride == 1;
  if (!along_columns && (by_column_only || operand.row_stride != 1)) return false;
  const int64_t other = along_columns ? operand.row_stride : operand.column_stride;
  bool aligned = operand.offset % elements == 0 && other % elements == 0;
  for (size_t axis = 0; axis < batch_rank; ++axis) aligned &= operand.batch_strides[axis] % elements == 0;
  return aligned;
}

class MatmulCode final : public FixedCode {
 public:
  MatmulCode(const MatrixProduct& kernel, MatmulTable table) : kernel_(kernel), table_(table) {}
  size_t table_words(std::span<const Instance>) const override {
    return sizeof(MatmulTable) / 8 + kernel_.batch.size() * sizeof(MatmulBatchAxis) / 8;
  }
  void fill_table(std::span<const Instance> instances, Scratch shared, uint64_t* words) const override {
    MatmulTable table = table_;
    const auto address = [&](const MatrixOperand& operand) {
      return reinterpret_cast<uintptr_t>(instances[0].arrays[operand.array]) +
             static_cast<uint64_t>(operand.offset * bytes_of(kernel_.dtype));
    };
    table.left = address(kernel_.left);
    table.right = address(kernel_.right);
    table.out = address(kernel_.out);
    table.partials = reinterpret_cast<uintptr_t>(instances[0].scratch);
    table.tickets = shared.tickets;
    std::memcpy(words, &table, sizeof table);
    words += sizeof table / 8;
    for (size_t i = 0; i < kernel_.batch.size(); ++i, words += sizeof(MatmulBatchAxis) / 8) {
      const MatmulBatchAxis axis{kernel_.batch[i], kernel_.left.batch_strides[i],
                                 kernel_.right.batch_strides[i], kernel_.out.batch_strides[i]};
      std::memcpy(words, &axis, sizeof axis);
    }
  }

 private:
  MatrixProduct kernel_;
  MatmulTable table_;
};

} // namespace

std::unique_ptr<KernelCode> code_of_matmul(const RoutineKernel& routine, const Chip& chip) {
  MatrixProduct kernel = with_batch_in_rows(product_of(routine));
  const bool is_float32 = kernel.dtype == DType::float32;
  const bool is_tf32 = is_float32 && kernel.modes.may_round && chip.capability >= tf32_capability &&
                       std::min(kernel.rows, kernel.columns) > few_for_tensor_cores;
  const auto tile_of_tiling = [&](Tiling tiling) {
    return is_tf32 ? tf32_tile_of(tiling) : tile_of(tiling, is_float32);
  };
  const Tile narrow = tile_of(Tiling::narrow, is_float32), large = tile_of_tiling(Tiling::large);
  if (std::min(kernel.rows, kernel.columns) <= narrow.columns && kernel.rows < kernel.columns)
    kernel = transposed(kernel);
  const int64_t batch = element_count(kernel.batch);
  const auto tiles = [&](const Tile& tile) {
    return batch * quotient_up(kernel.rows, tile.rows) * quotient_up(kernel.columns, tile.columns);
  };
  Tiling tiling = Tiling::small;
  if (is_floating(kernel.dtype)) {
    if (kernel.columns <= narrow.columns && kernel.rows > narrow.columns)
      tiling = Tiling::narrow;
    else if (std::min(kernel.rows, kernel.columns) > large.columns / 2 &&
             (tiles(large) >= chip.multiprocessors || kernel.inner >= 4096))
      tiling = Tiling::large;
  }
  const Tile tile = tile_of_tiling(tiling);

  MatmulTable table{};
  table.rows = kernel.rows;
  table.columns = kernel.columns;
  table.inner = kernel.inner;
  table.left_row = kernel.left.row_stride;
  table.left_inner = kernel.left.column_stride;
  table.right_inner = kernel.right.row_stride;
  table.right_column = kernel.right.column_stride;
  table.out_row = kernel.out.row_stride;
  table.out_column = kernel.out.column_stride;
  table.row_tiles = quotient_up(kernel.rows, tile.rows);
  table.column_tiles = quotient_up(kernel.columns, tile.columns);
  const int64_t bytes = bytes_of(kernel.dtype);
  table.left_is_aligned = is_aligned(kernel.left, kernel.batch.size(), bytes, false);
  table.right_is_aligned = is_aligned(kernel.right, kernel.batch.size(), bytes, false);
  table.out_is_aligned = is_aligned(kernel.out, kernel.batch.size(), bytes, true);
  table.batch_rank = static_cast<int64_t>(kernel.batch.size());

  const int64_t count = tiles(tile), depths = quotient_up(kernel.inner, tile.depth);
  table.splits =
      std::clamp<int64_t>(std::min(busy_blocks * chip.multiprocessors / std::max<int64_t>(count, 1),
                                   depths / least_depths_of_split),
                          1, most_splits);
  table.chunk = std::max<int64_t>(quotient_up(depths, table.splits), 1) * tile.depth;
  table.splits = std::max<int64_t>(quotient_up(kernel.inner, table.chunk), 1);

  auto code = std::make_unique<MatmulCode>(kernel, table);
  EmbeddedKernel embedded =
      is_tf32 ? embedded_kernel("matmul_tf32", instance_prefix("multiply_tf32", {static_cast<int>(tiling)}))
              : embedded_kernel("matmul", instance_prefix("multiply", {static_cast<int>(tiling),
                                                                       static_cast<int>(kernel.dtype)}));
  code->ptx = std::move(embedded.ptx);
  code->functions = {std::move(embedded.name)};
  code->launch = {0, static_cast<uint32_t>(count * table.splits), static_cast<uint32_t>(tile.threads()), 0};
  if (table.splits > 1) {
    code->scratch = count * table.splits * tile.rows * tile.columns * bytes;
    code->tickets = count;
  }
  return code;
}

} // namespace adjoint::cuda
