// How the threads of a row kernel share rows and columns.
#pragma once
#include "cuda/kernel_code.h"
#include "ops/op.h"

namespace adjoint::cuda {

// A block has `rows` rows at a time, each walked by `lanes` threads; where rows are few, their columns are
// divided over `splits` blocks. Threads that follow each other have one row's columns, or, `across`, rows.
// All but the splits are powers of two, and rows x lanes is a multiple of a warp.
struct RowShape {
  bool is_across = false;
  int64_t rows = 1, lanes = 32, splits = 1;
  int64_t width = 1;  // columns that a thread takes together, as one vector
  int64_t groups = 1; // such vectors of one iteration
  int64_t chunk = 0;  // columns of a split

  int64_t threads() const { return rows * lanes; }
  int64_t columns_at_once() const { return lanes * width * groups; }
  int64_t iterations() const { return (chunk + columns_at_once() - 1) / columns_at_once(); }
};

// `passes` over a row; `statements` that an element takes in the longest of them.
RowShape choose_row_shape(const FusedKernel& kernel, const Chip& chip, size_t passes, size_t statements);

} // namespace adjoint::cuda
