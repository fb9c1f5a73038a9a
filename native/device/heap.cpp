#include "device/heap.h"

#include <array>
#include <new>

namespace adjoint::heap {

namespace {

constexpr size_t grain_bytes = 32;
constexpr size_t largest_bytes = 512;
// What is kept of each size. More than that is let go: a peak must not be held for ever.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t most_kept_bytes = 0; // so that uses after a free are seen
#else
constexpr size_t most_kept_bytes = 4 << 20;
#endif

struct Block {
  Block* next;
};
// The blocks of one size.
struct Kept {
  Block* first;
  size_t room; // how many more may be kept
};
using Shelf = std::array<Kept, largest_bytes / grain_bytes>;

constexpr Shelf empty_shelf() {
  Shelf shelf{};
  for (size_t i = 0; i < shelf.size(); ++i) shelf[i].room = most_kept_bytes / ((i + 1) * grain_bytes);
  return shelf;
}

// Trivially destructible: objects may still be freed while the thread ends.
constinit thread_local Shelf shelf = empty_shelf();

struct Closing {
  ~Closing() {
    for (Kept& kept : shelf) {
      kept.room = 0;
      while (Block* block = kept.first) {
        kept.first = block->next;
        ::operator delete(block);
      }
    }
  }
};

void* take_new(size_t bytes) {
  thread_local const Closing closing; // made with the first block
  return ::operator new((bytes + grain_bytes - 1) / grain_bytes * grain_bytes);
}

} // namespace

void* take(size_t bytes) {
  if (bytes > largest_bytes) return ::operator new(bytes);
  Kept& kept = shelf[(bytes - 1) / grain_bytes];
  Block* block = kept.first;
  if (!block) return take_new(bytes);
  kept.first = block->next;
  __builtin_prefetch(kept.first, 1); // the next one to be taken may have left the cache long ago
  ++kept.room;
  return block;
}

void give_back(void* block, size_t bytes) noexcept {
  if (bytes > largest_bytes) return ::operator delete(block);
  Kept& kept = shelf[(bytes - 1) / grain_bytes];
  if (kept.room == 0) return ::operator delete(block);
  --kept.room;
  kept.first = new (block) Block{kept.first};
}

} // namespace adjoint::heap
