// Triangular factors, and equations with triangular matrices: a block of threads for every matrix of a factor, and for
// every 32 columns of an equation. It goes from one block of 32 rows to the next: products of what is done are subtracted
// tile by tile, then the rows of the block are finished one after the other. Every element is computed in the CPU's order.
//
// Every function is an instance of `factor` or `solve`, whose mangled name says the dtype.
#include <array>

#include "cuda/kernels/triangular_table.h"
#include "device/dtype.h"
#include "device/failure.h"

// Not an unnamed namespace, whose name in the PTX would depend on where this file lies.
namespace adjoint::cuda {

inline constexpr int side = 32, threads = 256, share = side * side / threads;
inline constexpr int thread_rows = threads / side; // rows of a tile that are taken at once

template <class T> struct Strided {
  T* data;
  int64_t row_stride, column_stride;
  __device__ __forceinline__ T& at(int64_t row, int64_t column) const {
    return data[row * row_stride + column * column_stride];
  }
  __device__ __forceinline__ Strided from(int64_t row, int64_t column) const {
    return {&at(row, column), row_stride, column_stride};
  }
  __device__ __forceinline__ Strided transposed() const { return {data, column_stride, row_stride}; }
};

template <class T> struct Matrices {
  Strided<T> matrix, right, out;
};

// Those of one item of the batch.
template <class T>
__device__ __forceinline__ Matrices<T> matrices_of(const TriangularTable* table, int64_t item) {
  int64_t matrix = 0, right = 0, out = 0;
  const auto* batch = reinterpret_cast<const TriangularBatchAxis*>(table + 1);
  for (int64_t axis = table->batch_rank; axis-- > 0;) {
    const int64_t i = item % batch[axis].extent;
    item /= batch[axis].extent;
    matrix += i * batch[axis].matrix;
    right += i * batch[axis].right;
    out += i * batch[axis].out;
  }
  const auto strided = [](const TriangularMatrix& from, int64_t offset) {
    return Strided<T>{reinterpret_cast<T*>(from.address) + offset, from.row_stride, from.column_stride};
  };
  return {strided(table->matrix, matrix), strided(table->right, right), strided(table->out, out)};
}

template <class T> struct Tile {
  T values[side][side + 1]; // no two rows begin in one bank
  __device__ __forceinline__ T* operator[](int row) { return values[row]; }
};

// What a block of threads works with.
template <class T> struct Shared {
  Tile<T> left, right;
};

// Of a tile of sums, a thread has one column's elements of every eighth row.
__device__ __forceinline__ int own_column() { return static_cast<int>(threadIdx.x) % side; }
__device__ __forceinline__ int own_row(int i) {
  return static_cast<int>(threadIdx.x) / side + i * thread_rows;
}

// A corner of a matrix, and zeros where it ends. Neighbouring threads take what is adjacent in memory.
template <class T>
__device__ __forceinline__ void load(Tile<T>& tile, const Strided<T>& corner, int64_t rows, int64_t columns) {
  const bool is_across = corner.row_stride == 1 || corner.row_stride == -1;
#pragma unroll
  for (int i = 0; i < share; ++i) {
    const int row = is_across ? own_column() : own_row(i), column = is_across ? own_row(i) : own_column();
    tile[row][column] = row < rows && column < columns ? corner.at(row, column) : T(0);
  }
}

// sums -= left right, for so many rows and columns, and as many of the inner axis as are done: a multiple of the side.
template <class T>
__device__ __forceinline__ void subtract(Shared<T>& shared, T (&sums)[share], const Strided<T>& left,
                                         const Strided<T>& right, int64_t rows, int64_t columns,
                                         int64_t done) {
  for (int64_t k = 0; k < done; k += side) {
    __syncthreads();
    load(shared.left, left.from(0, k), rows, side);
    load(shared.right, right.from(k, 0), side, columns);
    __syncthreads();
#pragma unroll 8
    for (int step = 0; step < side; ++step) {
      const T factor = shared.right[step][own_column()];
#pragma unroll
      for (int i = 0; i < share; ++i) sums[i] = fma(-shared.left[own_row(i)][step], factor, sums[i]);
    }
  }
  __syncthreads();
}

template <class T>
__device__ __forceinline__ void start(T (&sums)[share], const Strided<T>& corner, int64_t rows,
                                      int64_t columns) {
#pragma unroll
  for (int i = 0; i < share; ++i)
    sums[i] = own_row(i) < rows && own_column() < columns ? corner.at(own_row(i), own_column()) : T(0);
}

// Rows of an equation from `begin` on, those before them being done.
template <class T>
__device__ __forceinline__ void solve_rows(Shared<T>& shared, const Matrices<T>& equation, int64_t begin,
                                           int64_t rows, int64_t columns, bool has_unit_diagonal) {
  T sums[share];
  start(sums, equation.right.from(begin, 0), rows, columns);
  subtract(shared, sums, equation.matrix.from(begin, 0), equation.out, rows, columns, begin);
  load(shared.left, equation.matrix.from(begin, begin), rows, rows);
  __syncthreads();
#pragma unroll
  for (int owned = 0; owned < share; ++owned) {
#pragma unroll 1 // ptxas takes minutes otherwise
    for (int j = 0; j < thread_rows; ++j) {
      const int k = owned * thread_rows + j; // the row that is finished
      if (k >= rows) break;
      if (own_row(owned) == k) {
        if (!has_unit_diagonal) sums[owned] = sums[owned] / shared.left[k][k];
        shared.right[k][own_column()] = sums[owned];
        if (own_column() < columns) equation.out.at(begin + k, own_column()) = sums[owned];
      }
      __syncthreads();
      const T value = shared.right[k][own_column()];
#pragma unroll
      for (int i = 0; i < share; ++i)
        if (own_row(i) > k) sums[i] = fma(-shared.left[own_row(i)][k], value, sums[i]);
    }
  }
  __syncthreads();
}

template <class T> __device__ __forceinline__ T nan_of() {
  return static_cast<T>(__longlong_as_double(0x7ff8000000000000ll));
}

// Stores so many rows and columns of a factor's block on the diagonal, with zeros to the right of it.
template <class T>
__device__ __forceinline__ void keep(const Matrices<T>& factor, const T (&sums)[share], int64_t begin,
                                     int rows, int columns) {
#pragma unroll
  for (int i = 0; i < share; ++i)
    if (own_row(i) < rows && own_column() < columns)
      factor.out.at(begin + own_row(i), begin + own_column()) = own_column() <= own_row(i) ? sums[i] : T(0);
}

// The same of a factor, on the diagonal, with zeros to the right of it. Returns the row that failed, or -1.
template <class T>
__device__ __forceinline__ int factor_diagonal(Shared<T>& shared, const Matrices<T>& factor, int64_t begin,
                                               int64_t rows) {
  __shared__ T pivot;
  T sums[share];
  start(sums, factor.matrix.from(begin, begin), rows, rows);
  subtract(shared, sums, factor.out.from(begin, 0), factor.out.from(begin, 0).transposed(), rows, rows,
           begin);
#pragma unroll
  for (int owned = 0; owned < share; ++owned) {
#pragma unroll 1 // ptxas takes minutes otherwise
    for (int j = 0; j < thread_rows; ++j) {
      const int k = owned * thread_rows + j;
      if (k >= rows) break;
      if (own_row(owned) == k && own_column() == k) pivot = sums[owned];
      __syncthreads();
      if (!(pivot > 0)) {
        keep(factor, sums, begin, k, k);
        return k;
      }
      const T root = sqrt(pivot);
      if (own_column() == k) {
#pragma unroll
        for (int i = 0; i < share; ++i) {
          if (own_row(i) == k) sums[i] = root;
          if (own_row(i) > k) sums[i] = sums[i] / root;
          shared.left[own_row(i)][k] = sums[i];
        }
      }
      __syncthreads();
#pragma unroll
      for (int i = 0; i < share; ++i)
        if (own_row(i) > k && own_column() > k)
          sums[i] = fma(-shared.left[own_row(i)][k], shared.left[own_column()][k], sums[i]);
    }
  }
  keep(factor, sums, begin, static_cast<int>(rows), static_cast<int>(rows));
  __syncthreads();
  return -1;
}

} // namespace adjoint::cuda

using namespace adjoint;
using namespace adjoint::cuda;

template <int dtype, class T> __global__ void __launch_bounds__(256) solve(const TriangularTable* table) {
  __shared__ Shared<T> shared;
  const int64_t column = static_cast<int64_t>(blockIdx.x) % table->panels * side;
  Matrices<T> equation = matrices_of<T>(table, static_cast<int64_t>(blockIdx.x) / table->panels);
  equation.right = equation.right.from(0, column);
  equation.out = equation.out.from(0, column);
  for (int64_t begin = 0; begin < table->size; begin += side) {
    const int64_t rows = table->size - begin < side ? table->size - begin : side;
    const int64_t columns = table->columns - column < side ? table->columns - column : side;
    solve_rows(shared, equation, begin, rows, columns, table->has_unit_diagonal != 0);
  }
}

template <int dtype, class T> __global__ void __launch_bounds__(256) factor(const TriangularTable* table) {
  __shared__ Shared<T> shared;
  const int64_t size = table->size;
  const Matrices<T> whole = matrices_of<T>(table, blockIdx.x);
  for (int64_t begin = 0; begin < size; begin += side) {
    const int64_t rows = size - begin < side ? size - begin : side;
    const int failed = factor_diagonal(shared, whole, begin, rows);
    if (failed >= 0) {
      if (table->failure == 0) {
        const int64_t first = begin + failed;
        for (int64_t i = threadIdx.x; i < (size - begin) * size; i += threads) {
          const int64_t row = begin + i / size, column = i % size;
          if (row >= first || column >= first) whole.out.at(row, column) = column > row ? T(0) : nan_of<T>();
        }
      } else if (threadIdx.x == 0)
        atomicMax(reinterpret_cast<unsigned long long*>(table->failure),
                  static_cast<unsigned long long>(
                      place_failure(static_cast<int64_t>(blockIdx.x) * size + begin + failed)));
      return;
    }
    // Rows of the factor are columns of the equation with what is above them.
    for (int64_t row = begin + side; row < size; row += side) {
      const int64_t below = size - row < side ? size - row : side;
      solve_rows(shared,
                 {whole.out, whole.matrix.from(row, 0).transposed(), whole.out.from(row, 0).transposed()},
                 begin, side, below, false);
#pragma unroll
      for (int i = 0; i < share; ++i)
        if (own_column() < below) whole.out.at(begin + own_row(i), row + own_column()) = T(0);
    }
  }
}

// Names all functions, so that they are compiled.
void keep_functions(std::array<const void*, 4>& out) {
  size_t count = 0;
  const auto keep = [&]<class T>() {
    constexpr int dtype = static_cast<int>(dtype_of<T>);
    out[count++] = reinterpret_cast<const void*>(&solve<dtype, T>);
    out[count++] = reinterpret_cast<const void*>(&factor<dtype, T>);
  };
  keep.template operator()<float>();
  keep.template operator()<double>();
}
