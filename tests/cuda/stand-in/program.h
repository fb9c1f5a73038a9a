// A kernel decoded: instructions that name places of the register file, and what must be in it at the start.
// Constants and special registers are registers like others, filled before the first instruction, so every
// instruction is one loop over threads. Functions lie before their callers: the least program counter is the
// deepest in calls, and running it first is what makes threads meet again.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ptx.h"

namespace stand_in {

class Machine;
struct Instruction;
using Handler = void (*)(Machine&, const Instruction&);

enum class Control : uint8_t {
  none,    // run for the threads and go on
  branch,  // to target
  indexed, // to targets[operand 0]
  call,    // to target; operand 0 keeps where to return to
  ret,     // to what operand 0 says
  exit,    // of a thread
  trap,
  barrier,    // operands: barrier, count of threads
  arrive,     // the same without waiting
  reduce,     // a barrier that gives operand 3 what `run` makes of operand 2 of all
  collective, // of a warp: operand 0 is the mask of those that must be there
};
enum class Guard : uint8_t { none, if_true, if_false };

constexpr size_t MAX_OPERANDS = 8;

struct Instruction {
  Handler run = nullptr;
  Control control = Control::none;
  Guard guard = Guard::none;
  bool aligned = false; // a barrier that all threads of a warp reach together
  uint8_t has_count = 0;
  uint32_t guard_register = 0;
  std::array<uint32_t, MAX_OPERANDS> operand{}; // bytes per thread before the register
  int64_t offset = 0;                           // of an address, or whatever number the handler takes
  uint32_t slot = 0;                            // where it remembers which allocation it was in
  uint32_t target = 0;
  uint32_t line = 0;
  std::vector<uint32_t> more; // operands beyond those, or targets
};

enum class Special : uint8_t {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  nwarpid,
  smid,
  nsmid,
  gridid,
  lanemask_eq,
  lanemask_le,
  lanemask_lt,
  lanemask_ge,
  lanemask_gt,
  dynamic_smem_size,
  total_smem_size,
};

struct Program {
  std::string name;
  std::shared_ptr<const Module> module;
  std::vector<Instruction> code;
  uint32_t entry = 0;
  uint32_t file_bytes = 0; // of all registers, for one thread
  uint32_t slots = 0;      // of instructions that access memory
  struct Constant {
    uint32_t offset, bytes;
    uint64_t bits;
  };
  std::vector<Constant> constants;
  struct SpecialRegister {
    uint32_t offset;
    Special which;
  };
  std::vector<SpecialRegister> specials;
  std::vector<uint32_t> tracked; // a byte per thread: is the register defined?
  struct Parameter {
    uint32_t offset, bytes;
  };
  std::vector<Parameter> parameters;
  uint32_t parameter_bytes = 0;
  uint32_t shared_bytes = 0; // static; dynamic shared memory follows, as aligned as anything
  uint32_t local_bytes = 0;
  uint32_t shared_granule = 4; // the least width of an access that may be one of shared memory
  uint32_t max_threads = 1024;
  uint32_t register_count = 0;
  bool has_warp_barriers = false;
};

// Addresses that generic accesses tell apart. Device memory lies above both.
constexpr uint64_t SHARED_WINDOW = uint64_t{0x200} << 32;
constexpr uint64_t LOCAL_WINDOW = uint64_t{0x210} << 32;
constexpr uint64_t WINDOW_BYTES = uint64_t{1} << 32;
constexpr uint64_t DEVICE_MEMORY = uint64_t{0x300} << 32;
constexpr uint64_t DEVICE_STRIDE = uint64_t{0x100} << 32;

} // namespace stand_in
