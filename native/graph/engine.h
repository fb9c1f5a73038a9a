// An engine, one per device of a JavaScript environment: the values that its next run computes, and the plans
// of its runs.
#pragma once
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "device/error.h"
#include "graph/program.h"
#include "graph/session.h"
#include "graph/snapshot.h"

namespace adjoint {

// The circumstances of a run.
struct RunRequest {
  // Values whose only owner lets go of them next, so that the new ones may take their place.
  std::vector<Node*> replaced;
  bool caller_waits = false; // for the values
};

class Engine {
 public:
  Engine(Session& session, std::unique_ptr<Device> device);
  ~Engine();

  Session& session;
  std::unique_ptr<Device> device;
  int64_t live_nodes = 0;
  std::vector<std::pair<double, Ref<Node>>> literals; // see literal()

  // Computes these nodes as one plan, with what backward() has announced. All or nothing: when it throws,
  // every node is as it was. Values may still be under way when it returns: download() waits for them.
  void run(const std::vector<Ref<Node>>& wanted, const RunRequest& request = {});
  void run(const Ref<Node>& wanted) { run(std::vector<Ref<Node>>{wanted}); }
  // Computes the node if it is pending, or pending again because the last run has failed. The caller waits.
  void compute(const Ref<Node>& node);
  // Waits until nothing is under way.
  void wait();
  // Learns whether routines of the last run have failed, waiting for it if any of them may. If one has, the
  // run's values are pending again, and computing them once more throws the reason.
  std::optional<Error> settle();
  void download(void* to, const Buffer& from, int64_t bytes); // waits for it
  // The plan of such a run, as text.
  std::string explain(const std::vector<Ref<Node>>& wanted);

  // The next run computes these as well, if it can: a node, or the gradient that a leaf has by then. Neither throws,
  // when so many have been expected.
  void expect_announcements(size_t count);
  void announce(const Ref<Node>& node);
  void announce_gradient(const Ref<Cell>& leaf) { announced_leaves_.push_back(leaf); }

  // Called for every recorded node: bounds what may be pending.
  void after_recording(const Ref<Node>& node);

  Ref<Buffer> upload(const void* data, int64_t bytes);

  struct Counts {
    int64_t runs = 0;
    int64_t plan_hits = 0;
    int64_t plan_misses = 0;
    int64_t kernels = 0;
    int64_t bytes_moved = 0;
  };
  Counts counts;
  // Without fusion every op is a kernel of its own, with the same results.
  void set_fused(bool is_fused);

 private:
  void run_plan(const std::vector<Ref<Node>>& nodes, const RunRequest& request);
  std::shared_ptr<const Program> program();
  void acquire(const std::shared_ptr<const Program>& program, const std::vector<Node*>& replaced);
  void find_owned_leaves(const std::vector<Node*>& replaced);
  void prepare(const std::shared_ptr<const Program>& program);
  Work& fresh_work();
  void finish(const Program& program) noexcept;
  void store_results(const Program& program) noexcept;
  void keep_in_flight() noexcept;
  void land() noexcept;
  Ref<Buffer> allocate(int64_t bytes);

  std::vector<Ref<Node>> announced_nodes_;
  std::vector<Ref<Cell>> announced_leaves_;
  int64_t uploaded_bytes_ = 0; // since the last run

  bool is_fused_;
  Snapshot snapshot_;
  std::vector<Ref<Node>> nodes_;
  // The most recently used first.
  std::list<std::pair<StructuralKey, std::shared_ptr<const Program>>> programs_;
  std::unordered_map<StructuralKey, decltype(programs_)::iterator, StructuralKey::Hash> program_index_;
  std::shared_ptr<Work> work_; // the last one, to be used again when the device is through with it
  std::vector<Ref<Buffer>> blocks_, results_;    // of the present run
  std::vector<uint32_t> inner_uses_, leaf_uses_; // scratch of find_owned_leaves
  std::vector<char> is_owned_;
  // Work that the device has not finished, and the buffers that must outlive it.
  struct InFlight {
    std::shared_ptr<Work> work;
    std::vector<Ref<Buffer>> buffers;
  };
  std::list<InFlight> in_flight_, spare_flights_; // the latter empty, for works to come
  // The last run, until it is known whether its routines have failed. The next run waits for that.
  struct Unsettled {
    std::shared_ptr<const Program> program;
    Ref<Buffer> words;
    std::vector<uint64_t> read_words;                       // room for them
    std::vector<std::pair<Ref<Node>, Node::Recipe>> stored; // recipes to restore if they have
  };
  std::optional<Unsettled> unsettled_, acquired_; // the latter of the present run, until it is submitted
  uint32_t epoch_ = 0;
};

} // namespace adjoint
