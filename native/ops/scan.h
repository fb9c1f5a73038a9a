// Running combinations along a line, in an order that depends on its length alone. A line is cut into pieces,
// and a piece into chunks. Inside a chunk, elements are added one by one to the combination of all that comes
// before the chunk. When a chunk ends, that combination takes the chunk's total, summed by itself, and when a
// piece ends, the total of the piece's chunks. So threads can take pieces of a line, and errors grow slowly
// with its length.
#pragma once
#include <cstdint>
#include <type_traits>

#include "ops/math_bits.h"

namespace adjoint::scan {

inline constexpr int64_t chunk = 64;         // elements
inline constexpr int64_t piece = 64 * chunk; // elements

// float32 adds up in double, as PyTorch does on the CPU.
template <class T> using Accumulator = std::conditional_t<std::is_same_v<T, float>, double, T>;

// The kinds of combination: `item` makes a state of an element, `combine` is associative but for rounding.
template <class T> struct Sum {
  using Element = T;
  using State = Accumulator<T>;
  ADJOINT_FUNCTION static State identity() { return State(0); }
  ADJOINT_FUNCTION static State item(T value) { return static_cast<State>(value); }
  ADJOINT_FUNCTION static State combine(State before, State next) {
    return static_cast<State>(before + next);
  }
  ADJOINT_FUNCTION static T result(State state) { return static_cast<T>(state); }
};

template <class T> struct Product {
  using Element = T;
  using State = Accumulator<T>;
  ADJOINT_FUNCTION static State identity() { return State(1); }
  ADJOINT_FUNCTION static State item(T value) { return static_cast<State>(value); }
  ADJOINT_FUNCTION static State combine(State before, State next) {
    return static_cast<State>(before * next);
  }
  ADJOINT_FUNCTION static T result(State state) { return static_cast<T>(state); }
};

// y[i] = factor[i] * y[i - 1] + term[i]. The state is the map that a run of elements stands for.
template <class T> struct Recurrence {
  using Element = T;
  struct State {
    Accumulator<T> factor, term;
  };
  ADJOINT_FUNCTION static State identity() { return {1, 0}; }
  ADJOINT_FUNCTION static State item(T factor, T term) { return {factor, term}; }
  ADJOINT_FUNCTION static State combine(State before, State next) {
    return {next.factor * before.factor, next.factor * before.term + next.term};
  }
  ADJOINT_FUNCTION static T result(State state) { return static_cast<T>(state.term); }
};

// The largest so far, and where it is: of equal ones the last, and NaN is larger than all. Whatever the order of
// combinations is, the result is the same.
template <class T> struct Maximum {
  static constexpr bool is_exact = true;
  using Element = T;
  struct State {
    T value;
    int64_t index; // -1: nothing yet
  };
  ADJOINT_FUNCTION static State identity() { return {T(0), -1}; }
  ADJOINT_FUNCTION static State item_at(T value, int64_t index) { return {value, index}; }
  ADJOINT_FUNCTION static State combine(State before, State next) {
    if (before.index < 0 || next.index < 0) return before.index < 0 ? next : before;
    return next.value != next.value || next.value >= before.value ? next : before;
  }
  ADJOINT_FUNCTION static T result(State state) { return state.value; }
};

// Whether results have this dtype: sums and products of integers are int64, recurrences are floating, maxima anything.
template <template <class> class Op, class T>
inline constexpr bool is_for = std::is_same_v<Op<T>, Maximum<T>> || std::is_floating_point_v<T> ||
                               (std::is_same_v<T, int64_t> && !std::is_same_v<Op<T>, Recurrence<T>>);

template <class Op> inline constexpr bool is_exact = requires { Op::is_exact; };

// The combination of all elements before the next one of a piece.
template <class Op> class Carry {
 public:
  using State = typename Op::State;
  ADJOINT_FUNCTION explicit Carry(State before_piece = Op::identity())
      : running_(before_piece), chunk_(Op::identity()), before_(before_piece), piece_(Op::identity()) {}
  // Takes an element; returns the combination of all so far.
  ADJOINT_FUNCTION State add(State item) {
    if constexpr (!is_exact<Op>) chunk_ = Op::combine(chunk_, item);
    return running_ = Op::combine(running_, item);
  }
  ADJOINT_FUNCTION void end_chunk() {
    if constexpr (is_exact<Op>) return;
    piece_ = Op::combine(piece_, chunk_);
    running_ = before_ = Op::combine(before_, chunk_);
    chunk_ = Op::identity();
  }
  // The total of the chunks that have ended; of one that is exact, with what came before the piece.
  ADJOINT_FUNCTION State piece_total() const {
    if constexpr (is_exact<Op>) return running_;
    return piece_;
  }

 private:
  State running_, chunk_, before_, piece_;
};

} // namespace adjoint::scan
