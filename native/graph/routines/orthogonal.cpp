// Orthogonal factors: QR, eigenvectors of symmetric matrices, singular values.
//
// Gradients: S. Walter and L. Lehmann (arXiv:1009.6112) and D. Roberts and L. Roberts (arXiv:2009.10071) for QR,
// M. Giles, Collected matrix derivative results (2008) for eigenvectors, J. Townsend, Differentiating the singular value
// decomposition (2016); G. Golub and V. Pereyra, The differentiation of pseudo-inverses (1973).
#include "device/matrices.h"
#include "graph/matrix_values.h"
#include "graph/saved.h"

namespace adjoint {

namespace {

// Of vectors x along the last axis, the matrices x[j] - x[i], with ones on the diagonal.
Value gaps_between(const Value& vectors) {
  const auto rank = static_cast<int64_t>(vectors.shape().size());
  const Value gaps = binary(Op::sub, unsqueeze(vectors, rank - 1), unsqueeze(vectors, rank));
  return triangle(gaps, Op::ne, literal(vectors.node->engine, 1.0));
}

Value skew(const Value& matrices) { return binary(Op::sub, matrices, matrix_transpose(matrices)); }

Value sum(const Value& a, const Value& b) { return a ? b ? binary(Op::add, a, b) : a : b; }

Value scaled_columns(const Value& matrices, const Value& factors, Op op) {
  return binary(op, matrices, unsqueeze(factors, static_cast<int64_t>(factors.shape().size()) - 1));
}
Value scaled_rows(const Value& matrices, const Value& factors, Op op) {
  return binary(op, matrices, unsqueeze(factors, static_cast<int64_t>(factors.shape().size())));
}

// The type of as many matrices as there are others.
ResultType matrices_like(Op op, const Value& value, int64_t rows, int64_t columns) {
  Dims shape = batch_of(value.shape());
  shape.push_back(rows);
  shape.push_back(columns);
  check_shape(value.node->engine, info(op).name, shape, value.dtype());
  return {shape, value.dtype()};
}

} // namespace

RoutineValues record_qr(const RoutineCall& call) {
  const Value& a = call.inputs[0];
  check_matrix(Op::qr, a, "A");
  check_floating(Op::qr, a);
  const int64_t rows = a.shape()[a.shape().size() - 2], columns = a.shape().back();
  const int64_t inner = call.parameters[0] != 0 ? rows : std::min(rows, columns);
  const ResultType results[] = {matrices_like(Op::qr, a, rows, inner),
                                matrices_like(Op::qr, a, inner, columns)};
  return record(call.engine, Op::qr, results, call.inputs, with_parameters(call.parameters));
}

// With M = G_R R' - Q' G_Q. For no more columns than rows, G_A R' = G_Q + Q sym(M), where sym mirrors the upper
// triangle. For more columns, the first ones, R1 of R, take part so: G_A1 R1' = Q 1_l (M' - M), strictly below, and
// Q G_R is added.
Value gradient_of_qr(Function& function, size_t, std::span<const Value> grads) {
  const Value q = result_value(function, 0), r = result_value(function, 1);
  const int64_t rows = q.shape()[q.shape().size() - 2], inner = q.shape().back(), columns = r.shape().back();
  if (inner > columns)
    throw autograd_error(
        "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.; "
        "qr: use { mode: \"reduced\" }",
        "qr");
  Value m;
  if (grads[1]) m = matrix_product(grads[1], matrix_transpose(r));
  if (grads[0]) m = sum(m, negative(matrix_product(matrix_transpose(q), grads[0])));
  if (rows >= columns) {
    const Value mirrored = triangle(m, Op::le, matrix_transpose(m));
    const Value total = sum(grads[0], matrix_product(q, mirrored));
    return solved(matrix_transpose(r), total, false, false, false);
  }
  const Value part = matrix_product(q, triangle(skew(matrix_transpose(m)), Op::gt));
  const Value first = solved(matrix_transpose(columns_of(r, 0, rows)), part, false, false, false);
  Value result = pad(first, {0, columns - rows}, 0.0);
  if (grads[1]) result = sum(result, matrix_product(q, grads[1]));
  return result;
}

RoutineValues record_eigh(const RoutineCall& call) {
  const Value& a = call.inputs[0];
  check_square(Op::eigh, a, "A");
  check_floating(Op::eigh, a);
  Dims values = a.shape();
  values.resize(values.size() - 1);
  const ResultType results[] = {{values, a.dtype()}, {a.node->shape, a.dtype()}};
  return record(call.engine, Op::eigh, results, call.inputs, with_parameters(call.parameters));
}

// V (diag(G_L) + skew(V' G_V) / 2E) V', where E[i, j] = L[j] - L[i]: symmetric, like what the matrix can become.
Value gradient_of_eigh(Function& function, size_t, std::span<const Value> grads) {
  const Value v = result_value(function, 1), transposed = matrix_transpose(v);
  if (!grads[1]) return matrix_product(scaled_columns(v, grads[0], Op::mul), transposed);
  const Value half =
      binary(Op::mul, skew(matrix_product(transposed, grads[1])), literal(v.node->engine, 0.5));
  Value inner = binary(Op::div, half, gaps_between(result_value(function, 0)));
  if (grads[0]) inner = sum(inner, as_diagonal(grads[0]));
  return matrix_product(v, matrix_product(inner, transposed));
}

RoutineValues record_svd(const RoutineCall& call) {
  const Value& a = call.inputs[0];
  check_matrix(Op::svd, a, "A");
  check_floating(Op::svd, a);
  const int64_t rows = a.shape()[a.shape().size() - 2], columns = a.shape().back(),
                size = std::min(rows, columns);
  const bool is_full = call.parameters[0] != 0;
  Dims values = batch_of(a.shape());
  values.push_back(size);
  const ResultType results[] = {matrices_like(Op::svd, a, rows, is_full ? rows : size),
                                {values, a.dtype()},
                                matrices_like(Op::svd, a, is_full ? columns : size, columns)};
  return record(call.engine, Op::svd, results, call.inputs, with_parameters(call.parameters));
}

// U ((skew(U' G_U) S + S skew(V' G_V)) / E + diag(G_S)) V', where E[i, j] = S[j]^2 - S[i]^2, and where there are more rows
// than columns (1 - U U') G_U / S V', where there are fewer U / S G_V' (1 - V V').
Value gradient_of_svd(Function& function, size_t, std::span<const Value> grads) {
  const Value s = result_value(function, 1);
  const int64_t size = s.shape().back();
  const Value u = columns_of(result_value(function, 0), 0, size),
              v = rows_of(result_value(function, 2), 0, size);
  const int64_t rows = u.shape()[u.shape().size() - 2], columns = v.shape().back();
  if (!grads[0] && !grads[2]) return matrix_product(scaled_columns(u, grads[1], Op::mul), v);
  Value inner, left_grad, right_grad;
  if (grads[0]) {
    left_grad = columns_of(grads[0], 0, size);
    inner = scaled_columns(skew(matrix_product(matrix_transpose(u), left_grad)), s, Op::mul);
  }
  if (grads[2]) {
    right_grad = rows_of(grads[2], 0, size);
    inner = sum(inner, scaled_rows(skew(matrix_product(v, matrix_transpose(right_grad))), s, Op::mul));
  }
  inner = binary(Op::div, inner, gaps_between(elementwise(Op::square, std::span(&s, 1))));
  if (grads[1]) inner = sum(inner, as_diagonal(grads[1]));
  if (rows > size && left_grad) {
    const Value outside = scaled_columns(left_grad, s, Op::div);
    const Value along = matrix_product(u, matrix_product(matrix_transpose(u), outside));
    return matrix_product(sum(matrix_product(u, inner), binary(Op::sub, outside, along)), v);
  }
  if (columns > size && right_grad) {
    const Value outside = scaled_rows(right_grad, s, Op::div);
    const Value along = matrix_product(matrix_product(outside, matrix_transpose(v)), v);
    return matrix_product(u, sum(matrix_product(inner, v), binary(Op::sub, outside, along)));
  }
  return matrix_product(u, matrix_product(inner, v));
}

RoutineValues record_pinv(const RoutineCall& call) {
  const Value &a = call.inputs[0], &x = call.inputs[1];
  check_matrix(Op::pinv, a, "A");
  check_floating(Op::pinv, a);
  check_same_dtype(Op::pinv, a, x);
  Dims shape = batch_of(a.shape());
  shape.push_back(a.shape().back());
  shape.push_back(a.shape()[a.shape().size() - 2]);
  if (!(x.shape() == shape))
    throw shape_error("pinv",
                      "pinv: the pseudoinverse of a tensor of shape " + to_string(a.shape()) +
                          " cannot have the shape " + to_string(x.shape()),
                      {a.shape(), x.shape()});
  return {attach(call.inputs[1].node, Op::pinv, call.inputs)};
}

// For matrices of one rank, with X the pseudoinverse: -X' G X' + X' X G' (1 - X A) + (1 - A X) G' X X'.
Value gradient_of_pinv(Function& function, size_t, std::span<const Value> grads) {
  const Value a = input_value(function, 0), x = result_value(function), transposed = matrix_transpose(x),
              grad = matrix_transpose(grads[0]);
  const Value direct = matrix_product(matrix_product(transposed, grads[0]), transposed);
  const Value left = matrix_product(transposed, matrix_product(x, grad)),
              right = matrix_product(matrix_product(grad, x), transposed);
  const Value beside = binary(Op::sub, left, matrix_product(matrix_product(left, x), a)),
              below = binary(Op::sub, right, matrix_product(a, matrix_product(x, right)));
  return binary(Op::sub, sum(beside, below), direct);
}

} // namespace adjoint
