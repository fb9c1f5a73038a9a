// The tree in which every device reduces a row, so that neither layout nor threads nor the width of vectors
// change a bit, and errors grow with the logarithm of the number of columns.
//
// Columns are cut into chunks. Element i of a chunk goes to lane i % lane_count, whose elements are combined
// in their order, starting from the identity; then the upper half of the lanes is combined into the lower
// half until one is left. Chunks are combined in pairs as a binary counter does: each with its neighbour,
// then the results with theirs. Lanes and chunks that no element reaches change nothing, so they can be left
// out.
#pragma once
#include <cstdint>

namespace adjoint {

inline constexpr int64_t lane_count = 64;
inline constexpr int64_t chunk_columns = 1024;

} // namespace adjoint
