#include "cuda/driver/blas.h"

#include <cstdlib>

#ifndef _WIN32
#include <dlfcn.h>
#endif

#include "device/error.h"

namespace adjoint::cuda {

namespace {

constexpr int newest_major = 13, oldest_major = 11;
// NVIDIA's advice, as of compute capability 9.0 and before.
constexpr int64_t large_workspace_bytes = 32 << 20, workspace_bytes = 4 << 20;
constexpr int large_workspace_capability = 90;

// Constants of cuBLAS.
constexpr BlasStatus success = 0;
constexpr int op_n = 0, op_t = 1;
constexpr int real_32 = 0, real_64 = 1;                                    // cudaDataType
constexpr int compute_32 = 68, compute_64 = 70, compute_32_fast_tf32 = 77; // cublasComputeType_t
constexpr int default_algorithm = -1;

struct StatusName {
  BlasStatus status;
  const char* name;
};
constexpr StatusName status_names[] = {
    {1, "CUBLAS_STATUS_NOT_INITIALIZED"}, {3, "CUBLAS_STATUS_ALLOC_FAILED"},
    {7, "CUBLAS_STATUS_INVALID_VALUE"},   {8, "CUBLAS_STATUS_ARCH_MISMATCH"},
    {11, "CUBLAS_STATUS_MAPPING_ERROR"},  {13, "CUBLAS_STATUS_EXECUTION_FAILED"},
    {14, "CUBLAS_STATUS_INTERNAL_ERROR"}, {15, "CUBLAS_STATUS_NOT_SUPPORTED"},
    {16, "CUBLAS_STATUS_LICENSE_ERROR"},
};
#ifdef _WIN32
void* open_library(const std::string&, bool) { return nullptr; }
void* find_symbol(void*, const char*) { return nullptr; }
std::string reason_of_failure() { return "not supported on Windows"; }
#else
void* open_library(const std::string& path, bool only_if_loaded) {
  return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | (only_if_loaded ? RTLD_NOLOAD : 0));
}
void* find_symbol(void* library, const char* name) { return dlsym(library, name); }
std::string reason_of_failure() {
  const char* reason = dlerror();
  return reason ? reason : "no reason was given";
}
#endif

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorClass::error, "ERR_CUBLAS", "cuBLAS cannot be used: " + what);
}

void* find_library() {
  const char* chosen = std::getenv("ADJOINT_CUBLAS");
  if (chosen && *chosen) {
    void* const library = open_library(chosen, false);
    if (!library) refuse("ADJOINT_CUBLAS names a library that could not be opened: " + reason_of_failure());
    return library;
  }
  // A library for CUDA 12 runs on drivers for CUDA 12 and newer.
  std::vector<std::string> names;
  for (int major = newest_major; major >= oldest_major; --major)
    if (driver_state().version == 0 || major <= driver_state().version / 1000)
      names.push_back("libcublas.so." + std::to_string(major));
  for (const bool only_if_loaded : {true, false})
    for (const std::string& name : names)
      if (void* const library = open_library(name, only_if_loaded)) return library;
  std::string tried;
  for (const std::string& name : names) tried += (tried.empty() ? "" : ", ") + name;
  const bool is_old = driver_state().version != 0 && driver_state().version < 12000;
  refuse("it was not found; tried " + tried + " (" + reason_of_failure() + "). Install it, for example by " +
         "`pip install nvidia-cublas-cu" + (is_old ? "11" : "12") +
         "`, and set ADJOINT_CUBLAS to the path of its libcublas.so");
}

Blas load() {
  void* const library = find_library();
  Blas entries;
  const char* missing = nullptr;
#define BLAS_ENTRY(name, ...)                                                                                \
  entries.name = reinterpret_cast<decltype(entries.name)>(find_symbol(library, #name));                      \
  if (!entries.name && !missing) missing = #name;
#include "cuda/driver/blas.def"
#undef BLAS_ENTRY
  if (missing)
    refuse("the library has no " + std::string(missing) + "; it must be libcublas.so of CUDA 11 or newer");
  return entries;
}

} // namespace

std::string name_of_status(BlasStatus status) {
  for (const StatusName& row : status_names)
    if (row.status == status) return std::string(row.name) + " (" + std::to_string(status) + ")";
  return "status " + std::to_string(status);
}

const Blas& blas() {
  static std::mutex& mutex = *new std::mutex;
  static const Blas* opened = nullptr;
  const std::lock_guard lock(mutex);
  if (!opened) opened = new Blas(load());
  return *opened;
}

BlasStream::BlasStream(Gpu& gpu, StreamHandle stream, Pool::Arena& arena)
    : gpu_(gpu), stream_(stream), blas_(blas()) {
  const bool is_large = gpu.context.info.chip.capability >= large_workspace_capability;
  const int64_t bytes = is_large ? large_workspace_bytes : workspace_bytes;
  workspace_ = DeviceMemory(gpu.pool, arena, bytes);
  BlasStatus status = blas_.cublasCreate_v2(&handle_);
  if (status != success) {
    // cuBLAS takes memory from the driver, which the pool may be keeping.
    gpu.pool.empty_cache();
    status = blas_.cublasCreate_v2(&handle_);
  }
  check(status, "starting");
  status = blas_.cublasSetStream_v2(handle_, stream);
  if (status == success)
    status = blas_.cublasSetWorkspace_v2(handle_, reinterpret_cast<void*>(workspace_.address()),
                                         static_cast<size_t>(bytes));
  if (status != success) blas_.cublasDestroy_v2(handle_);
  check(status, "starting");
}

BlasStream::~BlasStream() {
  if (gpu_.context.enter_quietly()) blas_.cublasDestroy_v2(handle_);
}

BlasStatus BlasStream::multiply(const Gemm& gemm, void* const* arrays) const {
  const bool is_single = gemm.dtype == DType::float32;
  const float one = 1, zero = 0;
  const double double_one = 1, double_zero = 0;
  const auto address = [&](const Gemm::Operand& operand) {
    return static_cast<std::byte*>(arrays[operand.array]) + operand.offset * bytes_of(gemm.dtype);
  };
  const auto op = [](const Gemm::Operand& operand) { return operand.is_transposed ? op_t : op_n; };
  const int type = is_single ? real_32 : real_64;
  const int compute = !is_single ? compute_64 : gemm.may_round ? compute_32_fast_tf32 : compute_32;
  return blas_.cublasGemmStridedBatchedEx(
      handle_, op(gemm.left), op(gemm.right), gemm.rows, gemm.columns, gemm.inner,
      is_single ? static_cast<const void*>(&one) : &double_one, address(gemm.left), type, gemm.left.leading,
      gemm.left.batch_stride, address(gemm.right), type, gemm.right.leading, gemm.right.batch_stride,
      is_single ? static_cast<const void*>(&zero) : &double_zero, address(gemm.out), type, gemm.out.leading,
      gemm.out.batch_stride, gemm.batch, compute, default_algorithm);
}

void BlasStream::check(BlasStatus status, const char* doing) const {
  if (status == success) return;
  gpu_.context.require_alive();
  // cuBLAS may only be the first to meet an error that spoils the context.
  const Result result = driver().cuStreamQuery(stream_);
  if (result != result::not_ready) gpu_.context.check(result, doing);
  const DeviceInfo& info = gpu_.context.info;
  throw Error(ErrorClass::error, "ERR_CUBLAS",
              std::string("cuBLAS: ") + doing + " failed on " + info.label() + " (" + info.name + "): " +
                  name_of_status(status) + "; cuda.preferredBlasLibrary(\"default\") does without cuBLAS");
}

} // namespace adjoint::cuda
