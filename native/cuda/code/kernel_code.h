// A kernel as a GPU runs it: a PTX module, and the launches of its functions. It is made of data alone, so
// that it can be made, printed and assembled where there is no driver.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "device/kernel.h"

namespace adjoint::cuda {

// The chip that code and launches are fitted to.
struct Chip {
  int capability = 75; // 10 * major + minor
  int multiprocessors = 1;
};

// Device memory that a launch of a fused kernel works in, beside its arrays. Launches on one stream share it.
struct Scratch {
  uint64_t partials = 0; // an address; contents are arbitrary before and after
  uint64_t tickets = 0;  // an address of 32-bit words, all zero before and after every launch
};

// One launch of one of a module's functions, over one-dimensional blocks.
struct FunctionLaunch {
  uint32_t function = 0; // index into `functions`
  uint32_t blocks = 1;
  uint32_t threads = 1;      // of a block
  uint32_t shared_bytes = 0; // dynamic
  uint32_t first_word = 0;   // of the table: where this function's part of it begins
};

// Every function has one parameter, the 64-bit address of its part of the table in device memory. The table
// is 8-byte words: the addresses of arrays, the numbers, and whatever else a function needs to know of each
// instance. New values and new addresses are a new table, while the launches depend on the instances' rows
// alone; so a recorded sequence of launches can be replayed with other data.
class KernelCode {
 public:
  virtual ~KernelCode() = default;
  std::shared_ptr<const std::string> ptx; // kernels with equal text can share a loaded module
  std::vector<std::string> functions;

  virtual size_t table_words(std::span<const Instance> instances) const = 0;
  virtual void fill_table(std::span<const Instance> instances, Scratch scratch, uint64_t* words) const = 0;
  // The launches, in order; each may need the results of those before it. Empty if there is nothing to do.
  virtual std::vector<FunctionLaunch> launches(std::span<const Instance> instances) const = 0;
  virtual int64_t partials_bytes(std::span<const Instance> instances) const = 0;
  virtual int64_t ticket_count(std::span<const Instance> instances) const = 0;
  // See CompiledKernel.
  virtual int64_t scratch_bytes() const { return 0; }
};

// A kernel whose launches are the same every time, of one function.
class FixedCode : public KernelCode {
 public:
  FunctionLaunch launch;
  int64_t partials = 0, tickets = 0, scratch = 0;

  std::vector<FunctionLaunch> launches(std::span<const Instance>) const override {
    return launch.blocks > 0 ? std::vector{launch} : std::vector<FunctionLaunch>();
  }
  int64_t partials_bytes(std::span<const Instance>) const override { return partials; }
  int64_t ticket_count(std::span<const Instance>) const override { return tickets; }
  int64_t scratch_bytes() const override { return scratch; }
};

} // namespace adjoint::cuda
