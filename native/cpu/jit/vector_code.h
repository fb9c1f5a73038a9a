// The steps of a segment as operations on vectors, in an order in which they can be computed.
#pragma once
#include "cpu/program.h"

namespace adjoint::cpu {

enum class Verb : uint8_t {
  arithmetic, // `code` is its opcode
  root,
  round,   // `code` is the direction, as ROUNDPS has it
  compare, // all bits where x `code` y
  choose,  // where x `code` y: a, else b
  select,  // where the bits are set: a, else b
  store,   // to value `out`
};

struct Operation {
  Verb verb;
  uint8_t code = 0;
  uint8_t count = 0; // of inputs
  uint16_t inputs[4] = {};
  uint16_t out = 0; // a vector; of a store, a value
};

// A value that operations take or give.
struct SegmentVector {
  enum class Origin : uint8_t { made, stream, still, constant } origin = Origin::made;
  bool is_bool = false;     // in memory: bytes
  bool is_constant = false; // the same for all elements
  uint16_t value = 0;
  uint64_t bits = 0;
  std::vector<uint32_t> uses = {}; // indices of operations
};

struct VectorCode {
  std::vector<SegmentVector> vectors;
  std::vector<Operation> operations;
  size_t bytes = 4; // of one element
};

VectorCode vector_code(const CpuProgram& program, const Segment& segment);

} // namespace adjoint::cpu
