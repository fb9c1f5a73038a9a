// Small matrices of a batch that are computed side by side: each in a lane of vectors, so that neither the others nor their
// number change its bits.
#pragma once
#include <algorithm>
#include <cstdint>

#include "cpu/pool.h"
#include "device/integers.h"

namespace adjoint::cpu {

inline constexpr int64_t small_side = 16; // rows and columns at most
inline constexpr int64_t group_size = 16; // matrices at most

template <class T> struct Group {
  T* first[group_size]; // elements
  int64_t row_stride, column_stride;
};

constexpr bool is_small(int64_t rows, int64_t columns) { return rows <= small_side && columns <= small_side; }

// Runs body(first item, count) for all groups of a batch; each item takes so many multiply-adds.
template <class Body> void for_groups(int64_t items, int64_t work, const Body& body) {
  constexpr int64_t task_work = int64_t{1} << 18;
  const int64_t groups = quotient_up(items, group_size);
  const int64_t each = std::max<int64_t>(1, task_work / (group_size * std::max<int64_t>(work, 1)));
  parallel_for(quotient_up(groups, each), [&](int64_t task) {
    for (int64_t i = task * each; i < std::min((task + 1) * each, groups); ++i)
      body(i * group_size, std::min(group_size, items - i * group_size));
  });
}

// place(item) is the first element of an item's matrix.
template <class T, class Place>
Group<T> group_of(int64_t first, int64_t count, int64_t row_stride, int64_t column_stride,
                  const Place& place) {
  Group<T> group{{}, row_stride, column_stride};
  for (int64_t i = 0; i < count; ++i) group.first[i] = place(first + i);
  return group;
}

} // namespace adjoint::cpu
