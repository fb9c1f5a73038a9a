// Runs submitted work in order: small work at once on the calling thread, large work on a thread of its own,
// so that JavaScript goes on meanwhile.
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
  // Runs a kernel to its end, on any thread.
  using Launch = void (*)(const CompiledKernel& kernel, std::span<const Instance> instances);
  explicit Queue(Launch launch) : launch_(launch) {}
  ~Queue();
  void submit(std::shared_ptr<Work> work, bool caller_waits);
  bool is_idle() const { return unfinished_.load(std::memory_order_acquire) == 0; }
  void wait();
  // Calls `done` when everything submitted so far is done; from the queue's thread, or at once. It counts as
  // submitted itself: calls come in order, and none after wait().
  void notify(std::function<void()> done);

 private:
  struct Item {
    std::shared_ptr<Work> work;   // or
    std::function<void()> notice; // a call that is wanted at this point
  };
  void run(Work& work) const;
  void push(Item item);
  bool has_thread(); // starts it, unless the system has none to give
  void serve();
  bool can_take() const { return !items_.empty() && !is_running_; }
  void help(std::unique_lock<std::mutex>& lock);     // by an item, or by waiting until one is done
  void run_next(std::unique_lock<std::mutex>& lock); // which it lets go meanwhile

  const Launch launch_;
  std::mutex mutex_;
  std::condition_variable has_items_, has_finished_;
  std::deque<Item> items_;
  std::atomic<size_t> unfinished_ = 0; // items, waiting or running
  size_t unfinished_works_ = 0;
  bool is_running_ = false; // an item, on whatever thread
  bool is_stopping_ = false;
  std::thread thread_;
};

} // namespace adjoint::cpu
