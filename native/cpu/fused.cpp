// Runs compiled fused kernels. In come a CpuProgram (cpu/program.h) and the arrays and numbers of its
// instances; out come the stores into their arrays.
//
// A Runner executes the sections on one thread, block by block: `run_rows` shows the order, `run` does the
// instructions. An Accumulator holds a reduction while blocks of a row pass by. `run_fused` divides the
// work over threads: `run_blocks` by blocks of rows, ColumnGroups by columns where rows are few and long.
#include <algorithm>
#include <bit>
#include <cstring>
#include <thread>

#include "cpu/pool.h"
#include "cpu/program.h"
#include "device/integers.h"

namespace adjoint::cpu {

namespace {

// Less work than this stays on the calling thread: waking others takes as long.
constexpr int64_t least_shared_bytes = 100 << 10;
constexpr int64_t tasks_per_thread = 4;
constexpr int64_t prefetched_columns = 4;
constexpr int64_t cache_line = 64;

void repeat(int64_t n, int64_t times, size_t bytes, void* to, const void* from) {
  with_width(bytes, [&]<class Word>() {
    Word* out = static_cast<Word*>(to);
    const Word* in = static_cast<const Word*>(from);
    for (int64_t i = 0; i < n; ++i, out += times) std::fill_n(out, times, in[i]);
  });
}

// A reduction under way: its lanes, then the partial results of chunks, highest subtree first. Each of them
// is `width` values side by side.
class Accumulator {
 public:
  Accumulator(const ReductionLoops& loops, void* lanes, int64_t width)
      : loops_(loops), lanes_(static_cast<std::byte*>(lanes)), width_(width) {}

  std::byte* lane(int64_t i) const { return lanes_ + i * width_ * loops_.bytes; }
  void open_chunk() const { loops_.identity(lane_count * width_, lanes_, nullptr, nullptr, nullptr); }
  void open_lane() const { loops_.identity(width_, lanes_, nullptr, nullptr, nullptr); }
  // Leaves the chunk's result in the first lane.
  void fold_lanes() const {
    for (int64_t half = lane_count / 2; half > 0; half /= 2)
      loops_.combine(half * width_, lanes_, lanes_, lane(half), nullptr);
  }
  // Puts the first lane's result behind the `count` results of chunks that are there already.
  void push(int64_t count) const { push(lane_count, count); }
  // Leaves the result of all `count` chunks in the first lane.
  void close(int64_t count) const { close(lane_count, count); }
  // The same for lanes that come one after the other, in the first place.
  void push_lane(int64_t count) const { push(1, count); }
  void close_lanes(int64_t count) const { close(1, count); }

 private:
  // A tree has its levels from a lane on.
  void push(int64_t levels, int64_t count) const {
    int64_t depth = levels + std::popcount(static_cast<uint64_t>(count));
    for (; count % 2 == 1; count /= 2) loops_.combine(width_, lanes_, lane(--depth), lanes_, nullptr);
    std::memcpy(lane(depth), lanes_, static_cast<size_t>(width_) * loops_.bytes);
  }
  void close(int64_t levels, int64_t count) const {
    int64_t depth = levels + std::popcount(static_cast<uint64_t>(count));
    if (depth == levels) return open_lane();
    std::memcpy(lanes_, lane(--depth), static_cast<size_t>(width_) * loops_.bytes);
    while (depth > levels) loops_.combine(width_, lanes_, lane(--depth), lanes_, nullptr);
  }

  const ReductionLoops& loops_;
  std::byte* lanes_;
  int64_t width_;
};

// One thread's view of a launch.
class Runner {
 public:
  // In `memory` lie pointers and slots.
  Runner(const CpuProgram& program, std::byte* memory)
      : program_(program), memory_(memory), at_(reinterpret_cast<std::byte**>(memory)) {
    for (size_t i = 0; i < program.slots.size(); ++i) at_[i] = memory_ + program.slots[i];
  }

  void bind(const Instance& instance) {
    arrays_ = instance.arrays;
    for (const NumberValue& one : program_.numbers)
      with_type(one.dtype, [&]<class T>() {
        *reinterpret_cast<T*>(at_[one.value]) = instance.numbers[one.index].as<T>();
      });
    row_ = column_ = element_ = 0;
    run(program_.number_section);
  }

  // Runs rows from `begin` to `end`; a block begins at `begin`.
  void run_rows(int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row += program_.row_block) {
      begin_rows(row, std::min(program_.row_block, end - row));
      for (uint32_t pass = 0; pass < program_.element_sections.size(); ++pass) {
        run_columns(pass, 0, program_.columns);
        finish_pass(pass);
      }
    }
  }

  void begin_rows(int64_t row, int64_t rows) {
    row_ = row;
    column_ = 0;
    rows_ = rows;
    element_ = row * program_.columns;
    elements_ = rows * program_.columns;
    run(program_.row_sections[0]);
  }

  // Runs the element section of a pass over some columns, which begin with a chunk; leaves the result of each
  // reduction in its first lane. A block is a part of a chunk, or several chunks.
  void run_columns(uint32_t pass, int64_t begin, int64_t end) {
    if (program_.traversal == Traversal::across) return run_columns_across(pass, begin, end);
    const int64_t block = program_.column_block;
    const bool has_whole_chunks = block >= chunk_columns;
    chunks_ = 0;
    for (int64_t column = begin; column < end; column += block) {
      const int64_t columns = std::min(block, end - column);
      if (column % chunk_columns == 0 && !has_whole_chunks)
        each_reduction(pass, [&](const Accumulator& one, const ReductionPlan&) { one.open_chunk(); });
      elements_ = columns;
      column_ = column;
      element_ = row_ * program_.columns + column;
      run(program_.element_sections[pass]);
      const int64_t next = column + columns;
      if (has_whole_chunks) {
        chunks_ += quotient_up(columns, chunk_columns);
      } else if (next % chunk_columns == 0 || next == end) {
        each_reduction(pass, [&](const Accumulator& one, const ReductionPlan&) {
          one.fold_lanes();
          one.push(chunks_);
        });
        ++chunks_;
      }
    }
    each_reduction(pass, [&](const Accumulator& one, const ReductionPlan&) { one.close(chunks_); });
  }

  // The same where a block is one column.
  void run_columns_across(uint32_t pass, int64_t begin, int64_t end) {
    chunks_ = 0;
    for (int64_t chunk = begin; chunk < end; chunk += chunk_columns, ++chunks_) {
      const int64_t columns = std::min(chunk_columns, end - chunk);
      run_lanes(pass, chunk, columns, 0, has_reductions(pass) ? lanes_of(columns) : 1);
      each_reduction(pass, [&](const Accumulator& one, const ReductionPlan&) { one.push(chunks_); });
    }
    each_reduction(pass, [&](const Accumulator& one, const ReductionPlan&) { one.close(chunks_); });
  }

  // The number of lanes that a chunk of so many columns reaches, and a power of two.
  static int64_t lanes_of(int64_t columns) {
    return std::min(static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(columns))), lane_count);
  }

  // Runs the columns of some of a chunk's lanes, and leaves their results in the first lane. They come lane after
  // lane, each after the one that it is combined with: all lanes at once would not fit into the first-level cache.
  void run_lanes(uint32_t pass, int64_t chunk, int64_t columns, int64_t first, int64_t count) {
    const bool has_wide = program_.wide_sections[pass].begin < program_.wide_sections[pass].end;
    const bool has_lanes = has_reductions(pass);
    const int64_t lanes = has_lanes ? lanes_of(columns) : 1, step = has_lanes ? lane_count : 1;
    elements_ = 1;
    int64_t lane = reversed(first, lanes);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t next_lane = next_reversed(lane, lanes);
      each_reduction(pass, [](const Accumulator& one, const ReductionPlan&) { one.open_lane(); });
      for (int64_t column = lane; column < columns;) {
        int64_t ahead = column + prefetched_columns * step;
        if (ahead >= columns) ahead += next_lane - lane - quotient_up(columns - lane, step) * step;
        ahead_ = std::min(ahead, columns - 1) - column;
        column_ = chunk + column;
        element_ = column_ * program_.rows + row_;
        const bool is_wide = has_wide && column + (wide_columns - 1) * step < columns;
        run(is_wide ? program_.wide_sections[pass] : program_.element_sections[pass]);
        column += is_wide ? wide_columns * step : step;
      }
      each_reduction(pass, [&](const Accumulator& one, const ReductionPlan&) { one.push_lane(i); });
      lane = next_lane;
    }
    each_reduction(pass, [&](const Accumulator& one, const ReductionPlan&) { one.close_lanes(count); });
  }

  void finish_pass(uint32_t pass) {
    each_reduction(pass, [&](const Accumulator& one, const ReductionPlan& plan) {
      plan.loops->finish(rows_, program_.columns, at_[plan.out], one.lane(0));
    });
    run(program_.row_sections[pass + 1]);
  }

  // Calls body(accumulator, plan) for the reductions of a pass.
  template <class Body> void each_reduction(uint32_t pass, Body body) {
    for (const ReductionPlan& plan : program_.reductions)
      if (plan.pass == pass) body(accumulator(plan), plan);
  }

 private:
  bool has_reductions(uint32_t pass) const {
    return std::any_of(program_.reductions.begin(), program_.reductions.end(),
                       [&](const ReductionPlan& plan) { return plan.pass == pass; });
  }

  // The number at a place in the order of their bits from the lowest on; `count` is a power of two.
  static int64_t reversed(int64_t place, int64_t count) {
    int64_t number = 0;
    for (int64_t bit = count / 2; bit > 0; bit /= 2, place /= 2)
      if (place % 2 == 1) number |= bit;
    return number;
  }
  // The number after another one in that order.
  static int64_t next_reversed(int64_t number, int64_t count) {
    int64_t bit = count / 2;
    for (; number & bit; bit /= 2) number ^= bit;
    return number | bit;
  }

  Accumulator accumulator(const ReductionPlan& plan) const {
    return {*plan.loops, at_[plan.lanes], program_.traversal == Traversal::across ? rows_ : 1};
  }

  void run(Section section) {
    const Instruction* code = program_.instructions.data();
    for (const Instruction *one = code + section.begin, *end = code + section.end; one != end; ++one) {
      const int64_t n = count(one->extent);
      switch (one->action) {
      case Action::loop:
        one->loop(n, at_[one->out], at_[one->a], at_[one->b], at_[one->c]);
        break;
      case Action::segment:
        program_.segments[one->segment].code(n, at_);
        break;
      case Action::load:
        load(*one, n);
        break;
      case Action::aim: {
        std::byte* place = view(program_.reaches[one->reach], n);
        at_[one->out] = place ? place : slot(one->out);
        break;
      }
      case Action::add:
        add(*one, n);
        break;
      case Action::reduce:
        reduce(*one, n);
        break;
      case Action::store:
        store(*one, n);
        break;
      case Action::count:
        count_positions(*one, n);
        break;
      case Action::splice:
        splice(*one, n);
        break;
      case Action::spread:
        spread(*one, n);
        break;
      }
    }
  }

  int64_t count(Extent extent) const {
    return extent == Extent::one ? 1 : extent == Extent::rows ? rows_ : elements_;
  }
  std::byte* slot(uint16_t value) const { return memory_ + program_.slots[value]; }

  // The present block in an array, or null where it does not lie there in one piece.
  std::byte* view(const Reach& reach, int64_t n) const {
    auto* array = static_cast<std::byte*>(arrays_[reach.path.array()]);
    if (!reach.line) return reach.path.view(array, position(reach), n);
    return array + reach.line->offset + row_ * reach.line->per_row + column_ * reach.line->per_column;
  }
  int64_t position(const Reach& reach) const { return reach.is_by_element ? element_ : row_; }

  void load(const Instruction& one, int64_t n) {
    const Reach& reach = program_.reaches[one.reach];
    if (!one.is_placed) {
      at_[one.out] = view(reach, n);
      if (at_[one.out] && program_.traversal == Traversal::across) prefetch(reach, at_[one.out], n);
      if (at_[one.out]) return;
      at_[one.out] = slot(one.out);
    }
    gather(one, n);
  }

  // Fetches the same rows of a column that comes later: they lie further apart than the processor looks ahead by
  // itself.
  void prefetch(const Reach& reach, const std::byte* block, int64_t n) const {
    if (!reach.line || reach.line->per_column == 0) return;
    const std::byte* next = block + ahead_ * reach.line->per_column;
    const int64_t bytes = n * static_cast<int64_t>(reach.path.element_bytes());
    for (int64_t i = 0; i < bytes; i += cache_line) __builtin_prefetch(next + i);
  }

  // What few blocks need is kept out of the loop over instructions.
  [[gnu::noinline]] void gather(const Instruction& one, int64_t n) const {
    const Reach& reach = program_.reaches[one.reach];
    reach.path.gather(arrays_[reach.path.array()], position(reach), n, at_[one.out]);
  }

  [[gnu::noinline]] void count_positions(const Instruction& one, int64_t n) const {
    const Reach& reach = program_.reaches[one.reach];
    reach.path.count(position(reach), n, one.loop, at_[one.out]);
  }

  [[gnu::noinline]] void store(const Instruction& one, int64_t n) const {
    const Reach& reach = program_.reaches[one.reach];
    if (view(reach, n) == at_[one.a]) return;
    reach.path.scatter(arrays_[reach.path.array()], position(reach), n, {at_[one.a], (one.still & 1) != 0});
  }

  [[gnu::noinline]] void splice(const Instruction& one, int64_t n) {
    const Reach& reach = program_.reaches[one.reach];
    if (!one.is_placed) {
      const int side = reach.path.side(position(reach), n);
      const bool points = side > 0 ? !(one.still & 2) : side < 0 && !(one.still & 1);
      at_[one.out] = !points ? slot(one.out) : side > 0 ? at_[one.b] : at_[one.a];
      if (points) return;
    }
    reach.path.splice(position(reach), n, {at_[one.a], (one.still & 1) != 0},
                      {at_[one.b], (one.still & 2) != 0}, at_[one.out]);
  }

  [[gnu::noinline]] void spread(const Instruction& one, int64_t n) {
    const int64_t from = count(program_.value_extents[one.a]);
    repeat(from, n / from, program_.value_bytes[one.out], at_[one.out], at_[one.a]);
  }

  void add(const Instruction& one, int64_t n) {
    const ReductionPlan& plan = program_.reductions[one.reduction];
    if (program_.traversal == Traversal::across)
      plan.loops->take(n, accumulator(plan).lane(0), at_[one.a], nullptr, nullptr);
    else if (program_.column_block < chunk_columns)
      plan.loops->accumulate(n, at_[plan.lanes], at_[one.a], nullptr, nullptr);
    else
      push_chunks(plan, at_[one.a], program_.value_bytes[one.a], n, chunks_);
  }

  // Reduces columns that begin with a whole chunk, behind the `count` chunks that are there already; returns
  // how many there are then.
  int64_t push_chunks(const ReductionPlan& plan, const std::byte* data, int64_t bytes, int64_t columns,
                      int64_t count) const {
    const Accumulator accumulator(*plan.loops, at_[plan.lanes], 1);
    for (int64_t column = 0; column < columns; column += chunk_columns, ++count) {
      plan.loops->rows(1, std::min(chunk_columns, columns - column), accumulator.lane(0),
                       data + column * bytes);
      accumulator.push(count);
    }
    return count;
  }

  void reduce(const Instruction& one, int64_t n) {
    const ReductionPlan& plan = program_.reductions[one.reduction];
    const int64_t columns = program_.columns;
    if (columns <= chunk_columns) {
      plan.loops->rows(n, columns, at_[one.out], at_[one.a]);
    } else {
      const Accumulator accumulator(*plan.loops, at_[plan.lanes], 1);
      const auto bytes = static_cast<int64_t>(program_.value_bytes[one.a]);
      for (int64_t row = 0; row < n; ++row) {
        accumulator.close(push_chunks(plan, at_[one.a] + row * columns * bytes, bytes, columns, 0));
        std::memcpy(at_[one.out] + row * plan.loops->bytes, accumulator.lane(0), plan.loops->bytes);
      }
    }
    plan.loops->finish(n, columns, at_[one.out], at_[one.out]);
  }

  const CpuProgram& program_;
  std::byte* memory_;
  std::byte** at_;
  void* const* arrays_ = nullptr;
  int64_t row_ = 0, column_ = 0, element_ = 0; // where the block begins
  int64_t rows_ = 1, elements_ = 1;            // how large it is
  int64_t ahead_ = 0;                          // how many columns later one begins that will be needed soon
  int64_t chunks_ = 0;                         // before the present block
};

// The number of tasks that some work is worth.
int64_t task_count(int64_t pieces, int64_t bytes) {
  if (bytes < least_shared_bytes) return 1;
  return std::min(pieces, tasks_per_thread * thread_count());
}

// Runs the blocks of rows of all instances together.
void run_blocks(const CpuProgram& program, std::span<const Instance> instances, std::byte* memory) {
  const auto rows_of = [&](const Instance& instance) {
    return program.is_flat ? instance.rows : program.rows;
  };
  int64_t blocks = 0, rows = 0;
  for (const Instance& instance : instances) {
    rows += rows_of(instance);
    blocks += quotient_up(rows_of(instance), program.row_block);
  }
  const int64_t tasks = task_count(blocks, rows * program.row_bytes);
  const auto run_task = [&](int64_t task, std::byte* own_memory) {
    Runner runner(program, own_memory);
    int64_t begin = blocks * task / tasks, end = blocks * (task + 1) / tasks;
    for (const Instance& instance : instances) {
      if (end <= 0) return;
      const int64_t own = quotient_up(rows_of(instance), program.row_block);
      const int64_t first = std::clamp<int64_t>(begin, 0, own), last = std::min(end, own);
      if (first < last) {
        runner.bind(instance);
        runner.run_rows(first * program.row_block, std::min(last * program.row_block, rows_of(instance)));
      }
      begin -= own;
      end -= own;
    }
  };
  if (tasks == 1) return run_task(0, memory);
  parallel_for(tasks, memory, program.thread_bytes, run_task);
}

bool divides_columns(const CpuProgram& program, int64_t threads) {
  const bool has_parts = program.columns >= 2 * chunk_columns ||
                         (program.traversal == Traversal::across && program.columns >= lane_count);
  return has_parts && program.element_sections.size() == 1 && !program.reductions.empty() &&
         quotient_up(program.rows, program.row_block) < 2 * threads &&
         program.rows * program.row_bytes >= least_shared_bytes && threads > 1;
}

// Few rows of many columns: groups of chunks of columns, or of a chunk's lanes, are shared out to threads. A group of
// a power of two of them is a subtree of each reduction, so the tree stays the same. The groups' partial results lie
// in the kernel's scratch memory.
class ColumnGroups {
 public:
  ColumnGroups(const CpuProgram& program, int64_t threads)
      : program_(program), row_blocks_(quotient_up(program.rows, program.row_block)),
        are_lanes_(program.columns <= chunk_columns) {
    parts_ = are_lanes_ ? Runner::lanes_of(program.columns) : quotient_up(program.columns, chunk_columns);
    const int64_t wanted = std::max<int64_t>(1, tasks_per_thread * threads / row_blocks_);
    group_parts_ = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(quotient_up(parts_, wanted))));
    groups_ = quotient_up(parts_, group_parts_);
    for (const ReductionPlan& plan : program.reductions) partial_bytes_ += bytes_of(plan);
  }

  int64_t scratch_bytes() const { return row_blocks_ * groups_ * partial_bytes_; }

  void run(const Instance& instance, std::byte* memory) const {
    auto* partials = static_cast<std::byte*>(instance.scratch);
    const auto run_task = [&](int64_t task, std::byte* own_memory) {
      Runner runner(program_, own_memory);
      runner.bind(instance);
      begin(runner, task / groups_);
      run_group(runner, task % groups_);
      copy(runner, task, partials,
           [](std::byte* lane, std::byte* partial, size_t bytes) { std::memcpy(partial, lane, bytes); });
    };
    parallel_for(row_blocks_ * groups_, memory, program_.thread_bytes, run_task);
    Runner runner(program_, memory);
    runner.bind(instance);
    for (int64_t row_block = 0; row_block < row_blocks_; ++row_block) {
      begin(runner, row_block);
      for (int64_t group = 0; group < groups_; ++group) {
        copy(runner, row_block * groups_ + group, partials,
             [](std::byte* lane, std::byte* partial, size_t bytes) { std::memcpy(lane, partial, bytes); });
        runner.each_reduction(0, [&](const Accumulator& one, const ReductionPlan&) {
          are_lanes_ ? one.push_lane(group) : one.push(group);
        });
      }
      runner.each_reduction(0, [&](const Accumulator& one, const ReductionPlan&) {
        are_lanes_ ? one.close_lanes(groups_) : one.close(groups_);
      });
      runner.finish_pass(0);
    }
  }

 private:
  int64_t rows_in(int64_t row_block) const {
    return std::min(program_.row_block, program_.rows - row_block * program_.row_block);
  }
  void begin(Runner& runner, int64_t row_block) const {
    runner.begin_rows(row_block * program_.row_block, rows_in(row_block));
  }
  void run_group(Runner& runner, int64_t group) const {
    const int64_t first = group * group_parts_;
    if (are_lanes_)
      runner.run_lanes(0, 0, program_.columns, first, group_parts_);
    else
      runner.run_columns(0, first * chunk_columns,
                         std::min((first + group_parts_) * chunk_columns, program_.columns));
  }
  // Of a row block's group.
  int64_t bytes_of(const ReductionPlan& plan) const { return program_.row_block * plan.loops->bytes; }
  template <class Copy> void copy(Runner& runner, int64_t task, std::byte* partials, Copy body) const {
    std::byte* partial = partials + task * partial_bytes_;
    runner.each_reduction(0, [&](const Accumulator& one, const ReductionPlan& plan) {
      body(one.lane(0), partial, static_cast<size_t>(rows_in(task / groups_)) * plan.loops->bytes);
      partial += bytes_of(plan);
    });
  }

  const CpuProgram& program_;
  const int64_t row_blocks_;
  const bool are_lanes_;
  int64_t parts_ = 0, group_parts_ = 0, groups_ = 0, partial_bytes_ = 0;
};

} // namespace

void reserve_scratch(CpuProgram& program) {
  program.most_threads = std::max<int64_t>(thread_count(), std::thread::hardware_concurrency());
  if (divides_columns(program, program.most_threads))
    program.scratch_bytes = ColumnGroups(program, program.most_threads).scratch_bytes();
}

void run_fused(const CpuProgram& program, std::span<const Instance> instances, std::byte* memory) {
  const int64_t threads = std::min<int64_t>(thread_count(), program.most_threads);
  if (!divides_columns(program, threads)) return run_blocks(program, instances, memory);
  const ColumnGroups groups(program, threads);
  for (const Instance& instance : instances) groups.run(instance, memory);
}

} // namespace adjoint::cpu
