// Writes the text of a kernel: statements, registers, pasted bodies. Registers are named apart from those of
// nvcc, which live between the braces of a pasted body.
#pragma once
#include <span>
#include <string>

#include "cuda/code/module_text.h"

namespace adjoint::cuda {

// The width of a register: a predicate, 32 bits, 64 bits. Values narrower than a word are words.
enum class Width : uint8_t { flag, word, wide };

using Register = std::string;

inline Width width_of(DType dtype) { return bytes_of(dtype) == 8 ? Width::wide : Width::word; }
inline const char* bits_of(Width width) { return width == Width::wide ? ".b64" : ".b32"; }

class PtxWriter {
 public:
  Register fresh(Width width);
  std::string fresh_label() { return "$K" + std::to_string(labels_++); }

  // One statement of these parts.
  template <class... Parts> void line(const Parts&... parts) {
    text_ += '\t';
    (append(parts), ...);
    text_ += ";\n";
  }
  // The same under a predicate, or always where there is none.
  template <class... Parts> void when(const Register& flag, const Parts&... parts) {
    if (flag.empty())
      line(parts...);
    else
      line("@", flag, " ", parts...);
  }
  void label(const std::string& name) { text_ += name + ":\n"; }
  // The value of one of the bodies for these inputs.
  Register paste(const Body& body, Width result, std::span<const Register> inputs);
  // The conjunction of two predicates, or the one that is not empty.
  Register both(const Register& a, const Register& b);

  // The module of one kernel. %table has the address of its table; the code calls its memory `exchange` (of
  // the block) and `levels` (of each thread).
  std::string module(const std::string& name, uint32_t threads, uint32_t shared_bytes,
                     uint32_t local_bytes = 0) const;

 private:
  void append(std::string_view part) { text_ += part; }
  void append(int64_t part) { text_ += std::to_string(part); }

  std::string text_;
  std::vector<std::string_view> variables_;
  uint32_t registers_[3] = {};
  uint32_t labels_ = 0, pastes_ = 0;
};

} // namespace adjoint::cuda
