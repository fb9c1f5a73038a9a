// Eigenvectors of symmetric matrices, compiled once for each instruction set: reflections make a matrix tridiagonal, panel by
// panel (J. Dongarra et al., Block reduction of matrices to condensed forms, 1989), and the QL algorithm with implicit shifts
// (H. Bowdler et al., Numerische Mathematik 11, 1968) diagonal.
#include "cpu/routines/rotations.h"

namespace adjoint::cpu::ADJOINT_ISA {

namespace {

constexpr int64_t width = reflection_block;

// to = a symmetric matrix, of which the lower triangle is read, times x.
void multiply_symmetric(const Columns& a, int64_t n, const double* x, double* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = 0;
  constexpr int64_t together = 4;
  int64_t j = 0;
  for (; j + together <= n; j += together) {
    for (int64_t i = j; i < j + together; ++i)
      for (int64_t k = j; k < j + together; ++k)
        to[i] = multiply_add(*a.at(i > k ? i : k, i > k ? k : i), x[k], to[i]);
    const Columns below = a.from(j + together, j);
    const int64_t rest = n - j - together;
    double sums[together];
    dot_each<together>(below, x + j + together, rest, sums);
    add_multiples(below, together, x + j, 1, to + j + together, rest);
    for (int64_t i = 0; i < together; ++i) to[j + i] += sums[i];
  }
  for (; j < n; ++j) {
    to[j] = multiply_add(*a.at(j, j), x[j], to[j]) + dot(a.at(j + 1, j), x + j + 1, n - j - 1);
    add_multiple(x[j], a.at(j + 1, j), to + j + 1, n - j - 1);
  }
}

// Makes a symmetric matrix tridiagonal. Below the element beside the diagonal, column k gets the v of the reflection that
// changes what comes after it. The matrix is not changed on the way, but for that: it is itself plus P R', of which each
// step adds two columns, until a panel is done.
class Tridiagonal {
 public:
  Tridiagonal(const Columns& matrix, int64_t n, double* diagonal, double* beside, double* factors,
              double* memory)
      : a_(matrix), n_(n), diagonal_(diagonal), beside_(beside), factors_(factors),
        p_{memory, column_stride(n)}, r_{memory + 2 * width * column_stride(n), column_stride(n)} {}

  void make() {
    for (int64_t begin = 0; begin < n_; begin += width) {
      const int64_t end = smaller(begin + width, n_);
      kept_ = 0;
      for (int64_t k = begin; k < end; ++k) eliminate(k);
      if (end < n_) add_kept(end);
    }
  }

 private:
  void eliminate(int64_t k) {
    const int64_t rest = n_ - k - 1;
    double* const column = a_.at(k, k);
    add_multiples(p_.from(k, 0), kept_, r_.at(k, 0), r_.stride, column, rest + 1);
    diagonal_[k] = column[0];
    beside_[k] = rest > 0 ? column[1] : 0;
    factors_[k] = 0;
    if (rest < 2) return;
    double* const v = column + 1;
    const auto [first, factor] = reflection_of(v, rest);
    beside_[k] = first;
    factors_[k] = factor;
    if (factor == 0) return;
    v[0] = 1;
    keep(k + 1, v, factor);
  }

  // With w = factor (A v - factor / 2 (v' A v) v), the matrix becomes A - v w' - w v'.
  void keep(int64_t row, const double* v, double factor) {
    const int64_t rest = n_ - row;
    double* const w = p_.at(row, kept_ + 1);
    double along[2 * width];
    multiply_symmetric(a_.from(row, row), rest, v, w);
    dots(r_.from(row, 0), kept_, v, rest, along);
    add_multiples(p_.from(row, 0), kept_, along, 1, w, rest);
    for (int64_t i = 0; i < rest; ++i) w[i] *= factor;
    add_multiple(-0.5 * factor * dot(w, v, rest), v, w, rest);
    double *const one = p_.at(row, kept_), *const minus_w = r_.at(row, kept_),
                  *const minus_v = minus_w + r_.stride;
    for (int64_t i = 0; i < rest; ++i) {
      one[i] = v[i];
      minus_w[i] = -w[i];
      minus_v[i] = -v[i];
    }
    kept_ += 2;
  }

  // Adds P R' to the lower triangle from a row on, strip by strip.
  void add_kept(int64_t row) {
    constexpr int64_t strip = 24;
    const auto add = [&](int64_t i) {
      const int64_t first = row + i * strip;
      multiply_tiles(smaller(strip, n_ - first), n_ - first, kept_, {r_.at(first, 0), 1, r_.stride},
                     p_.from(first, 0), a_.from(first, first), true);
    };
    if (kept_ > 0) parallel_for((n_ - row + strip - 1) / strip, add);
  }

  Columns a_;
  int64_t n_;
  double *diagonal_, *beside_, *factors_;
  Columns p_, r_;
  int64_t kept_ = 0;
};

// The last row of the part from `first` on that has no negligible element beside the diagonal. `tiny` is as good as zero.
int64_t end_of_part(const double* d, const double* e, int64_t first, int64_t n, double tiny) {
  int64_t last = first;
  while (last + 1 < n && size_of(e[last]) > tiny &&
         size_of(e[last]) > epsilon * (size_of(d[last]) + size_of(d[last + 1])))
    ++last;
  return last;
}

// One round of rotations, from the last row of a part to its first.
void turn_part(double* d, double* e, int64_t first, int64_t last, TurnedVectors& vectors) {
  double g = (d[first + 1] - d[first]) / (2 * e[first]), r = length_of(g, 1.0);
  g = d[last] - d[first] + e[first] / (g + (g < 0 ? -r : r));
  double s = 1, c = 1, p = 0;
  vectors.begin(last, -1, last - first);
  for (int64_t i = last - 1; i >= first; --i) {
    const double f = s * e[i], b = c * e[i];
    r = length_of(f, g);
    e[i + 1] = r;
    if (r == 0) {
      d[i + 1] -= p;
      e[last] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1] - p;
    r = (d[i] - g) * s + 2 * c * b;
    p = s * r;
    d[i + 1] = g + p;
    g = c * r - b;
    vectors.add(c, s);
  }
  d[first] -= p;
  e[first] = g;
  e[last] = 0;
}

// Eigenvalues of a tridiagonal matrix; the vectors are turned with it.
bool find_eigenvalues(double* d, double* e, int64_t n, TurnedVectors& vectors) {
  constexpr int most_rounds = 80;
  const double tiny = 0x1p-62 * (largest_of(d, n) + largest_of(e, n));
  for (int64_t first = 0; first < n; ++first) {
    int round = 0;
    for (int64_t last; (last = end_of_part(d, e, first, n, tiny)) > first; ++round) {
      if (round == most_rounds) return false;
      turn_part(d, e, first, last, vectors);
    }
  }
  return true;
}

void sort_ascending(double* values, int64_t n, const Columns& vectors) {
  for (int64_t i = 0; i < n; ++i) {
    int64_t least = i;
    for (int64_t j = i + 1; j < n; ++j)
      if (values[j] < values[least]) least = j;
    if (least == i) continue;
    const double value = values[i];
    values[i] = values[least];
    values[least] = value;
    exchange(vectors.at(0, i), vectors.at(0, least), n);
  }
}

} // namespace

bool factor_symmetric(const Columns& matrix, int64_t n, double* values, double* work) {
  double *const beside = work, *const factors = beside + n, *const turned = factors + n,
                *const shared = turned + strip_numbers(n) + rotation_numbers(n);
  Tridiagonal(matrix, n, values, beside, factors, shared).make();
  const Columns vectors{shared, column_stride(n)};
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = 0; i < n; ++i) *vectors.at(i, j) = i == j ? 1 : 0;
  const Reflections reflections{matrix.from(1, 0), n - 1, n - 1, factors};
  apply_reflections(reflections, vectors.from(1, 1), n - 1, true, shared + n * vectors.stride);
  TurnedVectors turning(n, turned);
  turning.take(vectors);
  const bool is_found = find_eigenvalues(values, beside, n, turning);
  turning.give_back(matrix);
  sort_ascending(values, n, matrix);
  return is_found;
}

} // namespace adjoint::cpu::ADJOINT_ISA
