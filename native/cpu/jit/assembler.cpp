#include "cpu/jit/assembler.h"

#include <cstring>

namespace adjoint::cpu {

void Assembler::vector(Opcode opcode, unsigned reg, unsigned source, Place place, Mask mask) {
  const bool is_vector = place.kind == Place::Kind::vector;
  // Register numbers are spread over bits that are stored inverted. The index of an address is rax, so its
  // bit is clear; for a register, that bit is the fifth of its number.
  const unsigned r = ~reg >> 3 & 1, r_high = ~reg >> 4 & 1;
  const unsigned x = is_vector ? ~place.number >> 4 & 1 : 1, b = ~place.number >> 3 & 1;
  const auto map = static_cast<unsigned>(opcode.map), prefix = static_cast<unsigned>(opcode.prefix);
  const unsigned v = ~source & 15, v_high = ~source >> 4 & 1;
  if (encoding_ == Encoding::evex) {
    constexpr unsigned length = 2; // 512 bits
    bytes({0x62, r << 7 | x << 6 | b << 5 | r_high << 4 | map,
           static_cast<unsigned>(opcode.wide) << 7 | v << 3 | 1u << 2 | prefix,
           static_cast<unsigned>(mask.zeroes) << 7 | length << 5 | v_high << 3 | mask.number});
  } else {
    constexpr unsigned length = 1; // 256 bits
    bytes({0xC4, r << 7 | x << 6 | b << 5 | map, v << 3 | length << 2 | prefix});
  }
  byte(opcode.code);
  operand(reg & 7, place);
}

// ModRM, SIB and displacement. Displacements are always of four bytes: those of one byte have a scale in
// EVEX.
void Assembler::operand(unsigned reg, Place place) {
  const unsigned base = place.number & 7u;
  switch (place.kind) {
  case Place::Kind::vector:
    return byte(3u << 6 | reg << 3 | base);
  case Place::Kind::constant: // relative to the next instruction; none of these has an immediate
    byte(reg << 3 | 5);
    pool_uses_.push_back(code_.size());
    return word(place.offset);
  case Place::Kind::memory: {
    const unsigned index = place.is_indexed ? rax : 4; // 4: none
    const unsigned scale = place.scale == 8 ? 3 : place.scale == 4 ? 2 : 0;
    // Only rbp and r13 cannot do without a displacement.
    const bool is_short = place.offset == 0 && base != 5;
    bytes({(is_short ? 0u : 2u << 6) | reg << 3 | 4, scale << 6 | index << 3 | base});
    if (!is_short) word(place.offset);
    return;
  }
  }
}

void Assembler::push(Gpr reg) {
  if (reg >= r8) byte(0x41);
  byte(0x50 | (reg & 7u));
}
void Assembler::pop(Gpr reg) {
  if (reg >= r8) byte(0x41);
  byte(0x58 | (reg & 7u));
}
void Assembler::load(Gpr to, Gpr base, int32_t offset) {
  bytes({0x48u | (to >> 3 & 1u) << 2 | (base >> 3 & 1u), 0x8B}); // REX.W 8B /r
  operand(to & 7u, Place::memory(base, offset));
}
size_t Assembler::add_to_rsp(int32_t amount) {
  bytes({0x48, 0x81, 0xC4}); // REX.W 81 /0 id
  word(amount);
  return code_.size() - 4;
}

void Assembler::jump_back(unsigned condition, size_t to) { // 0F 8x cd
  bytes({0x0F, 0x80 | condition});
  word(static_cast<int32_t>(static_cast<int64_t>(to) - static_cast<int64_t>(code_.size()) - 4));
}
size_t Assembler::jump_ahead(unsigned condition) {
  bytes({0x0F, 0x80 | condition});
  word(0);
  return code_.size();
}
void Assembler::land(size_t jump) { patch(jump - 4, static_cast<int32_t>(code_.size() - jump)); }

void Assembler::patch(size_t at, int32_t value) { std::memcpy(&code_[at], &value, sizeof value); }

int32_t Assembler::constant(const void* data, size_t bytes) {
  for (size_t at = 0; at + bytes <= pool_.size(); at += 8)
    if (std::memcmp(&pool_[at], data, bytes) == 0) return static_cast<int32_t>(at);
  const size_t at = pool_.size();
  pool_.resize(at + (bytes + 7) / 8 * 8);
  std::memcpy(&pool_[at], data, bytes);
  return static_cast<int32_t>(at);
}

const std::vector<uint8_t>& Assembler::finish() {
  align(64);
  for (const size_t at : pool_uses_) {
    int32_t offset;
    std::memcpy(&offset, &code_[at], sizeof offset);
    patch(at, static_cast<int32_t>(code_.size() - at - 4) + offset);
  }
  code_.insert(code_.end(), pool_.begin(), pool_.end());
  pool_uses_.clear();
  pool_.clear();
  return code_;
}

} // namespace adjoint::cpu
