// Graphs. Among the nodes that could run next, the one that was added last does, so that a dependency which
// was forgotten shows.
#include <algorithm>

#include "driver.h"

namespace stand_in {

Work prepare_copy(const CUDA_MEMCPY3D& box);

namespace {

CUresult add_node(CUgraphNode* node, CUgraph graph, const CUgraphNode* after, size_t count, Work work,
                  bool is_kernel) {
  require(node && (count == 0 || after));
  const auto found = find<Graph>(driver().graphs, graph);
  GraphNode made{std::move(work), is_kernel, {}};
  for (size_t k = 0; k < count; ++k) {
    const auto other = find<GraphNodeObject>(driver().nodes, after[k]);
    require(other->graph == graph);
    made.after.push_back(other->index);
  }
  found->nodes.push_back(std::move(made));
  *node =
      driver().nodes.add(std::make_shared<GraphNodeObject>(GraphNodeObject{graph, found->nodes.size() - 1}));
  found->handles.push_back(*node);
  return CUDA_SUCCESS;
}

Work prepare_kernel(Context& context, const CUDA_KERNEL_NODE_PARAMS& node) {
  const uint32_t grid[] = {node.gridDimX, node.gridDimY, node.gridDimZ};
  const uint32_t block[] = {node.blockDimX, node.blockDimY, node.blockDimZ};
  return prepare_launch(context, node.func, grid, block, node.sharedMemBytes, node.kernelParams, node.extra);
}

// Empty if the dependencies go in a circle.
std::vector<size_t> order_of(const std::vector<GraphNode>& nodes) {
  std::vector<size_t> order, missing(nodes.size());
  std::vector<std::vector<size_t>> next(nodes.size());
  std::vector<size_t> ready; // a heap with the greatest first
  for (size_t k = 0; k < nodes.size(); ++k) {
    missing[k] = nodes[k].after.size();
    for (const size_t before : nodes[k].after) next[before].push_back(k);
    if (missing[k] == 0) ready.push_back(k);
  }
  std::make_heap(ready.begin(), ready.end());
  while (!ready.empty()) {
    std::pop_heap(ready.begin(), ready.end());
    const size_t node = ready.back();
    ready.pop_back();
    order.push_back(node);
    for (const size_t k : next[node])
      if (--missing[k] == 0) {
        ready.push_back(k);
        std::push_heap(ready.begin(), ready.end());
      }
  }
  return order.size() == nodes.size() ? order : std::vector<size_t>{};
}

} // namespace

} // namespace stand_in

using namespace stand_in;

CUDA_API cuGraphCreate(CUgraph* graph, unsigned flags) {
  return enter("cuGraphCreate", Needs::healthy_context, [&](Context* context) {
    require(graph && flags == 0);
    *graph = driver().graphs.add(std::make_shared<Graph>(Graph{context, {}, {}}));
    return CUDA_SUCCESS;
  });
}

CUDA_API cuGraphAddKernelNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* after, size_t count,
                              const CUDA_KERNEL_NODE_PARAMS* kernel) {
  return enter("cuGraphAddKernelNode", Needs::healthy_context, [&](Context* context) {
    require(kernel);
    return add_node(node, graph, after, count, prepare_kernel(*context, *kernel), true);
  });
}

CUDA_API cuGraphAddMemcpyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* after, size_t count,
                              const CUDA_MEMCPY3D* box, CUcontext context) {
  return enter("cuGraphAddMemcpyNode", Needs::healthy_context, [&](Context*) {
    require(box);
    require(driver().contexts.find(context) != nullptr, CUDA_ERROR_INVALID_CONTEXT);
    return add_node(node, graph, after, count, prepare_copy(*box), false);
  });
}

CUDA_API cuGraphAddDependencies(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to, size_t count) {
  return enter("cuGraphAddDependencies", Needs::healthy_context, [&](Context*) {
    const auto found = find<Graph>(driver().graphs, graph);
    require(count == 0 || (from && to));
    for (size_t k = 0; k < count; ++k) {
      const auto before = find<GraphNodeObject>(driver().nodes, from[k]);
      const auto after = find<GraphNodeObject>(driver().nodes, to[k]);
      require(before->graph == graph && after->graph == graph && before->index != after->index);
      auto& known = found->nodes[after->index].after;
      require(std::find(known.begin(), known.end(), before->index) == known.end());
      known.push_back(before->index);
    }
    return CUDA_SUCCESS;
  });
}

CUDA_API cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long flags) {
  return enter("cuGraphInstantiateWithFlags", Needs::healthy_context, [&](Context*) {
    require(exec && flags == 0);
    const auto found = find<Graph>(driver().graphs, graph);
    auto made = std::make_shared<GraphExec>();
    made->context = found->context;
    made->nodes = found->nodes;
    made->handles = found->handles;
    made->order = order_of(found->nodes);
    require(made->order.size() == found->nodes.size());
    *exec = driver().execs.add(std::move(made));
    return CUDA_SUCCESS;
  });
}

CUDA_API cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                        const CUDA_KERNEL_NODE_PARAMS* kernel) {
  return enter("cuGraphExecKernelNodeSetParams", Needs::healthy_context, [&](Context* context) {
    require(kernel);
    const auto found = find<GraphExec>(driver().execs, exec);
    const auto original = find<GraphNodeObject>(driver().nodes, node);
    require(original->index < found->handles.size() && found->handles[original->index] == node);
    GraphNode& changed = found->nodes[original->index];
    require(changed.is_kernel);
    changed.work = prepare_kernel(*context, *kernel);
    return CUDA_SUCCESS;
  });
}

CUDA_API cuGraphLaunch(CUgraphExec exec, CUstream stream) {
  return enter("cuGraphLaunch", Needs::healthy_context, [&](Context* context) {
    const auto found = find<GraphExec>(driver().execs, exec);
    const StreamPtr on = find_stream(*context, stream);
    std::vector<Work> works;
    for (const size_t node : found->order) works.push_back(found->nodes[node].work);
    ++driver().graph_launches;
    Context& owner = on->context;
    auto all = [&owner, works = std::move(works), before = found->last] {
      if (before.stream) before.stream->wait(before.ticket); // a graph does not run twice at once
      for (const Work& work : works)
        if (!owner.error) (*work)();
    };
    found->last.ticket = submit(
        on, guarded(owner, with_fault(owner, std::make_shared<const std::function<void()>>(std::move(all)))));
    found->last.stream = on;
    return CUDA_SUCCESS;
  });
}

CUDA_API cuGraphExecDestroy(CUgraphExec exec) {
  return enter("cuGraphExecDestroy", Needs::context, [&](Context*) {
    require(driver().execs.remove(exec), CUDA_ERROR_INVALID_HANDLE);
    return CUDA_SUCCESS;
  });
}

CUDA_API cuGraphDestroy(CUgraph graph) {
  return enter("cuGraphDestroy", Needs::context, [&](Context*) {
    const auto found = find<Graph>(driver().graphs, graph);
    for (const CUgraphNode node : found->handles) driver().nodes.remove(node);
    driver().graphs.remove(graph);
    return CUDA_SUCCESS;
  });
}
