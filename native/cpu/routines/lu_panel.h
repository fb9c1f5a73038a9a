// Parts of an elimination, and the builds of them for each instruction set.
#pragma once
#include <cstdint>

#include "cpu/isa_spaces.h"
#include "cpu/routines/group.h"

namespace adjoint::cpu {

// So many columns are eliminated at once.
inline constexpr int64_t lu_panel_width = 32;

// A matrix that becomes L, without its diagonal of ones, and U.
template <class T> struct Elimination {
  T* data;
  int64_t rows, columns; // of adjacent elements
  int32_t* pivots;       // which row, counted from 1, each row was exchanged with
  bool exchanges;
};

// Small matrices of a group that become the same.
template <class T> struct EliminationGroup {
  int64_t count, rows, columns;
  Group<const T> from;
  Group<T> to;
  int32_t* pivots; // as many for each as there are rows or columns
  bool exchanges;
};

#define ADJOINT_LU                                                                                           \
  ADJOINT_LU_OF(float)                                                                                       \
  ADJOINT_LU_OF(double)
// Eliminates below the diagonal in the columns [begin, end), on which nothing but exchanges of rows is done elsewhere;
// and from rows [first, last), and their columns from `column` on, subtracts what rows [begin, end) have there. Small matrices side by side get the same bits.
#define ADJOINT_LU_OF(T)                                                                                     \
  void eliminate_panel(const Elimination<T>& work, int64_t begin, int64_t end);                              \
  void subtract_panel(const Elimination<T>& work, int64_t begin, int64_t end, int64_t first, int64_t last,   \
                      int64_t column);                                                                       \
  void eliminate_group(const EliminationGroup<T>& work);

#define SPACE(name)                                                                                          \
  namespace name {                                                                                           \
  ADJOINT_LU                                                                                                 \
  }
ADJOINT_ISA_SPACES(SPACE)
#undef SPACE
#undef ADJOINT_LU
#undef ADJOINT_LU_OF

} // namespace adjoint::cpu
