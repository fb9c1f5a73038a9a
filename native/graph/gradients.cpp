// Evaluates the gradients of the rows over graph values, which records them.
#include "graph/gradients.h"

#include "graph/gradient_rows.h"
#include "graph/record.h"
#include "graph/routines.h"
#include "graph/saved.h"

#include <algorithm>

namespace adjoint {

namespace {

// A graph value or a literal number.
struct Expression {
  Value value;
  double literal = 0;
  Expression(double literal) : literal(literal) {}
  Expression(Value value) : value(std::move(value)) {}
};

// At least one of the arguments is a value.
template <class... Arguments> Expression apply(Op op, const Arguments&... arguments) {
  Engine* engine = nullptr;
  ((engine = arguments.value ? &arguments.value.node->engine : engine), ...);
  const Value values[] = {arguments.value ? arguments.value : literal(*engine, arguments.literal)...};
  if constexpr (sizeof...(arguments) == 2)
    if (op == Op::pow) return power(values[0], values[1]);
  return elementwise(op, values);
}

#define UNARY(name, ...)                                                                                     \
  [[maybe_unused]] Expression name(const Expression& a) { return apply(Op::name, a); }
#define BINARY(name, ...)                                                                                    \
  [[maybe_unused]] Expression name(const Expression& a, const Expression& b) { return apply(Op::name, a, b); }
#define TERNARY(name, ...)                                                                                   \
  [[maybe_unused]] Expression name(const Expression& a, const Expression& b, const Expression& c) {          \
    return apply(Op::name, a, b, c);                                                                         \
  }
#include "ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY

#define OPERATOR(symbol, name)                                                                               \
  Expression operator symbol(const Expression& a, const Expression& b) { return name(a, b); }
OPERATOR(+, add)
OPERATOR(-, sub)
OPERATOR(*, mul)
OPERATOR(/, div)
#undef OPERATOR
Expression operator-(const Expression& a) { return neg(a); }

// Formulas compute halves in float32 throughout; the gradient is rounded at the end, when it is fitted to its input.
Value computed(const Value& value) { return value ? to(value, computed_dtype(value.dtype())) : value; }

Dims kept_shape(const Dims& shape, const Dims& axes) {
  Dims kept = shape;
  for (int64_t axis : axes) kept[static_cast<size_t>(axis)] = 1;
  return kept;
}

// The order of axes that undoes another.
Dims inverse_of(const Dims& order) {
  Dims inverse(order.size());
  for (size_t i = 0; i < order.size(); ++i) inverse[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  return inverse;
}

// The product of the elements before each along the axis; with `is_after`, of those behind it.
Value product_beside(const Value& value, int64_t axis, bool is_after) {
  const Value lined = is_after ? flip(value, {axis}) : value;
  const Value running = routine(Op::cumprod, std::span(&lined, 1), {axis});
  Dims widths(2 * (value.shape().size() - static_cast<size_t>(axis)), 0);
  widths[widths.size() - 2] = 1;
  widths[widths.size() - 1] = -1;
  const Value beside = pad(running, widths, 1.0);
  return is_after ? flip(beside, {axis}) : beside;
}

// An element is the product of all others over the axes, which become one for that.
Value product_of_others(const Value& factors, const Dims& axes) {
  if (axes.empty() || factors.node->elements() == 0)
    return full(factors.node->engine, 1.0, {}, factors.dtype());
  const Dims& shape = factors.shape();
  Dims order;
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (std::ranges::find(axes, static_cast<int64_t>(axis)) == axes.end())
      order.push_back(static_cast<int64_t>(axis));
  Dims lines;
  for (int64_t axis : order) lines.push_back(shape[static_cast<size_t>(axis)]);
  const auto last = static_cast<int64_t>(lines.size());
  lines.push_back(element_count(shape) / element_count(lines));
  for (int64_t axis : axes) order.push_back(axis);
  const Value ordered = permute(factors, order);
  const Value lined = reshape(ordered, lines);
  const Value sides[] = {product_beside(lined, last, false), product_beside(lined, last, true)};
  return permute(reshape(elementwise(Op::mul, sides), ordered.shape()), inverse_of(order));
}

Value gradient_of_reduction(Function& function, const Value& grad) {
  const Edge& edge = function.edges[0];
  const Dims& axes = function.attributes->axes;
  const Dims kept = kept_shape(edge.shape, axes);
  const Value out = function.saved_results[0] ? reshape(computed(result_value(function)), kept) : Value();
  const int64_t reduced = std::max<int64_t>(element_count(kept), 1);
  const auto count = static_cast<double>(element_count(edge.shape) / reduced);
  const auto total = [&](const Expression& terms) {
    return axes.empty() ? terms : Expression(reduce(Op::sum, terms.value, axes, true));
  };
  const auto others = [&](const Expression& factors) {
    return Expression(product_of_others(factors.value, axes));
  };
  const Expression result = reduction_gradient<Expression>(
      function.op, reshape(grad, kept), computed(input_value(function, 0)), out, count, total, others);
  return result.value ? result.value : literal(grad.node->engine, result.literal);
}

Value gradient_of_structure(Function& function, size_t input, const Value& grad) {
  Engine& engine = grad.node->engine;
  const Edge& edge = function.edges[input];
  switch (function.op) {
  case Op::reshape:
    return reshape(grad, edge.shape);
  case Op::permute: {
    const Dims& order = function.attributes->axes;
    return permute(grad, inverse_of(order));
  }
  case Op::slice:
    return splice(zeros(engine, edge.shape, edge.dtype), grad, function.attributes->starts,
                  function.attributes->steps, grad.shape());
  case Op::splice: {
    const Dims &starts = function.attributes->starts, &steps = function.attributes->steps;
    const Dims& part = function.edges[1].shape;
    if (input == 1) return slice(grad, starts, steps, part);
    if (function.attributes->is_disjoint) return grad;
    return splice(grad, literal(engine, 0.0), starts, steps, part);
  }
  case Op::transfer:
    return transfer(grad, *function.attributes->origin);
  case Op::to:
  case Op::expand:
    return grad; // which is then fitted to the input
  default:
    throw no_gradient(function.op);
  }
}

} // namespace

Value input_gradient(Function& function, size_t input, std::span<const Value> grads) {
  const Value& grad = grads[0];
  Value result;
  switch (info(function.op).kind) {
  case Kind::elementwise: {
    const auto given = [&](size_t i) { return computed(input_value(function, i)); };
    Expression gradient = elementwise_gradient<Expression>(
        function.op, input, computed(grad), given(0), given(1), given(2), computed(result_value(function)));
    result = gradient.value ? std::move(gradient.value) : literal(grad.node->engine, gradient.literal);
    break;
  }
  case Kind::reduction:
    result = gradient_of_reduction(function, computed(grad));
    break;
  case Kind::routine:
    result = gradient_of_routine(function, input, grads);
    break;
  case Kind::structure:
    result = gradient_of_structure(function, input, grad);
    break;
  case Kind::leaf:
    throw no_gradient(function.op);
  }
  return fit(std::move(result), function.edges[input].shape, function.edges[input].dtype);
}

} // namespace adjoint
