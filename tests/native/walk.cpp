// How arrays are walked, and in which pass a step is computed: random accesses against their definition, element
// by element, and kernels whose passes can be counted by hand.
#include <cstdio>
#include <optional>

#include "device/passes.h"
#include "device/walk.h"
#include "random_kernels.h"

using namespace adjoint;

namespace {

bool ok = true;

void expect(bool condition, const char* what, uint64_t seed = 0) {
  if (condition) return;
  std::printf("WRONG: %s (seed %lu)\n", what, static_cast<unsigned long>(seed));
  ok = false;
}

using Offset = std::optional<int64_t>; // nothing where the element does not exist

Offset place(const Access& access, int64_t i) {
  Offset at = access.offset;
  for (size_t axis = access.extents.size(); axis-- > 0; i /= access.extents[axis]) {
    const int64_t index = i % access.extents[axis];
    if (!access.first.empty() && (index < access.first[axis] || index >= access.last[axis])) at.reset();
    if (at) *at += index * access.strides[axis];
  }
  return at;
}

// The first axis takes all that is left of the index.
Offset place(const Walk& walk, int64_t i) {
  Offset at = walk.offset;
  for (size_t axis = walk.axes.size(); axis-- > 0;) {
    const WalkAxis& digit = walk.axes[axis];
    const int64_t index = axis > 0 ? i % digit.extent : i;
    i /= digit.extent;
    if (index < digit.first || index >= digit.last) at.reset();
    if (at) *at += index * digit.stride;
  }
  return at;
}

// Often like an array that has been expanded, sliced or padded: axes that merge, stand still or are bounded.
Access random_access(Random& random) {
  Access access;
  const auto rank = static_cast<size_t>(random.below(5));
  access.extents = Dims(rank);
  for (int64_t& extent : access.extents) extent = 1 + random.below(4);
  access.strides = row_major_strides(access.extents);
  for (int64_t& stride : access.strides)
    stride = random.chance(70) ? stride : random.chance(60) ? 0 : random.below(9) - 4;
  if (random.chance(30)) access.offset = random.below(100);
  if (!random.chance(30)) return access;
  access.first = Dims(rank, 0);
  access.last = access.extents;
  for (size_t i = 0; i < rank; ++i) {
    if (!random.chance(50)) continue;
    access.first[i] = random.below(access.extents[i]);
    access.last[i] = access.first[i] + random.below(access.extents[i] - access.first[i] + 1);
  }
  return access;
}

void check_walk(uint64_t seed) {
  Random random{seed};
  const Access access = random_access(random);
  const int64_t count = element_count(access.extents);
  const Walk given(access), walk = merged(access);
  bool is_still = true, is_contiguous = true;
  for (int64_t i = 0; i < count; ++i) {
    const Offset at = place(access, i);
    expect(place(given, i) == at, "the walk as it is given", seed);
    expect(place(walk, i) == at, "the merged walk", seed);
    is_still &= at == access.offset;
    is_contiguous &= at == i;
  }
  expect(given.is_still() == is_still && walk.is_still() == is_still, "whether it stands still", seed);
  expect(walk.axes.empty() == is_still, "axes of what stands still", seed);
  expect(walk.is_contiguous(count) == is_contiguous, "whether it is contiguous", seed);
  for (size_t i = 1; i < walk.axes.size(); ++i)
    expect(walk.axes[i].is_bounded() || walk.axes[i - 1].stride != walk.axes[i].stride * walk.axes[i].extent,
           "axes that could be one", seed);
  for (const int64_t width : {2, 4}) {
    if (count % width != 0 || !walk.steps_by(width)) continue;
    for (int64_t i = 0; i < count; i += width)
      for (int64_t k = 1; k < width; ++k) {
        const Offset first = place(access, i), next = place(access, i + k);
        if (walk.is_still(width)) expect(next == first, "lanes that are one element", seed);
        if (!walk.is_vector(width)) continue;
        expect(next.has_value() == first.has_value() && (!first || *next == *first + k), "lanes side by side",
               seed);
      }
  }
  for (int64_t columns = 1; columns <= count; ++columns) {
    if (count % columns != 0) continue;
    bool ends_with_axes = false; // columns are whole axes
    int64_t product = 1;
    for (size_t i = access.extents.size() + 1; i-- > 0;) {
      ends_with_axes |= product == columns;
      if (i > 0) product *= access.extents[i - 1];
    }
    const std::optional<SplitWalk> parts = split(access, columns);
    expect(parts || !ends_with_axes, "whole axes that are not split", seed);
    if (!parts) continue;
    for (int64_t i = 0; i < count; ++i) {
      const Offset row = place(parts->rows, i / columns), column = place(parts->columns, i % columns);
      const Offset both = row && column ? Offset(*row + *column) : Offset();
      expect(both == place(access, i), "rows and columns", seed);
    }
  }
}

uint16_t push(FusedKernel& kernel, Level level, std::vector<uint16_t> inputs) {
  Step step{.level = level, .input_count = static_cast<uint8_t>(inputs.size())};
  std::copy(inputs.begin(), inputs.end(), step.inputs);
  kernel.steps.push_back(step);
  return static_cast<uint16_t>(kernel.steps.size() - 1);
}

// The softmax of a row, as it stands at the top of device/passes.h, and a step that nobody needs.
void check_passes() {
  FusedKernel kernel;
  const uint16_t x = push(kernel, Level::element, {}), most = push(kernel, Level::row, {x});
  const uint16_t e = push(kernel, Level::element, {x, most}), total = push(kernel, Level::row, {e});
  const uint16_t out = push(kernel, Level::element, {e, total});
  push(kernel, Level::row, {out});
  kernel.stores.resize(3);
  for (size_t i = 0; i < 3; ++i) kernel.stores[i].step = std::array{out, e, most}[i];
  const Passes passes(kernel);
  expect(passes.count == 3, "three passes");
  expect(passes.of_step == std::vector<size_t>{0, 1, 1, 2, 2, 0}, "the passes of steps");
  expect(passes.of_store == std::vector<size_t>{2, 1, Passes::none}, "the passes of stores");
  expect(passes.is_needed == std::vector<bool>{true, true, true, true, true, false}, "what is needed");
  expect(passes.reductions(0) == std::vector<uint16_t>{most}, "the first reduction");
  expect(passes.reductions(1) == std::vector<uint16_t>{total}, "the second reduction");
  expect(passes.reductions(2).empty(), "no third reduction");
  expect(passes.needed(0) == std::vector<bool>{true, false, false, false, false, false}, "the first pass");
  expect(passes.needed(1) == std::vector<bool>{true, true, true, false, false, false}, "the second pass");
  expect(passes.needed(2) == std::vector<bool>{true, true, true, true, true, false}, "the third pass");
  kernel.stores[1].replaces = 0;
  expect(Passes(kernel).of_store[1] == 2, "what is read again is written over at the end");
}

} // namespace

int main() {
  for (uint64_t seed = 1; seed <= 20000; ++seed) check_walk(seed);
  check_passes();
  return ok ? 0 : 1;
}
