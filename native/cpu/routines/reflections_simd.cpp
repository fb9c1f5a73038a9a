// Householder's reflections, compiled once for each instruction set. Blocks of them, 1 - V T V', are applied as products
// of matrices (R. Schreiber and C. Van Loan, 1989).
#include "cpu/pool.h"
#include "cpu/routines/columns.h"

namespace adjoint::cpu::ADJOINT_ISA {

namespace {

constexpr int64_t width = reflection_block;

// So many columns are taken at once by a thread.
constexpr int64_t strip = 24;
static_assert(strip % tile_height == 0);

// Multiplies columns by one reflection.
void apply_one(const double* v, double factor, const Columns& to, int64_t columns, int64_t n) {
  constexpr int64_t together = 4;
  for (int64_t j = 0; j < columns; j += together) {
    const int64_t count = smaller(together, columns - j);
    double along[together];
    dots(to.from(1, j), count, v + 1, n - 1, along);
    for (int64_t i = 0; i < count; ++i) {
      double* const column = to.at(0, j + i);
      const double part = factor * (column[0] + along[i]);
      column[0] -= part;
      add_multiple(-part, v + 1, column + 1, n - 1);
    }
  }
}

// Makes the reflections of columns [begin, end), on which all before them have been done.
void reflect_panel(const Reflections& work, int64_t begin, int64_t end) {
  for (int64_t k = begin; k < end; ++k) {
    double* const v = work.matrix.at(k, k);
    const auto [first, factor] = reflection_of(v, work.rows - k);
    work.factors[k] = factor;
    v[0] = first;
    if (factor != 0) apply_one(v, factor, work.matrix.from(k, k + 1), end - k - 1, work.rows - k);
  }
}

// Reflections of a block, on rows from its first one on.
struct Block {
  int64_t count, rows;
  Columns v;      // with ones, zeros above them, and zeros below its rows
  Columns across; // the same by rows, `width` numbers apart
  double t[width][width],
      transposed[width][width]; // an upper triangle, negative, with zeros; and a lower one
};

// V' V above the diagonal says how the reflections follow one another.
void make_triangle(Block& block, const double* factors) {
  double products[width][width];
  const int64_t count = block.count;
  multiply_tiles(count, count, block.rows, {block.v.data, block.v.stride, 1}, block.across,
                 {products[0], width}, false);
  for (auto& row : block.t)
    for (double& value : row) value = 0;
  for (int64_t j = 0; j < count; ++j) {
    for (int64_t i = 0; i < j; ++i) {
      double sum = 0;
      for (int64_t k = i; k < j; ++k) sum = multiply_add(block.t[i][k], products[k][j], sum);
      block.t[i][j] = -factors[j] * sum;
    }
    block.t[j][j] = -factors[j];
  }
  for (int64_t i = 0; i < width; ++i)
    for (int64_t j = 0; j < width; ++j) block.transposed[i][j] = block.t[j][i];
}

void load_block(const Reflections& work, int64_t begin, double* memory, Block& block) {
  const int64_t rows = work.rows - begin, stride = column_stride(work.rows);
  block.count = smaller(width, work.count() - begin);
  block.rows = rows;
  block.v = {memory, stride};
  block.across = {memory + width * stride, width};
  for (int64_t j = 0; j < block.count; ++j) {
    double* const v = block.v.at(0, j);
    const double* const from = work.matrix.at(begin, begin + j);
    for (int64_t i = 0; i < j; ++i) v[i] = 0;
    v[j] = 1;
    for (int64_t i = j + 1; i < rows; ++i) v[i] = from[i];
    for (int64_t i = rows; i < stride; ++i) v[i] = 0;
  }
  pack<double>({rows, block.count, block.v.data, 1, stride}, block.across.data, width);
  make_triangle(block, work.factors + begin);
}

// Multiplies columns by 1 - V T V', or with T' in T's place.
void apply_to_strip(const Block& block, const Columns& to, int64_t columns, bool is_transposed) {
  alignas(64) double along[strip][width], turned[strip][width];
  multiply_tiles(columns, block.count, block.rows, {to.data, to.stride, 1}, block.across, {along[0], width},
                 false);
  double* const t = const_cast<double*>(is_transposed ? block.t[0] : block.transposed[0]);
  multiply_tiles(columns, block.count, block.count, {along[0], width, 1}, {t, width}, {turned[0], width},
                 false);
  multiply_tiles(columns, block.rows, block.count, {turned[0], width, 1}, block.v, to, true);
}

void apply_block(const Block& block, const Columns& to, int64_t columns, bool is_transposed) {
  const auto apply = [&](int64_t i) {
    apply_to_strip(block, to.from(0, i * strip), smaller(strip, columns - i * strip), is_transposed);
  };
  const int64_t strips = (columns + strip - 1) / strip;
  constexpr int64_t parallel_work = int64_t{1} << 19;
  if (block.rows * block.count * columns > parallel_work) return parallel_for(strips, apply);
  for (int64_t i = 0; i < strips; ++i) apply(i);
}

} // namespace

void reflect(const Reflections& work, double* memory) {
  Block block;
  for (int64_t begin = 0; begin < work.count(); begin += width) {
    const int64_t end = smaller(begin + width, work.count());
    reflect_panel(work, begin, end);
    if (end == work.columns) continue;
    load_block(work, begin, memory, block);
    apply_block(block, work.matrix.from(begin, end), work.columns - end, true);
  }
}

void reflect_falling(const Reflections& work, int64_t* order) {
  const int64_t rows = work.rows, columns = work.columns;
  for (int64_t j = 0; j < columns; ++j) order[j] = j;
  for (int64_t k = 0; k < work.count(); ++k) {
    int64_t longest = k;
    double most = -1;
    for (int64_t j = k; j < columns; ++j) {
      const double length = length_of(work.matrix.at(k, j), rows - k);
      if (length > most) {
        most = length;
        longest = j;
      }
    }
    if (longest != k) {
      exchange(work.matrix.at(0, k), work.matrix.at(0, longest), rows);
      const int64_t place = order[k];
      order[k] = order[longest];
      order[longest] = place;
    }
    double* const v = work.matrix.at(k, k);
    const auto [first, factor] = reflection_of(v, rows - k);
    work.factors[k] = factor;
    v[0] = first;
    if (factor != 0) apply_one(v, factor, work.matrix.from(k, k + 1), columns - k - 1, rows - k);
  }
}

void reflect_both(const Reflections& reflections, double* work) {
  const int64_t rows = reflections.rows, columns = reflections.columns;
  double *const v = work, *const along = work + columns;
  for (int64_t k = 0; k < reflections.count(); ++k) {
    double* const column = reflections.matrix.at(k, k);
    const int64_t right = columns - k - 1, below = rows - k - 1;
    const double factor = reflection_of(column, rows - k).factor;
    reflections.factors[k] = factor;
    if (factor != 0) apply_one(column, factor, reflections.matrix.from(k, k + 1), right, rows - k);
    if (right < 2) continue;
    const Columns corner = reflections.matrix.from(k, k + 1);
    for (int64_t j = 0; j < right; ++j) v[j] = *corner.at(0, j);
    const double share = reflection_of(v, right).factor;
    v[0] = 1;
    for (int64_t i = 0; i < below; ++i) along[i] = 0;
    add_multiples(corner.from(1, 0), right, v, 1, along, below);
    for (int64_t j = 0; j < right; ++j) add_multiple(-share * v[j], along, corner.at(1, j), below);
  }
}

void remove_reflections(const Reflections& work, const Columns& to, int64_t columns, double* memory) {
  Block block;
  for (int64_t begin = 0; begin < work.count(); begin += width) {
    load_block(work, begin, memory, block);
    apply_block(block, to.from(begin, 0), columns, true);
  }
}

void apply_reflections(const Reflections& work, const Columns& to, int64_t columns, bool is_identity,
                       double* memory) {
  Block block;
  for (int64_t begin = (work.count() + width - 1) / width * width - width; begin >= 0; begin -= width) {
    const int64_t first = is_identity ? begin : 0;
    load_block(work, begin, memory, block);
    apply_block(block, to.from(begin, first), columns - first, false);
  }
}

} // namespace adjoint::cpu::ADJOINT_ISA
