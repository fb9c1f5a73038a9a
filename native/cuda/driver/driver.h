// The CUDA driver: a library that comes with the graphics driver, opened when it is first wanted, so that the
// addon loads where there is none. A row of driver.def declares, loads and clears an entry point.
#pragma once
#include <cstddef>
#include <string>

namespace adjoint::cuda {

using Result = int;
using DevicePointer = unsigned long long;
using ContextHandle = struct CUctx_st*;
using StreamHandle = struct CUstream_st*;
using EventHandle = struct CUevent_st*;
using ModuleHandle = struct CUmod_st*;
using FunctionHandle = struct CUfunc_st*;
using GraphHandle = struct CUgraph_st*;
using GraphNodeHandle = struct CUgraphNode_st*;
using GraphRunHandle = struct CUgraphExec_st*;

struct Uuid {
  unsigned char bytes[16];
};

// CUDA_KERNEL_NODE_PARAMS, version 1.
struct KernelNode {
  FunctionHandle function;
  unsigned grid[3];
  unsigned block[3];
  unsigned shared_bytes;
  void** parameters;
  void** extra;
};

// The driver's answers, as far as they are told apart here.
namespace result {
constexpr Result success = 0;
constexpr Result out_of_memory = 2;
constexpr Result deinitialized = 4; // the process is ending
constexpr Result device_unavailable = 46;
constexpr Result no_device = 100;
constexpr Result no_jit_compiler = 221;
constexpr Result unsupported_ptx_version = 222;
constexpr Result not_ready = 600;
} // namespace result

namespace event_flags {
constexpr unsigned blocking = 1; // waiting for it sleeps
constexpr unsigned no_timing = 2;
} // namespace event_flags

struct Driver {
#define CUDA_ENTRY(name, ...) Result (*name)(__VA_ARGS__) = nullptr;
#define CUDA_OPTIONAL CUDA_ENTRY
#include "cuda/driver/driver.def"
#undef CUDA_ENTRY
#undef CUDA_OPTIONAL

  bool has_graphs() const {
    return cuGraphCreate && cuGraphAddKernelNode && (cuGraphInstantiateWithFlags || cuGraphInstantiate_v2) &&
           cuGraphLaunch && cuGraphDestroy && cuGraphExecDestroy;
  }
};

struct DriverState {
  Driver entries; // all clear unless `is_open`
  bool is_open = false;
  int version = 0;     // of CUDA, as 1000 * major + 10 * minor; 0 if it could not be asked
  std::string problem; // why it is not open, in words that somebody can act on
};

// The driver, opened by the first call: the library that ADJOINT_CUDA_DRIVER names, or libcuda.so.1. Neither
// an open driver nor a problem changes while the process lives.
const DriverState& driver_state();
// May be called only where the driver is open.
inline const Driver& driver() { return driver_state().entries; }

std::string version_text(int version); // "12.4"
std::string name_of(Result result);    // "CUDA_ERROR_OUT_OF_MEMORY (2)"

} // namespace adjoint::cuda
