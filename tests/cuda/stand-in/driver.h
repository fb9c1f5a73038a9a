// What the driver keeps: contexts, and by handle everything that belongs to one. It is never taken down,
// since threads may be at work when the process ends.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "cuda_api.h"
#include "machine.h"
#include "memory.h"
#include "options.h"

namespace stand_in {

struct Context;

// A thread that does what was submitted, in order.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(Context& context, bool is_blocking) : context(context), is_blocking(is_blocking) {}
  void start();
  uint64_t submit(std::function<void()> work); // gives a ticket
  void wait(uint64_t ticket);
  void wait_all();
  bool is_done(uint64_t ticket);
  uint64_t last_ticket();
  void close(); // ends when all is done
  Context& context;
  const bool is_blocking; // waits for the default stream, and it for this one

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  uint64_t submitted_ = 0, done_ = 0;
  bool is_closed_ = false;
};
using StreamPtr = std::shared_ptr<Stream>;

struct Point { // of a stream
  StreamPtr stream;
  uint64_t ticket = 0;
  uint64_t nanoseconds = 0; // when it was reached
};

struct Event {
  Context* context;
  bool has_time;
  std::shared_ptr<Point> recorded;
};

struct ModuleObject {
  Context* context;
  std::shared_ptr<const Module> module;
  std::unordered_map<std::string, std::shared_ptr<const Program>> programs;
  std::unordered_map<std::string, CUfunction> functions;
  std::vector<uint64_t> globals;
};
struct FunctionObject {
  Context* context;
  std::shared_ptr<const Program> program;
  int max_dynamic_shared = 0;
  int carveout = -1;
};

// A kernel or a copy, ready to run.
using Work = std::shared_ptr<const std::function<void()>>;
struct GraphNode {
  Work work;
  bool is_kernel = false;
  std::vector<size_t> after;
};
struct Graph {
  Context* context;
  std::vector<GraphNode> nodes;
  std::vector<CUgraphNode> handles;
};
struct GraphNodeObject {
  CUgraph graph;
  size_t index;
};
struct GraphExec {
  Context* context;
  std::vector<GraphNode> nodes;
  std::vector<size_t> order;
  std::vector<CUgraphNode> handles;
  Point last;
};

// Handles are numbers that are given once, so one that is stale is known to be.
template <class Handle, class T> class Registry {
 public:
  Handle add(std::shared_ptr<T> object) {
    std::lock_guard lock(mutex_);
    const auto handle = reinterpret_cast<Handle>(next_.fetch_add(64));
    objects_[handle] = std::move(object);
    return handle;
  }
  std::shared_ptr<T> find(Handle handle) {
    std::lock_guard lock(mutex_);
    const auto found = objects_.find(handle);
    return found == objects_.end() ? nullptr : found->second;
  }
  bool remove(Handle handle) {
    std::lock_guard lock(mutex_);
    return objects_.erase(handle) != 0;
  }
  template <class F> void remove_if(F f) {
    std::lock_guard lock(mutex_);
    std::erase_if(objects_, [&](const auto& entry) { return f(*entry.second); });
  }
  template <class F> void for_each(F f) {
    std::lock_guard lock(mutex_);
    for (const auto& entry : objects_) f(entry.second);
  }

 private:
  std::mutex mutex_;
  static inline std::atomic<uintptr_t> next_{0x5AFE0000};
  std::unordered_map<Handle, std::shared_ptr<T>> objects_;
};

struct Context {
  int device = 0; // an index of what the process sees
  int retained = 0;
  CUcontext handle = nullptr;
  std::atomic<int> error{0};
  StreamPtr default_stream;
  std::mutex mutex; // of the default stream
};

struct Driver {
  std::atomic<bool> is_initialized{false}, is_ending{false};
  std::mutex mutex;                              // of contexts
  std::vector<std::shared_ptr<Context>> primary; // of each device
  std::mutex submission;                         // so that what streams wait for one another is one order
  Memory memory;
  Registry<CUcontext, Context> contexts;
  Registry<CUstream, Stream> streams;
  Registry<CUevent, Event> events;
  Registry<CUmodule, ModuleObject> modules;
  Registry<CUfunction, FunctionObject> functions;
  Registry<CUgraph, Graph> graphs;
  Registry<CUgraphNode, GraphNodeObject> nodes;
  Registry<CUgraphExec, GraphExec> execs;
  std::atomic<uint64_t> launches{0}, graph_launches{0}, allocations{0}, frees{0}, modules_loaded{0};
  std::atomic<int> running{0}; // streams that are at work
  std::atomic<bool> is_broken{false};
};
Driver& driver();

struct ApiError {
  int code;
};

// A call that waits gives the error of what it has waited for.
enum class Needs : uint8_t { nothing, initialized, context, healthy_context, outcome };

// What all entry points have in common. `f` gets the current context, if it needs one.
CUresult enter(const char* name, Needs needs, const std::function<CUresult(Context*)>& f);

inline void require(bool condition, int code = CUDA_ERROR_INVALID_VALUE) {
  if (!condition) throw ApiError{code};
}
template <class T, class R, class H> std::shared_ptr<T> find(R& registry, H handle) {
  std::shared_ptr<T> found = registry.find(handle);
  require(found != nullptr, CUDA_ERROR_INVALID_HANDLE);
  return found;
}
StreamPtr find_stream(Context& context, CUstream handle);
uint64_t submit(const StreamPtr& stream, std::function<void()> work);
void wait_for_all(Context& context);
// Runs work in a stream's thread, unless the context is broken.
std::function<void()> guarded(Context& context, Work work);

Work prepare_launch(Context& context, CUfunction function, const uint32_t* grid, const uint32_t* block,
                    uint32_t shared_bytes, void** parameters, void** extra);
// The work, or at the launch that is to break everything, that.
Work with_fault(Context& context, Work work);
bool& in_host_function();

} // namespace stand_in

#define CUDA_API extern "C" [[gnu::visibility("default")]] CUresult
