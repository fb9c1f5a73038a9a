// Where an address of a thread is: bounds and alignment are checked, and what the access means for others.
#pragma once
#include <cstring>

#include "cuda_api.h"
#include "machine.h"

namespace stand_in {

inline bool all_written(const std::byte* written, uint32_t bytes) {
  uint64_t flags[2] = {0x0101010101010101u, 0x0101010101010101u};
  std::memcpy(flags, written, bytes);
  return flags[0] == 0x0101010101010101u && flags[1] == 0x0101010101010101u;
}

struct GlobalSpace {
  template <Access access, uint32_t bytes>
  static std::byte* at(Machine& m, Window& window, uint64_t address, uint32_t thread, const void*) {
    uint64_t offset = address - window.address;
    if (offset >= window.bytes || window.bytes - offset < bytes || address % bytes) {
      m.locate(window, address, bytes, thread);
      offset = address - window.address;
    }
    if (window.written) {
      constexpr bool reads =
          access == Access::read || access == Access::volatile_read || access == Access::atomic;
      if (reads && !all_written(window.written + offset, bytes))
        m.fail(CUDA_ERROR_LAUNCH_FAILED, thread,
               "reads device memory that nothing was written to, at byte " + std::to_string(offset) +
                   " of an allocation of " + std::to_string(window.bytes));
      if (access != Access::read && access != Access::volatile_read)
        std::memset(window.written + offset, 1, bytes);
    }
    return window.data + offset;
  }
};

[[noreturn]] inline void fail_at(Machine& m, uint32_t thread, const char* space, uint64_t address,
                                 uint32_t bytes, uint64_t size) {
  const bool is_misaligned = address % bytes != 0;
  m.fail(is_misaligned ? CUDA_ERROR_MISALIGNED_ADDRESS : CUDA_ERROR_ILLEGAL_ADDRESS, thread,
         std::string(space) + " address " + std::to_string(address) +
             (is_misaligned ? " is not aligned to the " + std::to_string(bytes) + " bytes accessed"
                            : " (" + std::to_string(bytes) + " bytes) lies beyond the " +
                                  std::to_string(size) + " bytes there are"));
}

[[noreturn]] inline void fail_shared(Machine& m, uint32_t thread, std::string problem, uint64_t address) {
  if (problem.starts_with("races"))
    problem += m.shared.other_thread() + ": no barrier lies between the two accesses of shared memory";
  m.fail(CUDA_ERROR_LAUNCH_FAILED, thread, problem + ", at shared address " + std::to_string(address));
}

struct SharedSpace {
  template <Access access, uint32_t bytes>
  static std::byte* at(Machine& m, Window&, uint64_t address, uint32_t thread, const void* value) {
    const uint64_t size = m.shared.bytes();
    if (address >= size || size - address < bytes || address % bytes)
      fail_at(m, thread, "shared", address, bytes, size);
    if (const char* problem = m.shared.check(static_cast<uint32_t>(address), bytes, thread, access, value))
      fail_shared(m, thread, problem, address);
    return m.shared.data() + address;
  }
};

struct LocalSpace {
  template <Access, uint32_t bytes>
  static std::byte* at(Machine& m, Window&, uint64_t address, uint32_t thread, const void*) {
    const uint64_t size = m.program().local_bytes;
    if (address >= size || size - address < bytes || address % bytes)
      fail_at(m, thread, "local", address, bytes, size);
    return m.local(thread) + address;
  }
};

// The parameters of a kernel.
struct ParameterSpace {
  template <Access access, uint32_t bytes>
  static std::byte* at(Machine& m, Window&, uint64_t address, uint32_t thread, const void*) {
    const uint64_t size = m.program().parameter_bytes;
    if (access != Access::read || address >= size || size - address < bytes || address % bytes)
      fail_at(m, thread, "parameter", address, bytes, size);
    return const_cast<std::byte*>(m.parameters()) + address;
  }
};

struct GenericSpace {
  template <Access access, uint32_t bytes>
  static std::byte* at(Machine& m, Window& window, uint64_t address, uint32_t thread, const void* value) {
    if (address - SHARED_WINDOW < WINDOW_BYTES)
      return SharedSpace::at<access, bytes>(m, window, address - SHARED_WINDOW, thread, value);
    if (address - LOCAL_WINDOW < WINDOW_BYTES)
      return LocalSpace::at<access, bytes>(m, window, address - LOCAL_WINDOW, thread, value);
    return GlobalSpace::at<access, bytes>(m, window, address, thread, value);
  }
};

// Decoded from an operand in brackets.
struct Address {
  uint32_t base;
  int64_t offset;
  bool is_parameter; // of a kernel
};
class Decoder;
Address address_of(Decoder& d, const class Operand& operand, std::string_view space);

} // namespace stand_in
