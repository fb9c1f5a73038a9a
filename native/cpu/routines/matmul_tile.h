// The innermost part of a matrix product: a tile of the output that stays in registers while the inner axis
// passes by, and the copying that brings operands into the order in which tiles read them. Everything is in
// a namespace of its instruction set and calls nothing inline from outside, so that no newer instruction
// reaches an older processor.
#pragma once
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "ops/math_bits.h" // ADJOINT_ISA

namespace adjoint::cpu::ADJOINT_ISA {

using math::multiply_add;

// Vectors of T, the widest that the processor has, and the largest tile whose sums fit its registers.
#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64, tile_height = 12;
#elif defined(__AVX2__)
inline constexpr int vector_bytes = 32, tile_height = 6;
#else
inline constexpr int vector_bytes = 16, tile_height = 4;
#endif
inline constexpr int tile_vectors = 2;

template <class T> inline constexpr int lanes = vector_bytes / sizeof(T);
template <class T> inline constexpr int tile_width = tile_vectors * lanes<T>;

// The length of inner axis that is summed at once. Every result depends on it.
inline constexpr int64_t block_depth = 256;

template <class T> struct VectorOf {
  typedef T Type [[gnu::vector_size(vector_bytes)]];
  typedef T Unaligned [[gnu::vector_size(vector_bytes), gnu::aligned(alignof(T)), gnu::may_alias]];
  typedef T Quad [[gnu::vector_size(16)]];
  typedef T UnalignedQuad [[gnu::vector_size(16), gnu::aligned(alignof(T)), gnu::may_alias]];
};
template <class T> using Vector = typename VectorOf<T>::Type;
template <class T> using Quad = typename VectorOf<T>::Quad;

template <class T> ADJOINT_FUNCTION Vector<T> load(const T* from) {
  return *reinterpret_cast<const typename VectorOf<T>::Unaligned*>(from);
}
template <class T> ADJOINT_FUNCTION void store(T* to, Vector<T> value) {
  *reinterpret_cast<typename VectorOf<T>::Unaligned*>(to) = value;
}
template <class T> ADJOINT_FUNCTION Quad<T> load_quad(const T* from) {
  return *reinterpret_cast<const typename VectorOf<T>::UnalignedQuad*>(from);
}
template <class T> ADJOINT_FUNCTION void store_quad(T* to, Quad<T> value) {
  *reinterpret_cast<typename VectorOf<T>::UnalignedQuad*>(to) = value;
}

template <class T> ADJOINT_FUNCTION Vector<T> broadcast(T value) { return value - Vector<T>{}; }

// a * b + c, rounded like the scalar multiply_add.
#if defined(__AVX512F__)
ADJOINT_FUNCTION Vector<float> multiply_add(Vector<float> a, Vector<float> b, Vector<float> c) {
  return _mm512_fmadd_ps(a, b, c);
}
ADJOINT_FUNCTION Vector<double> multiply_add(Vector<double> a, Vector<double> b, Vector<double> c) {
  return _mm512_fmadd_pd(a, b, c);
}
#elif defined(__FMA__)
ADJOINT_FUNCTION Vector<float> multiply_add(Vector<float> a, Vector<float> b, Vector<float> c) {
  return _mm256_fmadd_ps(a, b, c);
}
ADJOINT_FUNCTION Vector<double> multiply_add(Vector<double> a, Vector<double> b, Vector<double> c) {
  return _mm256_fmadd_pd(a, b, c);
}
#else
ADJOINT_FUNCTION Vector<float> multiply_add(Vector<float> a, Vector<float> b, Vector<float> c) {
  return a * b + c;
}
ADJOINT_FUNCTION Vector<double> multiply_add(Vector<double> a, Vector<double> b, Vector<double> c) {
  return a * b + c;
}
#endif

#ifdef __FMA__
ADJOINT_FUNCTION Quad<float> multiply_add_quad(Quad<float> a, Quad<float> b, Quad<float> c) {
  return _mm_fmadd_ps(a, b, c);
}
ADJOINT_FUNCTION Quad<double> multiply_add_quad(Quad<double> a, Quad<double> b, Quad<double> c) {
  return _mm_fmadd_pd(a, b, c);
}
#else
template <class Q> ADJOINT_FUNCTION Q multiply_add_quad(Q a, Q b, Q c) { return a * b + c; }
#endif

// `depth` rows of `left`, read across, times rows of `right`, read along: element (i, k) of the left operand
// lies at i * left_row + k * left_step, of the right one (k, j) at k * right_step + j.
template <class T> struct TileOperands {
  int64_t depth;
  const T* left;
  int64_t left_row, left_step;
  const T* right;
  int64_t right_step;
};

// A tile of Height rows and Vectors vectors of columns; `adds` to what out holds, or replaces it.
template <class T, int Height, int Vectors>
void run_tile(const TileOperands<T>& operands, T* out, int64_t out_stride, bool adds) {
  constexpr int rows_per_pointer = 3; // a row and a doubled row offset fit the processor's addressing
  constexpr int pointers = (Height + rows_per_pointer - 1) / rows_per_pointer;
  Vector<T> sums[Height][Vectors] = {};
  const int64_t left_row = operands.left_row, left_step = operands.left_step;
  const T* left[pointers];
#pragma GCC unroll 16
  for (int i = 0; i < pointers; ++i) left[i] = operands.left + i * rows_per_pointer * left_row;
  const T* right = operands.right;
  for (int64_t k = operands.depth; k > 0; --k) {
    Vector<T> row[Vectors];
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) row[j] = load(right + j * lanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < Height; ++i) {
      const Vector<T> factor = broadcast(left[i / rows_per_pointer][i % rows_per_pointer * left_row]);
#pragma GCC unroll 16
      for (int j = 0; j < Vectors; ++j) sums[i][j] = multiply_add(factor, row[j], sums[i][j]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < pointers; ++i) left[i] += left_step;
    right += operands.right_step;
  }
#pragma GCC unroll 16
  for (int i = 0; i < Height; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) {
      T* target = out + i * out_stride + j * lanes<T>;
      store<T>(target, adds ? load(target) + sums[i][j] : sums[i][j]);
    }
}

template <class T> using Tile = void (*)(const TileOperands<T>&, T*, int64_t, bool);

// All heights up to tile_height, of one vector and of two.
template <class T> struct TileTable {
  Tile<T> of[tile_height][tile_vectors];
  constexpr TileTable() : of{} { fill<1>(); }
  template <int Height> constexpr void fill() {
    of[Height - 1][0] = run_tile<T, Height, 1>;
    of[Height - 1][1] = run_tile<T, Height, 2>;
    if constexpr (Height < tile_height) fill<Height + 1>();
  }
};
template <class T> inline constexpr TileTable<T> tiles;

// Columns from `width` on lie outside the matrix: the tile computes them, but does not store them.
template <class T>
void multiply_tile(int64_t height, int64_t width, const TileOperands<T>& operands, T* out, int64_t out_stride,
                   bool adds) {
  const bool is_narrow = width <= lanes<T>;
  const int64_t full = is_narrow ? lanes<T> : tile_width<T>;
  const Tile<T> tile = tiles<T>.of[height - 1][is_narrow ? 0 : 1];
  if (width == full) return tile(operands, out, out_stride, adds);
  alignas(64) T whole[tile_height * tile_width<T>];
  tile(operands, whole, full, false);
  for (int64_t i = 0; i < height; ++i)
    for (int64_t j = 0; j < width; ++j) {
      T& target = out[i * out_stride + j];
      target = adds ? target + whole[i * full + j] : whole[i * full + j];
    }
}

// A square of numbers, 16 bytes a side, whose rows lie `stride` apart, turned around its diagonal.
template <class T> inline constexpr int quad_lanes = 16 / sizeof(T);

ADJOINT_FUNCTION void load_transposed(const float* from, int64_t stride, Quad<float> (&to)[4]) {
  const Quad<float> a = load_quad(from), b = load_quad(from + stride), c = load_quad(from + 2 * stride),
                    d = load_quad(from + 3 * stride);
  const Quad<float> ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                    ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7),
                    cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                    cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  to[0] = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  to[1] = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  to[2] = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  to[3] = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

ADJOINT_FUNCTION void load_transposed(const double* from, int64_t stride, Quad<double> (&to)[2]) {
  const Quad<double> a = load_quad(from), b = load_quad(from + stride);
  to[0] = __builtin_shufflevector(a, b, 0, 2);
  to[1] = __builtin_shufflevector(a, b, 1, 3);
}

// A panel to be copied: `depth` x `width` numbers, of which (k, j) lies at k * step + j * across.
template <class T> struct Panel {
  int64_t depth, width;
  const T* from;
  int64_t step, across;
};

template <class T> void pack_strided(const Panel<T>& panel, T* to, int64_t stride) {
  for (int64_t k = 0; k < panel.depth; ++k)
    for (int64_t j = 0; j < panel.width; ++j)
      to[k * stride + j] = panel.from[k * panel.step + j * panel.across];
}

template <class T, int64_t Width> void pack_rows(const Panel<T>& panel, T* to) {
  for (int64_t k = 0; k < panel.depth; ++k)
    __builtin_memcpy(to + k * Width, panel.from + k * panel.step, Width * sizeof(T));
}

template <class T> void pack_transposed(const Panel<T>& panel, T* to, int64_t stride) {
  constexpr int side = quad_lanes<T>;
  const int64_t depth = panel.depth / side * side, width = panel.width / side * side;
  for (int64_t j = 0; j < width; j += side)
    for (int64_t k = 0; k < depth; k += side) {
      Quad<T> square[side];
      load_transposed(panel.from + j * panel.across + k, panel.across, square);
      for (int64_t i = 0; i < side; ++i) store_quad<T>(to + (k + i) * stride + j, square[i]);
    }
  pack_strided<T>({depth, panel.width - width, panel.from + width * panel.across, 1, panel.across},
                  to + width, stride);
  pack_strided<T>({panel.depth - depth, panel.width, panel.from + depth, 1, panel.across},
                  to + depth * stride, stride);
}

// Lays a panel out row after row, `stride` numbers from row to row; numbers beyond its width are zero.
template <class T> void pack(const Panel<T>& panel, T* to, int64_t stride) {
  if (panel.across == 1 && panel.width == tile_width<T> && stride == tile_width<T>)
    return pack_rows<T, tile_width<T>>(panel, to);
  if (panel.across == 1 && panel.width == tile_height && stride == tile_height)
    return pack_rows<T, tile_height>(panel, to);
  if (panel.width < stride)
    for (int64_t k = 0; k < panel.depth; ++k)
      for (int64_t j = panel.width; j < stride; ++j) to[k * stride + j] = T(0);
  if (panel.step == 1)
    pack_transposed(panel, to, stride);
  else
    pack_strided(panel, to, stride);
}

} // namespace adjoint::cpu::ADJOINT_ISA
