#include "ptx.h"

#include <bit>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "cuda_api.h"
#include "tokens.h"

namespace stand_in {

namespace {

struct TypeRow {
  const char* name;
  Type type;
  uint32_t bytes;
};
constexpr TypeRow TYPES[] = {
    {"pred", Type::pred, 1}, {"b8", Type::b8, 1},   {"b16", Type::b16, 2}, {"b32", Type::b32, 4},
    {"b64", Type::b64, 8},   {"u8", Type::u8, 1},   {"u16", Type::u16, 2}, {"u32", Type::u32, 4},
    {"u64", Type::u64, 8},   {"s8", Type::s8, 1},   {"s16", Type::s16, 2}, {"s32", Type::s32, 4},
    {"s64", Type::s64, 8},   {"f32", Type::f32, 4}, {"f64", Type::f64, 8},
};

} // namespace

uint32_t bytes_of(Type type) {
  for (const TypeRow& row : TYPES)
    if (row.type == type) return row.bytes;
  return 0;
}
bool is_float(Type type) { return type == Type::f32 || type == Type::f64; }
bool is_signed(Type type) { return type >= Type::s8 && type <= Type::s64; }
bool is_integer(Type type) { return type >= Type::b8 && type <= Type::s64; }
Type type_named(std::string_view name) {
  for (const TypeRow& row : TYPES)
    if (name == row.name) return row.type;
  return Type::none;
}

std::string_view Module::line(uint32_t number) const {
  if (number == 0 || number > lines.size()) return {};
  std::string_view line = lines[number - 1];
  while (!line.empty() && std::strchr(" \t\r", line.front())) line.remove_prefix(1);
  return line;
}

void refuse(const Module& module, uint32_t line, const std::string& what) {
  throw PtxError{CUDA_ERROR_INVALID_PTX,
                 "line " + std::to_string(line) + ": " + what + ": " + std::string(module.line(line))};
}

namespace {

class Parser {
 public:
  explicit Parser(std::string text) {
    module_->text = std::make_shared<const std::string>(std::move(text));
    std::string_view rest = *module_->text;
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      module_->lines.push_back(rest.substr(0, end));
      if (end == std::string_view::npos) break;
      rest.remove_prefix(end + 1);
    }
  }

  std::shared_ptr<const Module> run() {
    std::string problem;
    uint32_t line = 0;
    if (!tokenize(*module_->text, tokens_, problem, line)) refuse(*module_, line, problem);
    while (peek().kind != Token::end) statement_of_module();
    if (module_->version == 0 || module_->target == 0)
      throw PtxError{CUDA_ERROR_INVALID_PTX, "the text has no .version or no .target"};
    return module_;
  }

 private:
  // ---- tokens
  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  const Token& next() {
    const Token& token = peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  [[noreturn]] void fail(const std::string& what) { refuse(*module_, peek().line, what); }
  bool accept(std::string_view text) {
    if (peek().text != text || peek().kind == Token::end) return false;
    next();
    return true;
  }
  void expect(std::string_view text) {
    if (!accept(text)) fail("'" + std::string(text) + "' expected");
  }
  std::string word() {
    if (peek().kind != Token::word) fail("a name expected");
    return std::string(next().text);
  }
  int64_t integer() {
    const bool negative = accept("-");
    if (peek().kind != Token::integer) fail("an integer expected");
    const auto value = static_cast<int64_t>(next().bits);
    return negative ? -value : value;
  }
  void skip_line() {
    const uint32_t line = peek().line;
    while (peek().kind != Token::end && peek().line == line) next();
  }

  // ---- names
  struct Range {
    std::string prefix;
    uint32_t count;
    int first;
  };
  struct Scope {
    int parent = -1;
    std::unordered_map<std::string, int> registers;
    std::vector<Range> ranges;
    std::unordered_map<std::string, const Variable*> variables;
    std::unordered_map<std::string, int> labels;
    std::unordered_map<std::string, std::vector<std::string>> tables;
  };
  int find_register(const std::string& name) {
    for (int s = scope_; s >= 0; s = scopes_[s].parent) {
      Scope& scope = scopes_[s];
      if (const auto found = scope.registers.find(name); found != scope.registers.end()) return found->second;
      for (const Range& range : scope.ranges) {
        if (name.size() <= range.prefix.size() || name.compare(0, range.prefix.size(), range.prefix) != 0)
          continue;
        uint32_t index = 0;
        const char* first = name.data() + range.prefix.size();
        const char* last = name.data() + name.size();
        const auto [end, error] = std::from_chars(first, last, index);
        if (error != std::errc() || end != last || index >= range.count) continue;
        if (*first == '0' && last - first > 1) continue;
        scope.registers.emplace(name, range.first + static_cast<int>(index));
        function_->registers[range.first + index].name = name;
        return range.first + static_cast<int>(index);
      }
    }
    return -1;
  }
  const Variable* find_variable(const std::string& name) {
    for (int s = scope_; s >= 0; s = scopes_[s].parent)
      if (const auto found = scopes_[s].variables.find(name); found != scopes_[s].variables.end())
        return found->second;
    const auto found = module_->variable_by_name.find(name);
    return found == module_->variable_by_name.end() ? nullptr : found->second;
  }
  int open_scope() {
    scopes_.emplace_back().parent = scope_;
    return scope_ = static_cast<int>(scopes_.size()) - 1;
  }
  int new_register(Type type, std::string name) {
    function_->registers.push_back({type, std::move(name)});
    return static_cast<int>(function_->registers.size()) - 1;
  }

  // ---- module
  void statement_of_module() {
    const uint32_t line = peek().line;
    if (peek().kind == Token::implicit_definition) return static_cast<void>(next());
    const std::string name = word();
    if (name == ".version") {
      const std::string version(next().text);
      const size_t dot = version.find('.');
      if (dot == std::string::npos) fail(".version is not MAJOR.MINOR");
      module_->version = 10 * std::atoi(version.c_str()) + std::atoi(version.c_str() + dot + 1);
    } else if (name == ".target") {
      const std::string target = word();
      if (target.rfind("sm_", 0) != 0) fail(".target is not sm_NN");
      module_->target = std::atoi(target.c_str() + 3);
      while (accept(",")) word();
    } else if (name == ".address_size") {
      if (integer() != 64) fail("only 64-bit addresses are known");
    } else if (name == ".file" || name == ".loc") {
      while (peek().line == line && peek().kind != Token::end) next();
    } else if (name == ".section") {
      word();
      expect("{");
      while (!accept("}")) {
        if (peek().kind == Token::end) fail("'}' expected");
        next();
      }
    } else if (name == ".pragma") {
      next();
      expect(";");
    } else {
      --at_;
      declaration();
    }
  }

  void declaration() {
    bool is_extern = false;
    for (;; next()) {
      const auto& text = peek().text;
      if (text == ".extern")
        is_extern = true;
      else if (text != ".visible" && text != ".weak" && text != ".common")
        break;
    }
    if (peek().text == ".entry" || peek().text == ".func") return function();
    std::vector<const Variable*> declared;
    variables(declared, is_extern);
    for (const Variable* variable : declared) module_->variable_by_name[variable->name] = variable;
  }

  // `.global .align 4 .b8 name[24] = {...}, other;` after linkage; the name of a space comes first.
  void variables(std::vector<const Variable*>& declared, bool is_extern) {
    const std::string name = word();
    const Space space = name == ".global"   ? Space::global
                        : name == ".const"  ? Space::constant
                        : name == ".shared" ? Space::shared
                        : name == ".local"  ? Space::local
                        : name == ".param"  ? Space::param
                                            : Space::none;
    if (space == Space::none) fail("unknown directive " + name);
    do {
      declared.push_back(&variable(space, is_extern));
      if (space == Space::global || space == Space::constant) module_->globals.push_back(declared.back());
    } while (accept(","));
    expect(";");
  }

  // From the alignment on. The type of several names is written once.
  Variable& variable(Space space, bool is_extern) {
    Variable& made = module_->variables.emplace_back();
    made.space = space;
    uint32_t lanes = 1;
    if (peek().text.starts_with(".")) {
      declared_align_ = 0;
      if (accept(".align")) declared_align_ = static_cast<uint32_t>(integer());
      if (accept(".v2"))
        lanes = 2;
      else if (accept(".v4"))
        lanes = 4;
      declared_type_ = type_named(std::string_view(word()).substr(1));
      if (accept(".ptr")) { // what a pointer points to is a promise that nothing here depends on
        while (peek().text == ".global" || peek().text == ".const" || peek().text == ".shared" ||
               peek().text == ".local" || peek().text == ".param")
          next();
        if (accept(".align")) integer();
      }
    }
    if (declared_type_ == Type::none) fail("unknown type");
    made.type = declared_type_;
    const uint32_t element = bytes_of(made.type) * lanes;
    made.align = declared_align_ ? declared_align_ : element;
    made.bytes = element;
    made.name = word();
    while (accept("[")) {
      if (accept("]")) {
        made.unsized = true;
        made.bytes = 0;
        continue;
      }
      made.bytes *= static_cast<uint64_t>(integer());
      expect("]");
    }
    if (accept("=")) initial(made);
    if (made.unsized && made.space != Space::shared && !is_extern)
      made.bytes = made.initial.size() * bytes_of(made.type);
    if (is_extern && made.space != Space::shared) fail("extern variables cannot be resolved");
    return made;
  }

  void initial(Variable& variable) {
    if (accept("{")) {
      if (accept("}")) return;
      do initial(variable);
      while (accept(","));
      return expect("}");
    }
    Initial value;
    if (peek().kind == Token::word) {
      const bool is_generic = accept("generic");
      if (is_generic) expect("(");
      value.symbol = word();
      if (is_generic) expect(")");
      if (accept("+"))
        value.bits = static_cast<uint64_t>(integer());
      else if (accept("-"))
        value.bits = static_cast<uint64_t>(-integer());
    } else {
      const Operand number = literal();
      value.bits = number_bits(number, variable.type);
    }
    variable.initial.push_back(std::move(value));
  }
  static uint64_t number_bits(const Operand& number, Type type) {
    if (number.kind == Operand::Kind::integer && !is_float(type))
      return static_cast<uint64_t>(number.integer);
    double value = static_cast<double>(number.integer);
    if (number.kind == Operand::Kind::floating) {
      if (!is_float(type)) return number.bits;
      value = number.is_double ? std::bit_cast<double>(number.bits)
                               : std::bit_cast<float>(static_cast<uint32_t>(number.bits));
    }
    return type == Type::f32 ? std::bit_cast<uint32_t>(static_cast<float>(value))
                             : std::bit_cast<uint64_t>(value);
  }

  // ---- functions
  std::vector<const Variable*> formals(bool of_entry) {
    std::vector<const Variable*> list;
    expect("(");
    if (accept(")")) return list;
    do {
      const bool is_register = accept(".reg");
      if (!is_register) expect(".param");
      Variable& formal = variable(Space::param, false);
      formal.of_entry = of_entry;
      formal.is_register = is_register;
      if (is_register) formal.reg = new_register(formal.type, formal.name);
      list.push_back(&formal);
    } while (accept(","));
    expect(")");
    return list;
  }

  void function() {
    const uint32_t line = peek().line;
    const bool is_entry = word() == ".entry";
    Function made;
    function_ = &made;
    made.is_entry = is_entry;
    if (!is_entry && peek().text == "(") made.results = formals(false);
    made.name = word();
    if (peek().text == "(") made.formals = formals(is_entry);
    for (;;) {
      if (accept(".maxntid")) {
        made.max_threads = static_cast<uint32_t>(integer());
        while (accept(",")) made.max_threads *= static_cast<uint32_t>(integer());
      } else if (accept(".reqntid") || accept(".minnctapersm") || accept(".maxnctapersm") ||
                 accept(".maxnreg")) {
        integer();
        while (accept(",")) integer();
      } else if (!accept(".noreturn")) {
        break;
      }
    }
    Function*& known = module_->function_by_name[made.name];
    if (known && known->is_defined) refuse(*module_, line, made.name + " is defined twice");
    if (!known) known = &module_->functions.emplace_back();
    if (accept(";")) {
      *known = std::move(made);
      function_ = nullptr;
      return;
    }
    made.is_defined = true;
    scopes_.clear();
    scope_ = -1;
    open_scope();
    for (const auto* list : {&made.formals, &made.results})
      for (const Variable* formal : *list) {
        if (formal->is_register)
          scopes_[0].registers[formal->name] = formal->reg;
        else
          scopes_[0].variables[formal->name] = formal;
      }
    expect("{");
    const int depth = scope_;
    while (true) {
      if (accept("}")) {
        if (scope_ == depth) break;
        scope_ = scopes_[scope_].parent;
      } else {
        statement();
      }
    }
    resolve_labels();
    *known = std::move(made);
    function_ = nullptr;
  }

  void statement() {
    const Token& token = peek();
    if (token.kind == Token::end) fail("'}' expected");
    if (token.kind == Token::implicit_definition) {
      const int reg = find_register(std::string(next().text));
      if (reg < 0) return;
      Statement& made = function_->body.emplace_back();
      made.kind = Statement::definition;
      made.line = token.line;
      Operand& defined = made.operands.emplace_back();
      defined.kind = Operand::Kind::reg;
      defined.reg = reg;
      return;
    }
    if (accept("{")) return static_cast<void>(open_scope());
    if (accept(";")) return;
    if (token.kind == Token::word && peek(1).text == ":") {
      const std::string name = word();
      next();
      if (accept(".branchtargets")) {
        auto& table = scopes_[scope_].tables[name];
        do table.push_back(word());
        while (accept(","));
        return expect(";");
      }
      if (!scopes_[scope_].labels.emplace(name, static_cast<int>(function_->body.size())).second)
        fail("label " + name + " is set twice");
      return;
    }
    if (token.kind == Token::word && token.text.starts_with(".")) return directive();
    instruction();
  }

  void directive() {
    const std::string_view name = peek().text;
    if (name == ".reg") {
      next();
      const Type type = type_named(std::string_view(word()).substr(1));
      if (type == Type::none) fail("unknown type");
      Scope& scope = scopes_[scope_];
      do {
        const std::string reg = word();
        if (accept("<")) {
          const auto count = static_cast<uint32_t>(integer());
          expect(">");
          const int first = static_cast<int>(function_->registers.size());
          function_->registers.resize(function_->registers.size() + count, {type, {}});
          scope.ranges.push_back({reg, count, first});
        } else {
          scope.registers[reg] = new_register(type, reg);
        }
      } while (accept(","));
      return expect(";");
    }
    if (name == ".loc" || name == ".file") return skip_line();
    if (name == ".pragma") {
      next();
      next();
      return expect(";");
    }
    std::vector<const Variable*> declared;
    variables(declared, false);
    for (const Variable* variable : declared) scopes_[scope_].variables[variable->name] = variable;
  }

  void instruction() {
    Statement made;
    made.line = peek().line;
    made.scope = static_cast<uint32_t>(scope_);
    if (accept("@")) {
      made.guard_negated = accept("!");
      const std::string name = word();
      made.guard = find_register(name);
      if (made.guard < 0 || function_->registers[made.guard].type != Type::pred)
        fail(name + " is no predicate");
    }
    made.line = peek().line;
    made.opcode = word();
    const std::string_view base = std::string_view(made.opcode).substr(0, made.opcode.find('.'));
    if (base == "call") {
      call(made);
    } else if (base == "bra") {
      made.labels.push_back(word());
    } else if (base == "brx") {
      made.operands.push_back(operand());
      expect(",");
      made.labels.push_back(word());
    } else if (peek().text != ";") {
      do made.operands.push_back(operand());
      while (accept(","));
    }
    expect(";");
    function_->body.push_back(std::move(made));
  }

  void call(Statement& made) {
    if (peek().text == "(") {
      made.results = operand_list();
      expect(",");
    }
    made.callee = word();
    if (accept(",")) made.arguments = operand_list();
    if (peek().text == ",") fail("indirect calls are not known");
  }
  std::vector<Operand> operand_list() {
    std::vector<Operand> list;
    expect("(");
    if (accept(")")) return list;
    do list.push_back(operand());
    while (accept(","));
    expect(")");
    return list;
  }

  Operand literal() {
    const bool negative = accept("-");
    const Token token = next();
    Operand made;
    made.bits = token.bits;
    if (token.kind == Token::integer) {
      made.kind = Operand::Kind::integer;
      made.integer = static_cast<int64_t>(negative ? -token.bits : token.bits);
    } else if (token.kind == Token::float_bits || token.kind == Token::double_bits) {
      made.kind = Operand::Kind::floating;
      made.is_double = token.kind == Token::double_bits;
      if (negative) made.bits ^= made.is_double ? uint64_t{1} << 63 : uint64_t{1} << 31;
    } else {
      fail("an operand expected, not '" + std::string(token.text) + "'");
    }
    return made;
  }

  Operand operand() {
    Operand made = single_operand();
    if (accept("|")) {
      Operand pair;
      pair.kind = Operand::Kind::pair;
      pair.elements.push_back(std::move(made));
      pair.elements.push_back(single_operand());
      return pair;
    }
    return made;
  }

  Operand single_operand() {
    Operand made;
    if (accept("!")) {
      made = single_operand();
      made.negated = true;
      return made;
    }
    if (accept("[")) {
      made = peek().kind == Token::word ? single_operand() : literal();
      made.integer += accept("+") ? integer() : 0;
      if (made.kind == Operand::Kind::symbol || made.kind == Operand::Kind::reg ||
          made.kind == Operand::Kind::integer)
        made.kind = Operand::Kind::address;
      else
        fail("no address");
      expect("]");
      return made;
    }
    if (accept("{")) {
      made.kind = Operand::Kind::vector;
      do made.elements.push_back(single_operand());
      while (accept(","));
      expect("}");
      return made;
    }
    if (peek().kind != Token::word) return literal();
    made.text = word();
    if (made.text == "_") {
      made.kind = Operand::Kind::sink;
    } else if (const int reg = find_register(made.text); reg >= 0) {
      made.kind = Operand::Kind::reg;
      made.reg = reg;
    } else if (made.text == "WARP_SZ") {
      made.kind = Operand::Kind::integer;
      made.integer = 32;
    } else if (made.text.starts_with("%")) {
      made.kind = Operand::Kind::special;
    } else if (const Variable* variable = find_variable(made.text)) {
      made.kind = Operand::Kind::symbol;
      made.variable = variable;
      if (peek().text == "+" && peek(1).kind == Token::integer) {
        next();
        made.integer = integer();
      }
    } else {
      fail("unknown name " + made.text);
    }
    return made;
  }

  int find_label(uint32_t scope, const std::string& name) {
    for (int s = static_cast<int>(scope); s >= 0; s = scopes_[s].parent)
      if (const auto found = scopes_[s].labels.find(name); found != scopes_[s].labels.end())
        return found->second;
    return -1;
  }
  void resolve_labels() {
    for (Statement& statement : function_->body) {
      if (statement.labels.empty()) continue;
      std::vector<std::string> names = statement.labels;
      if (statement.opcode.starts_with("brx")) {
        const std::vector<std::string>* table = nullptr;
        for (int s = static_cast<int>(statement.scope); s >= 0 && !table; s = scopes_[s].parent)
          if (const auto found = scopes_[s].tables.find(names[0]); found != scopes_[s].tables.end())
            table = &found->second;
        if (!table) refuse(*module_, statement.line, "unknown table of targets " + names[0]);
        names = *table;
      }
      for (const std::string& name : names) {
        const int target = find_label(statement.scope, name);
        if (target < 0) refuse(*module_, statement.line, "unknown label " + name);
        statement.targets.push_back(target);
      }
    }
  }

  std::shared_ptr<Module> module_ = std::make_shared<Module>();
  std::vector<Token> tokens_;
  size_t at_ = 0;
  Function* function_ = nullptr;
  std::deque<Scope> scopes_;
  int scope_ = -1;
  Type declared_type_ = Type::none;
  uint32_t declared_align_ = 0;
};

} // namespace

std::shared_ptr<const Module> parse(std::string text) { return Parser(std::move(text)).run(); }

} // namespace stand_in
