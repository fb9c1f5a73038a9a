#include "device/heap.h"

#include <array>
#include <new>
#include <utility>

#include "device/sanitizers.h"

namespace adjoint::heap {

namespace {

constexpr size_t grain_bytes = 32;
constexpr size_t largest_bytes = 512;
// The bytes that are kept of each size. More are let go: a peak must not be held for ever.
constexpr size_t most_kept_bytes = blocks_are_exact ? 0 : 4 << 20;

struct FreeBlock {
  FreeBlock* next;
};
// The blocks of one size.
struct Kept {
  FreeBlock* first;
  size_t room; // how many more may be kept
};
struct Shelf {
  std::array<Kept, largest_bytes / grain_bytes> sizes{};
  Shelf() {
    for (size_t i = 0; i < sizes.size(); ++i) sizes[i].room = most_kept_bytes / ((i + 1) * grain_bytes);
  }
  ~Shelf();
};

// A plain pointer, whose place in every thread is known when the library is loaded: looked up without a call.
#if defined(__GLIBC__)
[[gnu::tls_model("initial-exec")]]
#endif
constinit thread_local Shelf* shelf = nullptr;

Shelf::~Shelf() {
  // Objects may still be freed while the thread ends, so they must find no shelf.
  shelf = nullptr;
  for (const Kept& kept : sizes)
    for (FreeBlock* block = kept.first; block;) ::operator delete(std::exchange(block, block->next));
}

void* take_new(size_t bytes) {
  thread_local Shelf own; // made with the first block
  static thread_local bool is_open = (shelf = &own, true);
  static_cast<void>(is_open);
  return ::operator new((bytes + grain_bytes - 1) / grain_bytes * grain_bytes);
}

} // namespace

void* take(size_t bytes) {
  if (bytes > largest_bytes) return ::operator new(bytes);
  if (!shelf) return take_new(bytes);
  Kept& kept = shelf->sizes[(bytes - 1) / grain_bytes];
  FreeBlock* block = kept.first;
  if (!block) return take_new(bytes);
  kept.first = block->next;
  __builtin_prefetch(kept.first, 1); // the next one to be taken may have left the cache long ago
  ++kept.room;
  return block;
}

void give_back(void* block, size_t bytes) noexcept {
  if (bytes > largest_bytes || !shelf) return ::operator delete(block);
  Kept& kept = shelf->sizes[(bytes - 1) / grain_bytes];
  if (kept.room == 0) return ::operator delete(block);
  --kept.room;
  kept.first = new (block) FreeBlock{kept.first};
}

} // namespace adjoint::heap
