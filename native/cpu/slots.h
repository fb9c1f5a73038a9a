#pragma once
#include <optional>

#include "cpu/program.h"

namespace adjoint::cpu {

struct ValuePlan {
  DType dtype = DType::float32;
  size_t bytes = 0; // of one element
  Extent extent = Extent::one;
  bool needs_slot = true;
  size_t slot_bytes = 0;               // lanes say it themselves
  std::optional<uint16_t> shares = {}; // the value in whose slot it lies: the same, later
};

// Gives every value a place in a thread's memory; values that are not needed at the same time share one. Returns
// the bytes of all slots.
size_t assign_slots(CpuProgram& program, const std::vector<ValuePlan>& values);

} // namespace adjoint::cpu
