// Calls to be made when a stream has come so far. A thread sleeps until it has, for each in order.
#pragma once
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "cuda/driver/context.h"
#include "device/error.h"

namespace adjoint::cuda {

class Notices {
 public:
  // Gets the problem, an Error or std::bad_alloc, or null. Must not throw.
  using Call = std::function<void(const std::exception* problem)>;

  explicit Notices(Context& context) : context_(context) {}
  ~Notices();
  // Adds a call after all that has been submitted to the stream so far. The context must be entered. If it throws, there
  // will be no call.
  void add(StreamHandle stream, Call call);
  bool is_empty() const;
  void wait() const; // until all calls have returned

 private:
  struct Notice {
    EventHandle event = nullptr;
    Call call = {};
  };
  EventHandle take_event();
  bool has_thread();
  void serve();
  void run(const Notice& notice) noexcept;

  Context& context_;
  mutable std::mutex mutex_;
  mutable std::condition_variable has_notices_, is_done_;
  std::list<Notice> notices_;       // the first one may be under way
  std::vector<EventHandle> events_; // not in use
  size_t events_made_ = 0;
  bool is_stopping_ = false;
  std::thread thread_;
};

} // namespace adjoint::cuda
