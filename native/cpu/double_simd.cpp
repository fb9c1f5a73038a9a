// The loops over double, compiled once per instruction set.
#include "cpu/loop_bodies.h"

namespace adjoint::cpu::ADJOINT_ISA {
extern const TypeLoops float64_loops;
constexpr TypeLoops float64_loops = type_loops<double>();
} // namespace adjoint::cpu::ADJOINT_ISA
