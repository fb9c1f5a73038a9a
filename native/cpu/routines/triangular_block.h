// Blocks of triangular work, and the builds of them for each instruction set.
#pragma once
#include <cstdint>

#include "cpu/isa_spaces.h"
#include "cpu/routines/group.h"
#include "cpu/routines/matmul_product.h" // Matrix

namespace adjoint::cpu {

template <class T> struct Target {
  T* data;
  int64_t row_stride, column_stride;
  T* at(int64_t row, int64_t column) const { return data + row * row_stride + column * column_stride; }
  operator Matrix<T>() const { return {data, row_stride, column_stride}; }
};

// lower out = right, of few enough columns for one block.
template <class T> struct Equation {
  Matrix<T> lower;
  bool has_unit_diagonal;
  int64_t columns;
  Matrix<T> right;
  Target<T> out;
};

// matrix = out out'
template <class T> struct Factor {
  int64_t size;
  Matrix<T> matrix;
  Target<T> out;
};

// The same of small matrices of a group.
template <class T> struct EquationGroup {
  int64_t count, size, columns;
  bool has_unit_diagonal;
  Group<const T> lower, right;
  Group<T> out;
};
template <class T> struct FactorGroup {
  int64_t count, size;
  Group<const T> matrix;
  Group<T> out;
  int64_t* failed; // of each the row that failed, or -1
};

#define ADJOINT_TRIANGULAR                                                                                   \
  ADJOINT_TRIANGULAR_OF(float)                                                                               \
  ADJOINT_TRIANGULAR_OF(double)
// Rows from `begin` of an equation, a block at most, the ones before them being done; and the same on the diagonal of a
// factor, with zeros to the right of it. That gives the row whose diagonal element would not be positive, or -1. Small
// factors and equations side by side have the same bits.
#define ADJOINT_TRIANGULAR_OF(T)                                                                             \
  void solve_rows(const Equation<T>& equation, int64_t begin, int64_t rows);                                 \
  int64_t factor_diagonal(const Factor<T>& factor, int64_t begin, int64_t rows);                             \
  void factor_group(const FactorGroup<T>& work);                                                             \
  void solve_group(const EquationGroup<T>& work);

#define SPACE(name)                                                                                          \
  namespace name {                                                                                           \
  ADJOINT_TRIANGULAR                                                                                         \
  }
ADJOINT_ISA_SPACES(SPACE)
#undef SPACE
#undef ADJOINT_TRIANGULAR
#undef ADJOINT_TRIANGULAR_OF

} // namespace adjoint::cpu
