// Kernels as data: the planner makes them of parts of the graph, and a device compiles each once and then
// launches it with other arrays and other numbers.
//
// A fused kernel walks a space of `rows` x `columns`. Its steps are values, in an order in which they can be
// computed, and each lives at one level:
//
//   number   one value for the whole launch
//   row      one value per row
//   element  one value per row and column
//
// A reduction takes an element-level step to a row-level one, over all columns of the row; element-level
// steps after it may use the result (softmax is two such passes over a row). A kernel without element-level
// steps is plainly elementwise: its rows are the elements, and `columns` is 1.
//
// The value of a step depends neither on threads nor on how rows and columns are cut into blocks: elementwise
// values are functions of their inputs, and reductions combine in a tree that depends on `columns` alone.
#pragma once
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "device/dims.h"
#include "device/dtype.h"

namespace adjoint {

enum class Op : uint16_t;

// A number that reaches kernels at run time, so that another value needs no other kernel.
struct Number {
  DType dtype = DType::float64; // float64, int64 or boolean: only the category matters
  union {
    double real;
    int64_t integer;
  };
  Number(double value = 0) : real(value) {}
  static Number of_integer(int64_t value) {
    Number number;
    number.dtype = DType::int64;
    number.integer = value;
    return number;
  }
  static Number of_boolean(bool value) {
    Number number = of_integer(value);
    number.dtype = DType::boolean;
    return number;
  }
  double as_double() const { return dtype == DType::float64 ? real : static_cast<double>(integer); }
  template <class T> T as() const { return dtype == DType::float64 ? convert<T>(real) : convert<T>(integer); }
};

// The way to an array's elements. The linear index of a space (the rows, or row * columns + column) is
// written in mixed radix over `extents`, the last axis fastest; element (i0, i1, ...) lies at offset + sum of
// i * stride, counted in elements of the array. Strides may be zero (a broadcast) or negative (a flip);
// extents are never zero. `first` and `last`, unless empty, bound the indices that exist, first <= i < last
// on every axis: elements outside are read as zero, and never touched.
struct Access {
  uint16_t array = 0; // which of the launch's arrays
  int64_t offset = 0;
  Dims extents, strides;
  Dims first, last;
};

enum class Level : uint8_t { number, row, element };
static_assert(Level::number < Level::row && Level::row < Level::element, "a step has its inputs' highest");

// One value of a fused kernel. `op` is
//   number       the launch's number `index`, converted to `dtype`
//   stored       the element at access `index`; its level says which space the access covers
//   position     where access `index` leads, offset + sum of i * stride, as a number: the access names no array
//                and has no bounds
//   to           a cast from `arithmetic` to `dtype`
//   splice       inputs (base, part): the part inside the bounds of access `index` (whose array, offset and
//                strides mean nothing), the base outside
//   a reduction  of an element-level input; row-level
//   any elementwise row; its level is the highest of its inputs
// Inputs have the dtype `arithmetic`, but for where's first (a bool). An input may have a lower level than
// the step: it is then the same for all columns, or everywhere.
struct Step {
  Op op{};
  DType arithmetic = DType::float32;
  DType dtype = DType::float32; // of the result
  Level level = Level::element;
  uint8_t input_count = 0;
  uint16_t inputs[3] = {}; // indices of earlier steps
  uint16_t index = 0;
};

// A step's value, written to an array at the step's own level (never number). The indices that stores reach
// are disjoint. The array may lie where another array lies that is only read, `replaces`, if every load of
// that one reads the very element that the store writes, for the same row and column.
struct Store {
  static constexpr uint16_t nothing = UINT16_MAX;
  uint16_t step = 0;
  uint16_t replaces = nothing;
  Access access;
};

struct FusedKernel {
  int64_t rows = 1;
  int64_t columns = 1;
  std::vector<Step> steps;
  std::vector<Access> accesses;
  std::vector<Store> stores;
  // Every access walks its array, or counts, from the start, element by element, or stands still there, and
  // there are no columns: instances of one launch may have their own numbers of rows.
  bool is_flat = false;
};

// Liberties for the speed of a product, where its device can use them.
struct ProductModes {
  bool may_round = false;       // float32 factors may lose all but 10 bits of their mantissas
  bool prefers_library = false; // a library's routine, rather than the device's own kernel
  bool operator==(const ProductModes&) const = default;
};

// An op over whole arrays, by the op's own rules.
struct RoutineKernel {
  // The place of a tensor: the element with indices (i0, i1, ...) lies at offset + sum of i * stride, in
  // elements of its array. Strides may be zero or negative.
  struct Operand {
    uint16_t array = 0;
    DType dtype = DType::float32;
    int64_t offset = 0;
    Dims shape, strides;
    int64_t elements() const { return element_count(shape); }
  };
  Op op{};
  std::vector<Operand> inputs;
  std::vector<Operand> results; // row-major
  Dims parameters;              // the row's own
  int32_t caller = -1;          // whom an error names instead of the row; the device makes nothing of it
  ProductModes modes;
};

using Kernel = std::variant<FusedKernel, RoutineKernel>;

// The arrays and numbers of one launch of a compiled kernel.
struct Instance {
  int64_t rows = 0; // flat kernels only
  void* const* arrays = nullptr;
  const Number* numbers = nullptr; // of a routine that draws: the seed and the offset, as integers
  void* scratch = nullptr;         // as many bytes as the kernel asks for; contents are arbitrary
  // The failure word of a routine that may fail: 0 before it runs, and afterwards unless it has failed. Of
  // several failures the one with the largest word counts, so that threads need no order.
  uint64_t* failure = nullptr;
};

// A kernel that its device has made ready. Immutable: any thread may launch it.
class CompiledKernel {
 public:
  virtual ~CompiledKernel() = default;
  // The scratch memory of an instance; those of a launch may share it.
  virtual int64_t scratch_bytes() const { return 0; }
  // The memory that each thread works in, where that is the launcher's business.
  virtual int64_t thread_bytes() const { return 0; }
};

} // namespace adjoint
