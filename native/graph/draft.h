// A draft of one fused kernel, which the planner builds root by root. A root is an entry that the kernel
// stores or reduces. `add` pulls it in with everything that it is computed from, down to arrays and numbers,
// or changes nothing if it does not fit. The result is a FusedKernel (device/kernel.h) and the lists of
// arrays and numbers that it reads.
//
// Every value is pulled through an IndexMap (index_map.h), which says which of its elements the kernel's
// space needs. Views only change the map; elementwise ops and reductions become steps; values of earlier
// kernels are loaded. One value that is pulled twice through equal maps is one step.
#pragma once
#include <optional>
#include <unordered_map>

#include "graph/index_map.h"
#include "graph/snapshot.h"

namespace adjoint {

// The planner's decisions about an entry of the snapshot, in the words of plan.h.
struct Decision {
  bool is_materialized = false; // computed once, and read by others from where it is stored or reduced
  bool is_pushed = false;       // a splice that is written into the block of its base
  bool needs_base = true;       // of a pushed splice: some of the base stays visible
  int32_t kernel = -1;          // of a materialized entry, once planned: where it is computed
  int32_t under = -1;           // of a pushed splice: the kernel that writes its base
  int32_t latest = -1;          // the last kernel that must have run before the entry can be computed
};

struct DraftBudget {
  static constexpr size_t steps = 1024;
  static constexpr size_t arrays = 64;
};

class Draft {
 public:
  // An array of the kernel: a leaf, or a materialized entry.
  struct Array {
    bool is_leaf = false;
    uint32_t index = 0;
    bool operator==(const Array&) const = default;
  };
  enum class RootKind : uint8_t { value, base, part }; // a pushed splice has two roots: base and part
  struct Root {
    uint32_t entry = 0;
    RootKind kind = RootKind::value;
    uint16_t step = 0;
    Access access; // where it is stored, if it is
    bool is_of_rows = false;
  };

  Draft(const Snapshot& snapshot, const std::vector<Decision>& decisions, int32_t number, const Dims& shape,
        const Dims& reduced_axes);

  // Adds what the root needs, or changes nothing and returns false: the space does not fit, a value is not
  // there yet, or the kernel would grow too large.
  bool add(uint32_t entry, RootKind kind);
  // The same roots in a kernel that reduces these axes: its former rows become elements. Nothing if one does
  // not fit.
  std::optional<Draft> reduced_over(const Dims& axes) const;

  const Dims& shape() const { return shape_; }
  const Dims& reduced_axes() const { return reduced_axes_; }
  const std::vector<Root>& roots() const { return roots_; }
  const std::vector<Array>& arrays() const { return arrays_; }
  const std::vector<uint32_t>& numbers() const { return numbers_; }
  const FusedKernel& kernel() const { return kernel_; }
  // Entries and leaves that the last root brought in.
  const std::vector<InputRef>& touched() const { return touched_; }
  void store(const Root& root);
  // After add() failed: the view that has to be in memory first, or -1.
  int32_t unmappable() const { return unmappable_; }

  static std::optional<IndexMap> through_view(const Node& view, const IndexMap& map);

 private:
  struct Key {
    InputRef ref;
    DType dtype;
    std::vector<int64_t> map;
    bool operator==(const Key&) const;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  struct Mark;

  // The functions below give nothing where the root does not fit: a value is not there yet, or no map can
  // follow a view.
  std::optional<Root> reduced_root(uint32_t entry);
  std::optional<Root> value_root(uint32_t entry, RootKind kind);
  std::optional<uint16_t> root_step(uint32_t entry, RootKind kind, const IndexMap& map);
  bool fits(const Root& added, bool is_reduction) const;
  bool is_full() const;
  std::optional<IndexMap> map_through_view(uint32_t view, const IndexMap& map);
  // The value below a chain of reshapes, none of which is materialized.
  InputRef under_reshapes(InputRef ref) const;
  static Access map_to_part(const Node& splice, const IndexMap& map, bool over_rows);
  std::optional<uint16_t> pull(InputRef ref, IndexMap map, DType number_dtype);
  std::optional<uint16_t> pull_entry(uint32_t index, const IndexMap& map);
  std::optional<uint16_t> pull_position(uint32_t index, const Dims& shape, const IndexMap& map);
  std::optional<uint16_t> pull_splice(uint32_t index, const IndexMap& map);
  std::optional<uint16_t> compute(uint32_t index, const IndexMap& map);
  std::optional<uint16_t> reduce(uint32_t index);
  uint16_t load(Array array, const Dims& shape, DType dtype, const IndexMap& map);
  std::optional<uint16_t> load_entry(uint32_t index, const Dims& shape, const IndexMap& map);
  // A step that gives positions: the elements of a value of this shape, counted row by row.
  uint16_t count(uint32_t index, const Dims& shape, IndexMap map);
  uint16_t add_step(Step step);
  uint16_t add_access(const Access& access);
  uint16_t raised(uint16_t step, Level level);
  uint16_t array_index(Array array);
  Key key_of(InputRef ref, DType dtype, const IndexMap* map, const Dims& shape) const;
  void remember(Key key, uint16_t step);
  const Node& node(uint32_t entry) const { return *snapshot_->entries[entry].node; }

  const Snapshot* snapshot_;
  const std::vector<Decision>* decisions_;
  int32_t number_;
  Dims shape_, reduced_axes_, kept_shape_;
  IndexMap space_;
  FusedKernel kernel_;
  std::vector<Root> roots_;
  std::vector<Array> arrays_;
  std::vector<uint32_t> numbers_;
  std::vector<InputRef> touched_;
  std::unordered_map<Key, uint16_t, KeyHash> memo_;
  std::vector<Key> recent_;                           // remembered since the last root
  std::unordered_map<uint32_t, uint16_t> reductions_; // entries reduced here
  bool uses_own_reduction_ = false;
  int32_t unmappable_ = -1;
};

// The dtype in which an op computes. An op that gives the dtype it takes computes in its own; another in that
// of its inputs, which casts have made equal (numbers aside).
DType arithmetic_dtype(const Node& node);

} // namespace adjoint
