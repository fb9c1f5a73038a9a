// Evaluates the gradients of rows over sets of names; routines say in their row what theirs need.
#include "graph/needs.h"

#include "graph/gradient_rows.h"

namespace adjoint {

namespace {

// The set of values that an expression names; `grad` and literals need nothing.
struct Names {
  unsigned set = 0;
  constexpr Names(double) {}
  static constexpr Names only(unsigned bit) {
    Names names(0.0);
    names.set = bit;
    return names;
  }
};

constexpr Names join(Names a, Names b = 0.0, Names c = 0.0) { return Names::only(a.set | b.set | c.set); }

#define UNARY(name, ...)                                                                                     \
  [[maybe_unused]] constexpr Names name(const Names& a) { return join(a); }
#define BINARY(name, ...)                                                                                    \
  [[maybe_unused]] constexpr Names name(const Names& a, const Names& b) { return join(a, b); }
#define TERNARY(name, ...)                                                                                   \
  [[maybe_unused]] constexpr Names name(const Names& a, const Names& b, const Names& c) {                    \
    return join(a, b, c);                                                                                    \
  }
#include "ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY

#define OPERATOR(symbol)                                                                                     \
  constexpr Names operator symbol(const Names& a, const Names& b) { return join(a, b); }
OPERATOR(+)
OPERATOR(-)
OPERATOR(*)
OPERATOR(/)
#undef OPERATOR
constexpr Names operator-(const Names& a) { return a; }

constexpr unsigned names_of(Op op, size_t input) {
  using namespace keeps;
  switch (info(op).kind) {
  case Kind::elementwise:
    return elementwise_gradient<Names>(op, input, 0.0, Names::only(a), Names::only(b), Names::only(c),
                                       Names::only(out))
        .set;
  case Kind::reduction:
    return reduction_gradient<Names>(
               op, 0.0, Names::only(a), Names::only(out), 1, [](Names terms) { return terms; },
               [](Names factors) { return factors; })
        .set;
  case Kind::routine:
    return info(op).keeps[input];
  case Kind::leaf:
  case Kind::structure:
    return none;
  }
  return none;
}

constexpr auto needs_table = [] {
  std::array<std::array<GradientNeeds, max_inputs>, op_count> table;
  for (size_t op = 0; op < op_count; ++op)
    for (size_t input = 0; input < info(static_cast<Op>(op)).arity; ++input)
      table[op][input].names = names_of(static_cast<Op>(op), input);
  return table;
}();

} // namespace

GradientNeeds gradient_needs(Op op, size_t input) { return needs_table[static_cast<size_t>(op)][input]; }

} // namespace adjoint
