// Orthogonal factors of batches. A task takes matrices one after the other, in memory of its own, or small ones side by side.
#include <utility>

#include "cpu/routines/singular_values.h"
#include "cpu/routines/small_orthogonal.h"

namespace adjoint::cpu {

namespace {

template <class T> struct GroupParts {
  void (*reflect)(const ReflectionGroup<T>&);
  void (*symmetric)(const SymmetricGroup<T>&);
};
template <class T> GroupParts<T> group_parts_for(Isa isa) {
#define PARTS(space) {space::reflect_group, space::factor_symmetric_group}
  ADJOINT_RETURN_FOR_ISA(isa, PARTS);
#undef PARTS
}
template <class T> const GroupParts<T>& group_parts() {
  static const GroupParts<T> chosen = group_parts_for<T>(chosen_isa());
  return chosen;
}

// Small matrices of a batch, and what becomes of them.
template <class T> class Groups {
 public:
  Groups(const FactorWork& work, const RoutineKernel& kernel, const Instance& instance)
      : work_(work), kernel_(kernel), instance_(instance) {}

  // `work_of_one` is in multiply-adds.
  template <class Body> void each(int64_t work_of_one, const Body& body) const {
    for_groups(work_.items(), work_of_one, [&](int64_t first, int64_t count) { body(*this, first, count); });
  }
  Group<const T> matrices(int64_t first, int64_t count) const {
    const T* const data = static_cast<const T*>(instance_.arrays[work_.matrix.array]);
    return group_of<const T>(first, count, work_.matrix.row_stride, work_.matrix.column_stride,
                             [&](int64_t item) { return data + work_.offset(item); });
  }
  Group<T> results(size_t result, int64_t rows, int64_t columns, int64_t first, int64_t count) const {
    const RoutineKernel::Operand& to = kernel_.results[result];
    T* const data = static_cast<T*>(instance_.arrays[to.array]) + to.offset;
    return group_of<T>(first, count, columns, 1, [&](int64_t item) { return data + item * rows * columns; });
  }
  void fail_for(int64_t item) const { fail(instance_, place_failure(item * work_.columns)); }

 private:
  const FactorWork& work_;
  const RoutineKernel& kernel_;
  const Instance& instance_;
};

// Runs run(groups) of the batch's type.
template <class Body> Routine in_groups(const RoutineKernel& kernel, const Body& run) {
  const FactorWork work = factors_of(kernel);
  return {[=](const Instance& instance) {
    if (work.dtype == DType::float32)
      run(Groups<float>(work, kernel, instance));
    else
      run(Groups<double>(work, kernel, instance));
  }};
}

Routine reflect_small(const RoutineKernel& kernel, int64_t rows, int64_t columns, int64_t inner) {
  return in_groups(kernel, [=]<class T>(const Groups<T>& all) {
    all.each(4 * rows * rows * columns, [&](const Groups<T>& groups, int64_t first, int64_t count) {
      group_parts<T>().reflect({count, rows, columns, inner, groups.matrices(first, count),
                                groups.results(0, rows, inner, first, count),
                                groups.results(1, inner, columns, first, count)});
    });
  });
}

Routine factor_small_symmetric(const RoutineKernel& kernel, int64_t size, bool is_upper) {
  return in_groups(kernel, [=]<class T>(const Groups<T>& all) {
    constexpr int64_t sweeps = 7;
    all.each(sweeps * 4 * size * size * size, [&](const Groups<T>& groups, int64_t first, int64_t count) {
      bool are_found[group_size];
      Group<const T> lower = groups.matrices(first, count);
      if (is_upper) std::swap(lower.row_stride, lower.column_stride);
      group_parts<T>().symmetric({count, size, lower, groups.results(0, size, 1, first, count),
                                  groups.results(1, size, size, first, count), are_found});
      for (int64_t i = 0; i < count; ++i)
        if (!are_found[i]) groups.fail_for(first + i);
    });
  });
}

} // namespace

Routine routine_of_qr(const RoutineKernel& kernel) {
  const FactorWork work = factors_of(kernel);
  const int64_t rows = work.rows, columns = work.columns, inner = kernel.results[0].shape.back();
  if (is_small(rows, columns)) return reflect_small(kernel, rows, columns, inner);
  const int64_t numbers =
      column_stride(rows) * (columns + inner) + column_stride(columns) + block_numbers(rows);
  return for_items(kernel, numbers, [=](const Item& item, double* memory) {
    Pieces pieces(memory);
    const Columns r = pieces.take(rows, columns), q = pieces.take(rows, inner);
    const Reflections reflections{r, rows, columns, pieces.take(columns)};
    double* const rest = pieces.take(block_numbers(rows));
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t i = 0; i < rows; ++i) *r.at(i, j) = item.at(i, j);
    orthogonal_parts().reflect(reflections, rest);
    make_identity(q, rows, inner);
    orthogonal_parts().apply(reflections, q, inner, true, rest);
    item.store(0, [&](int64_t i, int64_t j) { return *q.at(i, j); });
    item.store(1, [&](int64_t i, int64_t j) { return i > j ? 0.0 : *r.at(i, j); });
  });
}

Routine routine_of_eigh(const RoutineKernel& kernel) {
  const int64_t size = kernel.inputs[0].shape.back();
  const bool is_upper = kernel.parameters[0] != 0;
  // A matrix takes the same way alone, where rotations side by side lose to reflections soon.
  constexpr int64_t most_rotated = 8;
  if (size <= most_rotated) return factor_small_symmetric(kernel, size, is_upper);
  const int64_t numbers = column_stride(size) * (size + 1) + symmetric_numbers(size);
  return for_items(kernel, numbers, [=](const Item& item, double* memory) {
    Pieces pieces(memory);
    const Columns matrix = pieces.take(size, size);
    double *const values = pieces.take(size), *const rest = pieces.take(symmetric_numbers(size));
    double largest = 0;
    bool is_finite = true;
    for (int64_t j = 0; j < size; ++j)
      for (int64_t i = j; i < size; ++i) {
        const double value = is_upper ? item.at(j, i) : item.at(i, j);
        *matrix.at(i, j) = *matrix.at(j, i) = value;
        is_finite &= std::isfinite(value);
        largest = std::max(largest, std::abs(value));
      }
    if (!is_finite) {
      for (int64_t j = 0; j < size; ++j) std::fill_n(matrix.at(0, j), size, 0.0);
      largest = 0;
    }
    const int exponent = Item::scale(matrix, size, size, largest);
    const bool is_found = orthogonal_parts().symmetric(matrix, size, values, rest);
    if (!is_finite || !is_found) item.fail_for_all();
    item.store(0, [&](int64_t, int64_t j) { return std::ldexp(values[j], exponent); });
    item.store(1, [&](int64_t i, int64_t j) { return *matrix.at(i, j); });
  });
}

Routine routine_of_svd(const RoutineKernel& kernel) {
  const SingularValues values(factors_of(kernel), kernel.parameters[0] != 0);
  return for_items(kernel, values.numbers(), values);
}

} // namespace adjoint::cpu
