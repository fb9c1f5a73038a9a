// Page-locked host memory, through which all copies go: the device copies from it and to it by itself, while
// the caller's memory may change or be gone as soon as the call returns.
#pragma once
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "cuda/driver/context.h"

namespace adjoint::cuda {

class Staging {
 public:
  static constexpr size_t chunk_bytes = size_t{512} << 10;

  explicit Staging(Context& context) : context_(context) {}

  struct Chunk {
    std::byte* data = nullptr;
    EventHandle passed = nullptr; // the device has done with it
  };
  // A chunk on loan. Once marked, it is used again only after all work that had been submitted to the stream
  // by then.
  class Lease {
   public:
    Lease() = default;
    Lease(Staging& staging, Chunk chunk) : staging_(&staging), chunk_(chunk) {}
    Lease(Lease&& other) noexcept { *this = std::move(other); }
    Lease& operator=(Lease&& other) noexcept {
      std::swap(staging_, other.staging_);
      std::swap(chunk_, other.chunk_);
      std::swap(is_marked_, other.is_marked_);
      return *this;
    }
    ~Lease() {
      if (staging_) staging_->take_back(chunk_, is_marked_);
    }
    std::byte* data() const { return chunk_.data; }
    explicit operator bool() const { return staging_ != nullptr; }
    void mark(StreamHandle stream);
    void wait(); // for the mark

   private:
    Staging* staging_ = nullptr;
    Chunk chunk_;
    bool is_marked_ = false;
  };

  // The context must be entered. Waits for a chunk that the device still works with rather than make too
  // many.
  Lease lease();
  // The same, or none where it would have to wait.
  Lease lease_at_once();

 private:
  void take_back(Chunk chunk, bool is_marked) noexcept;
  Chunk make();

  Context& context_;
  std::mutex mutex_;
  std::vector<Chunk> ready_;
  std::deque<Chunk> passing_; // in the order in which they were marked
  size_t made_ = 0;
};

} // namespace adjoint::cuda
