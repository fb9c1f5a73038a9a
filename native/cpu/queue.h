// Runs what an engine submits, in order: small work at once on the calling thread, large work on a thread of
// its own, so that JavaScript goes on meanwhile.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "device/device.h"

namespace adjoint::cpu {

class Queue {
 public:
  ~Queue();
  void submit(std::shared_ptr<Work> work, bool caller_waits);
  bool is_idle() const { return unfinished_.load(std::memory_order_acquire) == 0; }
  void wait();
  // Calls `done` when everything submitted so far is done; from the queue's thread, or at once.
  void notify(std::function<void()> done);

 private:
  struct Item {
    std::shared_ptr<Work> work;   // or
    std::function<void()> notice; // a call that is wanted at this point
  };
  void push(Item item);
  void serve();

  std::mutex mutex_;
  std::condition_variable has_items_, has_finished_;
  std::deque<Item> items_;
  std::atomic<size_t> unfinished_ = 0; // works, waiting or running
  bool is_stopping_ = false;
  std::thread thread_;
};

} // namespace adjoint::cpu
