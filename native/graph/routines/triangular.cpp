// Triangular factors of matrices, and equations with triangular matrices. A batch is broadcast before the node; the
// history is that of what was given.
#include <string>

#include "device/matrices.h"
#include "graph/matrix_values.h"
#include "graph/saved.h"

namespace adjoint {

RoutineValues record_cholesky(const RoutineCall& call) {
  const Value& input = call.inputs[0];
  check_square(Op::cholesky, input, "A");
  check_floating(Op::cholesky, input);
  return {record(call.engine, Op::cholesky, input.dtype(), input.node->shape, call.inputs,
                 with_parameters(call.parameters))};
}

// Iain Murray, Differentiation of the Cholesky decomposition (arXiv:1602.07527), for a symmetric gradient, as PyTorch
// has it: with P the lower triangle of L'G, whose diagonal is halved, it is inv(L)' (P + P') / 2 inv(L).
Value gradient_of_cholesky(Function& function, size_t, std::span<const Value> grads) {
  const bool is_upper = function.attributes->parameters[0] != 0;
  const Value out = result_value(function);
  const Value lower = is_upper ? matrix_transpose(out) : out,
              grad = is_upper ? matrix_transpose(grads[0]) : grads[0];
  const Value part = triangle(matrix_product(matrix_transpose(lower), grad), Op::ge);
  const Value mirrored[] = {part, matrix_transpose(triangle(part, Op::gt))};
  const Value halved[] = {elementwise(Op::add, mirrored), literal(part.node->engine, 0.5)};
  const Value half = solved(matrix_transpose(lower), elementwise(Op::mul, halved), true, true, false);
  return solved(lower, half, false, false, false);
}

RoutineValues record_solveTriangular(const RoutineCall& call) {
  constexpr Op op = Op::solveTriangular;
  const std::string name(info(op).name);
  const Value &a = call.inputs[0], &b = call.inputs[1];
  check_square(op, a, "A");
  check_matrix(op, b, "B");
  const Dims &x = a.shape(), &y = b.shape();
  const bool is_left = call.parameters[1] != 0;
  const size_t axis = y.size() - (is_left ? 2 : 1);
  if (x.back() != y[axis])
    throw shape_error(name,
                      "linalg." + name + ": Incompatible shapes of A and B for the equation " +
                          (is_left ? "AX = B" : "XA = B") + " (" + by(x, "x") + " and " + by(y, "x") +
                          "); the shapes are " + to_string(x) + " and " + to_string(y),
                      {x, y});
  check_floating(op, a);
  check_same_dtype(op, a, b);
  const Dims batch = broadcast_shapes(name, batch_of(x), batch_of(y));
  const Value operands[] = {spread(a, batch), spread(b, batch)};
  check_shape(call.engine, name, operands[1].shape(), a.dtype());
  const Ref<Attributes> attributes = with_parameters(call.parameters);
  Ref<Node> node = make_node(call.engine, op, a.dtype(), operands[1].node->shape, operands, attributes);
  return {attach(std::move(node), op, call.inputs, attributes)};
}

// With A X = B: the gradient of B solves A' Y = G, and the gradient of A is the triangle of -Y X'.
Value gradient_of_solveTriangular(Function& function, size_t input, std::span<const Value> grads) {
  const Dims& parameters = function.attributes->parameters;
  const bool is_upper = parameters[0] != 0, is_left = parameters[1] != 0,
             has_unit_diagonal = parameters[2] != 0;
  const Value y =
      solved(matrix_transpose(input_value(function, 0)), grads[0], !is_upper, is_left, has_unit_diagonal);
  if (input == 1) return y;
  const Value x = matrix_transpose(result_value(function));
  const Value negative[] = {is_left ? matrix_product(y, x) : matrix_product(x, y)};
  const Op comparison =
      is_upper ? (has_unit_diagonal ? Op::lt : Op::le) : (has_unit_diagonal ? Op::gt : Op::ge);
  return triangle(elementwise(Op::neg, negative), comparison);
}

RoutineValues record_choleskySolve(const RoutineCall& call) {
  const bool is_upper = call.parameters[0] != 0;
  const Value factor{call.inputs[1].node, {}}, right{call.inputs[0].node, {}};
  const Value first = is_upper ? matrix_transpose(factor) : factor;
  const Value half = solved(first, right, false, true, false);
  return {attach(solved(matrix_transpose(first), half, true, true, false).node, Op::choleskySolve,
                 call.inputs, with_parameters(call.parameters))};
}

// With L L' X = B: the gradient of B solves the same equation, and that of L is -(Y X' + X Y') L with that solution Y, as
// in PyTorch: it is no triangle, although a triangle is all that is read.
Value gradient_of_choleskySolve(Function& function, size_t input, std::span<const Value> grads) {
  const Value factor = input_value(function, 1), operands[] = {grads[0], factor};
  const Value y = routine(Op::choleskySolve, operands, function.attributes->parameters);
  if (input == 0) return y;
  const Value part = matrix_product(y, matrix_transpose(result_value(function)));
  const Value common = negative(binary(Op::add, part, matrix_transpose(part)));
  return function.attributes->parameters[0] != 0 ? matrix_product(factor, common)
                                                 : matrix_product(common, factor);
}

} // namespace adjoint
