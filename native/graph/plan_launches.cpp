// Launches. One optimizer rule over many parameters is many small kernels of one structure, and becomes one
// launch with many instances. Such kernels must be flat: they walk plain arrays in order, so their lengths
// may differ.

#include <algorithm>
#include <unordered_map>

#include "device/walk.h"
#include "graph/plan.h"

namespace adjoint {

namespace {

// Whether the kernel is flat; if so, `key` is its structure, which kernels of one launch share.
bool flat_key(const Draft& draft, StructuralKey& key) {
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
    // A reduction over no axes at all has rows of one column, but is not flat.
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

} // namespace

// Small kernels of one structure that do not wait for each other become instances of one launch.
void group_launches(Plan& plan) {
  std::vector<StructuralKey> keys(plan.units.size());
  std::vector<bool> is_flat(plan.units.size(), false);
  for (size_t u = 0; u < plan.units.size(); ++u)
    if (plan.units[u].draft) is_flat[u] = plan.is_fused && flat_key(*plan.units[u].draft, keys[u]);
  std::vector<size_t> order(plan.units.size());
  for (size_t u = 0; u < order.size(); ++u) order[u] = u;
  std::unordered_map<StructuralKey, size_t, StructuralKey::Hash> leaders;
  std::vector<std::vector<size_t>> members(plan.units.size());
  bool has_groups = false;
  for (size_t u = 0; u < plan.units.size(); ++u) {
    size_t leader = u;
    if (is_flat[u]) {
      StructuralKey key = keys[u];
      key.add(static_cast<uint64_t>(plan.units[u].level));
      leader = leaders.emplace(key, u).first->second;
      has_groups |= leader != u;
    }
    members[leader].push_back(u);
  }
  if (has_groups)
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return plan.units[a].level < plan.units[b].level; });
  for (size_t u : order) {
    if (members[u].empty()) continue;
    for (size_t member : members[u]) plan.units[member].position = static_cast<int32_t>(plan.launches.size());
    plan.launches.push_back({members[u], is_flat[u]});
  }
}

} // namespace adjoint
