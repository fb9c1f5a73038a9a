// Matrices of batches that are factored one after the other: what they are read from, written to, and computed in.
#pragma once
#include <algorithm>
#include <cmath>
#include <thread>

#include "cpu/isa.h"
#include "cpu/pool.h"
#include "cpu/routine.h"
#include "cpu/routines/failing.h"
#include "cpu/routines/orthogonal_block.h"
#include "device/factors.h"
#include "device/integers.h"

namespace adjoint::cpu {

// The functions of an instruction set.
struct OrthogonalParts {
  void (*reflect)(const Reflections&, double*);
  void (*reflect_falling)(const Reflections&, int64_t*);
  void (*reflect_both)(const Reflections&, double*);
  void (*remove)(const Reflections&, const Columns&, int64_t, double*);
  void (*apply)(const Reflections&, const Columns&, int64_t, bool, double*);
  bool (*symmetric)(const Columns&, int64_t, double*, double*);
  void (*small)(double*, int64_t, double*, double*, double*);
  bool (*square)(const Columns&, int64_t, double*, const Columns&, double*);
};
inline OrthogonalParts orthogonal_parts_for(Isa isa) {
#define PARTS(space)                                                                                         \
  {space::reflect,           space::reflect_falling,  space::reflect_both, space::remove_reflections,        \
   space::apply_reflections, space::factor_symmetric, space::factor_small, space::factor_square}
  ADJOINT_RETURN_FOR_ISA(isa, PARTS);
#undef PARTS
}
inline const OrthogonalParts& orthogonal_parts() {
  static const OrthogonalParts chosen = orthogonal_parts_for(chosen_isa());
  return chosen;
}
// The matrix of an item, and the places of its results.
class Item {
 public:
  Item(const FactorWork& work, const RoutineKernel& kernel, const Instance& instance, int64_t index)
      : work_(work), kernel_(kernel), instance_(instance), index_(index), offset_(work.offset(index)) {}

  // The matrix of the same item of another operand.
  Item with(const FactorWork& work) const { return {work, kernel_, instance_, index_}; }

  double at(int64_t row, int64_t column) const {
    const int64_t place = offset_ + row * work_.matrix.row_stride + column * work_.matrix.column_stride;
    const void* const array = instance_.arrays[work_.matrix.array];
    return work_.dtype == DType::float32 ? double{static_cast<const float*>(array)[place]}
                                         : static_cast<const double*>(array)[place];
  }
  // Copies it, column after column, times a power of two that makes its largest element about 1. Returns the exponent,
  // and fails where an element is not finite.
  int load(const Columns& to, bool is_transposed) const {
    const int64_t rows = is_transposed ? work_.columns : work_.rows,
                  columns = is_transposed ? work_.rows : work_.columns;
    double largest = 0;
    bool is_finite = true;
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t i = 0; i < rows; ++i) {
        const double value = is_transposed ? at(j, i) : at(i, j);
        *to.at(i, j) = value;
        is_finite &= std::isfinite(value);
        largest = std::max(largest, std::abs(value));
      }
    if (!is_finite) {
      fail_for_all();
      largest = 0;
      for (int64_t j = 0; j < columns; ++j) std::fill_n(to.at(0, j), rows, 0.0);
    }
    return scale(to, rows, columns, largest);
  }
  static int scale(const Columns& values, int64_t rows, int64_t columns, double largest) {
    const int exponent = largest > 0 ? std::ilogb(largest) + 1 : 0;
    if (exponent >= -100 && exponent <= 100) return 0;
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t i = 0; i < rows; ++i) *values.at(i, j) = std::ldexp(*values.at(i, j), -exponent);
    return exponent;
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
  const int64_t each = quotient_up(numbers, 8) * 8; // whole cache lines
  return {[=](const Instance& instance) {
            parallel_for(tasks, [&](int64_t task) {
              double* const memory = static_cast<double*>(instance.scratch) + task * each;
              for (int64_t item = task; item < items; item += tasks)
                body(Item(work, kernel, instance, item), memory);
            });
          },
          tasks * each * static_cast<int64_t>(sizeof(double))};
}

// Gives out pieces of memory, one after the other; without memory it only counts.
class Pieces {
 public:
  explicit Pieces(double* memory) : memory_(memory) {}
  double* take(int64_t numbers) {
    double* const piece = memory_ ? memory_ + taken_ : nullptr;
    taken_ += quotient_up(numbers, 8) * 8;
    return piece;
  }
  Columns take(int64_t rows, int64_t columns) {
    return {take(column_stride(rows) * columns), column_stride(rows)};
  }
  int64_t taken() const { return taken_; }

 private:
  double* memory_;
  int64_t taken_ = 0;
};

inline void make_identity(const Columns& to, int64_t rows, int64_t columns) {
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) *to.at(i, j) = i == j ? 1 : 0;
}

} // namespace adjoint::cpu
