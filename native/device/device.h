// The interface of a device: memory, transfers, and kernels described by data. It names no op.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "device/error.h"
#include "device/kernel.h"
#include "device/refcount.h"

namespace adjoint {

class Device;

// A run of a program as its device gets it: launches in order, with everything that they need, so that any
// thread can run them. The submitter keeps the buffers alive until the work is done. A device that does
// everything in the order of submission is done with them as soon as it has the launches, since no later work
// can come before.
struct Work {
  struct Launch {
    const CompiledKernel* kernel = nullptr;
    uint32_t first_instance = 0;
    uint32_t instance_count = 0;
  };
  std::vector<Launch> launches;
  std::vector<Instance> instances;
  std::vector<void*> arrays;
  std::vector<Number> numbers;
  std::shared_ptr<const void> owner; // of the kernels
  int64_t cost = 0;                  // the time it takes, as bytes that could be read meanwhile; roughly
  int64_t thread_bytes = 0;          // the most that a kernel wants for each thread
  std::atomic<bool> is_done = false;
};

// Memory on one device. Its bytes never move; a Ref to it allows reading them.
class Buffer final : public RefCounted {
 public:
  Buffer(Device& device, int64_t bytes) : device(device), bytes(bytes) {}
  ~Buffer() override;
  Device& device;
  void* data = nullptr; // set once, by the device
  const int64_t bytes;
  uint32_t in_flight = 0; // references that are there only until submitted work is done
};

class Device {
 public:
  virtual ~Device() = default;
  // The name as users write it: "cpu", "cuda:0".
  virtual std::string name() const = 0;
  // Whether the program can read and write the bytes of its buffers, when nothing is under way.
  virtual bool is_host() const = 0;
  // Throws ERR_HOST_OOM (or the device's own code) where there is no memory, and leaves everything as it was.
  virtual Ref<Buffer> allocate(int64_t bytes) = 0;
  virtual void free(Buffer& buffer) noexcept = 0;
  virtual void upload(Buffer& to, const void* from, int64_t bytes) = 0;
  // Waits for all that has been submitted.
  virtual void download(void* to, const Buffer& from, int64_t bytes) const = 0;
  // The same without waiting: `done` is called, from some thread or at once, when the bytes are there, with
  // the problem (an Error or std::bad_alloc) or null; it must not throw. If read() itself throws, there is no
  // call. Until then both ends must stay, and nothing may be submitted that writes to `from`. A read counts as
  // submitted, and calls come in order.
  using ReadCall = std::function<void(const std::exception* problem)>;
  virtual void read(void* to, const Buffer& from, int64_t bytes, ReadCall done) = 0;
  // Throws ERR_HOST_OOM when there is no memory for it.
  virtual std::unique_ptr<CompiledKernel> compile(const Kernel& kernel) = 0;
  // Runs the launches, after all work that has been submitted before. May return before they are done, unless
  // the caller is going to wait for them anyway. Throws only before the first of them has begun.
  virtual void submit(std::shared_ptr<Work> work, bool caller_waits) = 0;
  // is_idle: whether all that has been submitted is done. wait: returns when it is, or throws its problem,
  // after all calls have been made. notify: calls `done`, from some thread, when it is.
  virtual bool is_idle() const = 0;
  virtual void wait() = 0;
  virtual void notify(std::function<void()> done) = 0;
  // The bytes that the buffers of this engine could hold now, beside what others hold.
  virtual int64_t capacity_bytes() const = 0;
  // The bytes that the device has.
  virtual int64_t total_bytes() const = 0;
  // The bytes that live buffers hold now.
  virtual int64_t live_bytes() const = 0;
};

inline Buffer::~Buffer() {
  if (data) device.free(*this);
}

} // namespace adjoint
