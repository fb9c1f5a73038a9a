#include "graph/node.h"

#include "graph/engine.h"

namespace adjoint {

Node::Node(Engine& engine, Op op, DType dtype, Shape shape)
    : engine(engine), op(op), dtype(dtype), shape(std::move(shape)) {
  ++engine.live_nodes;
}

Node::~Node() { --engine.live_nodes; }

void Node::store(Ref<Buffer> result) {
  buffer = std::move(result);
  depth = 0;
  input_count = 0;
  inputs = {};
  attributes = {};
}

void Function::save_input(size_t i, const Ref<Node>& node) {
  saved_inputs[i] = node;
  ++node->saved_count;
}

void Function::save_output(const Ref<Node>& node) {
  saved_output = node;
  ++node->saved_count;
}

bool Function::has_saved() const {
  return saved_inputs[0] || saved_inputs[1] || saved_inputs[2] || saved_output;
}

void Function::free_saved() {
  if (has_saved()) is_freed = true;
  for (Ref<Node>& node : saved_inputs) {
    if (node) --node->saved_count;
    node = {};
  }
  if (saved_output) --saved_output->saved_count;
  saved_output = {};
}

} // namespace adjoint
