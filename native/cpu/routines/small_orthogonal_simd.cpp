// Orthogonal factors of small matrices side by side, compiled once for each instruction set: Householder's reflections, and
// Jacobi's rotations of symmetric matrices (H. Rutishauser, Numerische Mathematik 9, 1966). All is computed in double
// precision.
#include "cpu/routines/lanes.h"
#include "cpu/routines/small_orthogonal.h"

namespace adjoint::cpu::ADJOINT_ISA {

namespace {

using Doubles = Vector<double>;
typedef int64_t Integers [[gnu::vector_size(vector_bytes)]];

ADJOINT_FUNCTION Doubles larger_of(Doubles a, Doubles b) { return a > b ? a : b; }

// The power of two at or below a positive number, and its inverse; the smallest numbers have a large one.
ADJOINT_FUNCTION Doubles power_below(Doubles x) {
  constexpr int64_t exponent = 0x7ff0000000000000;
  return reinterpret_cast<Doubles>(reinterpret_cast<Integers>(x) & exponent);
}
ADJOINT_FUNCTION Doubles inverse_power(Doubles power) {
  constexpr int64_t bias = 0x7fe0000000000000;
  return reinterpret_cast<Doubles>(bias - reinterpret_cast<Integers>(power));
}

// Makes v of the elements of a column from the diagonal on, as far as it is not the first one, which becomes R's. Returns
// the factor, which is 0 where there is nothing to do.
Doubles reflect_column(Lanes<double>& a, int64_t k, int64_t rows) {
  Doubles largest{};
  for (int64_t i = k; i < rows; ++i) largest = larger_of(largest, sizes_of(a(i, k)));
  const Doubles power = power_below(largest), inverse = inverse_power(power);
  Doubles sum{};
  for (int64_t i = k + 1; i < rows; ++i) {
    const Doubles value = a(i, k) * inverse;
    sum = multiply_add(value, value, sum);
  }
  const Doubles top = a(k, k) * inverse, length = square_root(multiply_add(top, top, sum));
  const Doubles first = top > 0 ? -length : length, divisor = top - first;
  const auto is_done = sum == Doubles{};
  for (int64_t i = k + 1; i < rows; ++i) a(i, k) = is_done ? a(i, k) : a(i, k) * inverse / divisor;
  a(k, k) = is_done ? a(k, k) : first * power;
  return is_done ? Doubles{} : (first - top) / first;
}

// Applies a reflection to columns from `column` on.
void apply_column(Lanes<double>& v, int64_t k, Doubles factor, Lanes<double>& to, int64_t column,
                  int64_t columns, int64_t rows) {
  for (int64_t j = column; j < columns; ++j) {
    Doubles along = to(k, j);
    for (int64_t i = k + 1; i < rows; ++i) along = multiply_add(v(i, k), to(i, j), along);
    along = factor * along;
    to(k, j) -= along;
    for (int64_t i = k + 1; i < rows; ++i) to(i, j) = multiply_add(-along, v(i, k), to(i, j));
  }
}

template <class T> void reflect_lanes(const ReflectionGroup<T>& work, int64_t begin, int64_t count) {
  const auto& [_, rows, columns, inner, matrix, q_group, r_group] = work;
  const int64_t size = rows < columns ? rows : columns;
  Lanes<double> a(rows, columns), q(rows, inner), r(inner, columns);
  Doubles factors[small_side];
  a.load(matrix, begin, count);
  for (int64_t k = 0; k < size; ++k) {
    factors[k] = reflect_column(a, k, rows);
    apply_column(a, k, factors[k], a, k + 1, columns, rows);
  }
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < inner; ++j) q(i, j) = broadcast(i == j ? 1.0 : 0.0);
  for (int64_t k = size; k-- > 0;) apply_column(a, k, factors[k], q, k, inner, rows);
  for (int64_t i = 0; i < inner; ++i)
    for (int64_t j = 0; j < columns; ++j) r(i, j) = i > j ? Doubles{} : a(i, j);
  q.store(q_group, begin, count);
  r.store(r_group, begin, count);
}

// A symmetric matrix for each lane that becomes diagonal, and its eigenvectors.
class Symmetric {
 public:
  explicit Symmetric(int64_t size) : a(size, size), vectors(size, size), size_(size) {
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j < size; ++j) vectors(i, j) = broadcast(i == j ? 1.0 : 0.0);
  }

  // Mirrors the lower triangle, and makes the largest element about 1, so that squares neither overflow nor vanish.
  // Matrices with elements that are not finite become 0.
  void scale() {
    Doubles largest{}, finite{};
    for (int64_t i = 0; i < size_; ++i)
      for (int64_t j = 0; j <= i; ++j) {
        largest = larger_of(largest, sizes_of(a(i, j)));
        finite += a(i, j) - a(i, j);
      }
    is_finite = finite == Doubles{};
    power = power_below(largest);
    const Doubles inverse = inverse_power(power);
    for (int64_t i = 0; i < size_; ++i)
      for (int64_t j = 0; j <= i; ++j) a(i, j) = a(j, i) = is_finite ? a(i, j) * inverse : Doubles{};
  }

  // Returns which lanes have become diagonal.
  Integers turn_all() {
    constexpr int most_sweeps = 40;
    Doubles sum{};
    for (int64_t i = 0; i < size_; ++i)
      for (int64_t j = 0; j < size_; ++j) sum = multiply_add(a(i, j), a(i, j), sum);
    const Doubles negligible = 0x1p-57 * square_root(sum);
    Integers is_done{};
    for (int sweep = 0; sweep < most_sweeps && !all(is_done); ++sweep) {
      is_done = ~Integers{};
      for (int64_t p = 0; p < size_; ++p)
        for (int64_t q = p + 1; q < size_; ++q) {
          const auto is_small = sizes_of(a(p, q)) <= negligible;
          is_done &= is_small;
          if (!all(is_small)) turn(p, q, is_small);
        }
    }
    return is_done;
  }

  Lanes<double> a, vectors;
  Doubles power{};
  Integers is_finite{};

 private:
  static bool all(const Integers& mask) {
    int64_t every = -1;
    for (int lane = 0; lane < lanes<double>; ++lane) every &= mask[lane];
    return every != 0;
  }

  // Makes the element (p, q) 0, where it is not small.
  void turn(int64_t p, int64_t q, Integers is_small) {
    const Doubles element = a(p, q), slope = (a(q, q) - a(p, p)) / (2 * element);
    const Doubles size = sizes_of(slope) + square_root(multiply_add(slope, slope, broadcast(1.0)));
    const Doubles tangent = is_small ? Doubles{} : (slope < 0 ? broadcast(-1.0) : broadcast(1.0)) / size;
    const Doubles cosine = 1 / square_root(multiply_add(tangent, tangent, broadcast(1.0))),
                  sine = cosine * tangent, part = sine / (1 + cosine);
    a(p, p) = multiply_add(-tangent, element, a(p, p));
    a(q, q) = multiply_add(tangent, element, a(q, q));
    a(p, q) = a(q, p) = is_small ? element : Doubles{};
    for (int64_t k = 0; k < size_; ++k) {
      turn_pair(vectors(k, p), vectors(k, q), sine, part);
      if (k == p || k == q) continue;
      turn_pair(a(k, p), a(k, q), sine, part);
      a(p, k) = a(k, p);
      a(q, k) = a(k, q);
    }
  }
  ADJOINT_FUNCTION static void turn_pair(Doubles& x, Doubles& y, Doubles sine, Doubles part) {
    const Doubles one = x, other = y;
    x = multiply_add(-sine, multiply_add(part, one, other), one);
    y = multiply_add(sine, multiply_add(-part, other, one), other);
  }

  int64_t size_;
};

// Stores values in ascending order, with their vectors.
template <class T>
void store_sorted(Symmetric& found, const SymmetricGroup<T>& work, int64_t begin, int64_t count) {
  for (int64_t lane = 0; lane < count; ++lane) {
    int64_t order[small_side];
    for (int64_t i = 0; i < work.size; ++i) {
      int64_t place = i;
      for (; place > 0 && found.a(order[place - 1], order[place - 1])[lane] > found.a(i, i)[lane]; --place)
        order[place] = order[place - 1];
      order[place] = i;
    }
    T *const values = work.values.first[begin + lane], *const vectors = work.vectors.first[begin + lane];
    for (int64_t j = 0; j < work.size; ++j) {
      values[j * work.values.row_stride] =
          static_cast<T>(found.a(order[j], order[j])[lane] * found.power[lane]);
      for (int64_t i = 0; i < work.size; ++i)
        vectors[i * work.vectors.row_stride + j * work.vectors.column_stride] =
            static_cast<T>(found.vectors(i, order[j])[lane]);
    }
  }
}

template <class T> void factor_symmetric_lanes(const SymmetricGroup<T>& work, int64_t begin, int64_t count) {
  Symmetric matrices(work.size);
  matrices.a.load(work.matrix, begin, count);
  matrices.scale();
  const Integers is_done = matrices.turn_all();
  store_sorted(matrices, work, begin, count);
  for (int64_t lane = 0; lane < count; ++lane)
    work.are_found[begin + lane] = matrices.is_finite[lane] && is_done[lane];
}

} // namespace

#define REFLECT_GROUP(T)                                                                                     \
  void reflect_group(const ReflectionGroup<T>& work) {                                                       \
    in_lanes<double>(work.count, [&](int64_t begin, int64_t count) { reflect_lanes(work, begin, count); });  \
  }                                                                                                          \
  void factor_symmetric_group(const SymmetricGroup<T>& work) {                                               \
    in_lanes<double>(work.count,                                                                             \
                     [&](int64_t begin, int64_t count) { factor_symmetric_lanes(work, begin, count); });     \
  }
REFLECT_GROUP(float)
REFLECT_GROUP(double)
#undef REFLECT_GROUP

} // namespace adjoint::cpu::ADJOINT_ISA
