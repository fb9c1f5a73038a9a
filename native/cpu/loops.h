// The loops that kernels are made of: one step over one block of elements. They are compiled for several
// instruction sets; a table of them is chosen once, when the device is made.
#pragma once
#include <cstdint>

#include "device/dtype.h"
#include "ops/op.h"
#include "ops/reduction_tree.h"

namespace adjoint::cpu {

// `n` is at least 1. `out` may be the same memory as an input whose elements are as wide as its own.
using Loop = void (*)(int64_t n, void* out, const void* a, const void* b, const void* c);

struct ReductionLoops {
  Loop identity;   // out = identity
  Loop accumulate; // out is one group of lanes, a the next columns of a row
  Loop take;       // out = combine(out, a), a not yet reduced
  Loop combine;    // out = combine(a, b)
  // Whole rows of at most a chunk, one after the other.
  void (*rows)(int64_t rows, int64_t columns, void* out, const void* data);
  void (*finish)(int64_t n, int64_t count, void* out, const void* data);
  uint8_t bytes; // of a partial result, and of the result
};

inline constexpr size_t first_elementwise = static_cast<size_t>(Op::stored) + 1;
inline constexpr size_t elementwise_count = [] {
  size_t count = 0;
  for (const OpInfo& row : op_table) count += row.kind == Kind::elementwise;
  return count;
}();
inline constexpr size_t reduction_count = [] {
  size_t count = 0;
  for (const OpInfo& row : op_table) count += row.kind == Kind::reduction;
  return count;
}();
inline constexpr size_t first_reduction = first_elementwise + elementwise_count;
static_assert(
    [] {
      for (size_t i = 0; i < op_count; ++i) {
        const bool is_elementwise = i >= first_elementwise && i < first_reduction;
        const bool is_reduction = i >= first_reduction && i < first_reduction + reduction_count;
        if (is_elementwise != (op_table[i].kind == Kind::elementwise)) return false;
        if (is_reduction != (op_table[i].kind == Kind::reduction)) return false;
      }
      return true;
    }(),
    "elementwise rows come one after another, and then the reductions");

// Loops over inputs of one dtype; null where a row is not for it.
struct TypeLoops {
  // Bit i of the second index says that input i stands still. Never all of them do.
  Loop elementwise[elementwise_count][7];
  Loop cast[dtype_count]; // to each dtype
  Loop count;             // out[i] = a + i * b, where a and b are int64 and stand still
  ReductionLoops reduction[reduction_count];
  ReductionLoops sum_of_squares; // of float32 in float64
};

struct LoopTable {
  const TypeLoops* types[dtype_count];

  Loop elementwise(Op op, DType arithmetic, unsigned still) const {
    return of(arithmetic).elementwise[static_cast<size_t>(op) - first_elementwise][still];
  }
  Loop cast(DType from, DType to) const { return of(from).cast[static_cast<size_t>(to)]; }
  Loop count(DType dtype) const { return of(dtype).count; }
  const ReductionLoops& reduction(Op op, DType arithmetic) const {
    return of(arithmetic).reduction[static_cast<size_t>(op) - first_reduction];
  }
  const ReductionLoops& sum_of_squares() const { return of(DType::float32).sum_of_squares; }

 private:
  const TypeLoops& of(DType dtype) const { return *types[static_cast<size_t>(dtype)]; }
};

} // namespace adjoint::cpu
