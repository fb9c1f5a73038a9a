// Runs submitted work in order: small work at once on the calling thread, large work on a thread of its own,
// so that JavaScript goes on meanwhile.
#pragma once
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "cpu/thread_memory.h"
#include "device/device.h"

namespace adjoint::cpu {

class Queue {
 public:
  // Runs a kernel to its end, on any thread.
  using Launch = void (*)(const CompiledKernel& kernel, std::span<const Instance> instances,
                          std::byte* memory) noexcept;
  explicit Queue(Launch launch) : launch_(launch) {}
  ~Queue();
  // Throws std::bad_alloc, if at all, before anything has begun.
  void submit(std::shared_ptr<Work> work, bool caller_waits);
  bool is_idle() const { return unfinished_.load(std::memory_order_acquire) == 0; }
  void wait();
  // Calls `done` when everything submitted so far is done; from the queue's thread, or at once. It counts as
  // submitted itself: calls come in order, and none after wait().
  void notify(std::function<void()> done);

 private:
  struct Item {
    std::shared_ptr<Work> work; // and the memory that it runs in, or
    std::byte* memory = nullptr;
    std::function<void()> notice; // a call that is wanted at this point
  };
  std::byte* memory_for(const Work& work);
  void run(Work& work, std::byte* memory) const noexcept;
  void push(std::list<Item> one) noexcept;
  bool has_thread(); // starts it, unless the system has none to give
  void serve();
  bool can_take() const { return !items_.empty() && !is_running_; }
  void help(std::unique_lock<std::mutex>& lock);     // by an item, or by waiting until one is done
  void run_next(std::unique_lock<std::mutex>& lock); // which it lets go meanwhile

  const Launch launch_;
  std::mutex mutex_;
  std::condition_variable has_items_, has_finished_;
  std::list<Item> items_;
  // One item runs at a time. The last memory is the largest; an earlier one may be that of an item that waits or runs.
  std::list<ThreadMemory> memories_;
  std::atomic<size_t> unfinished_ = 0; // items, waiting or running
  size_t unfinished_works_ = 0;
  bool is_running_ = false; // an item, on whatever thread
  bool is_stopping_ = false;
  std::thread thread_;
};

} // namespace adjoint::cpu
