// A fused kernel, compiled: instructions over blocks that stay in the first-level cache, in sections.
//
// A block is some whole rows, and some or all of their columns. The number section runs once per launch and
// thread. Then, for every block of rows:
//
//   row section 0, element section 0 for every block of columns, row section 1, element section 1, ...
//
// Element section k holds what the reductions and stores of pass k need; reductions begin before it and end
// before row section k + 1. Three traversals differ in what a block is:
//
//   whole    rows with all their columns. Everything is in row section 0, so nothing is computed twice;
//            kernels without columns are of this kind
//   along    one row, some of its columns
//   across   some rows, one column: for arrays in which neighbours are rows, not columns
#pragma once
#include <optional>

#include "cpu/access.h"
#include "cpu/isa.h"
#include "cpu/jit/assembler.h"
#include "cpu/jit/executable.h"

namespace adjoint::cpu {

enum class Traversal : uint8_t { whole, along, across };

// The number of elements that a value has in a block.
enum class Extent : uint8_t { one, rows, elements };
static_assert(Extent::one < Extent::rows && Extent::rows < Extent::elements,
              "a loop has its inputs' largest");

// The actions of instructions. Every value has a slot in a thread's memory, and a pointer that says where it
// lies in the present block: in its slot or in an array.
enum class Action : uint8_t {
  loop,    // run `loop`, which computes `op` of `a`, `b` and `c`
  load,    // point `out` into an array, or gather into its slot (if it is placed: gather to where it points)
  aim,     // point `out` to where it will be stored, if it lies there in one piece, else to its slot
  store,   // store `a`, unless it is there already
  count,   // `out` is the positions to which its reach leads, as `loop` makes numbers of them
  splice,  // point `out` to `a` or `b`, or put it together in its slot (if it is placed: where it points)
  spread,  // repeat every element of `a`, to as many as `out` has
  reduce,  // `reduction` of the rows in `a`
  add,     // add `a` to the lanes of `reduction`
  segment, // run `segment`; its values are not named here
};

inline constexpr uint16_t no_value = UINT16_MAX;

struct Instruction {
  Loop loop = nullptr; // of loop and count
  Action action = Action::loop;
  Extent extent = Extent::one;
  bool is_placed = false; // `out` points already to where its elements are to be: nothing else is pointed to
  bool is_output = false; // of a segment's steps: others read the result
  uint8_t still = 0;      // splice and store: bit i says that input i has one element
  uint16_t out = 0, a = 0, b = no_value, c = no_value; // values
  uint16_t reach = no_value;                           // of load, aim, store, count and splice
  uint16_t reduction = no_value, segment = no_value;
  Op op{}; // of a loop

  // Whether the instruction reads values `a`, `b` and `c`.
  bool has_inputs() const {
    return action != Action::load && action != Action::aim && action != Action::count;
  }
};

struct Section {
  uint32_t begin = 0, end = 0;
  bool has(size_t at) const { return at >= begin && at < end; }
};

// Where a block begins that lies in one piece: bytes from an array's start, from row to row, from column to column.
struct Line {
  int64_t offset, per_row, per_column;
};

// A path, and the space whose index it takes: rows, or elements.
struct Reach {
  Path path;
  bool is_by_element;
  std::optional<Line> line; // where every block lies in one piece
};

struct NumberValue {
  uint16_t value, index;
  DType dtype;
};

struct ReductionPlan {
  const ReductionLoops* loops;
  uint16_t out;
  uint16_t lanes = no_value; // where its lanes, and then the levels of its tree, lie
  uint32_t pass = 0;
};

// The code of a segment: goes over `n` elements of the values that the pointers name.
using SegmentCode = void (*)(int64_t n, std::byte* const* values);

struct Segment {
  SegmentCode code = nullptr;
  Extent extent = Extent::one;
  std::vector<uint16_t> inputs = {}, outputs = {}; // values
  std::vector<Instruction> steps = {};             // until there is code
};

// A wide section goes over so many columns of a lane at once.
inline constexpr int64_t wide_columns = 4;

struct CpuProgram {
  Traversal traversal = Traversal::whole;
  bool is_flat = false;
  int64_t rows = 0, columns = 1;
  int64_t row_block = 1, column_block = 1;
  std::vector<Instruction> instructions;
  Section number_section;
  std::vector<Section> row_sections, element_sections; // one more of the former
  std::vector<Section>
      wide_sections; // across: what element sections do, for the next `wide_columns` of a lane; or empty
  std::vector<NumberValue> numbers;
  std::vector<Reach> reaches;
  std::vector<ReductionPlan> reductions;
  std::vector<Segment> segments;
  Executable executable;            // where their code is
  std::vector<uint8_t> value_bytes; // of one element
  std::vector<Extent> value_extents;
  std::vector<uint32_t> slots; // of values, counted in bytes from the start of a thread's memory
  size_t thread_bytes = 0;     // of that memory; the pointers to values come first
  int64_t scratch_bytes = 0;   // of an instance's, where so many threads leave each other results:
  int64_t most_threads = 1;
  int64_t row_bytes = 0; // a measure of the work of a row
};

// `encoding` is the form of machine code that segments may have, if any.
CpuProgram compile_fused(const FusedKernel& kernel, const LoopTable& loops, Encoding encoding);
// Fills in the scratch memory of a program that is otherwise complete.
void reserve_scratch(CpuProgram& program);
// `memory` is the caller's, of the program's `thread_bytes`; it need not be cleared.
void run_fused(const CpuProgram& program, std::span<const Instance> instances, std::byte* memory);

} // namespace adjoint::cpu
