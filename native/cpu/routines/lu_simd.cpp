// Elimination, compiled once for each instruction set. An element is what it was, less products in ascending order, one
// multiply-add after the other, so that neither panels nor vectors change its bits.
#include "cpu/routines/lu_panel.h"
#include "cpu/routines/matmul_tile.h"

namespace adjoint::cpu::ADJOINT_ISA {

namespace {

template <class T> T size_of(T value) { return value < 0 ? -value : value; }

template <class T, int Height, int Vectors>
void subtract_tile(const T* left, int64_t stride, const T* right, int64_t depth, T* out) {
  Vector<T> sums[Height][Vectors];
#pragma GCC unroll 8
  for (int i = 0; i < Height; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) sums[i][j] = load(out + i * stride + j * lanes<T>);
  for (int64_t k = 0; k < depth; ++k) {
    Vector<T> row[Vectors];
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) row[j] = load(right + k * stride + j * lanes<T>);
#pragma GCC unroll 8
    for (int i = 0; i < Height; ++i) {
      const Vector<T> factor = broadcast(-left[i * stride + k]);
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) sums[i][j] = multiply_add(factor, row[j], sums[i][j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Height; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) store<T>(out + i * stride + j * lanes<T>, sums[i][j]);
}

template <class T, int Height>
void subtract_rows(const Elimination<T>& work, int64_t begin, int64_t end, int64_t row, int64_t column) {
  const int64_t stride = work.columns;
  const T *left = work.data + row * stride + begin, *right = work.data + begin * stride;
  T* out = work.data + row * stride;
  int64_t j = column;
  for (; j + 2 * lanes<T> <= stride; j += 2 * lanes<T>)
    subtract_tile<T, Height, 2>(left, stride, right + j, end - begin, out + j);
  for (; j + lanes<T> <= stride; j += lanes<T>)
    subtract_tile<T, Height, 1>(left, stride, right + j, end - begin, out + j);
  for (; j < stride; ++j)
    for (int i = 0; i < Height; ++i) {
      T value = out[i * stride + j];
      for (int64_t k = 0; k < end - begin; ++k)
        value = multiply_add(-left[i * stride + k], right[k * stride + j], value);
      out[i * stride + j] = value;
    }
}

template <class T>
void subtract(const Elimination<T>& work, int64_t begin, int64_t end, int64_t first, int64_t last,
              int64_t column) {
  constexpr int height = 4;
  int64_t row = first;
  for (; row + height <= last; row += height) subtract_rows<T, height>(work, begin, end, row, column);
  for (; row < last; ++row) subtract_rows<T, 1>(work, begin, end, row, column);
}

template <class T> void eliminate(const Elimination<T>& work, int64_t begin, int64_t end) {
  const auto& [data, rows, columns, pivots, exchanges] = work;
  for (int64_t k = begin; k < end; ++k) {
    int64_t pivot = k;
    if (exchanges)
      for (int64_t i = k + 1; i < rows; ++i)
        if (size_of(data[i * columns + k]) > size_of(data[pivot * columns + k])) pivot = i;
    pivots[k] = static_cast<int32_t>(pivot + 1);
    T* const top = data + k * columns;
    if (pivot != k) {
      T* const other = data + pivot * columns;
      for (int64_t j = 0; j < columns; ++j) {
        const T value = top[j];
        top[j] = other[j];
        other[j] = value;
      }
    }
    const T divisor = top[k];
    if (divisor == 0 && exchanges) continue; // so are all below
    for (int64_t i = k + 1; i < rows; ++i) {
      T* const row = data + i * columns;
      const T factor = row[k] / divisor;
      row[k] = factor;
      for (int64_t j = k + 1; j < end; ++j) row[j] = multiply_add(-factor, top[j], row[j]);
    }
  }
  // The rows of the panel, to the right of it.
  for (int64_t row = begin + 1; row < end; ++row) subtract_rows<T, 1>(work, begin, row, row, end);
}

} // namespace

void eliminate_panel(const Elimination<float>& work, int64_t begin, int64_t end) {
  eliminate(work, begin, end);
}
void eliminate_panel(const Elimination<double>& work, int64_t begin, int64_t end) {
  eliminate(work, begin, end);
}
void subtract_panel(const Elimination<float>& work, int64_t begin, int64_t end, int64_t first, int64_t last,
                    int64_t column) {
  subtract(work, begin, end, first, last, column);
}
void subtract_panel(const Elimination<double>& work, int64_t begin, int64_t end, int64_t first, int64_t last,
                    int64_t column) {
  subtract(work, begin, end, first, last, column);
}

} // namespace adjoint::cpu::ADJOINT_ISA
