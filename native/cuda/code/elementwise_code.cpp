// Kernels without columns: every element is computed by itself. In comes a FusedKernel; out come its PTX and
// the launches and table that it needs.
//
// A block goes over tiles of its instance's rows; a thread takes a few vectors of each tile, and begins all
// their loads before it needs the first result. Read make_elementwise_code at the end first: it chooses a
// ThreadLayout, has ElementwiseText write the PTX (`write`, `write_tiles`, `write_tile`), and makes the
// launches: ElementwiseCode for one instance, FlatCode for many instances, each with its own number of rows.
#include <algorithm>
#include <cstdlib>

#include "cuda/code/fused_code.h"
#include "device/integers.h"
#include "device/passes.h"

namespace adjoint::cuda {

namespace {

constexpr int64_t block_threads = 256;
// More blocks than fit at once, so that another one takes the place of an early end.
constexpr int64_t blocks_per_multiprocessor = 16;
// ptxas takes more than twice the time for twice the text.
constexpr size_t most_statements = 800, most_steps = 100;
constexpr size_t most_statements_unrolled = 200;
constexpr int64_t lanes_in_flight = 16; // loaded by one thread

// The words of a flat kernel's table are the offset of the map from blocks to instances, in bytes (0: there
// is only one instance), the instances' records, and the map: for every block its instance and its number
// within it, 32 bits each.
constexpr size_t table_head = 1;
// A record begins with the number of rows and the number of blocks that share them.
constexpr size_t flat_record_head = 2;

struct ThreadLayout {
  int64_t width = 1;  // lanes of a vector
  int64_t groups = 1; // vectors of a thread in a tile
  int64_t tile() const { return block_threads * width * groups; }
  // An array that is read across the order of the rows: threads go over squares, so that they use all of the
  // 32 bytes that come with an element. `line` is the number of rows in a line (0: there are no squares), and a
  // square is 8 lines of `square` vectors.
  int64_t line = 0, square = 1;
};
constexpr int64_t square_lines = 8;

// The accesses at the inner level, with the bytes of their elements.
template <class Body> void each_access(const FusedKernel& kernel, const Body& body) {
  for (const Step& step : kernel.steps)
    if (step.op == Op::stored) body(kernel.accesses[step.index], bytes_of(step.dtype), true);
  for (const Store& store : kernel.stores)
    body(store.access, bytes_of(kernel.steps[store.step].dtype), false);
}

std::vector<bool> steps_for_stores(const FusedKernel& kernel) {
  std::vector<bool> needed(kernel.steps.size());
  for (const Store& store : kernel.stores) needed[store.step] = true;
  add_inputs(kernel, needed, Level::row);
  return needed;
}

ThreadLayout choose_layout(const FusedKernel& kernel, size_t statements) {
  ThreadLayout layout;
  int64_t most_bytes = 1, loads = 0;
  bool has_vector = false;
  each_access(kernel, [&](const Access& access, int64_t bytes, bool is_load) {
    const Walk walk = kernel.is_flat ? Walk::flat(access) : merged(access);
    if (walk.axes.empty()) return;
    most_bytes = std::max(most_bytes, bytes);
    loads += is_load;
    has_vector |= walk.steps_by(4) && walk.is_vector(4);
  });
  const int64_t natural = most_bytes == 8 ? 2 : 4;
  const auto fits = [&](int64_t lanes, size_t most) {
    return static_cast<size_t>(lanes) * statements <= most;
  };
  if (has_vector && kernel.steps.size() <= most_steps && (kernel.is_flat || kernel.rows % natural == 0) &&
      fits(natural + 1, most_statements))
    layout.width = natural;
  while (layout.groups < 4 &&
         2 * layout.groups * layout.width * std::max<int64_t>(loads, 1) <= lanes_in_flight &&
         fits(2 * layout.groups * layout.width, most_statements_unrolled))
    layout.groups *= 2;
  return layout;
}

// Looks for a load whose neighbours in memory are in the next line.
void choose_square(const FusedKernel& kernel, ThreadLayout& layout) {
  if (kernel.is_flat) return;
  each_access(kernel, [&](const Access& access, int64_t, bool is_load) {
    const Walk walk = merged(access);
    const size_t rank = walk.axes.size();
    if (!is_load || rank < 2 || layout.line != 0) return;
    const WalkAxis &lines = walk.axes[rank - 2], &along = walk.axes[rank - 1];
    if (std::abs(lines.stride) != 1 || std::abs(along.stride) < square_lines) return;
    if (lines.extent % square_lines != 0 || along.extent % layout.width != 0) return;
    layout.line = along.extent;
    layout.square = 16 / layout.width;
    while (along.extent % (layout.square * layout.width) != 0) layout.square /= 2;
  });
}

// --- the text

class ElementwiseText {
 public:
  ElementwiseText(const FusedKernel& kernel, ThreadLayout layout, int64_t blocks)
      : kernel_(kernel), layout_(layout), blocks_(blocks),
        text_(kernel, Level::row, layout.width,
              kernel.is_flat || needs_wide_indices(kernel, 2 * blocks * layout.tile()),
              kernel.is_flat ? flat_record_head : 0),
        needed_(steps_for_stores(kernel)) {}

  const TableRecord& record() const { return text_.record; }

  std::string write() {
    if (kernel_.is_flat)
      find_instance();
    else
      record_ = "%table";
    text_.begin(record_);
    text_.compute_outer_inputs(needed_);
    const Register thread = index().widened("%tid.x");
    if (!kernel_.is_flat) block_ = index().widened("%ctaid.x");
    const Register first =
        index().plus(index().times(block_, layout_.tile()), index().times(thread, layout_.width));
    const std::string done = w().fresh_label();
    write_tiles(first, done);
    w().label(done);
    if (kernel_.is_flat && layout_.width > 1) write_tail(thread);
    return w().module(fused_name, block_threads, 0);
  }

 private:
  PtxWriter& w() { return text_.writer; }
  IndexCode& index() { return text_.index; }

  void find_instance() {
    const Register map = w().fresh(Width::wide), flag = w().fresh(Width::flag);
    const Register instance = w().fresh(Width::word), block = w().fresh(Width::word);
    const std::string found = w().fresh_label();
    w().line("ld.global.b64 ", map, ", [%table]");
    w().line("mov.b32 ", instance, ", 0");
    w().line("mov.u32 ", block, ", %ctaid.x");
    w().line("setp.eq.s64 ", flag, ", ", map, ", 0");
    w().line("@", flag, " bra ", found);
    const Register entry = w().fresh(Width::wide), moved = w().fresh(Width::wide);
    w().line("mad.wide.u32 ", entry, ", ", block, ", 8, ", map);
    w().line("add.s64 ", moved, ", ", entry, ", %table");
    w().line("ld.global.v2.b32 {", instance, ", ", block, "}, [", moved, "]");
    w().label(found);
    record_ = w().fresh(Width::wide);
    const auto bytes = static_cast<int64_t>(8 * text_.record.words());
    w().line("mad.wide.u32 ", record_, ", ", instance, ", ", bytes, ", %table");
    const Register start = record_;
    record_ = w().fresh(Width::wide);
    w().line("add.s64 ", record_, ", ", start, ", ", static_cast<int64_t>(8 * table_head));
    block_ = w().fresh(Width::wide);
    w().line("cvt.u64.u32 ", block_, ", ", block);
    rows_ = w().fresh(Width::wide);
    const Register count = w().fresh(Width::wide);
    w().line("ld.global.b64 ", rows_, ", [", record_, "]");
    w().line("ld.global.b64 ", count, ", [", record_, "+8]");
    stride_ = index().times(count, layout_.tile());
  }

  // The bound below which the first lane of a whole vector lies.
  Register limit() {
    if (!kernel_.is_flat) return std::to_string(kernel_.rows);
    return index().plus(rows_, 1 - layout_.width);
  }

  void write_tiles(const Register& first, const std::string& done) {
    const Register end = limit();
    if (kernel_.is_flat || kernel_.rows % layout_.tile() != 0) {
      const Register any = index().is_less(first, end);
      w().line("@!", any, " bra ", done);
    }
    const bool is_loop = kernel_.is_flat || blocks_ * layout_.tile() < kernel_.rows;
    Register at = first;
    std::string loop;
    if (is_loop) {
      at = w().fresh(index().width());
      w().line("mov", bits_of(index().width()), " ", at, ", ", first);
      loop = w().fresh_label();
      w().label(loop);
    }
    index().forget();
    write_tile(at, end);
    if (!is_loop) return;
    w().line("add", index().type(), " ", at, ", ", at, ", ",
             kernel_.is_flat ? stride_ : std::to_string(blocks_ * layout_.tile()));
    const Register more = index().is_less(at, end);
    w().line("@", more, " bra ", loop);
  }

  void write_tile(const Register& at, const Register& end) {
    text_.forget_lanes(static_cast<size_t>(layout_.groups * layout_.width));
    text_.prepare_accesses();
    std::vector<Group> groups;
    for (int64_t i = 0; i < layout_.groups; ++i) {
      Group group{
          index().plus(at, i * block_threads * layout_.width), {}, static_cast<size_t>(i * layout_.width)};
      if (i > 0 && (kernel_.is_flat || kernel_.rows % layout_.tile() != 0))
        group.inside = index().is_less(group.index, end);
      groups.push_back(group);
    }
    if (layout_.line > 0)
      for (Group& group : groups) group.index = in_squares(group.index);
    for (const Group& group : groups) text_.load(needed_, group);
    for (const Group& group : groups) {
      text_.compute(needed_, group);
      for (size_t i = 0; i < kernel_.stores.size(); ++i) text_.store(i, group);
    }
  }

  // The index where a vector begins, if vectors are counted square by square.
  Register in_squares(const Register& linear) {
    Register vector, rest, square, within, line, along, square_line, square_along;
    index().divide(linear, layout_.width, vector, rest);
    index().divide(vector, square_lines * layout_.square, square, within);
    index().divide(square, layout_.line / (layout_.square * layout_.width), square_line, square_along);
    index().divide(within, layout_.square, line, along);
    const Register whole_line = index().plus(index().times(square_line, square_lines), line);
    const Register whole_along = index().plus(index().times(square_along, layout_.square), along);
    return index().plus(index().times(whole_line, layout_.line), index().times(whole_along, layout_.width));
  }

  // The rows after the last whole vector, one a thread, by the first block.
  void write_tail(const Register& thread) {
    index().forget();
    const Register left = w().fresh(Width::wide), whole = w().fresh(Width::wide), at = w().fresh(Width::wide);
    const Register is_first = w().fresh(Width::flag);
    w().line("and.b64 ", left, ", ", rows_, ", ", layout_.width - 1);
    w().line("sub.s64 ", whole, ", ", rows_, ", ", left);
    w().line("add.s64 ", at, ", ", whole, ", ", thread);
    w().line("setp.eq.s64 ", is_first, ", ", block_, ", 0");
    const Register inside = w().both(index().is_less(thread, left), is_first);
    const std::string end = w().fresh_label();
    w().line("@!", inside, " bra ", end);
    text_.width = 1;
    text_.forget_lanes(1);
    text_.prepare_accesses();
    const Group group{at, {}, 0};
    text_.load(needed_, group);
    text_.compute(needed_, group);
    for (size_t i = 0; i < kernel_.stores.size(); ++i) text_.store(i, group);
    w().label(end);
  }

  const FusedKernel& kernel_;
  const ThreadLayout layout_;
  const int64_t blocks_;
  FusedText text_;
  const std::vector<bool> needed_;
  Register record_, rows_, stride_, block_;
};

// --- launches

class ElementwiseCode final : public FixedCode {
 public:
  explicit ElementwiseCode(TableRecord record) : record_(std::move(record)) {}
  size_t table_words(std::span<const Instance>) const override { return record_.words(); }
  void fill_table(std::span<const Instance> instances, Scratch, uint64_t* words) const override {
    record_.fill(instances[0], words);
  }

 private:
  TableRecord record_;
};

class FlatCode final : public KernelCode {
 public:
  FlatCode(TableRecord record, int64_t tile, int64_t most_blocks)
      : record_(std::move(record)), tile_(tile), most_blocks_(most_blocks) {}

  size_t table_words(std::span<const Instance> instances) const override {
    const size_t records = table_head + instances.size() * record_.words();
    return instances.size() == 1 ? records : records + static_cast<size_t>(total_blocks(instances));
  }
  void fill_table(std::span<const Instance> instances, Scratch, uint64_t* words) const override {
    const size_t map = table_head + instances.size() * record_.words();
    words[0] = instances.size() == 1 ? 0 : 8 * map;
    const int64_t rows = total_rows(instances);
    uint64_t* record = words + table_head;
    uint64_t* entry = words + map;
    for (size_t i = 0; i < instances.size(); ++i, record += record_.words()) {
      const int64_t blocks = blocks_of(instances[i], rows);
      record[0] = static_cast<uint64_t>(instances[i].rows);
      record[1] = static_cast<uint64_t>(blocks);
      record_.fill(instances[i], record);
      if (instances.size() == 1) continue;
      for (int64_t block = 0; block < blocks; ++block) *entry++ = static_cast<uint64_t>(block) << 32 | i;
    }
  }
  std::vector<FunctionLaunch> launches(std::span<const Instance> instances) const override {
    const int64_t blocks = total_blocks(instances);
    if (blocks == 0) return {};
    return {{0, static_cast<uint32_t>(blocks), static_cast<uint32_t>(block_threads), 0}};
  }
  int64_t partials_bytes(std::span<const Instance>) const override { return 0; }
  int64_t ticket_count(std::span<const Instance>) const override { return 0; }

 private:
  static int64_t total_rows(std::span<const Instance> instances) {
    int64_t rows = 0;
    for (const Instance& instance : instances) rows += instance.rows;
    return rows;
  }
  // The instance's share of the chip's blocks, in proportion to its rows, but no less than one.
  int64_t blocks_of(const Instance& instance, int64_t all_rows) const {
    if (instance.rows == 0) return 0;
    const auto share =
        static_cast<int64_t>(static_cast<double>(most_blocks_) * static_cast<double>(instance.rows) /
                             static_cast<double>(all_rows));
    return std::min(quotient_up(instance.rows, tile_), std::max<int64_t>(share, 1));
  }
  int64_t total_blocks(std::span<const Instance> instances) const {
    const int64_t rows = total_rows(instances);
    int64_t blocks = 0;
    for (const Instance& instance : instances) blocks += blocks_of(instance, rows);
    return blocks;
  }

  TableRecord record_;
  int64_t tile_, most_blocks_;
};

} // namespace

std::unique_ptr<KernelCode> make_elementwise_code(const FusedKernel& kernel, const Chip& chip) {
  ThreadLayout layout = choose_layout(kernel, statements(kernel, steps_for_stores(kernel)));
  choose_square(kernel, layout);
  const int64_t most_blocks = blocks_per_multiprocessor * chip.multiprocessors;
  const int64_t blocks = std::min(quotient_up(kernel.rows, layout.tile()), most_blocks);
  ElementwiseText text(kernel, layout, blocks);
  const auto ptx = std::make_shared<const std::string>(text.write());
  std::unique_ptr<KernelCode> code;
  if (kernel.is_flat) {
    code = std::make_unique<FlatCode>(text.record(), layout.tile(), most_blocks);
  } else {
    auto fixed = std::make_unique<ElementwiseCode>(text.record());
    fixed->launch = {0, static_cast<uint32_t>(blocks), static_cast<uint32_t>(block_threads), 0};
    code = std::move(fixed);
  }
  code->ptx = ptx;
  code->functions = {fused_name};
  return code;
}

} // namespace adjoint::cuda
