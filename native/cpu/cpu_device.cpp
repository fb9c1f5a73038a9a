// The CPU device: host memory from a process-wide cache, and kernels on the calling thread.
#include "cpu/cpu_device.h"

#include <cstring>
#include <vector>

#include "cpu/allocator.h"
#include "cpu/kernels.h"
#include "device/error.h"
#include "ops/op.h"

namespace adjoint::cpu {

namespace {

// Scalars and small vectors: one size, kept by the engine's own thread without a lock.
constexpr int64_t small_bytes = 64;
constexpr size_t most_small_blocks = 4096;

class CpuDevice final : public Device {
 public:
  CpuDevice() { small_blocks_.reserve(most_small_blocks); }
  ~CpuDevice() override {
    for (void* block : small_blocks_) Allocator::shared().free(block, small_bytes);
  }
  Ref<Buffer> allocate(int64_t bytes) override {
    void* data = nullptr;
    if (bytes <= small_bytes && !small_blocks_.empty()) {
      data = small_blocks_.back();
      small_blocks_.pop_back();
    } else if (live_bytes_ + bytes <= capacity_bytes_) {
      data = Allocator::shared().allocate(bytes <= small_bytes ? small_bytes : bytes);
    }
    if (!data)
      throw Error(ErrorClass::error, "ERR_HOST_OOM",
                  "out of memory: " + std::to_string(bytes) + " bytes were wanted, tensors hold " +
                      std::to_string(live_bytes_) + " of at most " + std::to_string(capacity_bytes_) +
                      "; dispose() of tensors that are no longer needed, or raise ADJOINT_MAX_BYTES");
    live_bytes_ += bytes;
    return new Buffer(*this, data, bytes);
  }
  void free(Buffer& buffer) noexcept override {
    live_bytes_ -= buffer.bytes;
    if (buffer.bytes > small_bytes)
      Allocator::shared().free(buffer.data, buffer.bytes);
    else if (small_blocks_.size() < small_blocks_.capacity())
      small_blocks_.push_back(buffer.data);
    else
      Allocator::shared().free(buffer.data, small_bytes);
  }
  void upload(Buffer& to, const void* from, int64_t bytes) override {
    if (bytes > 0) std::memcpy(to.data, from, static_cast<size_t>(bytes));
  }
  void download(void* to, const Buffer& from, int64_t bytes) override {
    if (bytes > 0) std::memcpy(to, from.data, static_cast<size_t>(bytes));
  }
  void launch(const Kernel& kernel) override {
    if (kernel.op == Op::to) return run_cast(kernel);
    if (kernel.op == Op::matmul) return run_matmul(kernel);
    switch (info(kernel.op).kind) {
    case Kind::elementwise:
      return info(kernel.op).arity == 1   ? run_unary(kernel)
             : info(kernel.op).arity == 2 ? run_binary(kernel)
                                          : run_ternary(kernel);
    case Kind::reduction:
      return run_reduction(kernel);
    default:
      return run_generator(kernel);
    }
  }
  int64_t capacity_bytes() const override { return capacity_bytes_; }
  int64_t live_bytes() const override { return live_bytes_; }

 private:
  const int64_t capacity_bytes_ = usable_memory_bytes();
  int64_t live_bytes_ = 0;
  std::vector<void*> small_blocks_;
};

} // namespace

std::unique_ptr<Device> make_device() { return std::make_unique<CpuDevice>(); }

} // namespace adjoint::cpu
