// Failure words: a routine leaves one where something turned out wrong while it ran. 0 means that nothing
// did, and the largest of several counts.
#pragma once
#include <cstdint>

namespace adjoint {

// The word of an index that is out of range; the farthest off counts.
constexpr uint64_t index_failure(int64_t index) {
  const uint64_t folded = (static_cast<uint64_t>(index) << 1) ^ static_cast<uint64_t>(index >> 63);
  return folded == UINT64_MAX ? folded : folded + 1;
}
constexpr int64_t failed_index(uint64_t word) {
  const uint64_t folded = word - 1;
  return static_cast<int64_t>(folded >> 1) ^ -static_cast<int64_t>(folded & 1);
}

// The word of a place, counted from 0; the first counts.
constexpr uint64_t place_failure(int64_t place) { return ~static_cast<uint64_t>(place); }
constexpr int64_t failed_place(uint64_t word) { return static_cast<int64_t>(~word); }

} // namespace adjoint
