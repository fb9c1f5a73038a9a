// A plan in the making: plain data, which the passes of the planner fill in one after the other. planner.cpp
// says what each pass does; these are the words that they share:
//
//   entry         a pending value of the snapshot
//   materialized  an entry that one kernel computes, once, and that others read from memory. Any other entry
//                 has no memory: every kernel that wants it computes it
//   unit          a kernel before launches are grouped: a draft of fused steps, or a routine
//   pushed        a splice (a base with a part in place of one of its slices) whose part is written straight
//                 into the base's memory, by a unit of its own. Any other splice chooses, for each element,
//                 between base and part
//   under         the unit that writes the base of a pushed splice. The part goes on top, so that unit runs
//                 first
//   latest        the last unit that must have run before an entry can be computed
//   block         the memory of a materialized entry. Blocks that are not needed at the same time share a
//                 physical block, and a run allocates the physical ones
//   given         a block whose memory has passed to another block already
//   donor         a leaf that nobody reads after this run, so that a physical block may take its memory
#pragma once
#include <map>
#include <memory>

#include "graph/draft.h"
#include "graph/program.h"

namespace adjoint {

struct Plan {
  using Array = Draft::Array;

  // One kernel: a draft, or the routine of one entry.
  struct Unit {
    uint32_t entry = 0;
    std::optional<Draft> draft;
    std::vector<Array> arrays;                // of a routine: its inputs, then its results
    std::unique_ptr<CompiledKernel> compiled; // of a routine, as soon as it is known
    int32_t scratch = -1;                     // of a routine: a physical block
    int32_t level = 0;                        // the length of the longest chain of units before
    int32_t position = 0;                     // of its launch
    std::vector<uint16_t> replaced;           // by array that is written: the array whose place it takes
    std::span<const Array> all_arrays() const { return draft ? draft->arrays() : arrays; }
  };
  struct Block {
    int64_t bytes = 0;
    int32_t first = -1, last = -1; // launches that write it first and use it last
    int32_t last_users = 0;        // units of the last launch that use it
    bool is_pinned = false;        // it outlives the run
    bool is_given = false;
    int32_t physical = -1;
  };
  // The place where a routine finds an input.
  struct Operand {
    Array array;
    int64_t offset;
    Dims strides;
  };
  struct Launch {
    std::vector<size_t> units; // the first of them is compiled for all
    bool is_flat = false;
  };

  Device& device;
  const Snapshot& snapshot;
  const bool is_fused;

  Plan(Device& device, const Snapshot& snapshot, bool is_fused)
      : device(device), snapshot(snapshot), is_fused(is_fused) {}

  // Values (plan_values.cpp), all by entry.
  std::vector<Decision> decisions;
  std::vector<std::optional<Array>> aliases; // stored views that share memory
  std::vector<uint32_t> uses;
  std::map<std::pair<uint32_t, size_t>, Operand> operands; // of routines, by input
  // Kernels (plan_kernels.cpp).
  std::vector<Unit> units;
  std::vector<std::vector<int32_t>> touching_entries, touching_leaves; // units that read or compute each
  std::vector<Block> blocks;
  std::vector<int32_t> block_of; // by entry
  // Launches (plan_launches.cpp).
  std::vector<Launch> launches;
  // Memory (plan_memory.cpp).
  std::vector<Block> leaves; // of which only the use is noted
  std::vector<Program::Block> physical;
  std::vector<RoutineKernel> fallible; // in the order of launches
  bool has_donors = false;

  const Snapshot::Entry& entry(uint32_t i) const { return snapshot.entries[i]; }
  const Node& node(uint32_t i) const { return *snapshot.entries[i].node; }
  size_t count() const { return snapshot.entries.size(); }
  Kind kind(uint32_t i) const { return info(node(i).op).kind; }
  bool is_routine(uint32_t i) const { return kind(i) == Kind::routine; }
  // The first entry of a routine's results: they follow its bundle, or the one result is the routine's own
  // entry.
  uint32_t first_result(uint32_t i) const { return node(i).results ? i + 1 : i; }
  uint32_t result_count(uint32_t i) const { return info(node(i).op).results; }
  bool has_results(uint32_t i) const;
  bool may_fail(const Unit& unit) const {
    return !unit.draft && info(node(unit.entry).op).failure != Failure::nothing;
  }
  Block* block(const Array& array);
  // The kernel of a unit, once stores and memory are known.
  Kernel kernel_of(const Unit& unit, bool is_flat) const;
  // Calls body(entry) for the inputs that are computed where they are wanted.
  template <class Body> void each_expression_input(uint32_t i, Body body) const {
    for (size_t k = 0; k < node(i).input_count; ++k) {
      const InputRef input = entry(i).inputs[k];
      if (input.kind == InputRef::Kind::entry && !decisions[input.index].is_materialized) body(input.index);
    }
  }
};

// The passes, in order.

// Decides which values are materialized, and where routines find their inputs.
void decide_values(Plan& plan);
// Gathers everything into kernels. Returns false if a view turns out to need memory: it is materialized now,
// and all kernels must be gathered again.
bool gather_kernels(Plan& plan);
// Materializes dear values that several kernels compute; false if there were none. Otherwise kernels must be
// gathered again.
bool materialize_shared_values(Plan& plan);
// Lets kernels store the values that others read or that outlive the run, and finds which kernels wait for
// which.
void choose_stores(Plan& plan);
// Puts kernels of one structure that do not wait for each other into one launch.
void group_launches(Plan& plan);
// Gives every block its memory, and routines their scratch.
void place_memory(Plan& plan);

} // namespace adjoint
