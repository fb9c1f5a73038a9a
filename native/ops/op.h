// The table of ops that everything reads: ids, names and properties, expanded from the rows.
#pragma once
#include <array>
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
#define GENERATOR(name, ...) name,
#include "ops/generators.def"
#undef GENERATOR
#define ROUTINE(name, ...) name,
#include "ops/routines.def"
#undef ROUTINE
#define STRUCTURE(name, ...) name,
#include "ops/structure.def"
#undef STRUCTURE
};

enum class Kind : uint8_t { leaf, elementwise, reduction, generator, routine, structure };

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

// What may turn out wrong while a routine runs.
enum class Failure : uint8_t {
  nothing,
  index,    // one that is out of range
  definite, // a matrix that is not positive definite
  singular, // a matrix that has no inverse
};

enum class Trait : uint8_t { plain, draws, modes };
enum class Devices : uint8_t { every, host };

// How long a routine takes, for n elements of inputs and results and rows of m.
enum class Effort : uint8_t {
  linear,  // as n
  sort,    // as n log m
  product, // as n m
};

// Sets of values that a gradient keeps.
namespace keeps {
inline constexpr unsigned none = 0, a = 1, b = 2, c = 4, out = 8, out1 = 16, out2 = 32;
}

inline constexpr size_t max_inputs = 3;
inline constexpr size_t max_results = 3;

struct OpInfo {
  std::string_view name;
  std::string_view label; // PyTorch's name of the gradient, without "Backward0"
  Kind kind;
  uint8_t arity;
  Dtypes dtypes;
  double lo = 0, hi = 0; // where the op is smooth, for tests
  // Of routines; see routines.def.
  uint8_t results = 1;
  std::array<unsigned, max_inputs> keeps{};
  Trait trait = Trait::plain;
  Failure failure = Failure::nothing;
  Effort effort = Effort::linear;
  Devices devices = Devices::every;
  std::string_view parameters{};
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
#define GENERATOR(name, ...) {#name, "", Kind::generator, 0, Dtypes::own},
#include "ops/generators.def"
#undef GENERATOR
#define KEEPS(first, second, third) keeps::first, keeps::second, keeps::third
#define ROUTINE(name, label, inputs, results, kept, dtypes, trait, failure, effort, devices, parameters)     \
  {#name,        label,        Kind::routine,    inputs,         Dtypes::dtypes,   0,         0, results,    \
   {KEEPS kept}, Trait::trait, Failure::failure, Effort::effort, Devices::devices, parameters},
#include "ops/routines.def"
#undef ROUTINE
#undef KEEPS
#define STRUCTURE(name, label, arity) {#name, label, Kind::structure, arity, Dtypes::own},
#include "ops/structure.def"
#undef STRUCTURE
};
inline constexpr size_t op_count = sizeof(op_table) / sizeof(op_table[0]);

inline constexpr const OpInfo& info(Op op) { return op_table[static_cast<size_t>(op)]; }

inline constexpr bool is_routine(Op op) { return info(op).kind == Kind::routine; }

} // namespace adjoint
