#include "graph/engine.h"

#include "device/error.h"
#include "graph/plan.h"

namespace adjoint {

namespace {
// Bounds on what waits for a run. A chain is cut long before its length matters to memory or time.
constexpr uint16_t max_depth = 1024;
constexpr size_t max_announced = 256;
constexpr int64_t max_uploaded_bytes = int64_t{256} << 20;
} // namespace

void Engine::run(const std::vector<Ref<Node>>& wanted) {
  std::vector<Ref<Node>> nodes = wanted;
  nodes.insert(nodes.end(), announced_nodes_.begin(), announced_nodes_.end());
  for (const Ref<Cell>& leaf : announced_leaves_)
    if (leaf->grad) nodes.push_back(leaf->grad->node);
  announced_nodes_.clear();
  announced_leaves_.clear();
  uploaded_bytes_ = 0;
  try {
    run_plan(nodes);
  } catch (const Error&) {
    // What was only announced must not stand in the way of what is wanted; it can be read on its own.
    if (nodes.size() == wanted.size()) throw;
    run_plan(wanted);
  }
}

void Engine::run_plan(std::vector<Ref<Node>> nodes) {
  std::erase_if(nodes, [](const Ref<Node>& node) { return !node->is_pending(); });
  if (nodes.empty()) return;
  Plan plan(*this, nodes);
  plan.run();
  ++runs;
}

void Engine::announce(const Ref<Node>& node) {
  announced_nodes_.push_back(node);
  if (announced_nodes_.size() + announced_leaves_.size() > max_announced) run(std::vector<Ref<Node>>());
}

void Engine::after_recording(const Ref<Node>& node) {
  if (node->depth >= max_depth || uploaded_bytes_ > max_uploaded_bytes) run(node);
}

Ref<Buffer> Engine::upload(const void* data, int64_t bytes) {
  before_allocation(bytes);
  Ref<Buffer> buffer = device->allocate(bytes);
  device->upload(*buffer, data, bytes);
  uploaded_bytes_ += bytes;
  return buffer;
}

} // namespace adjoint
