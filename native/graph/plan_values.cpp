// Which values are materialized: reductions and routines, which kernels make as a whole; values that outlive
// the run; and values at which an expression is cut because it has grown too long.

#include <algorithm>

#include "device/walk.h"
#include "graph/plan.h"

namespace adjoint {

namespace {

// Expressions of more steps are cut; the draft's budget leaves room for them.
constexpr uint32_t max_expression = 256;
// An expression of this cost, in simple ops, is dear: storing its value and loading it again takes less time.
constexpr uint32_t dear_expression = 16;

// A base is needed unless the parts above it fill the whole without overlapping.
void decide_base(Plan& plan, uint32_t top) {
  int64_t filled = 0;
  for (uint32_t i = top;;) {
    if (!plan.node(i).attributes->is_disjoint) return;
    filled += plan.node(i).inputs[1]->elements();
    const InputRef base = plan.entry(i).inputs[0];
    const bool goes_on = base.kind == InputRef::Kind::entry && plan.decisions[base.index].is_pushed &&
                         plan.uses[base.index] == 1 && !plan.entry(base.index).is_stored;
    if (!goes_on) {
      plan.decisions[i].needs_base &= filled != plan.node(i).elements();
      return;
    }
    i = base.index;
  }
}

// A splice is computed where it is wanted, by a choice between base and part, except where a chain of them
// would make every element choose many times, or where the part is not simply shifted.
void decide_splices(Plan& plan) {
  for (uint32_t i = 0; i < plan.count(); ++i) {
    if (plan.node(i).op != Op::splice) continue;
    const InputRef base = plan.entry(i).inputs[0];
    if (base.kind == InputRef::Kind::entry && plan.node(base.index).op == Op::splice)
      plan.decisions[i].is_pushed = plan.decisions[base.index].is_pushed = true;
    for (int64_t step : plan.node(i).attributes->steps)
      plan.decisions[i].is_pushed |= step != 1 && step != -1;
  }
  for (uint32_t i = 0; i < plan.count(); ++i)
    if (plan.decisions[i].is_pushed) decide_base(plan, i);
}

// Follows views down to the value that they show, as far as a map can express them and nothing on the way is
// materialized.
std::optional<IndexMap> follow_views(Plan& plan, InputRef& ref, IndexMap map, bool is_nonempty) {
  while (is_nonempty && ref.kind == InputRef::Kind::entry && is_view(plan.node(ref.index))) {
    const Node& view = plan.node(ref.index);
    const std::optional<IndexMap> next = Draft::through_view(view, map);
    if (!next) return std::nullopt;
    map = *next;
    ref = plan.entry(ref.index).inputs[0];
  }
  return map;
}

// A stored view of a whole value shares its memory; others are copied.
void decide_stored(Plan& plan, uint32_t i) {
  plan.decisions[i].is_materialized = true;
  if (!is_view(plan.node(i))) return;
  InputRef ref{InputRef::Kind::entry, i};
  const std::optional<IndexMap> map =
      follow_views(plan, ref, IndexMap::identity(plan.node(i).shape, Dims()), plan.node(i).elements() > 0);
  if (!map || ref.kind == InputRef::Kind::number) return;
  const Node& source =
      ref.kind == InputRef::Kind::leaf ? *plan.snapshot.leaves[ref.index] : plan.node(ref.index);
  if (source.elements() != plan.node(i).elements() ||
      !merged(map->access(source.shape, false)).is_contiguous(source.elements()))
    return;
  plan.decisions[i].is_materialized = false;
  plan.aliases[i] = Draft::Array{ref.kind == InputRef::Kind::leaf, ref.index};
  if (ref.kind == InputRef::Kind::entry) plan.decisions[ref.index].is_materialized = true;
}

// A routine reads its inputs from memory, wherever they lie there.
void find_operand(Plan& plan, uint32_t i, size_t k) {
  InputRef ref = plan.entry(i).inputs[k];
  const Dims& shape = plan.node(i).inputs[k]->shape;
  IndexMap map = IndexMap::identity(shape, Dims());
  const Dims extents = map.extents;
  while (ref.kind == InputRef::Kind::entry && is_view(plan.node(ref.index)) &&
         !plan.decisions[ref.index].is_materialized && element_count(shape) > 0) {
    const std::optional<IndexMap> next = Draft::through_view(plan.node(ref.index), map);
    const InputRef below = plan.entry(ref.index).inputs[0];
    if (!next || next->extents != extents || below.kind == InputRef::Kind::number) break;
    map = *next;
    ref = below;
  }
  const auto node_of = [&plan](InputRef at) -> const Node& {
    return at.kind == InputRef::Kind::leaf ? *plan.snapshot.leaves[at.index] : plan.node(at.index);
  };
  // What lies in memory lies there in one piece, whatever shape it is seen in.
  const Dims seen = node_of(ref).shape.dims();
  for (InputRef below = ref; below.kind == InputRef::Kind::entry && node_of(below).op == Op::reshape &&
                             !plan.decisions[below.index].is_materialized && element_count(shape) > 0;) {
    below = plan.entry(below.index).inputs[0];
    if (below.kind == InputRef::Kind::leaf ||
        (below.kind == InputRef::Kind::entry && !is_view(node_of(below))))
      ref = below;
  }
  if (ref.kind == InputRef::Kind::entry) plan.decisions[ref.index].is_materialized = true;
  const Access access = map.access(seen, false);
  // Spaces have no axes of extent one; products have.
  Dims strides(shape.size(), 0);
  size_t axis = 0;
  for (size_t r = 0; r < shape.size(); ++r)
    if (shape[r] != 1) strides[r] = access.strides[axis++];
  plan.operands[{i, k}] = {Draft::Array{ref.kind == InputRef::Kind::leaf, ref.index}, access.offset, strides};
}

// Cuts long expressions where they reach the bound, so that every remaining one stays below it.
void cut(Plan& plan) {
  std::vector<uint32_t> bound(plan.count(), 0), seen(plan.count(), UINT32_MAX);
  std::vector<uint32_t> pending;
  for (uint32_t i = 0; i < plan.count(); ++i) {
    uint64_t total = 1;
    plan.each_expression_input(i, [&](uint32_t input) { total += bound[input]; });
    if (total > max_expression) {
      // The sum counts shared inputs several times; now exactly.
      total = 0;
      pending.assign(1, i);
      while (!pending.empty() && total <= max_expression) {
        const uint32_t at = pending.back();
        pending.pop_back();
        if (seen[at] == i) continue;
        seen[at] = i;
        ++total;
        plan.each_expression_input(at, [&](uint32_t input) { pending.push_back(input); });
      }
    }
    if (total > max_expression) {
      total = 1;
      plan.each_expression_input(i, [&](uint32_t input) {
        if (!is_view(plan.node(input)) && plan.node(input).op != Op::position)
          plan.decisions[input].is_materialized = true;
      });
      plan.each_expression_input(i, [&](uint32_t input) { total += bound[input]; });
    }
    bound[i] = static_cast<uint32_t>(std::min<uint64_t>(total, max_expression + 1));
  }
}

} // namespace

void decide_values(Plan& plan) {
  plan.decisions.assign(plan.count(), {});
  plan.aliases.assign(plan.count(), std::nullopt);
  plan.uses.assign(plan.count(), 0);
  plan.block_of.assign(plan.count(), -1);
  for (uint32_t i = 0; i < plan.count(); ++i)
    for (size_t k = 0; k < plan.node(i).input_count; ++k)
      if (plan.entry(i).inputs[k].kind == InputRef::Kind::entry) ++plan.uses[plan.entry(i).inputs[k].index];
  decide_splices(plan);
  for (uint32_t i = 0; i < plan.count(); ++i) {
    Decision& decision = plan.decisions[i];
    // A bundle has no value of its own; its results have.
    decision.is_materialized = plan.kind(i) == Kind::reduction ||
                               (plan.is_routine(i) && !plan.node(i).results) ||
                               plan.node(i).op == Op::result || decision.is_pushed ||
                               (!plan.is_fused && !is_view(plan.node(i)) && !plan.node(i).results);
    if (plan.entry(i).is_stored && !decision.is_materialized) decide_stored(plan, i);
    if (plan.is_routine(i))
      for (size_t k = 0; k < plan.node(i).input_count; ++k) find_operand(plan, i, k);
  }
  cut(plan);
}

// The first kernel computes and stores dear values that several kernels would compute. True if there were
// any.
bool materialize_shared_values(Plan& plan) {
  std::vector<uint32_t> cost(plan.count(), 0);
  bool has_changed = false;
  // An inner value is computed by the same kernels as a value made of it: storing the outer one is enough.
  std::vector<bool> is_inner(plan.count(), false);
  for (uint32_t i = static_cast<uint32_t>(plan.count()); i-- > 0;)
    plan.each_expression_input(i, [&](uint32_t input) {
      if (plan.touching_entries[i] == plan.touching_entries[input] && !plan.decisions[i].is_materialized)
        is_inner[input] = true;
    });
  for (uint32_t i = 0; i < plan.count(); ++i) {
    if (plan.decisions[i].is_materialized || is_view(plan.node(i))) continue;
    cost[i] = info(plan.node(i).op).cost;
    plan.each_expression_input(i, [&](uint32_t input) { cost[i] = std::min(cost[i] + cost[input], 1000u); });
    if (plan.touching_entries[i].size() < 2 || is_inner[i] || cost[i] < dear_expression) continue;
    plan.decisions[i].is_materialized = true;
    has_changed = true;
  }
  return has_changed;
}

} // namespace adjoint
