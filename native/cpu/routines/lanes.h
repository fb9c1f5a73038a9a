// Vectors of which each lane belongs to another matrix, in a namespace of their instruction set.
#pragma once
#include <type_traits>
#include <utility>

#include "cpu/routines/group.h"
#include "cpu/routines/matmul_tile.h"

namespace adjoint::cpu::ADJOINT_ISA {

#if defined(__AVX512F__)
ADJOINT_FUNCTION Vector<float> square_root(Vector<float> x) { return _mm512_maskz_sqrt_ps(0xffff, x); }
ADJOINT_FUNCTION Vector<double> square_root(Vector<double> x) { return _mm512_maskz_sqrt_pd(0xff, x); }
#elif defined(__AVX2__)
ADJOINT_FUNCTION Vector<float> square_root(Vector<float> x) { return _mm256_sqrt_ps(x); }
ADJOINT_FUNCTION Vector<double> square_root(Vector<double> x) { return _mm256_sqrt_pd(x); }
#else
template <class V> ADJOINT_FUNCTION V square_root(V x) {
  for (size_t i = 0; i < sizeof(V) / sizeof x[0]; ++i)
    x[i] = static_cast<std::remove_reference_t<decltype(x[0])>>(__builtin_sqrt(x[i]));
  return x;
}
#endif

template <class V> ADJOINT_FUNCTION V sizes_of(V x) { return x < 0 ? -x : x; }

// Lane l of the result is a[l], or with `Upper` a[l + Distance], where l has not the bit Distance, and otherwise
// b[l - Distance] or b[l].
template <class T, int Distance, bool Upper, size_t... L>
ADJOINT_FUNCTION Vector<T> interleave(Vector<T> a, Vector<T> b, std::index_sequence<L...>) {
  constexpr int count = lanes<T>;
  return __builtin_shufflevector(a, b,
                                 ((static_cast<int>(L) & Distance) == 0
                                      ? static_cast<int>(L) + (Upper ? Distance : 0)
                                      : static_cast<int>(L) + count - (Upper ? 0 : Distance))...);
}

// Turns a square of numbers around its diagonal.
template <class T, int Distance = lanes<T> / 2> ADJOINT_FUNCTION void turn_square(Vector<T>* square) {
  using All = std::make_index_sequence<lanes<T>>;
#pragma GCC unroll 16
  for (int i = 0; i < lanes<T>; ++i) {
    if (i & Distance) continue;
    const Vector<T> a = square[i], b = square[i + Distance];
    square[i] = interleave<T, Distance, false>(a, b, All());
    square[i + Distance] = interleave<T, Distance, true>(a, b, All());
  }
  if constexpr (Distance > 1) turn_square<T, Distance / 2>(square);
}

// A matrix for each lane. Its elements lie in the order in which the matrices that it is loaded from have them in memory,
// where those have no gaps; otherwise row after row.
template <class T> class Lanes {
 public:
  Lanes(int64_t rows, int64_t columns) : rows_(rows), columns_(columns), row_(columns) {}
  ADJOINT_FUNCTION Vector<T>& operator()(int64_t row, int64_t column) {
    return elements_[first_ + row * row_ + column * column_];
  }

  // Takes matrices of a group from one of them on; where there are fewer, the first of them again.
  template <class From> void load(const Group<From>& group, int64_t begin, int64_t count) {
    if (std::is_same_v<std::remove_const_t<From>, T> && is_dense(group)) {
      row_ = group.row_stride;
      column_ = group.column_stride;
      first_ = -lowest();
      if constexpr (std::is_same_v<std::remove_const_t<From>, T>) load_dense(group, begin, count);
      return;
    }
    for (int64_t lane = 0; lane < lanes<T>; ++lane) {
      const From* const from = group.first[begin + (lane < count ? lane : 0)];
      for (int64_t i = 0; i < rows_; ++i)
        for (int64_t j = 0; j < columns_; ++j)
          number(first_ + i * row_ + j * column_, lane) =
              static_cast<T>(from[i * group.row_stride + j * group.column_stride]);
    }
  }
  template <class To> void store(const Group<To>& group, int64_t begin, int64_t count) {
    if constexpr (std::is_same_v<To, T>)
      if (is_dense(group) && group.row_stride == row_ && group.column_stride == column_)
        return store_dense(group, begin, count);
    for (int64_t lane = 0; lane < lanes<T> && lane < count; ++lane) {
      To* const to = group.first[begin + lane];
      for (int64_t i = 0; i < rows_; ++i)
        for (int64_t j = 0; j < columns_; ++j)
          to[i * group.row_stride + j * group.column_stride] =
              static_cast<To>(number(first_ + i * row_ + j * column_, lane));
    }
  }

 private:
  // Whether a matrix has its elements side by side, in whatever order.
  template <class From> bool is_dense(const Group<From>& group) const {
    const int64_t row = size_of(group.row_stride), column = size_of(group.column_stride);
    return (column == 1 && row == columns_) || (row == 1 && column == rows_);
  }
  static int64_t size_of(int64_t stride) { return stride < 0 ? -stride : stride; }
  // The place of the element that lies first in memory, from that of element (0, 0).
  int64_t lowest() const {
    return (row_ < 0 ? (rows_ - 1) * row_ : 0) + (column_ < 0 ? (columns_ - 1) * column_ : 0);
  }

  template <class From> void load_dense(const Group<From>& group, int64_t begin, int64_t count) {
    const T* from[lanes<T>];
    for (int64_t lane = 0; lane < lanes<T>; ++lane)
      from[lane] = group.first[begin + (lane < count ? lane : 0)] + lowest();
    int64_t k = 0;
    for (; k + lanes<T> <= rows_ * columns_; k += lanes<T>) {
      Vector<T>* const square = elements_ + k;
      for (int64_t lane = 0; lane < lanes<T>; ++lane)
        square[lane] = adjoint::cpu::ADJOINT_ISA::load(from[lane] + k);
      turn_square<T>(square);
    }
    for (; k < rows_ * columns_; ++k)
      for (int64_t lane = 0; lane < lanes<T>; ++lane) number(k, lane) = from[lane][k];
  }
  void store_dense(const Group<T>& group, int64_t begin, int64_t count) {
    int64_t k = 0;
    for (; k + lanes<T> <= rows_ * columns_; k += lanes<T>) {
      Vector<T> square[lanes<T>];
      for (int64_t i = 0; i < lanes<T>; ++i) square[i] = elements_[k + i];
      turn_square<T>(square);
      for (int64_t lane = 0; lane < lanes<T> && lane < count; ++lane)
        adjoint::cpu::ADJOINT_ISA::store<T>(group.first[begin + lane] + lowest() + k, square[lane]);
    }
    for (; k < rows_ * columns_; ++k)
      for (int64_t lane = 0; lane < lanes<T> && lane < count; ++lane)
        group.first[begin + lane][lowest() + k] = number(k, lane);
  }

  typedef T Number [[gnu::may_alias]];
  Number& number(int64_t element, int64_t lane) {
    return reinterpret_cast<Number*>(elements_)[element * lanes<T> + lane];
  }

  int64_t rows_, columns_, first_ = 0, row_, column_ = 1;
  Vector<T> elements_[small_side * small_side];
};

// Runs body(first, count) for as many matrices of a group at a time as vectors have lanes.
template <class T, class Body> void in_lanes(int64_t count, const Body& body) {
  for (int64_t begin = 0; begin < count; begin += lanes<T>)
    body(begin, count - begin < lanes<T> ? count - begin : lanes<T>);
}

} // namespace adjoint::cpu::ADJOINT_ISA
