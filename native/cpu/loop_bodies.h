// The loops, made from the rows of the op tables. Each file that is compiled for an instruction set of its
// own includes them; nothing here may be shared between those files, so all of it lies in a namespace of the
// instruction set.
#pragma once
#include <algorithm>
#ifdef __AVX__
#include <immintrin.h>
#endif

#include "cpu/loops.h"
#include "ops/arithmetic.h"

namespace adjoint::cpu::ADJOINT_ISA {

#if defined(__AVX512F__)
inline constexpr size_t vector_bytes = 64;
#elif defined(__AVX__)
inline constexpr size_t vector_bytes = 32;
#else
inline constexpr size_t vector_bytes = 16;
#endif

// A row as a type. `Out` and `First` are the types of the result and of the first input.
template <Dtypes dtypes_, class T> struct RowTypes {
  using Out = std::conditional_t<dtypes_ == Dtypes::truth, bool, T>;
  using First = std::conditional_t<dtypes_ == Dtypes::select, bool, T>;
};
#define ROW(name, dtypes, value, ...)                                                                        \
  template <class T> struct row_##name : RowTypes<Dtypes::dtypes, T> {                                       \
    using Types = RowTypes<Dtypes::dtypes, T>;                                                               \
    ADJOINT_FUNCTION static typename Types::Out apply(__VA_ARGS__) { return value; }                         \
  };
#define UNARY(name, label, dtypes, cost, lo, hi, value, ...) ROW(name, dtypes, value, T a)
#define BINARY(name, label, dtypes, cost, lo, hi, value, ...) ROW(name, dtypes, value, T a, T b)
#define TERNARY(name, label, dtypes, cost, lo, hi, value, ...)                                               \
  ROW(name, dtypes, value, typename Types::First a, T b, T c)
#include "ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
#undef ROW

template <class Row, class T> void unary(int64_t n, void* out, const void* a, const void*, const void*) {
  auto* to = static_cast<typename Row::Out*>(out);
  const T* x = static_cast<const T*>(a);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) to[i] = Row::apply(x[i]);
}

template <class Row, class T, unsigned still>
void binary(int64_t n, void* out, const void* a, const void* b, const void*) {
  auto* to = static_cast<typename Row::Out*>(out);
  const T *x = static_cast<const T*>(a), *y = static_cast<const T*>(b);
  const T x0 = x[0], y0 = y[0];
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) to[i] = Row::apply(still & 1 ? x0 : x[i], still & 2 ? y0 : y[i]);
}

template <class Row, class T, unsigned still>
void ternary(int64_t n, void* out, const void* a, const void* b, const void* c) {
  auto* to = static_cast<typename Row::Out*>(out);
  const auto* x = static_cast<const typename Row::First*>(a);
  const T *y = static_cast<const T*>(b), *z = static_cast<const T*>(c);
  const auto x0 = x[0];
  const T y0 = y[0], z0 = z[0];
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i)
    to[i] = Row::apply(still & 1 ? x0 : x[i], still & 2 ? y0 : y[i], still & 4 ? z0 : z[i]);
}

template <class From, class To> void cast(int64_t n, void* out, const void* a, const void*, const void*) {
  To* to = static_cast<To*>(out);
  const From* x = static_cast<const From*>(a);
  int64_t begin = 0;
#ifdef __F16C__
  // Instructions with the bits of `convert`.
  if constexpr (std::is_same_v<From, Half> && std::is_same_v<To, float>)
    for (; begin + 8 <= n; begin += 8)
      _mm256_storeu_ps(to + begin,
                       _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + begin))));
  if constexpr (std::is_same_v<From, float> && std::is_same_v<To, Half>)
    for (; begin + 8 <= n; begin += 8)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + begin),
                       _mm256_cvtps_ph(_mm256_loadu_ps(x + begin), _MM_FROUND_TO_NEAREST_INT));
#endif
#pragma GCC ivdep
  for (int64_t i = begin; i < n; ++i) to[i] = convert<To>(x[i]);
}

template <class T> void count(int64_t n, void* out, const void* a, const void* b, const void*) {
  T* to = static_cast<T*>(out);
  const int64_t first = *static_cast<const int64_t*>(a), step = *static_cast<const int64_t*>(b);
  const auto is_word = [](int64_t value) { return value >= INT32_MIN && value <= INT32_MAX; };
  if (is_word(first) && is_word(first + (n - 1) * step)) {
    // Every processor converts words by the vector, few of them longer integers.
    const auto from = static_cast<uint32_t>(first), by = static_cast<uint32_t>(step);
#pragma GCC ivdep
    for (uint32_t i = 0; i < static_cast<uint32_t>(n); ++i)
      to[i] = convert<T>(static_cast<int32_t>(from + i * by));
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = convert<T>(first + i * step);
  }
}

#define REDUCTION(name, label, dtypes_, number, empty, lo, hi, identity_, combine_, finish_, gradient)       \
  template <class In> struct reduce_##name {                                                                 \
    using T = std::conditional_t<Dtypes::dtypes_ == Dtypes::truth, bool, In>;                                \
    static constexpr T identity() { return identity_; }                                                      \
    /* T may be a vector. */                                                                                 \
    template <class T> ADJOINT_FUNCTION static T combine(T a, T b) { return combine_; }                      \
    ADJOINT_FUNCTION static T finish(T a, [[maybe_unused]] int64_t count) { return finish_; }                \
  };
#include "ops/reductions.def"
#undef REDUCTION

// What a reduction takes of an element, or of a vector of elements: the element itself, or its square.
struct Element {
  template <class T> ADJOINT_FUNCTION static T of(T a) { return a; }
};
struct Square {
  template <class T> ADJOINT_FUNCTION static T of(T a) { return a * a; }
};

template <class Row, class In, class Taken = Element> struct Reduction {
  using T = typename Row::T;

  ADJOINT_FUNCTION static T taken(In element) { return Taken::of(static_cast<T>(element)); }

  static void identity(int64_t n, void* out, const void*, const void*, const void*) {
    for (int64_t i = 0; i < n; ++i) static_cast<T*>(out)[i] = Row::identity();
  }
#ifdef __GNUC__
  static constexpr bool has_vectors = std::floating_point<T> && std::floating_point<In>;
  using Lane = std::conditional_t<has_vectors, T, int>;
  // Named in every use: gcc forgets the alignment of `auto*`.
  typedef Lane Vector __attribute__((vector_size(vector_bytes), aligned(1)));
  static constexpr uint32_t vector_width = vector_bytes / sizeof(Lane);
  using Datum = std::conditional_t<has_vectors, In, int>;
  typedef Datum Data __attribute__((vector_size(vector_width * sizeof(Datum)), aligned(1)));
  ADJOINT_FUNCTION static Vector taken_at(const In* data) { return Taken::of(widened(data)); }
  ADJOINT_FUNCTION static Vector widened(const In* data) {
#ifdef __AVX__
    // gcc takes halves of the vector one by one.
    if constexpr (std::same_as<In, float> && std::same_as<T, double>) {
#ifdef __AVX512F__
      return _mm512_maskz_cvtps_pd(0xff, _mm256_loadu_ps(data));
#else
      return _mm256_cvtps_pd(_mm_loadu_ps(data));
#endif
    }
#endif
    return __builtin_convertvector(*reinterpret_cast<const Data*>(data), Vector);
  }
  // The lanes that registers hold beside the data; left to itself, gcc takes lanes for separate numbers.
  static constexpr uint32_t most_vectors = 8;

  template <uint32_t vectors>
  ADJOINT_FUNCTION static void add_groups(uint32_t groups, T* lanes, const In* data) {
    Vector partial[vectors];
    for (uint32_t v = 0; v < vectors; ++v) partial[v] = reinterpret_cast<Vector*>(lanes)[v];
    for (; groups > 0; --groups, data += lane_count)
#pragma GCC unroll 8
      for (uint32_t v = 0; v < vectors; ++v)
        partial[v] = Row::combine(partial[v], taken_at(data + v * vector_width));
    for (uint32_t v = 0; v < vectors; ++v) reinterpret_cast<Vector*>(lanes)[v] = partial[v];
  }
#endif
  // Adds the full groups of lanes, and then the rest.
  ADJOINT_FUNCTION static void add_columns(uint32_t count, T* lanes, const In* data) {
    constexpr auto width = static_cast<uint32_t>(lane_count);
    uint32_t lane = 0;
    const uint32_t groups = count / width, left = count % width;
    const In* tail = data + groups * width;
#ifdef __GNUC__
    if constexpr (has_vectors) {
      constexpr uint32_t vectors = std::min(most_vectors, width / vector_width);
      if (groups > 0)
        for (uint32_t first = 0; first < width; first += vectors * vector_width)
          add_groups<vectors>(groups, lanes + first, data + first);
      for (; lane + vector_width <= left; lane += vector_width) {
        Vector* partial = reinterpret_cast<Vector*>(lanes + lane);
        *partial = Row::combine(*partial, taken_at(tail + lane));
      }
      data = tail;
    }
#endif
    for (; data < tail; data += width)
      for (uint32_t i = 0; i < width; ++i) lanes[i] = Row::combine(lanes[i], taken(data[i]));
    for (; lane < left; ++lane) lanes[lane] = Row::combine(lanes[lane], taken(tail[lane]));
  }
  static void accumulate(int64_t n, void* out, const void* a, const void*, const void*) {
    // Never more than a chunk.
    add_columns(static_cast<uint32_t>(n), static_cast<T*>(out), static_cast<const In*>(a));
  }
  static void take(int64_t n, void* out, const void* a, const void*, const void*) {
    T* to = static_cast<T*>(out);
    const In* x = static_cast<const In*>(a);
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) to[i] = Row::combine(to[i], taken(x[i]));
  }
  static void combine(int64_t n, void* out, const void* a, const void* b, const void*) {
    T* to = static_cast<T*>(out);
    const T *x = static_cast<const T*>(a), *y = static_cast<const T*>(b);
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) to[i] = Row::combine(x[i], y[i]);
  }
  template <int64_t lanes> ADJOINT_FUNCTION static T fold(T* partial) {
#if defined __GNUC__ && __has_builtin(__builtin_shufflevector)
    if constexpr (has_vectors && lanes >= 2 * int64_t{vector_width})
      return fold_vectors<lanes / vector_width>(reinterpret_cast<const Vector*>(partial));
#endif
    for (int64_t width = lanes / 2; width > 0; width /= 2)
      for (int64_t lane = 0; lane < width; ++lane)
        partial[lane] = Row::combine(partial[lane], partial[lane + width]);
    return partial[0];
  }
#if defined __GNUC__ && __has_builtin(__builtin_shufflevector)
  // The same in registers.
  template <size_t vectors> ADJOINT_FUNCTION static T fold_vectors(const Vector* lanes) {
    Vector partial[vectors];
#pragma GCC unroll 32
    for (size_t v = 0; v < vectors; ++v) partial[v] = lanes[v];
#pragma GCC unroll 8
    for (size_t half = vectors / 2; half > 0; half /= 2)
#pragma GCC unroll 32
      for (size_t v = 0; v < half; ++v) partial[v] = Row::combine(partial[v], partial[v + half]);
    return fold_vector<vector_width / 2>(partial[0], std::make_index_sequence<vector_width>());
  }
  // Elements beyond the first `half` hold values that nobody reads.
  template <size_t half, size_t... element>
  ADJOINT_FUNCTION static T fold_vector(Vector partial, std::index_sequence<element...> all) {
    partial = Row::combine(
        partial, __builtin_shufflevector(partial, partial, ((element + half) % sizeof...(element))...));
    if constexpr (half > 1)
      return fold_vector<half / 2>(partial, all);
    else
      return partial[0];
  }
#endif
  // Lanes that no element reaches change nothing, so they can be left out.
  template <int64_t lanes>
  ADJOINT_FUNCTION static void fold_short(int64_t rows, int64_t columns, T* out, const In* row) {
    for (int64_t i = 0; i < rows; ++i, row += columns) {
      T partial[lanes];
      for (T& lane : partial) lane = Row::identity();
      for (int64_t lane = 0; lane < columns; ++lane)
        partial[lane] = Row::combine(partial[lane], taken(row[lane]));
      out[i] = fold<lanes>(partial);
    }
  }
  template <int64_t lanes> static void short_rows(int64_t rows, int64_t columns, T* out, const In* row) {
    if (columns == lanes)
      fold_short<lanes>(rows, lanes, out, row);
    else
      fold_short<lanes>(rows, columns, out, row);
  }
  static void rows(int64_t rows, int64_t columns, void* out, const void* data) {
    T* to = static_cast<T*>(out);
    const In* row = static_cast<const In*>(data);
    if (columns <= 2) return short_rows<2>(rows, columns, to, row);
    if (columns <= 4) return short_rows<4>(rows, columns, to, row);
    if (columns <= 8) return short_rows<8>(rows, columns, to, row);
    if (columns <= 16) return short_rows<16>(rows, columns, to, row);
    if (columns <= 32) return short_rows<32>(rows, columns, to, row);
    for (int64_t i = 0; i < rows; ++i, row += columns) {
      T partial[lane_count];
      for (T& lane : partial) lane = Row::identity();
      add_columns(static_cast<uint32_t>(columns), partial, row);
      to[i] = fold<lane_count>(partial);
    }
  }
  static void finish(int64_t n, int64_t count, void* out, const void* data) {
    for (int64_t i = 0; i < n; ++i)
      static_cast<T*>(out)[i] = Row::finish(static_cast<const T*>(data)[i], count);
  }
  static constexpr ReductionLoops loops() {
    return {identity, accumulate, take, combine, rows, finish, sizeof(T)};
  }
};

template <class T> constexpr TypeLoops type_loops() {
  TypeLoops loops{};
  size_t row = 0;
#define UNARY(name, label, dtypes, ...)                                                                      \
  if constexpr (computes<T>(Dtypes::dtypes)) loops.elementwise[row][0] = unary<row_##name<T>, T>;            \
  ++row;
#define STILL(kind, name, mask) loops.elementwise[row][mask] = kind<row_##name<T>, T, mask>;
#define BINARY(name, label, dtypes, ...)                                                                     \
  if constexpr (computes<T>(Dtypes::dtypes)) {                                                               \
    STILL(binary, name, 0)                                                                                   \
    STILL(binary, name, 1)                                                                                   \
    STILL(binary, name, 2)                                                                                   \
  }                                                                                                          \
  ++row;
#define TERNARY(name, label, dtypes, ...)                                                                    \
  if constexpr (computes<T>(Dtypes::dtypes)) {                                                               \
    STILL(ternary, name, 0)                                                                                  \
    STILL(ternary, name, 1)                                                                                  \
    STILL(ternary, name, 2)                                                                                  \
    STILL(ternary, name, 3)                                                                                  \
    STILL(ternary, name, 4)                                                                                  \
    STILL(ternary, name, 5)                                                                                  \
    STILL(ternary, name, 6)                                                                                  \
  }                                                                                                          \
  ++row;
#include "ops/elementwise.def"
#undef UNARY
#undef STILL
#undef BINARY
#undef TERNARY
#define ROW(name, type, label, word) loops.cast[static_cast<size_t>(DType::name)] = cast<T, type>;
  ADJOINT_DTYPES(ROW)
#undef ROW
  loops.count = count<T>;
  if constexpr (std::same_as<T, float>)
    loops.sum_of_squares = Reduction<reduce_sum<double>, float, Square>::loops();
  row = 0;
#define REDUCTION(name, label, dtypes, ...)                                                                  \
  if constexpr (computes<T>(Dtypes::dtypes)) loops.reduction[row] = Reduction<reduce_##name<T>, T>::loops(); \
  ++row;
#include "ops/reductions.def"
#undef REDUCTION
  return loops;
}

} // namespace adjoint::cpu::ADJOINT_ISA
