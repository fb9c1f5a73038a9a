#include "graph/saved.h"

#include "graph/recording.h"

namespace adjoint {

Value input_value(const Function& function, size_t i) {
  const Ref<Node>& node = function.saved_inputs[i];
  if (!node || !node->engine.session.grad_enabled) return {node, {}};
  return {node, function.edges[i].source};
}

Value result_value(Function& function, size_t i) {
  const Ref<Node>& node = function.saved_results[i];
  if (!node || !node->engine.session.grad_enabled || !is_floating(node->dtype)) return {node, {}};
  if (function.result_count == 1) return {node, &function};
  return {node, result_function(function, i, *node)};
}

Value fit(Value grad, const Dims& shape, DType dtype) {
  if (grad.dtype() != dtype || grad.node->is_number()) grad = to(grad, dtype);
  const Dims& own = grad.shape();
  if (own == shape) return grad;
  const size_t added = own.size() - std::min(own.size(), shape.size());
  Dims axes;
  for (size_t i = 0; i < own.size(); ++i)
    if (i < added || (shape[i - added] == 1 && own[i] != 1)) axes.push_back(static_cast<int64_t>(i));
  if (!axes.empty()) {
    grad = reduce(Op::sum, grad, axes, true);
    if (added > 0) {
      Dims rest;
      for (size_t i = added; i < grad.shape().size(); ++i) rest.push_back(grad.shape()[i]);
      grad = reshape(grad, rest);
    }
  }
  return grad.shape() == shape ? grad : expand(grad, shape);
}

} // namespace adjoint
