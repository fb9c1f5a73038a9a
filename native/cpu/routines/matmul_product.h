// One product of two matrices, and the builds of it for each instruction set.
#pragma once
#include <cstdint>

namespace adjoint::cpu {

template <class T> struct Matrix {
  const T* data;
  int64_t row_stride, column_stride;
  const T* at(int64_t row, int64_t column) const { return data + row * row_stride + column * column_stride; }
};

// out = left right, of which no extent is 0. out's columns are adjacent.
template <class T> struct Product {
  int64_t rows, columns, inner;
  Matrix<T> left, right;
  T* out;
  int64_t out_stride;
};

#define ADJOINT_MULTIPLY                                                                                     \
  void multiply(const Product<float>&);                                                                      \
  void multiply(const Product<double>&);                                                                     \
  void multiply(const Product<int32_t>&);                                                                    \
  void multiply(const Product<int64_t>&);                                                                    \
  void multiply(const Product<uint8_t>&);                                                                    \
  void multiply(const Product<bool>&);

namespace isa_base {
ADJOINT_MULTIPLY
}
#ifdef __x86_64__
namespace isa_v2 {
ADJOINT_MULTIPLY
}
namespace isa_v3 {
ADJOINT_MULTIPLY
}
namespace isa_v4 {
ADJOINT_MULTIPLY
}
#endif
#undef ADJOINT_MULTIPLY

} // namespace adjoint::cpu
