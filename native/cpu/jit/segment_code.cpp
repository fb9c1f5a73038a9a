// From operations on vectors to machine code, which gives registers in one walk over the operations. A wanted
// register is taken from the vector whose next use is furthest; a computed vector is then kept on the stack,
// and one from memory is read again.
#include <algorithm>
#include <optional>

#include "cpu/jit/segment.h"
#include "cpu/jit/vector_code.h"

namespace adjoint::cpu {

namespace {

// rdi is the number of elements, then of those that are left; rax is the present element.
constexpr Gpr table = rsi, moment = rdx; // the pointers of values; one that is wanted for a moment
constexpr Gpr pointer_registers[] = {rcx, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15};
constexpr size_t free_pointers = 5; // the others belong to the caller
enum Condition : unsigned { if_equal = 0x4, if_less = 0xC, if_less_or_equal = 0xE };
constexpr uint8_t tail_mask = 1, choice_mask = 2; // k1, k2
constexpr unsigned tail_vector = 15;              // VEX: the mask of the remaining elements

class Emitter {
 public:
  Emitter(Assembler& assembler, Encoding encoding, const CpuProgram& program, const Segment& segment)
      : to_(assembler), is_evex_(encoding == Encoding::evex), program_(program),
        code_(vector_code(program, segment)), vectors_(code_.vectors), operations_(code_.operations),
        states_(vectors_.size()), is_wide_(code_.bytes == 8), element_bytes_(code_.bytes),
        vector_bytes_(is_evex_ ? 64 : 32), registers_(is_evex_ ? 32 : 15) {}

  void emit() {
    choose_kept();
    choose_pointers();
    to_.bytes({0xF3, 0x0F, 0x1E, 0xFA}); // endbr64
    for (size_t i = free_pointers; i < used_pointers_; ++i) to_.push(pointer_registers[i]);
    const size_t frame_at = to_.add_to_rsp(0); // how much is spilled is known only behind the code
    for (size_t value = 0; value < pointer_of_.size(); ++value)
      if (pointer_of_[value]) load_pointer(*pointer_of_[value], value);
    emit_kept();
    const auto lanes = static_cast<unsigned>(vector_bytes_ / element_bytes_);
    to_.bytes({0x31, 0xC0});              // xor eax, eax
    to_.bytes({0x48, 0x83, 0xEF, lanes}); // sub rdi, lanes
    const size_t is_short = to_.jump_ahead(if_less);
    const size_t loop = to_.position();
    emit_body(false);
    to_.bytes({0x48, 0x83, 0xC0, lanes}); // add rax, lanes
    to_.bytes({0x48, 0x39, 0xF8});        // cmp rax, rdi
    to_.jump_back(if_less_or_equal, loop);
    to_.land(is_short);
    to_.bytes({0x48, 0x83, 0xC7, lanes}); // add rdi, lanes
    to_.bytes({0x48, 0x29, 0xC7});        // sub rdi, rax
    const size_t is_done = to_.jump_ahead(if_equal);
    emit_tail_mask();
    emit_body(true);
    to_.land(is_done);
    const auto frame = static_cast<int32_t>(spills_ * vector_bytes_);
    to_.add_to_rsp(frame);
    to_.patch(frame_at, -frame);
    for (size_t i = used_pointers_; i-- > free_pointers;) to_.pop(pointer_registers[i]);
    to_.bytes({0xC5, 0xF8, 0x77}); // vzeroupper
    to_.bytes({0xC3});             // ret
  }

 private:
  static constexpr unsigned no_register = UINT32_MAX;
  static constexpr uint16_t no_vector = UINT16_MAX;

  struct State {
    unsigned reg = no_register;
    bool is_kept = false;    // in its register, through the whole loop
    bool is_spilled = false; // its place on the stack holds it
    size_t spill = SIZE_MAX;
  };

  // --- opcodes

  Opcode packed(unsigned code) const { // PS, or PD
    return {is_wide_ ? Prefix::x66 : Prefix::none, Map::x0F, static_cast<uint8_t>(code), is_wide_};
  }
  // Opcodes whose forms for doubles have W1 in EVEX, and in VEX the next opcode, or the same.
  Opcode by_width(Prefix prefix, Map map, unsigned code, unsigned wide_code) const {
    return {prefix, map, static_cast<uint8_t>(is_wide_ ? wide_code : code), is_wide_};
  }

  // --- memory

  void load_pointer(Gpr to, size_t value) {
    to_.load(to, table, static_cast<int32_t>(value * sizeof(void*)));
  }
  Gpr pointer_to(uint16_t value) {
    if (pointer_of_[value]) return *pointer_of_[value];
    load_pointer(moment, value);
    return moment;
  }

  void choose_pointers() {
    pointer_of_.resize(program_.value_bytes.size());
    const auto want = [&](uint16_t value) {
      if (!pointer_of_[value] && used_pointers_ < std::size(pointer_registers))
        pointer_of_[value] = pointer_registers[used_pointers_++];
    };
    for (const SegmentVector& vector : vectors_)
      if (vector.origin == SegmentVector::Origin::stream && !vector.uses.empty()) want(vector.value);
    for (const Operation& operation : operations_)
      if (operation.verb == Verb::store) want(operation.out);
    for (size_t i = 0; i < vectors_.size(); ++i)
      if (vectors_[i].origin == SegmentVector::Origin::still && !states_[i].is_kept) want(vectors_[i].value);
  }

  void emit_tail_mask() {
    if (is_evex_) {
      to_.bytes({0xBA, 0xFF, 0xFF, 0xFF, 0xFF});     // mov edx, -1
      to_.bytes({0xC4, 0xE2, 0x40, 0xF5, 0xD2});     // bzhi edx, edx, edi: VEX.LZ.0F38.W0 F5 /r
      to_.bytes({0xC5, 0xF8, 0x92, 0xC8u | moment}); // kmovw k1, edx: VEX.L0.0F.W0 92 /r
      return;
    }
    constexpr uint64_t wide[] = {0, 1, 2, 3};
    constexpr uint32_t narrow[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const int32_t positions = to_.constant(is_wide_ ? static_cast<const void*>(wide) : narrow, sizeof wide);
    to_.bytes({0xC4, 0x61, is_wide_ ? 0xF9u : 0x79u, 0x6E, 0xFF}); // vmovd/q xmm15, rdi: VEX.128.66.0F 6E /r
    to_.vector({Prefix::x66, Map::x0F38, static_cast<uint8_t>(is_wide_ ? 0x59 : 0x58)}, tail_vector, 0,
               Place::vector(tail_vector)); // vpbroadcastd/q
    const Opcode greater =
        is_wide_ ? Opcode{Prefix::x66, Map::x0F38, 0x37} : Opcode{Prefix::x66, Map::x0F, 0x66};
    to_.vector(greater, tail_vector, tail_vector, Place::constant(positions));
  }

  void load_stream(unsigned reg, const SegmentVector& vector, bool is_tail) {
    const Place place = Place::element(pointer_to(vector.value), vector.is_bool ? 1 : element_bytes_);
    const Mask mask = is_tail ? Mask{tail_mask, true} : Mask{};
    if (vector.is_bool) {
      to_.vector({Prefix::x66, Map::x0F38, static_cast<uint8_t>(is_wide_ ? 0x32 : 0x31)}, reg, 0, place,
                 mask); // vpmovzxbd/q
      set_all_bits(reg);
    } else if (is_evex_ || !is_tail) {
      to_.vector(packed(0x10), reg, 0, place, mask); // vmovups
    } else {
      to_.vector(by_width(Prefix::x66, Map::x0F38, 0x2C, 0x2D), reg, tail_vector, place); // vmaskmovps
    }
  }
  // EVEX: from ones in lanes to all of their bits.
  void set_all_bits(unsigned reg) {
    to_.vector({Prefix::x66, Map::x0F38, 0x27, is_wide_}, choice_mask, reg, Place::vector(reg)); // vptestmd/q
    spread_mask(reg);
  }
  void broadcast(unsigned reg, Place place) { // vbroadcastss/sd
    to_.vector(by_width(Prefix::x66, Map::x0F38, 0x18, 0x19), reg, 0, place);
  }
  void load_still(unsigned reg, const SegmentVector& vector) {
    const Gpr pointer = pointer_to(vector.value);
    if (!vector.is_bool) return broadcast(reg, Place::memory(pointer));
    // vpbroadcastb, then only the lowest byte of each lane
    to_.vector({Prefix::x66, Map::x0F38, 0x78}, reg, 0, Place::memory(pointer));
    set_all_bits(reg);
  }
  void store(const Operation& operation, unsigned reg, bool is_tail) {
    const bool is_bool = program_.value_bytes[operation.out] == 1;
    const Place place = Place::element(pointer_to(operation.out), is_bool ? 1 : element_bytes_);
    const Mask mask = is_tail ? Mask{tail_mask} : Mask{};
    if (is_bool) {
      const unsigned ones = take_register();
      take_mask(reg);
      const uint64_t one = 1;
      to_.vector(by_width(Prefix::x66, Map::x0F38, 0x18, 0x19), ones, 0,
                 Place::constant(to_.constant(&one, sizeof one)), {choice_mask, true}); // vbroadcastss/sd
      to_.vector({Prefix::xF3, Map::x0F38, static_cast<uint8_t>(is_wide_ ? 0x32 : 0x31)}, ones, 0, place,
                 mask); // vpmovdb/qb
    } else if (is_evex_ || !is_tail) {
      to_.vector(packed(0x11), reg, 0, place, mask); // vmovups
    } else {
      to_.vector(by_width(Prefix::x66, Map::x0F38, 0x2E, 0x2F), reg, tail_vector, place); // vmaskmovps
    }
  }
  Place spill_place(size_t spill) const {
    return Place::memory(rsp, static_cast<int32_t>(spill * vector_bytes_));
  }

  // --- registers

  // Keeps vectors that are the same for all elements in registers, as long as enough are left for the others.
  void choose_kept() {
    std::vector<uint16_t> wanted;
    for (size_t i = 0; i < vectors_.size(); ++i) {
      const SegmentVector& vector = vectors_[i];
      if (vector.is_constant &&
          std::any_of(vector.uses.begin(), vector.uses.end(), [&](uint32_t at) { return !is_before(at); }))
        wanted.push_back(static_cast<uint16_t>(i));
    }
    const size_t most = registers_ - std::min<size_t>(registers_, pressure() + 5);
    has_before_ = wanted.size() <= most;
    if (!has_before_) { // then nothing is computed before the loop
      wanted.clear();
      for (size_t i = 0; i < vectors_.size(); ++i)
        if (vectors_[i].is_constant && vectors_[i].origin != SegmentVector::Origin::made)
          wanted.push_back(static_cast<uint16_t>(i));
      std::stable_sort(wanted.begin(), wanted.end(), [&](uint16_t a, uint16_t b) {
        return vectors_[a].uses.size() > vectors_[b].uses.size();
      });
      wanted.resize(std::min(wanted.size(), most));
    }
    for (const uint16_t vector : wanted) states_[vector].is_kept = true;
  }
  // Whether an operation comes before the loop: its inputs are the same for all elements.
  bool is_before(size_t at) const {
    const Operation& operation = operations_[at];
    return has_before_ && operation.verb != Verb::store && vectors_[operation.out].is_constant;
  }
  // The number of varying vectors that are needed at one time.
  size_t pressure() const {
    std::vector<int> change(operations_.size() + 1);
    std::vector<size_t> made(vectors_.size(), SIZE_MAX);
    for (size_t i = 0; i < operations_.size(); ++i)
      if (operations_[i].verb != Verb::store) made[operations_[i].out] = i;
    for (size_t i = 0; i < vectors_.size(); ++i) {
      if (vectors_[i].is_constant || vectors_[i].uses.empty()) continue;
      ++change[made[i] == SIZE_MAX ? vectors_[i].uses.front() : made[i]];
      --change[vectors_[i].uses.back() + 1];
    }
    int now = 0, most = 0;
    for (const int one : change) most = std::max(most, now += one);
    return static_cast<size_t>(most);
  }

  void emit_kept() {
    begin_walk();
    for (size_t i = 0; i < vectors_.size(); ++i)
      if (states_[i].is_kept && vectors_[i].origin != SegmentVector::Origin::made)
        keep(static_cast<uint16_t>(i));
    for (size_t i = 0; i < operations_.size(); ++i)
      if (is_before(i)) run(i, false);
  }
  void keep(uint16_t vector) {
    pinned_ = 0;
    fetch(vector, false);
  }
  void emit_body(bool is_tail) {
    begin_walk();
    for (size_t i = 0; i < operations_.size(); ++i)
      if (!is_before(i)) run(i, is_tail);
  }
  // Kept vectors stay; all others are yet to come.
  void begin_walk() {
    held_.assign(registers_, no_vector);
    for (size_t i = 0; i < states_.size(); ++i) {
      State& state = states_[i];
      if (state.is_kept && state.reg != no_register) {
        held_[state.reg] = static_cast<uint16_t>(i);
      } else {
        state.reg = no_register;
        state.is_spilled = false;
      }
    }
  }

  size_t next_use(uint16_t vector) const {
    const std::vector<uint32_t>& uses = vectors_[vector].uses;
    const auto next = std::lower_bound(uses.begin(), uses.end(), now_);
    return next == uses.end() ? SIZE_MAX : *next;
  }

  // A free register, or the one whose vector is needed last; a computed vector goes to the stack.
  unsigned take_register() {
    unsigned best = no_register;
    size_t furthest = 0;
    for (unsigned reg = 0; reg < registers_; ++reg) {
      if (pinned_ >> reg & 1) continue;
      const uint16_t vector = held_[reg];
      if (vector == no_vector) return reg;
      if (states_[vector].is_kept) continue;
      const size_t use = next_use(vector);
      if (best != no_register && use <= furthest) continue;
      furthest = use;
      best = reg;
    }
    State& state = states_[held_[best]];
    if (vectors_[held_[best]].origin == SegmentVector::Origin::made && !state.is_spilled) {
      if (state.spill == SIZE_MAX) state.spill = spills_++;
      to_.vector(packed(0x11), best, 0, spill_place(state.spill)); // vmovups
      state.is_spilled = true;
    }
    drop(held_[best]);
    return best;
  }
  void hold(uint16_t vector, unsigned reg) {
    held_[reg] = vector;
    states_[vector].reg = reg;
  }
  void drop(uint16_t vector) {
    held_[states_[vector].reg] = no_vector;
    states_[vector].reg = no_register;
  }

  // Makes sure that a vector is in a register, which stays its own until the operation is done.
  unsigned fetch(uint16_t index, bool is_tail) {
    State& state = states_[index];
    if (state.reg == no_register) {
      const SegmentVector& vector = vectors_[index];
      const unsigned reg = take_register();
      switch (vector.origin) {
      case SegmentVector::Origin::made:
        to_.vector(packed(0x10), reg, 0, spill_place(state.spill)); // vmovups
        break;
      case SegmentVector::Origin::stream:
        load_stream(reg, vector, is_tail);
        break;
      case SegmentVector::Origin::still:
        load_still(reg, vector);
        break;
      case SegmentVector::Origin::constant:
        broadcast(reg, Place::constant(to_.constant(&vector.bits, element_bytes_)));
        break;
      }
      hold(index, reg);
    }
    pinned_ |= uint32_t{1} << state.reg;
    return state.reg;
  }

  void run(size_t at, bool is_tail) {
    const Operation& operation = operations_[at];
    now_ = at;
    pinned_ = 0;
    unsigned in[4] = {};
    for (size_t i = 0; i < operation.count; ++i) in[i] = fetch(operation.inputs[i], is_tail);
    if (operation.verb == Verb::store) {
      store(operation, in[0], is_tail);
      return release(operation);
    }
    const bool needs_choice = !is_evex_ && operation.verb == Verb::choose;
    const unsigned choice = needs_choice ? take_register() : 0;
    if (needs_choice) pinned_ |= uint32_t{1} << choice;
    release(operation);
    // Results are written last, so they may take the place of an input that is not needed any more.
    const unsigned out = take_register();
    compute(operation, out, in, choice);
    if (!vectors_[operation.out].uses.empty()) hold(operation.out, out);
  }
  void release(const Operation& operation) {
    ++now_;
    for (size_t i = 0; i < operation.count; ++i) {
      const uint16_t vector = operation.inputs[i];
      const State& state = states_[vector];
      if (state.is_kept || state.reg == no_register || next_use(vector) != SIZE_MAX) continue;
      pinned_ &= ~(uint32_t{1} << state.reg);
      drop(vector);
    }
  }

  void compute(const Operation& operation, unsigned out, const unsigned* in, unsigned choice) {
    switch (operation.verb) {
    case Verb::arithmetic:
      return to_.vector(packed(operation.code), out, in[0], Place::vector(in[1]));
    case Verb::root: // vsqrtps
      return to_.vector(packed(0x51), out, 0, Place::vector(in[0]));
    case Verb::round: // vrndscaleps, vroundps
      return to_.vector_immediate(by_width(Prefix::x66, Map::x0F3A, 0x08, 0x09), out, 0, Place::vector(in[0]),
                                  operation.code);
    case Verb::compare:
      compare(operation, is_evex_ ? choice_mask : out, in);
      if (is_evex_) spread_mask(out);
      return;
    case Verb::choose:
      compare(operation, is_evex_ ? choice_mask : choice, in);
      return blend(out, in[2], in[3], choice);
    case Verb::select:
      if (is_evex_) take_mask(in[0]);
      return blend(out, in[1], in[2], in[0]);
    case Verb::store:
      return;
    }
  }
  void compare(const Operation& operation, unsigned out, const unsigned* in) { // vcmpps
    to_.vector_immediate(packed(0xC2), out, in[0], Place::vector(in[1]), operation.code);
  }
  void blend(unsigned out, unsigned chosen, unsigned other, unsigned choice) {
    if (is_evex_) { // vblendmps/pd
      to_.vector({Prefix::x66, Map::x0F38, 0x65, is_wide_}, out, other, Place::vector(chosen), {choice_mask});
    } else { // vblendvps/pd
      to_.vector_immediate(by_width(Prefix::x66, Map::x0F3A, 0x4A, 0x4B), out, other, Place::vector(chosen),
                           choice << 4);
    }
  }
  // EVEX: masks are kept as vectors, of which there are more.
  void spread_mask(unsigned reg) { // vpmovm2d/q
    to_.vector({Prefix::xF3, Map::x0F38, 0x38, is_wide_}, reg, 0, Place::vector(choice_mask));
  }
  void take_mask(unsigned reg) { // vpmovd2m/q2m
    to_.vector({Prefix::xF3, Map::x0F38, 0x39, is_wide_}, choice_mask, 0, Place::vector(reg));
  }

  Assembler& to_;
  const bool is_evex_;
  const CpuProgram& program_;
  const VectorCode code_;
  const std::vector<SegmentVector>& vectors_;
  const std::vector<Operation>& operations_;
  std::vector<State> states_;
  const bool is_wide_;
  const size_t element_bytes_, vector_bytes_;
  const unsigned registers_;
  bool has_before_ = true;
  std::vector<std::optional<Gpr>> pointer_of_; // of values
  size_t used_pointers_ = 0, spills_ = 0;
  std::vector<uint16_t> held_; // vectors in registers
  uint32_t pinned_ = 0;        // registers that the present operation needs
  size_t now_ = 0;             // operations before it are done
};

} // namespace

void emit_segment(Assembler& assembler, Encoding encoding, const CpuProgram& program,
                  const Segment& segment) {
  Emitter(assembler, encoding, program, segment).emit();
}

} // namespace adjoint::cpu
