// The launches of a program, prepared: each with its part of a table of addresses and numbers. Another run of
// the program has another table and the same launches, so a program that repeats becomes a CUDA graph, which
// the driver launches in one go.
#pragma once
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "cuda/driver/gemm.h"
#include "cuda/driver/gpu.h"
#include "device/device.h"

namespace adjoint::cuda {

class BlasStream;

// A kernel of our own, or a product for cuBLAS.
struct CudaKernel final : CompiledKernel {
  std::optional<Gemm> gemm; // in place of code, if there is one
  std::unique_ptr<KernelCode> code;
  int64_t scratch_bytes() const override { return code ? code->scratch_bytes() : 0; }
  std::shared_ptr<const Module> module;
  std::vector<FunctionHandle> functions;
};

// The launches of one work on one stream.
class Sequence {
 public:
  // The context must be entered, here and below.
  Sequence(Gpu& gpu, StreamHandle stream, const Work& work);
  ~Sequence();
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  bool is_empty() const { return calls_.empty(); }
  size_t table_bytes() const { return table_words_ * sizeof(uint64_t); }
  int64_t partials_bytes() const { return partials_bytes_; }
  int64_t ticket_count() const { return ticket_count_; }
  // Whether the work has these very launches, with other arrays and numbers perhaps.
  bool fits(const Work& work) const;
  void fill_table(const Work& work, Scratch scratch, uint64_t* words) const;

  // Counts a run. The third may make a graph, which reads a table of its own; but not if cuBLAS takes part,
  // whose kernels are its own affair.
  void count_run(Pool::Arena& arena);
  bool has_graph() const { return graph_ != nullptr; }
  DevicePointer graph_table() const { return graph_table_.address(); }
  void launch_graph() const;
  // Launches everything; `blas` is for the products of cuBLAS, and null if there are none.
  void launch(DevicePointer table, const Work& work, const BlasStream* blas) const;

 private:
  struct Part { // a launch of the work
    const CudaKernel* kernel;
    std::shared_ptr<const Module> module;
    uint32_t first_instance, instance_count;
    size_t first_word;
  };
  struct DriverCall {
    FunctionHandle function;
    FunctionLaunch shape;
    size_t first_word;
    const Gemm* gemm; // in place of the function
    uint32_t instance;
  };
  void make_graph(Pool::Arena& arena);

  Gpu& gpu_;
  const StreamHandle stream_;
  std::vector<Part> parts_;
  std::vector<int64_t> rows_; // of the instances
  std::vector<DriverCall> calls_;
  size_t table_words_ = 0;
  int64_t partials_bytes_ = 0, ticket_count_ = 0;
  int runs_ = 0;
  bool has_gemm_ = false;
  DeviceMemory graph_table_;
  GraphRunHandle graph_ = nullptr;
};

// The sequences of living programs, the most recently used ones.
class Sequences {
 public:
  // Valid until the next call.
  Sequence& find(Gpu& gpu, StreamHandle stream, const Work& work);

 private:
  struct Entry {
    std::weak_ptr<const void> owner;
    const void* key;
    std::unique_ptr<Sequence> sequence;
  };
  void erase(std::list<Entry>::iterator entry);

  std::list<Entry> entries_; // the most recently used first
  std::unordered_map<const void*, std::list<Entry>::iterator> index_;
};

} // namespace adjoint::cuda
