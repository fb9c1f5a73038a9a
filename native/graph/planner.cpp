// From a snapshot to a program. The passes work on one Plan, and plan.h explains their words:
//
//   decide_values               which values are computed once and kept in memory (materialized)
//   gather_kernels              everything else goes into the kernels that want it (draft.h)
//   materialize_shared_values   dear values that several kernels compute are materialized after all, and
//                               kernels are gathered once more
//   choose_stores               what each kernel writes
//   group_launches              small kernels of one structure become instances of one launch
//   place_memory                where everything lies
//   compile                     the device makes its kernels
//
// Take softmax of the rows of x, exp(x - amax) / sum. amax and sum are reductions, so they are materialized,
// and the quotient is wanted. A draft over the rows begins with amax as its first root. sum joins it, since
// it needs amax, and brings in exp(x - amax) as steps; then the quotient joins, and is stored. exp is dear,
// but only one kernel computes it. So the plan is one launch with one block, for the quotient; amax and sum
// need none, since no other kernel reads them.
#include "device/walk.h"
#include "graph/explain.h"
#include "graph/plan.h"
#include "graph/routine_facts.h"

namespace adjoint {

bool Plan::has_results(uint32_t i) const {
  for (uint32_t k = 0; k < result_count(i); ++k)
    if (node(first_result(i) + k).elements() > 0) return true;
  return false;
}

Plan::Block* Plan::block(const Array& array) {
  if (array.is_leaf || block_of[array.index] < 0) return nullptr;
  return &blocks[static_cast<size_t>(block_of[array.index])];
}

namespace {

constexpr int max_revisions = 3;

void flatten(FusedKernel& kernel) {
  for (Access& access : kernel.accesses) access = flattened(access, kernel.rows);
  for (Store& store : kernel.stores) store.access = flattened(store.access, kernel.rows);
  kernel.is_flat = true;
}

} // namespace

Kernel Plan::kernel_of(const Unit& unit, bool is_flat) const {
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
    kernel.caller = value.attributes->caller;
    kernel.modes = value.attributes->modes;
  }
  uint16_t array = 0;
  for (size_t k = 0; k < value.input_count; ++k) {
    const Operand& operand = operands.at({unit.entry, k});
    const Node& input = *value.inputs[k];
    kernel.inputs.push_back({array++, input.dtype, operand.offset, input.shape, operand.strides});
  }
  for (uint32_t k = 0; k < result_count(unit.entry); ++k) {
    const Node& result = node(first_result(unit.entry) + k);
    kernel.results.push_back({array++, result.dtype, 0, result.shape, row_major_strides(result.shape)});
  }
  return kernel;
}

namespace {

// The unit is the time to read a byte: a simple op takes about one, a multiplication within a product a
// quarter.
int64_t cost(const Kernel& kernel) {
  if (const auto* routine = std::get_if<RoutineKernel>(&kernel)) return cost_of_routine(*routine);
  const auto& fused = std::get<FusedKernel>(kernel);
  int64_t steps = 0;
  for (const Step& step : fused.steps) steps += info(step.op).cost;
  return fused.rows * fused.columns * steps;
}

uint32_t table_index(Plan& plan, const Draft::Array& array) {
  if (array.is_leaf) return array.index;
  return static_cast<uint32_t>(plan.snapshot.leaves.size() +
                               static_cast<size_t>(plan.block(array)->physical));
}

void add_instance(Plan& plan, Program& program, Program::Launch& launch, const Plan::Unit& unit) {
  for (const Draft::Array& array : unit.all_arrays()) {
    program.arrays.push_back(table_index(plan, array));
    program.bytes_moved +=
        array.is_leaf ? plan.snapshot.leaves[array.index]->bytes() : plan.block(array)->bytes;
  }
  launch.rows.push_back(unit.draft ? unit.draft->kernel().rows : 0);
  if (unit.draft) {
    program.numbers.insert(program.numbers.end(), unit.draft->numbers().begin(), unit.draft->numbers().end());
    launch.number_count = static_cast<uint32_t>(unit.draft->numbers().size());
  } else if (info(plan.node(unit.entry).op).trait == Trait::draws) {
    launch.number_count = 2;
    for (uint32_t k = 0; k < launch.number_count; ++k)
      program.numbers.push_back(plan.entry(unit.entry).first_number + k);
  }
}

Program compile(Plan& plan) {
  Program program;
  program.blocks = std::move(plan.physical);
  program.fallible = std::move(plan.fallible);
  program.has_donors = plan.has_donors;
  program.leaf_count = plan.snapshot.leaves.size();
  int32_t next_failure = 0, fused_scratch = -1; // one block, since launches run one after the other
  for (size_t position = 0; position < plan.launches.size(); ++position) {
    const Plan::Unit& first = plan.units[plan.launches[position].units[0]];
    Program::Launch& launch = program.launches.emplace_back();
    launch.first_array = static_cast<uint32_t>(program.arrays.size());
    launch.first_number = static_cast<uint32_t>(program.numbers.size());
    launch.array_count = static_cast<uint32_t>(first.all_arrays().size());
    for (size_t u : plan.launches[position].units) add_instance(plan, program, launch, plan.units[u]);
    const Kernel kernel = plan.kernel_of(first, plan.launches[position].is_flat);
    program.cost += cost(kernel) * static_cast<int64_t>(plan.launches[position].units.size());
    launch.kernel = first.compiled ? std::move(plan.units[plan.launches[position].units[0]].compiled)
                                   : plan.device.compile(kernel);
    launch.scratch = first.scratch;
    program.thread_bytes = std::max(program.thread_bytes, launch.kernel->thread_bytes());
    if (const int64_t bytes = launch.kernel->scratch_bytes(); launch.scratch < 0 && bytes > 0) {
      if (fused_scratch < 0) {
        fused_scratch = static_cast<int32_t>(program.blocks.size());
        program.blocks.emplace_back();
      }
      launch.scratch = fused_scratch;
      Program::Block& block = program.blocks[static_cast<size_t>(fused_scratch)];
      block.bytes = std::max(block.bytes, bytes);
    }
    if (plan.may_fail(first)) launch.failure = next_failure++;
  }
  program.cost += program.bytes_moved;
  for (uint32_t i = 0; i < plan.count(); ++i)
    if (plan.entry(i).is_stored)
      program.outputs.push_back(
          {i, table_index(plan, plan.aliases[i] ? *plan.aliases[i] : Draft::Array{false, i})});
  return program;
}

std::string explained(const Plan& plan, const Program& program) {
  std::vector<ExplainedLaunch> launches;
  for (size_t position = 0; position < plan.launches.size(); ++position) {
    const Plan::Unit& unit = plan.units[plan.launches[position].units[0]];
    ExplainedLaunch launch{
        plan.kernel_of(unit, plan.launches[position].is_flat), plan.launches[position].units.size(), {}, {}};
    for (size_t u : plan.launches[position].units)
      for (const Draft::Array& array : plan.units[u].all_arrays()) {
        const Node& value = array.is_leaf ? *plan.snapshot.leaves[array.index] : plan.node(array.index);
        const bool is_written =
            !array.is_leaf && plan.decisions[array.index].kernel == static_cast<int32_t>(u);
        (is_written ? launch.writes : launch.reads).push_back(&value);
      }
    launches.push_back(std::move(launch));
  }
  int64_t bytes = 0;
  for (const Program::Block& block : program.blocks) bytes += block.bytes;
  return explain(launches, program.blocks.size(), bytes, program.bytes_moved);
}

} // namespace

Program plan(Device& device, const Snapshot& snapshot, bool is_fused, std::string* explanation) {
  Plan plan(device, snapshot, is_fused);
  decide_values(plan);
  for (int revision = 0;;) {
    if (!gather_kernels(plan)) continue;
    if (!is_fused || revision++ == max_revisions || !materialize_shared_values(plan)) break;
  }
  choose_stores(plan);
  group_launches(plan);
  place_memory(plan);
  Program program = compile(plan);
  if (explanation) *explanation = explained(plan, program);
  return program;
}

} // namespace adjoint
