// Windows of images, line by line: every element is written by one thread, and sums over windows are taken in the order
// of the window's elements.
#include "device/windows.h"

#include <algorithm>

#include "cpu/pool.h"
#include "cpu/routine.h"

namespace adjoint::cpu {

namespace {

// Handing over so many costs nothing beside moving them.
constexpr int64_t task_elements = int64_t{1} << 14;

template <class Body> void for_lines(int64_t lines, int64_t elements_of_one, const Body& body) {
  const int64_t each = std::max<int64_t>(1, task_elements / std::max<int64_t>(elements_of_one, 1));
  parallel_for((lines + each - 1) / each, [&](int64_t task) {
    for (int64_t line = task * each; line < std::min((task + 1) * each, lines); ++line) body(line);
  });
}

template <class Word> void unfold(const Windows& windows, const Word* image, Word* out) {
  const auto& [batch, channels, rows, columns, at, strides] = windows;
  const int64_t elements = channels * rows.kernel * columns.kernel;
  for_lines(batch * elements * rows.count, columns.count, [&](int64_t line) {
    const int64_t row = line % rows.count, element = line / rows.count % elements;
    const int64_t k = element % columns.kernel, y = rows.at(row, element / columns.kernel % rows.kernel);
    Word* to = out + line * columns.count;
    if (y < 0 || y >= rows.extent) {
      std::fill_n(to, columns.count, Word(0));
      return;
    }
    const Word* from = image + line / rows.count / elements * at.batch +
                       element / columns.kernel / rows.kernel * at.channel + y * at.row;
    const int64_t begin = columns.first_from(0, k), end = columns.first_from(columns.extent, k);
    std::fill(to, to + begin, Word(0));
    const int64_t step = columns.stride * at.column;
    from += columns.at(0, k) * at.column;
    if (step == 1)
      std::copy(from + begin, from + std::max(begin, end), to + begin);
    else
      for (int64_t i = begin; i < end; ++i) to[i] = from[i * step];
    std::fill(to + std::max(begin, end), to + columns.count, Word(0));
  });
}

template <class T> void fold(const Windows& windows, const T* patches, T* out) {
  const auto& [batch, channels, rows, columns, image, at] = windows;
  const int64_t kernel = rows.kernel * columns.kernel;
  for_lines(batch * channels * rows.extent, columns.extent * kernel, [&](int64_t line) {
    const int64_t y = line % rows.extent, plane = line / rows.extent;
    const T* first = patches + plane / channels * at.batch + plane % channels * kernel * at.element;
    T* to = out + line * columns.extent;
    std::fill_n(to, columns.extent, T(0));
    for (int64_t element = 0; element < kernel; ++element) {
      const int64_t row = rows.window(y, element / columns.kernel), k = element % columns.kernel;
      if (row < 0) continue;
      const T* from = first + element * at.element + row * columns.count * at.window;
      const int64_t begin = columns.first_from(0, k), end = columns.first_from(columns.extent, k);
      T* target = to + columns.at(0, k);
      if (columns.stride == 1 && at.window == 1)
        for (int64_t i = begin; i < end; ++i) target[i] = static_cast<T>(target[i] + from[i]);
      else
        for (int64_t i = begin; i < end; ++i) {
          T& sum = target[i * columns.stride];
          sum = static_cast<T>(sum + from[i * at.window]);
        }
    }
  });
}

} // namespace

Routine routine_of_unfold(const RoutineKernel& kernel) {
  const RoutineKernel::Operand &image = kernel.inputs[0], &out = kernel.results[0];
  return {[windows = unfolding_of(kernel), from = image.array, offset = image.offset, to = out.array,
           bytes = static_cast<size_t>(bytes_of(out.dtype))](const Instance& instance) {
    with_width(bytes, [&]<class Word>() {
      unfold(windows, static_cast<const Word*>(instance.arrays[from]) + offset,
             static_cast<Word*>(instance.arrays[to]));
    });
  }};
}

Routine routine_of_fold(const RoutineKernel& kernel) {
  const RoutineKernel::Operand &patches = kernel.inputs[0], &out = kernel.results[0];
  return {[windows = folding_of(kernel), from = patches.array, offset = patches.offset, to = out.array,
           dtype = out.dtype](const Instance& instance) {
    with_computed_type(dtype, [&]<class T>() {
      fold(windows, static_cast<const T*>(instance.arrays[from]) + offset,
           static_cast<T*>(instance.arrays[to]));
    });
  }};
}

} // namespace adjoint::cpu
