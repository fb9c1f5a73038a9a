#include "driver.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace stand_in {

namespace {

uint64_t nanoseconds() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

// Whatever still runs stops at its next instruction that jumps back; what has not begun never does.
void end() {
  Driver& state = driver();
  state.is_ending = true;
  const uint64_t deadline = nanoseconds() + 1'000'000'000;
  while (state.running > 0 && nanoseconds() < deadline) std::this_thread::yield();
  if (options().count)
    std::fprintf(
        stderr, "stand-in: launches %llu, graph launches %llu, modules %llu, allocations %llu, frees %llu\n",
        static_cast<unsigned long long>(state.launches),
        static_cast<unsigned long long>(state.graph_launches),
        static_cast<unsigned long long>(state.modules_loaded),
        static_cast<unsigned long long>(state.allocations), static_cast<unsigned long long>(state.frees));
}

constexpr auto PATIENCE = std::chrono::milliseconds(50);

} // namespace

Driver& driver() {
  static auto* made = [] {
    std::atexit(&end);
    return new Driver;
  }();
  return *made;
}

bool& in_host_function() {
  static thread_local bool is_in = false;
  return is_in;
}

// ---- streams

void Stream::start() {
  std::thread([self = shared_from_this()] { self->run(); }).detach();
}

void Stream::run() {
  Driver& state = driver();
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return !queue_.empty() || is_closed_; });
    if (queue_.empty()) return;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    ++state.running;
    if (state.is_ending) { // nobody waits for it any more
      --state.running;
      return;
    }
    work();
    work = nullptr;
    --state.running;
    lock.lock();
    ++done_;
    changed_.notify_all();
  }
}

uint64_t Stream::submit(std::function<void()> work) {
  std::lock_guard lock(mutex_);
  queue_.push_back(std::move(work));
  changed_.notify_all();
  return ++submitted_;
}

void Stream::wait(uint64_t ticket) {
  std::unique_lock lock(mutex_);
  while (done_ < ticket && !driver().is_ending) changed_.wait_for(lock, PATIENCE);
}
void Stream::wait_all() { wait(last_ticket()); }
bool Stream::is_done(uint64_t ticket) {
  std::lock_guard lock(mutex_);
  return done_ >= ticket;
}
uint64_t Stream::last_ticket() {
  std::lock_guard lock(mutex_);
  return submitted_;
}
void Stream::close() {
  std::lock_guard lock(mutex_);
  is_closed_ = true;
  changed_.notify_all();
}

StreamPtr find_stream(Context& context, CUstream handle) {
  // 1 is the name of the default stream that cannot be mistaken for no stream.
  if (handle && handle != reinterpret_cast<CUstream>(uintptr_t{1}))
    return find<Stream>(driver().streams, handle);
  std::lock_guard lock(context.mutex);
  if (!context.default_stream) {
    context.default_stream = std::make_shared<Stream>(context, true);
    context.default_stream->start();
  }
  return context.default_stream;
}

// The default stream waits for all that block, and they for it.
uint64_t submit(const StreamPtr& stream, std::function<void()> work) {
  std::lock_guard lock(driver().submission);
  Context& context = stream->context;
  StreamPtr default_stream;
  {
    std::lock_guard context_lock(context.mutex);
    default_stream = context.default_stream;
  }
  std::vector<Point> before;
  if (stream == default_stream) {
    driver().streams.for_each([&](const StreamPtr& other) {
      if (&other->context == &context && other->is_blocking && !other->is_done(other->last_ticket()))
        before.push_back({other, other->last_ticket()});
    });
  } else if (stream->is_blocking && default_stream &&
             !default_stream->is_done(default_stream->last_ticket())) {
    before.push_back({default_stream, default_stream->last_ticket()});
  }
  if (before.empty()) return stream->submit(std::move(work));
  return stream->submit([before = std::move(before), work = std::move(work)] {
    for (const Point& point : before) point.stream->wait(point.ticket);
    work();
  });
}

void wait_for_all(Context& context) {
  std::vector<StreamPtr> all;
  driver().streams.for_each([&](const StreamPtr& stream) {
    if (&stream->context == &context) all.push_back(stream);
  });
  {
    std::lock_guard lock(context.mutex);
    if (context.default_stream) all.push_back(context.default_stream);
  }
  for (const StreamPtr& stream : all) stream->wait_all();
}

std::function<void()> guarded(Context& context, Work work) {
  return [&context, work = std::move(work)] {
    if (!context.error && !driver().is_ending) (*work)();
  };
}

Work with_fault(Context& context, Work work) {
  static std::atomic<uint64_t> count{0};
  if (++count != options().sticky_after) return work;
  return std::make_shared<const std::function<void()>>([&context] {
    driver().is_broken = true;
    context.error = CUDA_ERROR_ILLEGAL_ADDRESS;
  });
}

// ---- entering

namespace {
thread_local CUcontext current = nullptr;

CUresult guarded_call(Needs needs, const std::function<CUresult(Context*)>& f) {
  Driver& state = driver();
  if (needs == Needs::nothing) return f(nullptr);
  if (state.is_ending) return CUDA_ERROR_DEINITIALIZED;
  if (!state.is_initialized) return CUDA_ERROR_NOT_INITIALIZED;
  if (in_host_function()) return CUDA_ERROR_NOT_PERMITTED;
  if (needs == Needs::initialized) return f(nullptr);
  const std::shared_ptr<Context> context = state.contexts.find(current);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  if (needs == Needs::context) return f(context.get());
  if (context->error) return static_cast<CUresult>(context->error.load());
  const CUresult result = f(context.get());
  const bool is_revealed = needs == Needs::outcome && context->error && result == CUDA_SUCCESS;
  return is_revealed ? static_cast<CUresult>(context->error.load()) : result;
}
} // namespace

CUresult enter(const char* name, Needs needs, const std::function<CUresult(Context*)>& f) {
  CUresult result = CUDA_SUCCESS;
  try {
    result = guarded_call(needs, f);
  } catch (const ApiError& error) {
    result = static_cast<CUresult>(error.code);
  } catch (const std::bad_alloc&) {
    result = CUDA_ERROR_OUT_OF_MEMORY;
  }
  if (options().trace) std::fprintf(stderr, "stand-in: %s -> %d\n", name, static_cast<int>(result));
  return result;
}

} // namespace stand_in

using namespace stand_in;

// ---- errors and devices

CUDA_API cuInit(unsigned flags) {
  return enter("cuInit", Needs::nothing, [&](Context*) -> CUresult {
    const Options& set = options();
    if (set.init) return static_cast<CUresult>(set.init);
    if (set.no_device || set.visible.empty()) return CUDA_ERROR_NO_DEVICE;
    if (flags) return CUDA_ERROR_INVALID_VALUE;
    Driver& state = driver();
    std::lock_guard lock(state.mutex);
    state.primary.resize(set.visible.size());
    state.is_initialized = true;
    return CUDA_SUCCESS;
  });
}

CUDA_API cuDriverGetVersion(int* version) {
  return enter("cuDriverGetVersion", Needs::nothing, [&](Context*) {
    require(version);
    *version = options().driver;
    return CUDA_SUCCESS;
  });
}

namespace {
struct ErrorRow {
  CUresult code;
  const char *name, *text;
};
constexpr ErrorRow ERRORS[] = {
#define X(name, value, text) {name, #name, text},
    CUDA_ERRORS(X)
#undef X
};
CUresult describe_error(CUresult code, const char** text, const char* ErrorRow::* which) {
  if (!text) return CUDA_ERROR_INVALID_VALUE;
  *text = nullptr;
  for (const ErrorRow& row : ERRORS)
    if (row.code == code) *text = row.*which;
  return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
} // namespace

CUDA_API cuGetErrorName(CUresult code, const char** text) {
  return describe_error(code, text, &ErrorRow::name);
}
CUDA_API cuGetErrorString(CUresult code, const char** text) {
  return describe_error(code, text, &ErrorRow::text);
}

CUDA_API cuDeviceGetCount(int* count) {
  return enter("cuDeviceGetCount", Needs::initialized, [&](Context*) {
    require(count);
    *count = static_cast<int>(options().visible.size());
    return CUDA_SUCCESS;
  });
}

namespace {
void require_device(CUdevice device) {
  require(device >= 0 && device < static_cast<int>(options().visible.size()), CUDA_ERROR_INVALID_DEVICE);
}
} // namespace

CUDA_API cuDeviceGet(CUdevice* device, int ordinal) {
  return enter("cuDeviceGet", Needs::initialized, [&](Context*) {
    require(device);
    require_device(ordinal);
    *device = ordinal;
    return CUDA_SUCCESS;
  });
}

CUDA_API cuDeviceGetName(char* name, int length, CUdevice device) {
  return enter("cuDeviceGetName", Needs::initialized, [&](Context*) {
    require(name && length > 0);
    require_device(device);
    std::snprintf(name, static_cast<size_t>(length), "Stand-in %d", options().visible[device]);
    return CUDA_SUCCESS;
  });
}

CUDA_API cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
  return enter("cuDeviceTotalMem_v2", Needs::initialized, [&](Context*) {
    require(bytes);
    require_device(device);
    *bytes = options().memory;
    return CUDA_SUCCESS;
  });
}

CUDA_API cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) {
  return enter("cuDeviceGetUuid_v2", Needs::initialized, [&](Context*) {
    require(uuid);
    require_device(device);
    *uuid = {"stand-in"};
    uuid->bytes[15] = static_cast<char>(options().visible[device]);
    return CUDA_SUCCESS;
  });
}

CUDA_API cuDeviceGetUuid(CUuuid* uuid, CUdevice device) { return cuDeviceGetUuid_v2(uuid, device); }

CUDA_API cuDeviceGetPCIBusId(char* id, int length, CUdevice device) {
  return enter("cuDeviceGetPCIBusId", Needs::initialized, [&](Context*) {
    require(id);
    require_device(device);
    if (length < 13) return CUDA_ERROR_INVALID_VALUE;
    std::snprintf(id, static_cast<size_t>(length), "0000:%02x:00.0", options().visible[device]);
    return CUDA_SUCCESS;
  });
}

namespace {
// The numbers of a mid-sized chip; capability apart.
struct AttributeRow {
  int attribute, value;
};
constexpr AttributeRow ATTRIBUTES[] = {
    {1, 1024},        // threads of a block
    {2, 1024},        // block's x
    {3, 1024},        // y
    {4, 64},          // z
    {5, 0x7FFFFFFF},  // grid's x
    {6, 65535},       // y
    {7, 65535},       // z
    {8, 49152},       // shared memory of a block
    {9, 65536},       // constant memory
    {10, 32},         // warp
    {11, 0x7FFFFFFF}, // pitch
    {12, 65536},      // registers of a block
    {13, 1500000},    // kHz
    {14, 512},        // texture alignment
    {16, 40},         // multiprocessors
    {17, 0},          // time limit of kernels
    {18, 0},          // integrated
    {19, 1},          // maps memory of the host
    {20, 0},          // compute mode
    {31, 1},          // concurrent kernels
    {32, 0},          // ECC
    {33, 0},          // PCI bus
    {34, 0},          // PCI device
    {36, 5000000},    // memory, kHz
    {37, 256},        // bits of the memory bus
    {38, 4194304},    // L2
    {39, 1024},       // threads of a multiprocessor
    {40, 2},          // copy engines
    {41, 1},          // unified addressing
    {50, 0},          // PCI domain
    {78, 1},          // stream priorities
    {81, 65536},      // shared memory of a multiprocessor
    {82, 65536},      // registers of a multiprocessor
    {83, 0},          // managed memory
    {88, 0},          // pageable memory access
    {89, 0},          // concurrent managed access
    {95, 0},          // cooperative launch
    {97, 65536},      // shared memory of a block that asks for it
    {106, 16},        // blocks of a multiprocessor
    {111, 0},         // shared memory that the system keeps
    {115, 0},         // memory pools
};
} // namespace

CUDA_API cuDeviceGetAttribute(int* value, int attribute, CUdevice device) {
  return enter("cuDeviceGetAttribute", Needs::initialized, [&](Context*) -> CUresult {
    require(value);
    require_device(device);
    if (attribute == 75 || attribute == 76) {
      *value = attribute == 75 ? options().capability / 10 : options().capability % 10;
      return CUDA_SUCCESS;
    }
    for (const AttributeRow& row : ATTRIBUTES)
      if (row.attribute == attribute) {
        *value = row.value;
        return CUDA_SUCCESS;
      }
    return CUDA_ERROR_INVALID_VALUE;
  });
}

// ---- contexts

CUDA_API cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  return enter("cuDevicePrimaryCtxRetain", Needs::initialized, [&](Context*) {
    require(context);
    require_device(device);
    Driver& state = driver();
    std::lock_guard lock(state.mutex);
    std::shared_ptr<Context>& primary = state.primary[device];
    if (!primary) {
      primary = std::make_shared<Context>();
      primary->device = device;
      if (state.is_broken) primary->error = CUDA_ERROR_ILLEGAL_ADDRESS;
      primary->handle = state.contexts.add(primary);
    }
    ++primary->retained;
    *context = primary->handle;
    return CUDA_SUCCESS;
  });
}

CUDA_API cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return enter("cuDevicePrimaryCtxRelease_v2", Needs::initialized, [&](Context*) -> CUresult {
    require_device(device);
    Driver& state = driver();
    std::lock_guard lock(state.mutex);
    std::shared_ptr<Context>& primary = state.primary[device];
    if (!primary) return CUDA_ERROR_INVALID_CONTEXT;
    if (--primary->retained > 0) return CUDA_SUCCESS;
    wait_for_all(*primary);
    Context* gone = primary.get();
    const auto is_gone = [&](const auto& object) { return object.context == gone; };
    state.contexts.remove(primary->handle);
    state.streams.for_each([&](const StreamPtr& stream) {
      if (&stream->context == gone) stream->close();
    });
    state.streams.remove_if([&](const Stream& stream) { return &stream.context == gone; });
    state.events.remove_if(is_gone);
    state.functions.remove_if(is_gone);
    state.modules.remove_if(is_gone);
    state.graphs.remove_if(is_gone);
    state.execs.remove_if(is_gone);
    if (gone->default_stream) gone->default_stream->close();
    state.memory.free_all(device);
    // Streams refer to their context to the last, so it is kept.
    new std::shared_ptr<Context>(std::move(primary));
    primary = nullptr;
    return CUDA_SUCCESS;
  });
}

CUDA_API cuCtxSetCurrent(CUcontext context) {
  return enter("cuCtxSetCurrent", Needs::initialized, [&](Context*) -> CUresult {
    if (context && !driver().contexts.find(context)) return CUDA_ERROR_INVALID_CONTEXT;
    stand_in::current = context;
    return CUDA_SUCCESS;
  });
}
CUDA_API cuCtxGetCurrent(CUcontext* context) {
  return enter("cuCtxGetCurrent", Needs::initialized, [&](Context*) {
    require(context);
    *context = driver().contexts.find(stand_in::current) ? stand_in::current : nullptr;
    return CUDA_SUCCESS;
  });
}
CUDA_API cuCtxSynchronize() {
  return enter("cuCtxSynchronize", Needs::outcome, [](Context* context) {
    wait_for_all(*context);
    return CUDA_SUCCESS;
  });
}

// ---- streams and events

CUDA_API cuStreamCreate(CUstream* stream, unsigned flags) {
  return enter("cuStreamCreate", Needs::healthy_context, [&](Context* context) {
    require(stream && flags <= CU_STREAM_NON_BLOCKING);
    auto made = std::make_shared<Stream>(*context, flags == 0);
    made->start();
    *stream = driver().streams.add(std::move(made));
    return CUDA_SUCCESS;
  });
}
CUDA_API cuStreamDestroy_v2(CUstream stream) {
  return enter("cuStreamDestroy_v2", Needs::context, [&](Context*) {
    find<Stream>(driver().streams, stream)->close();
    driver().streams.remove(stream);
    return CUDA_SUCCESS;
  });
}
CUDA_API cuStreamSynchronize(CUstream stream) {
  return enter("cuStreamSynchronize", Needs::outcome, [&](Context* context) {
    find_stream(*context, stream)->wait_all();
    return CUDA_SUCCESS;
  });
}
CUDA_API cuStreamQuery(CUstream stream) {
  return enter("cuStreamQuery", Needs::outcome, [&](Context* context) {
    const StreamPtr found = find_stream(*context, stream);
    return found->is_done(found->last_ticket()) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
  });
}

CUDA_API cuEventCreate(CUevent* event, unsigned flags) {
  return enter("cuEventCreate", Needs::healthy_context, [&](Context* context) {
    require(event && flags <= (CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING));
    const bool has_time = !(flags & CU_EVENT_DISABLE_TIMING);
    *event = driver().events.add(std::make_shared<Event>(Event{context, has_time, nullptr}));
    return CUDA_SUCCESS;
  });
}
CUDA_API cuEventDestroy_v2(CUevent event) {
  return enter("cuEventDestroy_v2", Needs::context, [&](Context*) {
    require(driver().events.remove(event), CUDA_ERROR_INVALID_HANDLE);
    return CUDA_SUCCESS;
  });
}

namespace {
std::mutex& events_mutex() {
  static auto* made = new std::mutex;
  return *made;
}
std::shared_ptr<Point> recorded(CUevent event) {
  const auto found = find<Event>(driver().events, event);
  std::lock_guard lock(events_mutex());
  return found->recorded;
}
} // namespace

CUDA_API cuEventRecord(CUevent event, CUstream stream) {
  return enter("cuEventRecord", Needs::healthy_context, [&](Context* context) {
    const auto found = find<Event>(driver().events, event);
    const StreamPtr on = find_stream(*context, stream);
    require(found->context == &on->context, CUDA_ERROR_INVALID_HANDLE);
    auto point = std::make_shared<Point>();
    // Who waits for the event holds its stream; the stream, once it is past the point, holds nothing.
    point->stream = on;
    std::lock_guard lock(events_mutex());
    point->ticket = submit(on, [point] { point->nanoseconds = nanoseconds(); });
    found->recorded = std::move(point);
    return CUDA_SUCCESS;
  });
}
CUDA_API cuEventQuery(CUevent event) {
  return enter("cuEventQuery", Needs::outcome, [&](Context*) {
    const auto point = recorded(event);
    return !point || point->stream->is_done(point->ticket) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
  });
}
CUDA_API cuEventSynchronize(CUevent event) {
  return enter("cuEventSynchronize", Needs::outcome, [&](Context*) {
    if (const auto point = recorded(event)) point->stream->wait(point->ticket);
    return CUDA_SUCCESS;
  });
}
CUDA_API cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags) {
  return enter("cuStreamWaitEvent", Needs::healthy_context, [&](Context* context) {
    require(flags <= 1);
    const StreamPtr on = find_stream(*context, stream);
    if (const auto point = recorded(event)) submit(on, [point] { point->stream->wait(point->ticket); });
    return CUDA_SUCCESS;
  });
}
CUDA_API cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return enter("cuEventElapsedTime", Needs::healthy_context, [&](Context*) -> CUresult {
    require(milliseconds);
    for (const CUevent event : {start, end})
      require(find<Event>(driver().events, event)->has_time && recorded(event), CUDA_ERROR_INVALID_HANDLE);
    const auto from = recorded(start), to = recorded(end);
    if (!from->stream->is_done(from->ticket) || !to->stream->is_done(to->ticket)) return CUDA_ERROR_NOT_READY;
    *milliseconds = static_cast<float>(
        static_cast<double>(static_cast<int64_t>(to->nanoseconds - from->nanoseconds)) / 1e6);
    return CUDA_SUCCESS;
  });
}
CUDA_API cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
  return cuEventElapsedTime(milliseconds, start, end);
}

CUDA_API cuLaunchHostFunc(CUstream stream, CUhostFn function, void* data) {
  return enter("cuLaunchHostFunc", Needs::healthy_context, [&](Context* context) {
    require(function);
    const StreamPtr on = find_stream(*context, stream);
    auto call = [function, data] {
      in_host_function() = true;
      function(data);
      in_host_function() = false;
    };
    submit(on, guarded(on->context, std::make_shared<const std::function<void()>>(call)));
    return CUDA_SUCCESS;
  });
}
