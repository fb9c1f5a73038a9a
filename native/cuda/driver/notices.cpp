#include "cuda/driver/notices.h"

#include "device/thread.h"

namespace adjoint::cuda {

Notices::~Notices() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  has_notices_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (context_.enter_quietly())
    for (EventHandle event : events_) driver().cuEventDestroy_v2(event);
}

void Notices::add(StreamHandle stream, Call call) {
  std::list<Notice> one(1);
  Notice& notice = one.back();
  notice.call = std::move(call);
  notice.event = take_event();
  try {
    context_.check(driver().cuEventRecord(notice.event, stream), "marking a point of the stream");
  } catch (...) {
    const std::lock_guard lock(mutex_);
    events_.push_back(notice.event);
    throw;
  }
  std::unique_lock lock(mutex_);
  notices_.splice(notices_.end(), one);
  if (has_thread()) return has_notices_.notify_one();
  // The system has no thread to give, so this one runs it.
  lock.unlock();
  run(notices_.front());
  lock.lock();
  events_.push_back(notices_.front().event);
  notices_.pop_front();
}

bool Notices::is_empty() const {
  const std::lock_guard lock(mutex_);
  return notices_.empty();
}

void Notices::wait() const {
  std::unique_lock lock(mutex_);
  is_done_.wait(lock, [this] { return notices_.empty(); });
}

EventHandle Notices::take_event() {
  const std::lock_guard lock(mutex_);
  if (!events_.empty()) {
    const EventHandle event = events_.back();
    events_.pop_back();
    return event;
  }
  events_.reserve(events_made_ + 1); // so that giving one back needs no memory
  EventHandle event = nullptr;
  context_.check(driver().cuEventCreate(&event, event_flags::blocking | event_flags::no_timing),
                 "making an event");
  ++events_made_;
  return event;
}

bool Notices::has_thread() {
  if (!thread_.joinable()) thread_ = start_thread([this] { serve(); });
  return thread_.joinable();
}

void Notices::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    has_notices_.wait(lock, [this] { return !notices_.empty() || is_stopping_; });
    if (notices_.empty()) return;
    // It stays in the list until its call has returned, so that nobody takes the list for empty.
    Notice& notice = notices_.front();
    lock.unlock();
    run(notice);
    notice.call = {};
    lock.lock();
    events_.push_back(notice.event);
    notices_.pop_front();
    is_done_.notify_all();
  }
}

void Notices::run(const Notice& notice) noexcept {
  try {
    context_.enter();
    context_.check(driver().cuEventSynchronize(notice.event), "running kernels");
  } catch (const std::exception& problem) {
    return notice.call(&problem);
  }
  notice.call(nullptr);
}

} // namespace adjoint::cuda
