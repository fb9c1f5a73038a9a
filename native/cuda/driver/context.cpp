#include "cuda/driver/context.h"

#include <algorithm>
#include <iterator>

#include "device/error.h"

namespace adjoint::cuda {

namespace {

// After these results nobody can use the context any more.
constexpr Result fatal_results[] = {
    result::deinitialized,
    214, // ECC_UNCORRECTABLE
    220, // NVLINK_UNCORRECTABLE
    226, // CONTAINED
    700, // ILLEGAL_ADDRESS
    702, // LAUNCH_TIMEOUT
    709, // CONTEXT_IS_DESTROYED
    710, // ASSERT
    714, // HARDWARE_STACK_ERROR
    715, // ILLEGAL_INSTRUCTION
    716, // MISALIGNED_ADDRESS
    717, // INVALID_ADDRESS_SPACE
    718, // INVALID_PC
    719, // LAUNCH_FAILED
    721, // TENSOR_MEMORY_LEAK
    999, // UNKNOWN
};

bool is_fatal(Result result) {
  return std::find(std::begin(fatal_results), std::end(fatal_results), result) != std::end(fatal_results);
}

} // namespace

void Context::open() {
  const std::lock_guard lock(opening_);
  if (handle_.load(std::memory_order_relaxed)) return;
  ContextHandle handle = nullptr;
  int device = 0;
  check(driver().cuDeviceGet(&device, info.ordinal), "opening the device");
  const Result result = driver().cuDevicePrimaryCtxRetain(&handle, device);
  if (result == result::device_unavailable)
    throw Error(ErrorClass::error, "ERR_NO_CUDA",
                "CUDA is not available: " + info.label() + " (" + info.name +
                    ") lets one process use it at a time, and another one does");
  check(result, "opening the device");
  handle_.store(handle, std::memory_order_release); // kept until the process ends
}

void Context::enter() {
  require_alive();
  if (!handle_.load(std::memory_order_acquire)) open();
  check(driver().cuCtxSetCurrent(handle_.load(std::memory_order_acquire)), "entering the device's context");
}

bool Context::enter_quietly() noexcept {
  const ContextHandle handle = handle_.load(std::memory_order_acquire);
  return handle && !is_lost() && driver().cuCtxSetCurrent(handle) == result::success;
}

void Context::check(Result result, const char* doing) {
  if (result == result::success) return;
  require_alive();
  if (is_fatal(result)) {
    lose(name_of(result), doing);
    throw_lost();
  }
  const std::string where = info.label() + " (" + info.name + ")";
  if (result == result::out_of_memory)
    throw Error(ErrorClass::error, "ERR_GPU_OOM",
                std::string("out of memory: ") + doing + " took more than there is on " + where +
                    "; let go of what other processes hold there, or use smaller tensors");
  const char* description = nullptr;
  driver().cuGetErrorString(result, &description);
  throw Error(ErrorClass::error, "ERR_GPU",
              std::string(doing) + " failed on " + where + ": " + name_of(result) +
                  (description ? std::string(", ") + description : ""));
}

void Context::lose(const std::string& what, const char* doing) noexcept {
  const std::lock_guard lock(losing_);
  if (is_lost()) return;
  try {
    loss_ = what + " while " + doing;
  } catch (const std::bad_alloc&) {
    loss_ = "error"; // short enough to need no memory
  }
  is_lost_.store(true, std::memory_order_release);
}

void Context::throw_lost() const {
  throw Error(ErrorClass::error, "ERR_GPU_FATAL",
              info.label() + " (" + info.name + ") cannot be used by this process any more: " + loss_ +
                  ". What its tensors held is lost; restart the process to use it again. Tensors on the CPU "
                  "go on working");
}

} // namespace adjoint::cuda
