#include "cpu/queue.h"

#include <new>

#include "device/thread.h"

namespace adjoint::cpu {

namespace {

// About a millisecond. Smaller work is done sooner than handed over: where processors are few, the waking
// thread takes the place of a working one.
constexpr int64_t large_cost = int64_t{64} << 20;
// Waiting work holds memory, so a program that only submits is slowed down to the pace of the work.
constexpr size_t max_unfinished = 2;

} // namespace

Queue::~Queue() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  has_items_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::byte* Queue::memory_for(const Work& work) {
  const auto bytes = static_cast<size_t>(work.thread_bytes);
  if (bytes == 0) return nullptr;
  if (memories_.empty() || memories_.back().bytes() < bytes) {
    std::list<ThreadMemory> larger(1);
    if (!larger.back().reserve(bytes)) throw std::bad_alloc();
    if (is_idle()) memories_.clear();
    memories_.splice(memories_.end(), larger);
  }
  return memories_.back().data();
}

void Queue::run(Work& work, std::byte* memory) const noexcept {
  for (const Work::Launch& launch : work.launches)
    launch_(*launch.kernel, {work.instances.data() + launch.first_instance, launch.instance_count}, memory);
  work.is_done.store(true, std::memory_order_release);
}

void Queue::submit(std::shared_ptr<Work> work, bool caller_waits) {
  std::byte* const memory = memory_for(*work);
  if (caller_waits) wait();
  if (is_idle() && (caller_waits || work->cost < large_cost || !has_thread())) return run(*work, memory);
  std::list<Item> one(1);
  one.back().work = std::move(work);
  one.back().memory = memory;
  {
    std::unique_lock lock(mutex_);
    while (unfinished_works_ >= max_unfinished) help(lock);
    ++unfinished_works_;
  }
  push(std::move(one));
}

void Queue::notify(std::function<void()> done) {
  if (is_idle()) return done();
  std::list<Item> one(1);
  one.back().notice = std::move(done);
  push(std::move(one));
}

void Queue::push(std::list<Item> one) noexcept {
  const std::lock_guard lock(mutex_);
  items_.splice(items_.end(), one);
  ++unfinished_;
  has_items_.notify_one();
}

bool Queue::has_thread() {
  if (thread_.joinable()) return true;
  thread_ = start_thread([this] { serve(); });
  return thread_.joinable();
}

void Queue::wait() {
  if (is_idle()) return;
  std::unique_lock lock(mutex_);
  while (!is_idle()) help(lock);
}

// A waiting thread does the work that the queue's thread has not begun, since that may take long to wake.
void Queue::help(std::unique_lock<std::mutex>& lock) {
  if (can_take())
    run_next(lock);
  else
    has_finished_.wait(lock);
}

void Queue::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    has_items_.wait(lock, [this] { return can_take() || (items_.empty() && is_stopping_); });
    if (!can_take()) return;
    run_next(lock);
  }
}

void Queue::run_next(std::unique_lock<std::mutex>& lock) {
  std::list<Item> one;
  one.splice(one.end(), items_, items_.begin());
  Item& item = one.back();
  is_running_ = true;
  lock.unlock();
  if (item.work)
    run(*item.work, item.memory);
  else
    item.notice();
  const bool was_work = item.work != nullptr;
  one.clear();
  lock.lock();
  is_running_ = false;
  --unfinished_;
  if (was_work) --unfinished_works_;
  has_finished_.notify_all();
  if (!items_.empty()) has_items_.notify_one();
}

} // namespace adjoint::cpu
