#include "cuda/code/ptx_writer.h"

#include <algorithm>

namespace adjoint::cuda {

namespace {

constexpr const char* register_names[] = {"%flag", "%word", "%wide"};
constexpr const char* register_types[] = {".pred", ".b32", ".b64"};
static_assert(static_cast<size_t>(Width::flag) == 0 && static_cast<size_t>(Width::word) == 1 &&
                  static_cast<size_t>(Width::wide) == 2,
              "by width");

} // namespace

Register PtxWriter::fresh(Width width) {
  const auto i = static_cast<size_t>(width);
  return register_names[i] + std::to_string(registers_[i]++);
}

Register PtxWriter::paste(const Body& body, Width result, std::span<const Register> inputs) {
  const Register out = fresh(result);
  const std::string number = std::to_string(pastes_++);
  text_ += "{\n";
  size_t at = 0;
  for (size_t mark; (mark = body.text.find_first_of("\1\2\3", at)) != std::string::npos; at = mark + 1) {
    text_.append(body.text, at, mark - at);
    if (body.text[mark] == Body::input)
      text_ += inputs[static_cast<size_t>(body.text[++mark] - '0')];
    else
      text_ += body.text[mark] == Body::result ? out : number;
  }
  text_.append(body.text, at);
  text_ += "}\n";
  for (const std::string_view variable : body.variables)
    if (std::find(variables_.begin(), variables_.end(), variable) == variables_.end())
      variables_.push_back(variable);
  return out;
}

Register PtxWriter::both(const Register& a, const Register& b) {
  if (a.empty() || b.empty()) return a.empty() ? b : a;
  const Register out = fresh(Width::flag);
  line("and.pred ", out, ", ", a, ", ", b);
  return out;
}

std::string PtxWriter::module(const std::string& name, uint32_t threads, uint32_t shared_bytes,
                              uint32_t local_bytes) const {
  std::string out = module_header();
  for (const std::string_view variable : variables_) out.append(variable).append("\n");
  out += ".visible .entry " + name + "(.param .u64 " + name + "_table)\n.maxntid " + std::to_string(threads) +
         ", 1, 1\n{\n";
  if (shared_bytes > 0) out += "\t.shared .align 16 .b8 exchange[" + std::to_string(shared_bytes) + "];\n";
  if (local_bytes > 0) out += "\t.local .align 16 .b8 levels[" + std::to_string(local_bytes) + "];\n";
  for (size_t i = 0; i < 3; ++i)
    if (registers_[i] > 0)
      out += std::string("\t.reg ") + register_types[i] + " " + register_names[i] + "<" +
             std::to_string(registers_[i]) + ">;\n";
  out += "\t.reg .b64 %table;\n\tld.param.u64 %table, [" + name + "_table];\n";
  return out + text_ + "\tret;\n}\n";
}

} // namespace adjoint::cuda
