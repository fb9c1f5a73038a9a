// Triangular factors by elimination, and what follows from them: solutions, inverses and determinants. These are
// compositions with gradients of their own, which go through the result instead of the factors.
//
// Gradients: M. Giles, Collected matrix derivative results (2008); of LU, S. Axen, Differentiating the LU
// decomposition (2021).
#include "device/matrices.h"
#include "graph/matrix_values.h"
#include "graph/saved.h"

namespace adjoint {

namespace {

struct Factors {
  Value lu, pivots, order;
};

Factors factors_of(const Value& a, Caller caller) {
  const int64_t rows = a.shape()[a.shape().size() - 2];
  const RoutineValues values =
      routine(Op::lu, RoutineCall{a.node->engine, std::span(&a, 1), {1, static_cast<int64_t>(caller)}});
  return {values[0], values[1], routine(Op::permutation, std::span(&values[1], 1), {rows})};
}

Value untracked(const Value& value) { return {value.node, {}}; }

// The product of the diagonal, with the sign of the exchanges.
Value product_of(const Value& diagonal, const Value& pivots) {
  Engine& engine = diagonal.node->engine;
  const Dims& shape = diagonal.shape();
  const auto last = static_cast<int64_t>(shape.size()) - 1;
  const int64_t size = shape.back();
  if (size == 0) {
    Dims batch = shape;
    batch.resize(batch.size() - 1);
    return full(engine, 1.0, batch, diagonal.dtype());
  }
  const Value places = binary(Op::add, position(engine, Dims{size}, DType::int64), literal(engine, 1.0));
  const Value parts[] = {binary(Op::ne, pivots, to(places, DType::int32)), negative(diagonal), diagonal};
  const Value factors = elementwise(Op::where, parts);
  return select(routine(Op::cumprod, std::span(&factors, 1), {last}), last, size - 1);
}

// The numbers of a batch, ready to meet its matrices.
Value beside_matrices(const Value& numbers) {
  Dims shape = numbers.shape();
  shape.push_back(1);
  shape.push_back(1);
  return reshape(numbers, shape);
}

} // namespace

RoutineValues record_lu(const RoutineCall& call) {
  const Value& a = call.inputs[0];
  check_matrix(Op::lu, a, "A");
  check_floating(Op::lu, a);
  const Dims& shape = a.shape();
  Dims pivots = batch_of(shape);
  pivots.push_back(std::min(shape[shape.size() - 2], shape.back()));
  const ResultType results[] = {{a.node->shape, a.dtype()}, {pivots, DType::int32}};
  return record(call.engine, Op::lu, results, call.inputs, with_parameters(call.parameters));
}

// With P A = [L1; L2] [U1 U2], G the gradients of the factors and 1_l, 1_u strictly lower and upper triangles:
// M = 1_l (L1' G_L1 - G_U2 U2') + 1_u (G_U1 U1' - L2' G_L2), and P G_A consists of inv(L1') M inv(U1'), beside it
// inv(L1') G_U2, and below it G_L2 inv(U1').
Value gradient_of_lu(Function& function, size_t, std::span<const Value> grads) {
  const Value lu = result_value(function, 0), pivots = result_value(function, 1), &grad = grads[0];
  const Dims& shape = lu.shape();
  const int64_t rows = shape[shape.size() - 2], columns = shape.back(), size = std::min(rows, columns);
  const Value square = columns_of(rows_of(lu, 0, size), 0, size),
              square_grad = columns_of(rows_of(grad, 0, size), 0, size);
  const Value lower = triangle(square, Op::gt, identity_like(square, size)), upper = triangle(square, Op::le);
  Value below = matrix_product(matrix_transpose(lower), triangle(square_grad, Op::gt)),
        above = matrix_product(triangle(square_grad, Op::le), matrix_transpose(upper));
  if (columns > size)
    below = binary(Op::sub, below,
                   matrix_product(columns_of(rows_of(grad, 0, size), size, columns - size),
                                  matrix_transpose(columns_of(lu, size, columns - size))));
  if (rows > size)
    above = binary(
        Op::sub, above,
        matrix_product(matrix_transpose(rows_of(lu, size, rows - size)), rows_of(grad, size, rows - size)));
  const Value transposed = matrix_transpose(square);
  const auto axis = static_cast<int64_t>(shape.size()) - 2;
  Value result = solved(transposed, triangle(below, Op::gt, triangle(above, Op::le)), false, false, false);
  if (columns > size) {
    const Value parts[] = {result, columns_of(grad, size, columns - size)};
    result = concatenate("lu", parts, axis + 1);
  }
  result = solved(transposed, result, true, true, true);
  if (rows > size) {
    const Value parts[] = {result, solved(transposed, rows_of(grad, size, rows - size), false, false, false)};
    result = concatenate("lu", parts, axis);
  }
  return rows_put_back(result, routine(Op::permutation, std::span(&pivots, 1), {rows}));
}

RoutineValues record_permutation(const RoutineCall& call) {
  const Value& pivots = call.inputs[0];
  if (pivots.dtype() != DType::int32)
    throw dtype_error("luUnpack",
                      "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
                      "dtype. Note: this function is intended to be used with the output produced by "
                      "torch.linalg.lu_factor; luUnpack: got " +
                          std::string(info(pivots.dtype()).label));
  if (pivots.shape().empty())
    throw shape_error("luUnpack", "luUnpack: pivots must have at least 1 dimension", {pivots.shape()});
  Dims shape = pivots.shape();
  shape[shape.size() - 1] = call.parameters[0];
  check_shape(call.engine, "luUnpack", shape, DType::int64);
  return {record(call.engine, Op::permutation, DType::int64, shape, call.inputs,
                 with_parameters(call.parameters))};
}

RoutineValues record_solve(const RoutineCall& call) {
  const Value &a = call.inputs[0], &b = call.inputs[1];
  check_square(Op::solve, a, "A");
  check_matrix(Op::solve, b, "B");
  const Dims &x = a.shape(), &y = b.shape();
  if (x.back() != y[y.size() - 2])
    throw shape_error("solve",
                      "linalg.solve: Incompatible shapes of A and B for the equation AX = B (" + by(x, "x") +
                          " and " + by(y, "x") + "); the shapes are " + to_string(x) + " and " + to_string(y),
                      {x, y});
  check_floating(Op::solve, a);
  check_same_dtype(Op::solve, a, b);
  const Dims batch = broadcast_shapes("solve", batch_of(x), batch_of(y));
  const Factors factors = factors_of(untracked(a), static_cast<Caller>(call.parameters[0]));
  Dims order = batch;
  order.push_back(x.back());
  const Value right = rows_in_order(spread(b, batch), expand(factors.order, order));
  const Value half = solved(factors.lu, right, false, true, true);
  return {attach(solved(factors.lu, half, true, true, false).node, Op::solve, call.inputs,
                 with_parameters(call.parameters))};
}

// With A X = B: the gradient of B solves A' Y = G, and that of A is -Y X'.
Value gradient_of_solve(Function& function, size_t input, std::span<const Value> grads) {
  const Value operands[] = {matrix_transpose(input_value(function, 0)), grads[0]};
  const Value y = routine(Op::solve, operands, {static_cast<int64_t>(Caller::nobody)});
  return input == 1 ? y : negative(matrix_product(y, matrix_transpose(result_value(function))));
}

RoutineValues record_inverse(const RoutineCall& call) {
  const Value& a = call.inputs[0];
  check_square(Op::inverse, a, "A");
  check_floating(Op::inverse, a);
  const Factors factors = factors_of(untracked(a), static_cast<Caller>(call.parameters[0]));
  const Value right = rows_in_order(identity_like(untracked(a), a.shape().back()), factors.order);
  const Value half = solved(factors.lu, right, false, true, true);
  return {attach(solved(factors.lu, half, true, true, false).node, Op::inverse, call.inputs,
                 with_parameters(call.parameters))};
}

Value gradient_of_inverse(Function& function, size_t, std::span<const Value> grads) {
  const Value x = matrix_transpose(result_value(function));
  return negative(matrix_product(matrix_product(x, grads[0]), x));
}

RoutineValues record_det(const RoutineCall& call) {
  const Value& a = call.inputs[0];
  check_square(Op::det, a, "A");
  check_floating(Op::det, a);
  const Factors factors = factors_of(untracked(a), Caller::nobody);
  return {attach(product_of(diagonal_of(factors.lu), factors.pivots).node, Op::det, call.inputs)};
}

Value gradient_of_det(Function& function, size_t, std::span<const Value> grads) {
  const Value a = input_value(function, 0);
  return binary(Op::mul, beside_matrices(grads[0]), routine(Op::cofactor, std::span(&a, 1)));
}

// A zero on the diagonal of U becomes a rounding error of the largest element there, so that there is an inverse; the
// cofactors are polynomials of the elements, which such an error changes little.
RoutineValues record_cofactor(const RoutineCall& call) {
  const Value& a = call.inputs[0];
  check_square(Op::det, a, "A");
  check_floating(Op::det, a);
  Engine& engine = call.engine;
  const int64_t size = a.shape().back();
  if (size == 0) return {attach(to(untracked(a), a.dtype()).node, Op::cofactor, {})};
  const Factors factors = factors_of(untracked(a), Caller::nobody);
  const Value diagonal = diagonal_of(factors.lu);
  const Value size_of = elementwise(Op::abs, std::span(&diagonal, 1));
  const Value largest = reduce(Op::amax, size_of, {static_cast<int64_t>(diagonal.shape().size()) - 1}, true);
  const double epsilon = a.dtype() == DType::float32 ? 0x1p-23 : 0x1p-52;
  const Value some[] = {binary(Op::gt, largest, literal(engine, 0.0)), largest, literal(engine, 1.0)};
  const Value parts[] = {binary(Op::eq, diagonal, literal(engine, 0.0)),
                         binary(Op::mul, elementwise(Op::where, some), literal(engine, epsilon)), diagonal};
  const Value moved = elementwise(Op::where, parts);
  const Value lu = triangle(factors.lu, Op::ne, as_diagonal(moved)), transposed = matrix_transpose(lu);
  const Value half = solved(transposed, identity_like(lu, size), false, true, false);
  const Value inverse = rows_put_back(solved(transposed, half, true, true, true), factors.order);
  const Value out = binary(Op::mul, beside_matrices(product_of(moved, factors.pivots)), inverse);
  return {attach(out.node, Op::cofactor, call.inputs)};
}

// With C = det(A) inv(A'): dC = (C <C, dA> - C dA' C) / det(A). Where the determinant is 0, that is not a number.
Value gradient_of_cofactor(Function& function, size_t, std::span<const Value> grads) {
  const Value a = input_value(function, 0), c = result_value(function), &grad = grads[0];
  const auto rank = static_cast<int64_t>(a.shape().size());
  const Value along = reduce(Op::sum, binary(Op::mul, c, grad), {rank - 2, rank - 1}, true);
  const Value across = matrix_product(matrix_product(c, matrix_transpose(grad)), c);
  return binary(Op::div, binary(Op::sub, binary(Op::mul, c, along), across),
                beside_matrices(routine(Op::det, std::span(&a, 1))));
}

} // namespace adjoint
