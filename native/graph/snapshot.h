// The values that a run has to compute: the pending nodes behind the wanted ones, inputs first, with the
// stored values and the numbers that they begin with; and a key of their structure, which two runs share when
// only values differ.
#pragma once
#include <vector>

#include "graph/node.h"

namespace adjoint {

// The key of a plan's structure: ops, dtypes, shapes, attributes, who reads what, what is stored; neither
// values nor addresses. 128 bits, so that equal keys may be taken for equal structures.
struct StructuralKey {
  uint64_t low = 0x243f6a8885a308d3, high = 0x13198a2e03707344;
  void add(uint64_t word) {
    low = (low ^ word) * 0x9fb21c651e98df25;
    low ^= low >> 32;
    high = (high + word) * 0xd6e8feb86659fd93;
    high ^= high >> 29;
  }
  void add(const Dims& dims) {
    add(dims.size());
    for (int64_t value : dims) add(static_cast<uint64_t>(value));
  }
  bool operator==(const StructuralKey&) const = default;
  struct Hash {
    size_t operator()(const StructuralKey& key) const { return key.low; }
  };
};

// An input of a pending node: a value of the plan, one that was there before, or a number. Numbers are listed
// once for every use, so that the structure does not depend on which uses happen to share one.
struct InputRef {
  enum class Kind : uint8_t { entry, leaf, number } kind = Kind::number;
  uint32_t index = 0;
};

struct Snapshot {
  struct Entry {
    Node* node;
    InputRef inputs[3];
    uint32_t first_number = 0; // of a routine that draws: the seed and the offset
    bool is_wanted = false;
    bool is_stored = false; // wanted, or kept anyway
  };
  std::vector<Entry> entries; // inputs before users; the results of a bundle follow it, all of them
  std::vector<Node*> leaves;  // in the order in which they are met
  std::vector<Number> numbers;
  StructuralKey key;

  // Passes over nodes that are not pending. Uses the nodes' plan_epoch and plan_index.
  void take(uint32_t epoch, const std::vector<Ref<Node>>& wanted);

  // Lets go of the results of bundles, once they have been computed.
  void release() { held_results_.clear(); }
  // The number of result entries that follow a routine; 0 if its value is its own.
  static size_t result_count(const Node& node) { return node.results ? node.results->count : 0; }

 private:
  struct Visit {
    Node* node;
    uint8_t next_input;
  };
  void add(Node& node);
  void add_result(Node& bundle, size_t i);
  InputRef reference(Node& input);
  std::vector<Visit> path_;
  std::vector<Ref<Node>> held_results_; // of bundles, whether somebody has them or not
  uint32_t epoch_ = 0;
};

// Whether the op only moves elements.
bool is_view(const Node& node);

} // namespace adjoint
