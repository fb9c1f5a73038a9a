// Running sums and the like. Threads share the lines. Where lines are few and long, threads share the pieces
// of each: first they find the total of every piece, then the combination before it, then its elements.
#include <algorithm>
#include <array>
#include <utility>

#include "cpu/pool.h"
#include "cpu/routine.h"
#include "device/error.h"
#include "device/integers.h"
#include "device/lines.h"
#include "ops/op.h"
#include "ops/scan.h"

namespace adjoint::cpu {

namespace {

// Lines that lie side by side are walked together, so that whole cache lines are used.
constexpr int64_t lines_at_once = 128;
// Fewer elements are not worth another thread.
constexpr int64_t task_elements = int64_t{1} << 14;

// The place of a line: up to two inputs and the result.
template <class T> struct LinePlace {
  const T* inputs[2] = {};
  T* out = nullptr;
  int64_t* index = nullptr; // of maxima
};

template <class Op> class Scan {
 public:
  using T = typename Op::Element;
  using State = typename Op::State;

  explicit Scan(const RoutineKernel& kernel)
      : inputs_(kernel.inputs.size()), lines_(lines_of(kernel)), length_(lines_[inputs_].extent),
        pieces_(quotient_up(length_, scan::piece)) {}

  bool shares_pieces() const { return pieces_ > 1 && lines_.count() < 2 * thread_count(); }
  int64_t scratch_bytes() const {
    return pieces_ > 1 ? lines_.count() * pieces_ * static_cast<int64_t>(sizeof(State)) : 0;
  }

  void run(const Instance& instance) const {
    if (shares_pieces()) return run_pieces(instance);
    const int64_t each = std::max(lines_at_once, task_elements / std::max<int64_t>(length_, 1) /
                                                     lines_at_once * lines_at_once);
    parallel_for(quotient_up(lines_.count(), each), [&](int64_t task) {
      const int64_t end = std::min((task + 1) * each, lines_.count());
      for (int64_t line = task * each; line < end; line += lines_at_once)
        run_lines(instance, line, std::min(lines_at_once, end - line));
    });
  }

 private:
  static constexpr bool is_located = requires(State state) { state.index; };

  static Lines lines_of(const RoutineKernel& kernel) {
    const RoutineKernel::Operand& out = kernel.results[0];
    if (kernel.results.size() == 2)
      return {out.shape, kernel.parameters[0], {&kernel.inputs[0], &out, &kernel.results[1]}};
    if (kernel.inputs.size() == 2)
      return {out.shape, kernel.parameters[0], {&kernel.inputs[0], &kernel.inputs[1], &out}};
    return {out.shape, kernel.parameters[0], {&kernel.inputs[0], &out}};
  }

  LinePlace<T> place(const Instance& instance, int64_t line) const {
    const auto offsets = lines_.offsets(line);
    LinePlace<T> result;
    for (size_t k = 0; k < inputs_; ++k)
      result.inputs[k] = static_cast<const T*>(instance.arrays[lines_[k].array]) + offsets[k];
    result.out = static_cast<T*>(instance.arrays[lines_[inputs_].array]) + offsets[inputs_];
    if (is_located)
      result.index = static_cast<int64_t*>(instance.arrays[lines_[inputs_ + 1].array]) + offsets[inputs_ + 1];
    return result;
  }

  State item(const LinePlace<T>& line, int64_t i) const {
    if constexpr (is_located)
      return Op::item_at(line.inputs[0][i * lines_[0].stride], i);
    else if constexpr (requires(T value) { Op::item(value, value); })
      return Op::item(line.inputs[0][i * lines_[0].stride], line.inputs[1][i * lines_[1].stride]);
    else
      return Op::item(line.inputs[0][i * lines_[0].stride]);
  }
  int64_t out_stride() const { return lines_[inputs_].stride; }
  void store(const LinePlace<T>& line, int64_t i, State state) const {
    line.out[i * out_stride()] = Op::result(state);
    if constexpr (is_located) line.index[i * lines_[inputs_ + 1].stride] = state.index;
  }

  void run_lines(const Instance& instance, int64_t first, int64_t count) const {
    LinePlace<T> places[lines_at_once];
    State before[lines_at_once];
    for (int64_t i = 0; i < count; ++i) {
      places[i] = place(instance, first + i);
      before[i] = Op::identity();
    }
    for (int64_t begin = 0; begin < length_; begin += scan::piece) {
      const int64_t end = std::min(begin + scan::piece, length_);
      if (out_stride() == 1) {
        for (int64_t i = 0; i < count; ++i) before[i] = run_piece(places[i], begin, end, before[i]);
      } else {
        run_pieces_side_by_side(places, count, begin, end, before);
      }
    }
  }

  // Returns the combination of all elements before the next piece.
  State run_piece(const LinePlace<T>& line, int64_t begin, int64_t end, State before) const {
    scan::Carry<Op> carry(before);
    for (int64_t chunk = begin; chunk < end; chunk += scan::chunk) {
      const int64_t chunk_end = std::min(chunk + scan::chunk, end);
      for (int64_t i = chunk; i < chunk_end; ++i) store(line, i, carry.add(item(line, i)));
      carry.end_chunk();
    }
    return Op::combine(before, carry.piece_total());
  }

  void run_pieces_side_by_side(const LinePlace<T>* places, int64_t count, int64_t begin, int64_t end,
                               State* before) const {
    std::array<scan::Carry<Op>, lines_at_once> carries;
    for (int64_t k = 0; k < count; ++k) carries[static_cast<size_t>(k)] = scan::Carry<Op>(before[k]);
    for (int64_t chunk = begin; chunk < end; chunk += scan::chunk) {
      const int64_t chunk_end = std::min(chunk + scan::chunk, end);
      for (int64_t i = chunk; i < chunk_end; ++i)
        for (int64_t k = 0; k < count; ++k)
          store(places[k], i, carries[static_cast<size_t>(k)].add(item(places[k], i)));
      for (scan::Carry<Op>& carry : carries) carry.end_chunk();
    }
    for (int64_t k = 0; k < count; ++k)
      before[k] = Op::combine(before[k], carries[static_cast<size_t>(k)].piece_total());
  }

  void run_pieces(const Instance& instance) const {
    auto* states = static_cast<State*>(instance.scratch);
    const int64_t tasks = lines_.count() * pieces_;
    const auto bounds = [&](int64_t task) {
      const int64_t begin = task % pieces_ * scan::piece;
      return std::pair{begin, std::min(begin + scan::piece, length_)};
    };
    parallel_for(tasks, [&](int64_t task) {
      const auto [begin, end] = bounds(task);
      const LinePlace<T> line = place(instance, task / pieces_);
      scan::Carry<Op> carry(Op::identity());
      for (int64_t chunk = begin; chunk < end; chunk += scan::chunk) {
        for (int64_t i = chunk; i < std::min(chunk + scan::chunk, end); ++i) carry.add(item(line, i));
        carry.end_chunk();
      }
      states[task] = carry.piece_total();
    });
    for (int64_t line = 0; line < lines_.count(); ++line) {
      State before = Op::identity();
      for (int64_t piece = 0; piece < pieces_; ++piece) {
        const State total = std::exchange(states[line * pieces_ + piece], before);
        before = Op::combine(before, total);
      }
    }
    parallel_for(tasks, [&](int64_t task) {
      const auto [begin, end] = bounds(task);
      run_piece(place(instance, task / pieces_), begin, end, states[task]);
    });
  }

  size_t inputs_;
  Lines lines_;
  int64_t length_, pieces_;
};

template <template <class> class Op> Routine scanning(const RoutineKernel& kernel) {
  return with_computed_type(kernel.results[0].dtype, [&]<class T>() -> Routine {
    if constexpr (scan::is_for<Op, T>) {
      const Scan<Op<T>> scan(kernel);
      return {[scan](const Instance& instance) { scan.run(instance); }, scan.scratch_bytes()};
    } else {
      throw internal_error(std::string(info(kernel.op).name) + " has no such dtype");
    }
  });
}

} // namespace

Routine routine_of_cumsum(const RoutineKernel& kernel) { return scanning<scan::Sum>(kernel); }
Routine routine_of_cumprod(const RoutineKernel& kernel) { return scanning<scan::Product>(kernel); }
Routine routine_of_cummax(const RoutineKernel& kernel) { return scanning<scan::Maximum>(kernel); }
Routine routine_of_recurrence(const RoutineKernel& kernel) { return scanning<scan::Recurrence>(kernel); }

} // namespace adjoint::cpu
