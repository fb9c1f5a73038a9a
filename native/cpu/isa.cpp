#include "cpu/isa.h"

#include <cstdlib>

#include "cpu/isa_spaces.h"
#include "device/error.h"

namespace adjoint::cpu {

#define ROW(name, ...) &name##_loops,
#define LOOPS(name, ...) extern const TypeLoops name##_loops;
#define TABLE(space)                                                                                         \
  namespace space {                                                                                          \
  ADJOINT_DTYPES(LOOPS)                                                                                      \
  static const LoopTable table = {{ADJOINT_DTYPES(ROW)}};                                                    \
  }
ADJOINT_ISA_SPACES(TABLE)
#undef TABLE
#undef LOOPS
#undef ROW

#ifdef __x86_64__
bool is_available(Isa isa) {
  switch (isa) {
  case Isa::portable:
    return true;
  case Isa::v2:
    return __builtin_cpu_supports("x86-64-v2");
  case Isa::v3:
    return __builtin_cpu_supports("x86-64-v3");
  case Isa::v4:
    return __builtin_cpu_supports("x86-64-v4");
  }
  __builtin_unreachable();
}
#else
bool is_available(Isa isa) { return isa == Isa::portable; }
#endif

const LoopTable& loops_for(Isa isa) {
#define TABLE(space) space::table
  ADJOINT_RETURN_FOR_ISA(isa, TABLE);
#undef TABLE
}

Isa chosen_isa() {
  const char* wanted = std::getenv("ADJOINT_ISA");
  if (!wanted || !*wanted) {
    for (const Isa isa : {Isa::v4, Isa::v3, Isa::v2})
      if (is_available(isa)) return isa;
    return Isa::portable;
  }
  std::string choices;
  for (size_t i = 0; i < isa_count; ++i) {
    const Isa isa = static_cast<Isa>(i);
    if (!is_available(isa)) continue;
    if (isa_names[i] == wanted) return isa;
    choices += (choices.empty() ? "" : ", ") + std::string(isa_names[i]);
  }
  throw Error(ErrorClass::error, "ERR_OPTION",
              "ADJOINT_ISA is " + std::string(wanted) + "; this machine runs: " + choices);
}

} // namespace adjoint::cpu
