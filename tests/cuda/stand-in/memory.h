// Device memory: addresses that are no addresses of the process, so that only copies and kernels reach it. No
// address is given out twice, and between allocations lies space that belongs to none.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace stand_in {

struct Allocation {
  uint64_t address = 0;
  uint64_t bytes = 0;
  std::byte* data = nullptr;
  std::byte* written = nullptr; // a byte for each: 1 where something was written; null for memory of the host
  int device = -1;              // -1: memory of the host
  bool contains(uint64_t from, uint64_t count) const {
    return from >= address && from - address <= bytes && bytes - (from - address) >= count;
  }
  Allocation() = default;
  Allocation(const Allocation&) = delete;
  ~Allocation();
};
using AllocationPtr = std::shared_ptr<Allocation>;

// Sorted by address, and never changed once it can be seen: who holds it can use all that it names.
using MemoryMap = std::vector<AllocationPtr>;

class Memory {
 public:
  // Null where there is no room, of `total` bytes for each device.
  AllocationPtr allocate(int device, uint64_t bytes, uint64_t total);
  AllocationPtr allocate_host(uint64_t bytes);
  bool free(uint64_t address, int device);
  void free_all(int device);
  std::shared_ptr<const MemoryMap> map() const;
  AllocationPtr find(uint64_t address, uint64_t bytes) const; // null unless all of it is in one
  uint64_t used(int device) const;

 private:
  void insert(AllocationPtr allocation);
  mutable std::mutex mutex_;
  std::shared_ptr<const MemoryMap> map_ = std::make_shared<MemoryMap>();
  std::map<int, uint64_t> next_, used_;
};

Allocation* find_in(const MemoryMap& map, uint64_t address);

} // namespace stand_in
