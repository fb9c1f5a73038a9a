#include "graph/matrix_values.h"

#include "device/matrices.h"

namespace adjoint {

namespace {

int64_t axis_before_last(const Value& value) { return static_cast<int64_t>(value.shape().size()) - 2; }

// Where rows and columns of matrices of a size meet a comparison.
Value mask(Engine& engine, int64_t rows, int64_t columns, Op comparison) {
  const Value row = reshape(position(engine, Dims{rows}, DType::int64), {rows, 1}),
              column = position(engine, Dims{columns}, DType::int64);
  return binary(comparison, row, column);
}

Value spread_order(const Value& order, int64_t columns) {
  Dims shape = order.shape();
  shape.push_back(1);
  const Value tall = reshape(order, shape);
  shape[shape.size() - 1] = columns;
  return expand(tall, shape);
}

} // namespace

std::string linalg_name(Op op) { return op == Op::inverse ? "inv" : std::string(info(op).name); }

std::string by(const Dims& shape, const char* between) {
  return std::to_string(shape[shape.size() - 2]) + between + std::to_string(shape.back());
}

void check_matrix(Op op, const Value& value, const char* word) {
  const std::string name = linalg_name(op);
  if (value.shape().size() < 2)
    throw shape_error(name,
                      "linalg." + name + ": The input tensor " + word +
                          " must have at least 2 dimensions.; it has shape " + to_string(value.shape()),
                      {value.shape()});
}

void check_square(Op op, const Value& value, const char* word) {
  check_matrix(op, value, word);
  const std::string name = linalg_name(op);
  const Dims& shape = value.shape();
  if (shape[shape.size() - 2] != shape.back())
    throw shape_error(name,
                      "linalg." + name + ": " + word + " must be batches of square matrices, but they are " +
                          by(shape, " by ") + " matrices; the shape is " + to_string(shape),
                      {shape});
}

void check_floating(Op op, const Value& value) {
  const std::string name = linalg_name(op);
  if (!is_floating(value.dtype()))
    throw dtype_error(name, "linalg." + name +
                                ": Expected a floating point or complex tensor as input. Got " +
                                std::string(info(value.dtype()).word) + "; convert it with .to(\"float32\")");
  if (is_half_dtype(value.dtype()))
    throw dtype_error(name, "\"linalg_" + snake_case(name) + "_cpu\" not implemented for '" +
                                std::string(info(value.dtype()).word) + "'; linalg." + name +
                                ": convert it with .to(\"float32\")");
}

void check_same_dtype(Op op, const Value& a, const Value& b) {
  if (a.dtype() == b.dtype()) return;
  const std::string name = linalg_name(op);
  throw dtype_error(name, "linalg." + name +
                              ": Expected A and B to have the same dtype, but found A of type " +
                              std::string(info(a.dtype()).word) + " and B of type " +
                              std::string(info(b.dtype()).word) + " instead; convert one with .to()");
}

Value binary(Op op, const Value& a, const Value& b) {
  const Value inputs[] = {a, b};
  return elementwise(op, inputs);
}

Value negative(const Value& value) { return elementwise(Op::neg, std::span(&value, 1)); }

Value spread(const Value& value, const Dims& batch) {
  const Dims& own = value.shape();
  Dims shape = batch;
  for (size_t i = own.size() - 2; i < own.size(); ++i) shape.push_back(own[i]);
  const Value untracked{value.node, {}};
  return own == shape ? untracked : expand(untracked, shape);
}

Value rows_of(const Value& matrices, int64_t start, int64_t count) {
  if (matrices.shape()[matrices.shape().size() - 2] == count) return matrices;
  return narrow(matrices, axis_before_last(matrices), start, count);
}

Value columns_of(const Value& matrices, int64_t start, int64_t count) {
  if (matrices.shape().back() == count) return matrices;
  return narrow(matrices, axis_before_last(matrices) + 1, start, count);
}

Value triangle(const Value& matrices, Op comparison) {
  return triangle(matrices, comparison, literal(matrices.node->engine, 0.0));
}

Value triangle(const Value& matrices, Op comparison, const Value& otherwise) {
  const Dims& shape = matrices.shape();
  const Value parts[] = {mask(matrices.node->engine, shape[shape.size() - 2], shape.back(), comparison),
                         matrices, otherwise};
  return elementwise(Op::where, parts);
}

Value diagonal_of(const Value& matrices) {
  const Dims& shape = matrices.shape();
  const int64_t rows = shape[shape.size() - 2], columns = shape.back();
  Dims flat = batch_of(shape), starts(flat.size() + 1, 0), steps(flat.size() + 1, 1);
  flat.push_back(rows * columns);
  steps[steps.size() - 1] = columns + 1;
  const Value lines = reshape(matrices, flat);
  flat[flat.size() - 1] = std::min(rows, columns);
  return slice(lines, starts, steps, flat);
}

Value as_diagonal(const Value& vectors) {
  const int64_t size = vectors.shape().back();
  Engine& engine = vectors.node->engine;
  const Value parts[] = {mask(engine, size, size, Op::eq),
                         unsqueeze(vectors, static_cast<int64_t>(vectors.shape().size()) - 1),
                         literal(engine, 0.0)};
  return elementwise(Op::where, parts);
}

Value identity_like(const Value& matrices, int64_t size) {
  Dims shape = batch_of(matrices.shape());
  shape.push_back(size);
  shape.push_back(size);
  return expand(eye(matrices.node->engine, Dims{size, size}, matrices.dtype()), shape);
}

Value solved(const Value& matrix, const Value& right, bool is_upper, bool is_left, bool has_unit_diagonal) {
  const Value inputs[] = {matrix, right};
  return routine(Op::solveTriangular, inputs, {is_upper, is_left, has_unit_diagonal});
}

Value rows_in_order(const Value& matrices, const Value& order) {
  const Value inputs[] = {matrices, spread_order(order, matrices.shape().back())};
  return routine(Op::gather, inputs, {axis_before_last(matrices)});
}

Value rows_put_back(const Value& matrices, const Value& order) {
  const Value inputs[] = {zeros(matrices.node->engine, matrices.node->shape, matrices.dtype()),
                          spread_order(order, matrices.shape().back()), matrices};
  return routine(Op::scatterAdd, inputs, {axis_before_last(matrices)});
}

} // namespace adjoint
