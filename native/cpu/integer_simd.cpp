// The loops over integers and bool, compiled once per instruction set.
#include "cpu/loop_bodies.h"

namespace adjoint::cpu::ADJOINT_ISA {
#define LOOPS(name, type)                                                                                    \
  extern const TypeLoops name##_loops;                                                                       \
  constexpr TypeLoops name##_loops = type_loops<type>();
LOOPS(boolean, bool)
LOOPS(uint8, uint8_t)
LOOPS(int32, int32_t)
LOOPS(int64, int64_t)
#undef LOOPS
} // namespace adjoint::cpu::ADJOINT_ISA
