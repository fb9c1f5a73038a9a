// Evaluates the gradients that stand in the rows. The same expressions are read twice: over graph values they
// record the gradient, over sets of names they tell what it needs.
#include "graph/gradients.h"

#include "graph/record.h"

namespace adjoint {

namespace {

// A graph value or a literal number.
struct Expression {
  Value value;
  double literal = 0;
  Expression(double literal) : literal(literal) {}
  Expression(Value value) : value(std::move(value)) {}
};

// The set of values that an expression names; `grad` and literals need nothing.
struct Names {
  unsigned set = 0;
  constexpr Names(double) {}
  static constexpr Names only(unsigned bit) {
    Names names(0.0);
    names.set = bit;
    return names;
  }
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

constexpr Names join(Names a, Names b = 0.0, Names c = 0.0) { return Names::only(a.set | b.set | c.set); }

#define UNARY(name, ...)                                                                                     \
  [[maybe_unused]] Expression name(const Expression& a) { return apply(Op::name, a); }                       \
  [[maybe_unused]] constexpr Names name(const Names& a) { return join(a); }
#define BINARY(name, ...)                                                                                    \
  [[maybe_unused]] Expression name(const Expression& a, const Expression& b) {                               \
    return apply(Op::name, a, b);                                                                            \
  }                                                                                                          \
  [[maybe_unused]] constexpr Names name(const Names& a, const Names& b) { return join(a, b); }
#define TERNARY(name, ...)                                                                                   \
  [[maybe_unused]] Expression name(const Expression& a, const Expression& b, const Expression& c) {          \
    return apply(Op::name, a, b, c);                                                                         \
  }                                                                                                          \
  [[maybe_unused]] constexpr Names name(const Names& a, const Names& b, const Names& c) {                    \
    return join(a, b, c);                                                                                    \
  }
#include "ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY

#define OPERATOR(symbol, name)                                                                               \
  Expression operator symbol(const Expression& a, const Expression& b) { return name(a, b); }                \
  constexpr Names operator symbol(const Names& a, const Names& b) { return name(a, b); }
OPERATOR(+, add)
OPERATOR(-, sub)
OPERATOR(*, mul)
OPERATOR(/, div)
#undef OPERATOR
Expression operator-(const Expression& a) { return neg(a); }
constexpr Names operator-(const Names& a) { return a; }

constexpr double ln2 = 0.693147180559945309417232121458;
constexpr double ln10 = 2.302585092994045684017991454684;
constexpr double two_over_sqrt_pi = 1.128379167095512573896158903122;

Error no_gradient(Op op) {
  const std::string name(info(op).name);
  return internal_error(name + " has no gradient", name);
}

template <class V>
constexpr V elementwise_gradient(Op op, size_t input, const V& grad, const V& a, const V& b, const V& c,
                                 const V& out) {
  const V nothing = 0.0;
  switch (op) {
#define UNARY(name, label, dtypes, cost, lo, hi, value, gradient)                                            \
  case Op::name:                                                                                             \
    return gradient;
#define BINARY(name, label, dtypes, cost, lo, hi, value, gradient_a, gradient_b)                             \
  case Op::name:                                                                                             \
    if (input == 0) return gradient_a;                                                                       \
    return gradient_b;
#define TERNARY(name, label, dtypes, cost, lo, hi, value, gradient_a, gradient_b, gradient_c)                \
  case Op::name:                                                                                             \
    if (input == 0) return gradient_a;                                                                       \
    if (input == 1) return gradient_b;                                                                       \
    return gradient_c;
#include "ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
  default:
    throw no_gradient(op);
  }
}

template <class V, class Total>
constexpr V reduction_gradient(Op op, const V& grad, const V& a, const V& out, [[maybe_unused]] double count,
                               [[maybe_unused]] const Total& total) {
  const V nothing = 0.0;
  switch (op) {
#define REDUCTION(name, label, dtypes, number, empty, lo, hi, identity, combine, finish, gradient)           \
  case Op::name:                                                                                             \
    return gradient;
#include "ops/reductions.def"
#undef REDUCTION
  default:
    throw no_gradient(op);
  }
}

Dims kept_shape(const Dims& shape, const Dims& axes) {
  Dims kept = shape;
  for (int64_t axis : axes) kept[static_cast<size_t>(axis)] = 1;
  return kept;
}

// What a function saved, with its history where the gradient is to have one.
Value input_value(const Function& function, size_t i) {
  const Ref<Node>& node = function.saved_inputs[i];
  if (!node || !node->engine.session.grad_enabled) return {node, {}};
  return {node, function.edges[i].source};
}

Value output_value(const Function& function) {
  const Ref<Node>& node = function.saved_output;
  if (!node || !node->engine.session.grad_enabled) return {node, {}};
  return {node, const_cast<Function*>(&function)};
}

Value gradient_of_reduction(const Function& function, const Value& grad) {
  const Edge& edge = function.edges[0];
  const Dims& axes = function.attributes->axes;
  const Dims kept = kept_shape(edge.shape, axes);
  const Value out = function.saved_output ? reshape(output_value(function), kept) : Value();
  const int64_t reduced = std::max<int64_t>(element_count(kept), 1);
  const auto count = static_cast<double>(element_count(edge.shape) / reduced);
  const auto total = [&](const Expression& terms) {
    return axes.empty() ? terms : Expression(reduce(Op::sum, terms.value, axes, true));
  };
  const Expression result = reduction_gradient<Expression>(function.op, reshape(grad, kept),
                                                           input_value(function, 0), out, count, total);
  return result.value ? result.value : literal(grad.node->engine, result.literal);
}

Value swapped(const Value& matrix) { return transpose(matrix, -1, -2); }

Value gradient_of_matmul(const Function& function, size_t input, const Value& grad) {
  const Dims &x = function.edges[0].shape, &y = function.edges[1].shape;
  const Edge& edge = function.edges[input];
  // Vectors become matrices of one row or one column, and so does the gradient.
  const Dims own = input == 0 ? (x.size() == 1 ? Dims{1, x[0]} : x) : (y.size() == 1 ? Dims{y[0], 1} : y);
  Dims grad_shape = grad.shape();
  if (y.size() == 1) grad_shape.push_back(1);
  if (x.size() == 1) {
    Dims raised;
    for (size_t i = 0; i + 1 < grad_shape.size(); ++i) raised.push_back(grad_shape[i]);
    raised.push_back(1);
    raised.push_back(grad_shape.back());
    grad_shape = raised;
  }
  const Value g = reshape(grad, grad_shape);
  Value other = input_value(function, 1 - input);
  if (other.shape().size() == 1)
    other = reshape(other, input == 0 ? Dims{other.shape()[0], 1} : Dims{1, other.shape()[0]});
  const Value product = input == 0 ? matmul(g, swapped(other)) : matmul(swapped(other), g);
  return reshape(fit(product, own, edge.dtype), edge.shape);
}

Value gradient_of_structure(const Function& function, size_t input, const Value& grad) {
  Engine& engine = grad.node->engine;
  const Edge& edge = function.edges[input];
  switch (function.op) {
  case Op::reshape:
    return reshape(grad, edge.shape);
  case Op::permute: {
    const Dims& order = function.attributes->axes;
    Dims inverse(order.size());
    for (size_t i = 0; i < order.size(); ++i)
      inverse[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
    return permute(grad, inverse);
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
  case Op::matmul:
    return gradient_of_matmul(function, input, grad);
  case Op::to:
  case Op::expand:
    return grad; // which is then fitted to the input
  default:
    throw no_gradient(function.op);
  }
}

constexpr GradientNeeds needs_of(Op op, size_t input) {
  GradientNeeds needs;
  if (op == Op::matmul) needs.inputs[1 - input] = true;
  constexpr unsigned a = 1, b = 2, c = 4, out = 8;
  Names named = 0.0;
  if (info(op).kind == Kind::elementwise)
    named = elementwise_gradient<Names>(op, input, 0.0, Names::only(a), Names::only(b), Names::only(c),
                                        Names::only(out));
  if (info(op).kind == Kind::reduction)
    named = reduction_gradient<Names>(op, 0.0, Names::only(a), Names::only(out), 1,
                                      [](Names terms) { return terms; });
  needs.inputs[0] |= (named.set & a) != 0;
  needs.inputs[1] |= (named.set & b) != 0;
  needs.inputs[2] |= (named.set & c) != 0;
  needs.output |= (named.set & out) != 0;
  return needs;
}

constexpr auto needs_table = [] {
  std::array<std::array<GradientNeeds, 3>, op_count> table;
  for (size_t op = 0; op < op_count; ++op)
    for (size_t input = 0; input < info(static_cast<Op>(op)).arity; ++input)
      table[op][input] = needs_of(static_cast<Op>(op), input);
  return table;
}();

} // namespace

GradientNeeds gradient_needs(Op op, size_t input) { return needs_table[static_cast<size_t>(op)][input]; }

Value input_gradient(const Function& function, size_t input, const Value& grad) {
  Value result;
  switch (info(function.op).kind) {
  case Kind::elementwise: {
    Expression gradient = elementwise_gradient<Expression>(function.op, input, grad, input_value(function, 0),
                                                           input_value(function, 1), input_value(function, 2),
                                                           output_value(function));
    result = gradient.value ? std::move(gradient.value) : literal(grad.node->engine, gradient.literal);
    break;
  }
  case Kind::reduction:
    result = gradient_of_reduction(function, grad);
    break;
  case Kind::structure:
    result = gradient_of_structure(function, input, grad);
    break;
  case Kind::leaf:
  case Kind::generator:
  case Kind::random:
    throw no_gradient(function.op);
  }
  return fit(std::move(result), function.edges[input].shape, function.edges[input].dtype);
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
