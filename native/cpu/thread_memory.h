// Memory that a thread works in. It is kept, because it is then in the cache.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>

namespace adjoint::cpu {

class ThreadMemory {
 public:
  // Makes it at least so large; what was in it is lost. Returns false, and leaves it as it was, where there is none.
  bool reserve(size_t bytes) noexcept {
    if (bytes <= bytes_) return true;
    const size_t pages = (std::max<size_t>(bytes, 64 << 10) + page - 1) / page;
    void* const memory = std::aligned_alloc(page, pages * page);
    if (!memory) return false;
    memory_.reset(static_cast<std::byte*>(memory));
    bytes_ = pages * page;
    return true;
  }
  std::byte* data() const { return memory_.get(); }
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t page = 4096;
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  size_t bytes_ = 0;
};

} // namespace adjoint::cpu
