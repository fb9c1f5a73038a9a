// The context of one device, which all threads of the process share, and what has become of it: after some
// errors (an illegal address, say) a context answers every call with the same error until the process ends.
// So the first of them is remembered here, and every later call is refused at once, in its name.
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

  // Makes it the calling thread's, for what is asked of the driver next. Throws ERR_GPU_FATAL if it is lost.
  void enter();
  // The same for what lets go of things: false, and nothing more, where the driver will not hear of it.
  bool enter_quietly() noexcept;

  // Throws what the driver's answer says, if it is not success; `doing` as in "copying to the device".
  void check(Result result, const char* doing);
  void require_alive() const {
    if (is_lost_.load(std::memory_order_acquire)) throw_lost();
  }
  bool is_lost() const { return is_lost_.load(std::memory_order_acquire); }
  // Nothing on the device can be relied upon any more.
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
