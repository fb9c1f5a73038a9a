// The loops over double, compiled once per instruction set.
#include "cpu/loop_bodies.h"

namespace adjoint::cpu::ADJOINT_ISA {
extern const TypeLoops double_loops;
constexpr TypeLoops double_loops = type_loops<double>();
} // namespace adjoint::cpu::ADJOINT_ISA
