#include "graph/template.h"

#include "graph/routines.h"

namespace adjoint {

Template::Template(std::span<const Ref<Node>> inputs, std::span<const Ref<Node>> scalars,
                   std::span<const Ref<Node>> results)
    : scalar_count_(scalars.size()) {
  Origins known;
  for (const Ref<Node>& input : inputs) {
    known[input.get()] = {Origin::Kind::input, static_cast<uint32_t>(inputs_.size())};
    inputs_.push_back({input->dtype, input->shape});
  }
  for (size_t i = 0; i < scalars.size(); ++i)
    known[scalars[i].get()] = {Origin::Kind::scalar, static_cast<uint32_t>(i)};
  for (const Ref<Node>& result : results) results_.push_back(capture(result, known));
  fits_every_shape_ = is_of_one_shape();
}

// Adds the steps behind a node. Recursion is bounded, since chains of pending nodes are. A constant is listed
// even if only other constants use it, which does no harm.
Template::Origin Template::capture(const Ref<Node>& node, Origins& known) {
  if (const auto found = known.find(node.get()); found != known.end()) return found->second;
  Step step{node->op, node->dtype, node->shape, node->input_count, {}, node->attributes, {}};
  if (node->results) step.results = std::make_shared<const Results>(*node->results);
  bool is_constant = true;
  for (size_t i = 0; i < node->input_count; ++i) {
    step.inputs[i] = capture(node->inputs[i], known);
    is_constant &= step.inputs[i].kind == Origin::Kind::constant;
  }
  const auto add = [](auto& list, auto item) {
    list.push_back(std::move(item));
    return static_cast<uint32_t>(list.size() - 1);
  };
  const Origin origin = is_constant ? Origin{Origin::Kind::constant, add(constants_, node)}
                                    : Origin{Origin::Kind::step, add(steps_, std::move(step))};
  return known[node.get()] = origin;
}

bool Template::is_of_one_shape() const {
  if (inputs_.empty()) return false;
  const Dims& shape = inputs_[0].shape;
  bool is = true;
  for (const Input& input : inputs_) is &= input.shape == shape;
  for (const Ref<Node>& constant : constants_) is &= constant->is_number();
  for (const Step& step : steps_)
    is &= step.shape == shape && (info(step.op).kind == Kind::elementwise || step.op == Op::to);
  for (const Origin& result : results_)
    is &= result.kind == Origin::Kind::input || result.kind == Origin::Kind::step;
  return is;
}

bool Template::accepts(std::span<Node* const> inputs) const {
  if (inputs.size() != inputs_.size()) return false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Shape& shape = fits_every_shape_ ? inputs[0]->shape : inputs_[i].shape;
    if (inputs[i]->dtype != inputs_[i].dtype || !(inputs[i]->shape == shape)) return false;
    if (&inputs[i]->engine != &inputs[0]->engine) return false;
  }
  return true;
}

void Template::instantiate(std::span<Node* const> inputs, std::span<const Ref<Node>> scalars,
                           std::vector<Ref<Node>>& results) const {
  std::vector<Ref<Node>> made;
  made.reserve(steps_.size());
  const auto at = [&](const Origin& origin) -> Node* {
    switch (origin.kind) {
    case Origin::Kind::input:
      return inputs[origin.index];
    case Origin::Kind::scalar:
      return scalars[origin.index].get();
    case Origin::Kind::constant:
      return constants_[origin.index].get();
    default:
      return made[origin.index].get();
    }
  };
  for (const Step& step : steps_) {
    const Shape& shape = fits_every_shape_ ? inputs[0]->shape : step.shape;
    const Ref<Node>& node = made.emplace_back(new Node(inputs[0]->engine, step.op, step.dtype, shape));
    node->attributes = info(step.op).trait == Trait::modes
                           ? attributes_of_the_moment(step.op, node->engine, node->dtype)
                           : step.attributes;
    if (step.results) {
      node->results = std::make_unique<Results>(*step.results);
      for (Results::Item& item : node->results->items) item.node = nullptr;
    }
    for (size_t i = 0; i < step.input_count; ++i) node->add_input(at(step.inputs[i]));
  }
  for (const Origin& result : results_) results.emplace_back(at(result));
}

} // namespace adjoint
