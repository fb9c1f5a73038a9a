// Which values run together. Materialized entries are taken in order. Each joins a kernel that already reads
// something it needs, if its space fits, or begins a new one; the draft pulls in everything that the entry is
// computed from.

#include <algorithm>

#include "device/error.h"
#include "graph/plan.h"

namespace adjoint {

namespace {

int32_t new_block(Plan& plan, int64_t bytes) {
  plan.blocks.push_back({.bytes = bytes});
  return static_cast<int32_t>(plan.blocks.size() - 1);
}

int32_t add_unit(Plan& plan, uint32_t i) {
  Plan::Unit& unit = plan.units.emplace_back();
  unit.entry = i;
  for (size_t k = 0; k < plan.node(i).input_count; ++k) unit.arrays.push_back(plan.operands.at({i, k}).array);
  for (uint32_t k = 0; k < plan.result_count(i); ++k)
    unit.arrays.push_back({false, plan.first_result(i) + k});
  return static_cast<int32_t>(plan.units.size() - 1);
}

void note_touched(Plan& plan, int32_t number) {
  for (const InputRef& ref : plan.units[static_cast<size_t>(number)].draft->touched()) {
    if (ref.kind == InputRef::Kind::number) continue;
    std::vector<int32_t>& units =
        ref.kind == InputRef::Kind::leaf ? plan.touching_leaves[ref.index] : plan.touching_entries[ref.index];
    if (std::find(units.begin(), units.end(), number) == units.end()) units.push_back(number);
  }
  const std::vector<Draft::Root>& roots = plan.units[static_cast<size_t>(number)].draft->roots();
  std::vector<int32_t>& units = plan.touching_entries[roots.back().entry];
  if (std::find(units.begin(), units.end(), number) == units.end()) units.push_back(number);
}

// Kernels that compute or read something that the root needs, in order.
std::vector<int32_t> candidates(Plan& plan, uint32_t root, int32_t earliest) {
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
    for (size_t k = 0; k < plan.node(i).input_count; ++k) {
      const InputRef input = plan.entry(i).inputs[k];
      if (input.kind == InputRef::Kind::leaf) collect(plan.touching_leaves[input.index]);
      if (input.kind != InputRef::Kind::entry) continue;
      const bool is_materialized = plan.decisions[input.index].is_materialized;
      // Counting the same positions is no reason to run together.
      if (is_materialized || plan.node(input.index).op != Op::position)
        collect(plan.touching_entries[input.index]);
      if (!is_materialized) pending.push_back(input.index);
    }
  }
  std::sort(found.begin(), found.end());
  if (found.size() > most_candidates) found.erase(found.begin(), found.end() - most_candidates);
  return found;
}

// Joins a kernel, from number `earliest` on, that already reads some of what the root needs; else begins one.
// Returns nothing if a view has to be in memory first.
std::optional<int32_t> gather_root(Plan& plan, uint32_t i, Draft::RootKind root_kind, int32_t earliest) {
  const bool is_reduction = root_kind == Draft::RootKind::value && plan.kind(i) == Kind::reduction;
  if (plan.is_fused) {
    for (int32_t number : candidates(plan, i, earliest)) {
      Draft& draft = *plan.units[static_cast<size_t>(number)].draft;
      if (is_reduction && draft.reduced_axes().empty() && draft.shape() == plan.node(i).inputs[0]->shape &&
          !plan.node(i).attributes->axes.empty()) {
        std::optional<Draft> reduced = draft.reduced_over(plan.node(i).attributes->axes);
        if (!reduced || !reduced->add(i, root_kind)) continue;
        draft = std::move(*reduced);
        note_touched(plan, number);
        return number;
      }
      if (draft.add(i, root_kind)) {
        note_touched(plan, number);
        return number;
      }
    }
  }
  const auto number = static_cast<int32_t>(plan.units.size());
  const Dims& shape = is_reduction                         ? plan.node(i).inputs[0]->shape
                      : root_kind == Draft::RootKind::part ? plan.node(i).inputs[1]->shape
                                                           : plan.node(i).shape;
  Plan::Unit& unit = plan.units.emplace_back();
  unit.entry = i;
  unit.draft.emplace(plan.snapshot, plan.decisions, number, shape,
                     is_reduction ? plan.node(i).attributes->axes : Dims());
  if (unit.draft->add(i, root_kind)) {
    note_touched(plan, number);
    return number;
  }
  // The only reason is a view that no index map can express. It has to be in memory.
  const int32_t view = unit.draft->unmappable();
  if (view < 0 || plan.decisions[static_cast<size_t>(view)].is_materialized)
    throw internal_error("no kernel could be planned for " + std::string(info(plan.node(i).op).name) +
                         " of shape " + to_string(plan.node(i).shape));
  plan.decisions[static_cast<size_t>(view)].is_materialized = true;
  return std::nullopt;
}

bool gather_splice(Plan& plan, uint32_t i) {
  Decision& decision = plan.decisions[i];
  const InputRef base = plan.entry(i).inputs[0];
  const bool takes_over = base.kind == InputRef::Kind::entry && plan.decisions[base.index].is_materialized &&
                          plan.uses[base.index] == 1 && !plan.entry(base.index).is_stored &&
                          plan.block_of[base.index] >= 0 &&
                          plan.node(base.index).bytes() == plan.node(i).bytes();
  decision.under = -1;
  if (takes_over) {
    plan.block_of[i] = plan.block_of[base.index];
    decision.under = plan.decisions[base.index].kernel;
  } else if (decision.needs_base) {
    const std::optional<int32_t> under = gather_root(plan, i, Draft::RootKind::base, decision.latest);
    if (!under) return false;
    decision.under = *under;
  }
  // A kernel of its own writes the part, after the kernel that writes the base.
  decision.kernel = std::max(decision.latest, decision.under);
  if (plan.node(i).inputs[1]->elements() == 0) return true;
  const std::optional<int32_t> kernel =
      gather_root(plan, i, Draft::RootKind::part, std::max(decision.latest, decision.under + 1));
  if (kernel) decision.kernel = *kernel;
  return kernel.has_value();
}

} // namespace

bool gather_kernels(Plan& plan) {
  plan.units.clear();
  plan.touching_entries.assign(plan.count(), {});
  plan.touching_leaves.assign(plan.snapshot.leaves.size(), {});
  std::fill(plan.block_of.begin(), plan.block_of.end(), -1);
  plan.blocks.clear();
  for (uint32_t i = 0; i < plan.count(); ++i) {
    Decision& decision = plan.decisions[i];
    decision.kernel = -1;
    decision.latest = -1;
    for (size_t k = 0; k < plan.node(i).input_count; ++k)
      if (const InputRef input = plan.entry(i).inputs[k]; input.kind == InputRef::Kind::entry)
        decision.latest = std::max(decision.latest, plan.decisions[input.index].latest);
    if (plan.is_routine(i) && plan.has_results(i)) decision.kernel = add_unit(plan, i);
    if (plan.node(i).op == Op::result) decision.kernel = plan.decisions[plan.entry(i).inputs[0].index].kernel;
    decision.latest = std::max(decision.latest, decision.kernel);
    if (!decision.is_materialized) continue;
    if (decision.kernel >= 0)
      plan.block_of[i] = new_block(plan, plan.node(i).bytes());
    else if (plan.node(i).elements() == 0)
      decision.kernel = decision.latest;
    else if (decision.is_pushed) {
      if (!gather_splice(plan, i)) return false;
    } else {
      const std::optional<int32_t> kernel = gather_root(plan, i, Draft::RootKind::value, decision.latest);
      if (!kernel) return false;
      decision.kernel = *kernel;
    }
    if (plan.block_of[i] < 0) plan.block_of[i] = new_block(plan, plan.node(i).bytes());
    decision.latest = std::max(decision.latest, decision.kernel);
  }
  return true;
}

// A kernel stores a root if others read it or if it outlives the run.
void choose_stores(Plan& plan) {
  std::vector<bool> is_read(plan.count(), false);
  for (const Plan::Unit& unit : plan.units)
    for (const Draft::Array& array : unit.all_arrays())
      if (!array.is_leaf) is_read[array.index] = true;
  for (const std::optional<Draft::Array>& alias : plan.aliases)
    if (alias && !alias->is_leaf) is_read[alias->index] = true;
  // A pushed splice may take over the block of its base: the base must have been written there.
  for (uint32_t i = 0; i < plan.count(); ++i)
    if (const InputRef base = plan.entry(i).inputs[0]; plan.decisions[i].is_pushed &&
                                                       base.kind == InputRef::Kind::entry &&
                                                       plan.block_of[base.index] == plan.block_of[i])
      is_read[base.index] = true;
  for (Plan::Unit& unit : plan.units) {
    if (!unit.draft) continue;
    const std::vector<Draft::Root> roots = unit.draft->roots();
    for (const Draft::Root& root : roots)
      if (is_read[root.entry] || plan.entry(root.entry).is_stored || plan.decisions[root.entry].is_pushed)
        unit.draft->store(root);
  }
  for (size_t u = 0; u < plan.units.size(); ++u) {
    Plan::Unit& unit = plan.units[u];
    const auto depend_on = [&](int32_t other) {
      if (other < 0 || other == static_cast<int32_t>(u)) return;
      unit.level = std::max(unit.level, plan.units[static_cast<size_t>(other)].level + 1);
    };
    for (const Draft::Array& array : unit.all_arrays())
      if (!array.is_leaf && plan.decisions[array.index].kernel < static_cast<int32_t>(u))
        depend_on(plan.decisions[array.index].kernel);
    if (unit.draft)
      for (const Draft::Root& root : unit.draft->roots())
        if (root.kind == Draft::RootKind::part) depend_on(plan.decisions[root.entry].under);
  }
}

} // namespace adjoint
