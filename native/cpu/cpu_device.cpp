// The CPU device: host memory from a process-wide cache, and kernels on the calling thread.
#include "cpu/cpu_device.h"

#include <cstring>

#include "cpu/allocator.h"
#include "cpu/kernels.h"
#include "device/error.h"
#include "ops/op.h"

namespace adjoint::cpu {

namespace {

class CpuDevice final : public Device {
 public:
  Ref<Buffer> allocate(int64_t bytes) override {
    void* data = live_bytes_ + bytes > capacity_bytes_ ? nullptr : Allocator::shared().allocate(bytes);
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
    Allocator::shared().free(buffer.data, buffer.bytes);
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
      return info(kernel.op).arity == 1 ? run_unary(kernel)
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
};

} // namespace

std::unique_ptr<Device> make_device() { return std::make_unique<CpuDevice>(); }

} // namespace adjoint::cpu
