// Sorting. Elements become keys whose unsigned order is the wanted one (ops/sort_key.h), and keys are sorted
// stably with their positions: short lines by insertion, the others by digits from the lowest on. Threads
// share the lines.
#include <algorithm>
#include <cstring>
#include <thread>

#include "cpu/pool.h"
#include "cpu/routine.h"
#include "device/lines.h"
#include "ops/sort_key.h"

namespace adjoint::cpu {

namespace {

struct Item {
  uint64_t key;
  uint32_t position;
};

constexpr int64_t shortest_by_digits = 48;

void sort_by_insertion(Item* items, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const Item item = items[i];
    int64_t k = i;
    for (; k > 0 && items[k - 1].key > item.key; --k) items[k] = items[k - 1];
    items[k] = item;
  }
}

// Returns the list with the sorted items: `items` or `other`.
Item* sort_by_digits(Item* items, Item* other, int64_t n) {
  constexpr int digits = sizeof(uint64_t);
  uint32_t counts[digits][256] = {};
  for (int64_t i = 0; i < n; ++i)
    for (int digit = 0; digit < digits; ++digit) ++counts[digit][items[i].key >> (8 * digit) & 255];
  for (int digit = 0; digit < digits; ++digit) {
    uint32_t* const count = counts[digit];
    if (count[items[0].key >> (8 * digit) & 255] == n) continue; // all alike
    uint32_t place = 0;
    for (int value = 0; value < 256; ++value) place += std::exchange(count[value], place);
    for (int64_t i = 0; i < n; ++i) other[count[items[i].key >> (8 * digit) & 255]++] = items[i];
    std::swap(items, other);
  }
  return items;
}

class Sort {
 public:
  explicit Sort(const RoutineKernel& kernel)
      : lines_(kernel.inputs[0].shape, kernel.parameters[0],
               {&kernel.inputs[0], &kernel.results[0], &kernel.results[1]}),
        is_descending_(kernel.parameters[1] != 0),
        tasks_(std::clamp<int64_t>(lines_.count(), 1,
                                   std::max<int64_t>(thread_count(), std::thread::hardware_concurrency()))) {}

  // Two lists of items for each task.
  int64_t scratch_bytes() const { return tasks_ * 2 * lines_[0].extent * static_cast<int64_t>(sizeof(Item)); }

  void run(const Instance& instance) const {
    parallel_for(tasks_, [&](int64_t task) {
      Item* const items = static_cast<Item*>(instance.scratch) + task * 2 * lines_[0].extent;
      with_computed_type(lines_[0].dtype, [&]<class T>() {
        for (int64_t line = task; line < lines_.count(); line += tasks_) sort_line<T>(instance, line, items);
      });
    });
  }

 private:
  template <class T> void sort_line(const Instance& instance, int64_t line, Item* items) const {
    const auto offsets = lines_.offsets(line);
    const auto &from = lines_[0], &values = lines_[1], &positions = lines_[2];
    const auto* source = static_cast<const T*>(instance.arrays[from.array]) + offsets[0];
    const int64_t n = from.extent;
    for (int64_t i = 0; i < n; ++i)
      items[i] = {sort_key(source[i * from.stride], is_descending_), static_cast<uint32_t>(i)};
    const Item* sorted = items;
    if (n < shortest_by_digits)
      sort_by_insertion(items, n);
    else
      sorted = sort_by_digits(items, items + n, n);
    auto* out = static_cast<T*>(instance.arrays[values.array]) + offsets[1];
    auto* places = static_cast<int64_t*>(instance.arrays[positions.array]) + offsets[2];
    for (int64_t i = 0; i < n; ++i) {
      out[i * values.stride] = source[sorted[i].position * from.stride];
      places[i * positions.stride] = sorted[i].position;
    }
  }

  Lines lines_;
  bool is_descending_;
  int64_t tasks_;
};

} // namespace

Routine routine_of_sort(const RoutineKernel& kernel) {
  const Sort sort(kernel);
  return {[sort](const Instance& instance) { sort.run(instance); }, sort.scratch_bytes()};
}

} // namespace adjoint::cpu
