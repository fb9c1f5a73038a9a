// Products of matrices, batched and broadcast. The node multiplies operands of equal batches; its history
// refers to the operands as they were given.
#include "device/matrices.h"
#include "graph/record.h"
#include "graph/routines.h"
#include "graph/saved.h"

namespace adjoint {

RoutineValues record_matmul(const RoutineCall& call) {
  Engine& engine = call.engine;
  const Value &a = call.inputs[0], &b = call.inputs[1];
  const Dims &x = a.shape(), &y = b.shape();
  if (x.empty() || y.empty())
    throw shape_error("matmul",
                      "both arguments to matmul need to be at least 1D, but they are " +
                          std::to_string(x.size()) + "D and " + std::to_string(y.size()) +
                          "D; use mul for scalars",
                      {x, y});
  if (a.dtype() != b.dtype())
    throw dtype_error(
        "matmul", "expected m1 and m2 to have the same dtype, but got: " + std::string(info(a.dtype()).word) +
                      " != " + std::string(info(b.dtype()).word) + "; convert one with .to()");
  const int64_t rows = x.size() == 1 ? 1 : x[x.size() - 2], inner = x.back();
  const int64_t columns = y.size() == 1 ? 1 : y.back(), inner_b = y.size() == 1 ? y.back() : y[y.size() - 2];
  if (inner != inner_b) {
    const std::string shapes = to_string(x) + " and " + to_string(y);
    throw shape_error("matmul",
                      x.size() == 1 && y.size() == 1
                          ? "inconsistent tensor size, expected tensor " + to_string(x) + " and src " +
                                to_string(y) + " to have the same number of elements; matmul: shapes " +
                                shapes
                          : "mat1 and mat2 shapes cannot be multiplied (" + std::to_string(rows) + "x" +
                                std::to_string(inner) + " and " + std::to_string(inner_b) + "x" +
                                std::to_string(columns) + "); matmul: shapes " + shapes,
                      {x, y});
  }
  const Dims batch = broadcast_shapes("matmul", batch_of(x), batch_of(y));
  const auto lifted = [&](const Value& value, int64_t height, int64_t width) {
    Value untracked{value.node, {}};
    if (value.shape().size() == 1) untracked = reshape(untracked, {height, width});
    Dims shape = batch;
    shape.push_back(height);
    shape.push_back(width);
    return untracked.shape() == shape ? untracked : expand(untracked, shape);
  };
  Dims full_shape = batch, shape = batch;
  full_shape.push_back(rows);
  full_shape.push_back(columns);
  if (x.size() > 1) shape.push_back(rows);
  if (y.size() > 1) shape.push_back(columns);
  check_shape(engine, "matmul", full_shape, a.dtype());
  const Value operands[] = {lifted(a, rows, inner), lifted(b, inner, columns)};
  Value product{make_node(engine, Op::matmul, a.dtype(), full_shape, operands,
                          attributes_of_the_moment(Op::matmul, engine, a.dtype())),
                {}};
  if (shape != full_shape) product = reshape(product, shape);
  const std::string_view label = x.size() == 1 && y.size() == 1   ? "Dot"
                                 : x.size() == 2 && y.size() == 1 ? "Mv"
                                 : x.size() == 2 && y.size() == 2 ? "Mm"
                                                                  : "Bmm";
  return {named(attach(product.node, Op::matmul, call.inputs), label)};
}

Value gradient_of_matmul(Function& function, size_t input, std::span<const Value> grads) {
  const Value& grad = grads[0];
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
  const Value product =
      input == 0 ? matrix_product(g, matrix_transpose(other)) : matrix_product(matrix_transpose(other), g);
  return reshape(fit(product, own, edge.dtype), edge.shape);
}

} // namespace adjoint
