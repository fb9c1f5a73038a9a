// Triangular factors, and equations with triangular matrices. Threads share blocks of columns; in a single large factor,
// those below each block of the diagonal.
#include "device/triangular.h"

#include <algorithm>
#include <limits>

#include "cpu/isa.h"
#include "cpu/pool.h"
#include "cpu/routine.h"
#include "cpu/routines/failing.h"
#include "cpu/routines/triangular_block.h"
#include "device/integers.h"

namespace adjoint::cpu {

namespace {

constexpr int64_t side = triangular_block;
// Multiply-adds that are worth a task of their own.
constexpr int64_t task_work = int64_t{1} << 16;

// The functions of an instruction set.
template <class T> struct Blocks {
  void (*solve_rows)(const Equation<T>&, int64_t, int64_t);
  int64_t (*factor_diagonal)(const Factor<T>&, int64_t, int64_t);
  void (*factor_group)(const FactorGroup<T>&);
  void (*solve_group)(const EquationGroup<T>&);
};
template <class T> Blocks<T> blocks_for(Isa isa) {
#define BLOCKS(space) {space::solve_rows, space::factor_diagonal, space::factor_group, space::solve_group}
  ADJOINT_RETURN_FOR_ISA(isa, BLOCKS);
#undef BLOCKS
}
template <class T> Blocks<T> blocks() {
  static const Blocks<T> chosen = blocks_for<T>(chosen_isa());
  return chosen;
}

template <class T>
Target<T> item(const TriangularWork& work, const MatrixOperand& operand, const Instance& instance,
               int64_t index) {
  T* data = static_cast<T*>(instance.arrays[operand.array]) + operand.offset;
  for (size_t axis = work.batch.size(); axis-- > 0; index /= work.batch[axis])
    data += index % work.batch[axis] * operand.batch_strides[axis];
  return {data, operand.row_stride, operand.column_stride};
}

// The matrices of a batch from one on.
template <class T>
Group<T> group(const TriangularWork& work, const MatrixOperand& operand, const Instance& instance,
               int64_t first, int64_t count) {
  return group_of<T>(first, count, operand.row_stride, operand.column_stride, [&](int64_t index) {
    return item<std::remove_const_t<T>>(work, operand, instance, index).data;
  });
}

// So many small matrices are worth a group.
constexpr int64_t least_group = 4;

template <class T> void solve_small(const TriangularWork& work, const Instance& instance) {
  for_groups(work.items(), work.size * work.size * work.columns, [&](int64_t first, int64_t count) {
    blocks<T>().solve_group({count, work.size, work.columns, work.has_unit_diagonal,
                             group<const T>(work, work.matrix, instance, first, count),
                             group<const T>(work, work.right, instance, first, count),
                             group<T>(work, work.out, instance, first, count)});
  });
}

template <class T> void solve(const TriangularWork& work, const Instance& instance) {
  if (is_small(work.size, work.columns) && work.items() >= least_group) return solve_small<T>(work, instance);
  const int64_t panels = quotient_up(work.columns, side), tasks = work.items() * panels;
  const int64_t width = std::min(work.columns, side);
  const int64_t each = std::max<int64_t>(1, task_work / std::max<int64_t>(work.size * work.size * width, 1));
  parallel_for(quotient_up(tasks, each), [&](int64_t task) {
    for (int64_t i = task * each; i < std::min((task + 1) * each, tasks); ++i) {
      const int64_t index = i / panels, column = i % panels * side;
      const Target<T> matrix = item<T>(work, work.matrix, instance, index),
                      out = item<T>(work, work.out, instance, index);
      Matrix<T> right = item<T>(work, work.right, instance, index);
      right.data = right.at(0, column);
      const Equation<T> equation{matrix,
                                 work.has_unit_diagonal,
                                 std::min(work.columns - column, side),
                                 right,
                                 {out.at(0, column), out.row_stride, out.column_stride}};
      for (int64_t row = 0; row < work.size; row += side)
        blocks<T>().solve_rows(equation, row, std::min(work.size - row, side));
    }
  });
}

// Rows of the factor are columns of the equation with what is above them. Returns the row that failed, or -1.
template <class T> int64_t factor_one(const Factor<T>& factor) {
  const auto& [size, matrix, out] = factor;
  for (int64_t begin = 0; begin < size; begin += side) {
    const int64_t failed = blocks<T>().factor_diagonal(factor, begin, std::min(size - begin, side));
    if (failed >= 0) return failed;
    const int64_t below = quotient_up(size - begin, side) - 1;
    const int64_t each = std::max<int64_t>(1, task_work / (side * side * (begin + side)));
    parallel_for(quotient_up(below, each), [&](int64_t task) {
      for (int64_t i = task * each; i < std::min((task + 1) * each, below); ++i) {
        const int64_t row = begin + (i + 1) * side;
        const Equation<T> equation{out,
                                   false,
                                   std::min(size - row, side),
                                   {matrix.at(row, 0), matrix.column_stride, matrix.row_stride},
                                   {out.at(row, 0), out.column_stride, out.row_stride}};
        blocks<T>().solve_rows(equation, begin, side);
      }
    });
  }
  return -1;
}

// What becomes of a factor whose row `failed` is not there.
template <class T>
void end_factor(const TriangularWork& work, const Instance& instance, int64_t index, int64_t failed) {
  if (work.checks) {
    fail(instance, place_failure(index * work.size + failed));
    return;
  }
  const Target<T> out = item<T>(work, work.out, instance, index);
  for (int64_t i = failed; i < work.size; ++i)
    for (int64_t j = 0; j < work.size; ++j)
      *out.at(i, j) = j > i ? T(0) : std::numeric_limits<T>::quiet_NaN();
}

template <class T> void factor_small(const TriangularWork& work, const Instance& instance) {
  for_groups(work.items(), work.size * work.size * work.size / 3, [&](int64_t first, int64_t count) {
    int64_t failed[group_size];
    std::fill_n(failed, group_size, -1);
    blocks<T>().factor_group({count, work.size, group<const T>(work, work.matrix, instance, first, count),
                              group<T>(work, work.out, instance, first, count), failed});
    for (int64_t i = 0; i < count; ++i)
      if (failed[i] >= 0) end_factor<T>(work, instance, first + i, failed[i]);
  });
}

template <class T> void factor_all(const TriangularWork& work, const Instance& instance) {
  if (is_small(work.size, work.size) && work.items() >= least_group) return factor_small<T>(work, instance);
  const auto factor = [&](int64_t index) {
    const Target<T> out = item<T>(work, work.out, instance, index);
    const int64_t failed = factor_one<T>({work.size, item<T>(work, work.matrix, instance, index), out});
    if (failed >= 0) end_factor<T>(work, instance, index, failed);
  };
  const int64_t items = work.items(), work_of_one = work.size * work.size * work.size / 3;
  if (items < thread_count() && work_of_one > task_work) {
    for (int64_t index = 0; index < items; ++index) factor(index);
    return;
  }
  const int64_t each = std::max<int64_t>(1, task_work / std::max<int64_t>(work_of_one, 1));
  parallel_for(quotient_up(items, each), [&](int64_t task) {
    for (int64_t index = task * each; index < std::min((task + 1) * each, items); ++index) factor(index);
  });
}

template <class Body> Routine floating(DType dtype, const Body& run) {
  return {[dtype, run](const Instance& instance) {
    if (dtype == DType::float32)
      run.template operator()<float>(instance);
    else
      run.template operator()<double>(instance);
  }};
}

} // namespace

Routine routine_of_cholesky(const RoutineKernel& kernel) {
  return floating(kernel.results[0].dtype, [work = factor_of(kernel)]<class T>(const Instance& instance) {
    factor_all<T>(work, instance);
  });
}

Routine routine_of_solveTriangular(const RoutineKernel& kernel) {
  return floating(kernel.results[0].dtype, [work = equation_of(kernel)]<class T>(const Instance& instance) {
    solve<T>(work, instance);
  });
}

} // namespace adjoint::cpu
