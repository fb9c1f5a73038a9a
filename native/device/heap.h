// Memory for small objects that one thread makes and frees by the million: blocks that were freed are kept,
// by size, for the next object of that size.
#pragma once
#include <cstddef>

namespace adjoint::heap {

void* take(size_t bytes);
void give_back(void* block, size_t bytes) noexcept;

} // namespace adjoint::heap
