// Blocks of triangular work, compiled once for each instruction set: tiles of a block's rows and columns, from which
// products of what is done are subtracted.
#include <cmath>

#include "cpu/routines/lanes.h"
#include "cpu/routines/matmul_tile.h"
#include "cpu/routines/triangular_block.h"
#include "device/triangular.h"

namespace adjoint::cpu::ADJOINT_ISA {

namespace {

constexpr int64_t side = triangular_block;
static_assert(side % tile_width<float> == 0 && side % tile_width<double> == 0);

// Rows of a block, each as wide as any can be.
template <class T> struct Block {
  alignas(64) T rows[side][side];
};

// `depth` rows of `right`, from each of which multiples are subtracted: as many for a row of the tile as `left` has
// columns.
template <class T> struct Subtraction {
  int64_t depth;
  Matrix<T> left;
  const T* right;
  int64_t right_step;
};

template <class T, int Height, int Vectors> void subtract_tile(const Subtraction<T>& work, T* tile) {
  Vector<T> sums[Height][Vectors];
#pragma GCC unroll 16
  for (int i = 0; i < Height; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) sums[i][j] = load(tile + i * side + j * lanes<T>);
  const T* left = work.left.data;
  const T* right = work.right;
  for (int64_t k = work.depth; k > 0; --k) {
    Vector<T> row[Vectors];
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) row[j] = load(right + j * lanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < Height; ++i) {
      const Vector<T> factor = broadcast(-left[i * work.left.row_stride]);
#pragma GCC unroll 16
      for (int j = 0; j < Vectors; ++j) sums[i][j] = multiply_add(factor, row[j], sums[i][j]);
    }
    left += work.left.column_stride;
    right += work.right_step;
  }
#pragma GCC unroll 16
  for (int i = 0; i < Height; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) store<T>(tile + i * side + j * lanes<T>, sums[i][j]);
}

template <class T, int Height>
void subtract_from_rows(Subtraction<T> work, int64_t row, int64_t columns, T* tile) {
  work.left.data = work.left.at(row, 0);
  const T* right = work.right;
  for (int64_t j = 0; j < columns; j += tile_width<T>) {
    work.right = right + j;
    if (columns - j <= lanes<T>)
      subtract_tile<T, Height, 1>(work, tile + row * side + j);
    else
      subtract_tile<T, Height, 2>(work, tile + row * side + j);
  }
}

template <class T> void subtract(const Subtraction<T>& work, int64_t rows, int64_t columns, T* tile) {
  constexpr int height = 4;
  int64_t row = 0;
  for (; row + height <= rows; row += height) subtract_from_rows<T, height>(work, row, columns, tile);
  for (; row < rows; ++row) subtract_from_rows<T, 1>(work, row, columns, tile);
}

template <class T> Matrix<T> from(const Matrix<T>& matrix, int64_t row, int64_t column) {
  return {matrix.at(row, column), matrix.row_stride, matrix.column_stride};
}

// A corner of a matrix, whose columns from `columns` on are zero.
template <class T> void load_block(const Matrix<T>& corner, int64_t rows, int64_t columns, Block<T>& block) {
  pack<T>({rows, columns, corner.data, corner.row_stride, corner.column_stride}, block.rows[0], side);
}

template <class T> void solve(const Equation<T>& equation, int64_t begin, int64_t rows) {
  const auto& [lower, has_unit_diagonal, columns, right, out] = equation;
  Block<T> tile, packed;
  load_block(from(right, begin, 0), rows, columns, tile);
  const bool is_in_place = out.column_stride == 1 && columns == side;
  for (int64_t k = 0; k < begin; k += side) {
    if (!is_in_place) load_block(from<T>(out, k, 0), side, columns, packed);
    const Subtraction<T> work{side, from(lower, begin, k), is_in_place ? out.at(k, 0) : packed.rows[0],
                              is_in_place ? out.row_stride : side};
    subtract(work, rows, columns, tile.rows[0]);
  }
  for (int64_t row = 0; row < rows; ++row) {
    T* values = tile.rows[row];
    const Matrix<T> factors = from(lower, begin + row, begin);
    subtract_from_rows<T, 1>({row, factors, tile.rows[0], side}, 0, columns, values);
    if (!has_unit_diagonal) {
      const T divisor = *factors.at(0, row);
      for (int64_t j = 0; j < columns; ++j) values[j] /= divisor;
    }
    for (int64_t j = 0; j < columns; ++j) *out.at(begin + row, j) = values[j];
  }
}

template <class T> int64_t factor_block(const Factor<T>& factor, int64_t begin, int64_t rows) {
  const auto& [size, matrix, out] = factor;
  Block<T> tile, packed;
  load_block(from(matrix, begin, begin), rows, rows, tile);
  for (int64_t k = 0; k < begin; k += side) {
    const Matrix<T> done = from<T>(out, begin, k);
    load_block({done.data, done.column_stride, done.row_stride}, side, rows, packed);
    subtract<T>({side, done, packed.rows[0], side}, rows, rows, tile.rows[0]);
  }
  const auto keep = [&](int64_t done) {
    for (int64_t i = 0; i < done; ++i) {
      for (int64_t j = 0; j <= i; ++j) *out.at(begin + i, begin + j) = tile.rows[i][j];
      for (int64_t j = begin + i + 1; j < size; ++j) *out.at(begin + i, j) = T(0);
    }
  };
  for (int64_t k = 0; k < rows; ++k) {
    T& pivot = tile.rows[k][k];
    if (!(pivot > 0)) {
      keep(k);
      return begin + k;
    }
    pivot = std::sqrt(pivot);
    for (int64_t i = k + 1; i < rows; ++i) tile.rows[i][k] /= pivot;
    for (int64_t i = k + 1; i < rows; ++i)
      for (int64_t j = k + 1; j <= i; ++j)
        tile.rows[i][j] = multiply_add(-tile.rows[i][k], tile.rows[j][k], tile.rows[i][j]);
  }
  keep(rows);
  return -1;
}

// Of each lane, -1 or the first row whose pivot is not positive.
template <class T> void note_failures(Vector<T> pivots, int64_t row, int64_t count, int64_t* failed) {
  for (int64_t lane = 0; lane < count; ++lane)
    if (!(pivots[lane] > 0) && failed[lane] < 0) failed[lane] = row;
}

template <class T> void factor_lanes(const FactorGroup<T>& work, int64_t begin, int64_t count) {
  const int64_t size = work.size;
  Lanes<T> a(size, size);
  a.load(work.matrix, begin, count);
  for (int64_t k = 0; k < size; ++k) {
    note_failures<T>(a(k, k), k, count, work.failed + begin);
    const Vector<T> pivot = a(k, k) = square_root(a(k, k));
    for (int64_t i = k + 1; i < size; ++i) a(i, k) /= pivot;
    for (int64_t i = k + 1; i < size; ++i)
      for (int64_t j = k + 1; j <= i; ++j) a(i, j) = multiply_add(-a(i, k), a(j, k), a(i, j));
    for (int64_t j = k + 1; j < size; ++j) a(k, j) = Vector<T>{};
  }
  a.store(work.out, begin, count);
}

template <class T> void solve_lanes(const EquationGroup<T>& work, int64_t begin, int64_t count) {
  const int64_t size = work.size, columns = work.columns;
  Lanes<T> lower(size, size), x(size, columns);
  lower.load(work.lower, begin, count);
  x.load(work.right, begin, count);
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      Vector<T> value = x(i, j);
      for (int64_t k = 0; k < i; ++k) value = multiply_add(-lower(i, k), x(k, j), value);
      x(i, j) = work.has_unit_diagonal ? value : value / lower(i, i);
    }
  x.store(work.out, begin, count);
}

} // namespace

void factor_group(const FactorGroup<float>& work) {
  in_lanes<float>(work.count, [&](int64_t begin, int64_t count) { factor_lanes(work, begin, count); });
}
void factor_group(const FactorGroup<double>& work) {
  in_lanes<double>(work.count, [&](int64_t begin, int64_t count) { factor_lanes(work, begin, count); });
}
void solve_group(const EquationGroup<float>& work) {
  in_lanes<float>(work.count, [&](int64_t begin, int64_t count) { solve_lanes(work, begin, count); });
}
void solve_group(const EquationGroup<double>& work) {
  in_lanes<double>(work.count, [&](int64_t begin, int64_t count) { solve_lanes(work, begin, count); });
}

void solve_rows(const Equation<float>& equation, int64_t begin, int64_t rows) {
  solve(equation, begin, rows);
}
void solve_rows(const Equation<double>& equation, int64_t begin, int64_t rows) {
  solve(equation, begin, rows);
}
int64_t factor_diagonal(const Factor<float>& factor, int64_t begin, int64_t rows) {
  return factor_block(factor, begin, rows);
}
int64_t factor_diagonal(const Factor<double>& factor, int64_t begin, int64_t rows) {
  return factor_block(factor, begin, rows);
}

} // namespace adjoint::cpu::ADJOINT_ISA
