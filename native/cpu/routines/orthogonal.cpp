// Orthogonal factors of batches. A task takes matrices one after the other, in memory of its own.
#include "cpu/routines/orthogonal.h"

#include <algorithm>
#include <cmath>
#include <thread>
#include <utility>

#include "cpu/isa.h"
#include "cpu/pool.h"
#include "cpu/routine.h"
#include "cpu/routines/failing.h"
#include "cpu/routines/small_orthogonal.h"
#include "device/factors.h"
#include "device/integers.h"

namespace adjoint::cpu {

namespace {

// The functions of an instruction set.
struct Parts {
  void (*reflect)(const Reflections&, double*);
  void (*reflect_falling)(const Reflections&, int64_t*);
  void (*reflect_both)(const Reflections&, double*);
  void (*remove)(const Reflections&, const Columns&, int64_t, double*);
  void (*apply)(const Reflections&, const Columns&, int64_t, bool, double*);
  bool (*symmetric)(const Columns&, int64_t, double*, double*);
  void (*small)(double*, int64_t, double*, double*, double*);
  bool (*square)(const Columns&, int64_t, double*, const Columns&, double*);
};
template <class T> struct GroupParts {
  void (*reflect)(const ReflectionGroup<T>&);
  void (*symmetric)(const SymmetricGroup<T>&);
};
Parts parts_for(Isa isa) {
#define PARTS(space)                                                                                         \
  {space::reflect,           space::reflect_falling,  space::reflect_both, space::remove_reflections,        \
   space::apply_reflections, space::factor_symmetric, space::factor_small, space::factor_square}
  ADJOINT_RETURN_FOR_ISA(isa, PARTS);
#undef PARTS
}
const Parts& parts() {
  static const Parts chosen = parts_for(chosen_isa());
  return chosen;
}
template <class T> GroupParts<T> group_parts_for(Isa isa) {
#define PARTS(space) {space::reflect_group, space::factor_symmetric_group}
  ADJOINT_RETURN_FOR_ISA(isa, PARTS);
#undef PARTS
}
template <class T> const GroupParts<T>& group_parts() {
  static const GroupParts<T> chosen = group_parts_for<T>(chosen_isa());
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

void make_identity(const Columns& to, int64_t rows, int64_t columns) {
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) *to.at(i, j) = i == j ? 1 : 0;
}

// Singular values of a matrix, or of its transpose, which has no fewer rows than columns: B = Q R, and of R in turn. Where
// all vectors are wanted, the last columns of Q complete them: those of a wide matrix come from reflections on both sides,
// so that they are the ones that PyTorch's library gives.
class SingularValues {
 public:
  explicit SingularValues(const FactorWork& work, bool is_full)
      : is_transposed_(work.rows < work.columns), is_full_(is_full), rows_(std::max(work.rows, work.columns)),
        size_(std::min(work.rows, work.columns)), left_columns_(is_full ? rows_ : size_) {}

  // How many numbers of memory it takes.
  int64_t numbers() const {
    Memory memory(*this, nullptr);
    return memory.numbers;
  }

  void operator()(const Item& item, double* numbers) const {
    const Memory memory(*this, numbers);
    const int exponent = item.load(is_tall() ? memory.whole : memory.square, is_transposed_);
    if (is_tall()) make_square(memory);
    const bool is_found =
        is_for_jacobi() ? factor_small(memory)
                   : parts().square(memory.square, size_, memory.values, memory.others, memory.work);
    if (!is_found) item.fail_for_all();
    if (is_tall()) widen(memory);
    const Columns &left = is_tall() ? memory.left : memory.square, &right = memory.others;
    item.store(1, [&](int64_t, int64_t j) { return std::ldexp(memory.values[j], exponent); });
    item.store(is_transposed_ ? 2 : 0,
               [&](int64_t i, int64_t j) { return is_transposed_ ? *left.at(j, i) : *left.at(i, j); });
    item.store(is_transposed_ ? 0 : 2,
               [&](int64_t i, int64_t j) { return is_transposed_ ? *right.at(i, j) : *right.at(j, i); });
  }

 private:
  // Matrices of no more columns are left to Jacobi's rotations, which are more precise, but slow for large ones.
  static constexpr int64_t small_size = 24;

  struct Memory {
    Columns whole{}, left{}, square, others;
    double *values, *factors, *work;
    int64_t numbers;
    Memory(const SingularValues& sizes, double* begin) {
      const int64_t rows = sizes.rows_, size = sizes.size_;
      Pieces pieces(begin);
      if (sizes.is_tall()) {
        whole = pieces.take(rows, size);
        left = pieces.take(rows, sizes.left_columns_);
      }
      square = pieces.take(size, size);
      others = pieces.take(size, size);
      values = pieces.take(size);
      factors = pieces.take(size);
      work = pieces.take(std::max({block_numbers(rows), rows + size,
                                   sizes.is_for_jacobi() ? 2 * size * (size + 2) : square_numbers(size)}));
      numbers = pieces.taken();
    }
  };

  bool is_tall() const { return rows_ != size_; }
  bool is_for_jacobi() const { return size_ <= small_size; }
  Reflections reflections(const Memory& memory) const { return {memory.whole, rows_, size_, memory.factors}; }

  void make_square(const Memory& memory) const {
    const Reflections first = reflections(memory);
    if (is_transposed_ && is_full_) {
      for (int64_t j = 0; j < size_; ++j) std::copy_n(memory.whole.at(0, j), rows_, memory.left.at(0, j));
      parts().reflect_both(first, memory.work);
      parts().remove(first, memory.left, size_, memory.work);
      for (int64_t j = 0; j < size_; ++j) std::copy_n(memory.left.at(0, j), size_, memory.square.at(0, j));
      return;
    }
    parts().reflect(first, memory.work);
    for (int64_t j = 0; j < size_; ++j)
      for (int64_t i = 0; i < size_; ++i) *memory.square.at(i, j) = i > j ? 0 : *memory.whole.at(i, j);
  }

  // R P = Q2 R2 and R2' = Z S J', so that R = (Q2 J) S (P Z)'.
  bool factor_small(const Memory& memory) const {
    double *const turned = memory.work, *const kept = turned + size_ * size_,
                  *const rest = kept + size_ * size_;
    double factors[small_size];
    int64_t places[small_size];
    const Reflections second{memory.square, size_, size_, factors};
    parts().reflect_falling(second, places);
    for (int64_t j = 0; j < size_; ++j)
      for (int64_t i = 0; i < size_; ++i) turned[j * size_ + i] = i < j ? 0 : *memory.square.at(j, i);
    parts().small(turned, size_, memory.values, kept, rest);
    for (int64_t j = 0; j < size_; ++j)
      for (int64_t i = 0; i < size_; ++i) *memory.others.at(places[i], j) = turned[j * size_ + i];
    double work[block_numbers(small_size)];
    parts().apply(second, {kept, size_}, size_, false, work);
    for (int64_t j = 0; j < size_; ++j) std::copy_n(kept + j * size_, size_, memory.square.at(0, j));
    return true;
  }

  void widen(const Memory& memory) const {
    make_identity(memory.left, rows_, left_columns_);
    for (int64_t j = 0; j < size_; ++j) {
      *memory.left.at(j, j) = 0;
      std::copy_n(memory.square.at(0, j), size_, memory.left.at(0, j));
    }
    parts().apply(reflections(memory), memory.left, left_columns_, false, memory.work);
  }

  bool is_transposed_, is_full_;
  int64_t rows_, size_, left_columns_;
};

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
    parts().reflect(reflections, rest);
    make_identity(q, rows, inner);
    parts().apply(reflections, q, inner, true, rest);
    item.store(0, [&](int64_t i, int64_t j) { return *q.at(i, j); });
    item.store(1, [&](int64_t i, int64_t j) { return i > j ? 0.0 : *r.at(i, j); });
  });
}

Routine routine_of_eigh(const RoutineKernel& kernel) {
  const int64_t size = kernel.inputs[0].shape.back();
  const bool is_upper = kernel.parameters[0] != 0;
  if (is_small(size, size)) return factor_small_symmetric(kernel, size, is_upper);
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
    const bool is_found = parts().symmetric(matrix, size, values, rest);
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
