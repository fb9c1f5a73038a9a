// The loops over float and halves, compiled once per instruction set.
#include "cpu/loop_bodies.h"

namespace adjoint::cpu::ADJOINT_ISA {
extern const TypeLoops float32_loops;
constexpr TypeLoops float32_loops = type_loops<float>();
#define LOOPS(name, type, ...)                                                                               \
  extern const TypeLoops name##_loops;                                                                       \
  constexpr TypeLoops name##_loops = type_loops<type>();
ADJOINT_HALF_DTYPES(LOOPS)
#undef LOOPS
} // namespace adjoint::cpu::ADJOINT_ISA
