// Elements by their indices along a line. Threads share the lines: each has whole lines, so that sums for one
// element are taken in order.
#include <algorithm>
#include <array>

#include "cpu/pool.h"
#include "cpu/routine.h"
#include "cpu/routines/failing.h"
#include "device/integers.h"
#include "device/lines.h"
#include "ops/combination.h"

namespace adjoint::cpu {

namespace {

// Fewer elements are not worth another thread.
constexpr int64_t task_elements = int64_t{1} << 14;

// Lines that lie side by side are walked together, so that whole cache lines are used.
constexpr int64_t lines_at_once = 128;

using Offsets = std::array<int64_t, Lines::max_tensors>;

// Calls body(k, offsets) for the first `length` elements of every line, on all threads; a line is one thread's, and its
// elements come in order. `is_along` says that they are neighbours in memory.
template <class Body> void each_element(const Lines& lines, int64_t length, bool is_along, Body body) {
  const int64_t together = is_along ? 1 : lines_at_once;
  const int64_t each =
      std::max<int64_t>(task_elements / std::max<int64_t>(length, 1) / together, 1) * together;
  parallel_for(quotient_up(lines.count(), each), [&](int64_t task) {
    std::array<Offsets, lines_at_once> offsets;
    const int64_t end = std::min((task + 1) * each, lines.count());
    for (int64_t first = task * each; first < end; first += together) {
      const auto count = static_cast<size_t>(std::min(together, end - first));
      for (size_t i = 0; i < count; ++i) offsets[i] = lines.offsets(first + static_cast<int64_t>(i));
      for (int64_t k = 0; k < length; ++k)
        for (size_t i = 0; i < count; ++i) body(k, offsets[i]);
    }
  });
}

template <class T> T* data(const Instance& instance, const Lines& lines, size_t tensor) {
  return static_cast<T*>(instance.arrays[lines[tensor].array]);
}

bool is_inside(int64_t index, int64_t extent) { return index >= 0 && index < extent; }

// Whether one index is that of a whole row: its elements are neighbours in all tensors but that of indices.
bool has_rows(const Lines& lines, size_t index) {
  if (lines.extents().size() != 1) return false;
  bool are_neighbours = true;
  for (size_t k = 0; k < lines.tensor_count(); ++k)
    are_neighbours &= lines[k].strides[0] == (k == index ? 0 : 1);
  return are_neighbours;
}

// Copies whole rows: an embedding.
template <class T> void gather_rows(const Lines& lines, const Instance& instance) {
  const auto &from = lines[0], &index = lines[1], &out = lines[2];
  const auto* source = data<const T>(instance, lines, 0) + from.offset;
  const auto* indices = data<const int64_t>(instance, lines, 1) + index.offset;
  auto* target = data<T>(instance, lines, 2) + out.offset;
  const int64_t width = lines.count(), each = std::max<int64_t>(task_elements / width, 1);
  parallel_for(quotient_up(out.extent, each), [&](int64_t task) {
    for (int64_t k = task * each; k < std::min((task + 1) * each, out.extent); ++k) {
      const int64_t i = indices[k * index.stride];
      if (is_inside(i, from.extent)) {
        std::copy_n(source + i * from.stride, width, target + k * out.stride);
      } else {
        fail(instance, index_failure(i));
        std::fill_n(target + k * out.stride, width, T(0));
      }
    }
  });
}

template <class T> void gather(const Lines& lines, const Instance& instance) {
  if (has_rows(lines, 1)) return gather_rows<T>(lines, instance);
  const auto &from = lines[0], &index = lines[1], &out = lines[2];
  const auto* source = data<const T>(instance, lines, 0);
  const auto* indices = data<const int64_t>(instance, lines, 1);
  auto* target = data<T>(instance, lines, 2);
  each_element(lines, out.extent, out.stride == 1, [&](int64_t k, const Offsets& offsets) {
    const int64_t i = indices[offsets[1] + k * index.stride];
    const bool is_there = is_inside(i, from.extent);
    if (!is_there) fail(instance, index_failure(i));
    target[offsets[2] + k * out.stride] = is_there ? source[offsets[0] + i * from.stride] : T(0);
  });
}

Routine gathering(const RoutineKernel& kernel) {
  const RoutineKernel::Operand& index = kernel.inputs[1];
  const Lines lines(index.shape, kernel.parameters[0], {&kernel.inputs[0], &index, &kernel.results[0]});
  return {[lines, bytes = bytes_of(kernel.results[0].dtype)](const Instance& instance) {
    with_width(static_cast<size_t>(bytes), [&]<class Word>() { gather<Word>(lines, instance); });
  }};
}

// Combines whole rows. Threads share their columns, so that rows come in order.
template <Combination combination, class T> void scatter_rows(const Lines& lines, const Instance& instance) {
  const auto &index = lines[0], &part = lines[1], &out = lines[2];
  const auto* indices = data<const int64_t>(instance, lines, 0) + index.offset;
  const int64_t width = std::max<int64_t>(lines_at_once, task_elements / std::max<int64_t>(index.extent, 1));
  parallel_for(quotient_up(lines.count(), width), [&](int64_t task) {
    const int64_t first = task * width, count = std::min(width, lines.count() - first);
    const auto* parts = data<const T>(instance, lines, 1) + part.offset + first;
    auto* targets = data<T>(instance, lines, 2) + out.offset + first;
    for (int64_t k = 0; k < index.extent; ++k) {
      const int64_t i = indices[k * index.stride];
      if (!is_inside(i, out.extent)) {
        fail(instance, index_failure(i));
        continue;
      }
      const T* row = parts + k * part.stride;
      T* target = targets + i * out.stride;
      for (int64_t j = 0; j < count; ++j) target[j] = combined<combination>(target[j], row[j]);
    }
  });
}

template <Combination combination, class T> void scatter(const Lines& lines, const Instance& instance) {
  if (has_rows(lines, 0)) return scatter_rows<combination, T>(lines, instance);
  const auto &index = lines[0], &part = lines[1], &out = lines[2];
  const auto* indices = data<const int64_t>(instance, lines, 0);
  const auto* parts = data<const T>(instance, lines, 1);
  auto* targets = data<T>(instance, lines, 2);
  each_element(lines, index.extent, part.stride == 1, [&](int64_t k, const Offsets& offsets) {
    const int64_t i = indices[offsets[0] + k * index.stride];
    if (!is_inside(i, out.extent)) return fail(instance, index_failure(i));
    T& target = targets[offsets[2] + i * out.stride];
    target = combined<combination>(target, parts[offsets[1] + k * part.stride]);
  });
}

template <class T> void copy_lines(const Lines& lines, const Instance& instance) {
  const auto &from = lines[0], &to = lines[1];
  const auto* source = data<const T>(instance, lines, 0);
  auto* target = data<T>(instance, lines, 1);
  each_element(lines, to.extent, to.stride == 1, [&](int64_t k, const Offsets& offsets) {
    target[offsets[1] + k * to.stride] = source[offsets[0] + k * from.stride];
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
  const int64_t axis = kernel.parameters[0];
  return {[all = Lines(whole.shape, axis, {&whole, &out}),
           lines = Lines(index.shape, axis, {&index, &part, &out}),
           combination = combination_of(kernel.op, kernel.parameters),
           dtype = out.dtype](const Instance& instance) {
    with_computed_type(dtype, [&]<class T>() {
      copy_lines<T>(all, instance);
      scatter_by<T>(combination, lines, instance);
    });
  }};
}

// Writes the indices of each counted element as a row, at the place that its count says.
void write_places(const RoutineKernel& kernel, const Instance& instance) {
  const RoutineKernel::Operand &mask = kernel.inputs[0], &ends = kernel.inputs[1], &out = kernel.results[0];
  const auto* is_counted = static_cast<const bool*>(instance.arrays[mask.array]) + mask.offset;
  const auto* counts = static_cast<const int64_t*>(instance.arrays[ends.array]) + ends.offset;
  auto* rows = static_cast<int64_t*>(instance.arrays[out.array]);
  const Dims& shape = kernel.parameters;
  const int64_t n = mask.elements();
  parallel_for(quotient_up(n, task_elements), [&](int64_t task) {
    for (int64_t i = task * task_elements; i < std::min((task + 1) * task_elements, n); ++i) {
      if (!is_counted[i * mask.strides[0]]) continue;
      int64_t* const row = rows + (counts[i * ends.strides[0]] - 1) * static_cast<int64_t>(shape.size());
      int64_t rest = i;
      for (size_t axis = shape.size(); axis-- > 0; rest /= shape[axis]) row[axis] = rest % shape[axis];
    }
  });
}

} // namespace

Routine routine_of_nonzero(const RoutineKernel& kernel) {
  return {[kernel](const Instance& instance) { write_places(kernel, instance); }};
}

Routine routine_of_gather(const RoutineKernel& kernel) { return gathering(kernel); }
Routine routine_of_indexSelect(const RoutineKernel& kernel) { return gathering(kernel); }

Routine routine_of_scatterAdd(const RoutineKernel& kernel) { return scattering(kernel); }
Routine routine_of_scatter(const RoutineKernel& kernel) { return scattering(kernel); }
Routine routine_of_scatterReduce(const RoutineKernel& kernel) { return scattering(kernel); }

} // namespace adjoint::cpu
