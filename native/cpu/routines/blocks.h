// Lines in blocks: those of a block lie at equal distances in every tensor, so that they are walked without finding the
// place of each.
#pragma once
#include <algorithm>
#include <array>

#include "device/lines.h"

namespace adjoint::cpu {

// Handing over so many elements costs nothing beside moving them.
inline constexpr int64_t task_elements = int64_t{1} << 14;

struct Block {
  std::array<int64_t, Lines::max_tensors> offsets; // of the first line in each tensor
  int64_t count = 0;                               // of lines
};

// The distance between neighbouring lines of a block.
inline int64_t line_stride(const Lines& lines, size_t tensor) {
  return lines.extents().empty() ? 0 : lines[tensor].strides.back();
}

// How many lines a block may have.
inline int64_t longest_block(const Lines& lines) {
  return lines.extents().empty() ? 1 : lines.extents().back();
}

// Calls body(block) for the blocks that lines [begin, end) consist of, in order.
template <class Body> void each_block(const Lines& lines, int64_t begin, int64_t end, Body body) {
  const int64_t longest = longest_block(lines);
  while (begin < end) {
    const int64_t count = std::min(end - begin, longest - begin % longest);
    body(Block{lines.offsets(begin), count});
    begin += count;
  }
}

} // namespace adjoint::cpu
