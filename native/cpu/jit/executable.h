// Memory that holds machine code: written once, and then only read and run.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace adjoint::cpu {

class Executable {
 public:
  Executable() = default;
  // Empty where the system gives no such memory.
  explicit Executable(const std::vector<uint8_t>& code);
  Executable(Executable&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Executable& operator=(Executable&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Executable();

  const void* data() const { return data_; }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

} // namespace adjoint::cpu
