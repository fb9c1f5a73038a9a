#include "cuda/driver/memory.h"

#include <algorithm>
#include <bit>
#include <cstdio>

#include "device/error.h"

namespace adjoint::cuda {

namespace {

constexpr int64_t kib = int64_t{1} << 10, mib = int64_t{1} << 20;

constexpr int64_t grain_bytes = 512;
constexpr int64_t stepped_bytes = 4 * kib; // slots from here on go in quarter steps of powers of two
constexpr int64_t largest_slot_bytes = 32 * kib;
constexpr size_t slot_sizes = 8 + 12; // multiples of 512 up to 4 KiB, and three doublings of four steps
constexpr int64_t slab_bytes = 256 * kib;
constexpr int64_t largest_common_bytes = 1 * mib;
// Sizes of segments; a larger block has a segment of its own.
constexpr int64_t common_segment_bytes = 4 * mib;
constexpr int64_t large_segment_bytes = 32 * mib;
constexpr int64_t segment_step_bytes = 2 * mib; // the driver's own pages

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

struct SlotSize {
  size_t index;
  int64_t bytes;
};
SlotSize slot_size(int64_t bytes) {
  if (bytes <= stepped_bytes) {
    const int64_t grains = std::max<int64_t>((bytes + grain_bytes - 1) / grain_bytes, 1);
    return {static_cast<size_t>(grains - 1), grains * grain_bytes};
  }
  const int doublings = static_cast<int>(std::bit_width(static_cast<uint64_t>(bytes - 1))) -
                        static_cast<int>(std::bit_width(uint64_t{stepped_bytes}));
  const int64_t base = stepped_bytes << doublings, quarter = base / 4;
  const int64_t quarters = (bytes - base + quarter - 1) / quarter; // 1 to 4
  return {static_cast<size_t>(8 + 4 * doublings + quarters - 1), base + quarters * quarter};
}

std::string size_text(int64_t bytes) {
  char text[64];
  if (bytes >= 1024 * mib)
    std::snprintf(text, sizeof text, "%.2f GiB",
                  static_cast<double>(bytes) / static_cast<double>(1024 * mib));
  else if (bytes >= mib)
    std::snprintf(text, sizeof text, "%.2f MiB", static_cast<double>(bytes) / static_cast<double>(mib));
  else
    std::snprintf(text, sizeof text, "%lld bytes", static_cast<long long>(bytes));
  return text;
}

} // namespace

struct Pool::Segment {
  Arena* arena;
  Kind kind;
  int64_t bytes;
  std::list<PoolBlock> blocks; // by address
  bool is_free() const { return blocks.size() == 1 && blocks.front().used_bytes == 0; }
};

// Slots of one size. It is in its arena's list `roomy` while it has a free one, or else in `full`.
struct Pool::Slab {
  Arena* arena;
  size_t size_index;
  int64_t slot_bytes;
  BlockAt block;
  std::vector<uint32_t> free_slots;
  std::list<Slab>::iterator self;
  size_t slot_count() const { return static_cast<size_t>(slab_bytes / slot_bytes); }
};

class Pool::Arena {
 public:
  explicit Arena(StreamHandle stream) : stream(stream) {}
  StreamHandle stream;
  bool is_open = true; // otherwise nothing that uses its memory is under way
  std::list<Segment> segments;
  std::array<std::map<std::pair<int64_t, DevicePointer>, BlockAt>, kinds> free_blocks;
  std::array<std::list<Slab>, slot_sizes> roomy, full;
};

Pool::Pool(Context& context) : context_(context) {}
Pool::~Pool() = default;

int64_t Pool::rounded(int64_t bytes) {
  return bytes <= largest_slot_bytes ? slot_size(bytes).bytes : round_up(bytes, grain_bytes);
}

Pool::Arena& Pool::open(StreamHandle stream) {
  const std::lock_guard lock(mutex_);
  return arenas_.emplace_back(stream);
}

void Pool::close(Arena& arena) noexcept {
  const std::lock_guard lock(mutex_);
  arena.is_open = false;
  arena.stream = nullptr;
  try {
    release_idle_slabs(arena);
  } catch (const std::bad_alloc&) {
    // That memory then waits until somebody looks for it.
  }
  forget_ended_arenas();
}

DevicePointer Pool::allocate(Arena& arena, int64_t bytes) {
  context_.require_alive();
  const std::lock_guard lock(mutex_);
  if (bytes > context_.info.total_bytes) throw_out_of_memory(bytes);
  const int64_t size = rounded(bytes);
  DevicePointer address = 0;
  if (size <= largest_slot_bytes) {
    address = take_slot(arena, size);
  } else if (const auto block = take_block(arena, size)) {
    try {
      live_.emplace((*block)->address, Live{*block, nullptr});
    } catch (const std::bad_alloc&) {
      free_block(*block);
      throw;
    }
    address = (*block)->address;
  }
  if (!address) throw_out_of_memory(bytes);
  statistics_.allocated_bytes += size;
  statistics_.peak_allocated_bytes = std::max(statistics_.peak_allocated_bytes, statistics_.allocated_bytes);
  return address;
}

void Pool::free(DevicePointer address) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = live_.find(address);
  const Live live = found->second;
  live_.erase(found);
  statistics_.allocated_bytes -= live.slab ? live.slab->slot_bytes : live.block->used_bytes;
  try {
    if (live.slab)
      free_slot(*live.slab, address);
    else
      free_block(live.block);
  } catch (const std::bad_alloc&) {
    // There is no host memory to note that the block is free: it stays taken.
  }
}

DevicePointer Pool::take_slot(Arena& arena, int64_t bytes) {
  const SlotSize size = slot_size(bytes);
  std::list<Slab>& roomy = arena.roomy[size.index];
  if (roomy.empty()) {
    std::list<Slab> one;
    one.push_front({&arena, size.index, size.bytes, {}, {}, {}});
    Slab& slab = one.front();
    slab.self = one.begin();
    for (size_t slot = slab.slot_count(); slot-- > 0;) slab.free_slots.push_back(static_cast<uint32_t>(slot));
    const auto block = take_block(arena, slab_bytes);
    if (!block) return 0;
    slab.block = *block;
    roomy.splice(roomy.begin(), one);
  }
  Slab& slab = roomy.front();
  const DevicePointer address =
      slab.block->address + slab.free_slots.back() * static_cast<DevicePointer>(slab.slot_bytes);
  live_.emplace(address, Live{slab.block, &slab});
  slab.free_slots.pop_back();
  if (slab.free_slots.empty())
    arena.full[size.index].splice(arena.full[size.index].begin(), roomy, slab.self);
  return address;
}

void Pool::free_slot(Slab& slab, DevicePointer address) {
  std::list<Slab>& roomy = slab.arena->roomy[slab.size_index];
  // The list has the capacity: it has held all of them.
  slab.free_slots.push_back(
      static_cast<uint32_t>((address - slab.block->address) / static_cast<DevicePointer>(slab.slot_bytes)));
  if (slab.free_slots.size() == 1) roomy.splice(roomy.begin(), slab.arena->full[slab.size_index], slab.self);
  // One slab of a size may stay idle, or blocks that come and go with every step would make it again.
  if (slab.free_slots.size() < slab.slot_count() || roomy.size() == 1) return;
  const BlockAt block = slab.block;
  roomy.erase(slab.self);
  free_block(block);
}

// Looks in this order: free blocks, streams that have ended, the driver, other streams, and the driver again
// after it has been given back all free memory.
std::optional<Pool::BlockAt> Pool::take_block(Arena& arena, int64_t bytes) {
  const Kind kind = bytes <= largest_common_bytes ? common : large;
  if (const auto block = take_free(arena, kind, bytes)) return block;
  if (!adopt(arena, kind, bytes, false) && !reserve(arena, kind, bytes) && !adopt(arena, kind, bytes, true)) {
    for (Arena& each : arenas_) release_idle_slabs(each);
    if (const auto block = take_free(arena, kind, bytes)) return block;
    release_free_segments();
    if (!reserve(arena, kind, bytes)) return std::nullopt;
  }
  return take_free(arena, kind, bytes);
}

std::optional<Pool::BlockAt> Pool::take_free(Arena& arena, Kind kind, int64_t bytes) {
  auto& free_blocks = arena.free_blocks[kind];
  const auto best = free_blocks.lower_bound({bytes, 0});
  if (best == free_blocks.end()) return std::nullopt;
  const BlockAt block = best->second;
  // Nobody would ever ask for a block that is no larger than a slot.
  if (const int64_t rest = block->bytes - bytes; rest > largest_slot_bytes) {
    std::list<PoolBlock>& blocks = block->segment->blocks;
    const BlockAt after = blocks.insert(
        std::next(block), {block->segment, block->address + static_cast<DevicePointer>(bytes), rest, 0});
    // The note of this block becomes the note of the rest, which needs no memory then.
    auto note = free_blocks.extract(best);
    note.key() = {rest, after->address};
    note.mapped() = after;
    free_blocks.insert(std::move(note));
    block->bytes = bytes;
  } else {
    free_blocks.erase(best);
  }
  block->used_bytes = bytes;
  return block;
}

void Pool::free_block(BlockAt block) {
  Segment& segment = *block->segment;
  auto& free_blocks = segment.arena->free_blocks[segment.kind];
  block->used_bytes = 0;
  const auto merge_into = [&](BlockAt first, BlockAt second) {
    first->bytes += second->bytes;
    segment.blocks.erase(second);
    return first;
  };
  if (const BlockAt after = std::next(block); after != segment.blocks.end() && after->used_bytes == 0) {
    free_blocks.erase({after->bytes, after->address});
    block = merge_into(block, after);
  }
  if (block != segment.blocks.begin() && std::prev(block)->used_bytes == 0) {
    const BlockAt before = std::prev(block);
    free_blocks.erase({before->bytes, before->address});
    block = merge_into(before, block);
  }
  free_blocks.emplace(std::pair(block->bytes, block->address), block);
}

// Asks the driver for a segment with a block of this size; false if the driver or the limit refuses.
bool Pool::reserve(Arena& arena, Kind kind, int64_t bytes) {
  const int64_t least = round_up(bytes, segment_step_bytes);
  const int64_t usual = std::max(least, kind == common ? common_segment_bytes : large_segment_bytes);
  return add_segment(arena, kind, usual) || (least < usual && add_segment(arena, kind, least));
}

bool Pool::add_segment(Arena& arena, Kind kind, int64_t bytes) {
  if (statistics_.reserved_bytes + bytes > statistics_.limit_bytes) return false;
  context_.enter();
  DevicePointer base = 0;
  const Result result = driver().cuMemAlloc_v2(&base, static_cast<size_t>(bytes));
  if (result == result::out_of_memory) return false;
  context_.check(result, "allocating memory");
  Segment& segment = arena.segments.emplace_back(Segment{&arena, kind, bytes, {}});
  segment.blocks.push_back({&segment, base, bytes, 0});
  arena.free_blocks[kind].emplace(std::pair(bytes, base), segment.blocks.begin());
  statistics_.reserved_bytes += bytes;
  statistics_.peak_reserved_bytes = std::max(statistics_.peak_reserved_bytes, statistics_.reserved_bytes);
  return true;
}

// Takes over the smallest segment that is large enough and wholly free: of streams that have ended, or of
// others.
bool Pool::adopt(Arena& arena, Kind kind, int64_t bytes, bool from_open) {
  Arena* owner = nullptr;
  std::list<Segment>::iterator best;
  for (Arena& other : arenas_) {
    if (&other == &arena || other.is_open != from_open) continue;
    for (auto segment = other.segments.begin(); segment != other.segments.end(); ++segment)
      if (segment->kind == kind && segment->is_free() && segment->bytes >= bytes &&
          (!owner || segment->bytes < best->bytes)) {
        owner = &other;
        best = segment;
      }
  }
  if (!owner) return false;
  if (owner->is_open) wait_for(*owner, arena);
  auto note = owner->free_blocks[kind].extract({best->bytes, best->blocks.front().address});
  arena.free_blocks[kind].insert(std::move(note));
  best->arena = &arena;
  arena.segments.splice(arena.segments.end(), owner->segments, best);
  forget_ended_arenas();
  return true;
}

// Puts all later work of one stream behind all work that has been submitted to the other. The owners of the
// blocks that were freed there had submitted their work before.
void Pool::wait_for(const Arena& other, const Arena& arena) {
  context_.enter();
  EventHandle event = nullptr;
  context_.check(driver().cuEventCreate(&event, event_flags::no_timing), "taking over memory");
  Result result = driver().cuEventRecord(event, other.stream);
  if (result == result::success) result = driver().cuStreamWaitEvent(arena.stream, event, 0);
  driver().cuEventDestroy_v2(event); // once it has passed
  context_.check(result, "taking over memory");
}

void Pool::release_idle_slabs(Arena& arena) {
  for (std::list<Slab>& roomy : arena.roomy)
    for (auto slab = roomy.begin(); slab != roomy.end();) {
      const auto next = std::next(slab);
      if (slab->free_slots.size() == slab->slot_count()) {
        const BlockAt block = slab->block;
        roomy.erase(slab);
        free_block(block);
      }
      slab = next;
    }
}

void Pool::release_free_segments() {
  context_.enter();
  for (Arena& arena : arenas_) {
    bool is_synchronized = !arena.is_open;
    for (auto segment = arena.segments.begin(); segment != arena.segments.end();) {
      const auto next = std::next(segment);
      if (segment->is_free()) {
        if (!is_synchronized)
          context_.check(driver().cuStreamSynchronize(arena.stream), "waiting for the device");
        is_synchronized = true;
        const PoolBlock& block = segment->blocks.front();
        context_.check(driver().cuMemFree_v2(block.address), "freeing memory");
        statistics_.reserved_bytes -= segment->bytes;
        arena.free_blocks[segment->kind].erase({block.bytes, block.address});
        arena.segments.erase(segment);
      }
      segment = next;
    }
  }
  forget_ended_arenas();
}

void Pool::forget_ended_arenas() {
  arenas_.remove_if([](const Arena& arena) { return !arena.is_open && arena.segments.empty(); });
}

void Pool::empty_cache() {
  const std::lock_guard lock(mutex_);
  for (Arena& arena : arenas_) release_idle_slabs(arena);
  release_free_segments();
}

Pool::Statistics Pool::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

void Pool::reset_peaks() {
  const std::lock_guard lock(mutex_);
  statistics_.peak_allocated_bytes = statistics_.allocated_bytes;
  statistics_.peak_reserved_bytes = statistics_.reserved_bytes;
}

void Pool::set_limit(int64_t bytes) {
  if (bytes <= 0)
    throw Error(ErrorClass::range_error, "ERR_VALUE",
                "the limit of GPU memory must be a positive number of bytes, got " + std::to_string(bytes));
  const std::lock_guard lock(mutex_);
  statistics_.limit_bytes = std::min(bytes, context_.info.total_bytes);
}

void Pool::set_limit_fraction(double fraction) {
  if (!(fraction > 0 && fraction <= 1))
    throw Error(ErrorClass::range_error, "ERR_VALUE",
                "the limit of GPU memory must be a fraction above 0 and at most 1, got " +
                    std::to_string(fraction));
  set_limit(
      std::max<int64_t>(static_cast<int64_t>(fraction * static_cast<double>(context_.info.total_bytes)), 1));
}

void Pool::throw_out_of_memory(int64_t bytes) const {
  size_t free_bytes = 0, total_bytes = 0;
  context_.enter();
  context_.check(driver().cuMemGetInfo_v2(&free_bytes, &total_bytes), "asking for free memory");
  const bool is_limited = statistics_.limit_bytes < context_.info.total_bytes;
  throw Error(ErrorClass::error, "ERR_GPU_OOM",
              "out of memory on " + context_.info.label() + " (" + context_.info.name +
                  "): " + size_text(bytes) + " were wanted; " + size_text(statistics_.allocated_bytes) +
                  " are allocated and " + size_text(statistics_.reserved_bytes) +
                  " reserved by this process" +
                  (is_limited ? ", whose limit is " + size_text(statistics_.limit_bytes) : "") + "; " +
                  size_text(static_cast<int64_t>(free_bytes)) + " are free of the device's " +
                  size_text(static_cast<int64_t>(total_bytes)) +
                  ". dispose() of tensors that are no longer needed, compute on smaller pieces, " +
                  (is_limited ? "raise the limit, " : "") + "or end other processes that use the device");
}

} // namespace adjoint::cuda
