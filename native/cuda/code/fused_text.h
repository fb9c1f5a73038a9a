// The common text of all fused kernels: their table, and the code of loads, steps and stores.
//
// A thread holds values of two kinds. Values of the inner level (elements, or rows where there are no
// columns) come in lanes, several indices side by side; all others are outer, and there is one of each.
#pragma once
#include "cuda/code/index_code.h"
#include "cuda/code/kernel_code.h"
#include "ops/op.h"

namespace adjoint::cuda {

// The words that an instance has in the launch's table.
struct TableRecord {
  std::vector<uint16_t> arrays;       // those that the kernel names
  std::vector<uint16_t> number_steps; // whose words hold the number in the step's own dtype
  std::vector<DType> number_dtypes;   // of each of them
  std::vector<uint16_t> number_indices;
  size_t head = 0; // words before them

  TableRecord(const FusedKernel& kernel, size_t head);
  size_t array_word(uint16_t array) const;
  size_t number_word(size_t i) const { return head + arrays.size() + i; }
  size_t words() const { return head + arrays.size() + number_steps.size(); }
  void fill(const Instance& instance, uint64_t* words) const;
};

// A group of lanes from `index` on, if `inside` (a predicate, or empty) holds.
struct Group {
  Register index, inside;
  size_t first_lane = 0;
};

class FusedText {
 public:
  FusedText(const FusedKernel& kernel, Level inner, int64_t lane_width, bool is_wide, size_t record_head);

  const FusedKernel& kernel;
  const Level inner;
  int64_t width; // lanes of a group
  const TableRecord record;
  PtxWriter writer;
  IndexCode index;

  // Loads the table's words, and computes values that are the same for the whole launch.
  void begin(const Register& record_address);
  // The index of the row whose values are computed next.
  void set_row(const Register& row) { row_ = row; }
  // Computes the rows' part of the address of every access at the inner level; before lanes are loaded.
  void prepare_accesses();
  // An outer value, computed where it is asked for first.
  Register outer_value(uint16_t step);
  void set_outer(uint16_t step, Register value) { outer_[step] = std::move(value); }

  void forget_lanes(size_t lanes);
  void compute_outer_inputs(const std::vector<bool>& needed);
  void load(const std::vector<bool>& needed, const Group& group);
  void compute(const std::vector<bool>& needed, const Group& group);
  // The value of a step for a lane, whatever its level.
  Register lane_input(uint16_t step, size_t lane);
  void store(size_t store, const Group& group);
  // Stores at the outer level, under a predicate or always.
  void store_outer(size_t store, const Register& flag);

  Register cast(const Register& value, DType from, DType to);

 private:
  // An access at the inner level, as seen from one row.
  struct InnerAccess {
    Walk walk;
    Register base, exists; // the base is an address, or of positions an index or nothing
    int64_t displacement = 0;
    bool is_linear = false; // the index is row * columns + column
    bool is_aligned = true; // as far as the row's part goes
  };
  enum class Layout : uint8_t { still, vector, apart };
  struct Places {
    Layout layout;
    std::vector<Place> lanes; // one, unless they are apart
  };

  InnerAccess inner_access(const Access& access, int64_t bytes);
  InnerAccess inner_positions(const Access& access);
  Places places(const InnerAccess& access, int64_t bytes, const Group& group);
  // The values of a step that counts, for all lanes.
  void count(size_t step, const Group& group);
  // An index, or a number as wide, as a value.
  Register number_of(const Register& index, DType dtype);
  Register evaluate(const Step& step, std::span<const Register> inputs);
  Register load_one(const Place& place, DType dtype);
  void store_one(const Place& place, DType dtype, const Register& value);
  Register chosen(const Register& exists, const Register& part, const Register& base, DType dtype);

  Register row_, row_start_; // the start is row * columns
  std::vector<Register> bases_;
  std::vector<Register> outer_;
  std::vector<std::vector<Register>> lanes_;
  std::vector<InnerAccess> accesses_, store_accesses_;
};

// The number of statements in the bodies of these steps.
size_t statements(const FusedKernel& kernel, const std::vector<bool>& steps);
// Whether indices or offsets of the kernel need 64 bits; indices go up to `slack` beyond the space.
bool needs_wide_indices(const FusedKernel& kernel, int64_t slack);

} // namespace adjoint::cuda
