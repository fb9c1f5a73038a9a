// Matrix products: a panel of the right matrix is laid out row-major, then four rows of the left one run over
// it. Every element is summed in the order of the inner axis.
#include <memory>

#include "cpu/kernels.h"
#include "cpu/walk.h"

namespace adjoint::cpu {

namespace {

constexpr int64_t panel_depth = 256;
constexpr int64_t panel_width = 512;

template <class T> struct Matrix {
  const T* data;
  int64_t row_step, column_step;
  T at(int64_t row, int64_t column) const { return data[row * row_step + column * column_step]; }
};

template <class T>
void multiply(int64_t rows, int64_t columns, int64_t inner, Matrix<T> a, Matrix<T> b, T* out) {
  const auto panel_elements =
      static_cast<size_t>(std::min(panel_depth, inner) * std::min(panel_width, columns));
  const std::unique_ptr<T[]> panel(new T[panel_elements]);
  for (int64_t i = 0; i < rows * columns; ++i) out[i] = T(0);
  for (int64_t k0 = 0; k0 < inner; k0 += panel_depth) {
    const int64_t depth = std::min(panel_depth, inner - k0);
    for (int64_t j0 = 0; j0 < columns; j0 += panel_width) {
      const int64_t width = std::min(panel_width, columns - j0);
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t j = 0; j < width; ++j) panel[k * width + j] = b.at(k0 + k, j0 + j);
      for (int64_t i = 0; i < rows; i += 4) {
        const int64_t height = std::min<int64_t>(4, rows - i);
        T* row[4];
        for (int64_t r = 0; r < 4; ++r) row[r] = out + (i + std::min(r, height - 1)) * columns + j0;
        for (int64_t k = 0; k < depth; ++k) {
          const T* right = panel.get() + k * width;
          for (int64_t r = 0; r < height; ++r) {
            const T left = a.at(i + r, k0 + k);
            T* target = row[r];
#pragma GCC ivdep
            for (int64_t j = 0; j < width; ++j) target[j] = static_cast<T>(target[j] + left * right[j]);
          }
        }
      }
    }
  }
}

} // namespace

void run_matmul(const Kernel& kernel) {
  with_type(kernel.dtype, [&]<class T>() {
    const size_t rank = kernel.shape.size();
    const int64_t rows = kernel.shape[rank - 3], columns = kernel.shape[rank - 2],
                  inner = kernel.shape[rank - 1];
    const Operand &a = kernel.inputs[0], &b = kernel.inputs[1];
    // A constant factor is a matrix that never moves.
    T number_a{}, number_b{};
    if (!a.buffer) number_a = a.number.as<T>();
    if (!b.buffer) number_b = b.number.as<T>();
    const T* left = a.buffer ? static_cast<const T*>(a.buffer->data) + a.offset : &number_a;
    const T* right = b.buffer ? static_cast<const T*>(b.buffer->data) + b.offset : &number_b;
    T* out = static_cast<T*>(kernel.output.buffer->data) + kernel.output.offset;

    const auto batch_part = [&](const Dims& dims) {
      Dims part = dims;
      part.resize(rank - 3);
      return part;
    };
    const Dims batch = batch_part(kernel.shape), a_batch = batch_part(a.strides),
               b_batch = batch_part(b.strides), out_batch = batch_part(kernel.output.strides);
    const Walk<3> walk(batch, {&out_batch, &a_batch, &b_batch});
    const auto steps = walk.inner_steps();
    walk.each_run([&](const std::array<int64_t, 3>& offsets) {
      for (int64_t i = 0; i < walk.inner_extent(); ++i)
        multiply<T>(rows, columns, inner,
                    {left + offsets[1] + i * steps[1], a.strides[rank - 3], a.strides[rank - 1]},
                    {right + offsets[2] + i * steps[2], b.strides[rank - 1], b.strides[rank - 2]},
                    out + offsets[0] + i * steps[0]);
    });
  });
}

} // namespace adjoint::cpu
