#pragma once
#include <array>
#include <cstdint>
#include <mutex>

namespace adjoint::cpu {

// The bytes that this process may use: ADJOINT_MAX_BYTES, or else the machine's memory within its cgroup's
// limit.
int64_t usable_memory_bytes();

// Host memory, 64-byte aligned. Freed blocks are kept, since fresh pages cost more than the arithmetic on
// them, and small ones come and go with every op. Large blocks, in use and kept, amount to at most twice the
// use at the latest peak, or a floor: use falls and rises with every collection of garbage, and the next
// sizes may be others. They never exceed what the process may use. ADJOINT_HUGE_PAGES=0 asks for ordinary
// pages.
class Allocator {
 public:
  static Allocator& shared();
  void* allocate(int64_t bytes); // null when there is none
  void free(void* data, int64_t bytes) noexcept;

 private:
  // A list of the freed blocks of one size, each of which holds the address of the next.
  struct Link {
    Link* next;
  };
  // Sizes from 1 KiB are powers of two in quarter steps, so that nearly equal ones share blocks; those below
  // are multiples of the alignment.
  struct SizeClass {
    int64_t bytes;
    size_t index;
  };
  static SizeClass size_class(int64_t bytes);
  static int64_t bytes_of(size_t index);

  void* allocate_small(SizeClass size);
  void* allocate_large(SizeClass size);
  void free_small(void* data, SizeClass size) noexcept;
  void free_large(void* data, SizeClass size) noexcept;
  void* fresh_large(int64_t bytes);
  static void return_large(void* data, int64_t bytes) noexcept;
  void release_small();
  void release_large();
  void note_use(int64_t bytes);
  void trim();
  void* take(size_t index);
  void keep(void* data, size_t index);

  // Guarded by the mutex of the size that they belong to: taking a small block never waits for the system.
  std::array<Link*, 256> kept_{};
  std::array<int64_t, 256> asked_at_{}; // of large ones: when last, in bytes allocated
  std::mutex small_mutex_, large_mutex_;
  int64_t kept_small_bytes_ = 0;
  int64_t kept_large_bytes_ = 0;
  int64_t live_large_bytes_ = 0;
  int64_t allocated_large_bytes_ = 0; // ever
  int64_t window_end_ = 0;            // in bytes allocated
  int64_t shift_ = 0;                 // of the latest fresh large block, in its first page
  int64_t window_peak_bytes_ = 0, previous_peak_bytes_ = 0; // of live bytes
  const int64_t capacity_bytes_ = usable_memory_bytes();
  const bool wants_huge_pages_;

  Allocator();
};

} // namespace adjoint::cpu
