// Elements by their indices along a line. What is taken may be taken in any order; what comes to one element comes in the
// order of the indices, so threads that write by indices have whole lines.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>

#include "cpu/pool.h"
#include "cpu/routine.h"
#include "cpu/routines/blocks.h"
#include "cpu/routines/failing.h"
#include "device/integers.h"
#include "ops/combination.h"

namespace adjoint::cpu {

namespace {

// Threads that write to neighbouring lines would share cache lines.
constexpr int64_t fewest_neighbours = 128;

template <class T> T* data(const Instance& instance, const Lines& lines, size_t tensor) {
  return static_cast<T*>(instance.arrays[lines[tensor].array]);
}

bool is_inside(int64_t index, int64_t extent) {
  return static_cast<uint64_t>(index) < static_cast<uint64_t>(extent);
}

// An inner loop of a walk through three tensors: the indices, the one that they are indices of, and the other one.
struct Run {
  int64_t count; // of steps
  int64_t index_step, own_step,
      far_step;           // how far a step goes in the indices, the other tensor, and the one far away
  int64_t extent, stride; // of the line that indices are places in
};

void report(const Instance& instance, const int64_t* indices, const Run& run) {
  for (int64_t i = 0; i < run.count; ++i)
    if (const int64_t index = indices[i * run.index_step]; !is_inside(index, run.extent))
      fail(instance, index_failure(index));
}

// So many rows ahead, rows far away are fetched.
constexpr int64_t rows_ahead = 8;
constexpr int64_t fetched_bytes = 512; // of a row; the processor fetches what follows by itself

template <class T> void fetch_row(const T* row, int64_t count) {
  constexpr int64_t cache_line = 64 / static_cast<int64_t>(sizeof(T));
  count = std::min(count, fetched_bytes / static_cast<int64_t>(sizeof(T)));
  for (int64_t i = 0; i < count; i += cache_line) __builtin_prefetch(row + i);
}

// A walk over the block's lines from element `first` to `last`: the inner loop goes along lines where their elements are
// neighbours, and across them elsewhere. Calls body(run, indices, far, own, ahead) for every inner loop, in order, with
// offsets; `ahead` are the indices of a loop that follows.
template <class Body>
void each_run(const Lines& lines, const Block& block, int64_t first, int64_t last, size_t index, size_t far,
              size_t own, Body body) {
  const int64_t extent = lines[far].extent, stride = lines[far].stride;
  const Run along{last - first, lines[index].stride, lines[own].stride, 0, extent, stride};
  const Run across{
      block.count, line_stride(lines, index), line_stride(lines, own), line_stride(lines, far), extent,
      stride};
  const bool goes_along = block.count == 1 || along.own_step == 1;
  const Run &inner = goes_along ? along : across, &outer = goes_along ? across : along;
  const int64_t indices = block.offsets[index] + first * along.index_step;
  const int64_t others = block.offsets[own] + first * along.own_step;
  for (int64_t i = 0; i < outer.count; ++i)
    body(inner, indices + i * outer.index_step, block.offsets[far] + i * outer.far_step,
         others + i * outer.own_step, indices + std::min(i + rows_ahead, outer.count - 1) * outer.index_step);
}

// Calls walk(run), with constants for the steps of what lies in lines of neighbours.
template <class Walk> void with_steps(const Run& run, Walk walk) {
  if (run.index_step == 1 && run.own_step == 1 && run.far_step == 0 && run.stride == 1)
    walk(Run{run.count, 1, 1, 0, run.extent, 1});
  else
    walk(run);
}

template <class Word>
void gather_run(const Instance& instance, const Run& whole, const int64_t* indices, const int64_t* ahead,
                const Word* source, Word* out) {
  // One index, that of a whole row: an embedding.
  if (whole.index_step == 0 && whole.own_step == 1 && whole.far_step == 1 &&
      is_inside(indices[0], whole.extent)) {
    if (is_inside(*ahead, whole.extent)) fetch_row(source + *ahead * whole.stride, whole.count);
    std::copy_n(source + indices[0] * whole.stride, whole.count, out);
    return;
  }
  bool are_inside = whole.extent > 0;
  if (are_inside)
    with_steps(whole, [&](const Run& run) __attribute__((always_inline)) {
      for (int64_t i = 0; i < run.count; ++i) {
        const int64_t index = indices[i * run.index_step];
        const bool is_there = is_inside(index, run.extent);
        are_inside &= is_there;
        const Word element = source[i * run.far_step + (is_there ? index : 0) * run.stride];
        out[i * run.own_step] = is_there ? element : Word(0);
      }
    });
  if (!are_inside) report(instance, indices, whole);
}

template <class Word> void gather(const Lines& lines, const Instance& instance) {
  const auto* source = data<const Word>(instance, lines, 0);
  const auto* indices = data<const int64_t>(instance, lines, 1);
  auto* target = data<Word>(instance, lines, 2);
  const int64_t length = lines[2].extent;
  if (length == 0 || lines.count() == 0) return;
  // A task goes as far as it can in the direction in which the result is written.
  const bool goes_along = lines[2].stride == 1;
  const int64_t straight = std::min(goes_along ? length : longest_block(lines), task_elements);
  const int64_t rows = std::max<int64_t>(task_elements / straight, 1);
  const int64_t elements = goes_along ? straight : rows, together = goes_along ? rows : straight;
  const int64_t parts = quotient_up(length, elements);
  parallel_for(quotient_up(lines.count(), together) * parts, [&](int64_t task) {
    const int64_t line = task / parts * together, first = task % parts * elements;
    const int64_t last = std::min(first + elements, length);
    each_block(lines, line, std::min(line + together, lines.count()), [&](const Block& block) {
      each_run(lines, block, first, last, 1, 0, 2,
               [&](const Run& run, int64_t index, int64_t from, int64_t out, int64_t ahead) {
                 gather_run(instance, run, indices + index, indices + ahead, source + from, target + out);
               });
    });
  });
}

Routine gathering(const RoutineKernel& kernel) {
  const RoutineKernel::Operand& index = kernel.inputs[1];
  const Lines lines(index.shape, kernel.parameters[0], {&kernel.inputs[0], &index, &kernel.results[0]});
  const auto bytes = static_cast<size_t>(bytes_of(kernel.results[0].dtype));
  return {[lines, bytes](const Instance& instance) {
    with_width(bytes, [&]<class Word>() { gather<Word>(lines, instance); });
  }};
}

template <Combination combination, class T>
void combine_rows(T* __restrict targets, const T* __restrict parts, int64_t count) {
  for (int64_t i = 0; i < count; ++i) targets[i] = combined<combination>(targets[i], parts[i]);
}

template <Combination combination, class T>
void scatter_run(const Instance& instance, const Run& whole, const int64_t* indices, const T* parts,
                 T* targets) {
  if (whole.index_step == 0 && whole.own_step == 1 && whole.far_step == 1 &&
      is_inside(indices[0], whole.extent))
    return combine_rows<combination>(targets + indices[0] * whole.stride, parts, whole.count);
  bool are_inside = true;
  with_steps(whole, [&](const Run& run) __attribute__((always_inline)) {
    for (int64_t i = 0; i < run.count; ++i) {
      const int64_t index = indices[i * run.index_step];
      if (!is_inside(index, run.extent)) {
        are_inside = false;
        continue;
      }
      T& target = targets[i * run.far_step + index * run.stride];
      target = combined<combination>(target, parts[i * run.own_step]);
    }
  });
  if (!are_inside) report(instance, indices, whole);
}

template <Combination combination, class T> void scatter(const Lines& lines, const Instance& instance) {
  const auto* indices = data<const int64_t>(instance, lines, 0);
  const auto* parts = data<const T>(instance, lines, 1);
  auto* targets = data<T>(instance, lines, 2);
  const int64_t length = lines[0].extent;
  if (length == 0 || lines.count() == 0) return;
  const int64_t least = std::max(task_elements / length, lines[1].stride == 1 ? 1 : fewest_neighbours);
  // Which lines a thread has changes nothing in any of them.
  const int64_t each = std::max(least, quotient_up(lines.count(), 4 * thread_count()));
  parallel_for(quotient_up(lines.count(), each), [&](int64_t task) {
    each_block(lines, task * each, std::min((task + 1) * each, lines.count()), [&](const Block& block) {
      each_run(lines, block, 0, length, 0, 2, 1,
               [&](const Run& run, int64_t index, int64_t to, int64_t from, int64_t) {
                 scatter_run<combination>(instance, run, indices + index, parts + from, targets + to);
               });
    });
  });
}

// Bags of rows, summed in order. Threads share the bags.
class Bags {
 public:
  explicit Bags(const RoutineKernel& kernel)
      : rows_(kernel.inputs[0]), index_(kernel.inputs[1]), out_(kernel.results[0]) {}

  template <class T> void run(const Instance& instance) const {
    const auto* rows = static_cast<const T*>(instance.arrays[rows_.array]) + rows_.offset;
    const auto* indices = static_cast<const int64_t*>(instance.arrays[index_.array]) + index_.offset;
    auto* out = static_cast<T*>(instance.arrays[out_.array]);
    const int64_t bags = out_.shape[0], width = out_.shape[1];
    const int64_t each = std::max<int64_t>(task_elements / std::max<int64_t>(width * index_.shape[1], 1), 1);
    parallel_for(quotient_up(bags, each), [&](int64_t task) {
      for (int64_t bag = task * each; bag < std::min((task + 1) * each, bags); ++bag)
        sum_bag(instance, rows, indices + bag * index_.strides[0], out + bag * width);
    });
  }

 private:
  template <class T>
  void sum_bag(const Instance& instance, const T* rows, const int64_t* indices, T* out) const {
    const int64_t width = out_.shape[1];
    bool are_inside = true;
    for (int64_t k = 0; k < index_.shape[1]; ++k) {
      const int64_t index = indices[k * index_.strides[1]];
      if (is_inside(index, rows_.shape[0])) continue;
      are_inside = false;
      fail(instance, index_failure(index));
    }
    if (!are_inside) return;
    int64_t column = 0;
    if (rows_.strides[1] == 1)
      for (; column + columns_at_once <= width; column += columns_at_once)
        sum_columns<columns_at_once>(rows + column, indices, out + column);
    for (; column < width; ++column) sum_columns<1>(rows + column * rows_.strides[1], indices, out + column);
  }

  // So many columns, which lie side by side, while their sums are in registers.
  template <int count, class T> void sum_columns(const T* rows, const int64_t* indices, T* out) const {
    T sums[count] = {};
    for (int64_t k = 0; k < index_.shape[1]; ++k)
      combine_rows<Combination::sum>(sums, rows + indices[k * index_.strides[1]] * rows_.strides[0], count);
    std::copy_n(sums, count, out);
  }

  static constexpr int columns_at_once = 32;
  RoutineKernel::Operand rows_, index_, out_;
};

// All elements as lines of one, of which as many as possible lie at equal distances.
Lines single_elements(const RoutineKernel::Operand& from, const RoutineKernel::Operand& to) {
  RoutineKernel::Operand source = from, target = to;
  const auto axis = static_cast<int64_t>(to.shape.size());
  for (RoutineKernel::Operand* operand : {&source, &target}) {
    operand->shape.push_back(1);
    operand->strides.push_back(0);
  }
  return {target.shape, axis, {&source, &target}};
}

// Whether all of its bits are.
template <class T> bool is_zero(T value) {
  constexpr std::byte zeros[sizeof(T)] = {};
  return std::memcmp(&value, zeros, sizeof(T)) == 0;
}

template <class T> void copy_run(const T* source, int64_t step, T* target, int64_t count) {
  if (step == 1)
    std::copy_n(source, count, target);
  else if (step == 0 && is_zero(*source))
    std::memset(target, 0, static_cast<size_t>(count) * sizeof(T));
  else if (step == 0)
    std::fill_n(target, count, *source);
  else
    for (int64_t i = 0; i < count; ++i) target[i] = source[i * step];
}

// The target lies in one piece.
template <class T> void copy(const Lines& elements, const Instance& instance) {
  const auto* source = data<const T>(instance, elements, 0);
  auto* target = data<T>(instance, elements, 1);
  parallel_for(quotient_up(elements.count(), task_elements), [&](int64_t task) {
    const int64_t begin = task * task_elements, end = std::min(begin + task_elements, elements.count());
    each_block(elements, begin, end, [&](const Block& block) {
      copy_run(source + block.offsets[0], line_stride(elements, 0), target + block.offsets[1], block.count);
    });
  });
}

template <class T> void scatter_by(Combination combination, const Lines& lines, const Instance& instance) {
  switch (combination) {
  case Combination::product:
    return scatter<Combination::product, T>(lines, instance);
  case Combination::least:
    return scatter<Combination::least, T>(lines, instance);
  case Combination::greatest:
    return scatter<Combination::greatest, T>(lines, instance);
  case Combination::sum:
    return scatter<Combination::sum, T>(lines, instance);
  case Combination::last:
    return scatter<Combination::last, T>(lines, instance);
  }
}

Routine scattering(const RoutineKernel& kernel) {
  const RoutineKernel::Operand &whole = kernel.inputs[0], &index = kernel.inputs[1], &part = kernel.inputs[2];
  const RoutineKernel::Operand& out = kernel.results[0];
  return {[all = single_elements(whole, out),
           lines = Lines(index.shape, kernel.parameters[0], {&index, &part, &out}),
           combination = combination_of(kernel.op, kernel.parameters),
           dtype = out.dtype](const Instance& instance) {
    with_computed_type(dtype, [&]<class T>() {
      copy<T>(all, instance);
      scatter_by<T>(combination, lines, instance);
    });
  }};
}

// The places of elements that are true. Threads count them in pieces first, so that each knows where it writes.
class Places {
 public:
  explicit Places(const RoutineKernel& kernel)
      : mask_(kernel.inputs[0]), out_(kernel.results[0].array), shape_(kernel.parameters),
        pieces_(quotient_up(mask_.elements(), task_elements)) {}

  int64_t scratch_bytes() const { return pieces_ * static_cast<int64_t>(sizeof(int64_t)); }

  void run(const Instance& instance) const {
    const auto* mask = static_cast<const bool*>(instance.arrays[mask_.array]) + mask_.offset;
    auto* rows = static_cast<int64_t*>(instance.arrays[out_]);
    const std::span<int64_t> before(static_cast<int64_t*>(instance.scratch), static_cast<size_t>(pieces_));
    parallel_for(pieces_, [&](int64_t piece) { before[static_cast<size_t>(piece)] = count_in(mask, piece); });
    std::exclusive_scan(before.begin(), before.end(), before.begin(), int64_t{0});
    parallel_for(pieces_, [&](int64_t piece) {
      write(mask, piece, rows + before[static_cast<size_t>(piece)] * static_cast<int64_t>(shape_.size()));
    });
  }

 private:
  int64_t stride() const { return mask_.strides[0]; }
  int64_t end_of(int64_t piece) const { return std::min((piece + 1) * task_elements, mask_.elements()); }

  int64_t count_in(const bool* mask, int64_t piece) const {
    int64_t count = 0;
    for (int64_t i = piece * task_elements; i < end_of(piece); ++i) count += mask[i * stride()];
    return count;
  }

  void write(const bool* mask, int64_t piece, int64_t* row) const {
    // Elements are found without a branch, which would be taken by chance.
    constexpr int64_t few = 512;
    int64_t found[few];
    for (int64_t begin = piece * task_elements; begin < end_of(piece); begin += few) {
      const int64_t end = std::min(begin + few, end_of(piece));
      size_t count = 0;
      for (int64_t i = begin; i < end; ++i) {
        found[count] = i;
        count += mask[i * stride()];
      }
      row = shape_.size() == 1 ? std::copy_n(found, count, row) : write_rows({found, count}, row);
    }
  }

  // Writes the indices of each of these elements as a row.
  int64_t* write_rows(std::span<const int64_t> found, int64_t* row) const {
    for (int64_t rest : found) {
      for (size_t axis = shape_.size(); axis-- > 0; rest /= shape_[axis]) row[axis] = rest % shape_[axis];
      row += shape_.size();
    }
    return row;
  }

  RoutineKernel::Operand mask_;
  uint16_t out_;
  Dims shape_;
  int64_t pieces_;
};

} // namespace

Routine routine_of_nonzero(const RoutineKernel& kernel) {
  const Places places(kernel);
  return {[places](const Instance& instance) { places.run(instance); }, places.scratch_bytes()};
}

Routine routine_of_gather(const RoutineKernel& kernel) { return gathering(kernel); }
Routine routine_of_indexSelect(const RoutineKernel& kernel) { return gathering(kernel); }

Routine routine_of_embeddingBag(const RoutineKernel& kernel) {
  return {[bags = Bags(kernel), dtype = kernel.results[0].dtype](const Instance& instance) {
    with_computed_type(dtype, [&]<class T>() { bags.run<T>(instance); });
  }};
}

Routine routine_of_scatterAdd(const RoutineKernel& kernel) { return scattering(kernel); }
Routine routine_of_scatter(const RoutineKernel& kernel) { return scattering(kernel); }
Routine routine_of_scatterReduce(const RoutineKernel& kernel) { return scattering(kernel); }

} // namespace adjoint::cpu
