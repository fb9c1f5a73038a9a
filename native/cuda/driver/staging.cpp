#include "cuda/driver/staging.h"

#include "device/error.h"

namespace adjoint::cuda {

namespace {

constexpr size_t many_chunks = 32; // 16 MiB keep devices busy
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
  ready_.reserve(made_ + 1); // so that taking one back needs no memory
  Chunk chunk;
  void* data = nullptr;
  const Result result = driver().cuMemHostAlloc(&data, chunk_bytes, portable);
  if (result == result::out_of_memory)
    throw Error(ErrorClass::error, "ERR_HOST_OOM",
                "out of memory: copies to and from " + context_.info.label() +
                    " need page-locked host memory, and the system gives no more of it");
  context_.check(result, "allocating page-locked memory");
  context_.check(driver().cuEventCreate(&chunk.passed, event_flags::no_timing), "making an event");
  chunk.data = static_cast<std::byte*>(data);
  ++made_;
  return chunk;
}

Staging::Lease Staging::lease() {
  if (Lease lease = lease_at_once()) return lease;
  Chunk chunk;
  {
    const std::lock_guard lock(mutex_);
    if (passing_.empty()) return {*this, make()};
    chunk = passing_.front();
    passing_.pop_front();
  }
  Lease lease(*this, chunk);
  lease.wait();
  return lease;
}

Staging::Lease Staging::lease_at_once() {
  const std::lock_guard lock(mutex_);
  Chunk chunk;
  if (!ready_.empty()) {
    chunk = ready_.back();
    ready_.pop_back();
  } else if (!passing_.empty() && driver().cuEventQuery(passing_.front().passed) == result::success) {
    chunk = passing_.front();
    passing_.pop_front();
  } else if (made_ < many_chunks) {
    chunk = make();
  } else {
    return {};
  }
  return {*this, chunk};
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
