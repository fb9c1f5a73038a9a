// From the steps of a fused kernel, which say what every value is, to the instructions of a program, which say
// when it is computed, in which block, and where it lies. The stages:
//
//   compile_fused       compiles with machine code, or without where there is no memory for it
//   compile_for         chooses the traversal and tries sizes of blocks, from the largest on, until the slots
//                       of one fit into the cache; every attempt is a whole program
//   Analysis            the level that a step really has, and its pass (device/passes.h)
//   Builder::build      one program: sections, and in them emit_level, emit_pass or emit_whole, then place_stores
//   form_segments       runs of plain arithmetic become segments
//   assign_slots        values that are not needed at the same time share memory
//   compile_tiled       the program once more over tiles, where an array is read across its rows
//   assemble_segments   the machine code of segments
//
// The softmax of rows of 8 floats fits into a block with whole rows: 64 of them, in one section.
//
//   load v0 (x)   reduce v1 (amax of v0)   spread v2 (v1)   v3 = sub v0, v2   v4 = exp v3
//   reduce v5 (sum of v4)   spread v6 (v5)   aim v7 (to out)   v7 = div v4, v6
//
// Rows of 50000 are walked in blocks of 512 columns, once for each pass. Slots hold a block, so later passes load
// and compute again; the loops take v1, which has one element, without spreading it.
//
//   pass 0   load v0   add v0 to the lanes of amax, which becomes v1
//   pass 1   load v3   v4 = sub v3, v1   v5 = exp v4   add v5 to the lanes of sum, which becomes v6
//   pass 2   load v8   v9 = sub v8, v1   v10 = exp v9   aim v11   v11 = div v10, v6
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>

#include "cpu/jit/segment.h"
#include "cpu/program.h"
#include "cpu/slots.h"
#include "cpu/tile.h"
#include "device/error.h"
#include "device/integers.h"
#include "device/passes.h"

namespace adjoint::cpu {

namespace {

// Blocks of 512 floats were the fastest of 128 to 64K. The slots of a block leave room in a first-level cache
// of 32 KiB for the elements of arrays.
constexpr int64_t block_bytes = 2048;
constexpr int64_t least_block = 64;
// A program without slots has only arrays and registers: the longer a segment runs, the less its beginning counts.
constexpr int64_t long_block_bytes = 16 << 10;
constexpr size_t most_slot_bytes = 24 << 10;

// Whether a step is made of an access alone.
bool is_reached(Op op) { return op == Op::stored || op == Op::position; }

// Facts about a kernel that hold for every traversal.
class Analysis {
 public:
  explicit Analysis(const FusedKernel& kernel)
      : kernel(kernel), passes(kernel), levels(kernel.steps.size(), Level::number),
        is_absorbed(kernel.steps.size()), has_elements(passes.count > 0) {
    for (size_t i = 0; i < kernel.steps.size(); ++i) {
      if (!passes.is_needed[i]) continue;
      levels[i] = find_level(i);
      has_elements |= levels[i] == Level::element;
    }
    absorb_squares();
  }

  // The step of which a sum takes the squares by itself, in float64; none if it does not.
  std::optional<uint16_t> squared(const Step& sum) const {
    if (!is_absorbed[sum.inputs[0]]) return std::nullopt;
    return kernel.steps[kernel.steps[sum.inputs[0]].inputs[0]].inputs[0];
  }

  const FusedKernel& kernel;
  const Passes passes;
  std::vector<Level> levels;     // of steps: lower than the step says for broadcast loads, and steps on them
  std::vector<bool> is_absorbed; // whether a step is a part of the reduction that takes its result
  bool has_elements;

 private:
  // Sums of squares of float32 in float64: nobody else wants to see either.
  void absorb_squares() {
    std::vector<int> uses(kernel.steps.size());
    for (size_t i = 0; i < kernel.steps.size(); ++i)
      for (size_t j = 0; passes.is_needed[i] && j < kernel.steps[i].input_count; ++j)
        ++uses[kernel.steps[i].inputs[j]];
    for (const Store& store : kernel.stores) ++uses[store.step];
    for (size_t i = 0; i < kernel.steps.size(); ++i) {
      const Step& sum = kernel.steps[i];
      if (!passes.is_needed[i] || sum.op != Op::sum || sum.arithmetic != DType::float64) continue;
      const uint16_t square = sum.inputs[0], wide = kernel.steps[square].inputs[0];
      if (kernel.steps[square].op != Op::square || uses[square] != 1) continue;
      const Step& cast = kernel.steps[wide];
      if (cast.op != Op::to || cast.arithmetic != DType::float32 || uses[wide] != 1) continue;
      is_absorbed[square] = is_absorbed[wide] = true;
    }
  }

  Level find_level(size_t i) const {
    const Step& step = kernel.steps[i];
    if (passes.is_reduction(i)) return Level::row;
    Level level = is_reached(step.op)     ? level_reached(step)
                  : step.op == Op::splice ? step.level
                                          : Level::number;
    for (size_t j = 0; j < step.input_count; ++j) level = std::max(level, levels[step.inputs[j]]);
    return level;
  }

  Level level_reached(const Step& step) const {
    const Access& access = kernel.accesses[step.index];
    if ((kernel.is_flat ? Walk::flat(access) : Walk(access)).is_still()) return Level::number;
    if (step.level != Level::element) return step.level;
    const std::optional<SplitWalk> parts = split(access, kernel.columns);
    return parts && parts->columns.is_still() ? Level::row : Level::element;
  }
};

struct Target {
  const LoopTable& loops;
  Encoding encoding;
};

// Builds the program for one traversal and size of blocks.
class Builder {
 public:
  Builder(const Analysis& analysis, const Target& target, Traversal traversal, int64_t row_block,
          int64_t column_block)
      : analysis_(analysis), kernel_(analysis.kernel), loops_(target.loops), encoding_(target.encoding) {
    program_.traversal = traversal;
    program_.is_flat = kernel_.is_flat;
    program_.rows = kernel_.rows;
    program_.columns = kernel_.columns;
    program_.row_block = row_block;
    program_.column_block = column_block;
  }

  CpuProgram build() {
    program_.number_section = emit_section([&] { emit_level(Level::number, 0); });
    if (program_.traversal == Traversal::whole) {
      program_.row_sections.push_back(emit_section([&] { emit_whole(); }));
    } else {
      for (size_t pass = 0; pass < passes_.count; ++pass) {
        program_.row_sections.push_back(emit_section([&] { emit_level(Level::row, pass); }));
        program_.element_sections.push_back(emit_pass(pass));
        program_.wide_sections.push_back(emit_wide_pass(pass));
      }
      program_.row_sections.push_back(emit_section([&] {
        emit_level(Level::row, passes_.count);
        place_stores([&](size_t store) { return passes_.of_store[store] == Passes::none; }, false);
      }));
    }
    if (encoding_ != Encoding::none) form_segments(program_, values_, encoding_);
    for (const ValuePlan& value : values_) {
      program_.value_bytes.push_back(static_cast<uint8_t>(value.bytes));
      program_.value_extents.push_back(value.extent);
    }
    slot_bytes_ = assign_slots(program_, values_);
    measure_work();
    reserve_scratch(program_);
    return std::move(program_);
  }

  size_t slot_bytes() const { return slot_bytes_; }
  bool has_block_slots() const {
    return std::any_of(values_.begin(), values_.end(), [](const ValuePlan& value) {
      return value.needs_slot && value.extent == Extent::elements;
    });
  }

 private:
  // --- values

  Extent row_extent() const {
    // One row at a time is a single element.
    return program_.row_block == 1 && !(program_.traversal == Traversal::whole && !analysis_.has_elements)
               ? Extent::one
               : Extent::rows;
  }
  Extent element_extent() const {
    if (program_.traversal == Traversal::across) return Extent::rows;
    return program_.traversal == Traversal::whole && (kernel_.columns == 1 || !analysis_.has_elements)
               ? Extent::rows
               : Extent::elements;
  }
  Extent extent_of(Level level) const {
    return level == Level::number ? Extent::one : level == Level::row ? row_extent() : element_extent();
  }
  uint16_t add_value(DType dtype, Extent extent) {
    values_.push_back({.dtype = dtype, .bytes = static_cast<size_t>(bytes_of(dtype)), .extent = extent});
    return static_cast<uint16_t>(values_.size() - 1);
  }

  // --- paths

  uint16_t add_reach(const Access& access, DType dtype, Level level) {
    if (kernel_.is_flat) return add_row_reach(Walk::flat(access), dtype);
    const Walk walk(access);
    if (level != Level::element) return add_row_reach(walk, dtype);
    const std::optional<SplitWalk> parts = split(walk, kernel_.columns);
    const bool is_across = program_.traversal == Traversal::across;
    return add_reach(Path(is_across ? column_by_column(*parts) : walk, width_of(dtype)), true,
                     parts ? element_line(*parts, bytes_of(dtype)) : std::nullopt);
  }
  uint16_t add_reach(Path path, bool is_by_element, std::optional<Line> line) {
    program_.reaches.push_back({std::move(path), is_by_element, line});
    return static_cast<uint16_t>(program_.reaches.size() - 1);
  }
  static size_t width_of(DType dtype) { return static_cast<size_t>(bytes_of(dtype)); }
  // The walk of an index that counts rows within a column.
  static Walk column_by_column(SplitWalk parts) {
    std::vector<WalkAxis>& axes = parts.rows.axes;
    axes.insert(axes.begin(), parts.columns.axes.begin(), parts.columns.axes.end());
    return std::move(parts.rows);
  }

  uint16_t add_row_reach(const Walk& walk, DType dtype) {
    return add_reach(Path(walk, width_of(dtype)), false, row_line(walk, bytes_of(dtype)));
  }

  // The stride of a walk along one axis, all of which exists; 0 where it stands still.
  static std::optional<int64_t> only_stride(const Walk& walk) {
    const Walk all = merged(walk);
    if (all.axes.size() > 1 || all.is_bounded()) return std::nullopt;
    return all.axes.empty() ? 0 : all.axes[0].stride;
  }
  std::optional<Line> row_line(const Walk& rows, int64_t bytes) const {
    const std::optional<int64_t> stride = only_stride(rows);
    if (!stride || !(*stride == 1 || row_extent() == Extent::one)) return std::nullopt;
    return Line{rows.offset * bytes, *stride * bytes, 0};
  }
  std::optional<Line> element_line(const SplitWalk& parts, int64_t bytes) const {
    const std::optional<int64_t> row = only_stride(parts.rows), column = only_stride(parts.columns);
    if (!row || !column) return std::nullopt;
    const bool is_in_one_piece = program_.traversal == Traversal::across ? *row == 1
                                 : kernel_.columns == 1
                                     ? *row == 1
                                     : *column == 1 && (program_.row_block == 1 || *row == kernel_.columns);
    if (!is_in_one_piece) return std::nullopt;
    return Line{(parts.rows.offset + column_shift_ * *column) * bytes, *row * bytes, *column * bytes};
  }

  // --- instructions

  template <class Body> Section emit_section(Body body) {
    const auto begin = static_cast<uint32_t>(program_.instructions.size());
    section_begin_ = begin;
    body();
    return {begin, static_cast<uint32_t>(program_.instructions.size())};
  }

  // A loop's unused inputs name its first one again, so that no other value is kept alive for them.
  static Instruction completed(Instruction one) {
    if (one.b == no_value) one.b = one.a;
    if (one.c == no_value) one.c = one.a;
    return one;
  }
  void add(Instruction instruction) { program_.instructions.push_back(completed(instruction)); }

  // Whether a step is yet to be emitted, by itself.
  bool is_open(size_t step) const {
    return !is_emitted(step) && !is_reached(kernel_.steps[step].op) && !analysis_.is_absorbed[step];
  }
  bool is_emitted(size_t step) const { return current_[step] != no_value; }

  // Loads and positions wait until they are used, so that they are not held for longer.
  void emit_level(Level level, size_t pass) {
    for (size_t i = 0; i < kernel_.steps.size(); ++i)
      if (passes_.is_needed[i] && analysis_.levels[i] == level && passes_.of_step[i] == pass)
        if (!is_emitted(i) && !analysis_.is_absorbed[i]) emit_step(i);
  }

  // Loads wait until they are used, so that a slot holds their elements no longer than it must.
  void emit_whole() {
    for (size_t i = 0; i < kernel_.steps.size(); ++i)
      if (passes_.is_needed[i] && is_open(i)) emit_step(i);
    for (const Store& store : kernel_.stores) operand(store.step);
    place_stores([](size_t) { return true; }, true);
  }

  Section emit_pass(size_t pass) {
    before_pass_ = current_;
    std::vector<uint16_t> after = current_;
    const std::vector<uint16_t> reductions = passes_.reductions(pass);
    const Section section = emit_section([&] {
      emit_columns(pass, reductions);
      const auto is_written = [&](size_t store) { return passes_.of_store[store] == pass; };
      for (size_t i = 0; i < kernel_.stores.size(); ++i)
        if (is_written(i)) operand(kernel_.stores[i].step);
      place_stores(is_written, pass + 1 == passes_.count);
    });
    // The results of reductions outlive the pass; elements are there for one block at a time.
    for (const uint16_t step : reductions) after[step] = current_[step];
    current_ = std::move(after);
    return section;
  }

  void emit_columns(size_t pass, const std::vector<uint16_t>& reductions) {
    std::vector<bool> is_wanted = passes_.needed(pass);
    for (const uint16_t step : reductions) is_wanted[step] = true;
    for (size_t i = 0; i < kernel_.steps.size(); ++i)
      if (is_wanted[i] && is_open(i)) emit_step(i);
  }

  // Several columns of a lane, one after the other in registers: worth it where segments do all that there is.
  Section emit_wide_pass(size_t pass) {
    const std::vector<uint16_t> reductions = passes_.reductions(pass);
    const Section one = program_.element_sections[pass];
    const bool is_stored = std::count(passes_.of_store.begin(), passes_.of_store.end(), pass) > 0;
    const auto end = static_cast<uint32_t>(program_.instructions.size());
    if (program_.traversal != Traversal::across || reductions.empty() || is_stored || !is_plain_section(one))
      return {end, end};
    const std::vector<uint16_t> after = std::exchange(current_, before_pass_);
    const Section wide = emit_section([&] {
      for (int64_t i = 0; i < wide_columns; ++i) {
        current_ = before_pass_;
        column_shift_ = i * lane_count;
        is_last_column_ = i + 1 == wide_columns;
        emit_columns(pass, reductions);
      }
    });
    column_shift_ = 0;
    current_ = after;
    return wide;
  }
  bool is_plain_section(Section section) const {
    if (encoding_ == Encoding::none) return false;
    return std::all_of(program_.instructions.begin() + section.begin,
                       program_.instructions.begin() + section.end, [&](const Instruction& one) {
                         if (one.action == Action::load) return is_line(one.reach);
                         return one.action == Action::loop &&
                                (one.extent == Extent::one || is_plain(one.op, values_[one.c].dtype));
                       });
  }

  uint16_t operand(size_t step) {
    if (!is_emitted(step)) emit_step(step);
    return current_[step];
  }

  // An operand with an element for each of the step's.
  uint16_t spread_operand(size_t step, Extent extent) {
    const uint16_t value = operand(step);
    if (values_[value].extent == extent) return value;
    const uint16_t wide = add_value(kernel_.steps[step].dtype, extent);
    add({.action = Action::spread, .extent = extent, .out = wide, .a = value});
    return wide;
  }

  void emit_step(size_t i) {
    const Step& step = kernel_.steps[i];
    switch (info(step.op).kind) {
    case Kind::leaf:
      if (step.op == Op::stored) return emit_reached(i);
      current_[i] = add_value(step.dtype, Extent::one);
      program_.numbers.push_back({current_[i], step.index, step.dtype});
      return;
    case Kind::elementwise:
      return emit_loop(i);
    case Kind::reduction:
      return emit_reduction(i);
    case Kind::structure:
      if (step.op == Op::position) return emit_reached(i);
      if (step.op == Op::splice) return emit_splice(i);
      if (step.op == Op::to) return emit_loop(i);
      break;
    case Kind::routine:
      break;
    }
    throw internal_error(std::string(info(step.op).name) + " is no step of a fused kernel");
  }

  void emit_reached(size_t i) {
    const Step& step = kernel_.steps[i];
    const Access& access = kernel_.accesses[step.index];
    const Level level = analysis_.levels[i];
    const bool is_lowered = level == Level::row && step.level == Level::element;
    const uint16_t reach = is_lowered ? add_row_reach(split(access, kernel_.columns)->rows, step.dtype)
                                      : add_reach(access, step.dtype, step.level);
    const Path& path = program_.reaches[reach].path;
    Extent extent = extent_of(level);
    // A block of one column has one element of an array that varies with columns alone.
    if (program_.traversal == Traversal::across && level == Level::element && stands_still_over_rows(path))
      extent = Extent::one;
    if (!analysis_.has_elements && stands_still_in_blocks(path)) extent = Extent::one;
    const uint16_t value = current_[i] = add_value(step.dtype, extent);
    if (step.op == Op::position) {
      add({.loop = loops_.count(step.dtype),
           .action = Action::count,
           .extent = extent,
           .out = value,
           .reach = reach});
      return;
    }
    values_[value].needs_slot = !is_line(reach) && !(path.is_still() && extent == Extent::one);
    add({.action = Action::load, .extent = extent, .out = value, .reach = reach});
  }

  // Blocks without elements divide the lines of a path that has one element in each of them.
  bool stands_still_in_blocks(const Path& path) const {
    const WalkAxis& inner = path.axes().back();
    return inner.stride == 0 && !inner.is_bounded() && inner.extent % program_.row_block == 0;
  }

  bool is_line(uint16_t reach) const { return program_.reaches[reach].line.has_value(); }

  // Rows are the last axes of a path that goes across.
  bool stands_still_over_rows(const Path& path) const {
    int64_t rows = 1;
    for (size_t i = path.axes().size(); i-- > 0;) {
      const WalkAxis& axis = path.axes()[i];
      if (rows == kernel_.rows) return true;
      if (axis.stride != 0 || axis.is_bounded()) return false;
      if (axis.extent >= kernel_.rows) return axis.extent % kernel_.rows == 0 && rows == 1;
      rows *= axis.extent;
    }
    return rows == kernel_.rows;
  }

  void emit_splice(size_t i) {
    const Step& step = kernel_.steps[i];
    const Extent extent = extent_of(step.level);
    uint16_t inputs[2];
    uint8_t still = 0;
    for (size_t j = 0; j < 2; ++j) {
      const bool is_still = values_[operand(step.inputs[j])].extent == Extent::one && extent != Extent::one;
      still |= static_cast<uint8_t>(is_still << j);
      inputs[j] = is_still ? operand(step.inputs[j]) : spread_operand(step.inputs[j], extent);
    }
    const uint16_t reach = add_reach(kernel_.accesses[step.index], step.dtype, step.level);
    const uint16_t value = current_[i] = add_value(step.dtype, extent);
    add({.action = Action::splice,
         .extent = extent,
         .still = still,
         .out = value,
         .a = inputs[0],
         .b = inputs[1],
         .reach = reach});
  }

  void emit_reduction(size_t i) {
    const Step& step = kernel_.steps[i];
    const std::optional<uint16_t> squared = analysis_.squared(step);
    const std::optional<Op> row = squared ? std::nullopt : combining_row(step);
    if (row && program_.traversal == Traversal::across) return emit_accumulation(i, *row);
    const uint16_t input = spread_operand(squared.value_or(step.inputs[0]), element_extent());
    const uint16_t value = current_[i] = add_value(step.dtype, row_extent());
    const auto index = static_cast<uint16_t>(program_.reductions.size());
    const ReductionLoops& loops =
        squared ? loops_.sum_of_squares() : loops_.reduction(step.op, step.arithmetic);
    ReductionPlan plan{.loops = &loops, .out = value, .pass = static_cast<uint32_t>(passes_.of_step[i]) - 1};
    const bool is_whole = program_.traversal == Traversal::whole;
    if (!is_whole || kernel_.columns > chunk_columns) plan.lanes = add_lanes(step.dtype, loops, Extent::one);
    program_.reductions.push_back(plan);
    add({.action = is_whole ? Action::reduce : Action::add,
         .extent = is_whole ? row_extent() : element_extent(),
         .out = is_whole ? value : plan.lanes,
         .a = input,
         .b = is_whole && plan.lanes != no_value ? plan.lanes : input,
         .reduction = index});
  }

  uint16_t add_lanes(DType dtype, const ReductionLoops& loops, Extent extent) {
    const auto chunks = static_cast<uint64_t>((kernel_.columns + chunk_columns - 1) / chunk_columns);
    const size_t levels = static_cast<size_t>(std::bit_width(chunks)) + 1;
    const size_t width =
        program_.traversal == Traversal::across ? static_cast<size_t>(program_.row_block) : 1;
    const uint16_t lanes = add_value(dtype, extent);
    values_[lanes].slot_bytes = (lane_count + levels) * width * loops.bytes;
    return lanes;
  }

  // The row that combines two partial results, where segments may know it.
  static std::optional<Op> combining_row(const Step& step) {
    if (!is_floating(step.dtype) || step.arithmetic != step.dtype) return std::nullopt;
    switch (step.op) {
    case Op::sum:
    case Op::mean:
      return Op::add;
    case Op::prod:
      return Op::mul;
    case Op::amax:
      return Op::maximum;
    case Op::amin:
      return Op::minimum;
    default:
      return std::nullopt;
    }
  }

  // Across, what is added to a lane is a step like others: of the lane before, to the lane after it, in one slot.
  void emit_accumulation(size_t i, Op row) {
    const Step& step = kernel_.steps[i];
    const uint16_t input = operand(step.inputs[0]);
    if (lanes_[i] == no_value) {
      const ReductionLoops& loops = loops_.reduction(step.op, step.arithmetic);
      lanes_[i] = add_lanes(step.dtype, loops, element_extent());
      current_[i] = add_value(step.dtype, row_extent());
      program_.reductions.push_back({.loops = &loops,
                                     .out = current_[i],
                                     .lanes = lanes_[i],
                                     .pass = static_cast<uint32_t>(passes_.of_step[i]) - 1});
    }
    const bool is_still = values_[input].extent == Extent::one;
    const uint16_t lane = lanes_[i], next = add_value(step.dtype, element_extent());
    values_[next].needs_slot = false;
    values_[next].shares = lane;
    add({.loop = loops_.elementwise(row, step.arithmetic, is_still ? 2 : 0),
         .action = Action::loop,
         .extent = element_extent(),
         .is_placed = is_last_column_,
         .out = next,
         .a = lane,
         .b = input,
         .op = row});
    if (!is_last_column_) lanes_[i] = next;
  }

  void emit_loop(size_t i) {
    const Step& step = kernel_.steps[i];
    Extent extent = Extent::one;
    for (size_t j = 0; j < step.input_count; ++j)
      extent = std::max(extent, values_[operand(step.inputs[j])].extent);
    uint16_t inputs[3] = {no_value, no_value, no_value};
    unsigned still = 0;
    for (size_t j = 0; j < step.input_count; ++j) {
      const uint16_t value = operand(step.inputs[j]);
      const bool is_still = values_[value].extent == Extent::one && extent != Extent::one;
      still |= static_cast<unsigned>(is_still) << j;
      inputs[j] = is_still ? value : spread_operand(step.inputs[j], extent);
    }
    const uint16_t value = current_[i] = add_value(step.dtype, extent);
    const Loop loop = step.op == Op::to ? loops_.cast(step.arithmetic, step.dtype)
                                        : loops_.elementwise(step.op, step.arithmetic, still);
    add({.loop = loop,
         .action = Action::loop,
         .extent = extent,
         .out = value,
         .a = inputs[0],
         .b = inputs[1],
         .c = inputs[2],
         .op = step.op});
  }

  // --- stores

  // Adds the section's stores. A value is made where it will lie, by an `aim` before it, if the array that its
  // store may overwrite is not read after the value is made.
  template <class Filter> void place_stores(Filter belongs, bool may_aim) {
    struct Placed {
      uint16_t value, reach;
      size_t at;
    };
    std::vector<Placed> aimed;
    std::vector<Instruction> last;
    std::vector<Instruction>& code = program_.instructions;
    std::vector<bool> is_aimed(values_.size());
    const size_t end = code.size();
    for (size_t i = 0; i < kernel_.stores.size(); ++i) {
      if (!belongs(i)) continue;
      const Store& store = kernel_.stores[i];
      const Step& step = kernel_.steps[store.step];
      const uint16_t reach = add_reach(store.access, step.dtype, step.level);
      const Extent extent = extent_of(step.level);
      const Extent own = values_[operand(store.step)].extent;
      const uint16_t value = own == Extent::one ? operand(store.step) : spread_operand(store.step, extent);
      is_aimed.resize(values_.size());
      size_t at = 0; // where it is made
      while (at < end && (code[at].out != value || is_store_or_add(code[at].action))) ++at;
      const bool is_load = at < end && code[at].action == Action::load;
      const bool is_splice = at < end && code[at].action == Action::splice;
      const bool is_direct = may_aim && own == extent && at < end && at >= section_begin_ &&
                             !is_aimed[value] && last_read(store.replaces, end) <= at &&
                             !(is_load && !is_line(reach));
      if (is_direct) {
        is_aimed[value] = true;
        aimed.push_back({value, reach, at});
        values_[value].needs_slot = !is_line(reach);
        code[at].is_placed = true;
      } else {
        // The value points to elements that another store may overwrite, so it needs a copy.
        if ((is_load || is_splice) && !is_aimed[value] && kernel_.stores.size() > 1)
          code[at].is_placed = values_[value].needs_slot = true;
        last.push_back(completed({.action = Action::store,
                                  .extent = extent,
                                  .still = own == Extent::one && extent != Extent::one,
                                  .a = value,
                                  .reach = reach}));
      }
    }
    std::vector<Instruction> result(code.begin(), code.begin() + static_cast<std::ptrdiff_t>(section_begin_));
    for (size_t at = section_begin_; at < code.size(); ++at) {
      for (const Placed& one : aimed)
        if (one.at == at)
          result.push_back(
              {.action = Action::aim, .extent = code[at].extent, .out = one.value, .reach = one.reach});
      result.push_back(code[at]);
      for (const Placed& one : aimed)
        if (one.at == at && !is_line(one.reach))
          result.push_back(completed(
              {.action = Action::store, .extent = code[at].extent, .a = one.value, .reach = one.reach}));
    }
    result.insert(result.end(), last.begin(), last.end());
    code = std::move(result);
  }

  static bool is_store_or_add(Action action) { return action == Action::store || action == Action::add; }

  // The last instruction that may read the array: through a value that a load has pointed into it, or through a
  // splice that points to such a value.
  size_t last_read(uint16_t array, size_t end) const {
    if (array == Store::nothing) return 0;
    const std::vector<Instruction>& code = program_.instructions;
    std::vector<bool> is_there(values_.size()); // whether a value may lie in the array
    const auto reads = [&](uint16_t value) { return value != no_value && is_there[value]; };
    size_t last = 0;
    for (size_t i = 0; i < end; ++i) {
      const Instruction& instruction = code[i];
      if (instruction.action == Action::load) {
        is_there[instruction.out] = program_.reaches[instruction.reach].path.array() == array;
        if (is_there[instruction.out]) last = i;
        continue;
      }
      if (!instruction.has_inputs()) continue;
      if (reads(instruction.a) || reads(instruction.b) || reads(instruction.c)) last = i;
      if (instruction.action == Action::splice && !instruction.is_placed)
        is_there[instruction.out] = reads(instruction.a) || reads(instruction.b);
    }
    return last;
  }

  // Counts the bytes of arrays; an instruction counts as half a float, and so do four steps of a segment.
  void measure_work() {
    for (size_t i = 0; i < program_.instructions.size(); ++i) {
      const Instruction& one = program_.instructions[i];
      const bool repeats =
          std::any_of(program_.element_sections.begin(), program_.element_sections.end(),
                      [&](Section section) { return i >= section.begin && i < section.end; });
      const bool is_memory =
          one.action == Action::load || one.action == Action::store || one.action == Action::aim;
      int64_t bytes = is_memory ? 4 : 2;
      if (one.action == Action::segment)
        bytes = static_cast<int64_t>(program_.segments[one.segment].steps.size() + 1) / 2;
      program_.row_bytes += bytes * (repeats || one.extent == Extent::elements ? kernel_.columns : 1);
    }
  }

  const Analysis& analysis_;
  const Passes& passes_ = analysis_.passes;
  const FusedKernel& kernel_;
  const LoopTable& loops_;
  const Encoding encoding_;
  CpuProgram program_;
  std::vector<ValuePlan> values_;
  std::vector<uint16_t> current_ = std::vector<uint16_t>(analysis_.kernel.steps.size(), no_value);
  std::vector<uint16_t> before_pass_;      // what `current_` was
  std::vector<uint16_t> lanes_ = current_; // across: what the next column is added to
  int64_t column_shift_ = 0;               // of the column that is emitted, from that of the section
  bool is_last_column_ = true;             // of the section
  size_t section_begin_ = 0;
  size_t slot_bytes_ = 0;
};

// Whether in most arrays an element's neighbours are in its column rather than in its row, and all arrays can be
// walked column by column. Arrays that stand still along either have few elements, which count little.
bool prefers_across(const Analysis& analysis) {
  const FusedKernel& kernel = analysis.kernel;
  if (kernel.columns <= 1 || kernel.rows < 16) return false;
  int64_t votes = 0;
  bool is_possible = true;
  const auto vote = [&](const Access& access) {
    const std::optional<SplitWalk> parts = split(access, kernel.columns);
    if (!parts) {
      is_possible = false;
      return;
    }
    const auto has_neighbours = [](const Walk& walk) {
      return !walk.axes.empty() && std::abs(walk.axes.back().stride) == 1 && walk.axes.back().extent >= 8;
    };
    const auto varies = [](const Walk& walk) {
      return std::any_of(walk.axes.begin(), walk.axes.end(),
                         [](const WalkAxis& axis) { return axis.stride != 0; });
    };
    if (!varies(parts->rows) || !varies(parts->columns)) return;
    votes += has_neighbours(parts->rows);
    votes -= has_neighbours(parts->columns);
  };
  for (size_t i = 0; i < kernel.steps.size(); ++i) {
    const Step& step = kernel.steps[i];
    if (!analysis.passes.is_needed[i] || step.level != Level::element) continue;
    if (step.op == Op::stored && analysis.levels[i] == Level::element) vote(kernel.accesses[step.index]);
    if (step.op == Op::splice || step.op == Op::position)
      is_possible &= split(kernel.accesses[step.index], kernel.columns).has_value();
  }
  for (const Store& store : kernel.stores)
    if (kernel.steps[store.step].level == Level::element) vote(store.access);
  return is_possible && votes > 0;
}

// Of a block's elements.
int64_t widest_bytes(const Analysis& analysis) {
  int64_t bytes = 4;
  const Level level = analysis.has_elements ? Level::element : Level::row;
  for (size_t i = 0; i < analysis.kernel.steps.size(); ++i)
    if (analysis.passes.is_needed[i] && analysis.levels[i] >= level && !analysis.is_absorbed[i])
      bytes = std::max(bytes, bytes_of(analysis.kernel.steps[i].dtype));
  return bytes;
}

// The length of a part of the shortest lines that arrays are walked in: the largest that divides them and is no
// shorter than `least` and no longer than `most` elements, or 0. A block that is such a part lies in one piece in every
// array with lines of that length, or is one element of it.
int64_t line_elements(const FusedKernel& kernel, int64_t least, int64_t most) {
  int64_t shortest = Walk::endless;
  const auto see = [&](const Access& access) {
    const Walk walk = merged(Walk(access));
    if (walk.axes.empty()) return;
    const WalkAxis& inner = walk.axes.back();
    shortest = std::abs(inner.stride) <= 1 ? std::min(shortest, inner.extent) : 0;
  };
  if (kernel.is_flat) return 0;
  for (const Access& access : kernel.accesses) see(access);
  for (const Store& store : kernel.stores) see(store.access);
  if (shortest == kernel.rows && shortest > most) return 0; // one line
  for (int64_t parts = quotient_up(shortest, most); parts > 0 && shortest / parts >= least; ++parts)
    if (shortest % parts == 0) return shortest / parts;
  return 0;
}

// Compiles the program over tiles, if an array is read across and tiles divide it.
CpuProgram compile_tiled(CpuProgram program, const FusedKernel& kernel, const Target& target) {
  const bool is_walked = std::any_of(program.reaches.begin(), program.reaches.end(), [](const Reach& reach) {
    return std::abs(reach.path.axes().back().stride) > 1;
  });
  if (!is_walked) return program;
  FusedKernel tiled = kernel;
  const int64_t tile = tile_rows(tiled, program.row_block);
  if (tile == 0) return program;
  return Builder(Analysis(tiled), target, Traversal::whole, tile, 1).build();
}

CpuProgram compile_for(const FusedKernel& kernel, const Target& target) {
  const Analysis analysis(kernel);
  const int64_t columns = analysis.has_elements ? kernel.columns : 1;
  const int64_t block = block_bytes / widest_bytes(analysis);
  struct Attempt {
    CpuProgram program;
    size_t slot_bytes;
    bool has_block_slots;
  };
  const auto attempt = [&](Traversal traversal, int64_t row_block, int64_t column_block) {
    Builder builder(analysis, target, traversal, row_block, column_block);
    CpuProgram program = builder.build();
    return Attempt{std::move(program), builder.slot_bytes(), builder.has_block_slots()};
  };
  // Finds the largest block that is good: a long one without slots, or one whose slots fit into the cache.
  const int64_t long_block = long_block_bytes / widest_bytes(analysis);
  const auto smaller = [&](int64_t size) { return size == long_block ? block : size / 2; };
  const auto is_good = [&](const Attempt& one, int64_t size) {
    return one.slot_bytes <= most_slot_bytes && (size != long_block || !one.has_block_slots);
  };
  if (analysis.has_elements && prefers_across(analysis))
    return attempt(Traversal::across, analysis.passes.count == 1 ? 2 * block : block, 1).program;
  if (!analysis.has_elements)
    if (const int64_t line = line_elements(kernel, block / 2, long_block)) {
      Attempt one = attempt(Traversal::whole, line, 1);
      if (one.slot_bytes <= most_slot_bytes) return compile_tiled(std::move(one.program), kernel, target);
    }
  for (int64_t size = long_block; columns > 0; size = smaller(size)) {
    const int64_t row_block = std::max<int64_t>(1, size / columns);
    if (row_block == 1 && columns * widest_bytes(analysis) > static_cast<int64_t>(most_slot_bytes)) break;
    Attempt one = attempt(Traversal::whole, row_block, columns);
    if (is_good(one, size) || (!analysis.has_elements && size <= least_block))
      return analysis.has_elements ? std::move(one.program)
                                   : compile_tiled(std::move(one.program), kernel, target);
    if (row_block == 1 && size != long_block) break;
  }
  // Here the beginning of a block counts more: it is a part of a row, and few instructions go over it.
  for (int64_t size = long_block;; size /= 2) {
    Attempt one = attempt(Traversal::along, 1, size);
    if (one.slot_bytes <= most_slot_bytes || size <= least_block) return std::move(one.program);
  }
}

} // namespace

CpuProgram compile_fused(const FusedKernel& kernel, const LoopTable& loops, Encoding encoding) {
  CpuProgram program = compile_for(kernel, {loops, encoding});
  if (assemble_segments(program, encoding)) return program;
  return compile_for(kernel, {loops, Encoding::none});
}

} // namespace adjoint::cpu
