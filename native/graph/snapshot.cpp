// `take` walks down from the wanted nodes without recursion and adds every pending node behind its inputs;
// `add` makes its entry and hashes everything that a plan depends on into the key.
#include "graph/snapshot.h"

#include <algorithm>

namespace adjoint {

void Attributes::add_to(StructuralKey& key) const {
  key.add(axes);
  key.add(starts);
  key.add(steps);
  key.add(parameters);
  key.add(static_cast<uint64_t>(is_disjoint) | static_cast<uint64_t>(modes.may_round) << 1 |
          static_cast<uint64_t>(modes.prefers_library) << 2 | static_cast<uint64_t>(result) << 3);
  key.add(static_cast<uint64_t>(static_cast<uint32_t>(caller)));
}

namespace {

// Whether a value is worth keeping when history will ask for it, rather than computing it again.
bool is_dear(const Node& node) {
  return info(node.op).kind == Kind::reduction || is_routine(node.op) || node.op == Op::splice;
}

// The run in which a value is computed for the third time stores it.
constexpr uint8_t max_recomputations = 3;
// Dear results up to this size are always kept: they cost less than finding out who wants them.
constexpr int64_t small_bytes = 4096;

// Whether a run stores a value that is not wanted. It must not depend on which handles happen to be alive.
bool is_kept_anyway(const Node& node) {
  // Computing one result of a routine computes all.
  if (node.op == Op::result) return true;
  if (is_view(node) || node.results) return false;
  if (node.op == Op::position) return node.is_persistent;
  if (node.is_persistent || node.times_computed + 1 >= max_recomputations) return true;
  return is_dear(node) && (node.saved_count > 0 || (node.bytes() <= small_bytes && node.op != Op::splice));
}

} // namespace

bool is_view(const Node& node) {
  // A cast of a number is a number, wherever it is wanted.
  return info(node.op).is_view || (node.op == Op::to && node.inputs[0]->is_number());
}

void Snapshot::take(uint32_t epoch, const std::vector<Ref<Node>>& wanted) {
  epoch_ = epoch;
  entries.clear();
  leaves.clear();
  held_results_.clear();
  path_.clear();                // an earlier walk may have ended where memory did
  numbers.assign(1, Number(0)); // a number that is always there
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
      Node& node = *visit.node;
      path_.pop_back();
      if (node.op != Op::result) add(node);
      for (size_t i = 0; i < result_count(node); ++i) add_result(node, i);
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

// Nothing that is wanted refers to the other results, and a Tensor that has one may be found dead while the run looks
// for memory: so they are held.
void Snapshot::add_result(Node& bundle, size_t i) {
  const Results::Item& item = bundle.results->items[i];
  const bool is_claimed = item.node != nullptr;
  const Ref<Node> node = is_claimed ? item.node : new Node(bundle.engine, Op::result, item.dtype, item.shape);
  if (!is_claimed) {
    node->attributes = new Attributes;
    node->attributes->result = static_cast<uint32_t>(i);
    node->add_input(&bundle);
  }
  held_results_.push_back(node);
  node->plan_epoch = epoch_;
  add(*node);
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
  if (info(node.op).trait == Trait::draws) {
    entry.first_number = static_cast<uint32_t>(numbers.size());
    for (uint64_t word : {attributes.seed, attributes.offset})
      numbers.push_back(Number::of_integer(static_cast<int64_t>(word)));
  }
  attributes.add_to(key);
}

} // namespace adjoint
