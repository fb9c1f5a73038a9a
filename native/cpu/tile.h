#pragma once
#include "device/kernel.h"

namespace adjoint::cpu {

// Puts the rows of a kernel without columns into another order, where it reads an array across them (a
// transposed matrix): tile by tile, so that a block touches few lines of every array. Returns the rows in a
// tile, at most `block`, or 0 where nothing is gained or the shape has no suitable divisors.
int64_t tile_rows(FusedKernel& kernel, int64_t block);

} // namespace adjoint::cpu
