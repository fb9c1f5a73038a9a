#include "cpu/queue.h"

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

void Queue::run(Work& work) const {
  for (const Work::Launch& launch : work.launches)
    launch_(*launch.kernel, {work.instances.data() + launch.first_instance, launch.instance_count});
  work.is_done.store(true, std::memory_order_release);
}

void Queue::submit(std::shared_ptr<Work> work, bool caller_waits) {
  if (caller_waits) wait();
  if (is_idle() && (caller_waits || work->cost < large_cost || !has_thread())) return run(*work);
  {
    std::unique_lock lock(mutex_);
    while (unfinished_works_ >= max_unfinished) help(lock);
    ++unfinished_works_;
  }
  push({std::move(work), {}});
}

void Queue::notify(std::function<void()> done) {
  if (is_idle()) return done();
  push({nullptr, std::move(done)});
}

void Queue::push(Item item) {
  const std::lock_guard lock(mutex_);
  items_.push_back(std::move(item));
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
  Item item = std::move(items_.front());
  items_.pop_front();
  is_running_ = true;
  lock.unlock();
  if (item.work)
    run(*item.work);
  else
    item.notice();
  const bool was_work = item.work != nullptr;
  item = {};
  lock.lock();
  is_running_ = false;
  --unfinished_;
  if (was_work) --unfinished_works_;
  has_finished_.notify_all();
  if (!items_.empty()) has_items_.notify_one();
}

} // namespace adjoint::cpu
