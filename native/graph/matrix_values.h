// Matrices as graph values: the checks and the small compositions that factors and their gradients share. A batch's
// matrices are its last two axes.
#pragma once
#include <string>

#include "graph/record.h"
#include "graph/routines.h"

namespace adjoint {

// PyTorch's name of an op in torch.linalg, as errors say it.
std::string linalg_name(Op op);
// Throw PyTorch's sentences. `word` is the argument's name.
void check_matrix(Op op, const Value& value, const char* word);
void check_square(Op op, const Value& value, const char* word);
void check_floating(Op op, const Value& value);
void check_same_dtype(Op op, const Value& a, const Value& b);
// The sizes of matrices, with something between.
std::string by(const Dims& shape, const char* between);

Value binary(Op op, const Value& a, const Value& b);
Value negative(const Value& value);
// The value without its history, its matrices repeated over a batch.
Value spread(const Value& value, const Dims& batch);
// The first rows or columns, or those from `start` on.
Value rows_of(const Value& matrices, int64_t start, int64_t count);
Value columns_of(const Value& matrices, int64_t start, int64_t count);
// The elements of matrices whose row compares so to their column, and zeros, or what else is given.
Value triangle(const Value& matrices, Op comparison);
Value triangle(const Value& matrices, Op comparison, const Value& otherwise);
// The diagonal as vectors, and the other way round.
Value diagonal_of(const Value& matrices);
Value as_diagonal(const Value& vectors);
// Identity matrices, as many as there are others.
Value identity_like(const Value& matrices, int64_t size);
// The solution of an equation with a triangular matrix.
Value solved(const Value& matrix, const Value& right, bool is_upper, bool is_left, bool has_unit_diagonal);
// Row i is row order[i] of the matrices; or row order[i] is row i of them.
Value rows_in_order(const Value& matrices, const Value& order);
Value rows_put_back(const Value& matrices, const Value& order);

} // namespace adjoint
