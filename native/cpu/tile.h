#pragma once
#include "device/kernel.h"

namespace adjoint::cpu {

// Where a kernel without columns reads an array across its rows (a transposed matrix), puts the rows in
// another order: tile by tile, so that a block touches few lines of every array. Returns the rows in a tile,
// at most `block`, or 0 where nothing is gained or the shape has no suitable divisors.
int64_t tile_rows(FusedKernel& kernel, int64_t block);

} // namespace adjoint::cpu
