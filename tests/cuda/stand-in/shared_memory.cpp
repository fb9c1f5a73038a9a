#include "shared_memory.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace stand_in {

void SharedMemory::configure(uint32_t bytes, uint32_t granule, uint32_t threads, bool has_warp_barriers,
                             bool is_checked) {
  data_.assign(bytes, std::byte{0xCD});
  granule_ = granule;
  granule_shift_ = static_cast<uint32_t>(std::countr_zero(granule));
  is_checked_ = is_checked;
  if (is_checked) cells_.assign(bytes / granule + 1, {});
  if (has_warp_barriers && is_checked) {
    clocks_.assign(static_cast<size_t>(threads + 31) / 32 * 32 * 32, 0); // whole warps
    for (uint32_t t = 0; t < threads; ++t) clocks_[t * 32 + t % 32] = 1;
  }
}

void SharedMemory::begin_block() {
  ++block_;
  ++phase_;
}

void SharedMemory::pass_warp_barrier(uint32_t warp, uint32_t mask) {
  if (clocks_.empty()) return;
  uint32_t joined[32] = {};
  const auto of = [&](uint32_t lane) { return &clocks_[(warp * 32 + lane) * 32]; };
  for (uint32_t lane = 0; lane < 32; ++lane)
    if (mask >> lane & 1)
      for (uint32_t k = 0; k < 32; ++k) joined[k] = std::max(joined[k], of(lane)[k]);
  for (uint32_t lane = 0; lane < 32; ++lane)
    if (mask >> lane & 1) {
      std::copy_n(joined, 32, of(lane));
      ++of(lane)[lane];
    }
}

const char* SharedMemory::check_slowly(uint32_t offset, uint32_t bytes, uint32_t thread, Access access,
                                       const void* value) {
  const bool is_read = access != Access::write && access != Access::volatile_write;
  const bool is_write = access != Access::read && access != Access::volatile_read;
  const bool is_strong = access != Access::read && access != Access::write;
  const uint32_t first = offset >> granule_shift_, last = (offset + bytes - 1) >> granule_shift_;
  for (uint32_t place = first; place <= last; ++place) {
    Cell& cell = cells_[place];
    const bool was_written = cell.written_in == block_;
    if (is_read && !was_written) return "reads shared memory that was not written";
    if (was_written && cell.write_phase == phase_ && !is_ordered(cell.writer, cell.write_clock, thread) &&
        !(is_strong && cell.is_strong)) {
      const uint32_t from = (place - first) * granule_;
      const bool same = is_write && !is_read && value &&
                        std::memcmp(static_cast<const std::byte*>(value) + from, data_.data() + offset + from,
                                    std::min(granule_, bytes - from)) == 0;
      if (!same) {
        other_thread_ = cell.writer;
        return "races with a write by thread ";
      }
    }
    if (is_write) {
      if (cell.read_phase == phase_ && !(is_strong && cell.is_strong)) {
        const bool with_reader = !is_ordered(cell.reader, cell.read_clock, thread);
        const bool with_other = cell.has_other && !is_ordered(cell.other, cell.other_clock, thread);
        if (with_reader || with_other) {
          other_thread_ = with_reader ? cell.reader : cell.other;
          return "races with a read by thread ";
        }
      }
      cell.written_in = block_;
      cell.write_phase = phase_;
      cell.writer = static_cast<uint16_t>(thread);
      cell.write_clock = clock(thread);
      cell.is_strong = is_strong;
    } else {
      if (!was_written || cell.write_phase != phase_) cell.is_strong = is_strong;
      note_read(cell, thread);
    }
  }
  return nullptr;
}

} // namespace stand_in
