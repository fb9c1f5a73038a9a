// Reverse mode: walks history from the roots, newest op first, and records the gradients as ordinary nodes.
#include "graph/backward.h"

#include <memory_resource>

#include "device/error.h"
#include "graph/batches.h"
#include "graph/gradients.h"
#include "graph/needs.h"
#include "graph/record.h"
#include "graph/recording.h"

namespace adjoint {

namespace {

constexpr const char* second_time =
    "Trying to backward through the graph a second time (or directly access saved tensors after they have "
    "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
    "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or "
    "if you need to access saved tensors after calling backward. (here: backward(null, { retainGraph: true "
    "}))";

class GradMode {
 public:
  GradMode(Session& session, bool enabled) : session_(session), before_(session.grad_enabled) {
    session.grad_enabled = enabled;
  }
  ~GradMode() { session_.grad_enabled = before_; }

 private:
  Session& session_;
  bool before_;
};

bool has_levels_beyond(const Value& value, const Value& other) {
  for (size_t i = 0; value.batch && i < value.batch->levels.size(); ++i)
    if (!other.batch || !other.batch->levels.contains(value.batch->levels[i])) return true;
  return false;
}

Value checked_seed(const Value& root, const Value& seed) {
  if (!root.source)
    throw autograd_error("element 0 of tensors does not require grad and does not have a grad_fn; "
                         "create the input with { requiresGrad: true }");
  if (!seed) {
    if (element_count(root.shape()) != 1)
      throw autograd_error(
          "grad can be implicitly created only for scalar outputs; backward: the tensor has shape " +
              to_string(root.shape()) + ", so reduce it (sum, mean) or pass a gradient of that shape",
          "backward", {root.shape()});
    return full(root.node->engine, 1.0, root.node->shape, root.dtype());
  }
  if (!(seed.shape() == root.shape()))
    throw shape_error("backward",
                      "Mismatch in shape: grad_output[0] has a shape of torch.Size(" +
                          to_string(seed.shape()) + ") and output[0] has a shape of torch.Size(" +
                          to_string(root.shape()) + ").",
                      {seed.shape(), root.shape()});
  if (has_levels_beyond(seed, root))
    throw Error(
        ErrorClass::error, "ERR_VMAP",
        "vmap: the gradient of an output has a batch that the output does not have; differentiate inside of "
        "the function that vmap is given, as in vmap((x, v) => vjp(f, x)[1](v))",
        "grad");
  return batches::fitted(to(joined("backward", seed, *root.node), root.dtype()), root.batch,
                         root.node->shape);
}

// One pass. Sources are found by pointer, and a Function's slot by its visit index. The lists of a small
// graph lie on the stack.
class Pass {
 public:
  Pass(Session& session, std::span<const Value> targets) : session_(session), targets_(targets) {
    for (const Value& target : targets) target.source->target_epoch = epoch_;
    has_targets_ = !targets.empty();
  }

  void run(std::span<const Value> roots, std::span<const Value> seeds, const BackwardOptions& options) {
    std::pmr::vector<Value> checked(&arena_);
    for (size_t i = 0; i < roots.size(); ++i)
      checked.push_back(checked_seed(roots[i], i < seeds.size() ? seeds[i] : Value()));
    for (const Value& root : roots) collect(root.source.get());
    std::sort(order_.begin(), order_.end(),
              [](Function* a, Function* b) { return a->sequence > b->sequence; });
    size_t slots = 0;
    for (size_t i = 0; i < order_.size(); ++i) {
      order_[i]->visit_index = static_cast<uint32_t>(i);
      first_slot_.push_back(slots);
      slots += order_[i]->result_count;
    }
    mark_needed();
    for (size_t i = 0; i < order_.size(); ++i)
      if (needed_[i] && order_[i]->is_freed) throw autograd_error(second_time, "backward");

    const GradMode mode(session_, options.create_graph);
    arrived_.resize(slots);
    for (size_t i = 0; i < roots.size(); ++i) deliver(roots[i].source.get(), checked[i]);
    for (size_t i = 0; i < order_.size(); ++i) {
      Function& function = *order_[i];
      const std::span<Value> grads(arrived_.data() + first_slot_[i], function.result_count);
      Value chosen = masks_.empty() ? Value() : masks_[first_slot_[i]];
      const bool has_arrived =
          std::any_of(grads.begin(), grads.end(), [](const Value& grad) { return static_cast<bool>(grad); });
      if (!needed_[i] || !has_arrived) continue;
      // What the program's own functions have done since.
      if (function.is_freed) throw autograd_error(second_time, "backward");
      if (function.hooks && grads[0]) {
        const Ref<Node> before = grads[0].node;
        grads[0] = hooked(function, grads[0]);
        if (grads[0].node.get() != before.get()) chosen = {};
      }
      if (function.op == Op::result) {
        // The gradient of one result takes its place among those of its routine.
        deliver(function.edges[0].source.get(), grads[0], function.attributes->result);
      } else if (function.custom) {
        run_custom(function, grads);
      } else {
        for (size_t input = 0; input < function.edge_count; ++input) {
          Source* source = function.edges[input].source.get();
          if (source && wants(source)) deliver_input(function, input, grads, chosen);
        }
      }
      if (!is_target(&function)) std::fill(grads.begin(), grads.end(), Value());
    }
    for (auto& [leaf, grad] : leaves_)
      if (leaf->hooks && wants(leaf)) grad = hooked(*leaf, grad);
  }

  // A created graph refers to the old one, which must stay.
  void free_graph(const BackwardOptions& options) {
    if (options.retain_graph || options.create_graph) return;
    for (size_t i = 0; i < order_.size(); ++i)
      if (needed_[i]) order_[i]->free_saved();
  }

  // Null where nothing arrived.
  Value result(Source* source) const {
    if (source->visit_epoch != epoch_) return {};
    return source->is_leaf() ? leaves_[source->visit_index].second
                             : arrived_[first_slot_[source->visit_index]];
  }
  const std::pmr::vector<std::pair<Cell*, Value>>& leaves() const { return leaves_; }

 private:
  bool is_target(Source* source) const { return source->target_epoch == epoch_; }
  bool wants(Source* source) const {
    if (source->is_leaf()) return !has_targets_ || is_target(source);
    return is_target(source) || needed_[source->visit_index];
  }

  void collect(Source* root) {
    std::pmr::vector<Source*> pending({root}, &arena_);
    while (!pending.empty()) {
      Source* source = pending.back();
      pending.pop_back();
      if (source->is_leaf()) continue;
      auto* function = static_cast<Function*>(source);
      if (function->visit_epoch == epoch_) continue;
      function->visit_epoch = epoch_;
      order_.push_back(function);
      for (const Edge& edge : function->inputs())
        if (edge.source) pending.push_back(edge.source.get());
    }
  }

  // A function runs when a target lies behind it; without targets, always.
  void mark_needed() {
    needed_.assign(order_.size(), !has_targets_);
    if (!has_targets_) return;
    for (size_t i = order_.size(); i-- > 0;) {
      for (const Edge& edge : order_[i]->inputs()) needed_[i] |= edge.source && wants(edge.source.get());
    }
  }

  // What the program's own functions do: they may walk the same graph, and leave their marks on it.
  template <class Body> auto undisturbed(Body body) {
    const uint32_t before = session_.last_epoch();
    auto result = body();
    if (session_.last_epoch() != before) {
      for (size_t i = 0; i < order_.size(); ++i) {
        order_[i]->visit_epoch = epoch_;
        order_[i]->visit_index = static_cast<uint32_t>(i);
      }
      for (size_t i = 0; i < leaves_.size(); ++i) {
        leaves_[i].first->visit_epoch = epoch_;
        leaves_[i].first->visit_index = static_cast<uint32_t>(i);
      }
      for (const Value& target : targets_) target.source->target_epoch = epoch_;
    }
    return result;
  }

  Value hooked(Source& source, Value grad) {
    const Hooks hooks = *source.hooks; // which may remove themselves
    for (const std::shared_ptr<Hook>& hook : hooks) {
      if (hook->is_after) continue;
      if (Value other = undisturbed([&] { return hook->called(grad); })) grad = std::move(other);
    }
    return grad;
  }

  void run_custom(Function& function, std::span<Value> grads) {
    // A pass that it begins may free what it is made of.
    const auto gradients = function.custom->gradients;
    const std::vector<Value> results = undisturbed([&] { return gradients(function, grads); });
    for (size_t i = 0; i < results.size(); ++i) {
      Source* const source = function.custom->edges[i].source.get();
      if (!source || !results[i] || !wants(source)) continue;
      if (session_.call_site) refuse_nan(function, i, results[i]);
      deliver(source, results[i]);
    }
  }

  // Names the op that has made the first NaN, and where the program called it.
  static void refuse_nan(const Function& function, size_t input, const Value& grad) {
    const Value flat = reshape({grad.node, {}}, {-1}), same[] = {flat, flat};
    const int64_t count = flat.node->elements();
    if (!is_floating(grad.dtype()) || count == 0) return;
    const Value places[] = {elementwise(Op::ne, same), position(flat.node->engine, Dims{count}, DType::int64),
                            full(flat.node->engine, Number::of_integer(count), {}, DType::int64)};
    const int64_t first = computed_integer(reduce(Op::amin, elementwise(Op::where, places), {}, false));
    if (first == count) return;
    Dims index = grad.shape();
    int64_t rest = first;
    for (size_t axis = index.size(); axis-- > 0;) {
      const int64_t extent = grad.shape()[axis];
      index[axis] = rest % extent;
      rest /= extent;
    }
    throw autograd_error(
        "Function '" + function.name() + "' returned nan values in its " + std::to_string(input) +
            "th output.; the first is at " + to_string(index) + " of " + to_string(grad.shape()) +
            (function.call_site ? ", and the op was called\n" + *function.call_site : std::string()),
        "backward");
  }

  // The gradient of one input, for the elements that a `where` has chosen, if there was one: the others were 0, and stay so
  // even where the op's derivative is infinite or NaN.
  void deliver_input(Function& function, size_t input, std::span<const Value> grads, const Value& chosen) {
    Value grad = input_gradient(function, input, grads);
    const Value passed = chosen_input(function, input, chosen);
    const bool is_linear = info(function.op).kind != Kind::elementwise ||
                           gradient_needs(function.op, input).names == keeps::none ||
                           function.op == Op::where;
    if (passed && !is_linear) {
      const Value choice[] = {passed, grad, literal(grad.node->engine, 0.0)};
      grad = elementwise(Op::where, choice);
    }
    if (session_.call_site) refuse_nan(function, input, grad);
    deliver(function.edges[input].source.get(), std::move(grad), 0, passed);
  }

  static bool broadcasts_to(const Dims& from, const Dims& to) {
    if (from.size() > to.size()) return false;
    for (size_t i = 0; i < from.size(); ++i)
      if (from[i] != 1 && from[i] != to[i + to.size() - from.size()]) return false;
    return true;
  }

  // Which elements of an input count, of those of the function's result that do (all of them when that is empty).
  static Value chosen_input(const Function& function, size_t input, const Value& chosen) {
    const Shape& shape = function.edges[input].shape;
    const OpInfo& row = info(function.op);
    if (function.op == Op::where && input > 0) {
      const Value condition{function.saved_inputs[0], {}};
      if (!condition || !broadcasts_to(condition.shape(), shape)) return {};
      const Value whole = condition.shape() == shape.dims() ? condition : expand(condition, shape);
      const Value own = input == 1 ? whole : elementwise(Op::logicalNot, std::span(&whole, 1));
      if (!chosen || !(chosen.shape() == shape.dims())) return own;
      const Value both[] = {chosen, own};
      return elementwise(Op::logicalAnd, both);
    }
    if (!chosen) return {};
    if (row.kind == Kind::elementwise || function.op == Op::to)
      return chosen.shape() == shape.dims() ? chosen : Value();
    if (function.op == Op::reshape) return reshape(chosen, shape);
    if (function.op == Op::permute) {
      const Dims& order = function.attributes->axes;
      Dims inverse(order.size());
      for (size_t i = 0; i < order.size(); ++i)
        inverse[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
      return permute(chosen, inverse);
    }
    if (row.kind == Kind::reduction) {
      Dims kept = shape;
      for (int64_t axis : function.attributes->axes) kept[static_cast<size_t>(axis)] = 1;
      return expand(reshape(chosen, kept), shape);
    }
    return {};
  }

  void deliver(Source* source, Value grad, size_t result = 0, const Value& chosen = {}) {
    if (source->is_leaf() && source->visit_epoch != epoch_) {
      source->visit_epoch = epoch_;
      source->visit_index = static_cast<uint32_t>(leaves_.size());
      leaves_.emplace_back(static_cast<Cell*>(source), Value());
    }
    if (!source->is_leaf()) remember(first_slot_[source->visit_index] + result, chosen);
    Value& slot = source->is_leaf() ? leaves_[source->visit_index].second
                                    : arrived_[first_slot_[source->visit_index] + result];
    slot = slot ? sum_of(slot, grad) : std::move(grad);
  }

  // Of several gradients of one value, those elements count that count in any.
  void remember(size_t slot, const Value& chosen) {
    if (masks_.empty() && !chosen) return;
    if (masks_.empty()) masks_.resize(arrived_.size());
    Value& mask = masks_[slot];
    if (!arrived_[slot]) {
      mask = chosen;
    } else if (mask && chosen) {
      const Value both[] = {mask, chosen};
      mask = elementwise(Op::logicalOr, both);
    } else {
      mask = {};
    }
  }

 public:
  static Value sum_of(const Value& a, const Value& b) {
    const Value terms[] = {a, b};
    return elementwise(Op::add, terms);
  }

 private:
  Session& session_;
  std::span<const Value> targets_;
  uint32_t epoch_ = session_.next_epoch();
  bool has_targets_ = false;
  std::array<std::byte, 4096> stack_;
  std::pmr::monotonic_buffer_resource arena_{stack_.data(), stack_.size()};
  std::pmr::vector<Function*> order_{&arena_}; // newest first
  std::pmr::vector<char> needed_{&arena_};
  std::pmr::vector<size_t> first_slot_{&arena_}; // of a function's results in arrived_
  std::pmr::vector<Value> arrived_{&arena_};
  std::pmr::vector<Value> masks_{&arena_}; // which elements of those count: empty for all
  std::pmr::vector<std::pair<Cell*, Value>> leaves_{&arena_};
};

// Its gradient would be the sum over the batch, where each example has one of its own.
void refuse_outsider(const Value& root, const Value& input, const char* op) {
  if (!has_levels_beyond(root, input)) return;
  throw Error(
      ErrorClass::error, "ERR_VMAP",
      std::string(
          "vmap: this tensor comes from outside of the function that vmap is given, so that it has one "
          "gradient for all examples and not one for each; ") +
          op + ": differentiate with func.grad inside of it, or differentiate what vmap returns",
      op);
}

} // namespace

Value variable(Session& session, const Value& value) {
  if (!is_floating(value.dtype()))
    throw dtype_error("grad",
                      "only Tensors of floating point dtype can require gradients; grad: this one is " +
                          std::string(info(value.dtype()).label) + ", convert with .to(\"float32\") first");
  Value own = batches::in_all_levels(value, session);
  Ref<Function> function = new Function(Op::clone, session.next_sequence++);
  function->label = info(Op::clone).label;
  function->edge_count = 1;
  function->edges[0] = {own.source, own.node->shape, own.dtype()};
  own.source = function;
  return own;
}

bool depend_on_others(Session& session, std::span<const Value> values, std::span<const Value> variables) {
  const uint32_t epoch = session.next_epoch();
  for (const Value& variable : variables)
    if (variable.source) variable.source->target_epoch = epoch;
  std::vector<Source*> pending;
  for (const Value& value : values)
    if (value.source) pending.push_back(value.source.get());
  while (!pending.empty()) {
    Source* const source = pending.back();
    pending.pop_back();
    if (source->visit_epoch == epoch) continue;
    source->visit_epoch = epoch;
    if (source->is_leaf()) return true;
    bool begins_here = source->target_epoch != epoch;
    for (const Edge& edge : static_cast<Function*>(source)->inputs()) {
      if (!edge.source) continue;
      begins_here = false;
      pending.push_back(edge.source.get());
    }
    if (begins_here) return true;
  }
  return false;
}

std::vector<Value> captured(Session& session, std::span<const Value> values, std::span<const Value> variables,
                            uint64_t since) {
  const uint32_t epoch = session.next_epoch();
  for (const Value& variable : variables)
    if (variable.source) variable.source->target_epoch = epoch;
  std::vector<Value> found;
  std::vector<Function*> pending;
  const auto visit = [&](const Edge& edge, Engine& engine) {
    Source* const source = edge.source.get();
    if (!source || source->visit_epoch == epoch || source->target_epoch == epoch) return;
    source->visit_epoch = epoch;
    Function* const function = source->is_leaf() ? nullptr : static_cast<Function*>(source);
    if (function && function->sequence >= since)
      pending.push_back(function);
    else
      found.push_back({zeros(engine, edge.shape, edge.dtype).node, edge.source});
  };
  for (const Value& value : values) {
    Engine& engine = value.node->engine;
    visit({value.source, value.node->shape, value.dtype()}, engine);
    while (!pending.empty()) {
      const Function& function = *pending.back();
      pending.pop_back();
      for (const Edge& edge : function.inputs()) visit(edge, engine);
    }
  }
  return found;
}

void backward(Session& session, const Value& root, const Value& seed, std::span<const Value> only,
              const BackwardOptions& options) {
  Pass pass(session, only);
  pass.run(std::span(&root, 1), std::span(&seed, 1), options);
  for (const auto& [leaf, grad] : pass.leaves()) refuse_outsider(root, leaf->value(), "backward");
  const GradMode mode(session, options.create_graph);
  struct Total {
    Ref<Cell> leaf, fresh; // the latter becomes the gradient of a leaf that has none
    Value value;
  };
  std::vector<Total> totals;
  for (const auto& [leaf, grad] : pass.leaves()) {
    if (leaf->is_orphaned || !leaf->requires_grad) continue;
    const Value total = leaf->grad ? Pass::sum_of(batches::whole(leaf->grad->value()), grad) : grad;
    totals.push_back({leaf, leaf->grad ? Ref<Cell>() : new Cell(total.node),
                      options.create_graph ? with_function(total) : Value{total.node, {}}});
  }
  for (const Total& one : totals) one.value.node->engine.expect_announcements(totals.size());
  root.node->engine.expect_announcements(totals.size());
  // Nothing throws from here on.
  for (auto& [leaf, fresh, total] : totals) {
    if (!leaf->grad) leaf->set_grad(std::move(fresh));
    leaf->grad->node = total.node;
    leaf->grad->function = {};
    leaf->grad->batch = leaf->batch;
    if (total.source) leaf->grad->function = static_cast<Function*>(total.source.get());
    total.node->engine.announce_gradient(leaf);
  }
  pass.free_graph(options);
  root.node->engine.announce(root.node);
  // Hooks may let go of gradients, or of leaves.
  for (const Total& one : totals) {
    if (!one.leaf->hooks) continue;
    const Hooks hooks = *one.leaf->hooks;
    for (const std::shared_ptr<Hook>& hook : hooks)
      if (hook->is_after) hook->called({one.value.node, {}});
  }
}

void gradients(Session& session, const std::vector<Value>& roots, const std::vector<Value>& seeds,
               const std::vector<Value>& inputs, const BackwardOptions& options,
               const std::function<void(const std::vector<Value>& results)>& take) {
  if (inputs.empty()) throw autograd_error("`inputs` argument to `grad()` cannot be empty.", "grad");
  if (!seeds.empty() && seeds.size() != roots.size())
    throw autograd_error("got " + std::to_string(roots.size()) + " tensors and " +
                             std::to_string(seeds.size()) +
                             " gradients; grad: gradOutputs has one entry for each output",
                         "grad");
  for (const Value& input : inputs)
    if (!input.source)
      throw autograd_error("One of the differentiated Tensors does not require grad", "grad");
  for (const Value& root : roots)
    for (const Value& input : inputs) refuse_outsider(root, input, "grad");
  Pass pass(session, inputs);
  pass.run(roots, seeds, options);
  std::vector<Value> results;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Value grad = pass.result(inputs[i].source.get());
    results.push_back(grad ? batches::like(grad, inputs[i].batch) : grad);
    if (!results.back() && !options.allow_unused)
      throw autograd_error(
          "The differentiated Tensor at index " + std::to_string(i) +
              " appears to not have been used in the graph. Set allow_unused=True if this is the desired "
              "behavior. (here: { allowUnused: true })",
          "grad");
  }
  for (const Value& result : results)
    if (result) result.node->engine.expect_announcements(results.size());
  take(results);
  // Nothing throws from here on.
  pass.free_graph(options);
  for (const Value& result : results)
    if (result) result.node->engine.announce(result.node);
}

} // namespace adjoint
