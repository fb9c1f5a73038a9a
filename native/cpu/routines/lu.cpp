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
  void (*eliminate_group)(const EliminationGroup<T>&);
};
template <class T> Parts<T> parts_for(Isa isa) {
#define PARTS(space) {space::eliminate_panel, space::subtract_panel, space::eliminate_group}
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

// The batches of an elimination.
template <class T> class Eliminations {
 public:
  Eliminations(const FactorWork& work, const RoutineKernel& kernel, const Instance& instance)
      : work_(work), instance_(instance), size_(std::min(work.rows, work.columns)),
        exchanges_(kernel.parameters[0] != 0), checks_(kernel.parameters[1] != 0),
        from_(static_cast<const T*>(instance.arrays[work.matrix.array])),
        to_(static_cast<T*>(instance.arrays[kernel.results[0].array]) + kernel.results[0].offset),
        pivots_(static_cast<int32_t*>(instance.arrays[kernel.results[1].array]) + kernel.results[1].offset) {}

  void run() const {
    constexpr int64_t least_group = 4;
    const int64_t items = work_.items(), work_of_one = work_.rows * work_.columns * size_ / 2;
    if (is_small(work_.rows, work_.columns) && items >= least_group) {
      for_groups(items, work_of_one, [&](int64_t first, int64_t count) { factor_group(first, count); });
      return;
    }
    if (items < thread_count() && work_of_one > task_work) {
      for (int64_t item = 0; item < items; ++item) factor(item);
      return;
    }
    const int64_t each = std::max<int64_t>(1, task_work / std::max<int64_t>(work_of_one, 1));
    parallel_for(quotient_up(items, each), [&](int64_t task) {
      for (int64_t item = task * each; item < std::min((task + 1) * each, items); ++item) factor(item);
    });
  }

 private:
  T* to(int64_t item) const { return to_ + item * work_.rows * work_.columns; }

  void factor(int64_t item) const {
    const T* const from = from_ + work_.offset(item);
    T* const out = to(item);
    for (int64_t i = 0; i < work_.rows; ++i)
      for (int64_t j = 0; j < work_.columns; ++j)
        out[i * work_.columns + j] = from[i * work_.matrix.row_stride + j * work_.matrix.column_stride];
    eliminate<T>({out, work_.rows, work_.columns, pivots_ + item * size_, exchanges_});
    check(item);
  }

  void factor_group(int64_t first, int64_t count) const {
    parts<T>().eliminate_group(
        {count, work_.rows, work_.columns,
         group_of<const T>(first, count, work_.matrix.row_stride, work_.matrix.column_stride,
                           [&](int64_t item) { return from_ + work_.offset(item); }),
         group_of<T>(first, count, work_.columns, 1, [&](int64_t item) { return to(item); }),
         pivots_ + first * size_, exchanges_});
    for (int64_t i = 0; i < count; ++i) check(first + i);
  }

  // Complains of the first zero on the diagonal, where that is wanted.
  void check(int64_t item) const {
    for (int64_t i = 0; i < size_ && checks_; ++i)
      if (to(item)[i * work_.columns + i] == 0)
        return fail(instance_, place_failure(item * work_.columns + i));
  }

  const FactorWork& work_;
  const Instance& instance_;
  int64_t size_;
  bool exchanges_, checks_;
  const T* from_;
  T* to_;
  int32_t* pivots_;
};

} // namespace

Routine routine_of_lu(const RoutineKernel& kernel) {
  const FactorWork work = factors_of(kernel);
  return {[work, kernel](const Instance& instance) {
    if (work.dtype == DType::float32)
      Eliminations<float>(work, kernel, instance).run();
    else
      Eliminations<double>(work, kernel, instance).run();
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
