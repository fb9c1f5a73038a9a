#include "memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "program.h"

namespace stand_in {

namespace {

constexpr uint64_t GUARD_BYTES = 4096;
constexpr uint64_t ALIGNMENT = 512;

std::byte* reserve(uint64_t bytes) {
  void* data =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return data == MAP_FAILED ? nullptr : static_cast<std::byte*>(data);
}

bool lies_before(const AllocationPtr& a, uint64_t address) { return a->address < address; }

} // namespace

Allocation::~Allocation() {
  if (data) munmap(data, bytes);
  if (written) munmap(written, bytes);
}

void Memory::insert(AllocationPtr allocation) {
  auto changed = std::make_shared<MemoryMap>(*map_);
  changed->insert(std::lower_bound(changed->begin(), changed->end(), allocation->address, lies_before),
                  std::move(allocation));
  map_ = std::move(changed);
}

AllocationPtr Memory::allocate(int device, uint64_t bytes, uint64_t total) {
  std::lock_guard lock(mutex_);
  if (bytes > total || used_[device] > total - bytes) return nullptr;
  auto made = std::make_shared<Allocation>();
  made->device = device;
  made->bytes = bytes;
  made->data = reserve(bytes);
  made->written = reserve(bytes);
  if (!made->data || !made->written) return nullptr;
  uint64_t& next = next_[device];
  made->address = DEVICE_MEMORY + static_cast<uint64_t>(device) * DEVICE_STRIDE + GUARD_BYTES + next;
  next += (bytes + GUARD_BYTES + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  used_[device] += bytes;
  insert(made);
  return made;
}

AllocationPtr Memory::allocate_host(uint64_t bytes) {
  auto made = std::make_shared<Allocation>();
  made->bytes = bytes;
  made->data = reserve(bytes);
  if (!made->data) return nullptr;
  made->address = reinterpret_cast<uint64_t>(made->data);
  std::lock_guard lock(mutex_);
  insert(made);
  return made;
}

bool Memory::free(uint64_t address, int device) {
  std::lock_guard lock(mutex_);
  auto changed = std::make_shared<MemoryMap>(*map_);
  const auto found = std::lower_bound(changed->begin(), changed->end(), address, lies_before);
  if (found == changed->end() || (*found)->address != address || (*found)->device != device) return false;
  used_[device] -= (*found)->bytes;
  changed->erase(found);
  map_ = std::move(changed);
  return true;
}

void Memory::free_all(int device) {
  std::lock_guard lock(mutex_);
  auto changed = std::make_shared<MemoryMap>(*map_);
  std::erase_if(*changed, [&](const AllocationPtr& allocation) { return allocation->device == device; });
  map_ = std::move(changed);
  used_[device] = 0;
}

std::shared_ptr<const MemoryMap> Memory::map() const {
  std::lock_guard lock(mutex_);
  return map_;
}

AllocationPtr Memory::find(uint64_t address, uint64_t bytes) const {
  const auto map = this->map();
  const auto after =
      std::upper_bound(map->begin(), map->end(), address,
                       [](uint64_t from, const AllocationPtr& a) { return from < a->address; });
  if (after == map->begin()) return nullptr;
  const AllocationPtr& found = *std::prev(after);
  return found->contains(address, bytes) ? found : nullptr;
}

uint64_t Memory::used(int device) const {
  std::lock_guard lock(mutex_);
  const auto found = used_.find(device);
  return found == used_.end() ? 0 : found->second;
}

Allocation* find_in(const MemoryMap& map, uint64_t address) {
  const auto after =
      std::upper_bound(map.begin(), map.end(), address,
                       [](uint64_t from, const AllocationPtr& a) { return from < a->address; });
  if (after == map.begin()) return nullptr;
  Allocation* found = std::prev(after)->get();
  return found->contains(address, 1) ? found : nullptr;
}

} // namespace stand_in
