// Which pass over a kernel's columns computes what. A reduction is known when a pass is over, and values made
// of it wait for the next. The softmax of a row, x -> exp(x - amax(x)) / sum(exp(x - amax(x))):
//
//   step             level     of_step
//   0  x             element   0
//   1  amax of 0     row       1         pass 0 reduces 0
//   2  exp(0 - 1)    element   1
//   3  sum of 2      row       2         pass 1 reduces 2, and needs 0 and 1
//   4  2 / 3         element   2         pass 2 stores 4, and needs 0 to 3
//
// Elements are forgotten between passes, unless a device has kept them: so 0 and 2 are needed more than once.
#pragma once
#include <optional>
#include <vector>

#include "device/kernel.h"

namespace adjoint {

struct Passes {
  static constexpr size_t none = SIZE_MAX;
  const FusedKernel& kernel;
  std::vector<bool> is_needed;  // steps that stores are computed from; others are in no pass
  std::vector<size_t> of_step;  // how many passes must be over before it can be computed
  std::vector<size_t> of_store; // the pass that writes these elements; none for a store of rows
  size_t count = 0;

  explicit Passes(const FusedKernel& kernel);

  // Whether a step takes elements to their row.
  bool is_reduction(size_t step) const;
  // The reductions that are known when a pass is over.
  std::vector<uint16_t> reductions(size_t pass) const;
  // The elements that a pass reduces or stores, and their inputs.
  std::vector<bool> needed(size_t pass) const;
};

// Adds the inputs of these steps, and the inputs of those. Given a level, only steps of that level have their
// inputs added.
void add_inputs(const FusedKernel& kernel, std::vector<bool>& steps, std::optional<Level> level = {});

} // namespace adjoint
