// Machine code for x86-64, as far as segments need it: vector instructions in VEX (ymm) or EVEX (zmm) form,
// and the few others around a loop. Opcodes are written as in the Intel SDM, volume 2: "66.0F38.W1 19" is
// {Prefix::x66, Map::x0F38, 0x19, true}.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace adjoint::cpu {

// No code at all; VEX.256, 16 registers; EVEX.512, 32 registers and masks.
enum class Encoding : uint8_t { none, vex, evex };

enum class Prefix : uint8_t { none, x66, xF3, xF2 }; // pp
enum class Map : uint8_t { x0F = 1, x0F38, x0F3A };  // mmmmm

struct Opcode {
  Prefix prefix;
  Map map;
  uint8_t code;
  bool wide = false; // EVEX.W; every VEX form here is W0 or ignores W
};

enum Gpr : uint8_t { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 };

// The last operand of a vector instruction.
struct Place {
  enum class Kind : uint8_t { vector, memory, constant } kind;
  uint8_t number = 0;      // of the vector register, or of the base
  bool is_indexed = false; // by rax, times `scale`
  uint8_t scale = 1;       // 1, 4 or 8
  int32_t offset = 0;      // from the base, or in the pool of constants
  static Place vector(unsigned number) { return {Kind::vector, static_cast<uint8_t>(number)}; }
  static Place element(Gpr base, size_t scale) {
    return {Kind::memory, base, true, static_cast<uint8_t>(scale)};
  }
  static Place memory(Gpr base, int32_t offset = 0) { return {Kind::memory, base, false, 1, offset}; }
  static Place constant(int32_t offset) { return {Kind::constant, 0, false, 1, offset}; }
};

// EVEX alone: the opmask k`number`, zero for none; lanes that it leaves out are zeroed or stay.
struct Mask {
  uint8_t number = 0;
  bool zeroes = false;
};

class Assembler {
 public:
  explicit Assembler(Encoding encoding) : encoding_(encoding) {}

  // reg is ModRM.reg, source is vvvv (0 where there is none), and place is ModRM.rm.
  void vector(Opcode opcode, unsigned reg, unsigned source, Place place, Mask mask = {});
  void vector_immediate(Opcode opcode, unsigned reg, unsigned source, Place place, unsigned immediate) {
    vector(opcode, reg, source, place);
    byte(immediate);
  }

  void bytes(std::initializer_list<unsigned> list) {
    for (const unsigned one : list) byte(one);
  }
  void push(Gpr reg);
  void pop(Gpr reg);
  void load(Gpr to, Gpr base, int32_t offset); // to = [base + offset]
  size_t add_to_rsp(int32_t bytes);            // where the number lies, which may be patched
  void patch(size_t at, int32_t value);
  // Jumps on condition code `condition` (Intel SDM, volume 1, appendix B): to a place that is known, or to
  // one that `land` tells later.
  void jump_back(unsigned condition, size_t to);
  size_t jump_ahead(unsigned condition);
  void land(size_t jump);

  size_t position() const { return code_.size(); }
  void align(size_t to) {
    while (code_.size() % to != 0) byte(0xCC); // int3
  }
  // Constants lie behind the code; one that is there already is found again.
  int32_t constant(const void* data, size_t bytes);
  // The code, once all of it is there.
  const std::vector<uint8_t>& finish();

 private:
  void byte(unsigned value) { code_.push_back(static_cast<uint8_t>(value)); }
  void word(int32_t value) {
    for (int shift = 0; shift < 32; shift += 8) byte(static_cast<uint32_t>(value) >> shift & 0xFF);
  }
  void operand(unsigned reg, Place place);

  Encoding encoding_;
  std::vector<uint8_t> code_, pool_;
  std::vector<size_t> pool_uses_; // where offsets into the pool are to be made relative
};

} // namespace adjoint::cpu
