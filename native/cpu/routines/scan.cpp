// Running sums and the like. Threads share the lines. Where lines are few and long, threads share the pieces
// of each: first they find the total of every piece, then the combination before it, then its elements.
#include <algorithm>
#include <array>
#include <utility>

#include "cpu/pool.h"
#include "cpu/routine.h"
#include "cpu/routines/blocks.h"
#include "device/error.h"
#include "device/integers.h"
#include "ops/op.h"
#include "ops/scan.h"

namespace adjoint::cpu {

namespace {

// Lines that lie side by side are walked together, so that whole cache lines are used: as many as there are for a
// thread, since two that write beside each other take the same cache lines from each other.
constexpr int64_t lines_at_once = 512, least_lines = 64;
// Where a line begins, or how far it is from one element or line to the next: up to two inputs, the result, and the
// index of maxima.
struct Steps {
  int64_t inputs[2] = {}, out = 0, index = 0;
};
template <class T> struct LinePlace {
  const T* inputs[2] = {};
  T* out = nullptr;
  int64_t* index = nullptr;

  LinePlace moved(const Steps& steps, int64_t count) const {
    return {{inputs[0] + count * steps.inputs[0], inputs[1] + count * steps.inputs[1]},
            out + count * steps.out,
            index + count * steps.index};
  }
};

template <class Op> class Scan {
 public:
  using T = typename Op::Element;
  using State = typename Op::State;

  explicit Scan(const RoutineKernel& kernel)
      : inputs_(kernel.inputs.size()), lines_(lines_of(kernel)), length_(lines_[inputs_].extent),
        pieces_(quotient_up(length_, scan::piece)),
        along_(steps([this](size_t tensor) { return lines_[tensor].stride; })),
        across_(steps([this](size_t tensor) { return line_stride(lines_, tensor); })) {}

  bool shares_pieces() const {
    const int threads = thread_count();
    return pieces_ > 1 && threads > 1 && lines_.count() < 2 * threads;
  }
  int64_t scratch_bytes() const {
    return pieces_ > 1 ? lines_.count() * pieces_ * static_cast<int64_t>(sizeof(State)) : 0;
  }

  void run(const Instance& instance) const {
    if (shares_pieces()) return run_pieces(instance);
    const int64_t own = quotient_up(quotient_up(lines_.count(), thread_count()), least_lines) * least_lines;
    const int64_t each =
        std::max(std::min(own, lines_at_once),
                 task_elements / std::max<int64_t>(length_, 1) / lines_at_once * lines_at_once);
    parallel_for(quotient_up(lines_.count(), each), [&](int64_t task) {
      const int64_t end = std::min((task + 1) * each, lines_.count());
      each_block(lines_, task * each, end, [&](const Block& block) {
        const LinePlace<T> first = place(instance, block.offsets);
        for (int64_t line = 0; line < block.count; line += lines_at_once)
          run_lines(first.moved(across_, line), std::min(lines_at_once, block.count - line));
      });
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

  template <class Distance> Steps steps(Distance distance) const {
    Steps result;
    for (size_t k = 0; k < inputs_; ++k) result.inputs[k] = distance(k);
    result.out = distance(inputs_);
    if (is_located) result.index = distance(inputs_ + 1);
    return result;
  }

  LinePlace<T> place(const Instance& instance, const std::array<int64_t, Lines::max_tensors>& offsets) const {
    LinePlace<T> result;
    for (size_t k = 0; k < inputs_; ++k)
      result.inputs[k] = static_cast<const T*>(instance.arrays[lines_[k].array]) + offsets[k];
    result.out = static_cast<T*>(instance.arrays[lines_[inputs_].array]) + offsets[inputs_];
    if (is_located)
      result.index = static_cast<int64_t*>(instance.arrays[lines_[inputs_ + 1].array]) + offsets[inputs_ + 1];
    return result;
  }

  // Of the element at that place, which is element i of its line.
  static State item(const LinePlace<T>& at, int64_t i) {
    if constexpr (is_located)
      return Op::item_at(*at.inputs[0], i);
    else if constexpr (requires(T value) { Op::item(value, value); })
      return Op::item(*at.inputs[0], *at.inputs[1]);
    else
      return Op::item(*at.inputs[0]);
  }
  static void store(const LinePlace<T>& at, State state) {
    *at.out = Op::result(state);
    if constexpr (is_located) *at.index = state.index;
  }

  // Lines from `first` on.
  void run_lines(const LinePlace<T>& first, int64_t count) const {
    State before[lines_at_once];
    std::fill_n(before, count, Op::identity());
    for (int64_t begin = 0; begin < length_; begin += scan::piece) {
      const int64_t end = std::min(begin + scan::piece, length_);
      if (along_.out == 1) {
        for (int64_t i = 0; i < count; ++i)
          before[i] = run_piece(first.moved(across_, i), begin, end, before[i]);
      } else {
        run_pieces_side_by_side(first, count, begin, end, before);
      }
    }
  }

  // Returns the combination of all elements before the next piece.
  State run_piece(const LinePlace<T>& line, int64_t begin, int64_t end, State before) const {
    scan::Carry<Op> carry(before);
    const Steps along = along_; // which no result lies over
    for (int64_t chunk = begin; chunk < end; chunk += scan::chunk) {
      const int64_t chunk_end = std::min(chunk + scan::chunk, end);
      for (int64_t i = chunk; i < chunk_end; ++i) {
        const LinePlace<T> at = line.moved(along, i);
        store(at, carry.add(item(at, i)));
      }
      carry.end_chunk();
    }
    return Op::combine(before, carry.piece_total());
  }

  void run_pieces_side_by_side(const LinePlace<T>& first, int64_t count, int64_t begin, int64_t end,
                               State* before) const {
    std::array<scan::Carry<Op>, lines_at_once> carries;
    for (int64_t k = 0; k < count; ++k) carries[static_cast<size_t>(k)] = scan::Carry<Op>(before[k]);
    const Steps across = across_;
    for (int64_t chunk = begin; chunk < end; chunk += scan::chunk) {
      const int64_t chunk_end = std::min(chunk + scan::chunk, end);
      for (int64_t i = chunk; i < chunk_end; ++i) {
        const LinePlace<T> row = first.moved(along_, i);
        for (int64_t k = 0; k < count; ++k) {
          const LinePlace<T> at = row.moved(across, k);
          store(at, carries[static_cast<size_t>(k)].add(item(at, i)));
        }
      }
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
      const LinePlace<T> line = place(instance, lines_.offsets(task / pieces_));
      scan::Carry<Op> carry(Op::identity());
      for (int64_t chunk = begin; chunk < end; chunk += scan::chunk) {
        for (int64_t i = chunk; i < std::min(chunk + scan::chunk, end); ++i)
          carry.add(item(line.moved(along_, i), i));
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
      run_piece(place(instance, lines_.offsets(task / pieces_)), begin, end, states[task]);
    });
  }

  size_t inputs_;
  Lines lines_;
  int64_t length_, pieces_;
  Steps along_, across_;
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
