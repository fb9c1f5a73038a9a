// The CPU device: host memory from a process-wide cache; a kernel begins and ends on the calling thread.
#include "cpu/cpu_device.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <vector>

#include "cpu/allocator.h"
#include "cpu/jit/segment.h"
#include "cpu/pool.h"
#include "cpu/program.h"
#include "cpu/queue.h"
#include "cpu/routine.h"
#include "device/error.h"
#include "device/sanitizers.h"

namespace adjoint::cpu {

namespace {

// Blocks for scalars and small vectors: one size, kept by the engine's own thread without a lock.
constexpr int64_t small_bytes = 64;
constexpr size_t most_small_blocks = blocks_are_exact ? 0 : 4096;
constexpr int64_t block_bytes(int64_t bytes) {
  return bytes <= small_bytes && !blocks_are_exact ? small_bytes : bytes;
}

// The bytes that the engines of all threads hold, small blocks aside.
std::atomic<int64_t> held_bytes = 0;

struct CpuKernel final : CompiledKernel {
  using Compiled = std::variant<CpuProgram, Routine>;
  explicit CpuKernel(Compiled work) : work(std::move(work)) {}
  int64_t scratch_bytes() const override {
    return std::visit([](const auto& compiled) { return compiled.scratch_bytes; }, work);
  }
  int64_t thread_bytes() const override {
    const auto* program = std::get_if<CpuProgram>(&work);
    return program ? static_cast<int64_t>(program->thread_bytes) : 0;
  }
  const Compiled work;
};

Routine routine_of(const RoutineKernel& kernel) {
  switch (kernel.op) {
#define ROUTINE_ON_every(name)                                                                               \
  case Op::name:                                                                                             \
    return routine_of_##name(kernel);
#define ROUTINE_ON_host(name) ROUTINE_ON_every(name)
#define ROUTINE_ON_nowhere(name)
#define ROUTINE(name, label, in, out, keeps, dtypes, trait, failure, effort, devices, parameters)            \
  ROUTINE_ON_##devices(name)
#include "ops/routines.def"
#undef ROUTINE
#undef ROUTINE_ON_every
#undef ROUTINE_ON_host
#undef ROUTINE_ON_nowhere
  default:
    throw internal_error(std::string(info(kernel.op).name) + " has no kernel for the CPU");
  }
}

template <class... Bodies> struct Overloaded : Bodies... {
  using Bodies::operator()...;
};

Error out_of_memory(const std::string& message) {
  return {ErrorClass::error, "ERR_HOST_OOM", "out of memory: " + message};
}

class CpuDevice final : public Device {
 public:
  CpuDevice() { small_blocks_.reserve(most_small_blocks); }
  ~CpuDevice() override {
    for (void* block : small_blocks_) Allocator::shared().free(block, small_bytes);
  }
  std::string name() const override { return "cpu"; }
  bool is_host() const override { return true; }
  Ref<Buffer> allocate(int64_t bytes) override {
    Ref<Buffer> buffer = new Buffer(*this, bytes);
    if (bytes <= small_bytes && !small_blocks_.empty()) {
      buffer->data = small_blocks_.back();
      small_blocks_.pop_back();
    } else if (bytes <= small_bytes) {
      buffer->data = Allocator::shared().allocate(block_bytes(bytes));
    } else if (held_bytes.fetch_add(bytes) + bytes > usable_bytes_ ||
               !(buffer->data = Allocator::shared().allocate(bytes))) {
      held_bytes -= bytes;
    }
    if (!buffer->data)
      throw out_of_memory(std::to_string(bytes) + " bytes were wanted, tensors hold " +
                          std::to_string(live_bytes_) + " of at most " + std::to_string(capacity_bytes()) +
                          "; dispose() of tensors that are no longer needed, or raise ADJOINT_MAX_BYTES");
    live_bytes_ += bytes;
    return buffer;
  }
  void free(Buffer& buffer) noexcept override {
    live_bytes_ -= buffer.bytes;
    if (buffer.bytes > small_bytes) {
      held_bytes -= buffer.bytes;
      Allocator::shared().free(buffer.data, buffer.bytes);
    } else if (small_blocks_.size() < small_blocks_.capacity()) {
      small_blocks_.push_back(buffer.data);
    } else {
      Allocator::shared().free(buffer.data, block_bytes(buffer.bytes));
    }
  }
  void upload(Buffer& to, const void* from, int64_t bytes) override { copy(to.data, from, bytes); }
  void download(void* to, const Buffer& from, int64_t bytes) const override {
    queue_.wait();
    copy(to, from.data, bytes);
  }
  void read(void* to, const Buffer& from, int64_t bytes, ReadCall done) override {
    queue_.notify([to, data = from.data, bytes, done = std::move(done)] {
      copy(to, data, bytes);
      done(nullptr);
    });
  }
  std::unique_ptr<CompiledKernel> compile(const Kernel& kernel) override {
    try {
      return std::make_unique<CpuKernel>(std::visit(
          Overloaded{
              [this](const FusedKernel& fused) -> CpuKernel::Compiled {
                return compile_fused(fused, loops_, encoding_);
              },
              [](const RoutineKernel& routine) -> CpuKernel::Compiled { return routine_of(routine); },
          },
          kernel));
    } catch (const std::bad_alloc&) {
      throw out_of_memory("a kernel could not be compiled");
    }
  }
  void submit(std::shared_ptr<Work> work, bool caller_waits) override {
    queue_.submit(std::move(work), caller_waits);
  }
  bool is_idle() const override { return queue_.is_idle(); }
  void wait() override { queue_.wait(); }
  void notify(std::function<void()> done) override { queue_.notify(std::move(done)); }
  int64_t capacity_bytes() const override {
    const int64_t held_by_others = std::max<int64_t>(held_bytes - live_bytes_, 0);
    return std::max<int64_t>(usable_bytes_ - held_by_others, 0);
  }
  int64_t total_bytes() const override { return usable_bytes_; }
  int64_t live_bytes() const override { return live_bytes_; }

 private:
  static void copy(void* to, const void* from, int64_t bytes) {
    if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
  }

  const Isa isa_ = chosen_isa();
  const LoopTable& loops_ = loops_for(isa_);
  const Encoding encoding_ = encoding_for(isa_);
  const int64_t usable_bytes_ = usable_memory_bytes();
  int64_t live_bytes_ = 0;
  std::vector<void*> small_blocks_;
  mutable Queue queue_{launch_kernel}; // last: it ends before the members that its work uses
};

} // namespace

void launch_kernel(const CompiledKernel& kernel, std::span<const Instance> instances,
                   std::byte* memory) noexcept {
  std::visit(Overloaded{
                 [&](const CpuProgram& program) { run_fused(program, instances, memory); },
                 [&](const Routine& routine) {
                   for (const Instance& instance : instances) routine.run(instance);
                 },
             },
             static_cast<const CpuKernel&>(kernel).work);
}

std::unique_ptr<Device> make_device() {
  // Impossible environment variables are reported now.
  thread_count();
  Allocator::shared();
  return std::make_unique<CpuDevice>();
}

} // namespace adjoint::cpu
