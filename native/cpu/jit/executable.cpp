#include "cpu/jit/executable.h"

#if defined(__x86_64__) && defined(__linux__)
#include <sys/mman.h>

#include <cstring>

namespace adjoint::cpu {

Executable::Executable(const std::vector<uint8_t>& code) {
  void* data = mmap(nullptr, code.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return;
  std::memcpy(data, code.data(), code.size());
  if (mprotect(data, code.size(), PROT_READ | PROT_EXEC) != 0) {
    munmap(data, code.size());
    return;
  }
  data_ = data;
  bytes_ = code.size();
}
Executable::~Executable() {
  if (data_) munmap(data_, bytes_);
}

} // namespace adjoint::cpu
#else
namespace adjoint::cpu {
Executable::Executable(const std::vector<uint8_t>&) {}
Executable::~Executable() = default;
} // namespace adjoint::cpu
#endif
