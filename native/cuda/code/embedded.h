// PTX that was compiled when the addon was built; generated, and empty if there was no nvcc.
#pragma once
#include <cstddef>

namespace adjoint::cuda {

struct EmbeddedText {
  const char* name;          // of the source, without its ending
  const char* const* chunks; // until a null; compilers bound the length of a literal
};

extern const EmbeddedText embedded_texts[];
extern const size_t embedded_count;

} // namespace adjoint::cuda
