// Triangular factors of matrices, and equations with triangular matrices. A batch is broadcast before the node; the
// history is that of what was given.
#include <string>

#include "device/matrices.h"
#include "graph/record.h"
#include "graph/routines.h"
#include "graph/saved.h"

namespace adjoint {

namespace {

std::string by(const Dims& shape, const char* between) {
  return std::to_string(shape[shape.size() - 2]) + between + std::to_string(shape.back());
}

void check_matrix(Op op, const Value& value, const char* word) {
  const std::string name(info(op).name);
  if (value.shape().size() < 2)
    throw shape_error(name,
                      "linalg." + name + ": The input tensor " + word +
                          " must have at least 2 dimensions.; it has shape " + to_string(value.shape()),
                      {value.shape()});
}

void check_square(Op op, const Value& value, const char* word) {
  check_matrix(op, value, word);
  const std::string name(info(op).name);
  const Dims& shape = value.shape();
  if (shape[shape.size() - 2] != shape.back())
    throw shape_error(name,
                      "linalg." + name + ": " + word + " must be batches of square matrices, but they are " +
                          by(shape, " by ") + " matrices; the shape is " + to_string(shape),
                      {shape});
}

void check_floating(Op op, const Value& value) {
  const std::string name(info(op).name);
  if (!is_floating(value.dtype()))
    throw dtype_error(name, "linalg." + name +
                                ": Expected a floating point or complex tensor as input. Got " +
                                std::string(info(value.dtype()).word) + "; convert it with .to(\"float32\")");
}

Value solved(const Value& matrix, const Value& right, bool is_upper, bool is_left, bool has_unit_diagonal) {
  const Value inputs[] = {matrix, right};
  return routine(Op::solveTriangular, inputs, {is_upper, is_left, has_unit_diagonal});
}

// The elements of square matrices whose row compares so to their column, and zeros.
Value triangle(const Value& matrix, Op comparison) {
  Engine& engine = matrix.node->engine;
  const int64_t size = matrix.shape().back();
  const Value places = position(engine, Dims{size}, DType::int64),
              of_both[] = {reshape(places, {size, 1}), places};
  const Value parts[] = {elementwise(comparison, of_both), matrix, literal(engine, 0.0)};
  return elementwise(Op::where, parts);
}

} // namespace

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
  if (a.dtype() != b.dtype())
    throw dtype_error(name, "linalg." + name +
                                ": Expected A and B to have the same dtype, but found A of type " +
                                std::string(info(a.dtype()).word) + " and B of type " +
                                std::string(info(b.dtype()).word) + " instead; convert one with .to()");
  const Dims batch = broadcast_shapes(name, batch_of(x), batch_of(y));
  const auto spread = [&](const Value& value) {
    const Dims& own = value.shape();
    Dims shape = batch;
    for (size_t i = own.size() - 2; i < own.size(); ++i) shape.push_back(own[i]);
    const Value untracked{value.node, {}};
    return own == shape ? untracked : expand(untracked, shape);
  };
  const Value operands[] = {spread(a), spread(b)};
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

} // namespace adjoint
