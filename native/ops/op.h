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
#define ROUTINE(name, ...) name,
#include "ops/routines.def"
#undef ROUTINE
#define VIEW(name, ...) name,
#define STRUCTURE(name, ...) name,
#include "ops/structure.def"
#undef VIEW
#undef STRUCTURE
};

#define ADJOINT_KINDS(ROW) ROW(leaf) ROW(elementwise) ROW(reduction) ROW(routine) ROW(structure)

// The dtypes of inputs and result:
//   any       the promoted dtype of the inputs
//   numeric   the same, but not bool
//   floating  the same, but integers and bool become the default dtype
//   whole     the promoted dtype of the inputs, which is an integer or bool
//   integral  the same, but not bool
//   truth     any inputs, promoted; the result is bool
//   select    a bool, then two of one promoted dtype, which is that of the result
//   total     floating stays; integers and bool add up in int64
//   mean      floating only
//   own       the op says itself
#define ADJOINT_DTYPE_RULES(ROW)                                                                             \
  ROW(any)                                                                                                   \
  ROW(numeric) ROW(floating) ROW(whole) ROW(integral) ROW(truth) ROW(select) ROW(total) ROW(mean) ROW(own)

#define ROW(name) name,
enum class Kind : uint8_t { ADJOINT_KINDS(ROW) };
enum class Dtypes : uint8_t { ADJOINT_DTYPE_RULES(ROW) };
#undef ROW

#define ROW(name) #name,
inline constexpr const char* kind_names[] = {ADJOINT_KINDS(ROW)};
inline constexpr const char* dtype_rule_names[] = {ADJOINT_DTYPE_RULES(ROW)};
#undef ROW
inline constexpr const char* name_of(Kind kind) { return kind_names[static_cast<size_t>(kind)]; }
inline constexpr const char* name_of(Dtypes rule) { return dtype_rule_names[static_cast<size_t>(rule)]; }

// The mistakes in values that a routine may find while it runs.
enum class Failure : uint8_t {
  nothing,
  index,    // one that is out of range
  definite, // a matrix that is not positive definite
  singular, // a matrix that has no inverse
  pivots,   // an exchange with a row that is not there
  finite,   // a matrix with elements that are not finite
};

// The functions that refuse singular matrices, each in its own words.
enum class Caller : uint8_t { nobody, solve, inv, luFactor };

enum class Trait : uint8_t { plain, draws, modes, counts, moves };
enum class Devices : uint8_t { every, host, nowhere };

// The time of a routine, for n elements of inputs and results and rows of m.
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
  Dtypes dtypes = Dtypes::own;
  uint32_t cost = 1;           // of computing an element once more: 1 is an add
  double lo = 0, hi = 0;       // where the op is smooth, for tests
  bool has_empty_value = true; // of a reduction: no elements have a value too
  char number = '0';           // of a reduction with dims: PyTorch's, behind the gradient's name
  bool is_view = false;        // it gives elements other places, and no kernel computes it
  // The columns of routines; see routines.def.
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
#define ROW(name, label, arity, dtypes, cost, lo, hi)                                                        \
  {#name, label, Kind::elementwise, arity, Dtypes::dtypes, cost, lo, hi},
#define UNARY(name, label, dtypes, cost, lo, hi, ...) ROW(name, label, 1, dtypes, cost, lo, hi)
#define BINARY(name, label, dtypes, cost, lo, hi, ...) ROW(name, label, 2, dtypes, cost, lo, hi)
#define TERNARY(name, label, dtypes, cost, lo, hi, ...) ROW(name, label, 3, dtypes, cost, lo, hi)
#include "ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
#undef ROW
#define REDUCTION(name, label, dtypes, number, empty, lo, hi, ...)                                           \
  {#name, label, Kind::reduction, 1, Dtypes::dtypes, 1, lo, hi, empty, #number[0]},
#include "ops/reductions.def"
#undef REDUCTION
#define KEPT(...)                                                                                            \
  [] {                                                                                                       \
    using namespace keeps;                                                                                   \
    return std::array<unsigned, max_inputs>{__VA_ARGS__};                                                    \
  }()
#define ROUTINE(name_, label_, in, out, keeps_, dtypes_, trait_, failure_, effort_, devices_, parameters_)   \
  {.name = #name_,                                                                                           \
   .label = label_,                                                                                          \
   .kind = Kind::routine,                                                                                    \
   .arity = in,                                                                                              \
   .dtypes = Dtypes::dtypes_,                                                                                \
   .results = out,                                                                                           \
   .keeps = KEPT keeps_,                                                                                     \
   .trait = Trait::trait_,                                                                                   \
   .failure = Failure::failure_,                                                                             \
   .effort = Effort::effort_,                                                                                \
   .devices = Devices::devices_,                                                                             \
   .parameters = parameters_},
#include "ops/routines.def"
#undef ROUTINE
#undef KEPT
#define VIEW(name_, label_)                                                                                  \
  {.name = #name_, .label = label_, .kind = Kind::structure, .arity = 1, .is_view = true},
#define STRUCTURE(name, label, arity) {#name, label, Kind::structure, arity, Dtypes::own},
#include "ops/structure.def"
#undef VIEW
#undef STRUCTURE
};
inline constexpr size_t op_count = sizeof(op_table) / sizeof(op_table[0]);

inline constexpr const OpInfo& info(Op op) { return op_table[static_cast<size_t>(op)]; }

inline constexpr bool is_routine(Op op) { return info(op).kind == Kind::routine; }

} // namespace adjoint
