#include "cuda/code/row_shape.h"

#include <bit>
#include <cstdlib>

#include "device/walk.h"

namespace adjoint::cuda {

namespace {

constexpr int64_t warp = 32;
constexpr int64_t block_threads = 256, most_block_threads = 1024;
// Threads that keep a multiprocessor busy, and blocks of them.
constexpr int64_t busy_threads = 1024, busy_blocks = 4;
constexpr int64_t most_splits = 1024;
constexpr int64_t most_partials = 16;    // that a thread of the last block reads
constexpr int64_t values_in_flight = 16; // loaded by one thread
constexpr int64_t most_owned_lanes = 32; // of the tree, by one thread, those of all reductions
constexpr size_t most_statements = 600, most_statements_unrolled = 200;
// The number of values that a thread keeps for the next pass, and the statements that computing them may
// take.
constexpr int64_t kept_values = 16;
constexpr size_t most_statements_kept = 1000;

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
    const std::optional<SplitWalk> parts = split(merged(access), kernel.columns);
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

class Chooser {
 public:
  Chooser(const FusedKernel& kernel, const Chip& chip, const RowWork& work)
      : kernel_(kernel), chip_(chip), layout_(layout_of(kernel)), work_(work),
        chunks_(quotient_up(std::max<int64_t>(kernel.columns, 1), chunk_columns)) {
    for (const Step& step : kernel.steps)
      if (info(step.op).kind == Kind::reduction && bytes_of(step.arithmetic) == 8) partial_bytes_ = 8;
    shape_.columns = kernel.columns;
    shape_.chunks = chunks_;
    shape_.is_across = layout_.across > layout_.along && kernel.rows >= warp / 2 && kernel.columns > 1 &&
                       fits(lane_count / warp, most_statements);
  }

  RowShape choose() {
    if (shape_.is_across)
      choose_across();
    else
      choose_along();
    choose_groups();
    if (work_.passes == 1 && work_.reductions > 0) choose_splits();
    return shape_;
  }

 private:
  bool fits(int64_t values, size_t most) const {
    return static_cast<size_t>(values) * work_.statements <= most;
  }
  // Whether owning this many lanes takes too long a text or too many registers.
  bool is_much(int64_t owned) const {
    return !fits(owned, most_statements_unrolled) || owned * work_.reductions > most_owned_lanes;
  }
  int64_t busy() const { return chip_.multiprocessors * busy_threads; }
  int64_t row_blocks() const { return quotient_up(kernel_.rows, shape_.rows); }

  void choose_across() {
    const int64_t tree = shape_.tree_lanes();
    const auto blocks = [&] { return quotient_up(kernel_.rows, warp) * (work_.passes == 1 ? chunks_ : 1); };
    int64_t& lanes = shape_.lanes = std::max<int64_t>(1, tree / 8);
    while (lanes < std::min(tree, block_threads / warp) && kernel_.rows * lanes < busy()) lanes *= 2;
    while (lanes < std::min(tree, warp) && (is_much(tree / lanes) || blocks() < chip_.multiprocessors))
      lanes *= 2;
    shape_.rows = std::min(block_threads / lanes, power_of_two_from(kernel_.rows));
    shape_.rows = std::max(shape_.rows, warp);
  }

  void choose_along() {
    const int64_t columns = shape_.columns_of_chunk(), tree = shape_.tree_lanes();
    const int64_t natural = layout_.most_bytes == 8 ? 2 : 4;
    if (layout_.has_vector && kernel_.columns % natural == 0 && fits(natural, most_statements))
      shape_.width = natural;
    const int64_t vectors = quotient_up(columns, shape_.width);
    const int64_t most = std::min(tree / shape_.width, warp);
    int64_t& lanes = shape_.lanes = std::min(power_of_two_from(quotient_up(vectors, 4)), most);
    while (lanes < most && (kernel_.rows * chunks_ * lanes < busy() || is_much(tree / lanes))) lanes *= 2;

    choose_kept();
    choose_spread();
    choose_teams();
    shape_.rows = std::max<int64_t>(block_threads / shape_.row_threads(), 1);
    while (shape_.threads() > warp && shape_.rows > 1 && is_few(row_blocks())) shape_.rows /= 2;
  }

  // Chooses enough threads for each to keep its values for the next pass, if that is possible.
  void choose_kept() {
    if (work_.passes == 1 || !fits(kept_values, most_statements_kept)) return;
    const int64_t lanes =
        std::max(shape_.lanes, power_of_two_from(quotient_up(shape_.columns_of_chunk(), kept_values)));
    const int64_t threads = lanes * teams_for_chunks();
    if (threads > most_block_threads || !fits_shared(lanes, threads)) return;
    shape_.lanes = lanes;
    if (lanes <= warp) shape_.width = std::min(shape_.width, shape_.tree_lanes() / lanes);
  }

  // Takes more threads than own lanes of the tree, where rows are few.
  void choose_spread() {
    const int64_t vectors = quotient_up(shape_.columns_of_chunk(), shape_.width);
    int64_t lanes = shape_.lanes;
    while (lanes < block_threads && lanes < vectors && 2 * kernel_.rows * chunks_ * lanes < busy() &&
           (work_.passes == 1 || 2 * lanes * teams_for_chunks() <= most_block_threads))
      lanes *= 2;
    if (lanes > warp && fits_shared(lanes, lanes)) shape_.lanes = lanes;
  }

  void choose_teams() {
    const auto may_have = [&](int64_t teams, int64_t threads) {
      return teams <= teams_for_chunks() && teams * shape_.lanes <= threads &&
             fits_shared(shape_.lanes, teams * shape_.lanes);
    };
    while (may_have(2 * shape_.teams, block_threads)) shape_.teams *= 2;
    // A row with several passes gets one block at most.
    const bool keeps = shape_.lanes * kept_values >= shape_.columns_of_chunk();
    if (work_.passes > 1 && (keeps || is_few(kernel_.rows / 2)))
      while (may_have(2 * shape_.teams, most_block_threads)) shape_.teams *= 2;
    if (work_.passes == 1)
      while (shape_.teams > 1 && shape_.row_threads() > warp &&
             is_few(kernel_.rows * quotient_up(chunks_, shape_.teams)))
        shape_.teams /= 2;
  }

  int64_t teams_for_chunks() const { return power_of_two_from(chunks_); }
  bool is_few(int64_t blocks) const { return blocks < chip_.multiprocessors; }

  // Whether shared memory can hold the chunks of this many threads, in teams of `lanes`, if it must.
  bool fits_shared(int64_t lanes, int64_t threads) const {
    const int64_t chunks = std::max(threads, block_threads) / lanes;
    return lanes <= warp || chunks * chunk_columns * partial_bytes_ * work_.reductions <= most_shared_bytes;
  }

  void choose_groups() {
    const int64_t most = quotient_up(shape_.columns_of_chunk(), shape_.lanes * shape_.width);
    int64_t& groups = shape_.groups = shape_.is_spread() ? 1 : shape_.turns();
    while (groups < most &&
           2 * groups * shape_.width * std::max<int64_t>(layout_.loads, 1) <= values_in_flight &&
           fits(2 * groups * shape_.width, most_statements_unrolled))
      groups *= 2;
    groups = std::min(groups, most);
    if (work_.passes > 1 && shape_.rounds() == 1 && most * shape_.width <= kept_values &&
        fits(most * shape_.width, most_statements_kept))
      groups = most;
  }

  void choose_splits() {
    const int64_t rounds = shape_.rounds();
    const int64_t wanted = std::min({chip_.multiprocessors * busy_blocks / row_blocks(), most_splits,
                                     most_partials * shape_.row_threads()});
    if (rounds == 1 || wanted <= 1) return;
    shape_.chunks = power_of_two_from(quotient_up(rounds, wanted)) * shape_.teams;
    shape_.splits = quotient_up(chunks_, shape_.chunks);
  }

  const FusedKernel& kernel_;
  const Chip& chip_;
  const Layout layout_;
  const RowWork& work_;
  const int64_t chunks_; // of a row
  int64_t partial_bytes_ = 4;
  RowShape shape_;
};

} // namespace

int64_t RowShape::tree_lanes() const { return std::min(lane_count, power_of_two_from(columns)); }

RowShape choose_row_shape(const FusedKernel& kernel, const Chip& chip, const RowWork& work) {
  return Chooser(kernel, chip, work).choose();
}

} // namespace adjoint::cuda
