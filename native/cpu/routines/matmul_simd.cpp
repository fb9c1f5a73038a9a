// Products of two matrices, compiled once for each instruction set. There are five ways through, and all sum
// in the same order:
//
//   blocked  large products: both operands are copied, block by block, into the order in which tiles read them
//   direct   small ones: tiles read their operands in place, where the layout allows it
//   row      one row times a matrix, whose rows are added up as they lie in memory
//   columns  one row times a matrix whose columns lie along memory, some columns at a time
//   dots     few columns, each the sum of products along a row and a column
//
// Integers, which are rarely multiplied, take a plain loop.
#include "cpu/pool.h"
#include "cpu/routines/matmul_product.h"
#include "cpu/routines/matmul_tile.h"
#include "device/integers.h"

namespace adjoint::cpu::ADJOINT_ISA {

namespace {

// Multiply-adds below which other threads come too late to help, and below which copying does not pay.
constexpr int64_t parallel_work = int64_t{1} << 19;
constexpr int64_t blocked_work = int64_t{1} << 19;

constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
template <class T> int64_t work_of(const Product<T>& product) {
  return product.rows * product.columns * product.inner;
}

// The part of a product for these rows and columns.
template <class T>
Product<T> part(const Product<T>& whole, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  Product<T> result = whole;
  result.rows = rows;
  result.columns = columns;
  result.left.data = whole.left.at(row, 0);
  result.right.data = whole.right.at(0, column);
  result.out = whole.out + row * whole.out_stride + column;
  return result;
}

// Cuts [0, count) into `parts` whose lengths, in units, differ by one at most.
struct Cut {
  int64_t count, unit, parts;
  int64_t begin(int64_t i) const { return least(quotient_up(count, unit) * i / parts * unit, count); }
  int64_t length(int64_t i) const { return begin(i + 1) - begin(i); }
};

// The number of parts that keeps all threads busy until the end, though some are slower than others.
int64_t busy_parts(int64_t work) {
  return work < parallel_work ? 1 : 2 * static_cast<int64_t>(thread_count());
}

// Runs `body` on parts of the product, which are whole tiles high and wide.
template <class T, class Body> void in_parts(const Product<T>& product, int64_t unit, const Body& body) {
  const bool by_columns = product.columns >= product.rows * unit / tile_height;
  const int64_t count = by_columns ? product.columns : product.rows;
  const int64_t step = by_columns ? unit : tile_height;
  const Cut cut{count, step, least(busy_parts(work_of(product)), quotient_up(count, step))};
  if (cut.parts <= 1) return body(product);
  parallel_for(cut.parts, [&](int64_t i) {
    body(by_columns ? part(product, 0, product.rows, cut.begin(i), cut.length(i))
                    : part(product, cut.begin(i), cut.length(i), 0, product.columns));
  });
}

template <class T> void multiply_direct(const Product<T>& product) {
  alignas(64) T packed[block_depth * tile_width<T>];
  const auto& [rows, columns, inner, left, right, out, out_stride, panels] = product;
  for (int64_t k = 0; k < inner; k += block_depth) {
    const int64_t depth = least(block_depth, inner - k);
    for (int64_t j = 0; j < columns; j += tile_width<T>) {
      const int64_t width = least(tile_width<T>, columns - j);
      const int64_t full = width <= lanes<T> ? lanes<T> : tile_width<T>;
      const bool in_place = right.column_stride == 1 && width == full;
      if (!in_place)
        pack<T>({depth, width, right.at(k, j), right.row_stride, right.column_stride}, packed, full);
      for (int64_t i = 0; i < rows; i += tile_height)
        multiply_tile<T>(least(tile_height, rows - i), width,
                         {depth, left.at(i, k), left.row_stride, left.column_stride,
                          in_place ? right.at(k, j) : packed, in_place ? right.row_stride : full},
                         out + i * out_stride + j, out_stride, k > 0);
    }
  }
}

// Sums that stay in the first-level cache, while a few rows of the right matrix at a time stream past them.
template <class T> void multiply_row(const Product<T>& product) {
  constexpr int64_t width = 1024, height = 4;
  alignas(64) T sums[width];
  const auto& [rows, columns, inner, left, right, out, out_stride, panels] = product;
  const auto add_rows = [&]<int64_t Rows>(int64_t k, int64_t j, int64_t count) {
    const T* factor = left.at(0, k);
    const T* row = right.at(k, j);
    for (int64_t c = 0; c < count; ++c) {
      T sum = sums[c];
#pragma GCC unroll 4
      for (int64_t r = 0; r < Rows; ++r)
        sum = multiply_add(factor[r * left.column_stride], row[r * right.row_stride + c], sum);
      sums[c] = sum;
    }
  };
  for (int64_t j = 0; j < columns; j += width) {
    const int64_t count = least(width, columns - j);
    for (int64_t begin = 0; begin < inner; begin += block_depth) {
      const int64_t end = least(begin + block_depth, inner);
      for (int64_t c = 0; c < count; ++c) sums[c] = T(0);
      int64_t k = begin;
      for (; k + height <= end; k += height) add_rows.template operator()<height>(k, j, count);
      for (; k < end; ++k) add_rows.template operator()<1>(k, j, count);
      for (int64_t c = 0; c < count; ++c) out[j + c] = begin > 0 ? out[j + c] + sums[c] : sums[c];
    }
  }
}

// The blocks of one long sum do not wait for each other: several are summed side by side.
template <class T>
T dot(const T* left, int64_t left_step, const T* right, int64_t right_step, int64_t inner) {
  constexpr int64_t side_by_side = 8;
  T total = T(0);
  for (int64_t begin = 0; begin < inner; begin += side_by_side * block_depth) {
    T sums[side_by_side] = {};
    const int64_t whole = least((inner - begin) / block_depth, side_by_side);
    if (whole == side_by_side) {
      for (int64_t k = begin; k < begin + block_depth; ++k)
#pragma GCC unroll 8
        for (int64_t s = 0; s < side_by_side; ++s) {
          const int64_t at = k + s * block_depth;
          sums[s] = multiply_add(left[at * left_step], right[at * right_step], sums[s]);
        }
    } else {
      for (int64_t k = begin; k < inner; ++k) {
        T& sum = sums[(k - begin) / block_depth];
        sum = multiply_add(left[k * left_step], right[k * right_step], sum);
      }
    }
    const int64_t blocks = least(quotient_up(inner - begin, block_depth), side_by_side);
    for (int64_t s = 0; s < blocks; ++s) total = begin + s > 0 ? total + sums[s] : sums[s];
  }
  return total;
}

// The sums over [k, end), inside a block of the inner axis, of as many columns as the quads hold. Whole cache
// lines are read at a time: columns may lie a power of two apart, where few lines of them fit the cache.
template <int quads, class T>
void add_columns(const Product<T>& product, int64_t j, int64_t k, int64_t end, T* sums) {
  constexpr int side = quad_lanes<T>;
  const auto& [rows, columns, inner, left, right, out, out_stride, panels] = product;
  Quad<T> total[quads] = {};
  const auto add_squares = [&]<int Squares>() {
    for (; k + Squares * side <= end; k += Squares * side)
#pragma GCC unroll 8
      for (int q = 0; q < quads; ++q)
#pragma GCC unroll 4
        for (int s = 0; s < Squares; ++s) {
          Quad<T> square[side];
          load_transposed(right.at(k + s * side, j + q * side), right.column_stride, square);
#pragma GCC unroll 4
          for (int i = 0; i < side; ++i)
            total[q] = multiply_add_quad(square[i], *left.at(0, k + s * side + i) - Quad<T>{}, total[q]);
        }
  };
  add_squares.template operator()<4>();
  add_squares.template operator()<1>();
  for (int q = 0; q < quads; ++q) store_quad<T>(sums + q * side, total[q]);
  for (; k < end; ++k)
    for (int c = 0; c < quads * side; ++c)
      sums[c] = multiply_add(*right.at(k, j + c), *left.at(0, k), sums[c]);
}

template <class T> void multiply_dots(const Product<T>& product) {
  for (int64_t i = 0; i < product.rows; ++i)
    for (int64_t j = 0; j < product.columns; ++j)
      product.out[i * product.out_stride + j] =
          dot(product.left.at(i, 0), product.left.column_stride, product.right.at(0, j),
              product.right.row_stride, product.inner);
}

template <class T> void multiply_columns(const Product<T>& product) {
  int64_t j = 0;
  const auto add_groups = [&]<int Quads>() {
    constexpr int64_t width = Quads * quad_lanes<T>;
    for (; j + width <= product.columns; j += width)
      for (int64_t k = 0; k < product.inner; k += block_depth) {
        T sums[width];
        add_columns<Quads>(product, j, k, least(k + block_depth, product.inner), sums);
        for (int64_t c = 0; c < width; ++c)
          product.out[j + c] = k > 0 ? product.out[j + c] + sums[c] : sums[c];
      }
  };
  add_groups.template operator()<8>();
  add_groups.template operator()<1>();
  if (j < product.columns) multiply_dots(part(product, 0, 1, j, product.columns - j));
}

// A panel, or null.
template <class T> class TakenPanel {
 public:
  explicit TakenPanel(Panels* panels) : panels_(panels), data_(panels ? panels->take() : nullptr) {}
  ~TakenPanel() {
    if (data_) panels_->give_back(data_);
  }
  TakenPanel(const TakenPanel&) = delete;
  TakenPanel& operator=(const TakenPanel&) = delete;
  T* data() const { return static_cast<T*>(data_); }

 private:
  Panels* panels_;
  void* data_;
};

// A task copies this many rows of the left operand, which stay in the second-level cache. This many columns
// of the right one are copied for all tasks, and stay in the third.
template <class T> inline constexpr int64_t block_rows = 960 / sizeof(T) / tile_height * tile_height;
template <class T> inline constexpr int64_t block_columns = 4096;

// A block of the right operand, as panels one tile wide.
template <class T> void pack_right(const Product<T>& product, int64_t k, int64_t depth, T* packed) {
  const int64_t panels = quotient_up(product.columns, tile_width<T>);
  const Cut cut{panels, 1, least(busy_parts(depth * product.columns * 16), panels)};
  parallel_for(cut.parts, [&](int64_t i) {
    for (int64_t panel = cut.begin(i); panel < cut.begin(i + 1); ++panel) {
      const int64_t j = panel * tile_width<T>, width = least(tile_width<T>, product.columns - j);
      const auto& right = product.right;
      pack<T>({depth, width, right.at(k, j), right.row_stride, right.column_stride}, packed + j * depth,
              width <= lanes<T> ? lanes<T> : tile_width<T>);
    }
  });
}

// A block of the left operand, as panels one tile high; in place where there is no memory.
template <class T> struct LeftBlock {
  TakenPanel<T> panel;
  Matrix<T> matrix;
  int64_t rows, depth;
  LeftBlock(Panels* panels, const Matrix<T>& matrix, int64_t rows, int64_t depth)
      : panel(panels), matrix(matrix), rows(rows), depth(depth) {
    if (!panel.data()) return;
    for (int64_t i = 0; i < rows; i += tile_height) {
      const int64_t height = least(tile_height, rows - i);
      pack<T>({depth, height, matrix.at(i, 0), matrix.column_stride, matrix.row_stride},
              panel.data() + i * depth, height);
    }
  }
  TileOperands<T> operands(int64_t i, const T* right, int64_t right_step) const {
    if (!panel.data())
      return {depth, matrix.at(i, 0), matrix.row_stride, matrix.column_stride, right, right_step};
    return {depth, panel.data() + i * depth, 1, least(tile_height, rows - i), right, right_step};
  }
};

// out (+)= the product over one block of the inner axis, the right operand having been packed.
template <class T> void multiply_block(const Product<T>& product, int64_t k, int64_t depth, const T* packed) {
  const Matrix<T> left{product.left.at(0, k), product.left.row_stride, product.left.column_stride};
  const LeftBlock<T> block(product.panels.left, left, product.rows, depth);
  for (int64_t j = 0; j < product.columns; j += tile_width<T>) {
    const int64_t width = least(tile_width<T>, product.columns - j);
    const int64_t full = width <= lanes<T> ? lanes<T> : tile_width<T>;
    for (int64_t i = 0; i < product.rows; i += tile_height)
      multiply_tile<T>(least(tile_height, product.rows - i), width,
                       block.operands(i, packed + j * depth, full), product.out + i * product.out_stride + j,
                       product.out_stride, k > 0);
  }
}

template <class T> void multiply_blocked(const Product<T>& whole) {
  const TakenPanel<T> packed(whole.panels.right);
  if (!packed.data()) return in_parts(whole, tile_width<T>, multiply_direct<T>);
  for (int64_t column = 0; column < whole.columns; column += block_columns<T>) {
    const Product<T> product =
        part(whole, 0, whole.rows, column, least(block_columns<T>, whole.columns - column));
    const int64_t parts = busy_parts(work_of(product)), tiles = quotient_up(product.rows, tile_height);
    const int64_t blocks = quotient_up(quotient_up(product.rows, block_rows<T>), parts) * parts;
    const Cut rows{product.rows, tile_height, least(blocks, tiles)};
    const Cut columns{product.columns, tile_width<T>,
                      least(quotient_up(parts, rows.parts), quotient_up(product.columns, tile_width<T>))};
    for (int64_t k = 0; k < product.inner; k += block_depth) {
      const int64_t depth = least(block_depth, product.inner - k);
      pack_right(product, k, depth, packed.data());
      parallel_for(rows.parts * columns.parts, [&](int64_t task) {
        const int64_t i = task / columns.parts, j = task % columns.parts;
        multiply_block(part(product, rows.begin(i), rows.length(i), columns.begin(j), columns.length(j)), k,
                       depth, packed.data() + columns.begin(j) * depth);
      });
    }
  }
}

// Whether copying pays.
template <class T> bool is_blocked(const Product<T>& product) {
  return product.rows > tile_height && product.columns > 1 && work_of(product) > blocked_work;
}

template <class T> Matrix<T> transposed(const Matrix<T>& matrix) {
  return {matrix.data, matrix.column_stride, matrix.row_stride};
}

template <class T> void multiply_floating(const Product<T>& product) {
  const auto& [rows, columns, inner, left, right, out, out_stride, panels] = product;
  // A column is a row of the transposed product.
  if (columns == 1 && rows > 1 && out_stride == 1)
    return multiply_floating<T>({1, rows, inner, transposed(right), transposed(left), out, rows, panels});
  if (rows == 1 && columns == 1) return multiply_dots(product);
  if (rows == 1 && right.row_stride == 1) return in_parts(product, lanes<T>, multiply_columns<T>);
  if (rows == 1 && right.column_stride == 1) return in_parts(product, lanes<T>, multiply_row<T>);
  if (!is_blocked(product)) return in_parts(product, tile_width<T>, multiply_direct<T>);
  multiply_blocked(product);
}

template <class T> PanelSizes panel_sizes_of(const Product<T>& product) {
  if (!is_blocked(product)) return {};
  const int64_t depth = least(product.inner, block_depth) * static_cast<int64_t>(sizeof(T));
  const int64_t rows = least(quotient_up(product.rows, tile_height) * tile_height, block_rows<T>);
  const int64_t columns =
      least(quotient_up(product.columns, tile_width<T>) * tile_width<T>, block_columns<T>);
  return {rows * depth, columns * depth};
}

// A panel of the right matrix is laid out row after row, and rows of the left one run over it.
template <class T> void multiply_whole_part(const Product<T>& product) {
  constexpr int64_t panel_depth = 32, panel_width = 256;
  T panel[panel_depth * panel_width];
  const auto& [rows, columns, inner, left, right, out, out_stride, panels] = product;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) out[i * out_stride + j] = T(0);
  for (int64_t j = 0; j < columns; j += panel_width) {
    const int64_t width = least(panel_width, columns - j);
    for (int64_t k = 0; k < inner; k += panel_depth) {
      const int64_t depth = least(panel_depth, inner - k);
      pack_strided<T>({depth, width, right.at(k, j), right.row_stride, right.column_stride}, panel, width);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t d = 0; d < depth; ++d) {
          const T factor = *left.at(i, k + d);
          T* target = out + i * out_stride + j;
#pragma GCC ivdep
          for (int64_t c = 0; c < width; ++c)
            target[c] = static_cast<T>(target[c] + factor * panel[d * width + c]);
        }
    }
  }
}

template <class T> void multiply_whole(const Product<T>& product) {
  in_parts(product, lanes<T>, multiply_whole_part<T>);
}

} // namespace

void multiply(const Product<float>& product) { multiply_floating(product); }
void multiply(const Product<double>& product) { multiply_floating(product); }
void multiply(const Product<int32_t>& product) { multiply_whole(product); }
void multiply(const Product<int64_t>& product) { multiply_whole(product); }
void multiply(const Product<uint8_t>& product) { multiply_whole(product); }
void multiply(const Product<bool>& product) { multiply_whole(product); }

PanelSizes panel_sizes(const Product<float>& product) { return panel_sizes_of(product); }
PanelSizes panel_sizes(const Product<double>& product) { return panel_sizes_of(product); }
PanelSizes panel_sizes(const Product<int32_t>&) { return {}; }
PanelSizes panel_sizes(const Product<int64_t>&) { return {}; }
PanelSizes panel_sizes(const Product<uint8_t>&) { return {}; }
PanelSizes panel_sizes(const Product<bool>&) { return {}; }

} // namespace adjoint::cpu::ADJOINT_ISA
