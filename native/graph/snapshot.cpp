#include "graph/snapshot.h"

#include <algorithm>

namespace adjoint {

namespace {

// Worth keeping rather than computing again, when history will ask for it.
bool is_dear(const Node& node) {
  return info(node.op).kind == Kind::reduction || info(node.op).kind == Kind::random ||
         node.op == Op::matmul || node.op == Op::splice;
}

// A value that a third run computes is kept from then on.
constexpr uint8_t max_recomputations = 3;
// Dear results up to this size are kept whoever may want them: they cost less than to ask.
constexpr int64_t small_bytes = 4096;

// What a run stores beside what is wanted. It must not depend on which handles happen to be alive.
bool is_kept_anyway(const Node& node) {
  if (is_view(node)) return false;
  if (node.op == Op::position) return node.is_persistent;
  if (node.is_persistent || node.times_computed + 1 >= max_recomputations) return true;
  return is_dear(node) && (node.saved_count > 0 || (node.bytes() <= small_bytes && node.op != Op::splice));
}

} // namespace

bool is_view(const Node& node) {
  switch (node.op) {
  case Op::permute:
  case Op::expand:
  case Op::slice:
  case Op::reshape:
    return true;
  case Op::to:
    return node.inputs[0]->is_number();
  default:
    return false;
  }
}

void Snapshot::take(uint32_t epoch, const std::vector<Ref<Node>>& wanted) {
  epoch_ = epoch;
  entries.clear();
  leaves.clear();
  numbers.assign(1, Number(0)); // for whoever needs some number
  key = {};
  const auto enter = [&](Node* node) {
    if (!node->is_pending() || node->plan_epoch == epoch_) return;
    node->plan_epoch = epoch_;
    path_.push_back({node, 0});
  };
  for (const Ref<Node>& root : wanted) {
    enter(root.get());
    while (!path_.empty()) {
      Visit& visit = path_.back();
      if (visit.next_input < visit.node->input_count) {
        enter(visit.node->inputs[visit.next_input++].get());
        continue;
      }
      add(*visit.node);
      path_.pop_back();
    }
    if (root->is_pending()) {
      Entry& entry = entries[root->plan_index];
      key.add(root->plan_index);
      entry.is_wanted = entry.is_stored = true;
    }
  }
}

InputRef Snapshot::reference(Node& input) {
  if (input.is_number()) {
    numbers.push_back(input.number);
    return {InputRef::Kind::number, static_cast<uint32_t>(numbers.size() - 1)};
  }
  if (input.is_pending()) return {InputRef::Kind::entry, input.plan_index};
  if (input.plan_epoch != epoch_) {
    input.plan_epoch = epoch_;
    input.plan_index = static_cast<uint32_t>(leaves.size());
    leaves.push_back(&input);
    key.add(static_cast<uint64_t>(input.dtype));
    key.add(input.shape);
  }
  return {InputRef::Kind::leaf, input.plan_index};
}

void Snapshot::add(Node& node) {
  node.plan_index = static_cast<uint32_t>(entries.size());
  Entry& entry = entries.emplace_back();
  entry.node = &node;
  entry.is_stored = is_kept_anyway(node);
  key.add(static_cast<uint64_t>(node.op) | static_cast<uint64_t>(node.dtype) << 16 |
          static_cast<uint64_t>(entry.is_stored) << 24 | static_cast<uint64_t>(node.input_count) << 32);
  key.add(node.shape);
  for (size_t i = 0; i < node.input_count; ++i) {
    const InputRef input = reference(*node.inputs[i]);
    entry.inputs[i] = input;
    key.add(static_cast<uint64_t>(input.kind) |
            (input.kind == InputRef::Kind::number ? 0 : static_cast<uint64_t>(input.index) << 8));
  }
  if (!node.attributes) return;
  const Attributes& attributes = *node.attributes;
  if (info(node.op).kind == Kind::random) {
    entry.first_number = static_cast<uint32_t>(numbers.size());
    for (uint64_t word : {attributes.seed, attributes.offset})
      numbers.push_back(Number::of_integer(static_cast<int64_t>(word)));
    return;
  }
  key.add(attributes.axes);
  key.add(attributes.starts);
  key.add(attributes.steps);
  key.add(attributes.is_disjoint);
  key.add(static_cast<uint64_t>(attributes.modes.may_round) |
          static_cast<uint64_t>(attributes.modes.prefers_library) << 1);
}

} // namespace adjoint
