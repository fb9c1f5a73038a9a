// The namespaces that hold what is compiled for an instruction set each.
#pragma once

#ifdef __x86_64__
#define ADJOINT_ISA_SPACES(ROW) ROW(isa_base) ROW(isa_v2) ROW(isa_v3) ROW(isa_v4)
#else
#define ADJOINT_ISA_SPACES(ROW) ROW(isa_base)
#endif
