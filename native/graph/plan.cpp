#include "graph/plan.h"

#include <optional>

#include "graph/strides.h"

namespace adjoint {

namespace {

// Worth keeping rather than computing again, when history will ask for it.
bool is_dear(const Node& node) {
  return info(node.op).kind == Kind::reduction || info(node.op).kind == Kind::random ||
         node.op == Op::matmul || node.op == Op::splice;
}

// Ops that become strides; making them again costs nothing.
bool is_view(const Node& node) {
  switch (node.op) {
  case Op::permute:
  case Op::expand:
  case Op::slice:
  case Op::reshape:
    return true;
  case Op::to:
    return node.inputs[0]->is_number();
  default:
    return false;
  }
}

// A value that a third run computes is kept from then on.
constexpr uint8_t max_recomputations = 3;
// Dear results up to this size are kept whoever may want them: they cost less than to ask.
constexpr int64_t small_bytes = 4096;

// What a run stores beside what is wanted. It must not depend on which handles happen to be alive.
bool is_kept_anyway(const Node& node) {
  if (is_view(node)) return false;
  return (is_dear(node) &&
          (node.saved_count > 0 || (node.bytes() <= small_bytes && node.op != Op::splice))) ||
         node.times_computed + 1 >= max_recomputations;
}

// What a number becomes in another dtype, as a stored tensor of that dtype would hold it.
Number converted(const Number& number, DType dtype) {
  return with_type(dtype, [&]<class T>() {
    const T value = number.as<T>();
    if constexpr (std::is_same_v<T, bool>)
      return Number::of_boolean(value);
    else if constexpr (std::is_floating_point_v<T>)
      return Number(static_cast<double>(value));
    else
      return Number::of_integer(static_cast<int64_t>(value));
  });
}

} // namespace

Plan::Plan(Engine& engine, const std::vector<Ref<Node>>& wanted)
    : engine_(engine), epoch_(engine.next_epoch()) {
  collect(wanted);
  decide_what_is_stored(wanted);
  slots_.reserve(entries_.size());
  launches_.reserve(entries_.size() + wanted.size());
  for (Entry& entry : entries_) plan_node(entry);
  assign_memory();
}

void Plan::collect(const std::vector<Ref<Node>>& wanted) {
  struct Visit {
    Node* node;
    uint8_t next_input;
  };
  std::vector<Visit> path;
  const auto enter = [&](Node* node) {
    if (!node->is_pending() || node->plan_epoch == epoch_) return;
    node->plan_epoch = epoch_;
    path.push_back({node, 0});
  };
  for (const Ref<Node>& root : wanted) {
    enter(root.get());
    while (!path.empty()) {
      Visit& visit = path.back();
      if (visit.next_input < visit.node->input_count) {
        enter(visit.node->inputs[visit.next_input++].get());
        continue;
      }
      visit.node->plan_index = static_cast<uint32_t>(entries_.size());
      entries_.push_back({.node = visit.node, .place = {}});
      path.pop_back();
    }
  }
}

void Plan::decide_what_is_stored(const std::vector<Ref<Node>>& wanted) {
  for (const Entry& entry : entries_)
    for (size_t i = 0; i < entry.node->input_count; ++i)
      if (const Node& input = *entry.node->inputs[i]; input.is_pending()) ++entries_[input.plan_index].uses;
  for (Entry& entry : entries_) entry.is_stored = entry.node->is_persistent || is_kept_anyway(*entry.node);
  for (const Ref<Node>& node : wanted) entries_[node->plan_index].is_stored = true;
}

Plan::Place Plan::place_of(const Node& node) const {
  if (node.is_pending()) return entries_[node.plan_index].place;
  Place place;
  place.operand.dtype = node.dtype;
  if (node.is_number()) {
    place.operand.number = node.number;
    place.operand.strides = Dims(node.shape.size(), 0);
  } else {
    place.operand.buffer = node.buffer.get();
    place.operand.strides = row_major_strides(node.shape);
  }
  return place;
}

int32_t Plan::new_slot(int64_t bytes) {
  slots_.push_back({.bytes = bytes, .last_use = static_cast<uint32_t>(launches_.size())});
  return static_cast<int32_t>(slots_.size() - 1);
}

void Plan::plan_node(Entry& entry) {
  if (entry.node->op == Op::splice)
    plan_splice(entry);
  else if (!plan_as_view(entry))
    plan_kernel(entry);
  if (entry.is_stored && !entry.owns_slot) {
    // What costs nothing to make again is stored only on demand.
    const Place from = entry.place;
    copy_into_own_slot(entry, from);
  }
  if (entry.is_stored) slots_[static_cast<size_t>(entry.place.slot)].is_pinned = true;
}

bool Plan::plan_as_view(Entry& entry) {
  const Node& node = *entry.node;
  const auto input = [&] { return place_of(*node.inputs[0]); };
  switch (node.op) {
  case Op::to:
    if (!is_view(node)) return false;
    entry.place = input();
    entry.place.operand.number = converted(node.inputs[0]->number, node.dtype);
    entry.place.operand.dtype = node.dtype;
    return true;
  case Op::permute:
    entry.place = input();
    entry.place.operand.strides = permuted(input().operand.strides, node.attributes->axes);
    return true;
  case Op::expand:
    entry.place = input();
    entry.place.operand.strides =
        broadcast_strides(input().operand.strides, node.inputs[0]->shape, node.shape);
    return true;
  case Op::slice:
    entry.place = input();
    move_to_slice(entry.place.operand, node.attributes->starts, node.attributes->steps);
    return true;
  case Op::reshape: {
    entry.place = input();
    if (entry.place.is_number()) {
      entry.place.operand.strides = Dims(node.shape.size(), 0);
      return true;
    }
    const std::optional<Dims> strides =
        reshaped(entry.place.operand.strides, node.inputs[0]->shape, node.shape);
    if (strides)
      entry.place.operand.strides = *strides;
    else {
      // The copy is laid out like the input, and therefore row-major for every shape of as many elements.
      const Place from = entry.place;
      Launch& launch = launch_into_own_slot(entry, Op::clone, node.dtype);
      launch.kernel.shape = node.inputs[0]->shape;
      launch.kernel.output.strides = row_major_strides(launch.kernel.shape);
      add_input(launch, from, from.operand.strides);
    }
    return true;
  }
  default:
    return false;
  }
}

Plan::Launch& Plan::launch_into_own_slot(Entry& entry, Op op, DType dtype) {
  const Node& node = *entry.node;
  entry.place = {};
  entry.place.slot = new_slot(node.bytes());
  entry.place.operand.dtype = node.dtype;
  entry.place.operand.strides = row_major_strides(node.shape);
  entry.owns_slot = true;
  Launch& launch = launches_.emplace_back();
  launch.kernel.op = op;
  launch.kernel.dtype = dtype;
  launch.kernel.shape = node.shape;
  launch.kernel.output = entry.place.operand;
  launch.output_slot = entry.place.slot;
  return launch;
}

void Plan::add_input(Launch& launch, const Place& place, const Dims& strides) {
  const size_t i = launch.kernel.input_count++;
  launch.kernel.inputs[i] = place.operand;
  launch.kernel.inputs[i].strides = strides;
  launch.input_slots[i] = place.slot;
  if (place.slot >= 0)
    slots_[static_cast<size_t>(place.slot)].last_use = static_cast<uint32_t>(launches_.size() - 1);
}

void Plan::copy_into_own_slot(Entry& entry, const Place& from) {
  Launch& launch = launch_into_own_slot(entry, Op::clone, entry.node->dtype);
  add_input(launch, from, from.operand.strides);
}

void Plan::plan_splice(Entry& entry) {
  const Node& node = *entry.node;
  const Node& base = *node.inputs[0];
  const bool takes_over = base.is_pending() && entries_[base.plan_index].owns_slot &&
                          !entries_[base.plan_index].is_stored && entries_[base.plan_index].uses == 1;
  if (takes_over) {
    entry.place = place_of(base);
    entry.owns_slot = true;
  } else {
    const Place from = place_of(base);
    copy_into_own_slot(entry, from);
  }
  const Place part = place_of(*node.inputs[1]);
  Launch& launch = launches_.emplace_back();
  launch.kernel.op = Op::clone;
  launch.kernel.dtype = node.dtype;
  launch.kernel.shape = node.inputs[1]->shape;
  launch.kernel.output = entry.place.operand;
  move_to_slice(launch.kernel.output, node.attributes->starts, node.attributes->steps);
  launch.output_slot = entry.place.slot;
  slots_[static_cast<size_t>(entry.place.slot)].last_use = static_cast<uint32_t>(launches_.size() - 1);
  add_input(launch, part, part.operand.strides);
}

void Plan::plan_kernel(Entry& entry) {
  const Node& node = *entry.node;
  const Kind kind = info(node.op).kind;
  // The arithmetic is done in the dtype of the last input that is not a number; casts have made them equal.
  DType dtype = node.dtype;
  for (size_t i = 0; i < node.input_count; ++i)
    if (!node.inputs[i]->is_number()) dtype = node.inputs[i]->dtype;
  if (kind == Kind::elementwise && info(node.op).dtypes != Dtypes::truth) dtype = node.dtype;

  Launch& launch = launch_into_own_slot(entry, node.op, dtype);
  launch.is_elementwise = kind == Kind::elementwise || node.op == Op::to;
  launch.kernel.attributes = node.attributes;
  if (kind == Kind::reduction) {
    launch.kernel.shape = node.inputs[0]->shape;
    launch.kernel.output.strides = reduced_strides(node.inputs[0]->shape, node.attributes->axes);
  }
  if (node.op == Op::matmul) {
    // The iteration space is batch x rows x columns x inner.
    const size_t rank = node.shape.size();
    launch.kernel.shape.push_back(node.inputs[0]->shape.back());
    launch.kernel.output.strides.push_back(0);
    for (size_t i = 0; i < 2; ++i) {
      const Place place = place_of(*node.inputs[i]);
      Dims strides = place.operand.strides;
      strides.push_back(strides[i == 0 ? rank - 1 : rank - 2]);
      strides[i == 0 ? rank - 1 : rank - 2] = 0;
      add_input(launch, place, strides);
    }
    return;
  }
  for (size_t i = 0; i < node.input_count; ++i) {
    const Node& input = *node.inputs[i];
    const Place place = place_of(input);
    add_input(launch, place, broadcast_strides(place.operand.strides, input.shape, launch.kernel.shape));
  }
}

// Whether every read of the slot is of the very element that is written next.
bool Plan::may_replace(const Launch& launch, int32_t slot) {
  const Kernel& kernel = launch.kernel;
  for (size_t j = 0; j < kernel.input_count; ++j) {
    if (launch.input_slots[j] != slot) continue;
    const Operand& input = kernel.inputs[j];
    if (bytes_of(input.dtype) != bytes_of(kernel.output.dtype) || input.offset != kernel.output.offset)
      return false;
    for (size_t i = 0; i < kernel.shape.size(); ++i)
      if (kernel.shape[i] != 1 && input.strides[i] != kernel.output.strides[i]) return false;
  }
  return true;
}

void Plan::assign_memory() {
  std::vector<int32_t> idle; // physical blocks that nothing reads any more
  for (uint32_t i = 0; i < launches_.size(); ++i) {
    const Launch& launch = launches_[i];
    Slot& output = slots_[static_cast<size_t>(launch.output_slot)];
    const auto dies_here = [&](int32_t slot) {
      return slot >= 0 && slots_[static_cast<size_t>(slot)].last_use == i &&
             !slots_[static_cast<size_t>(slot)].is_pinned;
    };
    for (size_t j = 0; j < launch.kernel.input_count && output.physical < 0 && launch.is_elementwise; ++j) {
      const int32_t slot = launch.input_slots[j];
      if (dies_here(slot) && slots_[static_cast<size_t>(slot)].bytes == output.bytes &&
          may_replace(launch, slot))
        output.physical = slots_[static_cast<size_t>(slot)].physical;
    }
    const int32_t taken = output.physical;
    if (output.physical < 0) {
      const auto found = std::find_if(idle.begin(), idle.end(), [&](int32_t physical) {
        return physical_bytes_[static_cast<size_t>(physical)] == output.bytes;
      });
      if (found != idle.end()) {
        output.physical = *found;
        idle.erase(found);
      } else {
        output.physical = static_cast<int32_t>(physical_bytes_.size());
        physical_bytes_.push_back(output.bytes);
      }
    }
    for (size_t j = 0; j < launch.kernel.input_count; ++j) {
      if (!dies_here(launch.input_slots[j])) continue;
      const int32_t physical = slots_[static_cast<size_t>(launch.input_slots[j])].physical;
      const bool listed = std::find(idle.begin(), idle.end(), physical) != idle.end();
      if (physical != taken && physical != output.physical && !listed) idle.push_back(physical);
    }
  }
}

void Plan::run() {
  int64_t total_bytes = 0;
  for (int64_t bytes : physical_bytes_) total_bytes += bytes;
  engine_.before_allocation(total_bytes);
  std::vector<Ref<Buffer>> buffers;
  buffers.reserve(physical_bytes_.size());
  for (int64_t bytes : physical_bytes_) buffers.push_back(engine_.device->allocate(bytes));
  const auto buffer_of = [&](int32_t slot) -> Ref<Buffer>& {
    return buffers[static_cast<size_t>(slots_[static_cast<size_t>(slot)].physical)];
  };
  for (Launch& launch : launches_) {
    for (size_t i = 0; i < launch.kernel.input_count; ++i)
      if (launch.input_slots[i] >= 0) launch.kernel.inputs[i].buffer = buffer_of(launch.input_slots[i]).get();
    launch.kernel.output.buffer = buffer_of(launch.output_slot).get();
    engine_.device->launch(launch.kernel);
  }
  engine_.kernels += static_cast<int64_t>(launches_.size());
  // Inputs before users: storing a node lets its recipe go, and with it perhaps the inputs.
  for (Entry& entry : entries_) {
    if (entry.is_stored)
      entry.node->store(buffer_of(entry.place.slot));
    else
      ++entry.node->times_computed;
  }
}

} // namespace adjoint
