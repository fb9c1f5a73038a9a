// Routines: ops over whole arrays. A row of routines.def declares the function that records it and the one that
// gives its gradients; both are in graph/routines.
#pragma once
#include "graph/recording.h"

namespace adjoint {

// The arguments of a routine. If it has inputs, the engine is theirs.
struct RoutineCall {
  Engine& engine;
  std::span<const Value> inputs;
  Dims parameters; // the row's own; of a routine that draws, the dtype and the shape
};

#define ROUTINE(name, ...)                                                                                   \
  RoutineValues record_##name(const RoutineCall& call);                                                      \
  Value gradient_of_##name(Function& function, size_t input, std::span<const Value> grads);
#define ROUTINE_WITHOUT_GRADIENT(name, ...) RoutineValues record_##name(const RoutineCall& call);
#include "ops/routines.def"
#undef ROUTINE
#undef ROUTINE_WITHOUT_GRADIENT

// Records the routine. Checks what a row says: that the inputs are on one device, and that there is a kernel for it.
RoutineValues routine(Op op, const RoutineCall& call);
// The first result of a routine with inputs.
Value routine(Op op, std::span<const Value> inputs, const Dims& parameters = {});

Value gradient_of_routine(Function& function, size_t input, std::span<const Value> grads);

// The session's modes, for a routine that has that trait; null where none is out of the ordinary.
Ref<Attributes> attributes_of_the_moment(Op op, const Engine& engine, DType dtype);

// The attributes of a routine that has parameters and nothing else.
Ref<Attributes> with_parameters(const Dims& parameters);

// The gradient of elements that were taken from the function's first input at these indices along the axis.
Value gradient_of_taken(const Function& function, const Value& indices, const Value& grad, int64_t axis);

// Of the matrices of batches.
Value matrix_product(const Value& a, const Value& b);
Value matrix_transpose(const Value& matrices);

// The axis that a parameter names.
int64_t axis_of(const RoutineCall& call, Op op, size_t parameter);

} // namespace adjoint
