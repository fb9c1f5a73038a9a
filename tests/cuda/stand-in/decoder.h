// Turns a statement into instructions. Rows say which function knows which opcode; such a function takes every
// modifier that it understands, and what is left is an error.
#pragma once
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "program.h"

namespace stand_in {

using Addresses = std::unordered_map<const Variable*, uint64_t>;

// What the statements of a kernel and its functions share.
class Layout {
 public:
  Layout(Program& program, const Addresses& addresses) : program_(program), addresses_(addresses) {}
  uint32_t reserve(uint32_t bytes); // a place in the register file
  uint32_t constant(uint32_t bytes, uint64_t bits);
  uint32_t special(Special which);
  uint32_t carry();
  uint32_t new_slot() { return program_.slots++; }
  void place(const Variable& variable);
  void put(const Variable& variable, uint64_t place) { places_[&variable] = place; }
  void finish_placing();
  uint64_t address(const Variable& variable) const;
  Program& program() { return program_; }

 private:
  Program& program_;
  const Addresses& addresses_;
  std::map<std::pair<uint32_t, uint64_t>, uint32_t> constants_;
  std::map<Special, uint32_t> specials_;
  std::unordered_map<const Variable*, uint64_t> places_;
  std::vector<const Variable*> dynamic_;
  uint32_t carry_ = UINT32_MAX;
  uint32_t dynamic_align_ = 16;
};

class Decoder {
 public:
  Decoder(Layout& layout, const Module& module, const Function& function,
          const std::vector<uint32_t>& registers)
      : layout(layout), module_(module), function_(function), registers_(registers) {}
  void decode(const Statement& statement);
  std::vector<Instruction> code;  // of the statement
  std::vector<int> reads, writes; // its registers

  // ---- for the functions that know opcodes
  Layout& layout;
  const Statement& statement() const { return *statement_; }
  std::string_view base() const { return parts_[0]; }
  bool take(std::string_view modifier);
  Type take_type(); // the first modifier that is a type
  std::string_view take_any(std::initializer_list<std::string_view> modifiers); // empty if none is there
  const Operand& operand(size_t index) const;
  size_t operand_count() const { return statement_->operands.size(); }
  void expect_operands(size_t count) const;
  void expect_capability(int capability) const; // of the module's target
  [[noreturn]] void fail(const std::string& what) const;

  uint32_t source(const Operand& operand, Type type);
  uint32_t destination(const Operand& operand, Type type);
  uint32_t address_register(const Operand& operand, bool may_be_short); // 64 bits
  // Registers may be wider than what is loaded, stored or converted.
  uint32_t narrowed_source(const Operand& operand, Type type);
  struct Widened {
    uint32_t value, result;
    uint32_t value_bytes, result_bytes;
    bool is_signed;
  };
  Widened widened_destination(const Operand& operand, Type type);
  void widen(const Widened& widened);
  Instruction& emit(Handler handler, std::initializer_list<uint32_t> operands);
  uint32_t number(Type type, uint64_t bits) { return layout.constant(bytes_of(type), bits); }
  uint32_t predicate(const Operand& operand); // a source that may be negated

 private:
  const Register& register_of(const Operand& operand) const;
  const Module& module_;
  const Function& function_;
  const std::vector<uint32_t>& registers_;
  const Statement* statement_ = nullptr;
  std::vector<std::string_view> parts_;
};

using Operation = void (*)(Decoder&);
struct OperationRow {
  const char* name;
  Operation decode;
};
std::span<const OperationRow> integer_operations();
std::span<const OperationRow> float_operations();
std::span<const OperationRow> compare_operations();
std::span<const OperationRow> convert_operations();
std::span<const OperationRow> move_operations();
std::span<const OperationRow> memory_operations();
std::span<const OperationRow> atomic_operations();
std::span<const OperationRow> warp_operations();
std::span<const OperationRow> control_operations();
// Null if nobody knows it.
Operation find_operation(std::string_view name);

std::shared_ptr<const Program> decode(std::shared_ptr<const Module> module, const Function& kernel,
                                      const Addresses& addresses);

} // namespace stand_in
