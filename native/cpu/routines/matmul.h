// Matrix products. Every element is summed in one order, whatever the shapes, the threads and the layouts: in
// blocks of the inner axis, one multiply-add after the other inside a block, and then block after block. So a
// row of a batch gives the same bits as the row alone. Processors with fused multiply-adds (v3, v4) agree
// with each other, and so do those without.
#pragma once
#include "cpu/isa.h"
#include "cpu/routine.h"
#include "device/product.h"

namespace adjoint::cpu {

// The product runs on the thread pool; `out` must be contiguous. Without scratch memory it reads operands in
// place, slowly.
Routine prepare_product(const MatrixProduct& product, Isa isa);

} // namespace adjoint::cpu
