// cuBLAS, for programs that prefer it: a library of its own, which neither the driver nor the addon comes
// with, opened when it is first asked for. A row of blas.def declares and loads an entry point.
#pragma once
#include "cuda/driver/gemm.h"
#include "cuda/driver/gpu.h"

namespace adjoint::cuda {

using BlasHandle = struct cublasContext*;
using BlasStatus = int;

struct Blas {
#define BLAS_ENTRY(name, ...) BlasStatus (*name)(__VA_ARGS__) = nullptr;
#include "cuda/driver/blas.def"
#undef BLAS_ENTRY
};

std::string name_of_status(BlasStatus status); // "CUBLAS_STATUS_INVALID_VALUE (7)"

// Opens the library that ADJOINT_CUBLAS names, or else the one that the process has loaded already, or else
// the newest that the driver can run. Throws ERR_CUBLAS where there is none; an open library stays open.
const Blas& blas();

// cuBLAS on one stream, with a workspace of its own: so results have the same bits every time.
class BlasStream {
 public:
  // The context must be entered, here and below. Throws as blas() does, and ERR_CUBLAS if it cannot begin.
  BlasStream(Gpu& gpu, StreamHandle stream, Pool::Arena& arena);
  ~BlasStream();
  BlasStream(const BlasStream&) = delete;
  BlasStream& operator=(const BlasStream&) = delete;

  BlasStatus multiply(const Gemm& gemm, void* const* arrays) const;
  // Throws the error that such a status means, unless it is a success.
  void check(BlasStatus status, const char* doing) const;

 private:
  Gpu& gpu_;
  const StreamHandle stream_;
  const Blas& blas_;
  DeviceMemory workspace_;
  BlasHandle handle_ = nullptr;
};

} // namespace adjoint::cuda
