// As much of CUDA's driver as a test needs to run a kernel, from the library that ADJOINT_CUDA_DRIVER names.
#pragma once
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "cuda/code/kernel_code.h"

namespace adjoint {

class CudaDriver {
 public:
  explicit CudaDriver(const char* path) {
    library_ = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library_) fail(dlerror());
    void* context = nullptr;
    check(call<int(unsigned)>("cuInit")(0), "cuInit");
    check(call<int(int*, int)>("cuDeviceGet")(&device_, 0), "cuDeviceGet");
    check(call<int(void**, int)>("cuDevicePrimaryCtxRetain")(&context, device_), "cuDevicePrimaryCtxRetain");
    check(call<int(void*)>("cuCtxSetCurrent")(context), "cuCtxSetCurrent");
  }

  cuda::Chip chip() {
    const auto attribute = [&](int which) {
      int value = 0;
      check(call<int(int*, int, int)>("cuDeviceGetAttribute")(&value, which, device_),
            "cuDeviceGetAttribute");
      return value;
    };
    return {10 * attribute(75) + attribute(76), attribute(16)};
  }
  uint64_t allocate(size_t bytes) {
    uint64_t address = 0;
    check(call<int(uint64_t*, size_t)>("cuMemAlloc_v2")(&address, bytes ? bytes : 1), "cuMemAlloc");
    return address;
  }
  void free(uint64_t address) { check(call<int(uint64_t)>("cuMemFree_v2")(address), "cuMemFree"); }
  void upload(uint64_t to, const void* from, size_t bytes) {
    using Copy = int(uint64_t, const void*, size_t, void*);
    if (bytes) check(call<Copy>("cuMemcpyHtoDAsync_v2")(to, from, bytes, nullptr), "cuMemcpyHtoDAsync");
    wait();
  }
  void download(void* to, uint64_t from, size_t bytes) {
    using Copy = int(void*, uint64_t, size_t, void*);
    if (bytes) check(call<Copy>("cuMemcpyDtoHAsync_v2")(to, from, bytes, nullptr), "cuMemcpyDtoHAsync");
    wait();
  }
  void* function(const std::string& ptx, const std::string& name) {
    void*& module = modules_[ptx];
    if (!module) {
      // Options 5 and 6 are the buffer that the compiler's errors are written to, and its length.
      static char log[4096];
      int options[] = {5, 6};
      void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
      using Load = int(void**, const void*, unsigned, int*, void**);
      if (call<Load>("cuModuleLoadDataEx")(&module, ptx.c_str(), 2, options, values) != 0) fail(log);
    }
    void* function = nullptr;
    check(call<int(void**, void*, const char*)>("cuModuleGetFunction")(&function, module, name.c_str()),
          "cuModuleGetFunction");
    return function;
  }
  void launch(void* function, const cuda::FunctionLaunch& launch, uint64_t table) {
    void* parameters[] = {&table};
    using Launch = int(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*,
                       void**, void**);
    check(call<Launch>("cuLaunchKernel")(function, launch.blocks, 1, 1, launch.threads, 1, 1,
                                         launch.shared_bytes, nullptr, parameters, nullptr),
          "cuLaunchKernel");
  }
  void wait() { check(call<int()>("cuCtxSynchronize")(), "cuCtxSynchronize"); }

 private:
  template <class Function> Function* call(const char* name) {
    void*& symbol = symbols_[name];
    if (!symbol) symbol = dlsym(library_, name);
    if (!symbol) fail(name);
    return reinterpret_cast<Function*>(symbol);
  }
  static void check(int result, const char* name) {
    if (result != 0) fail((std::string(name) + " gave " + std::to_string(result)).c_str());
  }
  [[noreturn]] static void fail(const char* what) {
    std::printf("driver: %s\n", what);
    std::exit(2);
  }

  void* library_ = nullptr;
  int device_ = 0;
  std::map<std::string, void*> symbols_, modules_;
};

} // namespace adjoint
