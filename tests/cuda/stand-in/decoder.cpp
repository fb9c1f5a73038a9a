#include "decoder.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "cuda_api.h"
#include "handlers.h"

namespace stand_in {

// ---- layout

uint32_t Layout::reserve(uint32_t bytes) {
  const uint32_t place = program_.file_bytes;
  program_.file_bytes += bytes;
  return place;
}
uint32_t Layout::constant(uint32_t bytes, uint64_t bits) {
  if (bytes < 8) bits &= (uint64_t{1} << bytes * 8) - 1;
  const auto [found, is_new] = constants_.try_emplace({bytes, bits}, 0);
  if (is_new) {
    found->second = reserve(bytes);
    program_.constants.push_back({found->second, bytes, bits});
  }
  return found->second;
}
uint32_t Layout::special(Special which) {
  const auto [found, is_new] = specials_.try_emplace(which, 0);
  if (is_new) {
    found->second = reserve(4);
    program_.specials.push_back({found->second, which});
  }
  return found->second;
}
uint32_t Layout::carry() { return carry_ == UINT32_MAX ? carry_ = reserve(1) : carry_; }

void Layout::place(const Variable& variable) {
  if (places_.contains(&variable) || variable.of_entry || variable.is_register) return;
  const auto put = [&](uint32_t& end) {
    end = (end + variable.align - 1) / variable.align * variable.align;
    places_[&variable] = end;
    end += static_cast<uint32_t>(variable.bytes);
  };
  if (variable.space == Space::shared) {
    if (variable.unsized) {
      dynamic_.push_back(&variable);
      dynamic_align_ = std::max(dynamic_align_, variable.align);
    } else {
      put(program_.shared_bytes);
    }
  } else if (variable.space == Space::local || variable.space == Space::param) {
    put(program_.local_bytes);
  }
}
void Layout::finish_placing() {
  program_.shared_bytes = (program_.shared_bytes + dynamic_align_ - 1) / dynamic_align_ * dynamic_align_;
  program_.local_bytes = (program_.local_bytes + 15) / 16 * 16;
  for (const Variable* variable : dynamic_) places_[variable] = program_.shared_bytes;
}
uint64_t Layout::address(const Variable& variable) const {
  if (const auto found = places_.find(&variable); found != places_.end()) return found->second;
  const auto found = addresses_.find(&variable);
  return found == addresses_.end() ? 0 : found->second;
}

// ---- statements

void Decoder::fail(const std::string& what) const { refuse(module_, statement_->line, what); }

bool Decoder::take(std::string_view modifier) {
  const auto found = std::find(parts_.begin() + 1, parts_.end(), modifier);
  if (found == parts_.end()) return false;
  parts_.erase(found);
  return true;
}
Type Decoder::take_type() {
  for (auto part = parts_.begin() + 1; part != parts_.end(); ++part)
    if (const Type type = type_named(*part); type != Type::none) {
      parts_.erase(part);
      return type;
    }
  fail("the instruction names no type that is known");
}
std::string_view Decoder::take_any(std::initializer_list<std::string_view> modifiers) {
  for (const std::string_view modifier : modifiers)
    if (take(modifier)) return modifier;
  return {};
}
const Operand& Decoder::operand(size_t index) const {
  if (index >= statement_->operands.size()) fail("an operand is missing");
  return statement_->operands[index];
}
void Decoder::expect_operands(size_t count) const {
  if (statement_->operands.size() != count)
    fail("the instruction takes " + std::to_string(count) + " operands");
}

void Decoder::expect_capability(int capability) const {
  if (module_.target < capability)
    fail("the instruction needs .target sm_" + std::to_string(capability) + " or higher");
}

void Decoder::decode(const Statement& statement) {
  statement_ = &statement;
  code.clear();
  reads.clear();
  writes.clear();
  parts_.clear();
  for (std::string_view rest = statement.opcode; !rest.empty();) {
    const size_t dot = rest.find('.');
    parts_.push_back(rest.substr(0, dot));
    rest.remove_prefix(dot == std::string_view::npos ? rest.size() : dot + 1);
  }
  const Operation operation = find_operation(parts_[0]);
  if (!operation) fail("unknown instruction " + statement.opcode);
  operation(*this);
  if (parts_.size() > 1) fail("unknown modifier ." + std::string(parts_[1]) + " of " + statement.opcode);
  if (statement.guard < 0) return;
  reads.push_back(statement.guard);
  uint32_t guard = registers_[statement.guard];
  // Later instructions of the statement must not see the guard that an earlier one has changed.
  if (code.size() > 1 && std::find(writes.begin(), writes.end(), statement.guard) != writes.end()) {
    const uint32_t kept = layout.reserve(1);
    Instruction copy;
    copy.run = &apply<[](uint8_t p) { return p; }, uint8_t, uint8_t>;
    copy.operand = {kept, guard};
    copy.line = statement.line;
    for (Instruction& i : code) {
      i.guard = statement.guard_negated ? Guard::if_false : Guard::if_true;
      i.guard_register = kept;
    }
    code.insert(code.begin(), copy);
    return;
  }
  for (Instruction& i : code) {
    i.guard = statement.guard_negated ? Guard::if_false : Guard::if_true;
    i.guard_register = guard;
  }
}

Instruction& Decoder::emit(Handler handler, std::initializer_list<uint32_t> operands) {
  Instruction& made = code.emplace_back();
  made.run = handler;
  std::copy(operands.begin(), operands.end(), made.operand.begin());
  made.line = statement_->line;
  return made;
}

const Register& Decoder::register_of(const Operand& operand) const {
  return function_.registers[operand.reg];
}

namespace {

struct SpecialRow {
  const char* name;
  Special which;
};
constexpr SpecialRow SPECIALS[] = {
    {"%tid.x", Special::tid_x},
    {"%tid.y", Special::tid_y},
    {"%tid.z", Special::tid_z},
    {"%ntid.x", Special::ntid_x},
    {"%ntid.y", Special::ntid_y},
    {"%ntid.z", Special::ntid_z},
    {"%ctaid.x", Special::ctaid_x},
    {"%ctaid.y", Special::ctaid_y},
    {"%ctaid.z", Special::ctaid_z},
    {"%nctaid.x", Special::nctaid_x},
    {"%nctaid.y", Special::nctaid_y},
    {"%nctaid.z", Special::nctaid_z},
    {"%laneid", Special::laneid},
    {"%warpid", Special::warpid},
    {"%nwarpid", Special::nwarpid},
    {"%smid", Special::smid},
    {"%nsmid", Special::nsmid},
    {"%gridid", Special::gridid},
    {"%lanemask_eq", Special::lanemask_eq},
    {"%lanemask_le", Special::lanemask_le},
    {"%lanemask_lt", Special::lanemask_lt},
    {"%lanemask_ge", Special::lanemask_ge},
    {"%lanemask_gt", Special::lanemask_gt},
    {"%dynamic_smem_size", Special::dynamic_smem_size},
    {"%total_smem_size", Special::total_smem_size},
};

// Handlers that only change the width of values.
template <class D, class S> void resize(Machine& m, const Instruction& i) {
  apply<[](S value) { return static_cast<D>(value); }, D, S>(m, i);
}
template <class S> Handler resize_to(uint32_t bytes) {
  return bytes == 1   ? &resize<uint8_t, S>
         : bytes == 2 ? &resize<uint16_t, S>
         : bytes == 4 ? &resize<uint32_t, S>
                      : &resize<uint64_t, S>;
}
Handler resizing(uint32_t to, uint32_t from, bool is_signed) {
  if (is_signed)
    return from == 1   ? resize_to<int8_t>(to)
           : from == 2 ? resize_to<int16_t>(to)
           : from == 4 ? resize_to<int32_t>(to)
                       : resize_to<int64_t>(to);
  return from == 1   ? resize_to<uint8_t>(to)
         : from == 2 ? resize_to<uint16_t>(to)
         : from == 4 ? resize_to<uint32_t>(to)
                     : resize_to<uint64_t>(to);
}

} // namespace

uint32_t Decoder::source(const Operand& operand, Type type) {
  const uint32_t bytes = bytes_of(type);
  switch (operand.kind) {
  case Operand::Kind::reg: {
    const Register& reg = register_of(operand);
    if (bytes_of(reg.type) != bytes || (reg.type == Type::pred) != (type == Type::pred))
      fail("register " + reg.name + " is not as wide as the instruction says");
    if (operand.negated) fail("the operand cannot be negated here");
    reads.push_back(operand.reg);
    return registers_[operand.reg];
  }
  case Operand::Kind::integer:
    if (type == Type::f32) return number(type, std::bit_cast<uint32_t>(static_cast<float>(operand.integer)));
    if (type == Type::f64) return number(type, std::bit_cast<uint64_t>(static_cast<double>(operand.integer)));
    return number(type, type == Type::pred ? operand.integer != 0 : static_cast<uint64_t>(operand.integer));
  case Operand::Kind::floating: {
    if (bytes != 4 && bytes != 8) fail("a float where there is no room for one");
    const bool as_is = operand.is_double == (bytes == 8);
    if (as_is) return number(type, operand.bits);
    if (operand.is_double)
      return number(type, std::bit_cast<uint32_t>(static_cast<float>(std::bit_cast<double>(operand.bits))));
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(operand.bits));
    return number(type, std::bit_cast<uint64_t>(static_cast<double>(value)));
  }
  case Operand::Kind::symbol: {
    if (bytes != 4 && bytes != 8) fail("an address where there is no room for one");
    if (operand.variable->is_register) fail("a register has no address");
    return number(type, layout.address(*operand.variable) + static_cast<uint64_t>(operand.integer));
  }
  case Operand::Kind::special: {
    for (const SpecialRow& row : SPECIALS)
      if (operand.text == row.name) {
        const uint32_t value = layout.special(row.which);
        if (bytes == 4) return value;
        const uint32_t resized = layout.reserve(bytes);
        emit(resizing(bytes, 4, false), {resized, value});
        return resized;
      }
    fail("unknown special register " + operand.text);
  }
  default:
    fail("this kind of operand is not known here");
  }
}

uint32_t Decoder::destination(const Operand& operand, Type type) {
  if (operand.kind == Operand::Kind::sink) return layout.reserve(bytes_of(type));
  if (operand.kind != Operand::Kind::reg || operand.negated) fail("the destination is no register");
  const Register& reg = register_of(operand);
  if (bytes_of(reg.type) != bytes_of(type) || (reg.type == Type::pred) != (type == Type::pred))
    fail("register " + reg.name + " is not as wide as the instruction says");
  writes.push_back(operand.reg);
  return registers_[operand.reg];
}

uint32_t Decoder::narrowed_source(const Operand& operand, Type type) {
  if (operand.kind != Operand::Kind::reg) return source(operand, type);
  const Register& reg = register_of(operand);
  const uint32_t has = bytes_of(reg.type), wants = bytes_of(type);
  if (has == wants || reg.type == Type::pred) return source(operand, type);
  if (has < wants) fail("register " + reg.name + " is narrower than the instruction says");
  const uint32_t narrow = layout.reserve(wants);
  emit(resizing(wants, has, false), {narrow, source(operand, reg.type)});
  return narrow;
}

uint32_t Decoder::address_register(const Operand& operand, bool may_be_short) {
  const uint32_t bytes = bytes_of(register_of(operand).type);
  if (!may_be_short || bytes != 4) return source(operand, Type::u64);
  const uint32_t wide = layout.reserve(8);
  emit(resizing(8, 4, false), {wide, source(operand, Type::u32)});
  return wide;
}

Decoder::Widened Decoder::widened_destination(const Operand& operand, Type type) {
  const uint32_t bytes = bytes_of(type);
  Widened made{0, 0, bytes, bytes, is_signed(type)};
  if (operand.kind == Operand::Kind::reg) {
    const Register& reg = register_of(operand);
    if (reg.type == Type::pred) fail("a predicate cannot hold this");
    made.result_bytes = bytes_of(reg.type);
    if (made.result_bytes < bytes) fail("register " + reg.name + " is narrower than the instruction says");
    made.result = destination(operand, reg.type);
  } else {
    made.result = destination(operand, type);
  }
  made.value = made.result_bytes == bytes ? made.result : layout.reserve(bytes);
  return made;
}
void Decoder::widen(const Widened& widened) {
  if (widened.value == widened.result) return;
  emit(resizing(widened.result_bytes, widened.value_bytes, widened.is_signed),
       {widened.result, widened.value});
}

uint32_t Decoder::predicate(const Operand& operand) {
  Operand positive = operand;
  positive.negated = false;
  const uint32_t value = source(positive, Type::pred);
  if (!operand.negated) return value;
  const uint32_t negated = layout.reserve(1);
  emit(&apply<[](uint8_t p) { return static_cast<uint8_t>(!p); }, uint8_t, uint8_t>, {negated, value});
  return negated;
}

Operation find_operation(std::string_view name) {
  static const auto* rows = [] {
    auto* made = new std::unordered_map<std::string_view, Operation>;
    for (const auto list : {integer_operations(), float_operations(), compare_operations(),
                            convert_operations(), move_operations(), memory_operations(), atomic_operations(),
                            warp_operations(), control_operations()})
      for (const OperationRow& row : list) made->emplace(row.name, row.decode);
    return made;
  }();
  const auto found = rows->find(name);
  return found == rows->end() ? nullptr : found->second;
}

// ---- kernels

namespace {

// Registers that may be read before anything was written to them are watched while the kernel runs. Where a
// register is certainly written, which is nearly everywhere, that costs nothing.
class Assignment {
 public:
  Assignment(const Function& function, const std::vector<std::vector<int>>& reads,
             const std::vector<std::vector<int>>& writes)
      : function_(function), reads_(reads), writes_(writes), words_((function.registers.size() + 63) / 64) {}

  std::set<int> suspects() {
    const auto& body = function_.body;
    const size_t n = body.size();
    std::vector<bool> leads(n + 1, false);
    leads[0] = true;
    for (size_t s = 0; s < n; ++s) {
      for (const int target : body[s].targets) leads[target] = true;
      if (!body[s].targets.empty() || leaves(body[s])) leads[s + 1] = true;
    }
    std::vector<std::vector<uint64_t>> assigned(n + 1); // at leaders; empty: not reached
    std::vector<size_t> work{0};
    assigned[0].assign(words_, 0);
    for (const auto* list : {&function_.formals, &function_.results})
      for (const Variable* formal : *list)
        if (formal->is_register && list == &function_.formals) set(assigned[0], formal->reg);
    std::set<int> found;
    while (!work.empty()) {
      size_t s = work.back();
      work.pop_back();
      std::vector<uint64_t> now = assigned[s];
      for (bool is_first = true; s < n; ++s, is_first = false) {
        if (leads[s] && !is_first) break;
        const Statement& statement = body[s];
        for (const int reg : reads_[s])
          if (!(now[reg / 64] >> reg % 64 & 1)) found.insert(reg);
        if (statement.guard < 0)
          for (const int reg : writes_[s]) set(now, reg);
        for (const int target : statement.targets) flow(now, assigned[target], target, work);
        if (leaves(statement)) break;
      }
      if (s < n && leads[s]) flow(now, assigned[s], s, work);
    }
    return found;
  }

 private:
  static bool leaves(const Statement& statement) {
    if (statement.guard >= 0 || statement.kind != Statement::instruction) return false;
    const std::string_view base = std::string_view(statement.opcode).substr(0, statement.opcode.find('.'));
    return base == "bra" || base == "brx" || base == "ret" || base == "exit" || base == "trap";
  }
  static void set(std::vector<uint64_t>& bits, int reg) { bits[reg / 64] |= uint64_t{1} << reg % 64; }
  static void flow(const std::vector<uint64_t>& from, std::vector<uint64_t>& to, size_t target,
                   std::vector<size_t>& work) {
    if (to.empty()) {
      to = from;
      if (to.empty()) to.assign(1, 0);
      work.push_back(target);
      return;
    }
    bool changed = false;
    for (size_t k = 0; k < from.size(); ++k) {
      changed |= (to[k] & ~from[k]) != 0;
      to[k] &= from[k];
    }
    if (changed) work.push_back(target);
  }
  const Function& function_;
  const std::vector<std::vector<int>>&reads_, &writes_;
  size_t words_;
};

void mark_defined(Machine& m, const Instruction& i) {
  uint8_t* defined = m.at<uint8_t>(i.operand[0]);
  each(m.lanes, [=](uint32_t t) { defined[t] = 1; });
}
void forget_defined(Machine& m, const Instruction& i) {
  uint8_t* defined = m.at<uint8_t>(i.operand[0]);
  each(m.lanes, [=](uint32_t t) { defined[t] = 0; });
}
void check_defined(Machine& m, const Instruction& i) {
  if (!m.checks.enabled) return;
  const uint8_t* defined = m.at<uint8_t>(i.operand[0]);
  each(m.lanes, [&](uint32_t t) {
    if (!defined[t]) m.fail(CUDA_ERROR_LAUNCH_FAILED, t, "reads a register that nothing was written to");
  });
}

class Linker {
 public:
  Linker(std::shared_ptr<const Module> module, const Addresses& addresses)
      : module_(std::move(module)), layout_(*program_, addresses) {
    program_->module = module_;
  }

  std::shared_ptr<const Program> link(const Function& kernel) {
    program_->name = kernel.name;
    program_->max_threads = kernel.max_threads;
    order(kernel, 0);
    for (const Function* function : functions_) place(*function);
    for (const Variable* formal : kernel.formals) {
      uint32_t& end = program_->parameter_bytes;
      end = (end + formal->align - 1) / formal->align * formal->align;
      layout_.put(*formal, end);
      program_->parameters.push_back({end, static_cast<uint32_t>(formal->bytes)});
      end += static_cast<uint32_t>(formal->bytes);
    }
    layout_.finish_placing();
    find_granule();
    for (const Function* function : functions_) add(*function);
    return program_;
  }

 private:
  // Callees before callers.
  void order(const Function& function, uint32_t line) {
    if (std::find(functions_.begin(), functions_.end(), &function) != functions_.end()) return;
    if (!under_way_.insert(&function).second)
      refuse(*module_, line, "function " + function.name + " calls itself, which the stand-in does not know");
    for (const Statement& statement : function.body) {
      if (statement.callee.empty()) continue;
      order(callee(statement), statement.line);
    }
    functions_.push_back(&function);
  }
  const Function& callee(const Statement& statement) const {
    const auto found = module_->function_by_name.find(statement.callee);
    if (found == module_->function_by_name.end() || !found->second->is_defined)
      refuse(*module_, statement.line, "function " + statement.callee + " is not defined");
    return *found->second;
  }

  void place(const Function& function) {
    for (const auto* list : {&function.formals, &function.results})
      for (const Variable* variable : *list) layout_.place(*variable);
    for (const Statement& statement : function.body)
      for (const auto* list : {&statement.operands, &statement.arguments, &statement.results}) place(*list);
  }
  void place(const std::vector<Operand>& operands) {
    for (const Operand& operand : operands) {
      if (operand.variable) layout_.place(*operand.variable);
      place(operand.elements);
    }
  }

  void find_granule() {
    for (const Function* function : functions_)
      for (const Statement& statement : function->body) {
        const std::string_view opcode = statement.opcode;
        if (!opcode.starts_with("ld") && !opcode.starts_with("st")) continue;
        for (const char* elsewhere : {".global", ".param", ".local", ".const"})
          if (opcode.find(elsewhere) != std::string_view::npos) goto next;
        {
          const uint32_t bytes = bytes_of(type_named(opcode.substr(opcode.rfind('.') + 1)));
          if (bytes) program_->shared_granule = std::min(program_->shared_granule, bytes);
        }
      next:;
      }
  }

  void add(const Function& function) {
    std::vector<uint32_t> registers;
    for (const Register& reg : function.registers) registers.push_back(layout_.reserve(bytes_of(reg.type)));
    function_registers_[&function] = registers;
    const uint32_t back = layout_.reserve(4);
    return_registers_[&function] = back;

    Decoder decoder(layout_, *module_, function, registers);
    const size_t n = function.body.size();
    std::vector<std::vector<Instruction>> chunks(n);
    std::vector<std::vector<int>> reads(n), writes(n);
    for (size_t s = 0; s < n; ++s) {
      const Statement& statement = function.body[s];
      if (statement.kind == Statement::definition) {
        writes[s].push_back(statement.operands[0].reg);
        continue;
      }
      if (statement.callee.empty()) {
        decoder.decode(statement);
        chunks[s] = decoder.code;
      } else {
        decoder.decode(statement);
        chunks[s] = call(decoder, statement, callee(statement));
      }
      reads[s] = decoder.reads;
      writes[s] = decoder.writes;
      for (Instruction& i : chunks[s])
        if (i.control == Control::ret) {
          if (function.is_entry) i.control = Control::exit;
          i.operand[0] = back;
        }
    }

    std::unordered_map<int, uint32_t> tracked;
    for (const int reg : Assignment(function, reads, writes).suspects()) {
      tracked[reg] = layout_.reserve(1);
      program_->tracked.push_back(tracked[reg]);
    }

    auto& code = program_->code;
    program_->entry = static_cast<uint32_t>(code.size());
    entries_[&function] = program_->entry;
    for (const auto& [reg, place] : tracked) code.push_back(watch(&forget_defined, place));
    std::vector<uint32_t> starts(n + 1);
    for (size_t s = 0; s < n; ++s) {
      starts[s] = static_cast<uint32_t>(code.size());
      const Statement& statement = function.body[s];
      if (!tracked.empty()) {
        const auto guarded = [&](Handler handler, int reg) {
          const auto found = tracked.find(reg);
          if (found == tracked.end()) return;
          Instruction& made = code.emplace_back(watch(handler, found->second));
          if (statement.guard < 0 || reg == statement.guard) return;
          made.guard = statement.guard_negated ? Guard::if_false : Guard::if_true;
          made.guard_register = registers[statement.guard];
        };
        for (const int reg : reads[s]) guarded(&check_defined, reg);
        for (const int reg : writes[s]) guarded(&mark_defined, reg);
      }
      for (size_t k = starts[s]; k < code.size(); ++k) code[k].line = statement.line;
      code.insert(code.end(), chunks[s].begin(), chunks[s].end());
    }
    // Whoever runs past the end returns.
    starts[n] = static_cast<uint32_t>(code.size());
    Instruction& end = code.emplace_back();
    end.control = function.is_entry ? Control::exit : Control::ret;
    end.operand[0] = back;
    for (size_t s = 0; s < n; ++s) {
      const auto& targets = function.body[s].targets;
      if (targets.empty()) continue;
      const size_t limit = s + 1 < n ? starts[s + 1] : starts[n];
      for (size_t k = starts[s]; k < limit; ++k) {
        if (code[k].control == Control::branch) code[k].target = starts[targets[0]];
        if (code[k].control == Control::indexed)
          for (const int target : targets) code[k].more.push_back(starts[target]);
      }
    }
    program_->register_count =
        std::max(program_->register_count, static_cast<uint32_t>(function.registers.size()));
  }

  static Instruction watch(Handler handler, uint32_t place) {
    Instruction made;
    made.run = handler;
    made.operand[0] = place;
    return made;
  }

  // Arguments into the places of the formals, the jump, and results out of theirs.
  std::vector<Instruction> call(Decoder& decoder, const Statement& statement, const Function& callee) {
    const auto pair_up = [&](const std::vector<Operand>& actual, const std::vector<const Variable*>& formals,
                             bool is_result) {
      if (actual.size() != formals.size())
        decoder.fail(callee.name + " takes " + std::to_string(callee.formals.size()) +
                     " arguments and gives " + std::to_string(callee.results.size()) + " results");
      for (size_t k = 0; k < actual.size(); ++k) pass(decoder, actual[k], *formals[k], callee, is_result);
    };
    decoder.code.clear();
    pair_up(statement.arguments, callee.formals, false);
    Instruction& jump = decoder.emit(nullptr, {return_registers_.at(&callee)});
    jump.control = Control::call;
    jump.target = entries_.at(&callee);
    pair_up(statement.results, callee.results, true);
    if (statement.guard >= 0) decoder.fail("calls under a predicate are not known");
    return decoder.code;
  }

  void pass(Decoder& decoder, const Operand& actual, const Variable& formal, const Function& callee,
            bool is_result) {
    const bool in_memory = actual.kind == Operand::Kind::symbol;
    if (in_memory == formal.is_register)
      decoder.fail("an argument is not of the kind that " + callee.name + " takes");
    if (!in_memory) {
      const uint32_t theirs = function_registers_.at(&callee)[formal.reg];
      const uint32_t ours =
          is_result ? decoder.destination(actual, formal.type) : decoder.source(actual, formal.type);
      const uint32_t bytes = bytes_of(formal.type);
      Instruction& copy =
          decoder.emit(&copy_register, {is_result ? ours : theirs, is_result ? theirs : ours});
      copy.offset = bytes;
      return;
    }
    if (actual.variable->bytes != formal.bytes)
      decoder.fail("an argument is not as long as " + callee.name + " takes it");
    const auto ours = static_cast<uint32_t>(layout_.address(*actual.variable));
    const auto theirs = static_cast<uint32_t>(layout_.address(formal));
    Instruction& copy = decoder.emit(&copy_local, {is_result ? ours : theirs, is_result ? theirs : ours});
    copy.offset = static_cast<int64_t>(formal.bytes);
  }
  static void copy_register(Machine& m, const Instruction& i) {
    const auto bytes = static_cast<uint32_t>(i.offset);
    std::byte* to = m.at<std::byte>(i.operand[0]);
    const std::byte* from = m.at<std::byte>(i.operand[1]);
    each(m.lanes, [=](uint32_t t) { std::memcpy(to + t * bytes, from + t * bytes, bytes); });
  }
  static void copy_local(Machine& m, const Instruction& i) {
    each(m.lanes, [&](uint32_t t) {
      std::memcpy(m.local(t) + i.operand[0], m.local(t) + i.operand[1], static_cast<size_t>(i.offset));
    });
  }

  std::shared_ptr<const Module> module_;
  std::shared_ptr<Program> program_ = std::make_shared<Program>();
  Layout layout_;
  std::vector<const Function*> functions_;
  std::set<const Function*> under_way_;
  std::unordered_map<const Function*, std::vector<uint32_t>> function_registers_;
  std::unordered_map<const Function*, uint32_t> return_registers_, entries_;
};

} // namespace

std::shared_ptr<const Program> decode(std::shared_ptr<const Module> module, const Function& kernel,
                                      const Addresses& addresses) {
  return Linker(std::move(module), addresses).link(kernel);
}

} // namespace stand_in
