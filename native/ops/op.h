// The table of ops that everything reads: ids, names and properties, expanded from the rows.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace adjoint {

enum class Op : uint16_t {
  number, // not recorded by users: a number among the inputs
  stored, // a value that came from outside
#define UNARY(name, ...) name,
#define BINARY(name, ...) name,
#define TERNARY(name, ...) name,
#include "ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
#define REDUCTION(name, ...) name,
#include "ops/reductions.def"
#undef REDUCTION
#define RANDOM(name, ...) name,
#include "ops/generators.def"
#undef RANDOM
#define STRUCTURE(name, ...) name,
#include "ops/structure.def"
#undef STRUCTURE
};

enum class Kind : uint8_t { leaf, elementwise, reduction, random, structure };

// What goes in and comes out.
enum class Dtypes : uint8_t {
  any,      // the promoted dtype of the inputs
  numeric,  // the same, but not bool
  floating, // the same, but integers and bool become the default dtype
  truth,    // any inputs, promoted; bool comes out
  select,   // a bool, then two of the promoted dtype that comes out
  total,    // floating stays; integers and bool add up in int64
  mean,     // floating only
  own,      // the op says itself
};

struct OpInfo {
  std::string_view name;
  std::string_view label; // PyTorch's name of the gradient, without "Backward0"
  Kind kind;
  uint8_t arity;
  Dtypes dtypes;
  double lo = 0, hi = 0; // where the op is smooth, for tests
};

inline constexpr OpInfo op_table[] = {
    {"number", "", Kind::leaf, 0, Dtypes::own},
    {"stored", "", Kind::leaf, 0, Dtypes::own},
#define UNARY(name, label, dtypes, lo, hi, ...) {#name, label, Kind::elementwise, 1, Dtypes::dtypes, lo, hi},
#define BINARY(name, label, dtypes, lo, hi, ...) {#name, label, Kind::elementwise, 2, Dtypes::dtypes, lo, hi},
#define TERNARY(name, label, dtypes, lo, hi, ...)                                                            \
  {#name, label, Kind::elementwise, 3, Dtypes::dtypes, lo, hi},
#include "ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
#define REDUCTION(name, label, dtypes, lo, hi, ...)                                                          \
  {#name, label, Kind::reduction, 1, Dtypes::dtypes, lo, hi},
#include "ops/reductions.def"
#undef REDUCTION
#define RANDOM(name, ...) {#name, "", Kind::random, 0, Dtypes::own},
#include "ops/generators.def"
#undef RANDOM
#define STRUCTURE(name, label, arity) {#name, label, Kind::structure, arity, Dtypes::own},
#include "ops/structure.def"
#undef STRUCTURE
};
inline constexpr size_t op_count = sizeof(op_table) / sizeof(op_table[0]);

inline constexpr const OpInfo& info(Op op) { return op_table[static_cast<size_t>(op)]; }

} // namespace adjoint
