// Device memory that is kept when it is freed, since freeing takes the driver a while and stops the device.
//
// Memory comes from the driver in segments, and a segment belongs to one stream: work on a stream runs in the
// order in which it is submitted, so a block that is freed while work still uses it can go at once to the
// next submitter of the same stream. A segment that is wholly free may go over to another stream, which then
// waits until the first one has come so far.
//
// Blocks of up to 32 KiB are slots of slabs, all of one size; larger ones are the best fit among the free
// blocks, are split, and merge with free neighbours when they come back. Blocks of at most 1 MiB live in
// segments of their own, so that they keep no large block apart.
#pragma once
#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "cuda/driver/context.h"

namespace adjoint::cuda {

class Pool {
 public:
  explicit Pool(Context& context);
  ~Pool();

  // A stream's share of the pool. When it is closed, the stream must have come to its end.
  class Arena;
  Arena& open(StreamHandle stream);
  void close(Arena& arena) noexcept;

  // At least `bytes`, aligned to 512. Throws ERR_GPU_OOM when there is none, even after the cache is empty.
  DevicePointer allocate(Arena& arena, int64_t bytes);
  // Submitted work may still use it.
  void free(DevicePointer address) noexcept;

  // The bytes that a block of this size takes; statistics count them.
  static int64_t rounded(int64_t bytes);

  struct Statistics {
    int64_t allocated_bytes = 0, peak_allocated_bytes = 0; // by blocks
    int64_t reserved_bytes = 0, peak_reserved_bytes = 0;   // of the driver
    int64_t limit_bytes = 0; // bound of reserved_bytes; the device's memory if none is set
  };
  Statistics statistics() const;
  void reset_peaks();
  // Gives all free memory back to the driver, after the device has finished with it.
  void empty_cache();
  // The pool never reserves more than this; memory beyond it that is reserved already stays until it is free.
  void set_limit(int64_t bytes);
  void set_limit_fraction(double fraction); // of the device's memory

 private:
  struct Segment;
  struct Slab;
  struct PoolBlock {
    Segment* segment;
    DevicePointer address;
    int64_t bytes;
    int64_t used_bytes; // as asked for, rounded; 0 if it is free
  };
  using BlockAt = std::list<PoolBlock>::iterator;
  struct Live {
    BlockAt block;
    Slab* slab; // or null; the block is the slab's
  };
  enum Kind : size_t { common, large, kinds };

  DevicePointer take_slot(Arena& arena, int64_t bytes);
  void free_slot(Slab& slab, DevicePointer address);
  std::optional<BlockAt> take_block(Arena& arena, int64_t bytes);
  std::optional<BlockAt> take_free(Arena& arena, Kind kind, int64_t bytes);
  void free_block(BlockAt block);
  bool reserve(Arena& arena, Kind kind, int64_t bytes);
  bool add_segment(Arena& arena, Kind kind, int64_t bytes);
  bool adopt(Arena& arena, Kind kind, int64_t bytes, bool from_open);
  void wait_for(const Arena& other, const Arena& arena);
  void release_idle_slabs(Arena& arena);
  void release_free_segments();
  void forget_ended_arenas();
  [[noreturn]] void throw_out_of_memory(int64_t bytes) const;

  Context& context_;
  mutable std::mutex mutex_;
  std::list<Arena> arenas_;
  std::unordered_map<DevicePointer, Live> live_;
  Statistics statistics_{.limit_bytes = context_.info.total_bytes};
};

// Device memory that its stream is through with whenever it is let go of.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(Pool& pool, Pool::Arena& arena, int64_t bytes)
      : pool_(&pool), address_(pool.allocate(arena, bytes)) {}
  DeviceMemory(DeviceMemory&& other) noexcept { *this = std::move(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(address_, other.address_);
    return *this;
  }
  ~DeviceMemory() {
    if (pool_) pool_->free(address_);
  }
  DevicePointer address() const { return address_; }

 private:
  Pool* pool_ = nullptr;
  DevicePointer address_ = 0;
};

} // namespace adjoint::cuda
