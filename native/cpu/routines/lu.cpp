// Elimination with exchanges of rows, panel by panel. Threads share the matrices of a batch, or the rows below a panel of
// a large one.
#include <algorithm>

#include "cpu/isa.h"
#include "cpu/pool.h"
#include "cpu/routine.h"
#include "cpu/routines/failing.h"
#include "cpu/routines/lu_panel.h"
#include "device/factors.h"
#include "device/integers.h"

namespace adjoint::cpu {

namespace {

// Multiply-adds that are worth a task of their own.
constexpr int64_t task_work = int64_t{1} << 16;

// The functions of an instruction set.
template <class T> struct Parts {
  void (*eliminate)(const Elimination<T>&, int64_t, int64_t);
  void (*subtract)(const Elimination<T>&, int64_t, int64_t, int64_t, int64_t, int64_t);
};
template <class T> Parts<T> parts_for(Isa isa) {
#define PARTS(space) {space::eliminate_panel, space::subtract_panel}
  ADJOINT_RETURN_FOR_ISA(isa, PARTS);
#undef PARTS
}
template <class T> Parts<T> parts() {
  static const Parts<T> chosen = parts_for<T>(chosen_isa());
  return chosen;
}

template <class T> void eliminate(const Elimination<T>& work) {
  const int64_t size = std::min(work.rows, work.columns);
  for (int64_t begin = 0; begin < size; begin += lu_panel_width) {
    const int64_t end = std::min(size, begin + lu_panel_width), below = work.rows - end;
    parts<T>().eliminate(work, begin, end);
    const int64_t each =
        std::max<int64_t>(4, task_work / std::max<int64_t>((end - begin) * (work.columns - end), 1) / 4 * 4);
    parallel_for(quotient_up(below, each), [&](int64_t task) {
      parts<T>().subtract(work, begin, end, end + task * each, std::min(end + (task + 1) * each, work.rows),
                          end);
    });
  }
}

template <class T>
void factor(const FactorWork& work, const RoutineKernel& kernel, const Instance& instance, int64_t item) {
  const int64_t size = std::min(work.rows, work.columns);
  const auto* from = static_cast<const T*>(instance.arrays[work.matrix.array]) + work.offset(item);
  const auto [lu, pivots] = std::pair(kernel.results[0], kernel.results[1]);
  T* const out = static_cast<T*>(instance.arrays[lu.array]) + lu.offset + item * work.rows * work.columns;
  for (int64_t i = 0; i < work.rows; ++i)
    for (int64_t j = 0; j < work.columns; ++j)
      out[i * work.columns + j] = from[i * work.matrix.row_stride + j * work.matrix.column_stride];
  int32_t* const exchanged =
      static_cast<int32_t*>(instance.arrays[pivots.array]) + pivots.offset + item * size;
  eliminate<T>({out, work.rows, work.columns, exchanged, kernel.parameters[0] != 0});
  if (kernel.parameters[1] == 0) return;
  for (int64_t i = 0; i < size; ++i)
    if (out[i * work.columns + i] == 0) {
      fail(instance, place_failure(item * work.columns + i));
      return;
    }
}

} // namespace

Routine routine_of_lu(const RoutineKernel& kernel) {
  const FactorWork work = factors_of(kernel);
  return {[work, kernel](const Instance& instance) {
    const auto run = [&](int64_t item) {
      if (work.dtype == DType::float32)
        factor<float>(work, kernel, instance, item);
      else
        factor<double>(work, kernel, instance, item);
    };
    const int64_t items = work.items(),
                  work_of_one = work.rows * work.columns * std::min(work.rows, work.columns) / 2;
    if (items < thread_count() && work_of_one > task_work) {
      for (int64_t item = 0; item < items; ++item) run(item);
      return;
    }
    const int64_t each = std::max<int64_t>(1, task_work / std::max<int64_t>(work_of_one, 1));
    parallel_for(quotient_up(items, each), [&](int64_t task) {
      for (int64_t item = task * each; item < std::min((task + 1) * each, items); ++item) run(item);
    });
  }};
}

Routine routine_of_permutation(const RoutineKernel& kernel) {
  return {[kernel](const Instance& instance) {
    const RoutineKernel::Operand &pivots = kernel.inputs[0], &out = kernel.results[0];
    const int64_t rows = kernel.parameters[0], size = pivots.shape.back();
    Dims batch = pivots.shape;
    batch.resize(batch.size() - 1);
    for (int64_t item = 0; item < element_count(batch); ++item) {
      const auto* from = static_cast<const int32_t*>(instance.arrays[pivots.array]) + pivots.offset;
      int64_t rest = item;
      for (size_t axis = batch.size(); axis-- > 0; rest /= batch[axis])
        from += rest % batch[axis] * pivots.strides[axis];
      int64_t* const order = static_cast<int64_t*>(instance.arrays[out.array]) + out.offset + item * rows;
      for (int64_t i = 0; i < rows; ++i) order[i] = i;
      for (int64_t i = 0; i < size; ++i) {
        const int64_t other = from[i * pivots.strides.back()];
        if (other < 1 || other > rows || i >= rows)
          fail(instance, index_failure(other));
        else
          std::swap(order[i], order[other - 1]);
      }
    }
  }};
}

} // namespace adjoint::cpu
