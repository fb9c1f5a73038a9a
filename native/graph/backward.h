#pragma once
#include <functional>
#include <span>
#include <vector>

#include "graph/engine.h"

namespace adjoint {

struct BackwardOptions {
  bool retain_graph = false;
  bool create_graph = false;
  bool allow_unused = false;
};

// A backward pass calls functions of the program's own, which may begin another one.

// Adds the gradient of `root`, weighted by `seed` (null: one, for scalars), to the leaves; to `only` alone
// when that is not empty. Nothing has changed when it throws.
void backward(Session& session, const Value& root, const Value& seed, std::span<const Value> only,
              const BackwardOptions& options);

// The gradients of the roots with respect to `inputs`, without touching any leaf. An unused input gives an
// empty Value when that is allowed.
// `take` gets the gradients before the graph is freed: if it throws, everything is as it was.
void gradients(Session& session, const std::vector<Value>& roots, const std::vector<Value>& seeds,
               const std::vector<Value>& inputs, const BackwardOptions& options,
               const std::function<void(const std::vector<Value>& results)>& take);

// A value whose history begins here: the input of a function that is being differentiated, for each example of the batches
// that vmap is at work on. Gradients go on to the history of the value itself, where it has one.
Value variable(Session& session, const Value& value);
// Whether the history of these values leads to anything but these variables.
bool depend_on_others(Session& session, std::span<const Value> values, std::span<const Value> variables);
// What these values' history leads to that was there before function number `since` was recorded, but for the variables: for
// each source a value of zeros that has its shape and its history.
std::vector<Value> captured(Session& session, std::span<const Value> values, std::span<const Value> variables,
                            uint64_t since);

} // namespace adjoint
