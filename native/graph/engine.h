// One engine per JavaScript environment: its device, its modes, its defaults, and what the next run computes.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "graph/node.h"

namespace adjoint {

class Engine {
 public:
  explicit Engine(std::unique_ptr<Device> device) : device(std::move(device)) {}

  std::unique_ptr<Device> device;
  bool grad_enabled = true;
  DType default_dtype = DType::float32;
  uint64_t seed = 0;
  uint64_t random_offset = 0; // counters drawn so far
  uint64_t next_sequence = 1;
  int64_t live_nodes = 0;
  // Called before memory is asked for, to let go of what JavaScript no longer holds.
  std::function<void(int64_t wanted_bytes)> before_allocation = [](int64_t) {};

  // Computes these nodes as one plan, with what backward() has announced. All or nothing: when it throws,
  // every node is as it was.
  void run(const std::vector<Ref<Node>>& wanted);
  void run(const Ref<Node>& wanted) { run(std::vector<Ref<Node>>{wanted}); }

  // The next run computes these as well, if it can: a node, or the gradient that a leaf then has.
  void announce(const Ref<Node>& node);
  void announce_gradient(const Ref<Cell>& leaf) { announced_leaves_.push_back(leaf); }

  // Called for every recorded node: bounds what may be pending.
  void after_recording(const Ref<Node>& node);

  Ref<Buffer> upload(const void* data, int64_t bytes);
  // Marks of graph walks; every walk takes a fresh one.
  uint32_t next_epoch() { return ++epoch_; }
  int64_t runs = 0;
  int64_t kernels = 0;

 private:
  void run_plan(std::vector<Ref<Node>> nodes);

  std::vector<Ref<Node>> announced_nodes_;
  std::vector<Ref<Cell>> announced_leaves_;
  int64_t uploaded_bytes_ = 0; // since the last run
  uint32_t epoch_ = 0;
};

} // namespace adjoint
