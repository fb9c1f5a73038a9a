// The CUDA device. Everything that an engine asks for is put on one stream and done in that order, so memory
// may be given away as soon as the work that uses it has been submitted: the next user submits later. Nothing
// here waits for the device except reads that hand over bytes, and wait().
#include "cuda/driver/cuda_device.h"

#include <algorithm>
#include <cstring>

#include "cuda/driver/blas.h"
#include "cuda/driver/notices.h"
#include "cuda/driver/sequence.h"
#include "device/error.h"

namespace adjoint::cuda {

namespace {

constexpr unsigned non_blocking = 1; // CU_STREAM_NON_BLOCKING
constexpr size_t staged_alignment = 64;
constexpr size_t chunk_bytes = Staging::chunk_bytes;
// The largest upload that shares a chunk with others; larger ones have chunks of their own.
constexpr size_t largest_shared_bytes = chunk_bytes / 4;

struct Stream {
  explicit Stream(Gpu& gpu) : gpu(gpu) {
    gpu.context.enter();
    gpu.context.check(driver().cuStreamCreate(&handle, non_blocking), "making a stream");
    arena = &gpu.pool.open(handle);
  }
  ~Stream() {
    const bool is_entered = gpu.context.enter_quietly();
    if (is_entered) driver().cuStreamSynchronize(handle);
    gpu.pool.close(*arena); // other threads know the stream until then
    if (is_entered) driver().cuStreamDestroy_v2(handle);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  Gpu& gpu;
  StreamHandle handle = nullptr;
  Pool::Arena* arena = nullptr;
};

DevicePointer address_of(const Buffer& buffer) { return reinterpret_cast<uintptr_t>(buffer.data); }

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(Gpu& gpu) : gpu_(gpu), stream_(gpu) {}
  ~CudaDevice() override {
    // Work under way still uses the members that go first.
    if (gpu_.context.enter_quietly()) driver().cuStreamSynchronize(stream_.handle);
  }

  std::string name() const override { return gpu_.context.info.label(); }
  bool is_host() const override { return false; }

  Ref<Buffer> allocate(int64_t bytes) override {
    Ref<Buffer> buffer = new Buffer(*this, bytes);
    buffer->data = reinterpret_cast<void*>(static_cast<uintptr_t>(gpu_.pool.allocate(*stream_.arena, bytes)));
    live_bytes_ += bytes;
    return buffer;
  }
  void free(Buffer& buffer) noexcept override {
    live_bytes_ -= buffer.bytes;
    gpu_.pool.free(address_of(buffer));
  }

  void upload(Buffer& to, const void* from, int64_t bytes) override {
    gpu_.context.enter();
    copy_in(address_of(to), from, static_cast<size_t>(bytes));
  }
  void download(void* to, const Buffer& from, int64_t bytes) const override {
    gpu_.context.enter();
    copy_out(stream_.handle, to, address_of(from), static_cast<size_t>(bytes));
  }
  void read(void* to, const Buffer& from, int64_t bytes, ReadCall done) override {
    gpu_.context.enter();
    const auto size = static_cast<size_t>(bytes);
    Staging::Lease chunk;
    if (size <= chunk_bytes) chunk = gpu_.staging.lease_at_once();
    if (!chunk) {
      return notices_.add(stream_.handle, [this, to, address = address_of(from), size,
                                           done = std::move(done)](const std::exception* problem) {
        if (problem) return done(problem);
        try {
          if (!copies_) copies_.emplace(gpu_);
          copy_out(copies_->handle, to, address, size);
        } catch (const std::exception& error) {
          return done(&error);
        }
        done(nullptr);
      });
    }
    copy_async(chunk.data(), address_of(from), size, stream_.handle);
    auto shared = std::make_shared<Staging::Lease>(std::move(chunk));
    notices_.add(stream_.handle, [to, size, shared, done = std::move(done)](const std::exception* problem) {
      if (!problem && size > 0) std::memcpy(to, shared->data(), size);
      done(problem);
    });
  }

  std::unique_ptr<CompiledKernel> compile(const Kernel& kernel) override {
    gpu_.context.enter();
    auto compiled = std::make_unique<CudaKernel>();
    if (const auto* routine = std::get_if<RoutineKernel>(&kernel); routine && routine->modes.prefers_library)
      compiled->gemm = gemm_of(product_of(*routine));
    if (compiled->gemm) {
      if (!blas_) blas_ = std::make_unique<BlasStream>(gpu_, stream_.handle, *stream_.arena);
      return compiled;
    }
    compiled->code = make_code(kernel, gpu_.context.info.chip);
    compiled->module = gpu_.modules.load(compiled->code->ptx);
    for (const std::string& name : compiled->code->functions)
      compiled->functions.push_back(compiled->module->function(name));
    return compiled;
  }

  void submit(std::shared_ptr<Work> work, bool) override {
    gpu_.context.enter();
    Sequence& sequence = sequences_.find(gpu_, stream_.handle, *work);
    if (!sequence.is_empty()) launch(sequence, *work);
    work->is_done.store(true, std::memory_order_release);
  }

  bool is_idle() const override {
    if (!notices_.is_empty()) return false;
    return !gpu_.context.enter_quietly() || driver().cuStreamQuery(stream_.handle) != result::not_ready;
  }
  void wait() override {
    Result result = result::success;
    if (gpu_.context.enter_quietly()) result = driver().cuStreamSynchronize(stream_.handle);
    notices_.wait();
    if (result == result::deinitialized) return; // the process is ending, and nothing runs any more
    gpu_.context.require_alive();
    gpu_.context.check(result, "running kernels");
  }
  void notify(std::function<void()> done) override {
    gpu_.context.enter();
    if (is_idle()) return done();
    notices_.add(stream_.handle, [done = std::move(done)](const std::exception*) { done(); });
  }

  int64_t capacity_bytes() const override {
    const Pool::Statistics statistics = gpu_.pool.statistics();
    const int64_t held_by_others = std::max<int64_t>(statistics.allocated_bytes - live_bytes_, 0);
    return statistics.limit_bytes - held_by_others;
  }
  int64_t total_bytes() const override { return gpu_.context.info.total_bytes; }
  int64_t live_bytes() const override { return live_bytes_; }

 private:
  // Staged memory that the next copy to the device may come from.
  std::byte* stage(size_t bytes) {
    if (!chunk_ || staged_bytes_ + bytes > chunk_bytes) {
      if (chunk_) chunk_.mark(stream_.handle);
      chunk_ = {};
      chunk_ = gpu_.staging.lease();
      staged_bytes_ = 0;
    }
    std::byte* const place = chunk_.data() + staged_bytes_;
    staged_bytes_ += (bytes + staged_alignment - 1) / staged_alignment * staged_alignment;
    return place;
  }

  void copy_async(DevicePointer to, const std::byte* staged, size_t bytes) {
    if (bytes > 0)
      gpu_.context.check(driver().cuMemcpyHtoDAsync_v2(to, staged, bytes, stream_.handle),
                         "copying to the device");
  }
  void copy_async(std::byte* staged, DevicePointer from, size_t bytes, StreamHandle stream) const {
    if (bytes > 0)
      gpu_.context.check(driver().cuMemcpyDtoHAsync_v2(staged, from, bytes, stream),
                         "copying from the device");
  }

  void copy_in(DevicePointer to, const void* from, size_t bytes) {
    const auto* source = static_cast<const std::byte*>(from);
    if (bytes <= largest_shared_bytes) {
      std::byte* const place = stage(bytes);
      if (bytes > 0) std::memcpy(place, source, bytes);
      return copy_async(to, place, bytes);
    }
    for (size_t begin = 0; begin < bytes; begin += chunk_bytes) {
      const size_t part = std::min(chunk_bytes, bytes - begin);
      Staging::Lease chunk = gpu_.staging.lease();
      std::memcpy(chunk.data(), source + begin, part);
      copy_async(to + begin, chunk.data(), part);
      chunk.mark(stream_.handle);
    }
  }

  // The device copies one chunk while the one before is handed over.
  void copy_out(StreamHandle stream, void* to, DevicePointer from, size_t bytes) const {
    Staging::Lease previous;
    auto* target = static_cast<std::byte*>(to);
    size_t previous_bytes = 0;
    const auto hand_over = [&] {
      if (!previous) return;
      previous.wait();
      std::memcpy(target, previous.data(), previous_bytes);
      target += previous_bytes;
    };
    for (size_t begin = 0; begin < bytes; begin += chunk_bytes) {
      const size_t part = std::min(chunk_bytes, bytes - begin);
      Staging::Lease chunk = gpu_.staging.lease();
      copy_async(chunk.data(), from + begin, part, stream);
      chunk.mark(stream);
      hand_over();
      previous = std::move(chunk);
      previous_bytes = part;
    }
    hand_over();
  }

  Scratch scratch_for(const Sequence& sequence) {
    if (sequence.partials_bytes() > partials_bytes_) {
      partials_bytes_ = 0;
      partials_ = {}; // the old and the new one need not exist at once
      partials_ = DeviceMemory(gpu_.pool, *stream_.arena, sequence.partials_bytes());
      partials_bytes_ = sequence.partials_bytes();
    }
    if (sequence.ticket_count() > ticket_count_) {
      const auto count = static_cast<size_t>(sequence.ticket_count());
      ticket_count_ = 0;
      tickets_ = {};
      tickets_ = DeviceMemory(gpu_.pool, *stream_.arena, sequence.ticket_count() * int64_t{sizeof(uint32_t)});
      gpu_.context.check(driver().cuMemsetD32Async(tickets_.address(), 0, count, stream_.handle),
                         "clearing memory");
      ticket_count_ = sequence.ticket_count();
    }
    return {partials_.address(), tickets_.address()};
  }

  void launch(Sequence& sequence, const Work& work) {
    sequence.count_run(*stream_.arena);
    const Scratch scratch = scratch_for(sequence);
    const size_t bytes = sequence.table_bytes();
    DeviceMemory own_table;
    if (!sequence.has_graph())
      own_table = DeviceMemory(gpu_.pool, *stream_.arena, static_cast<int64_t>(bytes));
    const DevicePointer table = sequence.has_graph() ? sequence.graph_table() : own_table.address();
    if (bytes <= largest_shared_bytes) {
      std::byte* const place = stage(bytes);
      sequence.fill_table(work, scratch, reinterpret_cast<uint64_t*>(place));
      copy_async(table, place, bytes);
    } else {
      std::vector<uint64_t> words(bytes / sizeof(uint64_t));
      sequence.fill_table(work, scratch, words.data());
      copy_in(table, words.data(), bytes);
    }
    if (sequence.has_graph())
      sequence.launch_graph();
    else
      sequence.launch(table, work, blas_.get());
  }

  // In this order, since later members go first.
  Gpu& gpu_;
  Stream stream_;
  std::optional<Stream> copies_; // of the notices' thread, for reads that do not fit a chunk
  int64_t live_bytes_ = 0;
  Staging::Lease chunk_;
  size_t staged_bytes_ = 0; // of the chunk
  DeviceMemory partials_, tickets_;
  int64_t partials_bytes_ = 0, ticket_count_ = 0;
  std::unique_ptr<BlasStream> blas_; // from the first product on that is cuBLAS's
  Sequences sequences_;
  Notices notices_{gpu_.context};
};

} // namespace

std::unique_ptr<Device> make_device(int64_t ordinal) {
  return std::make_unique<CudaDevice>(Gpu::at(ordinal));
}

} // namespace adjoint::cuda
