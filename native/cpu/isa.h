// The instruction sets that the loops are compiled for. v3 and v4 give the same bits; the others have no
// fused multiply-add and may differ from them in the last place of transcendental functions.
#pragma once
#include "cpu/loops.h"

namespace adjoint::cpu {

#define ADJOINT_ISAS(ROW) ROW(portable) ROW(v2) ROW(v3) ROW(v4)
#define ROW(name) name,
enum class Isa : uint8_t { ADJOINT_ISAS(ROW) };
#undef ROW
#define ROW(name) #name,
inline constexpr std::string_view isa_names[] = {ADJOINT_ISAS(ROW)};
#undef ROW
inline constexpr size_t isa_count = std::size(isa_names);

// Returns CALL(space) for the namespace that holds what is compiled for an instruction set.
#ifdef __x86_64__
#define ADJOINT_RETURN_FOR_ISA(isa, CALL)                                                                    \
  switch (isa) {                                                                                             \
  case Isa::portable:                                                                                        \
    return CALL(isa_base);                                                                                   \
  case Isa::v2:                                                                                              \
    return CALL(isa_v2);                                                                                     \
  case Isa::v3:                                                                                              \
    return CALL(isa_v3);                                                                                     \
  case Isa::v4:                                                                                              \
    return CALL(isa_v4);                                                                                     \
  }                                                                                                          \
  __builtin_unreachable()
#else
#define ADJOINT_RETURN_FOR_ISA(isa, CALL)                                                                    \
  static_cast<void>(isa);                                                                                    \
  return CALL(isa_base)
#endif

bool is_available(Isa isa); // compiled in, and understood by this processor
const LoopTable& loops_for(Isa isa);
// The best one, or the one that ADJOINT_ISA asks for; throws ERR_OPTION if that is not available.
Isa chosen_isa();

} // namespace adjoint::cpu
