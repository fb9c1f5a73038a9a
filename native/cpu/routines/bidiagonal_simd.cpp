// Singular values and vectors of larger matrices, compiled once for each instruction set: reflections from both sides leave
// two diagonals, panel by panel (J. Dongarra et al., Block reduction of matrices to condensed forms, 1989), and the QR
// algorithm with implicit shifts, or with a shift of zero, one (J. Demmel and W. Kahan, Accurate singular values of bidiagonal
// matrices, 1990).
#include "cpu/routines/rotations.h"

namespace adjoint::cpu::ADJOINT_ISA {

namespace {

constexpr int64_t width = reflection_block;

// Leaves of a square matrix its diagonal and the one above. Below the diagonal, column k gets the v of the reflection from
// the left, and below the place under it, column k of `others` that of the reflection from the right. The matrix is not
// changed on the way, but for that: it is itself plus P R', of which each step adds two columns, until a panel is done.
class Bidiagonal {
 public:
  Bidiagonal(const Reflections& left, const Reflections& right, double* diagonal, double* beside,
             double* memory)
      : left_(left), right_(right), n_(left.rows), diagonal_(diagonal), beside_(beside),
        p_{memory, column_stride(n_)}, r_{memory + 2 * width * column_stride(n_), column_stride(n_)} {}

  void make() {
    for (int64_t begin = 0; begin < n_; begin += width) {
      const int64_t end = smaller(begin + width, n_);
      kept_ = 0;
      for (int64_t k = begin; k < end; ++k) {
        eliminate_column(k);
        if (k + 1 < n_) eliminate_row(k);
      }
      if (end < n_) add_kept(end);
    }
  }

 private:
  // With u the reflection of column k: y = factor A' u, and the matrix becomes A - u y'.
  void eliminate_column(int64_t k) {
    const Columns& a = left_.matrix;
    const int64_t rows = n_ - k, rest = rows - 1;
    double* const u = a.at(k, k);
    add_multiples(p_.from(k, 0), kept_, r_.at(k, 0), r_.stride, u, rows);
    const auto [first, factor] = reflection_of(u, rows);
    diagonal_[k] = first;
    left_.factors[k] = factor;
    u[0] = 1;
    double *const minus_y = r_.at(k + 1, kept_), *const copy = p_.at(k, kept_), along[2 * width];
    dots(a.from(k, k + 1), rest, u, rows, minus_y);
    dots(p_.from(k, 0), kept_, u, rows, along);
    add_multiples(r_.from(k + 1, 0), kept_, along, 1, minus_y, rest);
    for (int64_t i = 0; i < rest; ++i) minus_y[i] *= -factor;
    for (int64_t i = 0; i < rows; ++i) copy[i] = u[i];
    ++kept_;
  }

  // With v the reflection of row k, right of the diagonal: x = factor A v, and the matrix becomes A - x v'.
  void eliminate_row(int64_t k) {
    const Columns& a = left_.matrix;
    const int64_t rest = n_ - k - 1;
    double* const v = right_.matrix.at(k, k);
    for (int64_t j = 0; j < rest; ++j) v[j] = *a.at(k, k + 1 + j);
    add_multiples(r_.from(k + 1, 0), kept_, p_.at(k, 0), p_.stride, v, rest);
    const auto [first, factor] = reflection_of(v, rest);
    beside_[k] = first;
    right_.factors[k] = factor;
    v[0] = 1;
    double *const minus_x = p_.at(k + 1, kept_), *const copy = r_.at(k + 1, kept_), along[2 * width];
    for (int64_t i = 0; i < rest; ++i) minus_x[i] = 0;
    add_multiples(a.from(k + 1, k + 1), rest, v, 1, minus_x, rest);
    dots(r_.from(k + 1, 0), kept_, v, rest, along);
    add_multiples(p_.from(k + 1, 0), kept_, along, 1, minus_x, rest);
    for (int64_t i = 0; i < rest; ++i) minus_x[i] *= -factor;
    for (int64_t i = 0; i < rest; ++i) copy[i] = v[i];
    ++kept_;
  }

  void add_kept(int64_t from) {
    constexpr int64_t strip = 24;
    parallel_for((n_ - from + strip - 1) / strip, [&](int64_t i) {
      const int64_t column = from + i * strip;
      multiply_tiles(smaller(strip, n_ - column), n_ - from, kept_, {r_.at(column, 0), 1, r_.stride},
                     p_.from(from, 0), left_.matrix.from(from, column), true);
    });
  }

  Reflections left_, right_; // the latter of rows and columns from 1 on
  int64_t n_;
  double *diagonal_, *beside_;
  Columns p_, r_;
  int64_t kept_ = 0;
};

struct Rotation {
  double cosine, sine, length;
};
Rotation rotation_of(double x, double y) {
  const double length = length_of(x, y);
  return length == 0 ? Rotation{1, 0, 0} : Rotation{x / length, y / length, length};
}

// The smaller singular value of [x, y; 0, z].
double smaller_value(double x, double y, double z) {
  const double least = size_of(x) < size_of(z) ? size_of(x) : size_of(z),
               most = size_of(x) < size_of(z) ? size_of(z) : size_of(x);
  if (least == 0) return 0;
  const double sum = 1 + least / most, difference = (most - least) / most, beside = y / most,
               square = beside * beside;
  return least * 2 / (__builtin_sqrt(sum * sum + square) + __builtin_sqrt(difference * difference + square));
}

// Part of a matrix of two diagonals, seen from its first row or from its last: turned around both diagonals it has two
// diagonals again, its left vectors as right ones.
struct Band {
  double *diagonal, *beside; // of the first row
  int64_t first, step, last; // rows, and how far the last one is from the first
  TurnedVectors &left, &right;
  double& d(int64_t i) const { return diagonal[i * step]; }
  double& e(int64_t i) const { return beside[i * step]; }
};

void turn_without_shift(const Band& band) {
  double cosine = 1, d = band.d(0);
  Rotation other{1, 0, 0};
  for (int64_t i = 0; i < band.last; ++i) {
    const Rotation one = rotation_of(d * cosine, band.e(i));
    if (i > 0) band.e(i - 1) = other.sine * one.length;
    d = band.d(i + 1);
    cosine = one.cosine;
    other = rotation_of(other.cosine * one.length, d * one.sine);
    band.d(i) = other.length;
    band.right.add(one.cosine, one.sine);
    band.left.add(other.cosine, other.sine);
  }
  band.d(band.last) = d * cosine * other.cosine;
  band.e(band.last - 1) = d * cosine * other.sine;
}

void turn_with_shift(const Band& band, double shift) {
  double d = band.d(0), e = band.e(0);
  double f = (size_of(d) - shift) * ((d < 0 ? -1 : 1) + shift / d), g = e;
  for (int64_t i = 0; i < band.last; ++i) {
    const Rotation one = rotation_of(f, g);
    if (i > 0) band.e(i - 1) = one.length;
    f = multiply_add(one.cosine, d, one.sine * e);
    e = multiply_add(one.cosine, e, -(one.sine * d));
    double next = band.d(i + 1);
    g = one.sine * next;
    next = one.cosine * next;
    const Rotation other = rotation_of(f, g);
    band.d(i) = other.length;
    f = multiply_add(other.cosine, e, other.sine * next);
    d = multiply_add(other.cosine, next, -(other.sine * e));
    if (i + 1 < band.last) {
      g = other.sine * band.e(i + 1);
      e = other.cosine * band.e(i + 1);
    }
    band.right.add(one.cosine, one.sine);
    band.left.add(other.cosine, other.sine);
  }
  band.d(band.last) = d;
  band.e(band.last - 1) = f;
}

// One round of rotations of a part that has no zeros above its diagonal; `tiny` is as good as zero.
void turn_band(const Band& band, double tiny) {
  bool is_singular = false;
  for (int64_t i = 0; i <= band.last; ++i) is_singular |= size_of(band.d(i)) <= tiny;
  const double shift =
      is_singular ? 0 : smaller_value(band.d(band.last - 1), band.e(band.last - 1), band.d(band.last));
  const double share = is_singular ? 0 : shift / band.d(0);
  band.left.begin(band.first, band.step, band.last);
  band.right.begin(band.first, band.step, band.last);
  if (share * share < epsilon)
    turn_without_shift(band);
  else
    turn_with_shift(band, shift);
}

// Singular values of a matrix of two diagonals, of any sign; the vectors are turned with it.
bool find_singular_values(double* d, double* e, int64_t n, TurnedVectors& left, TurnedVectors& right) {
  constexpr int64_t most_rounds = 80; // for each
  const double largest = largest_of(d, n) + largest_of(e, n > 0 ? n - 1 : 0), tiny = 0x1p-62 * largest;
  const auto is_negligible = [&](int64_t i) {
    return size_of(e[i]) <= tiny || size_of(e[i]) <= epsilon * (size_of(d[i]) + size_of(d[i + 1]));
  };
  int64_t begin = n, end = n; // of the part that was turned last
  bool is_downward = true;
  int64_t rounds = most_rounds * n;
  for (int64_t last = n - 1; last > 0;) {
    if (is_negligible(last - 1)) {
      e[--last] = 0;
      continue;
    }
    int64_t first = last - 1;
    while (first > 0 && !is_negligible(first - 1)) --first;
    if (first > 0) e[first - 1] = 0;
    if (rounds-- == 0) return false;
    // Rotations go to where the values are small, and keep their way in a part.
    if (first > end || last < begin) is_downward = size_of(d[first]) >= size_of(d[last]);
    begin = first;
    end = last;
    if (is_downward)
      turn_band({d + first, e + first, first, 1, last - first, left, right}, tiny);
    else
      turn_band({d + last, e + last - 1, last, -1, last - first, right, left}, tiny);
  }
  return true;
}

// Makes values positive, and sorts them with their vectors.
void sort_descending(double* values, int64_t n, const Columns& left, const Columns& right) {
  for (int64_t j = 0; j < n; ++j) {
    if (values[j] >= 0) continue;
    values[j] = -values[j];
    for (int64_t i = 0; i < n; ++i) *right.at(i, j) = -*right.at(i, j);
  }
  for (int64_t j = 0; j < n; ++j) {
    int64_t most = j;
    for (int64_t k = j + 1; k < n; ++k)
      if (values[k] > values[most]) most = k;
    if (most == j) continue;
    exchange(values + j, values + most, 1);
    exchange(left.at(0, j), left.at(0, most), n);
    exchange(right.at(0, j), right.at(0, most), n);
  }
}

// The product of reflections in `formed`, of which the first `before` rows and columns are those of an identity.
void form(const Reflections& reflections, int64_t before, const Columns& formed, double* memory) {
  const int64_t n = reflections.rows + before;
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = 0; i < n; ++i) *formed.at(i, j) = i == j ? 1 : 0;
  apply_reflections(reflections, formed.from(before, before), reflections.rows, true, memory);
}

} // namespace

bool factor_square(const Columns& matrix, int64_t n, double* values, const Columns& others, double* work) {
  double *const beside = work, *const factors = beside + n, *const turned = factors + 2 * n,
                *const turned_others = turned + strip_numbers(n) + rotation_numbers(n),
                *const memory = turned_others + strip_numbers(n) + rotation_numbers(n);
  const Columns formed{memory + larger(panel_numbers(n), block_numbers(n)), column_stride(n)};
  const Reflections left{matrix, n, n, factors}, right{others.from(1, 0), n - 1, n - 1, factors + n};
  Bidiagonal(left, right, values, beside, memory).make();
  TurnedVectors turned_left(n, turned), turned_right(n, turned_others);
  form(left, 0, formed, memory);
  turned_left.take(formed);
  form(right, 1, formed, memory);
  turned_right.take(formed);
  const bool is_found = find_singular_values(values, beside, n, turned_left, turned_right);
  turned_left.give_back(matrix);
  turned_right.give_back(others);
  sort_descending(values, n, matrix, others);
  return is_found;
}

} // namespace adjoint::cpu::ADJOINT_ISA
