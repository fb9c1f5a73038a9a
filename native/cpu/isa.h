// The instruction sets that the loops are compiled for. v3 and v4 give the same bits; the others have no
// fused multiply-add and may differ from them in the last place of transcendental functions.
#pragma once
#include "cpu/loops.h"

namespace adjoint::cpu {

enum class Isa : uint8_t { portable, v2, v3, v4 };
inline constexpr std::string_view isa_names[] = {"portable", "v2", "v3", "v4"};
inline constexpr size_t isa_count = 4;

bool is_available(Isa isa); // compiled in, and understood by this processor
const LoopTable& loops_for(Isa isa);
// The best one, or what ADJOINT_ISA asks for; throws ERR_OPTION where that cannot be had.
Isa chosen_isa();

} // namespace adjoint::cpu
