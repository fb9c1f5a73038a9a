// Memory. A block lives from the launch that writes it to the last one that reads it. A dying block gives its
// memory to a new one: in place, if the kernel reads each element just where it writes it, else to a later
// launch.

#include <algorithm>

#include "device/passes.h"
#include "device/walk.h"
#include "graph/plan.h"

namespace adjoint {

namespace {

int32_t new_physical(Plan& plan, int64_t bytes) {
  plan.physical.push_back({bytes, {}});
  return static_cast<int32_t>(plan.physical.size() - 1);
}

// Whether every load of `input` in this kernel reads the very element that the store of `output` writes.
bool may_replace(const Draft& draft, const Draft::Array& output, const Draft::Array& input) {
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

// Units of one launch share a kernel, so one may replace an array only where the first of them, `leader`, does.
void place_outputs(Plan& plan, Plan::Unit& unit, const Plan::Unit& leader, int32_t now,
                   std::vector<int32_t>& idle) {
  unit.replaced.assign(unit.all_arrays().size(), Store::nothing);
  const auto dies = [&](const Plan::Block& used, int64_t bytes) {
    return used.last == now && used.last_users == 1 && !used.is_pinned && !used.is_given &&
           bytes == used.bytes;
  };
  for (size_t i = 0; i < unit.all_arrays().size(); ++i) {
    const Draft::Array array = unit.all_arrays()[i];
    Plan::Block* output = plan.block(array);
    if (!output || output->physical >= 0) continue;
    uint32_t donor = UINT32_MAX;
    for (size_t k = 0; k < unit.all_arrays().size() && unit.draft && plan.is_fused; ++k) {
      const Draft::Array input = unit.all_arrays()[k];
      if (k == i || (&unit != &leader && leader.replaced[i] != k)) continue;
      Plan::Block* dying = input.is_leaf ? &plan.leaves[input.index] : plan.block(input);
      if (input.is_leaf) dying->bytes = plan.snapshot.leaves[input.index]->bytes();
      if (!dying || !dies(*dying, output->bytes) || !may_replace(*unit.draft, array, input)) continue;
      if (input.is_leaf && !plan.fallible.empty()) continue; // should one fail, all must be as it was
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
      return plan.physical[static_cast<size_t>(physical)].bytes == output->bytes;
    });
    if (donor == UINT32_MAX && found != idle.end()) {
      output->physical = *found;
      idle.erase(found);
      continue;
    }
    output->physical = new_physical(plan, output->bytes);
    if (donor == UINT32_MAX) continue;
    plan.physical.back().donors.push_back(donor);
    plan.has_donors = true;
  }
}

// A routine says how much it needs when it is compiled; the next launch may have it.
void place_scratch(Plan& plan, Plan::Unit& unit, std::vector<int32_t>& idle) {
  if (unit.draft || !plan.is_routine(unit.entry)) return;
  unit.compiled = plan.device.compile(plan.kernel_of(unit, false));
  const int64_t bytes = unit.compiled->scratch_bytes();
  if (bytes == 0) return;
  const auto found = std::find_if(idle.begin(), idle.end(), [&](int32_t physical) {
    return plan.physical[static_cast<size_t>(physical)].bytes >= bytes;
  });
  unit.scratch = found == idle.end() ? new_physical(plan, bytes) : *found;
  if (found == idle.end()) idle.push_back(unit.scratch);
}

} // namespace

void place_memory(Plan& plan) {
  plan.leaves.assign(plan.snapshot.leaves.size(), {});
  const auto note_use = [](Plan::Block& used, int32_t position) {
    if (used.first < 0 || position < used.first) used.first = position;
    if (position > used.last) used.last_users = 0;
    used.last = std::max(used.last, position);
    if (position == used.last) ++used.last_users;
  };
  for (const Plan::Unit& unit : plan.units)
    for (const Draft::Array& array : unit.all_arrays()) {
      if (array.is_leaf)
        note_use(plan.leaves[array.index], unit.position);
      else if (Plan::Block* used = plan.block(array))
        note_use(*used, unit.position);
    }
  for (uint32_t i = 0; i < plan.count(); ++i) {
    if (!plan.entry(i).is_stored) continue;
    const Draft::Array array = plan.aliases[i] ? *plan.aliases[i] : Draft::Array{false, i};
    // A leaf that lives on as an output has no place to give.
    if (array.is_leaf) plan.leaves[array.index].is_pinned = true;
    if (Plan::Block* kept = plan.block(array)) kept->is_pinned = true;
  }
  plan.fallible.clear();
  for (const Plan::Launch& launch : plan.launches)
    if (const Plan::Unit& unit = plan.units[launch.units[0]]; plan.may_fail(unit))
      plan.fallible.push_back(std::get<RoutineKernel>(plan.kernel_of(unit, false)));
  std::vector<int32_t> idle;
  for (size_t position = 0; position < plan.launches.size(); ++position) {
    const auto now = static_cast<int32_t>(position);
    for (size_t u : plan.launches[position].units)
      place_outputs(plan, plan.units[u], plan.units[plan.launches[position].units[0]], now, idle);
    for (size_t u : plan.launches[position].units) place_scratch(plan, plan.units[u], idle);
    for (size_t u : plan.launches[position].units)
      for (const Draft::Array& array : plan.units[u].all_arrays())
        if (Plan::Block* used = plan.block(array);
            used && used->last == now && !used->is_pinned && !used->is_given) {
          used->is_given = true;
          idle.push_back(used->physical);
        }
  }
  // Values without elements, and whatever else no launch writes.
  for (Plan::Block& left : plan.blocks)
    if (left.physical < 0 && (left.is_pinned || left.first >= 0))
      left.physical = new_physical(plan, left.bytes);
}

} // namespace adjoint
