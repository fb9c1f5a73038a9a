// Running sums and the like, in the CPU's order (ops/scan.h). A line of several pieces takes three kernels:
// for the totals of the pieces, for the combination before each piece, and for the elements.
//
//   scan_totals, scan_elements   a thread for each piece of each line, neighbours side by side
//   scan_along                   a block for each piece, for lines that lie along memory
//   scan_before                  a thread for each line
//
// Words of the tables: the lines (inputs, then the result); the number of pieces, the address of their
// states.
#include "cuda/kernels/lines.h"
#include "device/dtype.h"
#include "ops/scan.h"

namespace {

using namespace adjoint;
using namespace adjoint::cuda;

// Sum, product, recurrence and maximum, in this order.
template <int which, class T> struct Chosen;
template <class T> struct Chosen<0, T> : scan::Sum<T> {
  static constexpr int inputs = 1;
};
template <class T> struct Chosen<1, T> : scan::Product<T> {
  static constexpr int inputs = 1;
};
template <class T> struct Chosen<2, T> : scan::Recurrence<T> {
  static constexpr int inputs = 2;
};
template <class T> struct Chosen<3, T> : scan::Maximum<T> {
  static constexpr int inputs = 1;
};
// Whether a state says where it comes from, which is a result as well.
template <class Op> constexpr bool is_located = requires(typename Op::State state) { state.index; };
template <class Op> constexpr int tensors_of = Op::inputs + (is_located<Op> ? 2 : 1);

// A line of a table.
template <class Op> struct Line {
  using T = typename Op::Element;
  static constexpr int tensors = tensors_of<Op>;
  const LinesTable<tensors>* table;
  int64_t offsets[tensors];

  __device__ Line(const LinesTable<tensors>* table, int64_t line) : table(table) {
    table->offsets(line, offsets);
  }
  __device__ T value(int k, int64_t i) const {
    return table->template data<T>(k)[offsets[k] + i * table->tensor[k].stride];
  }
  __device__ typename Op::State item(int64_t i) const {
    if constexpr (is_located<Op>)
      return Op::item_at(value(0, i), i);
    else if constexpr (Op::inputs == 2)
      return Op::item(value(0, i), value(1, i));
    else
      return Op::item(value(0, i));
  }
  template <class V> __device__ void put(int k, int64_t i, V result) const {
    table->template data<V>(k)[offsets[k] + i * table->tensor[k].stride] = result;
  }
  __device__ void store(int64_t i, T result) const { put(Op::inputs, i, result); }
  __device__ void store_state(int64_t i, typename Op::State state) const {
    put(Op::inputs, i, Op::result(state));
    if constexpr (is_located<Op>) put(Op::inputs + 1, i, state.index);
  }
};

template <class Op> struct Tables {
  const LinesTable<tensors_of<Op>>* lines;
  int64_t length, pieces;
  typename Op::State* states;
  __device__ explicit Tables(const uint64_t* table)
      : lines(reinterpret_cast<const LinesTable<tensors_of<Op>>*>(table)),
        length(lines->tensor[Op::inputs].extent), pieces(static_cast<int64_t>(lines->after()[0])),
        states(reinterpret_cast<typename Op::State*>(lines->after()[1])) {}
};

} // namespace

template <int which, int dtype, class T>
__global__ void __launch_bounds__(256) scan_totals(const uint64_t* table) {
  using Op = Chosen<which, T>;
  const Tables<Op> tables(table);
  const int64_t tasks = tables.lines->count * tables.pieces;
  for (int64_t task = first_item(); task < tasks; task += item_step()) {
    const int64_t line = task % tables.lines->count, piece = task / tables.lines->count;
    const Line<Op> at(tables.lines, line);
    const int64_t begin = piece * scan::piece, end = min(begin + scan::piece, tables.length);
    scan::Carry<Op> carry;
    for (int64_t chunk = begin; chunk < end; chunk += scan::chunk) {
      for (int64_t i = chunk; i < min(chunk + scan::chunk, end); ++i) carry.add(at.item(i));
      carry.end_chunk();
    }
    tables.states[line * tables.pieces + piece] = carry.piece_total();
  }
}

template <int which, int dtype, class T>
__global__ void __launch_bounds__(256) scan_before(const uint64_t* table) {
  using Op = Chosen<which, T>;
  const Tables<Op> tables(table);
  for (int64_t line = first_item(); line < tables.lines->count; line += item_step()) {
    typename Op::State before = Op::identity();
    for (int64_t piece = 0; piece < tables.pieces; ++piece) {
      auto& state = tables.states[line * tables.pieces + piece];
      const typename Op::State total = state;
      state = before;
      before = Op::combine(before, total);
    }
  }
}

template <int which, int dtype, class T>
__global__ void __launch_bounds__(256) scan_elements(const uint64_t* table) {
  using Op = Chosen<which, T>;
  const Tables<Op> tables(table);
  const int64_t tasks = tables.lines->count * tables.pieces;
  for (int64_t task = first_item(); task < tasks; task += item_step()) {
    const int64_t line = task % tables.lines->count, piece = task / tables.lines->count;
    const Line<Op> at(tables.lines, line);
    const int64_t begin = piece * scan::piece, end = min(begin + scan::piece, tables.length);
    scan::Carry<Op> carry(tables.pieces > 1 ? tables.states[line * tables.pieces + piece] : Op::identity());
    for (int64_t chunk = begin; chunk < end; chunk += scan::chunk) {
      for (int64_t i = chunk; i < min(chunk + scan::chunk, end); ++i)
        at.store_state(i, carry.add(at.item(i)));
      carry.end_chunk();
    }
  }
}

// The totals of pieces, or their elements. A thread has a chunk, and the block moves elements to and from
// shared memory.
template <int which, int dtype, int is_totals, class T>
__global__ void __launch_bounds__(scan::chunk) scan_along(const uint64_t* table) {
  using Op = Chosen<which, T>;
  using State = typename Op::State;
  constexpr int chunk = static_cast<int>(scan::chunk), chunks = static_cast<int>(scan::piece / scan::chunk);
  static_assert(chunk == chunks, "a thread for each chunk, and for each element of one");
  __shared__ T tile[chunks][chunk + 1]; // no two chunks begin in one bank
  __shared__ State totals[chunks];
  const Tables<Op> tables(table);
  const int64_t tasks = tables.lines->count * tables.pieces;
  const int own = static_cast<int>(threadIdx.x);
  for (int64_t task = blockIdx.x; task < tasks; task += gridDim.x) {
    const int64_t line = task / tables.pieces, piece = task % tables.pieces;
    const Line<Op> at(tables.lines, line);
    const int64_t begin = piece * scan::piece;
    const int count = static_cast<int>(min(scan::piece, tables.length - begin));
    for (int i = own; i < count; i += chunk) tile[i / chunk][i % chunk] = at.value(0, begin + i);
    __syncthreads();
    const int first = own * chunk, last = min(first + chunk, count);
    State total = Op::identity();
    for (int i = first; i < last; ++i) total = Op::combine(total, Op::item(tile[own][i - first]));
    totals[own] = total;
    __syncthreads();
    if (own == 0) {
      State before = !is_totals && tables.pieces > 1 ? tables.states[task] : Op::identity();
      for (int i = 0; i * chunk < count; ++i) {
        const State next = totals[i];
        totals[i] = before;
        before = Op::combine(before, next);
      }
      if (is_totals) tables.states[task] = before;
    }
    __syncthreads();
    if (!is_totals) {
      State running = totals[own];
      for (int i = first; i < last; ++i) {
        running = Op::combine(running, Op::item(tile[own][i - first]));
        tile[own][i - first] = Op::result(running);
      }
      __syncthreads();
      for (int i = own; i < count; i += chunk) at.store(begin + i, tile[i / chunk][i % chunk]);
    }
    __syncthreads();
  }
}

#define SCAN(which, T)                                                                                       \
  template __global__ void scan_totals<which, static_cast<int>(dtype_of<T>), T>(const uint64_t*);            \
  template __global__ void scan_before<which, static_cast<int>(dtype_of<T>), T>(const uint64_t*);            \
  template __global__ void scan_elements<which, static_cast<int>(dtype_of<T>), T>(const uint64_t*);
#define SCAN_ALONG(which, T)                                                                                 \
  SCAN(which, T)                                                                                             \
  template __global__ void scan_along<which, static_cast<int>(dtype_of<T>), 0, T>(const uint64_t*);          \
  template __global__ void scan_along<which, static_cast<int>(dtype_of<T>), 1, T>(const uint64_t*);
SCAN_ALONG(0, float)
SCAN_ALONG(0, double)
SCAN_ALONG(0, int64_t)
SCAN_ALONG(1, float)
SCAN_ALONG(1, double)
SCAN_ALONG(1, int64_t)
SCAN(2, float)
SCAN(2, double)
#define ROW(name, T, ...) SCAN(3, T)
ADJOINT_COMPUTED_DTYPES(ROW)
#undef ROW
