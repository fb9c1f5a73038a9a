// The state that all devices of one JavaScript environment share: modes, defaults, counters, and an engine
// for each device in use.
#pragma once
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "graph/node.h"

namespace adjoint {

class Engine;
struct RunRequest;

// A seed that nobody can foretell, below 2**53 as PyTorch's is, so that it is also a number of JavaScript's.
uint64_t unpredictable_seed();

// What random numbers vmap draws for the examples of a batch: none, the same for all, or to each its own.
enum class Randomness : uint8_t { error, same, different };

class Session {
 public:
  // The first device is the default one.
  explicit Session(std::unique_ptr<Device> device);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  bool grad_enabled = true;
  bool is_inference = false; // what is made is never saved for backward
  DType default_dtype = DType::float32;
  uint64_t seed = unpredictable_seed();
  uint64_t random_offset = 0; // counters drawn so far
  uint64_t next_sequence = 1;
  ProductModes product_modes; // of products that are recorded next
  // The batches that vmap is working on, the innermost last.
  struct Level {
    int64_t number;
    int64_t extent;
    Randomness randomness;
  };
  std::vector<Level> levels;
  int64_t next_level = 1;
  // Where the program is, while backward passes look for NaN; null while they do not.
  std::function<std::string()> call_site;
  // Called before memory is asked for, to let go of what JavaScript no longer holds.
  std::function<void(Engine& engine, int64_t wanted_bytes)> before_allocation = [](Engine&, int64_t) {};

  Engine& add(std::unique_ptr<Device> device);
  const std::vector<std::unique_ptr<Engine>>& engines() const { return engines_; }
  Engine& engine(size_t index) const { return *engines_[index]; }
  // The engine of new tensors whose maker names no device.
  Engine& default_engine() const { return default_engine_; }

  // Computes these nodes, with one plan for each device. The first device that fails ends the run.
  void run(const std::vector<Ref<Node>>& wanted, const RunRequest& request);
  // The number of plans that have run.
  int64_t runs() const;
  // Whom errors name that show only when the graph runs: the function that people have called, where that is not the op
  // that fails. Names are kept, and what is recorded knows the place of its own, or none.
  void set_caller(const std::string& name);
  int32_t caller() const { return caller_; } // -1 for none
  const std::string& caller_at(int32_t place) const { return callers_[static_cast<size_t>(place)]; }
  // A lasting copy of the text, one for all equal texts: functions keep views of labels.
  std::string_view interned(std::string_view text);
  // Marks of graph walks; every walk takes a fresh one.
  uint32_t next_epoch() { return ++epoch_; }
  uint32_t last_epoch() const { return epoch_; }

 private:
  std::vector<std::unique_ptr<Engine>> engines_;
  Engine& default_engine_;
  std::set<std::string, std::less<>> texts_;
  std::vector<std::string> callers_;
  int32_t caller_ = -1;
  uint32_t epoch_ = 0;
};

} // namespace adjoint
