// PTX text as a tree: declarations and statements with their names resolved, nothing of what they mean.
// parse() is strict: whatever it does not know is an error that quotes the line.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace stand_in {

enum class Type : uint8_t { none, pred, b8, b16, b32, b64, u8, u16, u32, u64, s8, s16, s32, s64, f32, f64 };
uint32_t bytes_of(Type type);
bool is_float(Type type);
bool is_signed(Type type);
bool is_integer(Type type);             // b types too
Type type_named(std::string_view name); // without the dot; none if it is no type

enum class Space : uint8_t { none, param, global, constant, shared, local, generic };

// What a driver answers to PTX that it cannot take.
struct PtxError {
  int code; // a CUresult
  std::string message;
};

struct Initial {
  uint64_t bits = 0;
  std::string symbol; // its address is added, unless empty
};

struct Variable {
  std::string name;
  Space space = Space::none;
  Type type = Type::none;
  uint32_t align = 1;
  uint64_t bytes = 0;
  bool unsized = false;     // an extern array: dynamic shared memory
  bool is_register = false; // a formal of a function that is passed in a register
  int reg = -1;
  bool of_entry = false; // a parameter of a kernel, the same for all threads
  std::vector<Initial> initial;
};

struct Operand {
  enum class Kind : uint8_t { none, reg, sink, special, integer, floating, symbol, address, vector, pair };
  Kind kind = Kind::none;
  bool negated = false; // !p
  int reg = -1;         // of reg, and of an address's base, unless that is a variable
  const Variable* variable = nullptr;
  int64_t integer = 0;    // a number or an offset
  uint64_t bits = 0;      // of floating
  bool is_double = false; // of floating: bits of an f64 rather than of an f32
  std::string text;
  std::vector<Operand> elements;
};

struct Statement {
  enum Kind : uint8_t {
    instruction,
    definition
  }; // definition: the compiler says that a register may hold anything
  Kind kind = instruction;
  std::string opcode;
  int guard = -1;
  bool guard_negated = false;
  std::vector<Operand> operands;
  std::vector<int> targets; // of branches: statement indices
  // of calls
  std::string callee;
  std::vector<Operand> results, arguments;
  uint32_t line = 0;
  uint32_t scope = 0;
  std::vector<std::string> labels; // names of the targets, until they are known
};

struct Register {
  Type type = Type::none;
  std::string name;
};

struct Function {
  std::string name;
  bool is_entry = false;
  bool is_defined = false;
  std::vector<const Variable*> formals, results;
  std::vector<Register> registers;
  std::vector<Statement> body;
  uint32_t max_threads = 1024;
};

struct Module {
  std::shared_ptr<const std::string> text;
  std::vector<std::string_view> lines;
  int version = 0; // 10 * major + minor
  int target = 0;
  std::deque<Variable> variables;       // of functions too; the addresses last
  std::vector<const Variable*> globals; // in global and constant memory
  std::deque<Function> functions;
  std::unordered_map<std::string, Function*> function_by_name;
  std::unordered_map<std::string, const Variable*> variable_by_name;

  std::string_view line(uint32_t number) const;
};

std::shared_ptr<const Module> parse(std::string text);
[[noreturn]] void refuse(const Module& module, uint32_t line, const std::string& what);

} // namespace stand_in
