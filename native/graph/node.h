// The graph: what a value is made from, and how it is differentiated. Two structures, which share only nodes:
//
//   Node      a value: a recipe (op and inputs) until it is stored in a buffer, whereupon the recipe goes.
//   Function  one step of history: the gradient of one op, with edges to the sources of its inputs.
//   Cell      what a JavaScript Tensor holds: a value that can be rebound; a leaf's gradient accumulates in
//             it.
//
// A Node never points to a Function, so freeing history frees no recipe, and freeing a recipe no history.
//
// A routine with several results is a node without a value of its own, the bundle, and a node of Op::result
// for each of them. Computing one of them computes all.
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "device/device.h"
#include "ops/op.h"

namespace adjoint {

class Engine;
struct StructuralKey;

// The arguments of an op beside its inputs. Each op uses some of the fields.
struct Attributes final : RefCounted {
  Dims axes;                // reductions: the axes that go; permute: the order
  Dims starts;              // slices: the first index per axis
  Dims steps;               // slices: the distance per axis, negative to walk backwards
  bool is_disjoint = false; // splices: nothing of the base that has a gradient lies where the part goes
  uint64_t seed = 0;
  uint64_t offset = 0;
  Engine* origin = nullptr; // transfers: where the value came from
  ProductModes modes;       // routines with that trait: as they were when it was recorded
  Dims parameters;          // routines: the row's own
  int32_t caller = -1;      // routines: whom errors are to name, as Session::caller says
  uint32_t result = 0;      // Op::result: which one

  // Adds all that a plan depends on: not the numbers, which come at run time.
  void add_to(StructuralKey& key) const;
};

// The most bytes and elements that a value may have, whatever the limits of memory: JavaScript can count them, and sums
// of two fit.
inline constexpr int64_t most_countable = int64_t{1} << 53;
// The product of the sizes that are not zero, or more than `most_countable`: reductions over the others must still be
// countable.
int64_t product_of_sizes(const Dims& dims);

// An immutable shape that nodes and edges share: most ops give the shape of an input.
class Shape {
 public:
  Shape() = default; // of a scalar
  Shape(const Dims& dims) : shared_(dims.empty() ? nullptr : new Shared(dims)) {}

  const Dims& dims() const { return shared_ ? shared_->dims : scalar_; }
  int64_t product() const { return shared_ ? shared_->product : 1; }
  operator const Dims&() const { return dims(); }
  size_t size() const { return dims().size(); }
  bool empty() const { return !shared_; }
  int64_t operator[](size_t i) const { return dims()[i]; }
  int64_t back() const { return dims().back(); }
  const int64_t* begin() const { return dims().begin(); }
  const int64_t* end() const { return dims().end(); }
  bool operator==(const Shape& other) const { return dims() == other.dims(); }
  bool operator==(const Dims& other) const { return dims() == other; }

 private:
  struct Shared final : RefCounted {
    explicit Shared(const Dims& dims) : dims(dims), product(product_of_sizes(dims)) {}
    const Dims dims;
    const int64_t product;
  };
  static inline const Dims scalar_{};
  Ref<const Shared> shared_;
};

struct Node;

// The types of a bundle's results, and their nodes while somebody has them.
struct Results {
  struct Item {
    DType dtype = DType::float32;
    Shape shape;
    Node* node = nullptr;
  };
  std::array<Item, max_results> items;
  uint8_t count = 0;
};

struct Node final : RefCounted {
  // The way to compute a value, kept where it may have to be computed once more.
  struct Recipe {
    std::array<Ref<Node>, max_inputs> inputs;
    uint8_t input_count = 0;
    uint16_t depth = 0;
    Ref<Attributes> attributes;
  };

  Node(Engine& engine, Op op, DType dtype, Shape shape);
  ~Node() override;

  Engine& engine;
  const Op op;
  const DType dtype;
  bool is_inference;          // made where nothing is to be differentiated, by Session::is_inference
  bool is_persistent = false; // state that a program rebinds: stored by the first run that computes it
  uint8_t input_count = 0;
  uint8_t times_computed = 0;
  uint16_t depth = 0;       // pending ops below, at most
  uint32_t saved_count = 0; // live Functions that will need this value
  uint32_t plan_epoch = 0;  // scratch of a run
  uint32_t plan_index = 0;
  const Shape shape;
  std::array<Ref<Node>, max_inputs> inputs;
  Ref<Attributes> attributes;
  Ref<Buffer> buffer;               // row-major, once computed
  Number number;                    // Op::number only
  std::unique_ptr<Results> results; // of a bundle

  bool is_number() const { return op == Op::number; }
  bool is_pending() const { return !buffer && !is_number(); }
  int64_t elements() const { return element_count(shape.dims()); }
  int64_t bytes() const { return elements() * bytes_of(dtype); }
  // A result makes itself known to its bundle.
  void add_input(const Ref<Node>& input) {
    inputs[input_count++] = input;
    depth = std::max<uint16_t>(depth, static_cast<uint16_t>(input->depth + 1));
    if (op == Op::result) input->results->items[attributes->result].node = this;
  }
  void store(Ref<Buffer> result);
  Recipe recipe() const { return {inputs, input_count, depth, attributes}; }
  // Undoes store().
  void unstore(Recipe recipe);

 private:
  void leave_bundle() {
    if (op == Op::result && inputs[0]) inputs[0]->results->items[attributes->result].node = nullptr;
  }
};

// The batches that vmap works on, as one value has them: the first axes of its node are those of the levels, and the
// others are the shape of one example, which is all that those see who compute with the value.
struct Batch final : RefCounted {
  Batch(const Dims& levels, const Dims& example) : levels(levels), example(example) {}
  const Dims levels; // their numbers; inner levels have larger ones, and come first
  const Dims example;
};

struct Value;

// Something of the program's own that a backward pass calls with a gradient, as soon as it is whole.
struct Hook {
  Hook(uint32_t number, bool is_after) : number(number), is_after(is_after) {}
  virtual ~Hook() = default;
  // What takes the gradient's place; empty: nothing.
  virtual Value called(const Value& grad) = 0;
  const uint32_t number;
  const bool is_after; // called when the gradient has been added to that of a leaf
};
using Hooks = std::vector<std::shared_ptr<Hook>>;

// The target of a gradient: a Function, or a Cell that is a leaf.
struct Source : RefCounted {
  virtual bool is_leaf() const = 0;
  std::unique_ptr<Hooks> hooks; // null for none
  uint32_t visit_epoch = 0;     // scratch of a backward pass
  uint32_t visit_index = 0;
  uint32_t target_epoch = 0;
};

// A value as an op sees it: the node, and the source of its history where it has one.
struct Value {
  Ref<Node> node;
  Ref<Source> source;
  Ref<const Batch> batch = {}; // null outside of vmap
  const Dims& shape() const { return batch ? batch->example : node->shape.dims(); }
  DType dtype() const { return node->dtype; }
  explicit operator bool() const { return static_cast<bool>(node); }
};

struct Edge {
  Ref<Source> source; // null where no gradient is wanted
  Shape shape;
  DType dtype = DType::float32;
};

struct Function;

// The gradients of a function of the program's own. It may have any number of inputs.
struct CustomGradient {
  std::vector<Edge> edges;
  // One gradient for each edge, of its shape; empty ones where there is none.
  std::function<std::vector<Value>(Function& function, std::span<const Value> grads)> gradients;
};

struct Function final : Source {
  Function(Op op, uint64_t sequence) : op(op), sequence(sequence) {}
  ~Function() override { free_saved(); }
  bool is_leaf() const override { return false; }

  const Op op;
  const uint64_t sequence; // grows with every recorded op, so consumers come after producers
  std::string_view label;  // without "Backward": a literal, or a text of the session's
  char suffix = '0';       // PyTorch numbers the overloads
  bool is_freed = false;   // saved values were there and have been freed
  uint8_t edge_count = 0;
  uint8_t result_count = 1;
  uint8_t saved_count = 0; // inputs and results
  std::array<Edge, max_inputs> edges;
  std::array<Ref<Node>, max_inputs> saved_inputs; // null unless the gradient names them
  std::array<Ref<Node>, max_results> saved_results;
  Ref<Attributes> attributes;
  std::unique_ptr<CustomGradient> custom;       // whose edges then count
  std::unique_ptr<const std::string> call_site; // null unless the session asks for it

  std::span<const Edge> inputs() const {
    return custom ? std::span<const Edge>(custom->edges) : std::span(edges.data(), edge_count);
  }
  void save_input(size_t i, const Ref<Node>& node);
  void save_result(size_t i, const Ref<Node>& node);
  void free_saved();
  std::string name() const {
    return std::string(label) + "Backward" + (custom ? std::string() : std::string(1, suffix));
  }
};

struct Cell final : Source {
  explicit Cell(Ref<Node> node) : node(std::move(node)) {}
  ~Cell() override { set_grad({}); }
  bool is_leaf() const override { return true; }

  Ref<Node> node;
  Ref<Function> function;        // null for a leaf
  Ref<Cell> grad;                // through set_grad
  Ref<const Batch> batch;        // null outside of vmap
  bool requires_grad = false;    // of a leaf
  const char* view_of = nullptr; // the op that made it, where PyTorch would give a window into its input
  bool is_orphaned = false;      // no JavaScript object can read the gradient any more
  uint32_t handle = 0;

  uint32_t grad_owners = 0;       // leaves whose gradient this is
  Cell* headless_owner = nullptr; // one of them that has no object of its own any more

  void set_grad(Ref<Cell> cell) {
    if (grad) --grad->grad_owners;
    grad = std::move(cell);
    if (grad) ++grad->grad_owners;
  }
  bool tracks() const { return requires_grad || function; }
  const Dims& shape() const { return batch ? batch->example : node->shape.dims(); }
  Value value() {
    if (function) return {node, function, batch};
    return {node, requires_grad ? Ref<Source>(this) : Ref<Source>(), batch};
  }
};

} // namespace adjoint
