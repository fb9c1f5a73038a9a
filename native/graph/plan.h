// A plan turns wanted nodes into launches: which kernels, in which order, over which buffers. Ops that only
// move elements become strides; values live as long as a later launch reads them; outputs take the place of
// inputs that die. Buffers are acquired before the first launch, and nodes change only after the last.
#pragma once
#include <vector>

#include "graph/engine.h"

namespace adjoint {

class Plan {
 public:
  Plan(Engine& engine, const std::vector<Ref<Node>>& wanted);
  void run();

 private:
  // Where a value lies: in a slot of this plan, in a buffer that existed before, or nowhere (a number).
  struct Place {
    int32_t slot = -1;
    Operand operand;
    bool is_number() const { return slot < 0 && !operand.buffer; }
  };
  struct Entry {
    Node* node;
    uint32_t uses = 0; // by other nodes of the plan
    bool is_stored = false;
    bool owns_slot = false; // the slot holds exactly this node, row-major
    Place place;
  };
  struct Slot {
    int64_t bytes;
    uint32_t last_use;
    bool is_pinned = false;
    int32_t physical = -1;
  };
  struct Launch {
    Kernel kernel;
    int32_t input_slots[3] = {-1, -1, -1};
    int32_t output_slot = -1;
    bool is_elementwise = false;
  };

  void collect(const std::vector<Ref<Node>>& wanted);
  void decide_what_is_stored(const std::vector<Ref<Node>>& wanted);
  void plan_node(Entry& entry);
  bool plan_as_view(Entry& entry);
  void plan_splice(Entry& entry);
  void plan_kernel(Entry& entry);
  void assign_memory();
  static bool may_replace(const Launch& launch, int32_t slot);

  Place place_of(const Node& node) const;
  int32_t new_slot(int64_t bytes);
  // Adds a launch that writes `node`'s value, row-major, into a slot of its own.
  Launch& launch_into_own_slot(Entry& entry, Op op, DType dtype);
  void add_input(Launch& launch, const Place& place, const Dims& strides);
  void copy_into_own_slot(Entry& entry, const Place& from);

  Engine& engine_;
  uint32_t epoch_;
  std::vector<Entry> entries_; // inputs before users
  std::vector<Slot> slots_;
  std::vector<Launch> launches_;
  std::vector<int64_t> physical_bytes_;
};

} // namespace adjoint
