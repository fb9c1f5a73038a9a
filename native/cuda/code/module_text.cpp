// nvcc's PTX comes in as text; out go bodies to paste and modules of single kernels. EmbeddedModule cuts a
// text into variables and functions once; `parse_body` turns a function into a Body, whose parameters and
// labels are marks (`templated`). The functions at the end look both up by name.
#include "cuda/code/module_text.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <unordered_map>

#include "cuda/code/embedded.h"
#include "device/error.h"

namespace adjoint::cuda {

namespace {

[[noreturn]] void fail(const std::string& what) { throw internal_error("embedded PTX: " + what); }

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// Names are made of letters, digits, '_' and '$'.
bool is_in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$'; }

std::string_view name_before(std::string_view text, size_t end) {
  size_t begin = end;
  while (begin > 0 && is_in_name(text[begin - 1])) --begin;
  return text.substr(begin, end - begin);
}

struct Variable {
  std::string_view name, declaration;
};

struct Function {
  std::string_view header; // up to the brace
  std::string_view text;   // between the braces, which stand on lines of their own
};

struct EmbeddedModule {
  std::string text;
  std::vector<Variable> variables;
  std::unordered_map<std::string_view, Function> functions;

  explicit EmbeddedModule(const EmbeddedText& embedded) {
    for (const char* const* chunk = embedded.chunks; *chunk; ++chunk) text += *chunk;
    parse();
  }

  // Variables are declared on one line each; functions have a header of several lines.
  void parse() {
    const std::string_view all = text;
    for (size_t at = 0; at < all.size();) {
      const size_t end = std::min(all.find('\n', at), all.size());
      const std::string_view line = all.substr(at, end - at);
      if (line.find(".func") != line.npos || line.find(".entry") != line.npos) {
        at = parse_function(at);
        continue;
      }
      if (line.find(".global ") != line.npos || line.find(".const ") != line.npos ||
          line.find(".shared ") != line.npos)
        variables.push_back(
            {name_before(line, line.find_last_not_of(' ', line.find_first_of("[=;") - 1) + 1), line});
      at = end + 1;
    }
  }
  size_t parse_function(size_t at) {
    const std::string_view all = text;
    const size_t open = all.find("\n{\n", at), semicolon = all.find(';', at);
    if (semicolon < open) return semicolon + 1; // declared only
    const size_t close = all.find("\n}", open);
    if (close == all.npos) fail("a function does not end");
    const std::string_view header = all.substr(at, open - at);
    // The list of parameters begins at the last parenthesis but those of the result.
    size_t list = header.find('(');
    if (const size_t result_end = header.find(')'); header.find(".func") < list &&
                                                    result_end != header.npos &&
                                                    header.find('(', result_end) != header.npos)
      list = header.find('(', result_end);
    functions[name_before(header, list)] = {header, all.substr(open + 3, close - open - 2)};
    return close + 2;
  }

  std::string_view target() const {
    constexpr std::string_view directive = ".target ";
    const std::string_view all = text;
    const size_t at = all.find(directive);
    if (at == all.npos) fail("it has no target");
    const size_t begin = at + directive.size();
    return all.substr(begin, all.find_first_of(" ,\n", begin) - begin);
  }
  std::vector<std::string_view> variables_in(std::string_view body) const {
    std::vector<std::string_view> list;
    for (const Variable& variable : variables)
      for (size_t at = body.find(variable.name); at != body.npos; at = body.find(variable.name, at + 1)) {
        if (is_in_name(body[at + variable.name.size()])) continue;
        list.push_back(variable.declaration);
        break;
      }
    return list;
  }
};

const EmbeddedModule& module(std::string_view name) {
  static const std::vector<std::unique_ptr<EmbeddedModule>> modules = [] {
    std::vector<std::unique_ptr<EmbeddedModule>> list;
    for (size_t i = 0; i < embedded_count; ++i)
      list.push_back(std::make_unique<EmbeddedModule>(embedded_texts[i]));
    return list;
  }();
  for (size_t i = 0; i < embedded_count; ++i)
    if (embedded_texts[i].name == name) return *modules[i];
  fail("there is no " + std::string(name));
}

// The text between the first comma and the semicolon.
std::string_view second_operand(std::string_view line) {
  const size_t comma = line.find(", ");
  return line.substr(comma + 2, line.rfind(';') - comma - 2);
}

// nvcc names registers after their types: %rs, %r, %f, %rd, %fd.
std::string register_bits(std::string_view name) {
  return starts_with(name, "%rs") ? "16" : name[2] == 'd' ? "64" : "32";
}

// Puts mov in place of ld.param and st.param, and gives labels the number of their paste.
std::string templated(std::string_view line, std::string_view header) {
  const auto type = [&](std::string_view opcode) {
    return line.substr(opcode.size(), line.find_first_of(" \t") - opcode.size());
  };
  std::string out;
  if (starts_with(line, "ld.param")) {
    const std::string_view source = second_operand(line);
    const std::string_view number = name_before(source, source.find_first_of("]+"));
    const size_t begin = line.find('%');
    const std::string_view target = line.substr(begin, line.find(',') - begin);
    const std::string_view from = type("ld.param"), bits = from.substr(2);
    // A parameter can be loaded into a wider register, or the lower part of one into any.
    const std::string to = register_bits(target);
    const size_t declared = header.find(source.substr(1, source.find_first_of("]+") - 1));
    const bool is_wide = declared != header.npos && header.substr(declared - 3, 2) == "64";
    if (is_wide && bits == "32" && to == "32")
      out.append("cvt.u32.u64");
    else if (bits == to)
      out.append("mov").append(from);
    else
      out.append("cvt").append(from.substr(0, 2)).append(to).append(from);
    out.append(" ").append(target).append(", ");
    return out.append({Body::input, number.back()}).append(";\n");
  }
  if (starts_with(line, "st.param")) {
    const std::string_view value = second_operand(line), to = type("st.param").substr(2);
    if (value[0] == '%' && register_bits(value) != to)
      out.append("cvt.u").append(to).append(".u").append(register_bits(value));
    else
      out.append("mov").append(type("st.param"));
    return out.append(" ").append({Body::result}).append(", ").append(value).append(";\n");
  }
  for (size_t at = 0; at < line.size();) {
    const size_t label = std::min(line.find("$L__BB", at), line.size());
    out.append(line.substr(at, label - at));
    if (label < line.size()) out.append("$L").append({Body::paste}).append("_");
    at = label + 6;
  }
  return out.append("\n");
}

Body parse_body(const EmbeddedModule& module, const Function& function) {
  Body body;
  size_t returns = 0;
  for (size_t at = 0; at < function.text.size();) {
    const size_t end = std::min(function.text.find('\n', at), function.text.size());
    const std::string_view line = function.text.substr(at, end - at);
    at = end + 1;
    if (line.empty()) continue;
    if (line == "ret;" && at >= function.text.size()) continue;
    if (line.size() >= 4 && line.substr(line.size() - 4) == "ret;") {
      body.text.append(line.substr(0, line.size() - 4))
          .append("bra $L")
          .append({Body::paste})
          .append("_end;\n");
      ++returns;
      continue;
    }
    if (line[0] != '.' && line[0] != '$') ++body.statements;
    body.text += templated(line, function.header);
  }
  if (returns > 0) body.text.append("$L").append({Body::paste}).append("_end:\n");
  body.variables = module.variables_in(function.text);
  return body;
}

} // namespace

std::string module_header(std::string_view target) {
  return ".version 7.0\n.target " + std::string(target) + "\n.address_size 64\n\n";
}

const Body& body(BodyRole role, int op, DType dtype) {
  static const std::unordered_map<std::string, Body> bodies = [] {
    std::unordered_map<std::string, Body> map;
    const EmbeddedModule& text = module("bodies");
    for (const auto& [name, function] : text.functions)
      if (const size_t end = name.find("E", name.find("ELi", name.find("ELi") + 1) + 3); end != name.npos)
        map.emplace(name.substr(0, end + 1), parse_body(text, function));
    return map;
  }();
  const auto found = bodies.find(body_prefix(role, op, dtype));
  if (found == bodies.end()) fail("there is no " + body_prefix(role, op, dtype));
  return found->second;
}

EmbeddedKernels embedded_kernels(std::string_view text_name, const std::vector<std::string>& prefixes) {
  const EmbeddedModule& text = module(text_name);
  EmbeddedKernels kernels;
  std::vector<std::string_view> variables;
  std::string functions;
  for (const std::string& prefix : prefixes) {
    const auto found = std::find_if(text.functions.begin(), text.functions.end(),
                                    [&](const auto& entry) { return starts_with(entry.first, prefix); });
    if (found == text.functions.end()) fail("there is no " + prefix);
    const Function& function = found->second;
    kernels.names.emplace_back(found->first);
    for (const std::string_view declaration : text.variables_in(function.text))
      if (std::find(variables.begin(), variables.end(), declaration) == variables.end())
        variables.push_back(declaration);
    functions.append(function.header).append("\n{\n").append(function.text).append("}\n");
  }
  std::string out = module_header(text.target());
  for (const std::string_view declaration : variables) out.append(declaration).append("\n");
  kernels.ptx = std::make_shared<const std::string>(out + functions);
  return kernels;
}

EmbeddedKernel embedded_kernel(std::string_view text_name, std::string_view prefix) {
  EmbeddedKernels kernels = embedded_kernels(text_name, {std::string(prefix)});
  return {std::move(kernels.names[0]), std::move(kernels.ptx)};
}

} // namespace adjoint::cuda
