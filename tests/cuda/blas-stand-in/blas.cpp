// A libcublas.so for tests where there is none: it multiplies by a kernel of its own, on the driver that the
// process has open already, and refuses what the real one would. Every call is a line in the file that
// ADJOINT_BLAS_LOG names. ADJOINT_BLAS_FAILS gives the status that products fail with, after so many of them:
// "13:2"; or that starting does: "start:1".
#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr int SUCCESS = 0, NOT_INITIALIZED = 1, INVALID_VALUE = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15;

struct Handle {
  void* stream = nullptr;
  void* workspace = nullptr;
  void* functions[2] = {}; // of float32, float64
};

template <class Function> Function* driver(const char* name) {
  static void* const library = dlopen(std::getenv("ADJOINT_CUDA_DRIVER"), RTLD_NOW | RTLD_NOLOAD);
  return library ? reinterpret_cast<Function*>(dlsym(library, name)) : nullptr;
}

template <class... Values> void log(const char* format, Values... values) {
  const char* path = std::getenv("ADJOINT_BLAS_LOG");
  FILE* const file = path ? std::fopen(path, "a") : nullptr;
  if (!file) return;
  std::fprintf(file, format, values...);
  std::fclose(file);
}

// A thread computes an element; they are numbered along columns, then rows, then the batch. Parameters:
//   out, left, right; then in elements: rows, columns, inner, how far apart left's rows and inner indices,
//   right's inner indices and columns, and out's columns are, strides of the batch of left, right, out; count
std::string kernel(bool is_double) {
  const std::string f = is_double ? "f64" : "f32", shift = is_double ? "3" : "2";
  std::string code = ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry gemm(";
  for (int i = 0; i < 15; ++i) code += (i ? ", .param .u64 p" : ".param .u64 p") + std::to_string(i);
  code += ") {\n .reg .b64 %p<15>, %t, %row, %column, %batch, %a, %b, %k; .reg .b32 %r<4>; .reg .pred %c;\n "
          ".reg ." +
          f + " %x, %y, %sum;\n";
  for (int i = 0; i < 15; ++i)
    code += " ld.param.u64 %p" + std::to_string(i) + ", [p" + std::to_string(i) + "];\n";
  code += " mov.u32 %r0, %ctaid.x; mov.u32 %r1, %ntid.x; mov.u32 %r2, %tid.x;\n"
          " mul.wide.u32 %t, %r0, %r1; cvt.u64.u32 %a, %r2; add.u64 %t, %t, %a;\n"
          " setp.ge.u64 %c, %t, %p14; @%c ret;\n"
          " rem.u64 %row, %t, %p3; div.u64 %t, %t, %p3; rem.u64 %column, %t, %p4; div.u64 %batch, %t, %p4;\n"
          " mul.lo.u64 %a, %row, %p6; mad.lo.u64 %a, %batch, %p11, %a;\n"
          " mul.lo.u64 %b, %column, %p9; mad.lo.u64 %b, %batch, %p12, %b;\n"
          " mad.lo.u64 %t, %column, %p10, %row; mad.lo.u64 %t, %batch, %p13, %t;\n"
          " shl.b64 %a, %a, S; add.u64 %a, %a, %p1; shl.b64 %b, %b, S; add.u64 %b, %b, %p2;\n"
          " shl.b64 %t, %t, S; add.u64 %t, %t, %p0; shl.b64 %p7, %p7, S; shl.b64 %p8, %p8, S;\n"
          " mov.u64 %k, 0; sub.F %sum, %sum, %sum;\n"
          "$next: setp.ge.u64 %c, %k, %p5; @%c bra $end;\n"
          " ld.global.F %x, [%a]; ld.global.F %y, [%b]; fma.rn.F %sum, %x, %y, %sum;\n"
          " add.u64 %a, %a, %p7; add.u64 %b, %b, %p8; add.u64 %k, %k, 1; bra $next;\n"
          "$end: st.global.F [%t], %sum; ret;\n}\n";
  const auto replace = [&](const std::string& from, const std::string& to) {
    for (size_t at = code.find(from); at != code.npos; at = code.find(from, at + to.size()))
      code.replace(at, from.size(), to);
  };
  replace("sub.F %sum, %sum, %sum", is_double ? "mov.F %sum, 0d0000000000000000" : "mov.F %sum, 0f00000000");
  replace(".F ", "." + f + " ");
  replace(", S;", ", " + shift + ";");
  return code;
}

void* function_of(Handle& handle, bool is_double) {
  void*& function = handle.functions[is_double];
  if (function) return function;
  void* module = nullptr;
  const std::string text = kernel(is_double);
  using Load = int(void**, const void*, unsigned, int*, void**);
  using Find = int(void**, void*, const char*);
  if (driver<Load>("cuModuleLoadDataEx")(&module, text.c_str(), 0, nullptr, nullptr) != 0) return nullptr;
  if (driver<Find>("cuModuleGetFunction")(&function, module, "gemm") != 0) return nullptr;
  return function;
}

} // namespace

#define BLAS_API extern "C" __attribute__((visibility("default"))) int

BLAS_API cublasCreate_v2(void** handle) {
  const char* fails = std::getenv("ADJOINT_BLAS_FAILS");
  log("create\n");
  if (fails && std::strncmp(fails, "start:", 6) == 0) return std::atoi(fails + 6);
  if (!driver<int()>("cuCtxSynchronize")) return NOT_INITIALIZED;
  *handle = new Handle;
  return SUCCESS;
}
BLAS_API cublasDestroy_v2(void* handle) {
  log("destroy\n");
  delete static_cast<Handle*>(handle);
  return SUCCESS;
}
BLAS_API cublasSetStream_v2(void* handle, void* stream) {
  static_cast<Handle*>(handle)->stream = stream;
  static_cast<Handle*>(handle)->workspace = nullptr; // as the real one does
  return SUCCESS;
}
BLAS_API cublasSetWorkspace_v2(void* handle, void* workspace, size_t bytes) {
  if (!workspace || reinterpret_cast<uintptr_t>(workspace) % 256 != 0) return INVALID_VALUE;
  static_cast<Handle*>(handle)->workspace = workspace;
  log("workspace %zu\n", bytes);
  return SUCCESS;
}

BLAS_API cublasGemmStridedBatchedEx(void* opaque, int left_op, int right_op, int rows, int columns, int inner,
                                    const void* alpha, const void* left, int left_type, int left_leading,
                                    long long left_stride, const void* right, int right_type,
                                    int right_leading, long long right_stride, const void* beta, void* out,
                                    int out_type, int out_leading, long long out_stride, int batch,
                                    int compute, int algorithm) {
  auto& handle = *static_cast<Handle*>(opaque);
  log("gemm %c%c %d %d %d lead %d %d %d batch %d stride %lld %lld %lld type %d compute %d\n",
      left_op ? 't' : 'n', right_op ? 't' : 'n', rows, columns, inner, left_leading, right_leading,
      out_leading, batch, left_stride, right_stride, out_stride, left_type, compute);
  const bool is_double = left_type == 1;
  static int products = 0;
  if (const char* fails = std::getenv("ADJOINT_BLAS_FAILS"); fails && *fails != 's')
    if (const char* after = std::strchr(fails, ':'); products++ >= std::atoi(after + 1))
      return std::atoi(fails);
  if (left_op < 0 || left_op > 1 || right_op < 0 || right_op > 1 || rows < 0 || columns < 0 || inner < 0 ||
      batch < 0 || left_stride < 0 || right_stride < 0 || out_stride < 0 ||
      left_leading < std::max(1, left_op ? inner : rows) ||
      right_leading < std::max(1, right_op ? columns : inner) || out_leading < std::max(1, rows))
    return INVALID_VALUE;
  if (left_type != right_type || left_type != out_type || (left_type != 0 && left_type != 1) ||
      (is_double ? compute != 70 : compute != 68 && compute != 77) || algorithm != -1 || !handle.workspace)
    return NOT_SUPPORTED;
  const bool is_plain =
      is_double ? *static_cast<const double*>(alpha) == 1 && *static_cast<const double*>(beta) == 0
                : *static_cast<const float*>(alpha) == 1 && *static_cast<const float*>(beta) == 0;
  if (!is_plain) return NOT_SUPPORTED;
  void* const function = function_of(handle, is_double);
  if (!function) return EXECUTION_FAILED;
  const auto word = [](auto value) { return static_cast<uint64_t>(value); };
  uint64_t words[] = {reinterpret_cast<uintptr_t>(out),
                      reinterpret_cast<uintptr_t>(left),
                      reinterpret_cast<uintptr_t>(right),
                      word(rows),
                      word(columns),
                      word(inner),
                      word(left_op ? left_leading : 1),
                      word(left_op ? 1 : left_leading),
                      word(right_op ? right_leading : 1),
                      word(right_op ? 1 : right_leading),
                      word(out_leading),
                      word(left_stride),
                      word(right_stride),
                      word(out_stride),
                      word(rows) * word(columns) * word(batch)};
  void* parameters[15];
  for (int i = 0; i < 15; ++i) parameters[i] = &words[i];
  const auto blocks = static_cast<unsigned>((words[14] + 63) / 64);
  using Launch =
      int(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**);
  if (blocks == 0) return SUCCESS;
  const int result = driver<Launch>("cuLaunchKernel")(function, blocks, 1, 1, 64, 1, 1, 0, handle.stream,
                                                      parameters, nullptr);
  return result == 0 ? SUCCESS : EXECUTION_FAILED;
}
