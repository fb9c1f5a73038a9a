// One product of two matrices, and the builds of it for each instruction set.
#pragma once
#include "cpu/isa_spaces.h"
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace adjoint::cpu {

template <class T> struct Matrix {
  const T* data;
  int64_t row_stride, column_stride;
  const T* at(int64_t row, int64_t column) const { return data + row * row_stride + column * column_stride; }
};

// Memory for copies of operands: panels of one size, which threads take and give back. Products go without, slowly,
// where there is none left.
class Panels {
 public:
  static constexpr int64_t most = 64;
  Panels() = default;
  Panels(std::byte* memory, int64_t bytes, int64_t count) : memory_(memory), bytes_(bytes), count_(count) {}
  void* take() noexcept; // null when there is none
  void give_back(void* panel) noexcept;

 private:
  std::byte* memory_ = nullptr;
  int64_t bytes_ = 0, count_ = 0;
  std::atomic<uint64_t> taken_ = 0; // a bit for each
};

// The sizes of a product's panels; 0 where it takes none.
struct PanelSizes {
  int64_t left = 0, right = 0; // in bytes
};

// out = left right, of which no extent is 0. out's columns are adjacent.
template <class T> struct Product {
  int64_t rows, columns, inner;
  Matrix<T> left, right;
  T* out;
  int64_t out_stride;
  struct {
    Panels* left = nullptr; // one for each thread at most
    Panels* right = nullptr;
  } panels{};
};

#define ADJOINT_MULTIPLY                                                                                     \
  ADJOINT_MULTIPLY_OF(float)                                                                                 \
  ADJOINT_MULTIPLY_OF(double)                                                                                \
  ADJOINT_MULTIPLY_OF(int32_t)                                                                               \
  ADJOINT_MULTIPLY_OF(int64_t)                                                                               \
  ADJOINT_MULTIPLY_OF(uint8_t)                                                                               \
  ADJOINT_MULTIPLY_OF(bool)
#define ADJOINT_MULTIPLY_OF(T)                                                                               \
  void multiply(const Product<T>&);                                                                          \
  PanelSizes panel_sizes(const Product<T>&);

#define SPACE(name)                                                                                          \
  namespace name {                                                                                           \
  ADJOINT_MULTIPLY                                                                                           \
  }
ADJOINT_ISA_SPACES(SPACE)
#undef SPACE
#undef ADJOINT_MULTIPLY
#undef ADJOINT_MULTIPLY_OF

} // namespace adjoint::cpu
