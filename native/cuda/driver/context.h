// The context of one device, which all threads of the process share, and its end: after some errors (an
// illegal address, say) a context answers every call with the same error until the process ends. So the first
// of them is remembered here, and every later call is refused at once, in its name.
#pragma once
#include <atomic>
#include <mutex>
#include <string>

#include "cuda/driver/devices.h"
#include "cuda/driver/driver.h"

namespace adjoint::cuda {

class Context {
 public:
  explicit Context(const DeviceInfo& info) : info(info) {}
  const DeviceInfo& info;

  // Makes it the calling thread's context, for the next calls of the driver. Throws ERR_GPU_FATAL if it is
  // lost.
  void enter();
  // The same for code that lets go of things: returns false, and does nothing more, where the driver refuses.
  bool enter_quietly() noexcept;

  // Throws the error of the driver's answer, if it is not success; `doing` as in "copying to the device".
  void check(Result result, const char* doing);
  void require_alive() const {
    if (is_lost_.load(std::memory_order_acquire)) throw_lost();
  }
  bool is_lost() const { return is_lost_.load(std::memory_order_acquire); }
  // Notes that nothing on the device can be relied upon any more.
  void lose(const std::string& what, const char* doing) noexcept;

 private:
  [[noreturn]] void throw_lost() const;
  void open();

  std::mutex opening_, losing_;
  std::atomic<ContextHandle> handle_ = nullptr;
  std::atomic<bool> is_lost_ = false;
  std::string loss_; // written once, before is_lost_
};

} // namespace adjoint::cuda
