#pragma once
#include "cpu/program.h"

namespace adjoint::cpu {

struct ValuePlan {
  DType dtype = DType::float32;
  size_t bytes = 0; // of one element
  Extent extent = Extent::one;
  bool needs_slot = true;
  size_t slot_bytes = 0; // lanes say it themselves
};

// Gives every value its place in scratch memory, which values share that are not needed at the same time. Returns
// how many bytes the slots take.
size_t assign_slots(CpuProgram& program, const std::vector<ValuePlan>& values);

} // namespace adjoint::cpu
