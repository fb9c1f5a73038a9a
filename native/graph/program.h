// The result of planning: compiled kernels, the order of their launches, and where each finds its arrays and
// numbers. A program depends on neither values nor addresses, so it serves every run of the same structure.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "graph/snapshot.h"

namespace adjoint {

struct Program {
  // Arrays are numbered: the snapshot's leaves, then the program's own blocks.
  struct Block {
    int64_t bytes = 0;
    // Leaves whose memory this block may take, if nothing else holds them: the kernel then writes over what
    // it has read.
    std::vector<uint32_t> donors;
  };
  struct Launch {
    std::unique_ptr<CompiledKernel> kernel;
    std::vector<int64_t> rows; // one per instance
    uint32_t array_count = 0;  // of each instance; the indices stand in `arrays`, in order
    uint32_t number_count = 0;
    uint32_t first_array = 0;
    uint32_t first_number = 0;
    int32_t scratch = -1; // a block
    int32_t failure = -1; // a word of the failure block
  };
  struct Output {
    uint32_t entry = 0;
    uint32_t array = 0;
  };

  size_t leaf_count = 0;
  std::vector<Block> blocks;
  std::vector<Launch> launches;
  std::vector<uint32_t> arrays;
  std::vector<uint32_t> numbers;
  std::vector<Output> outputs; // inputs before users
  int64_t bytes_moved = 0;     // read and written by one run
  int64_t cost = 0;            // as Work counts it
  int64_t thread_bytes = 0;    // the same
  bool has_donors = false;
  // The routines that may fail, in the order of their words in the failure block. A program that has any
  // takes no leaf's memory, so that everything is as it was if one fails.
  std::vector<RoutineKernel> fallible;
};

// Plans a run. With `is_fused` false every op is a kernel of its own, with the same results.
Program plan(Device& device, const Snapshot& snapshot, bool is_fused, std::string* explanation = nullptr);

} // namespace adjoint
