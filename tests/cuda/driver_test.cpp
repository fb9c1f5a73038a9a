// The driver: handles, orders of streams, events and graphs, memory, and the faults that can be asked for.
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "harness.h"

namespace {

const std::string KERNELS = ptx(R"(
// x[i] = x[i] * 3 + b
.visible .entry step(.param .u64 x, .param .u32 b) {
  .reg .b64 %p, %o; .reg .b32 %t, %b, %v;
  ld.param.u64 %p, [x]; ld.param.u32 %b, [b];
  mov.u32 %t, %tid.x; mul.wide.u32 %o, %t, 4; add.s64 %p, %p, %o;
  ld.global.u32 %v, [%p]; mad.lo.u32 %v, %v, 3, %b; st.global.u32 [%p], %v;
  ret;
}
// as long as one likes
.visible .entry slow(.param .u64 x, .param .u32 rounds) {
  .reg .b64 %p; .reg .b32 %n, %k, %v; .reg .pred %c;
  ld.param.u64 %p, [x]; ld.param.u32 %n, [rounds];
  mov.u32 %k, 0; ld.global.u32 %v, [%p];
$loop:
  add.u32 %k, %k, 1; setp.lt.u32 %c, %k, %n; @%c bra $loop;
  add.u32 %v, %v, 1; st.global.u32 [%p], %v;
  ret;
}
.visible .entry none() { ret; }
.visible .entry memory() { .shared .align 4 .b8 s[4096]; st.shared.u32 [s], 1; ret; }
.visible .entry bounded() .maxntid 128, 1, 1 { ret; }
)");

// A stream goes no further until it is opened.
class Gate {
 public:
  explicit Gate(CUstream stream) {
    const auto wait = [](void* is_open) { static_cast<std::atomic<bool>*>(is_open)->wait(false); };
    OK(cuLaunchHostFunc(stream, wait, &is_open_));
  }
  ~Gate() {
    open();
    cuCtxSynchronize(); // it is waited for here
  }
  void open() {
    is_open_ = true;
    is_open_.notify_all();
  }

 private:
  std::atomic<bool> is_open_{false};
};

TEST(before_initialization) {
  int number = 0;
  OK(cuDriverGetVersion(&number));
  CHECK(number == 13000);
  const char* text = nullptr;
  OK(cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
  CHECK(std::strcmp(text, "CUDA_ERROR_ILLEGAL_ADDRESS") == 0);
  OK(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &text));
  CHECK(std::strcmp(text, "out of memory") == 0);
  GIVES(CUDA_ERROR_INVALID_VALUE, cuGetErrorName(static_cast<CUresult>(12345), &text));
}
TEST_IN("driver=12040", uninitialized) {
  int number = 0;
  CUdeviceptr address = 0;
  GIVES(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&number));
  GIVES(CUDA_ERROR_NOT_INITIALIZED, cuMemAlloc_v2(&address, 4));
  OK(cuInit(0));
  GIVES(CUDA_ERROR_INVALID_CONTEXT, cuMemAlloc_v2(&address, 4));
  GIVES(CUDA_ERROR_INVALID_CONTEXT, cuCtxSetCurrent(reinterpret_cast<CUcontext>(uintptr_t{0x1234})));
  CUcontext context = nullptr;
  OK(cuCtxGetCurrent(&context));
  CHECK(context == nullptr);
  OK(cuDevicePrimaryCtxRetain(&context, 0));
  OK(cuCtxSetCurrent(context));
  OK(cuMemAlloc_v2(&address, 4));
  OK(cuDevicePrimaryCtxRelease_v2(0));
  GIVES(CUDA_ERROR_INVALID_CONTEXT, cuMemAlloc_v2(&address, 4));
  GIVES(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease_v2(0));
}

TEST(devices) {
  Session session;
  int number = 0;
  OK(cuDeviceGetCount(&number));
  CHECK(number == 1);
  CUdevice device = -1;
  OK(cuDeviceGet(&device, 0));
  GIVES(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&device, 1));
  char name[64] = {};
  OK(cuDeviceGetName(name, sizeof name, 0));
  CHECK(std::strcmp(name, "Stand-in 0") == 0);
  OK(cuDeviceGetAttribute(&number, 75, 0));
  CHECK(number == 7);
  OK(cuDeviceGetAttribute(&number, 10, 0));
  CHECK(number == 32);
  GIVES(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(&number, 9999, 0));
  OK(cuDeviceGetPCIBusId(name, sizeof name, 0));
  CHECK(std::strcmp(name, "0000:00:00.0") == 0);
  CUuuid uuid{};
  OK(cuDeviceGetUuid_v2(&uuid, 0));
  size_t bytes = 0;
  OK(cuDeviceTotalMem_v2(&bytes, 0));
  CHECK(bytes == size_t{8} << 30);
}

TEST(launch_limits) {
  Session session;
  const CUmodule module = session.load(KERNELS);
  const CUfunction none = session.function(module, "none"), memory = session.function(module, "memory");
  const CUstream s = session.stream;
  OK(launch(s, none, {.threads = 1024}));
  GIVES(CUDA_ERROR_INVALID_VALUE, launch(s, none, {.threads = 1025}));
  GIVES(CUDA_ERROR_INVALID_VALUE, launch(s, none, {.threads = 0}));
  GIVES(CUDA_ERROR_INVALID_VALUE, launch(s, none, {.blocks = 0}));
  GIVES(CUDA_ERROR_INVALID_VALUE, launch(s, none, {.blocks_y = 65536}));
  GIVES(CUDA_ERROR_INVALID_VALUE, launch(s, session.function(module, "bounded"), {.threads = 129}));
  OK(launch(s, memory, {.shared = 45056}));
  GIVES(CUDA_ERROR_INVALID_VALUE, launch(s, memory, {.shared = 45057}));
  OK(cuFuncSetAttribute(memory, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 61440));
  GIVES(CUDA_ERROR_INVALID_VALUE,
        cuFuncSetAttribute(memory, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 61441));
  OK(launch(s, memory, {.shared = 61440}));
  int number = 0;
  OK(cuFuncGetAttribute(&number, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, memory));
  CHECK(number == 4096);
  OK(cuFuncGetAttribute(&number, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK,
                        session.function(module, "bounded")));
  CHECK(number == 128);
  OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&number, memory, 256, 16384));
  CHECK(number == 3);
  CUfunction function = nullptr;
  GIVES(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&function, module, "nobody"));
  GIVES(CUDA_ERROR_INVALID_VALUE,
        cuLaunchKernel(session.function(module, "step"), 1, 1, 1, 1, 1, 1, 0, s, nullptr, nullptr));
  OK(cuModuleUnload(module));
  GIVES(CUDA_ERROR_INVALID_HANDLE, launch(s, none, {}));
  GIVES(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(module));
  OK(cuStreamDestroy_v2(s));
  GIVES(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(s));
  GIVES(CUDA_ERROR_INVALID_HANDLE, cuEventDestroy_v2(reinterpret_cast<CUevent>(uintptr_t{64})));
}

TEST(parameters_are_read_at_the_launch) {
  Session session;
  const CUmodule module = session.load(KERNELS);
  const Array<uint32_t> x(std::vector<uint32_t>(4, 1), session.stream);
  Gate gate(session.stream);
  CUdeviceptr address = x.address;
  uint32_t b = 2;
  void* parameters[] = {&address, &b};
  OK(cuLaunchKernel(session.function(module, "step"), 1, 1, 1, 4, 1, 1, 0, session.stream, parameters,
                    nullptr));
  address = 0;
  b = 100;
  gate.open();
  CHECK(x.read() == std::vector<uint32_t>(4, 5));
  struct {
    CUdeviceptr address;
    uint32_t b;
  } packed{x.address, 7};
  size_t bytes = sizeof packed;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &packed, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                   CU_LAUNCH_PARAM_END};
  OK(cuLaunchKernel(session.function(module, "step"), 1, 1, 1, 4, 1, 1, 0, session.stream, nullptr, extra));
  CHECK(x.read() == std::vector<uint32_t>(4, 22));
}

TEST(copies) {
  Session session;
  const CUstream s = session.stream;
  const Array<uint32_t> x(1024, s), y(1024, s);
  const size_t bytes = 4096;
  void *pinned = nullptr, *back = nullptr;
  OK(cuMemHostAlloc(&pinned, bytes, 0));
  OK(cuMemHostAlloc(&back, bytes, 0));
  auto* words = static_cast<uint32_t*>(pinned);
  std::vector<uint32_t> pageable(1024, 5);
  std::fill_n(words, 1024, 1u);
  // Pageable memory is read at the call, pinned memory when its turn comes.
  Gate gate(s);
  OK(cuMemcpyHtoDAsync_v2(x.address, pageable.data(), bytes, s));
  OK(cuMemcpyHtoDAsync_v2(y.address, pinned, bytes, s));
  std::fill(pageable.begin(), pageable.end(), 6);
  GIVES(CUDA_ERROR_NOT_READY, cuStreamQuery(s));
  std::fill_n(words, 1024, 2u);
  gate.open();
  CHECK(x.read()[1023] == 5 && y.read()[1023] == 2);
  OK(cuMemcpyDtoDAsync_v2(x.address + 2048, y.address, 2048, s));
  OK(cuMemcpyDtoHAsync_v2(back, x.address, bytes, s));
  OK(cuStreamSynchronize(s));
  OK(cuStreamQuery(s));
  CHECK(static_cast<uint32_t*>(back)[511] == 5 && static_cast<uint32_t*>(back)[512] == 2);
  OK(cuMemsetD32Async(x.address, 9, 3, s));
  OK(cuMemsetD8Async(x.address + 1, 1, 2, s));
  CHECK(x.read()[0] == 0x10109 && x.read()[2] == 9 && x.read()[3] == 5);
  GIVES(CUDA_ERROR_INVALID_VALUE, cuMemsetD32Async(x.address + 2, 9, 3, s));
  GIVES(CUDA_ERROR_INVALID_VALUE, cuMemsetD8Async(x.address, 9, bytes + 1, s));
  GIVES(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoDAsync_v2(x.address + 4, pageable.data(), bytes, s));
  GIVES(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoHAsync_v2(pageable.data(), x.address - 4, 8, s));
  GIVES(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoDAsync_v2(x.address, 0, 8, s));
  OK(cuMemFreeHost(pinned));
  GIVES(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(pinned));
  OK(cuMemFree_v2(x.address));
  GIVES(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(x.address));
  GIVES(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(y.address + 4));
  CUdeviceptr address = 0;
  GIVES(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(&address, 0));
}

TEST(streams_wait_only_where_told) {
  Session session;
  const CUmodule module = session.load(KERNELS);
  const CUfunction step = session.function(module, "step");
  CUstream other = nullptr;
  OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
  CUevent event = nullptr, timed = nullptr;
  OK(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  OK(cuEventCreate(&timed, 0));
  OK(cuEventQuery(event)); // nothing was recorded
  const Array<uint32_t> x(std::vector<uint32_t>(1, 1), session.stream);
  OK(cuStreamSynchronize(session.stream));
  for (const bool waits : {true, false}) {
    OK(cuMemsetD32Async(x.address, 1, 1, session.stream));
    OK(cuStreamSynchronize(session.stream));
    Gate gate(session.stream);
    OK(launch(session.stream, step, {}, x.address, 1u));
    OK(cuEventRecord(event, session.stream));
    GIVES(CUDA_ERROR_NOT_READY, cuEventQuery(event));
    if (waits) OK(cuStreamWaitEvent(other, event, 0));
    OK(launch(other, step, {}, x.address, 10u));
    if (waits) gate.open();
    OK(cuStreamSynchronize(other));
    if (!waits) gate.open();
    OK(cuEventSynchronize(event));
    OK(cuEventQuery(event));
    CHECK(x.read()[0] == (waits ? (1 * 3 + 1) * 3 + 10 : (1 * 3 + 10) * 3 + 1));
  }
  float milliseconds = -1;
  GIVES(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, event, timed));
  CUevent end = nullptr;
  OK(cuEventCreate(&end, 0));
  OK(cuEventRecord(timed, other));
  Gate gate(other);
  OK(cuEventRecord(end, other));
  GIVES(CUDA_ERROR_NOT_READY, cuEventElapsedTime_v2(&milliseconds, timed, end));
  gate.open();
  OK(cuCtxSynchronize());
  OK(cuEventElapsedTime_v2(&milliseconds, timed, end));
  CHECK(milliseconds > 0);
  OK(cuEventDestroy_v2(end));
  GIVES(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(end, other));
}

TEST(the_default_stream_waits_for_those_that_block) {
  Session session;
  const CUmodule module = session.load(KERNELS);
  const CUfunction step = session.function(module, "step");
  CUstream blocking = nullptr;
  OK(cuStreamCreate(&blocking, 0));
  const Array<uint32_t> x(std::vector<uint32_t>(1, 1), nullptr);
  OK(cuStreamSynchronize(nullptr));
  Gate gate(blocking);
  OK(launch(blocking, step, {}, x.address, 1u));
  OK(launch(nullptr, step, {}, x.address, 10u));
  OK(launch(blocking, step, {}, x.address, 5u));
  GIVES(CUDA_ERROR_NOT_READY, cuStreamQuery(nullptr));
  gate.open();
  OK(cuStreamSynchronize(blocking));
  CHECK(x.read()[0] == ((1 * 3 + 1) * 3 + 10) * 3 + 5);
}

std::atomic<int> called{0};
TEST(host_functions) {
  Session session;
  called = 0;
  Gate gate(session.stream);
  int five = 5;
  const auto function = [](void* data) {
    CUdeviceptr address = 0;
    called = cuMemAlloc_v2(&address, 4) == CUDA_ERROR_NOT_PERMITTED ? *static_cast<int*>(data) : -1;
  };
  OK(cuLaunchHostFunc(session.stream, function, &five));
  CHECK(called == 0);
  gate.open();
  OK(cuStreamSynchronize(session.stream));
  CHECK(called == 5);
}

TEST(graphs) {
  Session session;
  const CUmodule module = session.load(KERNELS);
  const Array<uint32_t> x(std::vector<uint32_t>(8, 1), session.stream);
  void* pinned = nullptr;
  OK(cuMemHostAlloc(&pinned, 32, 0));
  CUdeviceptr address = x.address;
  uint32_t b = 1;
  void* parameters[] = {&address, &b};
  CUDA_KERNEL_NODE_PARAMS kernel{session.function(module, "step"), 1, 1, 1, 8, 1, 1, 0, parameters, nullptr};
  CUgraph graph = nullptr;
  OK(cuGraphCreate(&graph, 0));
  CUgraphNode first = nullptr, second = nullptr, copy = nullptr;
  OK(cuGraphAddKernelNode(&first, graph, nullptr, 0, &kernel));
  b = 2;
  OK(cuGraphAddKernelNode(&second, graph, &first, 1, &kernel));
  b = 1000;
  CUDA_MEMCPY3D box{};
  box.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  box.srcDevice = x.address;
  box.dstMemoryType = CU_MEMORYTYPE_HOST;
  box.dstHost = pinned;
  box.WidthInBytes = 32;
  box.Height = box.Depth = 1;
  OK(cuGraphAddMemcpyNode(&copy, graph, nullptr, 0, &box, session.context));
  OK(cuGraphAddDependencies(graph, &second, &copy, 1));
  GIVES(CUDA_ERROR_INVALID_VALUE, cuGraphAddDependencies(graph, &second, &copy, 1));
  CUgraphExec exec = nullptr;
  OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
  OK(cuGraphLaunch(exec, session.stream));
  CHECK(x.read() == std::vector<uint32_t>(8, 14)); // (1 * 3 + 1) * 3 + 2
  CHECK(static_cast<uint32_t*>(pinned)[7] == 14);
  // A launch has the parameters of its time.
  Gate gate(session.stream);
  OK(cuGraphLaunch(exec, session.stream));
  b = 0;
  OK(cuGraphExecKernelNodeSetParams(exec, second, &kernel));
  OK(cuGraphLaunch(exec, session.stream));
  gate.open();
  CHECK(x.read() == std::vector<uint32_t>(8, (((14 * 3 + 1) * 3 + 2) * 3 + 1) * 3));
  GIVES(CUDA_ERROR_INVALID_VALUE, cuGraphExecKernelNodeSetParams(exec, copy, &kernel));
  // The other way round: a circle.
  OK(cuGraphAddDependencies(graph, &copy, &first, 1));
  CUgraphExec none = nullptr;
  GIVES(CUDA_ERROR_INVALID_VALUE, cuGraphInstantiateWithFlags(&none, graph, 0));
  OK(cuGraphDestroy(graph));
  GIVES(CUDA_ERROR_INVALID_HANDLE, cuGraphExecKernelNodeSetParams(exec, second, &kernel));
  OK(cuGraphLaunch(exec, session.stream));
  OK(cuGraphExecDestroy(exec));
  GIVES(CUDA_ERROR_INVALID_HANDLE, cuGraphLaunch(exec, session.stream));
  OK(cuStreamSynchronize(session.stream));
}

TEST(a_dependency_that_is_missing_shows) {
  Session session;
  const CUmodule module = session.load(KERNELS);
  const Array<uint32_t> x(std::vector<uint32_t>(1, 1), session.stream);
  CUdeviceptr address = x.address;
  uint32_t b = 1;
  void* parameters[] = {&address, &b};
  CUDA_KERNEL_NODE_PARAMS kernel{session.function(module, "step"), 1, 1, 1, 1, 1, 1, 0, parameters, nullptr};
  CUgraph graph = nullptr;
  OK(cuGraphCreate(&graph, 0));
  CUgraphNode first = nullptr, second = nullptr;
  OK(cuGraphAddKernelNode(&first, graph, nullptr, 0, &kernel));
  b = 2;
  OK(cuGraphAddKernelNode(&second, graph, nullptr, 0, &kernel));
  CUgraphExec exec = nullptr;
  OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
  OK(cuGraphLaunch(exec, session.stream));
  CHECK(x.read()[0] == (1 * 3 + 2) * 3 + 1);
}

// ---- faults

TEST_IN("no-device", no_device) { GIVES(CUDA_ERROR_NO_DEVICE, cuInit(0)); }
TEST_IN("init=999", broken_initialization) { GIVES(CUDA_ERROR_UNKNOWN, cuInit(0)); }
TEST_IN("driver=11040", old_driver) {
  Session session;
  int version = 0;
  OK(cuDriverGetVersion(&version));
  CHECK(version == 11040);
  session.load(".version 7.4\n.target sm_70\n.address_size 64\n");
  session.refusal(".version 7.5\n.target sm_70\n.address_size 64\n", CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
}
TEST_IN("capability=90", newer_device) {
  Session session;
  int major = 0, minor = -1;
  OK(cuDeviceGetAttribute(&major, 75, 0));
  OK(cuDeviceGetAttribute(&minor, 76, 0));
  CHECK(major == 9 && minor == 0);
  session.load(".version 8.0\n.target sm_90\n.address_size 64\n");
  session.refusal(".version 8.0\n.target sm_100\n.address_size 64\n");
}
TEST_IN("memory=1M", little_memory) {
  Session session;
  CUdeviceptr address = 0;
  GIVES(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&address, (1 << 20) + 1));
  OK(cuMemAlloc_v2(&address, 1 << 19));
  size_t free = 0, total = 0;
  OK(cuMemGetInfo_v2(&free, &total));
  CHECK(total == 1 << 20 && free == 1 << 19);
  CUdeviceptr other = 0;
  GIVES(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&other, (1 << 19) + 1));
  OK(cuMemFree_v2(address));
  OK(cuMemAlloc_v2(&other, 1 << 20));
}
TEST_IN("oom-after=3", one_allocation_fails) {
  Session session;
  CUdeviceptr address = 0;
  OK(cuMemAlloc_v2(&address, 4));
  OK(cuMemAlloc_v2(&address, 4));
  GIVES(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&address, 4));
  OK(cuMemAlloc_v2(&address, 4));
}
TEST_IN("sticky-after=2", one_launch_breaks_everything) {
  {
    Session session;
    const CUmodule module = session.load(KERNELS);
    OK(launch(session.stream, session.function(module, "none"), {}));
    OK(cuStreamSynchronize(session.stream));
    OK(launch(session.stream, session.function(module, "none"), {}));
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(session.stream));
    CUdeviceptr address = 0;
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc_v2(&address, 4));
  }
  Session session;
  GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
}
TEST_IN("devices=2", two_devices) {
  Session first(0), second(1);
  int count = 0;
  OK(cuDeviceGetCount(&count));
  CHECK(count == 2);
  const CUmodule module = second.load(KERNELS);
  const Array<uint32_t> there(std::vector<uint32_t>(4, 7), second.stream);
  OK(cuStreamSynchronize(second.stream));
  OK(cuCtxSetCurrent(first.context));
  const Array<uint32_t> here(4, first.stream);
  OK(cuMemcpyPeerAsync(here.address, first.context, there.address, second.context, 16, first.stream));
  CHECK(here.read() == std::vector<uint32_t>(4, 7));
  GIVES(CUDA_ERROR_INVALID_VALUE,
        cuMemcpyPeerAsync(here.address, second.context, there.address, second.context, 16, first.stream));
  GIVES(CUDA_ERROR_INVALID_HANDLE, launch(first.stream, second.function(module, "none"), {}));
  OK(cuCtxSetCurrent(second.context));
  const std::string said = captured([&] {
    OK(launch(second.stream, second.function(module, "step"), {.threads = 4}, here.address, 1u));
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(second.stream));
  });
  CHECK(said.find("memory of device 0") != std::string::npos);
  OK(cuCtxSetCurrent(first.context));
  OK(cuCtxSynchronize());
}
TEST_IN("trace", every_call_is_told) {
  const std::string said = captured([] {
    cuInit(0);
    int count = 0;
    cuDeviceGetCount(&count);
  });
  CHECK(said == "stand-in: cuInit -> 0\nstand-in: cuDeviceGetCount -> 0\n");
}

// Ends while a kernel runs and more wait, on streams that nobody waits for.
TEST_IN("count", the_end_with_work_under_way) {
  auto* session = new Session;
  const CUmodule module = session->load(KERNELS);
  for (int k = 0; k < 4; ++k) {
    CUstream stream = nullptr;
    OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    const Array<uint32_t> x(std::vector<uint32_t>(1, 1), stream);
    OK(launch(stream, session->function(module, "slow"), {}, x.address, 2'000'000'000u));
  }
}

} // namespace
