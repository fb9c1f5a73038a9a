// Elimination with exchanges of rows: a block of threads for every matrix, column after column. Every element is computed
// in the CPU's order.
//
// Every function is an instance of `eliminate`, whose mangled name says the dtype, or `order_rows`.
#include "cuda/kernels/lines.h"
#include "cuda/kernels/lu_table.h"
#include "device/dtype.h"
#include "device/failure.h"

using namespace adjoint;
using namespace adjoint::cuda;

template <int dtype, class T> __global__ void __launch_bounds__(256) eliminate(const LuTable* table) {
  constexpr int threads = 256;
  __shared__ T sizes[threads];
  __shared__ int64_t places[threads];
  const int64_t rows = table->rows, columns = table->columns, size = rows < columns ? rows : columns;
  const int thread = static_cast<int>(threadIdx.x);
  for (int64_t item = blockIdx.x; item < table->items; item += gridDim.x) {
    const T* from = reinterpret_cast<const T*>(table->matrix);
    const auto* axis = reinterpret_cast<const LuBatchAxis*>(table + 1) + table->batch_rank;
    int64_t rest = item;
    for (int64_t i = 0; i < table->batch_rank; ++i) {
      --axis;
      from += rest % axis->extent * axis->stride;
      rest /= axis->extent;
    }
    T* const out = reinterpret_cast<T*>(table->out) + item * rows * columns;
    auto* const pivots = reinterpret_cast<int32_t*>(table->pivots) + item * size;
    for (int64_t i = thread; i < rows * columns; i += threads)
      out[i] = from[i / columns * table->row_stride + i % columns * table->column_stride];
    __syncthreads();
    int64_t failed = -1;
    for (int64_t k = 0; k < size; ++k) {
      // The first of the largest elements, or the diagonal's where that is not a number.
      T most = 0;
      int64_t place = k;
      if (table->exchanges) {
        const T first = out[k * columns + k];
        most = first < 0 ? -first : first;
        if (most == most)
          for (int64_t i = k + 1 + thread; i < rows; i += threads) {
            const T value = out[i * columns + k], magnitude = value < 0 ? -value : value;
            if (magnitude > most) {
              most = magnitude;
              place = i;
            }
          }
        sizes[thread] = most;
        places[thread] = place;
        __syncthreads();
        for (int half = threads / 2; half > 0; half /= 2) {
          if (thread < half) {
            const T other = sizes[thread + half];
            const int64_t there = places[thread + half];
            if (other > sizes[thread] || (other == sizes[thread] && there < places[thread])) {
              sizes[thread] = other;
              places[thread] = there;
            }
          }
          __syncthreads();
        }
        place = places[0];
      }
      if (thread == 0) pivots[k] = static_cast<int32_t>(place + 1);
      if (place != k)
        for (int64_t j = thread; j < columns; j += threads) {
          const T value = out[k * columns + j];
          out[k * columns + j] = out[place * columns + j];
          out[place * columns + j] = value;
        }
      __syncthreads();
      const T divisor = out[k * columns + k];
      if (divisor == 0 && failed < 0) failed = k;
      if (divisor == 0 && table->exchanges) continue;
      for (int64_t i = k + 1 + thread; i < rows; i += threads)
        out[i * columns + k] = out[i * columns + k] / divisor;
      __syncthreads();
      const int64_t width = columns - k - 1;
      for (int64_t i = thread; i < (rows - k - 1) * width; i += threads) {
        T* const row = out + (k + 1 + i / width) * columns;
        const int64_t j = k + 1 + i % width;
        row[j] = fma(-row[k], out[k * columns + j], row[j]);
      }
      __syncthreads();
    }
    if (failed >= 0 && thread == 0 && table->failure != 0)
      atomicMax(reinterpret_cast<unsigned long long*>(table->failure),
                static_cast<unsigned long long>(place_failure(item * columns + failed)));
  }
}

template __global__ void eliminate<static_cast<int>(DType::float32), float>(const LuTable*);
template __global__ void eliminate<static_cast<int>(DType::float64), double>(const LuTable*);

__global__ void __launch_bounds__(256) order_rows(const OrderTable* table) {
  for (int64_t item = first_item(); item < table->items; item += item_step()) {
    const auto* from = reinterpret_cast<const int32_t*>(table->pivots);
    const auto* axis = reinterpret_cast<const LuBatchAxis*>(table + 1) + table->batch_rank;
    int64_t rest = item;
    for (int64_t i = 0; i < table->batch_rank; ++i) {
      --axis;
      from += rest % axis->extent * axis->stride;
      rest /= axis->extent;
    }
    auto* const order = reinterpret_cast<int64_t*>(table->out) + item * table->rows;
    for (int64_t i = 0; i < table->rows; ++i) order[i] = i;
    for (int64_t i = 0; i < table->size; ++i) {
      const int64_t other = from[i * table->stride];
      if (other < 1 || other > table->rows || i >= table->rows) {
        atomicMax(reinterpret_cast<unsigned long long*>(table->failure),
                  static_cast<unsigned long long>(index_failure(other)));
      } else {
        const int64_t place = order[i];
        order[i] = order[other - 1];
        order[other - 1] = place;
      }
    }
  }
}
