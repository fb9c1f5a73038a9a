// A plan as text, which shows people what is fused.
#pragma once
#include <string>
#include <vector>

#include "graph/node.h"

namespace adjoint {

struct ExplainedLaunch {
  Kernel kernel;
  size_t instances = 1;
  std::vector<const Node*> reads, writes;
};

std::string explain(const std::vector<ExplainedLaunch>& launches, size_t buffers, int64_t buffer_bytes,
                    int64_t bytes_moved);

} // namespace adjoint
