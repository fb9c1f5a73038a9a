// Rules: updates of optimizers, recorded once by running them in TypeScript and applied natively ever after.
#pragma once
#include <memory>
#include <string>

#include "graph/template.h"

namespace adjoint::node {

// A recorded update. Its tensors are rows: the parameter, then what a rule keeps for each parameter; the
// gradient stands between the parameter and the rest among the inputs.
struct Trace {
  Template body;
  std::vector<uint32_t> input_rows;  // without parameter and gradient
  std::vector<uint32_t> result_rows; // the parameter is row 0
};

// An update that is being recorded.
struct Recording {
  std::string who; // the optimizer
  std::vector<Ref<Node>> inputs;
  std::vector<Ref<Node>> scalars;
  std::vector<uint32_t> input_rows;
  int64_t runs; // before it began: a recording with holes is worth nothing
  bool has_read_a_shape = false;
};

struct Rules {
  std::unique_ptr<Recording> recording;
  std::vector<std::unique_ptr<Trace>> traces; // by number; null where it is free
};

} // namespace adjoint::node
