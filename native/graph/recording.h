// How nodes and histories are made, whatever the op. The functions of record.h and those of routines check
// shapes and dtypes, and then call these.
#pragma once
#include <span>
#include <string_view>

#include "graph/engine.h"

namespace adjoint {

// The type of a routine's result.
struct ResultType {
  Shape shape;
  DType dtype = DType::float32;
};
// A routine's results; unused places are null.
using RoutineValues = std::array<Value, max_results>;

// A node that computes halves is made of several: its inputs as float32, the op on them, and its result rounded. So every
// op has its result rounded once, wherever kernels are cut, and kernels know halves only to convert and to move them.
Ref<Node> make_node(Engine& engine, Op op, DType dtype, const Shape& shape, std::span<const Value> inputs,
                    const Ref<Attributes>& attributes = {});

// Gives the node a history, if the mode asks for it and an input has one. It keeps alive the values that the
// gradients name, and no others.
Value attach(Ref<Node> node, Op op, std::span<const Value> inputs, const Ref<Attributes>& attributes = {});

// Makes the node and gives it its history.
Value record(Engine& engine, Op op, DType dtype, const Shape& shape, std::span<const Value> inputs,
             const Ref<Attributes>& attributes = {});
// The same of a routine with any number of results.
RoutineValues record(Engine& engine, Op op, std::span<const ResultType> results,
                     std::span<const Value> inputs, const Ref<Attributes>& attributes);

// A whole number that is needed before anything more can be recorded: it is computed, and waited for.
int64_t computed_integer(const Value& scalar);

// The history of result `i` of several, which `node` is.
Ref<Function> result_function(Function& routine, size_t i, const Node& node);

} // namespace adjoint
