// Orthogonal factors of small matrices side by side, and the builds of them for each instruction set. All is computed in
// double precision.
#pragma once
#include "cpu/isa_spaces.h"
#include "cpu/routines/group.h"

namespace adjoint::cpu {

// Small matrices of a group, and their factors Q R.
template <class T> struct ReflectionGroup {
  int64_t count, rows, columns, inner; // the latter of Q
  Group<const T> matrix;
  Group<T> q, r;
};
// Small symmetric matrices, of which the lower triangle is read, and their eigenvalues, each a column, and eigenvectors.
template <class T> struct SymmetricGroup {
  int64_t count, size;
  Group<const T> matrix;
  Group<T> values, vectors;
  bool* are_found; // of each, whether it has any: its elements are finite
};

#define ADJOINT_SMALL_ORTHOGONAL                                                                             \
  ADJOINT_SMALL_ORTHOGONAL_OF(float)                                                                         \
  ADJOINT_SMALL_ORTHOGONAL_OF(double)
#define ADJOINT_SMALL_ORTHOGONAL_OF(T)                                                                       \
  void reflect_group(const ReflectionGroup<T>& work);                                                        \
  void factor_symmetric_group(const SymmetricGroup<T>& work);

#define SPACE(name)                                                                                          \
  namespace name {                                                                                           \
  ADJOINT_SMALL_ORTHOGONAL                                                                                   \
  }
ADJOINT_ISA_SPACES(SPACE)
#undef SPACE
#undef ADJOINT_SMALL_ORTHOGONAL
#undef ADJOINT_SMALL_ORTHOGONAL_OF

} // namespace adjoint::cpu
