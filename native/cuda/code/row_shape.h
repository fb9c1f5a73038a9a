// The way in which the threads of a row kernel share rows and columns.
#pragma once
#include <algorithm>

#include "cuda/code/kernel_code.h"
#include "device/integers.h"
#include "ops/op.h"
#include "ops/reduction_tree.h"

namespace adjoint::cuda {

// A block has `rows` rows at a time, each walked by `teams` of `lanes` threads. A team takes a chunk of
// columns (see ops/reduction_tree.h) at a time: the teams of a row take chunks that follow each other, and
// then the next round of chunks. Where rows are few, `splits` blocks share the chunks of each. Threads that
// follow each other have one row's columns, or, `across`, rows; then there is one team.
//
// All of these but the splits are powers of two, and so is the number of a split's chunks where there are
// several: the result of a team, a round or a split is a whole part of the tree.
struct RowShape {
  bool is_across = false;
  int64_t columns = 1;
  int64_t rows = 1, teams = 1, lanes = 32, splits = 1;
  int64_t width = 1;  // columns that a thread takes together, as one vector
  int64_t groups = 1; // such vectors of one iteration
  int64_t chunks = 1; // of a split

  int64_t row_threads() const { return teams * lanes; }
  int64_t threads() const { return rows * row_threads(); }
  int64_t columns_of_chunk() const { return std::clamp<int64_t>(columns, 1, chunk_columns); }
  int64_t columns_at_once() const { return lanes * width * groups; }
  int64_t iterations() const { return quotient_up(columns_of_chunk(), columns_at_once()); }
  int64_t rounds() const { return quotient_up(chunks, teams); }

  // Whether more threads compute elements than can own lanes of the tree: shared memory then brings values to
  // the first warp of the team.
  bool is_spread() const { return !is_across && lanes > 32; }
  int64_t lane_owners() const { return is_spread() ? 32 : lanes; }
  // The lanes of the tree that elements reach, as a power of two; and the vectors of them that a thread owns.
  int64_t tree_lanes() const;
  int64_t turns() const { return tree_lanes() / (lane_owners() * (is_spread() ? 1 : width)); }
};

// Shared memory of a block.
inline constexpr int64_t most_shared_bytes = 32 << 10;

// The work of a row: passes, and the largest number of statements for an element and of reductions in any of
// them.
struct RowWork {
  size_t passes = 0, statements = 0;
  int64_t reductions = 0;
};

RowShape choose_row_shape(const FusedKernel& kernel, const Chip& chip, const RowWork& work);

} // namespace adjoint::cuda
