// Elimination, compiled once for each instruction set. An element is what it was, less products in ascending order, one
// multiply-add after the other, so that neither panels nor vectors change its bits.
#include "cpu/routines/lanes.h"
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

// Of each lane, the row from `row` on whose element in that column is the largest, which takes its place.
template <class T> Vector<T> exchange_rows(Lanes<T>& a, int64_t row, int64_t rows, int64_t columns) {
  Vector<T> best = sizes_of(a(row, row)), pivot = broadcast(static_cast<T>(row));
  for (int64_t i = row + 1; i < rows; ++i) {
    const Vector<T> size = sizes_of(a(i, row));
    const auto is_larger = size > best;
    best = is_larger ? size : best;
    pivot = is_larger ? broadcast(static_cast<T>(i)) : pivot;
  }
  for (int64_t i = row + 1; i < rows; ++i) {
    const auto is_pivot = pivot == broadcast(static_cast<T>(i));
    for (int64_t j = 0; j < columns; ++j) {
      const Vector<T> top = a(row, j), other = a(i, j);
      a(row, j) = is_pivot ? other : top;
      a(i, j) = is_pivot ? top : other;
    }
  }
  return pivot;
}

template <class T> void eliminate_lanes(const EliminationGroup<T>& work, int64_t begin, int64_t count) {
  const auto& [_, rows, columns, from, to, pivots, exchanges] = work;
  const int64_t size = rows < columns ? rows : columns;
  Lanes<T> a(rows, columns);
  a.load(from, begin, count);
  for (int64_t k = 0; k < size; ++k) {
    const Vector<T> pivot = exchanges ? exchange_rows(a, k, rows, columns) : broadcast(static_cast<T>(k));
    for (int64_t lane = 0; lane < count; ++lane)
      pivots[(begin + lane) * size + k] = static_cast<int32_t>(pivot[lane]) + 1;
    const Vector<T> divisor = a(k, k);
    const auto is_zero = divisor == Vector<T>{};
    const auto is_done = exchanges ? is_zero : is_zero ^ is_zero; // so are all below
    for (int64_t i = k + 1; i < rows; ++i) {
      const Vector<T> factor = a(i, k) / divisor;
      a(i, k) = is_done ? a(i, k) : factor;
      for (int64_t j = k + 1; j < columns; ++j)
        a(i, j) = is_done ? a(i, j) : multiply_add(-factor, a(k, j), a(i, j));
    }
  }
  a.store(to, begin, count);
}

template <class T> void eliminate_small(const EliminationGroup<T>& work) {
  in_lanes<T>(work.count, [&](int64_t begin, int64_t count) { eliminate_lanes(work, begin, count); });
}

} // namespace

void eliminate_group(const EliminationGroup<float>& work) { eliminate_small(work); }
void eliminate_group(const EliminationGroup<double>& work) { eliminate_small(work); }
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
