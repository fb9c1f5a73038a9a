// Ops on the examples of batches: what vmap records. Each function does to every example what its namesake of record.h
// does to a value, by one op on the whole batch: the axes of the batches lie in front of those of an example.
#pragma once
#include "graph/routines.h"

namespace adjoint {

inline bool has_batch(std::span<const Value> values) {
  bool has = false;
  for (const Value& value : values) has |= static_cast<bool>(value.batch);
  return has;
}

namespace batches {

Value elementwise(Op op, std::span<const Value> inputs);
Value transfer(const Value& input, Engine& target);
Value reduce(Op op, const Value& input, Dims axes, bool keepdim);
Value to(const Value& input, DType dtype);
Value reshape(const Value& input, const Dims& shape);
Value permute(const Value& input, const Dims& order);
Value expand(const Value& input, const Dims& shape);
Value slice(const Value& input, const Dims& starts, const Dims& steps, const Dims& shape);
Value splice(const Value& base, const Value& part, const Dims& starts, const Dims& steps, const Dims& shape,
             bool is_disjoint);

// Whether the routine has batches among its inputs, or draws numbers while vmap is at work.
bool apply_to(Op op, const RoutineCall& call);
RoutineValues routine(Op op, const RoutineCall& call);

// The examples along an axis of a value, as a batch of that level.
Value entered(const Value& value, int64_t axis, int64_t level);
// The batch of that level as an axis of its examples again: all the same where the value has none.
Value left(const Value& value, const Session::Level& level, int64_t axis);
// The value with a batch of each level that vmap is at work on.
Value in_all_levels(const Value& value, const Session& session);

// The whole of a batch, as a value of its node's shape.
Value whole(const Value& value);
// A value of that node's shape as a batch like another one.
Value like(const Value& value, const Ref<const Batch>& batch);
// The whole of the value with a batch of each level that `batch` has (null: none): repeated where it lacks one, the sum
// where it has others.
Value fitted(const Value& value, const Ref<const Batch>& batch, const Dims& whole_shape);

} // namespace batches
} // namespace adjoint
