#include "graph/node.h"

#include <algorithm>

#include "device/error.h"
#include "graph/engine.h"

namespace adjoint {

int64_t product_of_sizes(const Dims& dims) {
  int64_t product = 1;
  for (const int64_t extent : dims) {
    if (extent > 0 && __builtin_mul_overflow(product, extent, &product)) return INT64_MAX;
    if (product > most_countable) return INT64_MAX;
  }
  return product;
}

// Every value of a program becomes a node, so this is where sizes are bounded. Most ops have bounded their result
// before, by the memory of the device and with words of their own.
Node::Node(Engine& engine, Op op, DType dtype, Shape shape)
    : engine(engine), op(op), dtype(dtype), is_inference(engine.session.is_inference),
      shape(std::move(shape)) {
  // No division, since every op comes here; a product of that size times eight fits.
  if (const int64_t product = this->shape.product();
      product > most_countable || product * bytes_of(dtype) > most_countable)
    throw shape_error(std::string(info(op).name),
                      std::string(info(op).name) + ": a " + std::string(info(dtype).label) +
                          " tensor of shape " + to_string(this->shape) + " has more bytes than 2**53",
                      {this->shape});
  ++engine.live_nodes;
}

Node::~Node() {
  leave_bundle();
  --engine.live_nodes;
}

void Node::store(Ref<Buffer> result) {
  leave_bundle();
  buffer = std::move(result);
  depth = 0;
  input_count = 0;
  inputs = {};
  attributes = {};
}

void Node::unstore(Recipe recipe) {
  buffer = {};
  inputs = std::move(recipe.inputs);
  input_count = recipe.input_count;
  depth = recipe.depth;
  attributes = std::move(recipe.attributes);
  if (op == Op::result) inputs[0]->results->items[attributes->result].node = this;
}

void Function::save_input(size_t i, const Ref<Node>& node) {
  saved_inputs[i] = node;
  ++node->saved_count;
  ++saved_count;
}

void Function::save_result(size_t i, const Ref<Node>& node) {
  saved_results[i] = node;
  ++node->saved_count;
  ++saved_count;
}

void Function::free_saved() {
  if (custom && custom->gradients) {
    custom->gradients = nullptr; // and all that it keeps
    is_freed = true;
  }
  if (saved_count == 0) return;
  is_freed = true;
  saved_count = 0;
  const auto free = [](Ref<Node>& node) {
    if (node) --node->saved_count;
    node = {};
  };
  std::for_each(saved_inputs.begin(), saved_inputs.end(), free);
  std::for_each(saved_results.begin(), saved_results.end(), free);
}

} // namespace adjoint
