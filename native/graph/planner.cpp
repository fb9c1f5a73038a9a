// From a snapshot to a program, in four passes: decide what is computed once and kept (materialized), gather
// everything into kernels, give every kept value a block of memory, compile.
#include <algorithm>
#include <map>

#include "device/error.h"
#include "device/passes.h"
#include "device/walk.h"
#include "graph/draft.h"
#include "graph/explain.h"
#include "graph/program.h"
#include "graph/routine_facts.h"

namespace adjoint {

namespace {

// An expression longer than this is cut; what a kernel has to compute stays below the draft's budget.
constexpr uint32_t max_expression = 256;
// Recomputing costs this many simple ops before it is worth to store a value and load it again.
constexpr uint32_t dear_expression = 16;
constexpr int max_revisions = 3;

class Planner {
 public:
  Planner(Device& device, const Snapshot& snapshot, bool is_fused)
      : device_(device), snapshot_(snapshot), is_fused_(is_fused) {}

  Program run(std::string* explanation) {
    decide();
    for (int revision = 0;;) {
      has_to_restart_ = false;
      gather();
      if (has_to_restart_) continue;
      if (!is_fused_ || revision++ == max_revisions || !materialize_what_is_shared()) break;
    }
    choose_stores();
    group();
    place();
    compile();
    if (explanation) *explanation = explained();
    return std::move(program_);
  }

 private:
  // One kernel: a draft, or the routine of one entry.
  struct Unit {
    uint32_t entry = 0;
    std::optional<Draft> draft;
    std::vector<Draft::Array> arrays;         // of routines
    std::unique_ptr<CompiledKernel> compiled; // of a routine, as soon as it is known
    int32_t scratch = -1;                     // of a routine: a physical block
    int32_t level = 0;                        // the length of the longest chain of units before
    int32_t position = 0;                     // of its launch
    std::vector<uint16_t> replaced;           // by array that is written: the array whose place it takes
    std::span<const Draft::Array> all_arrays() const { return draft ? draft->arrays() : arrays; }
  };
  struct Block {
    int64_t bytes = 0;
    int32_t first = -1, last = -1; // launches that write it first and use it last
    int32_t last_users = 0;        // units of the last launch that use it
    bool is_pinned = false;        // it outlives the run
    bool is_given = false;         // its memory has passed to another block
    int32_t physical = -1;
  };

  const Snapshot::Entry& entry(uint32_t i) const { return snapshot_.entries[i]; }
  const Node& node(uint32_t i) const { return *snapshot_.entries[i].node; }
  size_t count() const { return snapshot_.entries.size(); }
  Kind kind(uint32_t i) const { return info(node(i).op).kind; }
  bool may_fail(const Unit& unit) const {
    return !unit.draft && info(node(unit.entry).op).failure != Failure::nothing;
  }
  bool is_routine(uint32_t i) const { return kind(i) == Kind::routine; }
  // The entries that hold a routine's results: those that follow a bundle, or the routine's own.
  uint32_t first_result(uint32_t i) const { return node(i).results ? i + 1 : i; }
  uint32_t result_count(uint32_t i) const { return info(node(i).op).results; }
  bool has_results(uint32_t i) const {
    for (uint32_t k = 0; k < result_count(i); ++k)
      if (node(first_result(i) + k).elements() > 0) return true;
    return false;
  }

  // --- What is materialized

  void decide() {
    decisions_.assign(count(), {});
    aliases_.assign(count(), std::nullopt);
    uses_.assign(count(), 0);
    block_of_.assign(count(), -1);
    for (uint32_t i = 0; i < count(); ++i)
      for (size_t k = 0; k < node(i).input_count; ++k)
        if (entry(i).inputs[k].kind == InputRef::Kind::entry) ++uses_[entry(i).inputs[k].index];
    decide_splices();
    for (uint32_t i = 0; i < count(); ++i) {
      Decision& decision = decisions_[i];
      // A bundle has no value of its own; its results have.
      decision.is_materialized = kind(i) == Kind::reduction || (is_routine(i) && !node(i).results) ||
                                 node(i).op == Op::result || decision.is_pushed ||
                                 (!is_fused_ && !is_view(node(i)) && !node(i).results);
      if (entry(i).is_stored && !decision.is_materialized) decide_stored(i);
      if (is_routine(i))
        for (size_t k = 0; k < node(i).input_count; ++k) find_operand(i, k);
    }
    cut();
  }

  // A splice is computed where it is wanted, by a choice between base and part, except where a chain of them
  // would make every element choose many times, or where the part is not simply shifted.
  void decide_splices() {
    for (uint32_t i = 0; i < count(); ++i) {
      if (node(i).op != Op::splice) continue;
      const InputRef base = entry(i).inputs[0];
      if (base.kind == InputRef::Kind::entry && node(base.index).op == Op::splice)
        decisions_[i].is_pushed = decisions_[base.index].is_pushed = true;
      for (int64_t step : node(i).attributes->steps) decisions_[i].is_pushed |= step != 1 && step != -1;
    }
    for (uint32_t i = 0; i < count(); ++i)
      if (decisions_[i].is_pushed) decide_base(i);
  }

  // Parts that never overlap and fill the whole need no base under them.
  void decide_base(uint32_t top) {
    int64_t filled = 0;
    for (uint32_t i = top;;) {
      if (!node(i).attributes->is_disjoint) return;
      filled += node(i).inputs[1]->elements();
      const InputRef base = entry(i).inputs[0];
      const bool goes_on = base.kind == InputRef::Kind::entry && decisions_[base.index].is_pushed &&
                           uses_[base.index] == 1 && !entry(base.index).is_stored;
      if (!goes_on) {
        decisions_[i].needs_base &= filled != node(i).elements();
        return;
      }
      i = base.index;
    }
  }

  // A stored view of a whole value shares its memory; others are copied.
  void decide_stored(uint32_t i) {
    decisions_[i].is_materialized = true;
    if (!is_view(node(i))) return;
    InputRef ref{InputRef::Kind::entry, i};
    const std::optional<IndexMap> map =
        follow_views(ref, IndexMap::identity(node(i).shape, Dims()), node(i).elements() > 0);
    if (!map || ref.kind == InputRef::Kind::number) return;
    const Node& source = ref.kind == InputRef::Kind::leaf ? *snapshot_.leaves[ref.index] : node(ref.index);
    if (source.elements() != node(i).elements() ||
        !merged(map->access(source.shape, false)).is_contiguous(source.elements()))
      return;
    decisions_[i].is_materialized = false;
    aliases_[i] = Draft::Array{ref.kind == InputRef::Kind::leaf, ref.index};
    if (ref.kind == InputRef::Kind::entry) decisions_[ref.index].is_materialized = true;
  }

  // Through views, as far as a map can follow them and nothing on the way is materialized.
  std::optional<IndexMap> follow_views(InputRef& ref, IndexMap map, bool is_nonempty) const {
    while (is_nonempty && ref.kind == InputRef::Kind::entry && is_view(node(ref.index))) {
      const Node& view = node(ref.index);
      const std::optional<IndexMap> next = Draft::through_view(view, map);
      if (!next) return std::nullopt;
      map = *next;
      ref = entry(ref.index).inputs[0];
    }
    return map;
  }

  // A routine reads its inputs from memory, wherever they lie there.
  void find_operand(uint32_t i, size_t k) {
    InputRef ref = entry(i).inputs[k];
    const Dims& shape = node(i).inputs[k]->shape;
    IndexMap map = IndexMap::identity(shape, Dims());
    const Dims extents = map.extents;
    while (ref.kind == InputRef::Kind::entry && is_view(node(ref.index)) &&
           !decisions_[ref.index].is_materialized && element_count(shape) > 0) {
      const std::optional<IndexMap> next = Draft::through_view(node(ref.index), map);
      const InputRef below = entry(ref.index).inputs[0];
      if (!next || next->extents != extents || below.kind == InputRef::Kind::number) break;
      map = *next;
      ref = below;
    }
    if (ref.kind == InputRef::Kind::entry) decisions_[ref.index].is_materialized = true;
    const Node& source = ref.kind == InputRef::Kind::leaf ? *snapshot_.leaves[ref.index] : node(ref.index);
    const Access access = map.access(source.shape, false);
    // Spaces have no axes of extent one; products have.
    Dims strides(shape.size(), 0);
    size_t axis = 0;
    for (size_t r = 0; r < shape.size(); ++r)
      if (shape[r] != 1) strides[r] = access.strides[axis++];
    operands_[{i, k}] = {Draft::Array{ref.kind == InputRef::Kind::leaf, ref.index}, access.offset, strides};
  }

  // Long expressions are cut where they reach the bound, so that every one that is left stays below it.
  void cut() {
    std::vector<uint32_t> bound(count(), 0), seen(count(), UINT32_MAX);
    std::vector<uint32_t> pending;
    for (uint32_t i = 0; i < count(); ++i) {
      uint64_t total = 1;
      each_expression_input(i, [&](uint32_t input) { total += bound[input]; });
      if (total > max_expression) {
        // The sum counts what is shared several times; now exactly.
        total = 0;
        pending.assign(1, i);
        while (!pending.empty() && total <= max_expression) {
          const uint32_t at = pending.back();
          pending.pop_back();
          if (seen[at] == i) continue;
          seen[at] = i;
          ++total;
          each_expression_input(at, [&](uint32_t input) { pending.push_back(input); });
        }
      }
      if (total > max_expression) {
        total = 1;
        each_expression_input(i, [&](uint32_t input) {
          if (!is_view(node(input)) && node(input).op != Op::position)
            decisions_[input].is_materialized = true;
        });
        each_expression_input(i, [&](uint32_t input) { total += bound[input]; });
      }
      bound[i] = static_cast<uint32_t>(std::min<uint64_t>(total, max_expression + 1));
    }
  }

  template <class Body> void each_expression_input(uint32_t i, Body body) const {
    for (size_t k = 0; k < node(i).input_count; ++k) {
      const InputRef input = entry(i).inputs[k];
      if (input.kind == InputRef::Kind::entry && !decisions_[input.index].is_materialized) body(input.index);
    }
  }

  // --- What runs together

  void gather() {
    units_.clear();
    touching_entries_.assign(count(), {});
    touching_leaves_.assign(snapshot_.leaves.size(), {});
    std::fill(block_of_.begin(), block_of_.end(), -1);
    blocks_.clear();
    for (uint32_t i = 0; i < count(); ++i) {
      Decision& decision = decisions_[i];
      decision.kernel = -1;
      decision.latest = -1;
      for (size_t k = 0; k < node(i).input_count; ++k)
        if (const InputRef input = entry(i).inputs[k]; input.kind == InputRef::Kind::entry)
          decision.latest = std::max(decision.latest, decisions_[input.index].latest);
      if (is_routine(i) && has_results(i)) decision.kernel = add_unit(i);
      if (node(i).op == Op::result) decision.kernel = decisions_[entry(i).inputs[0].index].kernel;
      decision.latest = std::max(decision.latest, decision.kernel);
      if (!decision.is_materialized) continue;
      if (decision.kernel >= 0)
        block_of_[i] = new_block(node(i).bytes());
      else if (node(i).elements() == 0)
        decision.kernel = decision.latest;
      else if (decision.is_pushed)
        gather_splice(i);
      else
        decision.kernel = gather_root(i, Draft::RootKind::value, decision.latest);
      if (has_to_restart_) return;
      if (block_of_[i] < 0) block_of_[i] = new_block(node(i).bytes());
      decision.latest = std::max(decision.latest, decision.kernel);
    }
  }

  int32_t add_unit(uint32_t i) {
    Unit& unit = units_.emplace_back();
    unit.entry = i;
    for (size_t k = 0; k < node(i).input_count; ++k) unit.arrays.push_back(operands_.at({i, k}).array);
    for (uint32_t k = 0; k < result_count(i); ++k) unit.arrays.push_back({false, first_result(i) + k});
    return static_cast<int32_t>(units_.size() - 1);
  }

  int32_t new_block(int64_t bytes) {
    blocks_.push_back({.bytes = bytes});
    return static_cast<int32_t>(blocks_.size() - 1);
  }

  void gather_splice(uint32_t i) {
    Decision& decision = decisions_[i];
    const InputRef base = entry(i).inputs[0];
    const bool takes_over = base.kind == InputRef::Kind::entry && decisions_[base.index].is_materialized &&
                            uses_[base.index] == 1 && !entry(base.index).is_stored &&
                            block_of_[base.index] >= 0 && node(base.index).bytes() == node(i).bytes();
    decision.under = -1;
    if (takes_over) {
      block_of_[i] = block_of_[base.index];
      decision.under = decisions_[base.index].kernel;
    } else if (decision.needs_base) {
      decision.under = gather_root(i, Draft::RootKind::base, decision.latest);
    }
    if (has_to_restart_) return;
    // The part is not written by the kernel that writes what lies under it.
    decision.kernel = std::max(decision.latest, decision.under);
    if (node(i).inputs[1]->elements() > 0)
      decision.kernel = gather_root(i, Draft::RootKind::part, std::max(decision.latest, decision.under + 1));
  }

  // Joins a kernel that already reads some of what the root needs, not before `earliest`; else begins one.
  int32_t gather_root(uint32_t i, Draft::RootKind root_kind, int32_t earliest) {
    const bool is_reduction = root_kind == Draft::RootKind::value && kind(i) == Kind::reduction;
    if (is_fused_) {
      for (int32_t number : candidates(i, earliest)) {
        Draft& draft = *units_[static_cast<size_t>(number)].draft;
        if (is_reduction && draft.reduced_axes().empty() && draft.shape() == node(i).inputs[0]->shape &&
            !node(i).attributes->axes.empty()) {
          std::optional<Draft> reduced = draft.reduced_over(node(i).attributes->axes);
          if (!reduced || !reduced->add(i, root_kind)) continue;
          draft = std::move(*reduced);
          note_touched(number);
          return number;
        }
        if (draft.add(i, root_kind)) {
          note_touched(number);
          return number;
        }
      }
    }
    const auto number = static_cast<int32_t>(units_.size());
    const Dims& shape = is_reduction                         ? node(i).inputs[0]->shape
                        : root_kind == Draft::RootKind::part ? node(i).inputs[1]->shape
                                                             : node(i).shape;
    Unit& unit = units_.emplace_back();
    unit.entry = i;
    unit.draft.emplace(snapshot_, decisions_, number, shape,
                       is_reduction ? node(i).attributes->axes : Dims());
    if (unit.draft->add(i, root_kind)) {
      note_touched(number);
    } else {
      // There is only one reason: a view that no map can say. It has to be in memory.
      const int32_t view = unit.draft->unmappable();
      if (view < 0 || decisions_[static_cast<size_t>(view)].is_materialized)
        throw internal_error("no kernel could be planned for " + std::string(info(node(i).op).name) +
                             " of shape " + to_string(node(i).shape));
      decisions_[static_cast<size_t>(view)].is_materialized = true;
      has_to_restart_ = true;
    }
    return number;
  }

  // Kernels that compute or read something that the root needs, in order.
  std::vector<int32_t> candidates(uint32_t root, int32_t earliest) {
    constexpr size_t most_visited = 512, most_candidates = 8;
    std::vector<int32_t> found;
    std::vector<uint32_t> pending = {root};
    std::vector<uint32_t> visited;
    const auto collect = [&](const std::vector<int32_t>& units) {
      for (int32_t unit : units)
        if (unit >= earliest && std::find(found.begin(), found.end(), unit) == found.end())
          found.push_back(unit);
    };
    while (!pending.empty() && visited.size() < most_visited) {
      const uint32_t i = pending.back();
      pending.pop_back();
      if (std::find(visited.begin(), visited.end(), i) != visited.end()) continue;
      visited.push_back(i);
      for (size_t k = 0; k < node(i).input_count; ++k) {
        const InputRef input = entry(i).inputs[k];
        if (input.kind == InputRef::Kind::leaf) collect(touching_leaves_[input.index]);
        if (input.kind != InputRef::Kind::entry) continue;
        const bool is_materialized = decisions_[input.index].is_materialized;
        // Counting the same positions is no reason to run together.
        if (is_materialized || node(input.index).op != Op::position) collect(touching_entries_[input.index]);
        if (!is_materialized) pending.push_back(input.index);
      }
    }
    std::sort(found.begin(), found.end());
    if (found.size() > most_candidates) found.erase(found.begin(), found.end() - most_candidates);
    return found;
  }

  void note_touched(int32_t number) {
    for (const InputRef& ref : units_[static_cast<size_t>(number)].draft->touched()) {
      if (ref.kind == InputRef::Kind::number) continue;
      std::vector<int32_t>& units =
          ref.kind == InputRef::Kind::leaf ? touching_leaves_[ref.index] : touching_entries_[ref.index];
      if (std::find(units.begin(), units.end(), number) == units.end()) units.push_back(number);
    }
    const std::vector<Draft::Root>& roots = units_[static_cast<size_t>(number)].draft->roots();
    std::vector<int32_t>& units = touching_entries_[roots.back().entry];
    if (std::find(units.begin(), units.end(), number) == units.end()) units.push_back(number);
  }

  // Dear values that several kernels compute are computed by the first and stored. True if there were any.
  bool materialize_what_is_shared() {
    std::vector<uint32_t> cost(count(), 0);
    bool has_changed = false;
    // Values that everybody who computes them needs for one and the same other value.
    std::vector<bool> is_inner(count(), false);
    for (uint32_t i = static_cast<uint32_t>(count()); i-- > 0;)
      each_expression_input(i, [&](uint32_t input) {
        if (touching_entries_[i] == touching_entries_[input] && !decisions_[i].is_materialized)
          is_inner[input] = true;
      });
    for (uint32_t i = 0; i < count(); ++i) {
      if (decisions_[i].is_materialized || is_view(node(i))) continue;
      cost[i] = info(node(i).op).cost;
      each_expression_input(i, [&](uint32_t input) { cost[i] = std::min(cost[i] + cost[input], 1000u); });
      if (touching_entries_[i].size() < 2 || is_inner[i] || cost[i] < dear_expression) continue;
      decisions_[i].is_materialized = true;
      has_changed = true;
    }
    return has_changed;
  }

  // --- Launches and memory

  // What others read, and what outlives the run, is stored.
  void choose_stores() {
    std::vector<bool> is_read(count(), false);
    for (const Unit& unit : units_)
      for (const Draft::Array& array : unit.all_arrays())
        if (!array.is_leaf) is_read[array.index] = true;
    for (const std::optional<Draft::Array>& alias : aliases_)
      if (alias && !alias->is_leaf) is_read[alias->index] = true;
    // A base whose block a pushed splice takes over lies under what is written there.
    for (uint32_t i = 0; i < count(); ++i)
      if (const InputRef base = entry(i).inputs[0]; decisions_[i].is_pushed &&
                                                    base.kind == InputRef::Kind::entry &&
                                                    block_of_[base.index] == block_of_[i])
        is_read[base.index] = true;
    for (Unit& unit : units_) {
      if (!unit.draft) continue;
      const std::vector<Draft::Root> roots = unit.draft->roots();
      for (const Draft::Root& root : roots)
        if (is_read[root.entry] || entry(root.entry).is_stored || decisions_[root.entry].is_pushed)
          unit.draft->store(root);
    }
    for (size_t u = 0; u < units_.size(); ++u) {
      Unit& unit = units_[u];
      const auto depend_on = [&](int32_t other) {
        if (other < 0 || other == static_cast<int32_t>(u)) return;
        unit.level = std::max(unit.level, units_[static_cast<size_t>(other)].level + 1);
      };
      for (const Draft::Array& array : unit.all_arrays())
        if (!array.is_leaf && decisions_[array.index].kernel < static_cast<int32_t>(u))
          depend_on(decisions_[array.index].kernel);
      if (unit.draft)
        for (const Draft::Root& root : unit.draft->roots())
          if (root.kind == Draft::RootKind::part) depend_on(decisions_[root.entry].under);
    }
  }

  // Small kernels of one structure that do not wait for each other become instances of one launch.
  void group() {
    std::vector<StructuralKey> keys(units_.size());
    std::vector<bool> is_flat(units_.size(), false);
    for (size_t u = 0; u < units_.size(); ++u)
      if (units_[u].draft) is_flat[u] = is_fused_ && flat_key(*units_[u].draft, keys[u]);
    std::vector<size_t> order(units_.size());
    for (size_t u = 0; u < order.size(); ++u) order[u] = u;
    std::unordered_map<StructuralKey, size_t, StructuralKey::Hash> leaders;
    std::vector<std::vector<size_t>> members(units_.size());
    bool has_groups = false;
    for (size_t u = 0; u < units_.size(); ++u) {
      size_t leader = u;
      if (is_flat[u]) {
        StructuralKey key = keys[u];
        key.add(static_cast<uint64_t>(units_[u].level));
        leader = leaders.emplace(key, u).first->second;
        has_groups |= leader != u;
      }
      members[leader].push_back(u);
    }
    if (has_groups)
      std::stable_sort(order.begin(), order.end(),
                       [&](size_t a, size_t b) { return units_[a].level < units_[b].level; });
    for (size_t u : order) {
      if (members[u].empty()) continue;
      for (size_t member : members[u]) units_[member].position = static_cast<int32_t>(launches_.size());
      launches_.push_back(members[u]);
      is_flat_launch_.push_back(is_flat[u]);
    }
  }

  // Whether the kernel walks plain arrays in order, and then the structure by which others are like it.
  static bool flat_key(const Draft& draft, StructuralKey& key) {
    const FusedKernel& kernel = draft.kernel();
    if (!draft.reduced_axes().empty()) return false;
    const auto add_access = [&](const Access& given) {
      const Walk walk = merged(given);
      if (walk.offset != 0 || walk.is_bounded()) return false;
      if (kernel.rows > 1 && !walk.is_still() && !walk.is_contiguous(kernel.rows)) return false;
      key.add(static_cast<uint64_t>(walk.array) << 1 | (kernel.rows > 1 && walk.is_still() ? 1 : 0));
      return true;
    };
    key.add(kernel.rows == 1);
    key.add(draft.arrays().size() << 32 | draft.numbers().size());
    for (const Step& step : kernel.steps) {
      // What is reduced over no axes at all has rows of one column.
      if (step.op == Op::splice || info(step.op).kind == Kind::reduction) return false;
      key.add(static_cast<uint64_t>(step.op) | static_cast<uint64_t>(step.arithmetic) << 16 |
              static_cast<uint64_t>(step.dtype) << 24 | static_cast<uint64_t>(step.level) << 32 |
              static_cast<uint64_t>(step.index) << 40);
      key.add(static_cast<uint64_t>(step.inputs[0]) | static_cast<uint64_t>(step.inputs[1]) << 16 |
              static_cast<uint64_t>(step.inputs[2]) << 32 | static_cast<uint64_t>(step.input_count) << 48);
    }
    for (const Access& access : kernel.accesses)
      if (!add_access(access)) return false;
    for (const Store& store : kernel.stores) {
      key.add(store.step);
      if (!add_access(store.access)) return false;
    }
    return true;
  }

  static void flatten(FusedKernel& kernel) {
    for (Access& access : kernel.accesses) access = flattened(access, kernel.rows);
    for (Store& store : kernel.stores) store.access = flattened(store.access, kernel.rows);
    kernel.is_flat = true;
  }

  Block* block(const Draft::Array& array) {
    if (array.is_leaf || block_of_[array.index] < 0) return nullptr;
    return &blocks_[static_cast<size_t>(block_of_[array.index])];
  }

  void place() {
    leaves_.assign(snapshot_.leaves.size(), {});
    const auto note_use = [](Block& used, int32_t position) {
      if (used.first < 0 || position < used.first) used.first = position;
      if (position > used.last) used.last_users = 0;
      used.last = std::max(used.last, position);
      if (position == used.last) ++used.last_users;
    };
    for (const Unit& unit : units_)
      for (const Draft::Array& array : unit.all_arrays()) {
        if (array.is_leaf)
          note_use(leaves_[array.index], unit.position);
        else if (Block* used = block(array))
          note_use(*used, unit.position);
      }
    for (uint32_t i = 0; i < count(); ++i) {
      if (!entry(i).is_stored) continue;
      const Draft::Array array = aliases_[i] ? *aliases_[i] : Draft::Array{false, i};
      // A leaf that lives on as an output has no place to give.
      if (array.is_leaf) leaves_[array.index].is_pinned = true;
      if (Block* kept = block(array)) kept->is_pinned = true;
    }
    program_.fallible.clear();
    for (const std::vector<size_t>& launch : launches_)
      if (const Unit& unit = units_[launch[0]]; may_fail(unit))
        program_.fallible.push_back(std::get<RoutineKernel>(kernel_of(unit, false)));
    std::vector<int32_t> idle;
    for (size_t position = 0; position < launches_.size(); ++position) {
      const auto now = static_cast<int32_t>(position);
      for (size_t u : launches_[position])
        place_outputs(units_[u], units_[launches_[position][0]], now, idle);
      for (size_t u : launches_[position]) place_scratch(units_[u], idle);
      for (size_t u : launches_[position])
        for (const Draft::Array& array : units_[u].all_arrays())
          if (Block* used = block(array); used && used->last == now && !used->is_pinned && !used->is_given) {
            used->is_given = true;
            idle.push_back(used->physical);
          }
    }
    // Values without elements, and whatever else no launch writes.
    for (Block& left : blocks_)
      if (left.physical < 0 && (left.is_pinned || left.first >= 0)) left.physical = new_physical(left.bytes);
  }

  // A routine says how much it needs when it is compiled; the next launch may have it.
  void place_scratch(Unit& unit, std::vector<int32_t>& idle) {
    if (unit.draft || !is_routine(unit.entry)) return;
    unit.compiled = device_.compile(kernel_of(unit, false));
    const int64_t bytes = unit.compiled->scratch_bytes();
    if (bytes == 0) return;
    const auto found = std::find_if(idle.begin(), idle.end(), [&](int32_t physical) {
      return program_.blocks[static_cast<size_t>(physical)].bytes >= bytes;
    });
    unit.scratch = found == idle.end() ? new_physical(bytes) : *found;
    if (found == idle.end()) idle.push_back(unit.scratch);
  }

  int32_t new_physical(int64_t bytes) {
    program_.blocks.push_back({bytes, {}});
    return static_cast<int32_t>(program_.blocks.size() - 1);
  }

  // What a unit replaces, the first of its launch does as well: they share the kernel.
  void place_outputs(Unit& unit, const Unit& leader, int32_t now, std::vector<int32_t>& idle) {
    unit.replaced.assign(unit.all_arrays().size(), Store::nothing);
    const auto dies = [&](const Block& used, int64_t bytes) {
      return used.last == now && used.last_users == 1 && !used.is_pinned && !used.is_given &&
             bytes == used.bytes;
    };
    for (size_t i = 0; i < unit.all_arrays().size(); ++i) {
      const Draft::Array array = unit.all_arrays()[i];
      Block* output = block(array);
      if (!output || output->physical >= 0) continue;
      uint32_t donor = UINT32_MAX;
      for (size_t k = 0; k < unit.all_arrays().size() && unit.draft && is_fused_; ++k) {
        const Draft::Array input = unit.all_arrays()[k];
        if (k == i || (&unit != &leader && leader.replaced[i] != k)) continue;
        Block* dying = input.is_leaf ? &leaves_[input.index] : block(input);
        if (input.is_leaf) dying->bytes = snapshot_.leaves[input.index]->bytes();
        if (!dying || !dies(*dying, output->bytes) || !may_replace(*unit.draft, array, input)) continue;
        if (input.is_leaf && !program_.fallible.empty()) continue; // should one fail, all must be as it was
        if (input.is_leaf)
          donor = input.index;
        else if (dying->physical >= 0)
          output->physical = dying->physical;
        else
          continue;
        dying->is_given = true;
        unit.replaced[i] = static_cast<uint16_t>(k);
        break;
      }
      if (output->physical >= 0) continue;
      const auto found = std::find_if(idle.begin(), idle.end(), [&](int32_t physical) {
        return program_.blocks[static_cast<size_t>(physical)].bytes == output->bytes;
      });
      if (donor == UINT32_MAX && found != idle.end()) {
        output->physical = *found;
        idle.erase(found);
        continue;
      }
      output->physical = new_physical(output->bytes);
      if (donor == UINT32_MAX) continue;
      program_.blocks.back().donors.push_back(donor);
      program_.has_donors = true;
    }
  }

  // Whether every load of `input` in this kernel reads the very element that the store of `output` writes.
  static bool may_replace(const Draft& draft, const Draft::Array& output, const Draft::Array& input) {
    const auto index_of = [&](const Draft::Array& array) {
      return std::find(draft.arrays().begin(), draft.arrays().end(), array) - draft.arrays().begin();
    };
    const auto out = index_of(output), in = index_of(input);
    const FusedKernel& kernel = draft.kernel();
    const Store* store = nullptr;
    for (const Store& candidate : kernel.stores)
      if (candidate.access.array == out)
        store = &candidate;
      else if (candidate.access.array == in)
        return false;
    if (!store) return false;
    if (!draft.reduced_axes().empty() && Passes(kernel).count > 1) return false;
    const Step& stored = kernel.steps[store->step];
    const Walk written = merged(store->access);
    for (const Step& step : kernel.steps) {
      if (step.op != Op::stored || kernel.accesses[step.index].array != in) continue;
      const Walk read = merged(kernel.accesses[step.index]);
      if (step.level != stored.level || bytes_of(step.dtype) != bytes_of(stored.dtype) ||
          read.offset != written.offset || read.axes != written.axes || written.is_bounded())
        return false;
    }
    return true;
  }

  // --- The program

  uint32_t table_index(const Draft::Array& array) {
    if (array.is_leaf) return array.index;
    return static_cast<uint32_t>(snapshot_.leaves.size() + static_cast<size_t>(block(array)->physical));
  }

  void compile() {
    program_.leaf_count = snapshot_.leaves.size();
    int32_t next_failure = 0;
    for (size_t position = 0; position < launches_.size(); ++position) {
      const Unit& first = units_[launches_[position][0]];
      Program::Launch& launch = program_.launches.emplace_back();
      launch.first_array = static_cast<uint32_t>(program_.arrays.size());
      launch.first_number = static_cast<uint32_t>(program_.numbers.size());
      launch.array_count = static_cast<uint32_t>(first.all_arrays().size());
      for (size_t u : launches_[position]) add_instance(launch, units_[u]);
      const Kernel kernel = kernel_of(first, is_flat_launch_[position]);
      program_.cost += cost(kernel) * static_cast<int64_t>(launches_[position].size());
      launch.kernel =
          first.compiled ? std::move(units_[launches_[position][0]].compiled) : device_.compile(kernel);
      launch.scratch = first.scratch;
      if (may_fail(first)) launch.failure = next_failure++;
    }
    program_.cost += program_.bytes_moved;
    for (uint32_t i = 0; i < count(); ++i)
      if (entry(i).is_stored)
        program_.outputs.push_back({i, table_index(aliases_[i] ? *aliases_[i] : Draft::Array{false, i})});
  }

  // A simple op takes about as long as to read a byte, a multiplication within a product a quarter of that.
  static int64_t cost(const Kernel& kernel) {
    if (const auto* routine = std::get_if<RoutineKernel>(&kernel)) return cost_of_routine(*routine);
    const auto& fused = std::get<FusedKernel>(kernel);
    int64_t steps = 0;
    for (const Step& step : fused.steps) steps += info(step.op).cost;
    return fused.rows * fused.columns * steps;
  }

  void add_instance(Program::Launch& launch, const Unit& unit) {
    for (const Draft::Array& array : unit.all_arrays()) {
      program_.arrays.push_back(table_index(array));
      program_.bytes_moved += array.is_leaf ? snapshot_.leaves[array.index]->bytes() : block(array)->bytes;
    }
    launch.rows.push_back(unit.draft ? unit.draft->kernel().rows : 0);
    if (unit.draft) {
      program_.numbers.insert(program_.numbers.end(), unit.draft->numbers().begin(),
                              unit.draft->numbers().end());
      launch.number_count = static_cast<uint32_t>(unit.draft->numbers().size());
    } else if (info(node(unit.entry).op).trait == Trait::draws) {
      launch.number_count = 2;
      for (uint32_t k = 0; k < launch.number_count; ++k)
        program_.numbers.push_back(entry(unit.entry).first_number + k);
    }
  }

  Kernel kernel_of(const Unit& unit, bool is_flat) const {
    if (unit.draft) {
      FusedKernel kernel = unit.draft->kernel();
      for (Store& store : kernel.stores) store.replaces = unit.replaced[store.access.array];
      if (is_flat) flatten(kernel);
      return kernel;
    }
    const Node& value = node(unit.entry);
    RoutineKernel kernel;
    kernel.op = value.op;
    if (value.attributes) {
      kernel.parameters = value.attributes->parameters;
      kernel.modes = value.attributes->modes;
    }
    uint16_t array = 0;
    for (size_t k = 0; k < value.input_count; ++k) {
      const Operand& operand = operands_.at({unit.entry, k});
      const Node& input = *value.inputs[k];
      kernel.inputs.push_back({array++, input.dtype, operand.offset, input.shape, operand.strides});
    }
    for (uint32_t k = 0; k < result_count(unit.entry); ++k) {
      const Node& result = node(first_result(unit.entry) + k);
      kernel.results.push_back({array++, result.dtype, 0, result.shape, row_major_strides(result.shape)});
    }
    return kernel;
  }

  // --- For people

  std::string explained() {
    std::vector<ExplainedLaunch> launches;
    for (size_t position = 0; position < launches_.size(); ++position) {
      const Unit& unit = units_[launches_[position][0]];
      ExplainedLaunch launch{kernel_of(unit, is_flat_launch_[position]), launches_[position].size(), {}, {}};
      for (size_t u : launches_[position])
        for (const Draft::Array& array : units_[u].all_arrays()) {
          const Node& value = array.is_leaf ? *snapshot_.leaves[array.index] : node(array.index);
          const bool is_written = !array.is_leaf && decisions_[array.index].kernel == static_cast<int32_t>(u);
          (is_written ? launch.writes : launch.reads).push_back(&value);
        }
      launches.push_back(std::move(launch));
    }
    int64_t bytes = 0;
    for (const Program::Block& block : program_.blocks) bytes += block.bytes;
    return explain(launches, program_.blocks.size(), bytes, program_.bytes_moved);
  }

  Device& device_;
  const Snapshot& snapshot_;
  const bool is_fused_;
  std::vector<Decision> decisions_;
  std::vector<uint32_t> uses_;
  std::vector<std::optional<Draft::Array>> aliases_; // stored views that share memory
  struct Operand {
    Draft::Array array;
    int64_t offset;
    Dims strides;
  };
  std::map<std::pair<uint32_t, size_t>, Operand> operands_; // of routines
  std::vector<Unit> units_;
  std::vector<std::vector<int32_t>> touching_entries_, touching_leaves_; // units that read or compute each
  std::vector<Block> blocks_, leaves_;                                   // of leaves only the use is noted
  std::vector<int32_t> block_of_;
  std::vector<std::vector<size_t>> launches_; // units of each
  std::vector<bool> is_flat_launch_;
  bool has_to_restart_ = false; // a view has been found that has to be in memory
  Program program_;
};

} // namespace

Program plan(Device& device, const Snapshot& snapshot, bool is_fused, std::string* explanation) {
  return Planner(device, snapshot, is_fused).run(explanation);
}

} // namespace adjoint
