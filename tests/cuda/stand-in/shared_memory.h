// A block's shared memory and who has accessed it. Two accesses of a place by different threads need a
// barrier between them, or a barrier of their warp, unless both read, both are atomic, or both write the same
// value.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stand_in {

enum class Access : uint8_t { read, write, atomic, volatile_read, volatile_write };

class SharedMemory {
 public:
  void configure(uint32_t bytes, uint32_t granule, uint32_t threads, bool has_warp_barriers, bool is_checked);
  void begin_block();
  void pass_barrier() { ++phase_; }
  void pass_warp_barrier(uint32_t warp, uint32_t mask);
  uint32_t bytes() const { return static_cast<uint32_t>(data_.size()); }
  std::byte* data() { return data_.data(); }
  // Nothing to say if the access is in order. `value` is what will be written, as long as the access.
  std::optional<std::string> check(uint32_t offset, uint32_t bytes, uint32_t thread, Access access,
                                   const void* value);

 private:
  struct Cell {
    uint32_t written_in = 0; // which block wrote it last
    uint32_t write_phase = 0, read_phase = 0;
    uint32_t write_clock = 0, read_clock = 0, other_clock = 0;
    uint16_t writer = 0, reader = 0, other = 0;
    bool is_strong = false, has_other = false;
  };
  uint32_t clock(uint32_t thread) const { return clocks_.empty() ? 0 : clocks_[thread * 32 + thread % 32]; }
  bool is_ordered(uint32_t earlier, uint32_t its_clock, uint32_t thread) const {
    if (earlier == thread) return true;
    return !clocks_.empty() && earlier / 32 == thread / 32 &&
           clocks_[thread * 32 + earlier % 32] >= its_clock;
  }
  void note_read(Cell& cell, uint32_t thread);

  std::vector<std::byte> data_;
  std::vector<Cell> cells_;
  std::vector<uint32_t> clocks_; // 32 per thread: what it knows of the threads of its warp
  uint32_t granule_ = 4, block_ = 0, phase_ = 0;
  bool is_checked_ = true;
};

} // namespace stand_in
