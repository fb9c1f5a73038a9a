// Read `add` first: it finds a root's place in the kernel's space (`reduced_root`, `value_root`) and pulls
// its inputs. `pull` follows views; `pull_entry` then decides whether a value is here already, is loaded from
// an earlier kernel, or is computed. `compute`, `reduce`, `load` and `count` add the steps.
#include "graph/draft.h"

#include <algorithm>

#include "device/error.h"
#include "device/walk.h"

namespace adjoint {

namespace {

// Bounds for kernels that use their own reductions. Later passes walk a row again, so it must stay in the
// cache, and there must be enough rows for every thread.
constexpr int64_t max_row_elements = 65536;
constexpr int64_t few_rows = 8;
constexpr int64_t few_elements = 32768;

Dims kept(const Dims& shape, const Dims& reduced_axes) {
  Dims result;
  for (size_t i = 0; i < shape.size(); ++i)
    if (!reduced_axes.contains(static_cast<int64_t>(i))) result.push_back(shape[i]);
  return result;
}

// The map to the input of each view.
std::optional<IndexMap> through_reshape(const Node& view, const IndexMap& map) {
  return map.through_reshape(view.inputs[0]->shape, view.shape);
}
std::optional<IndexMap> through_permute(const Node& view, const IndexMap& map) {
  return map.through_permute(view.attributes->axes);
}
std::optional<IndexMap> through_expand(const Node& view, const IndexMap& map) {
  return map.through_broadcast(view.inputs[0]->shape, view.shape);
}
std::optional<IndexMap> through_slice(const Node& view, const IndexMap& map) {
  return map.through_slice(view.attributes->starts, view.attributes->steps);
}

} // namespace

DType arithmetic_dtype(const Node& node) {
  if (info(node.op).kind == Kind::elementwise && info(node.op).dtypes != Dtypes::truth) return node.dtype;
  DType dtype = node.dtype;
  for (size_t i = 0; i < node.input_count; ++i)
    if (!node.inputs[i]->is_number()) dtype = node.inputs[i]->dtype;
  return dtype;
}

bool Draft::Key::operator==(const Key& other) const {
  return ref.kind == other.ref.kind && ref.index == other.ref.index && dtype == other.dtype &&
         map == other.map;
}

size_t Draft::KeyHash::operator()(const Key& key) const {
  StructuralKey hash;
  hash.add(key.ref.index);
  hash.add(static_cast<uint64_t>(key.ref.kind) << 8 | static_cast<uint64_t>(key.dtype));
  for (int64_t value : key.map) hash.add(static_cast<uint64_t>(value));
  return hash.low;
}

Draft::Draft(const Snapshot& snapshot, const std::vector<Decision>& decisions, int32_t number,
             const Dims& shape, const Dims& reduced_axes)
    : snapshot_(&snapshot), decisions_(&decisions), number_(number), shape_(shape),
      reduced_axes_(reduced_axes), kept_shape_(kept(shape, reduced_axes)),
      space_(IndexMap::identity(shape, reduced_axes)) {
  kernel_.rows = element_count(kept_shape_);
  kernel_.columns = 1;
  for (int64_t axis : reduced_axes) kernel_.columns *= shape[static_cast<size_t>(axis)];
}

// The sizes of all lists before a root is added: a root that fails is cut off again.
struct Draft::Mark {
  explicit Mark(Draft& draft)
      : draft(draft), steps(draft.kernel_.steps.size()), accesses(draft.kernel_.accesses.size()),
        arrays(draft.arrays_.size()), numbers(draft.numbers_.size()) {}
  void restore() const {
    draft.kernel_.steps.resize(steps);
    draft.kernel_.accesses.resize(accesses);
    draft.arrays_.resize(arrays);
    draft.numbers_.resize(numbers);
    for (const Key& key : draft.recent_) draft.memo_.erase(key);
  }
  Draft& draft;
  size_t steps, accesses, arrays, numbers;
};

bool Draft::add(uint32_t entry, RootKind kind) {
  const Mark mark(*this);
  recent_.clear();
  touched_.clear();
  uses_own_reduction_ = false;
  unmappable_ = -1;
  const bool is_reduction = kind == RootKind::value && info(node(entry).op).kind == Kind::reduction;
  const std::optional<Root> added = is_reduction ? reduced_root(entry) : value_root(entry, kind);
  if (!added || !fits(*added, is_reduction)) {
    mark.restore();
    return false;
  }
  if (is_reduction) reductions_.emplace(entry, added->step);
  roots_.push_back(*added);
  return true;
}

std::optional<Draft::Root> Draft::reduced_root(uint32_t entry) {
  const Node& root = node(entry);
  if (root.inputs[0]->shape != shape_ || root.attributes->axes != reduced_axes_) return std::nullopt;
  const std::optional<uint16_t> step = reduce(entry);
  if (!step) return std::nullopt;
  return Root{entry, RootKind::value, *step, space_.of_rows(kept_shape_).access(kept_shape_, true), true};
}

// A root over the elements of the space, or over its rows.
std::optional<Draft::Root> Draft::value_root(uint32_t entry, RootKind kind) {
  const Node& root = node(entry);
  const Dims& shape = kind == RootKind::part ? root.inputs[1]->shape : root.shape;
  const int64_t count = element_count(shape);
  Root added{entry, kind, 0, {}, count != kernel_.rows * kernel_.columns};
  if (added.is_of_rows && count != kernel_.rows) return std::nullopt;
  const std::optional<IndexMap> map = added.is_of_rows
                                          ? space_.of_rows(kept_shape_).through_reshape(shape, kept_shape_)
                                          : space_.through_reshape(shape, shape_);
  if (!map) return std::nullopt;
  const std::optional<uint16_t> step = root_step(entry, kind, *map);
  if (!step) return std::nullopt;
  const bool is_row_level = added.is_of_rows || reduced_axes_.empty();
  added.step = raised(*step, is_row_level ? Level::row : Level::element);
  if (is_row_level && kernel_.steps[added.step].level == Level::element) return std::nullopt;
  added.access =
      kind == RootKind::part ? map_to_part(root, *map, is_row_level) : map->access(shape, is_row_level);
  if (kind == RootKind::value)
    remember(key_of({InputRef::Kind::entry, entry}, root.dtype, &*map, shape), added.step);
  return added;
}

std::optional<uint16_t> Draft::root_step(uint32_t entry, RootKind kind, const IndexMap& map) {
  const Node& root = node(entry);
  const InputRef* inputs = snapshot_->entries[entry].inputs;
  if (kind != RootKind::value) return pull(inputs[kind == RootKind::part ? 1 : 0], map, root.dtype);
  if (!is_view(root)) return compute(entry, map);
  const std::optional<IndexMap> through = map_through_view(entry, map);
  return through ? pull(inputs[0], *through, root.dtype) : std::nullopt;
}

bool Draft::fits(const Root& added, bool is_reduction) const {
  // A root over rows belongs here only if it is a reduction or follows from one.
  if (added.is_of_rows && !is_reduction && !uses_own_reduction_) return false;
  if (uses_own_reduction_ && (is_reduction || !added.is_of_rows) &&
      (kernel_.columns > max_row_elements ||
       (kernel_.rows < few_rows && kernel_.rows * kernel_.columns > few_elements)))
    return false;
  return roots_.empty() || (kernel_.steps.size() <= DraftBudget::steps &&
                            arrays_.size() + roots_.size() <= DraftBudget::arrays);
}

std::optional<Draft> Draft::reduced_over(const Dims& axes) const {
  Draft result(*snapshot_, *decisions_, number_, shape_, axes);
  for (const Root& root : roots_)
    if (!result.add(root.entry, root.kind)) return std::nullopt;
  return result;
}

void Draft::store(const Root& root) {
  Store store;
  store.step = root.step;
  store.access = root.access;
  store.access.array = array_index({false, root.entry});
  kernel_.stores.push_back(store);
}

std::optional<IndexMap> Draft::through_view(const Node& view, const IndexMap& map) {
  switch (view.op) {
#define VIEW(name, ...)                                                                                      \
  case Op::name:                                                                                             \
    return through_##name(view, map);
#define STRUCTURE(...)
#include "ops/structure.def"
#undef VIEW
#undef STRUCTURE
  case Op::to:
    return map; // of a number
  default:
    throw internal_error(std::string(info(view.op).name) + " is no view", std::string(info(view.op).name));
  }
}

std::optional<IndexMap> Draft::map_through_view(uint32_t view, const IndexMap& map) {
  std::optional<IndexMap> through = through_view(node(view), map);
  if (!through) unmappable_ = static_cast<int32_t>(view);
  return through;
}

Access Draft::map_to_part(const Node& splice, const IndexMap& map, bool over_rows) {
  // Element j of the part lies at starts + steps * j of the whole.
  IndexMap whole = map;
  for (size_t i = 0; i < whole.axes.size(); ++i) {
    whole.axes[i].start = splice.attributes->starts[i] + splice.attributes->steps[i] * map.axes[i].start;
    whole.axes[i].step *= splice.attributes->steps[i];
  }
  return whole.access(splice.shape, over_rows);
}

std::optional<uint16_t> Draft::pull(InputRef ref, IndexMap map, DType number_dtype) {
  if (is_full()) return std::nullopt;
  for (;;) {
    if (ref.kind == InputRef::Kind::number) {
      Key key = key_of(ref, number_dtype, nullptr, {});
      if (const auto found = memo_.find(key); found != memo_.end()) return found->second;
      Step step{.op = Op::number, .arithmetic = number_dtype, .dtype = number_dtype, .level = Level::number};
      step.index = static_cast<uint16_t>(numbers_.size());
      numbers_.push_back(ref.index);
      const uint16_t added = add_step(step);
      remember(std::move(key), added);
      return added;
    }
    if (ref.kind == InputRef::Kind::leaf) {
      const Node& leaf = *snapshot_->leaves[ref.index];
      return load({true, ref.index}, leaf.shape, leaf.dtype, map);
    }
    const Node& value = node(ref.index);
    const Decision& decision = (*decisions_)[ref.index];
    const bool is_elsewhere = decision.is_materialized && decision.kernel != number_;
    if (!is_view(value) || is_elsewhere) return pull_entry(ref.index, map);
    if (decision.is_materialized) uses_own_reduction_ |= !reduced_axes_.empty();
    const InputRef below = snapshot_->entries[ref.index].inputs[0];
    // An array holds its elements row by row whatever shape they are given, and positions count them in the
    // same order.
    if (value.op == Op::reshape) {
      const InputRef source = under_reshapes(below);
      if (source.kind == InputRef::Kind::leaf)
        return load({true, source.index}, value.shape, value.dtype, map);
      if (source.kind == InputRef::Kind::entry && node(source.index).op == Op::position)
        return pull_position(source.index, value.shape, map);
    }
    std::optional<IndexMap> through = map_through_view(ref.index, map);
    if (!through) return std::nullopt;
    map = std::move(*through);
    number_dtype = value.dtype;
    ref = below;
  }
}

InputRef Draft::under_reshapes(InputRef ref) const {
  while (ref.kind == InputRef::Kind::entry && node(ref.index).op == Op::reshape &&
         !(*decisions_)[ref.index].is_materialized)
    ref = snapshot_->entries[ref.index].inputs[0];
  return ref;
}

std::optional<uint16_t> Draft::pull_position(uint32_t index, const Dims& shape, const IndexMap& map) {
  const Decision& decision = (*decisions_)[index];
  const bool is_elsewhere = decision.is_materialized && decision.kernel != number_;
  return is_elsewhere ? load_entry(index, shape, map) : count(index, shape, map);
}

std::optional<uint16_t> Draft::pull_entry(uint32_t index, const IndexMap& map) {
  const Node& value = node(index);
  const Decision& decision = (*decisions_)[index];
  if (value.op == Op::position) return pull_position(index, value.shape, map);
  if (const auto own = reductions_.find(index); own != reductions_.end()) {
    if (!map.is_row_level() || !merged(map.access(value.shape, true)).is_contiguous(kernel_.rows))
      return std::nullopt;
    uses_own_reduction_ = true;
    return own->second;
  }
  const Key key = key_of({InputRef::Kind::entry, index}, value.dtype, &map, value.shape);
  if (const auto found = memo_.find(key); found != memo_.end()) {
    uses_own_reduction_ |= decision.is_materialized && decision.kernel == number_;
    return found->second;
  }
  if (decision.is_materialized && decision.kernel != number_) return load_entry(index, value.shape, map);
  // A value that this kernel stores is computed again where other elements of it are wanted.
  const bool is_computed = info(value.op).kind == Kind::elementwise || value.op == Op::to ||
                           (value.op == Op::splice && !decision.is_pushed);
  if (!is_computed) return std::nullopt;
  const std::optional<uint16_t> step = compute(index, map);
  if (step) remember(key, *step);
  return step;
}

std::optional<uint16_t> Draft::compute(uint32_t index, const IndexMap& map) {
  const Node& value = node(index);
  if (value.op == Op::splice) return pull_splice(index, map);
  if (value.op == Op::position) return count(index, value.shape, map);
  const Snapshot::Entry& entry = snapshot_->entries[index];
  Step step{.op = value.op, .arithmetic = arithmetic_dtype(value), .dtype = value.dtype};
  step.level = Level::number;
  step.input_count = value.input_count;
  for (size_t i = 0; i < value.input_count; ++i) {
    const std::optional<uint16_t> input =
        pull(entry.inputs[i], map.through_broadcast(value.inputs[i]->shape, value.shape), step.arithmetic);
    if (!input) return std::nullopt;
    step.inputs[i] = *input;
    step.level = std::max(step.level, kernel_.steps[step.inputs[i]].level);
  }
  return add_step(step);
}

std::optional<uint16_t> Draft::pull_splice(uint32_t index, const IndexMap& map) {
  const Node& value = node(index);
  const Snapshot::Entry& entry = snapshot_->entries[index];
  const Attributes& attributes = *value.attributes;
  const Dims& part = value.inputs[1]->shape;
  const IndexMap inside = map.through_splice(attributes.starts, attributes.steps, part);
  if (inside.is_empty()) return pull(entry.inputs[0], map, value.dtype);
  if (inside.is_everywhere()) return pull(entry.inputs[1], inside, value.dtype);
  Step step{.op = Op::splice, .arithmetic = value.dtype, .dtype = value.dtype};
  step.input_count = 2;
  const std::optional<uint16_t> base = pull(entry.inputs[0], map, value.dtype);
  const std::optional<uint16_t> inner = base ? pull(entry.inputs[1], inside, value.dtype) : std::nullopt;
  if (!inner) return std::nullopt;
  step.inputs[0] = *base;
  step.inputs[1] = *inner;
  step.level = inside.is_row_level() ? Level::row : Level::element;
  for (size_t i = 0; i < 2; ++i) step.level = std::max(step.level, kernel_.steps[step.inputs[i]].level);
  step.index = add_access(inside.bounds(step.level == Level::row));
  return add_step(step);
}

std::optional<uint16_t> Draft::reduce(uint32_t index) {
  const Node& value = node(index);
  const DType dtype = value.inputs[0]->is_number() ? value.dtype : value.inputs[0]->dtype;
  Step step{.op = value.op, .arithmetic = dtype, .dtype = value.dtype, .level = Level::row, .input_count = 1};
  // A reduction of no columns reads nothing: the snapshot's first number stands for its input.
  const bool is_empty = kernel_.columns == 0;
  const InputRef input = is_empty ? InputRef{InputRef::Kind::number, 0} : snapshot_->entries[index].inputs[0];
  const std::optional<uint16_t> pulled = pull(input, space_, dtype);
  if (!pulled) return std::nullopt;
  step.inputs[0] = raised(*pulled, Level::element);
  return add_step(step);
}

std::optional<uint16_t> Draft::load_entry(uint32_t index, const Dims& shape, const IndexMap& map) {
  const Decision& decision = (*decisions_)[index];
  if (decision.kernel < 0 || decision.kernel > number_) return std::nullopt;
  return load({false, index}, shape, node(index).dtype, map);
}

uint16_t Draft::count(uint32_t index, const Dims& shape, IndexMap map) {
  // Positions exist everywhere, so the bounds of the map do not matter.
  map.first = map.last = {};
  map.is_nowhere = false;
  const DType dtype = node(index).dtype;
  Key key = key_of({InputRef::Kind::entry, index}, dtype, &map, shape);
  if (const auto found = memo_.find(key); found != memo_.end()) return found->second;
  Step step{.op = Op::position, .arithmetic = dtype, .dtype = dtype};
  step.level = map.is_row_level() ? Level::row : Level::element;
  step.index = add_access(map.access(shape, step.level == Level::row));
  const uint16_t added = add_step(step);
  remember(std::move(key), added);
  return added;
}

uint16_t Draft::load(Array array, const Dims& shape, DType dtype, const IndexMap& map) {
  const InputRef ref{array.is_leaf ? InputRef::Kind::leaf : InputRef::Kind::entry, array.index};
  Key key = key_of(ref, dtype, &map, shape);
  if (const auto found = memo_.find(key); found != memo_.end()) return found->second;
  Step step{.op = Op::stored, .arithmetic = dtype, .dtype = dtype};
  step.level = map.is_row_level() ? Level::row : Level::element;
  Access access = map.access(shape, step.level == Level::row);
  access.array = array_index(array);
  step.index = add_access(access);
  const uint16_t added = add_step(step);
  remember(std::move(key), added);
  return added;
}

// The lists have 16-bit indices. One call adds a few items to each at most, beside those of its inputs.
bool Draft::is_full() const {
  constexpr size_t slack = 8;
  return std::max({kernel_.steps.size(), kernel_.accesses.size(), arrays_.size(), numbers_.size()}) + slack >
         UINT16_MAX;
}

uint16_t Draft::add_step(Step step) {
  kernel_.steps.push_back(step);
  return static_cast<uint16_t>(kernel_.steps.size() - 1);
}

uint16_t Draft::add_access(const Access& access) {
  kernel_.accesses.push_back(access);
  return static_cast<uint16_t>(kernel_.accesses.size() - 1);
}

// The same value at a higher level.
uint16_t Draft::raised(uint16_t step, Level level) {
  const Step& value = kernel_.steps[step];
  if (value.level >= level) return step;
  // No row computes halves.
  const Op op = is_half_dtype(value.dtype) ? Op::to : Op::clone;
  Step copy{.op = op, .arithmetic = value.dtype, .dtype = value.dtype, .level = level, .input_count = 1};
  copy.inputs[0] = step;
  return add_step(copy);
}

uint16_t Draft::array_index(Array array) {
  const auto found = std::find(arrays_.begin(), arrays_.end(), array);
  if (found != arrays_.end()) return static_cast<uint16_t>(found - arrays_.begin());
  arrays_.push_back(array);
  return static_cast<uint16_t>(arrays_.size() - 1);
}

Draft::Key Draft::key_of(InputRef ref, DType dtype, const IndexMap* map, const Dims& shape) const {
  Key key{ref, dtype, {}};
  if (!map) return key;
  const Walk walk = merged(map->access(shape, false));
  key.map = {walk.offset};
  for (const WalkAxis& axis : walk.axes)
    for (const int64_t value : {axis.extent, axis.stride, axis.first, axis.last}) key.map.push_back(value);
  return key;
}

void Draft::remember(Key key, uint16_t step) {
  touched_.push_back(key.ref);
  if (memo_.emplace(key, step).second) recent_.push_back(std::move(key));
}

} // namespace adjoint
