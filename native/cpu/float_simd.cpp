// The loops over float, compiled once per instruction set.
#include "cpu/loop_bodies.h"

namespace adjoint::cpu::ADJOINT_ISA {
extern const TypeLoops float32_loops;
constexpr TypeLoops float32_loops = type_loops<float>();
} // namespace adjoint::cpu::ADJOINT_ISA
