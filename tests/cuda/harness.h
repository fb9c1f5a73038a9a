// The stand-in as a test opens it, and how tests are written.
#pragma once
#include <cstdint>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "stand-in/cuda_api.h"

// clang-format off
#define ENTRY_POINTS(X)                                                                                       \
  X(cuInit, (unsigned)) X(cuDriverGetVersion, (int*)) X(cuGetErrorName, (CUresult, const char**))            \
  X(cuGetErrorString, (CUresult, const char**)) X(cuDeviceGetCount, (int*)) X(cuDeviceGet, (CUdevice*, int)) \
  X(cuDeviceGetName, (char*, int, CUdevice)) X(cuDeviceGetAttribute, (int*, int, CUdevice))                  \
  X(cuDeviceTotalMem_v2, (size_t*, CUdevice)) X(cuDeviceGetUuid_v2, (CUuuid*, CUdevice)) X(cuDeviceGetPCIBusId, (char*, int, CUdevice))                     \
  X(cuDevicePrimaryCtxRetain, (CUcontext*, CUdevice)) X(cuDevicePrimaryCtxRelease_v2, (CUdevice))            \
  X(cuCtxSetCurrent, (CUcontext)) X(cuCtxGetCurrent, (CUcontext*)) X(cuCtxSynchronize, ())                   \
  X(cuMemGetInfo_v2, (size_t*, size_t*)) X(cuMemAlloc_v2, (CUdeviceptr*, size_t))                            \
  X(cuMemFree_v2, (CUdeviceptr)) X(cuMemHostAlloc, (void**, size_t, unsigned)) X(cuMemFreeHost, (void*))     \
  X(cuMemcpyHtoDAsync_v2, (CUdeviceptr, const void*, size_t, CUstream))                                      \
  X(cuMemcpyDtoHAsync_v2, (void*, CUdeviceptr, size_t, CUstream))                                            \
  X(cuMemcpyDtoDAsync_v2, (CUdeviceptr, CUdeviceptr, size_t, CUstream))                                      \
  X(cuMemcpyPeerAsync, (CUdeviceptr, CUcontext, CUdeviceptr, CUcontext, size_t, CUstream))                   \
  X(cuMemsetD8Async, (CUdeviceptr, unsigned char, size_t, CUstream))                                         \
  X(cuMemsetD32Async, (CUdeviceptr, unsigned, size_t, CUstream)) X(cuStreamCreate, (CUstream*, unsigned))    \
  X(cuStreamDestroy_v2, (CUstream)) X(cuStreamSynchronize, (CUstream)) X(cuStreamQuery, (CUstream))          \
  X(cuStreamWaitEvent, (CUstream, CUevent, unsigned)) X(cuEventCreate, (CUevent*, unsigned))                 \
  X(cuEventRecord, (CUevent, CUstream)) X(cuEventQuery, (CUevent)) X(cuEventSynchronize, (CUevent))          \
  X(cuEventElapsedTime, (float*, CUevent, CUevent)) X(cuEventElapsedTime_v2, (float*, CUevent, CUevent))     \
  X(cuEventDestroy_v2, (CUevent)) X(cuLaunchHostFunc, (CUstream, CUhostFn, void*))                           \
  X(cuModuleLoadDataEx, (CUmodule*, const void*, unsigned, CUjit_option*, void**))                           \
  X(cuModuleUnload, (CUmodule)) X(cuModuleGetFunction, (CUfunction*, CUmodule, const char*))                 \
  X(cuFuncGetAttribute, (int*, CUfunction_attribute, CUfunction))                                            \
  X(cuFuncSetAttribute, (CUfunction, CUfunction_attribute, int))                                             \
  X(cuLaunchKernel, (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,       \
                     CUstream, void**, void**))                                                              \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor, (int*, CUfunction, int, size_t))                            \
  X(cuGraphCreate, (CUgraph*, unsigned))                                                                     \
  X(cuGraphAddKernelNode, (CUgraphNode*, CUgraph, const CUgraphNode*, size_t, const CUDA_KERNEL_NODE_PARAMS*)) \
  X(cuGraphAddMemcpyNode, (CUgraphNode*, CUgraph, const CUgraphNode*, size_t, const CUDA_MEMCPY3D*, CUcontext)) \
  X(cuGraphAddDependencies, (CUgraph, const CUgraphNode*, const CUgraphNode*, size_t))                       \
  X(cuGraphInstantiateWithFlags, (CUgraphExec*, CUgraph, unsigned long long))                                \
  X(cuGraphExecKernelNodeSetParams, (CUgraphExec, CUgraphNode, const CUDA_KERNEL_NODE_PARAMS*))              \
  X(cuGraphLaunch, (CUgraphExec, CUstream)) X(cuGraphExecDestroy, (CUgraphExec)) X(cuGraphDestroy, (CUgraph))
// clang-format on
#define X(name, types) extern CUresult(*name) types;
ENTRY_POINTS(X)
#undef X

struct Test {
  const char* name;
  void (*run)();
  const char* environment; // of ADJOINT_STAND_IN; another than none is a process of its own
};
std::vector<Test>& tests();
struct Registration {
  Registration(const char* name, void (*run)(), const char* environment = "") {
    tests().push_back({name, run, environment});
  }
};
#define TEST_IN(environment, name)                                                                           \
  static void name();                                                                                        \
  static const Registration registration_##name(#name, &name, environment);                                  \
  static void name()
#define TEST(name) TEST_IN("", name)

#define STRINGIFIED(x) #x
#define LINE_TEXT(x) STRINGIFIED(x)
#define CHECK(...)                                                                                           \
  do {                                                                                                       \
    if (!(__VA_ARGS__)) throw std::runtime_error(__FILE__ ":" LINE_TEXT(__LINE__) ": " #__VA_ARGS__);        \
  } while (false)
// An entry point gives what it should.
void check_result(CUresult result, CUresult expected, const char* what);
#define GIVES(expected, ...)                                                                                 \
  check_result(__VA_ARGS__, expected, __FILE__ ":" LINE_TEXT(__LINE__) ": " #__VA_ARGS__)
#define OK(...) GIVES(CUDA_SUCCESS, __VA_ARGS__)

// The device with its context current; gives it back at the end, and with it every error that sticks.
class Session {
 public:
  explicit Session(CUdevice device = 0);
  ~Session();
  CUmodule load(const std::string& ptx);
  std::string refusal(const std::string& ptx, CUresult expected = CUDA_ERROR_INVALID_PTX); // the error log
  CUfunction function(CUmodule module, const char* name);
  CUcontext context = nullptr;
  CUstream stream = nullptr;

 private:
  CUdevice device_;
};

template <class T> class Array {
 public:
  explicit Array(size_t count, CUstream stream) : count_(count), stream_(stream) {
    OK(cuMemAlloc_v2(&address, count * sizeof(T)));
  }
  Array(const std::vector<T>& values, CUstream stream) : Array(values.size(), stream) {
    OK(cuMemcpyHtoDAsync_v2(address, values.data(), values.size() * sizeof(T), stream));
  }
  std::vector<T> read() const {
    std::vector<T> values(count_);
    OK(cuMemcpyDtoHAsync_v2(values.data(), address, count_ * sizeof(T), stream_));
    return values;
  }
  CUdeviceptr address = 0;

 private:
  size_t count_;
  CUstream stream_;
};

struct Shape {
  unsigned blocks = 1, threads = 1, shared = 0, blocks_y = 1, threads_y = 1;
};
template <class... Ts> CUresult launch(CUstream stream, CUfunction function, Shape shape, Ts... arguments) {
  void* pointers[] = {&arguments..., nullptr};
  return cuLaunchKernel(function, shape.blocks, shape.blocks_y, 1, shape.threads, shape.threads_y, 1,
                        shape.shared, stream, pointers, nullptr);
}

// What `run` writes to stderr.
std::string captured(const std::function<void()>& run);
const std::string& compiled_kernels(); // PTX; empty where there is no nvcc
inline std::string ptx(const std::string& body) {
  return ".version 7.0\n.target sm_70\n.address_size 64\n" + body;
}
