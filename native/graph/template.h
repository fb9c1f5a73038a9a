// A template is a recording to be made again: the nodes between placeholders and results, without the
// placeholders. An optimizer's update is recorded once over placeholders, and from then on instantiated over
// the parameters, gradients and state of every step. Nothing is checked again: a recording fits inputs
// of the same dtypes and shapes, or, where every node is elementwise over one shape, of the same dtypes and
// any shape that they share.
#pragma once
#include <span>
#include <unordered_map>
#include <vector>

#include "graph/engine.h"

namespace adjoint {

class Template {
 public:
  // The placeholders are distinct nodes; `scalars` are numbers. A value that depends on none of them is a
  // constant.
  Template(std::span<const Ref<Node>> inputs, std::span<const Ref<Node>> scalars,
           std::span<const Ref<Node>> results);

  // Whether it may be instantiated over inputs of other shapes.
  bool fits_every_shape() const { return fits_every_shape_; }
  size_t input_count() const { return inputs_.size(); }
  size_t scalar_count() const { return scalar_count_; }
  bool accepts(std::span<Node* const> inputs) const;
  // Records it over `inputs`, which must be accepted, and appends the results. They have no history.
  void instantiate(std::span<Node* const> inputs, std::span<const Ref<Node>> scalars,
                   std::vector<Ref<Node>>& results) const;

 private:
  // The origin of a value.
  struct Origin {
    enum class Kind : uint8_t { input, scalar, constant, step } kind;
    uint32_t index;
  };
  struct Step {
    Op op;
    DType dtype;
    Shape shape;
    uint8_t input_count;
    Origin inputs[3];
    Ref<Attributes> attributes;
    std::shared_ptr<const Results> results; // of a bundle
  };
  struct Input {
    DType dtype;
    Shape shape;
  };
  using Origins = std::unordered_map<const Node*, Origin>;

  // Adds the steps behind a node, inputs first.
  Origin capture(const Ref<Node>& node, Origins& known);
  bool is_of_one_shape() const;

  std::vector<Input> inputs_;
  size_t scalar_count_;
  std::vector<Ref<Node>> constants_;
  std::vector<Step> steps_;
  std::vector<Origin> results_;
  bool fits_every_shape_;
};

} // namespace adjoint
