// Paths, by which blocks of a space reach an array: an Access in a form that is quick to walk. A block is a
// range of the space's linear index. Where it lies in one piece, kernels use the array's own memory (view);
// otherwise they copy, piece by piece (gather, scatter).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cpu/loops.h"
#include "device/walk.h"

namespace adjoint::cpu {

// A block of elements, or one for all of them.
struct Elements {
  const void* data;
  bool is_still;
};

class Path {
 public:
  Path(const Walk& walk, size_t element_bytes);

  uint16_t array() const { return array_; }
  size_t element_bytes() const { return bytes_; }
  bool is_still() const { return is_still_; }
  bool is_stream() const { return is_stream_; }
  const std::vector<WalkAxis>& axes() const { return axes_; }

  // The block's memory in the array, or null where it does not lie there in one piece.
  std::byte* view(void* array, int64_t begin, int64_t n) const;
  // Elements that do not exist are zero.
  void gather(const void* array, int64_t begin, int64_t n, void* to) const;
  // Elements that do not exist are not stored.
  void scatter(void* array, int64_t begin, int64_t n, Elements from) const;
  // The block beside a splice's bounds: +1 where the whole block exists, -1 where nothing of it does, 0
  // otherwise.
  int side(int64_t begin, int64_t n) const;
  // Copies the elements that exist from `part`, the others from `base`.
  void splice(int64_t begin, int64_t n, Elements base, Elements part, void* to) const;
  // Offsets of elements, counted in elements, as the numbers that the loop makes of a first one and a step.
  void count(int64_t begin, int64_t n, Loop loop, void* to) const;

 private:
  struct Piece {
    int64_t done;   // elements of the block before it
    int64_t n;      // its length
    int64_t offset; // of its first element in the array
    bool exists;
  };
  void gather_tile(const void* from, void* to) const;
  const void* element(Elements source, int64_t i) const;
  template <class Body> void each_piece(int64_t begin, int64_t n, Body body) const;

  uint16_t array_;
  bool is_still_ = false;
  bool is_stream_ = false; // one axis of stride 1, all of which exists
  bool is_across_ = false; // neighbours in the array are further apart in the space
  size_t bytes_;
  int64_t offset_;
  std::vector<WalkAxis> axes_; // never empty
};

} // namespace adjoint::cpu
