// Segments: runs of plain arithmetic on floats, as machine code that is made when the kernel is compiled. One
// loop over the block keeps values in registers that only the run reads, where a call per step would write
// and read them again. The bits are those of the loops: each operation is rounded once, by the same
// instruction.
//
// A run is a stretch of a section's instructions on values of one extent and width. Instructions between them
// that do not depend on them move before the segment; stores and reductions of their results move after it.
// No instruction that writes arrays moves before it, and none that reads them after it: so, as without
// segments, no array is overwritten while something is still to be read from it. Inside a run, steps keep
// their order for each vector, so a value may overwrite the array that it is made of.
#pragma once
#include "cpu/isa.h"
#include "cpu/jit/assembler.h"
#include "cpu/slots.h"

namespace adjoint::cpu {

// The encoding that kernels for these loops may be compiled to on this machine; none if ADJOINT_JIT is 0.
Encoding encoding_for(Isa isa);

// Replaces runs in the program's instructions.
void form_segments(CpuProgram& program, std::vector<ValuePlan>& values, Encoding encoding);

// Makes the code of all segments; false where it cannot be had.
bool assemble_segments(CpuProgram& program, Encoding encoding);

// Adds the code of one segment, a SegmentCode.
void emit_segment(Assembler& assembler, Encoding encoding, const CpuProgram& program, const Segment& segment);

// Whether segments know the row, for inputs of this dtype.
bool is_plain(Op op, DType arithmetic);

} // namespace adjoint::cpu
