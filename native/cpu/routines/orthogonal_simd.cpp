// Orthogonal factors, compiled once for each instruction set: Householder's reflections; the QL algorithm with implicit
// shifts for symmetric matrices (H. Bowdler et al., Numerische Mathematik 11, 1968); and Jacobi's rotations of columns for
// singular values (J. Demmel and K. Veselic, 1992), which find small ones as precisely as large ones.
//
// Sums have eight lanes, whatever the width of vectors, so that processors with fused multiply-adds agree.
#include "cpu/routines/orthogonal.h"
#include "ops/math_bits.h" // ADJOINT_ISA

namespace adjoint::cpu::ADJOINT_ISA {

namespace {

using math::multiply_add;

constexpr double epsilon = 0x1p-52;

double size_of(double value) { return __builtin_fabs(value); }

double dot(const double* a, const double* b, int64_t n) {
  constexpr int lanes = 8;
  double sums[lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int lane = 0; lane < lanes; ++lane) sums[lane] = multiply_add(a[i + lane], b[i + lane], sums[lane]);
  for (int lane = 0; i < n; ++i, ++lane) sums[lane] = multiply_add(a[i], b[i], sums[lane]);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

// to += factor from
void add_multiple(double factor, const double* from, double* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = multiply_add(factor, from[i], to[i]);
}

double largest_of(const double* x, int64_t n) {
  double largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = size_of(x[i]) > largest ? size_of(x[i]) : largest;
  return largest;
}

// Squares neither overflow nor vanish.
double length_of(const double* x, int64_t n) {
  const double largest = largest_of(x, n);
  if (largest > 0x1p-400 && largest < 0x1p400) return __builtin_sqrt(dot(x, x, n));
  if (largest == 0) return 0;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i] / largest * (x[i] / largest);
  return largest * __builtin_sqrt(sum);
}

void rotate(double* x, double* y, double cosine, double sine, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const double one = x[i], other = y[i];
    x[i] = multiply_add(cosine, one, -(sine * other));
    y[i] = multiply_add(sine, one, cosine * other);
  }
}

// The same for less than a right angle, in Rutishauser's form, whose errors do not pile up.
void rotate_slightly(double* x, double* y, double cosine, double sine, int64_t n) {
  const double part = sine / (1 + cosine);
  for (int64_t i = 0; i < n; ++i) {
    const double one = x[i], other = y[i];
    x[i] = multiply_add(-sine, multiply_add(part, one, other), one);
    y[i] = multiply_add(sine, multiply_add(-part, other, one), other);
  }
}

void exchange(double* x, double* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const double value = x[i];
    x[i] = y[i];
    y[i] = value;
  }
}

struct Reflection {
  double first = 0;  // what the reflection makes of the first element, the others becoming 0
  double factor = 0; // 0 where there is nothing to do
};

// Makes v of x, all but its first element, which is 1.
Reflection reflection_of(double* x, int64_t n) {
  const double rest = length_of(x + 1, n - 1);
  if (rest == 0) return {x[0], 0};
  const double length = __builtin_hypot(x[0], rest);
  const double first = x[0] > 0 ? -length : length, divisor = x[0] - first;
  const double factor = (first - x[0]) / first;
  for (int64_t i = 1; i < n; ++i) x[i] /= divisor;
  return {first, factor};
}

void apply_reflection(const double* v, double factor, double* column, int64_t n) {
  const double along = factor * (column[0] + dot(v + 1, column + 1, n - 1));
  column[0] -= along;
  add_multiple(-along, v + 1, column + 1, n - 1);
}

// Makes a symmetric matrix tridiagonal: row k gets the v of the reflection that changes what comes after it.
void make_tridiagonal(double* a, int64_t n, double* diagonal, double* beside, double* factors, double* w) {
  for (int64_t k = 0; k < n; ++k) {
    diagonal[k] = a[k * n + k];
    beside[k] = k + 1 < n ? a[k * n + k + 1] : 0;
    factors[k] = 0;
    if (k + 2 >= n) continue;
    const int64_t rest = n - 1 - k;
    double* const v = a + k * n + k + 1;
    const auto [first, factor] = reflection_of(v, rest);
    beside[k] = first;
    factors[k] = factor;
    if (factor == 0) continue;
    v[0] = 1;
    for (int64_t i = 0; i < rest; ++i) w[i] = factor * dot(a + (k + 1 + i) * n + k + 1, v, rest);
    add_multiple(-0.5 * factor * dot(w, v, rest), v, w, rest);
    for (int64_t i = 0; i < rest; ++i) {
      double* const row = a + (k + 1 + i) * n + k + 1;
      for (int64_t j = 0; j < rest; ++j) row[j] -= multiply_add(v[i], w[j], w[i] * v[j]);
    }
  }
}

// Eigenvalues of a tridiagonal matrix; the vectors, row after row, are turned with it.
void find_eigenvalues(double* d, double* e, int64_t n, double* vectors) {
  constexpr int most_rounds = 80;
  for (int64_t first = 0; first < n; ++first)
    for (int round = 0; round < most_rounds; ++round) {
      int64_t last = first;
      for (; last + 1 < n; ++last)
        if (size_of(e[last]) <= epsilon * (size_of(d[last]) + size_of(d[last + 1])) ||
            size_of(e[last]) < 0x1p-1000)
          break;
      if (last == first) break;
      double g = (d[first + 1] - d[first]) / (2 * e[first]), r = __builtin_hypot(g, 1.0);
      g = d[last] - d[first] + e[first] / (g + (g < 0 ? -r : r));
      double s = 1, c = 1, p = 0;
      int64_t i = last - 1;
      for (; i >= first; --i) {
        const double f = s * e[i], b = c * e[i];
        r = __builtin_hypot(f, g);
        e[i + 1] = r;
        if (r == 0) {
          d[i + 1] -= p;
          e[last] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        rotate(vectors + i * n, vectors + (i + 1) * n, c, s, n);
      }
      if (r == 0 && i >= first) continue;
      d[first] -= p;
      e[first] = g;
      e[last] = 0;
    }
}

// A unit vector at right angles to the first `count` columns.
void complete(double* columns, int64_t n, int64_t count, double* column) {
  double best = -1;
  int64_t chosen = 0;
  for (int64_t i = 0; i < n; ++i) { // the axis of which the columns have least
    double left = 1;
    for (int64_t j = 0; j < count; ++j) left -= columns[j * n + i] * columns[j * n + i];
    if (left > best) {
      best = left;
      chosen = i;
    }
  }
  for (int64_t i = 0; i < n; ++i) column[i] = i == chosen ? 1 : 0;
  for (int round = 0; round < 3; ++round) {
    for (int64_t j = 0; j < count; ++j)
      add_multiple(-dot(columns + j * n, column, n), columns + j * n, column, n);
    const double length = length_of(column, n);
    for (int64_t i = 0; i < n; ++i) column[i] /= length;
  }
}

} // namespace

void reflect(const Reflections& work, int64_t* order) {
  const int64_t rows = work.rows, columns = work.columns;
  const auto column = [&](int64_t j, int64_t row) { return work.matrix + j * rows + row; };
  for (int64_t j = 0; order && j < columns; ++j) order[j] = j;
  for (int64_t k = 0; k < work.count(); ++k) {
    if (order) {
      int64_t longest = k;
      double most = length_of(column(k, k), rows - k);
      for (int64_t j = k + 1; j < columns; ++j) {
        const double length = length_of(column(j, k), rows - k);
        if (length > most) {
          most = length;
          longest = j;
        }
      }
      if (longest != k) {
        exchange(column(k, 0), column(longest, 0), rows);
        const int64_t place = order[k];
        order[k] = order[longest];
        order[longest] = place;
      }
    }
    double* const v = column(k, k);
    const auto [first, factor] = reflection_of(v, rows - k);
    work.factors[k] = factor;
    v[0] = first;
    if (factor == 0) continue;
    for (int64_t j = k + 1; j < columns; ++j) apply_reflection(v, factor, column(j, k), rows - k);
  }
}

void reflect_both(const Reflections& reflections, double* work) {
  const int64_t rows = reflections.rows, columns = reflections.columns;
  double *const v = work, *const along = work + columns;
  for (int64_t k = 0; k < reflections.count(); ++k) {
    double* const column = reflections.matrix + k * rows;
    const double factor = reflection_of(column + k, rows - k).factor;
    reflections.factors[k] = factor;
    for (int64_t j = k + 1; j < columns && factor != 0; ++j)
      apply_reflection(column + k, factor, reflections.matrix + j * rows + k, rows - k);
    const int64_t right = columns - k - 1, below = rows - k - 1;
    if (right < 2) continue;
    double* const corner = reflections.matrix + (k + 1) * rows + k;
    for (int64_t j = 0; j < right; ++j) v[j] = corner[j * rows];
    const double share = reflection_of(v, right).factor;
    v[0] = 1;
    for (int64_t i = 0; i < below; ++i) along[i] = 0;
    for (int64_t j = 0; j < right; ++j) add_multiple(v[j], corner + j * rows + 1, along, below);
    for (int64_t j = 0; j < right; ++j) add_multiple(-share * v[j], along, corner + j * rows + 1, below);
  }
}

void remove_reflections(const Reflections& reflections, double* to, int64_t columns) {
  const int64_t rows = reflections.rows;
  for (int64_t k = 0; k < reflections.count(); ++k) {
    if (reflections.factors[k] == 0) continue;
    for (int64_t j = 0; j < columns; ++j)
      apply_reflection(reflections.matrix + k * rows + k, reflections.factors[k], to + j * rows + k,
                       rows - k);
  }
}

void apply_reflections(const Reflections& work, double* to, int64_t columns, bool is_identity) {
  const int64_t rows = work.rows;
  for (int64_t k = work.count(); k-- > 0;) {
    if (work.factors[k] == 0) continue;
    for (int64_t j = is_identity ? k : 0; j < columns; ++j)
      apply_reflection(work.matrix + k * rows + k, work.factors[k], to + j * rows + k, rows - k);
  }
}

void factor_symmetric(double* matrix, int64_t n, double* values, double* work) {
  double *const vectors = work, *const beside = work + n * n, *const factors = beside + n;
  make_tridiagonal(matrix, n, values, beside, factors, factors + n);
  for (int64_t i = 0; i < n * n; ++i) vectors[i] = i % (n + 1) == 0 ? 1 : 0;
  for (int64_t k = n - 3; k >= 0; --k) {
    if (factors[k] == 0) continue;
    const double* const v = matrix + k * n + k + 1;
    for (int64_t i = k + 1; i < n; ++i) {
      double* const row = vectors + i * n + k + 1;
      add_multiple(-factors[k] * dot(row, v, n - 1 - k), v, row, n - 1 - k);
    }
  }
  find_eigenvalues(values, beside, n, vectors);
  for (int64_t i = 0; i < n; ++i) {
    int64_t least = i;
    for (int64_t j = i + 1; j < n; ++j)
      if (values[j] < values[least]) least = j;
    if (least != i) {
      const double value = values[i];
      values[i] = values[least];
      values[least] = value;
      exchange(vectors + i * n, vectors + least * n, n);
    }
    for (int64_t j = 0; j < n; ++j) matrix[i * n + j] = vectors[i * n + j];
  }
}

void factor_square(double* matrix, int64_t n, double* values, double* others, double* work) {
  constexpr int most_sweeps = 60;
  constexpr double nothing = 0x1p-960; // squares that have lost digits
  const double root = __builtin_sqrt(static_cast<double>(n));
  const double tolerance = epsilon * (root > 4 ? root : 4);
  double* const squares = work;
  for (int64_t i = 0; i < n * n; ++i) others[i] = i % (n + 1) == 0 ? 1 : 0;
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    bool has_rotated = false;
    for (int64_t j = 0; j < n; ++j) squares[j] = dot(matrix + j * n, matrix + j * n, n);
    for (int64_t p = 0; p < n; ++p)
      for (int64_t q = p + 1; q < n; ++q) {
        double *const x = matrix + p * n, *const y = matrix + q * n;
        if (squares[p] < squares[q]) {
          exchange(x, y, n);
          exchange(others + p * n, others + q * n, n);
          const double square = squares[p];
          squares[p] = squares[q];
          squares[q] = square;
        }
        if (squares[q] < nothing) continue;
        const double product = dot(x, y, n);
        if (size_of(product) <= tolerance * __builtin_sqrt(squares[p]) * __builtin_sqrt(squares[q])) continue;
        has_rotated = true;
        const double slope = (squares[q] - squares[p]) / (2 * product);
        const double tangent = (slope < 0 ? -1 : 1) / (size_of(slope) + __builtin_hypot(1.0, slope));
        const double cosine = 1 / __builtin_sqrt(1 + tangent * tangent), sine = cosine * tangent;
        rotate_slightly(x, y, cosine, sine, n);
        rotate_slightly(others + p * n, others + q * n, cosine, sine, n);
        squares[p] -= tangent * product;
        const double square = squares[q] + tangent * product;
        squares[q] = square < 0.5 * squares[q] ? dot(y, y, n) : square;
      }
    if (!has_rotated) break;
  }
  for (int64_t j = 0; j < n; ++j) values[j] = length_of(matrix + j * n, n);
  for (int64_t j = 0; j < n; ++j) {
    int64_t most = j;
    for (int64_t k = j + 1; k < n; ++k)
      if (values[k] > values[most]) most = k;
    if (most != j) {
      const double value = values[j];
      values[j] = values[most];
      values[most] = value;
      exchange(matrix + j * n, matrix + most * n, n);
      exchange(others + j * n, others + most * n, n);
    }
    double* const x = matrix + j * n;
    if (values[j] * values[j] < nothing)
      complete(matrix, n, j, x);
    else
      for (int64_t i = 0; i < n; ++i) x[i] /= values[j];
  }
}

} // namespace adjoint::cpu::ADJOINT_ISA
