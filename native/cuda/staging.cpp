#include "cuda/staging.h"

namespace adjoint::cuda {

namespace {

constexpr size_t many_chunks = 16; // 8 MiB keep a device busy
constexpr unsigned portable = 1;   // CU_MEMHOSTALLOC_PORTABLE

} // namespace

void Staging::Lease::mark(StreamHandle stream) {
  staging_->context_.check(driver().cuEventRecord(chunk_.passed, stream), "copying");
  is_marked_ = true;
}

void Staging::Lease::wait() {
  staging_->context_.check(driver().cuEventSynchronize(chunk_.passed), "copying");
  is_marked_ = false;
}

Staging::Chunk Staging::make() {
  Chunk chunk;
  void* data = nullptr;
  context_.check(driver().cuEventCreate(&chunk.passed, event_flags::no_timing), "making an event");
  context_.check(driver().cuMemHostAlloc(&data, chunk_bytes, portable), "allocating page-locked memory");
  chunk.data = static_cast<std::byte*>(data);
  return chunk;
}

Staging::Lease Staging::lease() {
  Chunk chunk;
  {
    const std::lock_guard lock(mutex_);
    if (!ready_.empty()) {
      chunk = ready_.back();
      ready_.pop_back();
      return {*this, chunk};
    }
    const bool may_wait = made_ >= many_chunks;
    if (passing_.empty() ||
        (!may_wait && driver().cuEventQuery(passing_.front().passed) == result::not_ready)) {
      // Room for all of them, so that taking one back needs no memory.
      ready_.reserve(made_ + 1);
      chunk = make();
      ++made_;
      return {*this, chunk};
    }
    chunk = passing_.front();
    passing_.pop_front();
  }
  Lease lease(*this, chunk);
  lease.wait();
  return lease;
}

Staging::Lease Staging::lease_if_few() {
  {
    const std::lock_guard lock(mutex_);
    if (made_ - ready_.size() - passing_.size() >= many_chunks) return {};
  }
  return lease();
}

void Staging::take_back(Chunk chunk, bool is_marked) noexcept {
  const std::lock_guard lock(mutex_);
  if (!is_marked) return ready_.push_back(chunk);
  try {
    passing_.push_back(chunk);
  } catch (const std::bad_alloc&) {
    --made_; // lost: the device may still use it
  }
}

} // namespace adjoint::cuda
