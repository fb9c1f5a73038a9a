// Orthogonal factors of batches. A task takes matrices one after the other, in memory of its own.
#include "cpu/routines/orthogonal.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "cpu/isa.h"
#include "cpu/pool.h"
#include "cpu/routine.h"
#include "cpu/routines/failing.h"
#include "device/factors.h"

namespace adjoint::cpu {

namespace {

// The functions of an instruction set.
struct Parts {
  void (*reflect)(const Reflections&, int64_t*);
  void (*reflect_both)(const Reflections&, double*);
  void (*remove)(const Reflections&, double*, int64_t);
  void (*apply)(const Reflections&, double*, int64_t, bool);
  void (*symmetric)(double*, int64_t, double*, double*);
  void (*square)(double*, int64_t, double*, double*, double*);
};
Parts parts_for(Isa isa) {
#define PARTS(space)                                                                                         \
  {space::reflect,           space::reflect_both,     space::remove_reflections,                             \
   space::apply_reflections, space::factor_symmetric, space::factor_square}
  ADJOINT_RETURN_FOR_ISA(isa, PARTS);
#undef PARTS
}
const Parts& parts() {
  static const Parts chosen = parts_for(chosen_isa());
  return chosen;
}

// The matrix of an item, and the places of its results.
class Item {
 public:
  Item(const FactorWork& work, const RoutineKernel& kernel, const Instance& instance, int64_t index)
      : work_(work), kernel_(kernel), instance_(instance), index_(index), offset_(work.offset(index)) {}

  double at(int64_t row, int64_t column) const {
    const int64_t place = offset_ + row * work_.matrix.row_stride + column * work_.matrix.column_stride;
    const void* const array = instance_.arrays[work_.matrix.array];
    return work_.dtype == DType::float32 ? double{static_cast<const float*>(array)[place]}
                                         : static_cast<const double*>(array)[place];
  }
  // Copies it, column after column, times a power of two that makes its largest element about 1. Returns the exponent,
  // and fails where an element is not finite.
  int load(double* to, bool is_transposed) const {
    const int64_t rows = is_transposed ? work_.columns : work_.rows,
                  columns = is_transposed ? work_.rows : work_.columns;
    double largest = 0;
    bool is_finite = true;
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t i = 0; i < rows; ++i) {
        const double value = is_transposed ? at(j, i) : at(i, j);
        to[j * rows + i] = value;
        is_finite &= std::isfinite(value);
        largest = std::max(largest, std::abs(value));
      }
    if (!is_finite) {
      fail(instance_, place_failure(index_ * work_.columns));
      std::fill_n(to, rows * columns, 0.0);
      return 0;
    }
    return scale(to, rows * columns, largest);
  }
  static int scale(double* values, int64_t count, double largest) {
    const int exponent = largest > 0 ? std::ilogb(largest) + 1 : 0;
    if (exponent < -100 || exponent > 100)
      for (int64_t i = 0; i < count; ++i) values[i] = std::ldexp(values[i], -exponent);
    return exponent < -100 || exponent > 100 ? exponent : 0;
  }
  void fail_for_all() const { fail(instance_, place_failure(index_ * work_.columns)); }

  // Element (i, j) of a result becomes value(i, j).
  template <class Body> void store(size_t result, const Body& value) const {
    const RoutineKernel::Operand& to = kernel_.results[result];
    const size_t rank = to.shape.size(), batch = work_.batch.size();
    const int64_t columns = to.shape.back(), rows = rank > batch + 1 ? to.shape[rank - 2] : 1;
    const int64_t first = to.offset + index_ * rows * columns;
    void* const array = instance_.arrays[to.array];
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        const int64_t place = first + i * columns + j;
        if (to.dtype == DType::float32)
          static_cast<float*>(array)[place] = static_cast<float>(value(i, j));
        else
          static_cast<double*>(array)[place] = value(i, j);
      }
  }

 private:
  const FactorWork& work_;
  const RoutineKernel& kernel_;
  const Instance& instance_;
  int64_t index_, offset_;
};

// Runs body(item, memory) for all items, with so many numbers of memory.
template <class Body> Routine for_items(const RoutineKernel& kernel, int64_t numbers, const Body& body) {
  const FactorWork work = factors_of(kernel);
  const int64_t items = work.items();
  const int64_t tasks =
      std::clamp<int64_t>(items, 1, std::max<int64_t>(thread_count(), std::thread::hardware_concurrency()));
  return {[=](const Instance& instance) {
            parallel_for(tasks, [&](int64_t task) {
              double* const memory = static_cast<double*>(instance.scratch) + task * numbers;
              for (int64_t item = task; item < items; item += tasks)
                body(Item(work, kernel, instance, item), memory);
            });
          },
          tasks * numbers * static_cast<int64_t>(sizeof(double))};
}

} // namespace

Routine routine_of_qr(const RoutineKernel& kernel) {
  const FactorWork work = factors_of(kernel);
  const int64_t rows = work.rows, columns = work.columns, inner = kernel.results[0].shape.back();
  return for_items(kernel, rows * (columns + inner) + columns, [=](const Item& item, double* memory) {
    const Reflections reflections{memory, rows, columns, memory + rows * columns};
    double* const q = reflections.factors + columns;
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t i = 0; i < rows; ++i) memory[j * rows + i] = item.at(i, j);
    parts().reflect(reflections, nullptr);
    for (int64_t i = 0; i < rows * inner; ++i) q[i] = i % (rows + 1) == 0 ? 1 : 0;
    parts().apply(reflections, q, inner, true);
    item.store(0, [&](int64_t i, int64_t j) { return q[j * rows + i]; });
    item.store(1, [&](int64_t i, int64_t j) { return i > j ? 0.0 : memory[j * rows + i]; });
  });
}

Routine routine_of_eigh(const RoutineKernel& kernel) {
  const int64_t size = kernel.inputs[0].shape.back();
  const bool is_upper = kernel.parameters[0] != 0;
  return for_items(kernel, 2 * size * size + 4 * size, [=](const Item& item, double* memory) {
    double *const values = memory + size * size, *const work = values + size;
    double largest = 0;
    bool is_finite = true;
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j < size; ++j) {
        const double value = (j > i) == is_upper ? item.at(i, j) : item.at(j, i);
        memory[i * size + j] = value;
        is_finite &= std::isfinite(value);
        largest = std::max(largest, std::abs(value));
      }
    if (!is_finite) {
      item.fail_for_all();
      std::fill_n(memory, size * size, 0.0);
      largest = 0;
    }
    const int exponent = Item::scale(memory, size * size, largest);
    parts().symmetric(memory, size, values, work);
    item.store(0, [&](int64_t, int64_t j) { return std::ldexp(values[j], exponent); });
    item.store(1, [&](int64_t i, int64_t j) { return memory[j * size + i]; });
  });
}

// Of the matrix, or of its transpose, which has no fewer rows than columns: B = Q R, R P = Q2 R2 and R2' = Z S J', so that
// B = (Q Q2 J) S (P Z)'. Where all vectors are wanted, the last columns of Q complete them: those of a wide matrix come
// from reflections on both sides, so that they are the ones that PyTorch's library gives.
Routine routine_of_svd(const RoutineKernel& kernel) {
  const FactorWork work = factors_of(kernel);
  const bool is_transposed = work.rows < work.columns, is_tall = work.rows != work.columns;
  const int64_t rows = std::max(work.rows, work.columns), size = std::min(work.rows, work.columns);
  const bool is_full = kernel.parameters[0] != 0;
  const int64_t left_columns = is_full ? rows : size;
  const int64_t numbers = rows * (size + left_columns + 1) + 4 * size * size + 7 * size;
  return for_items(kernel, numbers, [=](const Item& item, double* memory) {
    double *const left = memory + rows * size, *const triangle = left + rows * left_columns,
                  *const square = triangle + size * size, *const others = square + size * size,
                  *const right = others + size * size, *const values = right + size * size,
                  *const factors = values + size, *const rest = factors + 2 * size;
    auto* const order = reinterpret_cast<int64_t*>(rest + 2 * size);
    const int exponent = item.load(is_tall ? memory : triangle, is_transposed);
    const Reflections first{memory, rows, size, factors}, second{triangle, size, size, factors + size};
    if (is_transposed && is_full) {
      std::copy_n(memory, rows * size, left);
      parts().reflect_both(first, rest + 3 * size);
      parts().remove(first, left, size);
      for (int64_t j = 0; j < size; ++j) std::copy_n(left + j * rows, size, triangle + j * size);
    } else if (is_tall) {
      parts().reflect(first, nullptr);
      for (int64_t j = 0; j < size; ++j)
        for (int64_t i = 0; i < size; ++i) triangle[j * size + i] = i > j ? 0 : memory[j * rows + i];
    }
    parts().reflect(second, order);
    for (int64_t j = 0; j < size; ++j)
      for (int64_t i = 0; i < size; ++i) square[j * size + i] = i < j ? 0 : triangle[i * size + j];
    parts().square(square, size, values, others, rest);
    parts().apply(second, others, size, false);
    for (int64_t j = 0; j < left_columns; ++j)
      for (int64_t i = 0; i < rows; ++i)
        left[j * rows + i] = j < size ? (i < size ? others[j * size + i] : 0) : i == j;
    if (is_tall) parts().apply(first, left, left_columns, false);
    for (int64_t j = 0; j < size; ++j)
      for (int64_t i = 0; i < size; ++i) right[j * size + order[i]] = square[j * size + i];
    const auto in_left = [&](int64_t i, int64_t j) { return left[j * rows + i]; };
    const auto in_right = [&](int64_t i, int64_t j) { return right[j * size + i]; };
    item.store(1, [&](int64_t, int64_t j) { return std::ldexp(values[j], exponent); });
    if (is_transposed) {
      item.store(0, in_right);
      item.store(2, [&](int64_t i, int64_t j) { return in_left(j, i); });
    } else {
      item.store(0, in_left);
      item.store(2, [&](int64_t i, int64_t j) { return in_right(j, i); });
    }
  });
}

} // namespace adjoint::cpu
