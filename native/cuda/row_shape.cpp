#include "cuda/row_shape.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "cuda/walk.h"

namespace adjoint::cuda {

namespace {

constexpr int64_t warp = 32;
constexpr int64_t block_threads = 256;
// Threads that keep a multiprocessor busy, and blocks of them.
constexpr int64_t busy_threads = 1024, busy_blocks = 4;
// A warp is quicker with a row than a block, which has to wait for itself, up to so many vectors a thread.
constexpr int64_t most_vectors_of_warp = 16;
// Below this a thread of a split row does too little for what putting the parts together costs.
constexpr int64_t least_vectors_of_split = 8;
constexpr int64_t most_splits = 1024;
constexpr int64_t values_in_flight = 16; // loaded by one thread
constexpr size_t most_statements = 600, most_statements_unrolled = 200;
// Values that a thread keeps for the next pass, and what computing them may come to.
constexpr int64_t kept_values = 16;
constexpr size_t most_statements_kept = 1000;

int64_t quotient_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t power_of_two_from(int64_t n) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(n, 1))));
}

struct Layout {
  int64_t along = 0, across = 0; // accesses whose neighbours are columns, or rows
  int64_t loads = 0;
  int64_t most_bytes = 1;
  bool has_vector = false; // of four columns
};

Layout layout_of(const FusedKernel& kernel) {
  Layout layout;
  const auto look = [&](const Access& access, const Step& step) {
    if (step.level != Level::element) return;
    layout.loads += step.op == Op::stored;
    layout.most_bytes = std::max(layout.most_bytes, bytes_of(step.dtype));
    const std::optional<SplitWalk> parts = split(Walk(access), kernel.columns);
    if (!parts) {
      ++layout.along;
      return;
    }
    const auto is_near = [](const Walk& walk) {
      return !walk.axes.empty() && std::abs(walk.axes.back().stride) == 1;
    };
    layout.along += is_near(parts->columns);
    layout.across += is_near(parts->rows);
    layout.has_vector |= parts->columns.steps_by(4) && parts->columns.is_vector(4);
  };
  for (const Step& step : kernel.steps)
    if (step.op == Op::stored) look(kernel.accesses[step.index], step);
  for (const Store& store : kernel.stores) look(store.access, kernel.steps[store.step]);
  return layout;
}

} // namespace

RowShape choose_row_shape(const FusedKernel& kernel, const Chip& chip, size_t passes, size_t statements) {
  RowShape shape;
  const Layout layout = layout_of(kernel);
  const auto fits = [&](int64_t lanes, size_t most) {
    return static_cast<size_t>(lanes) * statements <= most;
  };
  shape.is_across = layout.across > layout.along && kernel.rows >= warp / 2 && kernel.columns > 1;
  const int64_t natural = layout.most_bytes == 8 ? 2 : 4;
  if (!shape.is_across && layout.has_vector && kernel.columns % natural == 0 &&
      fits(natural, most_statements))
    shape.width = natural;

  const int64_t vectors = quotient_up(kernel.columns, shape.width);
  const int64_t busy = chip.multiprocessors * busy_threads;
  if (shape.is_across) {
    shape.rows = warp;
    shape.lanes = 1;
    while (shape.lanes < block_threads / warp && shape.lanes < vectors && kernel.rows * shape.lanes < busy)
      shape.lanes *= 2;
    shape.rows = std::min(block_threads / shape.lanes, power_of_two_from(kernel.rows));
    shape.rows = std::max(shape.rows, warp);
  } else {
    shape.lanes = std::min(power_of_two_from(quotient_up(vectors, 4)), warp);
    if (vectors > warp * most_vectors_of_warp) shape.lanes = block_threads;
    while (shape.lanes < block_threads && shape.lanes < vectors && kernel.rows * shape.lanes < busy)
      shape.lanes *= 2;
    if (passes > 1) {
      // So many that every thread can keep its values, if that can be.
      while (shape.lanes < block_threads && shape.lanes * kept_values < vectors * shape.width)
        shape.lanes *= 2;
      // One block is all that a row with several passes gets.
      while (shape.lanes >= block_threads && shape.lanes < 1024 && 16 * shape.lanes < vectors &&
             kernel.rows < 2 * chip.multiprocessors)
        shape.lanes *= 2;
    }
    shape.rows = std::max<int64_t>(block_threads / shape.lanes, 1);
  }
  const int64_t vectors_of_thread = quotient_up(vectors, shape.lanes);
  while (shape.groups < 8 && shape.groups < vectors_of_thread &&
         2 * shape.groups * shape.width * std::max<int64_t>(layout.loads, 1) <= values_in_flight &&
         fits(2 * shape.groups * shape.width, most_statements_unrolled))
    shape.groups *= 2;
  if (passes > 1 && vectors_of_thread * shape.width <= kept_values &&
      fits(vectors_of_thread * shape.width, most_statements_kept))
    shape.groups = vectors_of_thread;

  const bool has_reduction = std::any_of(kernel.steps.begin(), kernel.steps.end(), [](const Step& step) {
    return info(step.op).kind == Kind::reduction;
  });
  if (passes == 1 && has_reduction) {
    const int64_t row_blocks = quotient_up(kernel.rows, shape.rows);
    shape.splits =
        std::clamp<int64_t>(std::min(chip.multiprocessors * busy_blocks / std::max<int64_t>(row_blocks, 1),
                                     vectors_of_thread / least_vectors_of_split),
                            1, most_splits);
  }
  shape.chunk = quotient_up(kernel.columns, shape.splits);
  if (shape.splits > 1) {
    shape.chunk = quotient_up(shape.chunk, shape.columns_at_once()) * shape.columns_at_once();
    shape.splits = quotient_up(kernel.columns, shape.chunk);
  }
  return shape;
}

} // namespace adjoint::cuda
