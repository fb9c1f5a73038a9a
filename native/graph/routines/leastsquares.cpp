// Least squares. The gradient is that of the pseudoinverse of matrices which keep their rank (G. Golub and V. Pereyra, The
// differentiation of pseudo-inverses, 1973), times the right side.
#include "device/matrices.h"
#include "graph/matrix_values.h"
#include "graph/saved.h"

namespace adjoint {

RoutineValues record_lstsq(const RoutineCall& call) {
  const Value &a = call.inputs[0], &b = call.inputs[1];
  check_matrix(Op::lstsq, a, "A");
  check_matrix(Op::lstsq, b, "B");
  check_floating(Op::lstsq, a);
  check_same_dtype(Op::lstsq, a, b);
  const Dims &x = a.shape(), &y = b.shape();
  if (x[x.size() - 2] != y[y.size() - 2])
    throw shape_error("lstsq",
                      "lstsq: matrices of the shapes " + to_string(x) + " and " + to_string(y) +
                          " have different numbers of rows",
                      {x, y});
  const Dims batch = broadcast_shapes("lstsq", batch_of(x), batch_of(y));
  const Value operands[] = {spread(a, batch), spread(b, batch)};
  Dims shape = batch;
  shape.push_back(x.back());
  shape.push_back(y.back());
  check_shape(call.engine, "lstsq", shape, a.dtype());
  const Ref<Attributes> attributes = with_parameters(call.parameters);
  Ref<Node> node = make_node(call.engine, Op::lstsq, a.dtype(), shape, operands, attributes);
  return {attach(std::move(node), Op::lstsq, call.inputs, attributes)};
}

// With P the pseudoinverse of A, X = P B and Y = P' G, the gradient of B is Y, and that of A
// -Y X' + P' X (G - A' Y)' + (B - A X) (P Y)'.
Value gradient_of_lstsq(Function& function, size_t input, std::span<const Value> grads) {
  const Value a = input_value(function, 0), transposed = matrix_transpose(a), &grad = grads[0];
  const auto smallest = [&](const Value& matrix, const Value& right) {
    const Value operands[] = {matrix, right};
    return routine(Op::lstsq, operands, function.attributes->parameters);
  };
  const Value y = smallest(transposed, grad);
  if (input == 1) return y;
  const Value x = result_value(function), b = input_value(function, 1);
  const Value direct = matrix_product(y, matrix_transpose(x));
  const Value beside = binary(Op::sub, grad, matrix_product(transposed, y)),
              below = binary(Op::sub, b, matrix_product(a, x));
  const Value change = binary(Op::add, matrix_product(smallest(transposed, x), matrix_transpose(beside)),
                              matrix_product(below, matrix_transpose(smallest(a, y))));
  return binary(Op::sub, change, direct);
}

} // namespace adjoint
