// A block's shared memory and who has accessed it. Two accesses of a place by different threads need a
// barrier between them, or a barrier of their warp, unless both read, both are atomic, or both write the same
// value.
#pragma once
#include <cstddef>
#include <cstdint>
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
  // Null if the access is in order, else what is wrong. `value` is what will be written.
  const char* check(uint32_t offset, uint32_t bytes, uint32_t thread, Access access, const void* value) {
    if (!is_checked_) return nullptr;
    const uint32_t first = offset >> granule_shift_, last = (offset + bytes - 1) >> granule_shift_;
    if (access != Access::read) return check_slowly(offset, bytes, thread, access, value);
    for (uint32_t place = first; place <= last; ++place) {
      Cell& cell = cells_[place];
      // What was written before the last barrier can be read by all.
      if (cell.written_in != block_ || cell.write_phase == phase_)
        return check_slowly(offset, bytes, thread, access, value);
      cell.is_strong = false;
      note_read(cell, thread);
    }
    return nullptr;
  }
  std::string other_thread() const { return std::to_string(other_thread_); } // that the access races with

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
  const char* check_slowly(uint32_t offset, uint32_t bytes, uint32_t thread, Access access,
                           const void* value);
  // Two readers are remembered, of two warps if there are as many, so that a thread that writes meets
  // another.
  void note_read(Cell& cell, uint32_t thread) {
    if (cell.read_phase != phase_) {
      cell.read_phase = phase_;
      cell.has_other = false;
    } else if (cell.reader != thread &&
               (!cell.has_other || cell.reader / 32 != thread / 32 || cell.other / 32 == thread / 32)) {
      cell.other = cell.reader;
      cell.other_clock = cell.read_clock;
      cell.has_other = true;
    }
    cell.reader = static_cast<uint16_t>(thread);
    cell.read_clock = clock(thread);
  }

  std::vector<std::byte> data_;
  std::vector<Cell> cells_;
  std::vector<uint32_t> clocks_; // 32 per thread: what it knows of the threads of its warp
  uint32_t granule_ = 4, granule_shift_ = 2, block_ = 0, phase_ = 0;
  uint32_t other_thread_ = 0;
  bool is_checked_ = true;
};

} // namespace stand_in
