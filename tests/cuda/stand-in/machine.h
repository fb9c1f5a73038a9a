// Runs a grid, block after block. The threads of a block are in groups that share a program counter; the
// group with the least one runs, until it branches, waits, or meets another. A handler runs an instruction
// for the threads that the machine names.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "memory.h"
#include "program.h"
#include "shared_memory.h"

namespace stand_in {

struct Fault {
  int code; // a CUresult
  uint32_t thread;
  std::string message;
};

struct Checks {
  bool enabled = true;        // uninitialised values and races; addresses are always checked
  bool device_written = true; // reads of device memory that nothing was written to
};

struct Launch {
  std::shared_ptr<const Program> program;
  uint32_t grid[3] = {1, 1, 1};
  uint32_t block[3] = {1, 1, 1};
  uint32_t dynamic_shared_bytes = 0;
  int device = 0;
  std::vector<std::byte> parameters;
};

// Threads in ascending order: a range if `index` is null.
struct Lanes {
  const uint16_t* index = nullptr;
  uint32_t first = 0;
  uint32_t count = 0;
};

template <class F> [[gnu::always_inline]] inline void each(const Lanes& lanes, F f) {
  if (lanes.index) {
    for (uint32_t k = 0; k < lanes.count; ++k) f(static_cast<uint32_t>(lanes.index[k]));
  } else {
    const uint32_t end = lanes.first + lanes.count;
#pragma GCC ivdep
    for (uint32_t t = lanes.first; t < end; ++t) f(t);
  }
}

// The allocation that an instruction was in last.
struct Window {
  uint64_t address = 0;
  uint64_t bytes = 0;
  std::byte* data = nullptr;
  std::byte* written = nullptr;
};

class Machine {
 public:
  Machine(const Launch& launch, std::shared_ptr<const MemoryMap> map, const Checks& checks);
  // Throws a Fault; describe() says where.
  void run(const std::atomic<bool>& stop);
  std::string describe(const Fault& fault) const;

  // ---- for handlers
  Lanes lanes;
  template <class T> T* at(uint32_t operand) {
    return reinterpret_cast<T*>(file_.get() + static_cast<size_t>(operand) * stride_);
  }
  Window& window(uint32_t slot) { return windows_[slot]; }
  void locate(Window& window, uint64_t address, uint32_t bytes, uint32_t thread);
  [[noreturn]] void fail(int code, uint32_t thread, const std::string& what) const;
  std::byte* local(uint32_t thread) {
    return local_.data() + static_cast<size_t>(thread) * program_.local_bytes;
  }
  SharedMemory shared;
  const Checks checks;
  const Program& program() const { return program_; }
  const std::byte* parameters() const { return launch_.parameters.data(); }
  uint32_t alive(uint32_t warp) const { return alive_[warp]; }

 private:
  using Threads = std::vector<uint16_t>;
  struct Group {
    uint32_t pc;
    Threads threads;
  };
  struct Waiting {
    uint32_t pc;
    uint16_t thread;
    uint32_t barrier;
    uint32_t expected; // 0: all
    bool arrives_only;
  };

  void prepare();
  void run_block();
  Group take_group();
  void add_group(uint32_t pc, Threads&& threads);
  void step(Group& group);
  bool guard(const Instruction& i, Threads& active); // are there any threads that the guard lets through?
  bool goes_one_way(const Instruction& i, uint32_t& taken);
  uint32_t limit_of(uint32_t pc) const;
  void set_lanes(const Threads& threads);
  bool control(Group& group, const Instruction& i); // does the group go on, with its own counter?
  void branch(Group& group, const Threads& taken, uint32_t target);
  void exit(const Threads& threads);
  void wait(Group& group, const Instruction& i);
  bool release(uint32_t barrier, bool is_idle);
  bool collect(Group& group, const Instruction& i);
  bool wake_parked();
  [[noreturn]] void report_deadlock();
  void watch();

  const Launch& launch_;
  const Program& program_;
  std::shared_ptr<const MemoryMap> map_;
  uint32_t threads_ = 0, stride_ = 0;
  std::unique_ptr<std::byte[]> storage_;
  struct NoDelete {
    void operator()(std::byte*) const {}
  };
  std::unique_ptr<std::byte, NoDelete> file_;
  std::vector<std::byte> local_;
  std::vector<Window> windows_;
  std::vector<uint32_t> alive_;
  std::vector<Group> groups_, parked_;
  std::vector<Waiting> waiting_;
  const Instruction* current_ = nullptr;
  uint32_t block_[3] = {0, 0, 0};
  const std::atomic<bool>* stop_ = nullptr;
  uint64_t turns_ = 0, deadline_ = 0;
};

} // namespace stand_in
