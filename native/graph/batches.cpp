// In this order: levels and alignment, the ops of record.h, routines by kinds of rows, and the ways in and out.
//
// A batched value's node has the shape [levels..., example...]. Operands of one op are aligned: each gets an axis of one
// for every level that it lacks, and one for every axis that its examples lack, so that batches broadcast like any axes.
#include "graph/batches.h"

#include <functional>
#include <numeric>

#include "graph/record.h"

namespace adjoint::batches {

namespace {

// Levels that several values have together, in the order in which their axes come.
struct Levels {
  Dims numbers, extents;
  size_t size() const { return numbers.size(); }
};

size_t count_of(const Value& value) { return value.batch ? value.batch->levels.size() : 0; }
size_t rank_of(const Value& value) { return value.shape().size(); }

Dims with_prefix(const Dims& prefix, const Dims& rest) {
  Dims all = prefix;
  for (int64_t extent : rest) all.push_back(extent);
  return all;
}

Levels levels_of(std::span<const Value> values) {
  std::vector<std::pair<int64_t, int64_t>> found;
  for (const Value& value : values)
    for (size_t i = 0; i < count_of(value); ++i)
      found.emplace_back(value.batch->levels[i], value.node->shape[i]);
  std::sort(found.begin(), found.end(), std::greater<>());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  Levels levels;
  for (const auto& [number, extent] : found) {
    levels.numbers.push_back(number);
    levels.extents.push_back(extent);
  }
  return levels;
}
Levels levels_of(const Value& value) { return levels_of(std::span(&value, 1)); }

// The whole of a batch with an axis for each of the levels, and examples of that rank, or of a higher one of their own.
Value aligned(const Value& value, const Levels& levels, size_t rank) {
  if (value.node->is_number()) return value;
  Dims shape;
  size_t own = 0;
  for (int64_t number : levels.numbers) {
    const bool has = own < count_of(value) && value.batch->levels[own] == number;
    shape.push_back(has ? value.node->shape[own++] : 1);
  }
  for (size_t i = rank_of(value); i < rank; ++i) shape.push_back(1);
  const Value bare = whole(value);
  shape = with_prefix(shape, value.shape());
  return bare.shape() == shape ? bare : adjoint::reshape(bare, shape);
}

// The same, repeated along the levels that the value lacks.
Value repeated(const Value& value, const Levels& levels, size_t rank = 0) {
  const Value bare = aligned(value, levels, rank);
  Dims shape = bare.shape();
  std::copy(levels.extents.begin(), levels.extents.end(), shape.begin());
  return bare.shape() == shape ? bare : adjoint::expand(bare, shape);
}

Value batched(const Value& bare, const Dims& levels) {
  if (levels.empty()) return bare;
  Dims example;
  for (size_t i = levels.size(); i < bare.node->shape.size(); ++i) example.push_back(bare.node->shape[i]);
  return {bare.node, bare.source, new Batch(levels, example)};
}

RoutineValues batched(RoutineValues values, const Dims& levels) {
  for (Value& value : values)
    if (value) value = batched(value, levels);
  return values;
}

size_t highest_rank(std::span<const Value> values) {
  size_t rank = 0;
  for (const Value& value : values)
    if (!value.node->is_number()) rank = std::max(rank, rank_of(value));
  return rank;
}

int64_t moved(int64_t axis, const Levels& levels) { return axis + static_cast<int64_t>(levels.size()); }

} // namespace

Value whole(const Value& value) { return {value.node, value.source}; }

Value like(const Value& value, const Ref<const Batch>& batch) {
  return batch ? batched(value, batch->levels) : value;
}

// --- The ops of record.h

Value elementwise(Op op, std::span<const Value> inputs) {
  const Levels levels = levels_of(inputs);
  const size_t rank = highest_rank(inputs), first = info(op).dtypes == Dtypes::select ? 1 : 0;
  // An example without axes decides as little over dtypes as a tensor without axes does.
  const Engine& engine = inputs[inputs.size() - 1].node->engine;
  const DType dtype = promoted_dtype(engine, inputs.subspan(first));
  std::array<Value, max_inputs> operands;
  for (size_t i = 0; i < inputs.size(); ++i) {
    operands[i] = aligned(inputs[i], levels, rank);
    const bool is_scalar = !inputs[i].node->is_number() && rank_of(inputs[i]) == 0 && rank > 0;
    if (is_scalar && i >= first) operands[i] = adjoint::to(operands[i], dtype);
  }
  return batched(adjoint::elementwise(op, std::span(operands.data(), inputs.size())), levels.numbers);
}

Value transfer(const Value& input, Engine& target) {
  return batched(adjoint::transfer(whole(input), target), input.batch->levels);
}

Value reduce(Op op, const Value& input, Dims axes, bool keepdim) {
  const Levels levels = levels_of(input);
  const bool is_full = axes.empty();
  const std::string_view name = info(op).name;
  axes = normalize_axes(name, std::move(axes), rank_of(input));
  Value bare = whole(input);
  if (axes.empty()) { // of examples without axes
    bare = adjoint::reshape(bare, with_prefix(levels.extents, {1}));
    axes = {0};
    keepdim = false;
  }
  for (int64_t& axis : axes) axis = moved(axis, levels);
  const Value result = adjoint::reduce(op, bare, axes, keepdim);
  return batched(is_full ? named(result, info(op).label) : result, levels.numbers);
}

Value to(const Value& input, DType dtype) {
  return batched(adjoint::to(whole(input), dtype), input.batch->levels);
}

Value reshape(const Value& input, const Dims& shape) {
  const Levels levels = levels_of(input);
  // What -1 stands for shows in an example, also in a batch of none.
  Dims known = shape;
  const int64_t elements = element_count(input.shape());
  int64_t product = 1;
  for (int64_t extent : shape) product *= extent == -1 ? 1 : extent;
  for (int64_t& extent : known)
    if (extent == -1 && product > 0 && elements % product == 0) extent = elements / product;
  return batched(adjoint::reshape(whole(input), with_prefix(levels.extents, known)), levels.numbers);
}

Value permute(const Value& input, const Dims& order) {
  const Levels levels = levels_of(input);
  Dims all(levels.size());
  std::iota(all.begin(), all.end(), 0);
  for (int64_t axis : order) all.push_back(moved(normalize_axis("permute", axis, rank_of(input)), levels));
  return batched(adjoint::permute(whole(input), all), levels.numbers);
}

Value expand(const Value& input, const Dims& shape) {
  const Levels levels = levels_of(input);
  const size_t added = shape.size() - std::min(shape.size(), rank_of(input));
  for (size_t i = 0; i < added; ++i)
    if (shape[i] < 0)
      throw shape_error("expand",
                        "The expanded size of the tensor (" + std::to_string(shape[i]) +
                            ") isn't allowed in a leading, non-existing dimension " + std::to_string(i) +
                            "; expand: shape " + to_string(input.shape()) + " to " + to_string(shape),
                        {input.shape(), shape});
  return batched(adjoint::expand(aligned(input, levels, shape.size()), with_prefix(levels.extents, shape)),
                 levels.numbers);
}

Value slice(const Value& input, const Dims& starts, const Dims& steps, const Dims& shape) {
  const Levels levels = levels_of(input);
  return batched(adjoint::slice(whole(input), with_prefix(Dims(levels.size(), 0), starts),
                                with_prefix(Dims(levels.size(), 1), steps),
                                with_prefix(levels.extents, shape)),
                 levels.numbers);
}

Value splice(const Value& base, const Value& part, const Dims& starts, const Dims& steps, const Dims& shape,
             bool is_disjoint) {
  const Value both[] = {base, part};
  const Levels levels = levels_of(both);
  return batched(adjoint::splice(repeated(base, levels), aligned(part, levels, shape.size()),
                                 with_prefix(Dims(levels.size(), 0), starts),
                                 with_prefix(Dims(levels.size(), 1), steps),
                                 with_prefix(levels.extents, shape), is_disjoint),
                 levels.numbers);
}

// --- Routines

namespace {

// Rows whose inputs are of one rank, and whose first parameter is an axis of them.
RoutineValues along_an_axis(Op op, const RoutineCall& call) {
  const Levels levels = levels_of(call.inputs);
  const int64_t axis = axis_of(call, op, 0);
  const size_t rank = std::max<size_t>(highest_rank(call.inputs), 1);
  std::array<Value, max_inputs> operands;
  for (size_t i = 0; i < call.inputs.size(); ++i) operands[i] = repeated(call.inputs[i], levels, rank);
  Dims parameters = call.parameters;
  parameters[0] = moved(axis, levels);
  RoutineValues values = adjoint::routine(
      op, {call.engine, std::span<const Value>(operands.data(), call.inputs.size()), parameters});
  // What is scattered into is the shape of the result, elsewhere that of all inputs.
  const bool is_scattered = op == Op::scatterAdd || op == Op::scatter || op == Op::scatterReduce;
  if (is_scattered ? rank_of(call.inputs[0]) == 0 : highest_rank(call.inputs) == 0)
    for (Value& value : values)
      if (value) value = adjoint::reshape(value, levels.extents);
  return batched(std::move(values), levels.numbers);
}

// Rows of matrices, whose batches broadcast; those of a matrix and its pseudoinverse are equal.
RoutineValues on_matrices(Op op, const RoutineCall& call) {
  const Levels levels = levels_of(call.inputs);
  const size_t rank = call.inputs.size() > 1 ? highest_rank(call.inputs) : 0;
  std::array<Value, max_inputs> operands;
  for (size_t i = 0; i < call.inputs.size(); ++i)
    operands[i] = op == Op::pinv ? repeated(call.inputs[i], levels) : aligned(call.inputs[i], levels, rank);
  return batched(
      adjoint::routine(
          op, {call.engine, std::span<const Value>(operands.data(), call.inputs.size()), call.parameters}),
      levels.numbers);
}

// A vector is a row or a column; one that meets a matrix without a batch is a row of a matrix itself.
Value product(const Value& a, const Value& b) {
  if (rank_of(a) == 0 || rank_of(b) == 0) return matrix_product(whole(a), whole(b)); // which is refused
  const auto is_plain_matrix = [](const Value& value) { return !value.batch && rank_of(value) == 2; };
  if (rank_of(a) == 1 && is_plain_matrix(b)) return batched(matrix_product(whole(a), b), a.batch->levels);
  if (rank_of(b) == 1 && is_plain_matrix(a))
    return batched(matrix_product(whole(b), matrix_transpose(a)), b.batch->levels);
  const Value both[] = {rank_of(a) == 1 ? unsqueeze(a, 0) : a, rank_of(b) == 1 ? unsqueeze(b, 1) : b};
  const Levels levels = levels_of(both);
  const size_t rank = highest_rank(both);
  const Value result =
      batched(matrix_product(aligned(both[0], levels, rank), aligned(both[1], levels, rank)), levels.numbers);
  Dims shape = result.shape();
  Dims kept;
  for (size_t i = 0; i < shape.size(); ++i) {
    const bool is_row = i + 2 == shape.size() && rank_of(a) == 1;
    const bool is_column = i + 1 == shape.size() && rank_of(b) == 1;
    if (!is_row && !is_column) kept.push_back(shape[i]);
  }
  return kept == shape ? result : adjoint::reshape(result, kept);
}

// Windows of images, of which a batch of their own is the first axis.
RoutineValues on_images(Op op, const RoutineCall& call) {
  const Value& input = call.inputs[0];
  const Levels levels = levels_of(input);
  const size_t image_rank = op == Op::unfold ? 3 : 2;
  if (rank_of(input) < image_rank || rank_of(input) > image_rank + 1) return adjoint::routine(op, call);
  const bool has_batch = rank_of(input) > image_rank;
  Dims outer = levels.extents, image;
  for (size_t i = 0; i < rank_of(input); ++i)
    (has_batch && i == 0 ? outer : image).push_back(input.shape()[i]);
  const Value images = adjoint::reshape(whole(input), with_prefix({element_count(outer)}, image));
  const Value made = adjoint::routine(op, std::span(&images, 1), call.parameters);
  for (size_t i = 1; i < made.shape().size(); ++i) outer.push_back(made.shape()[i]);
  return {batched(adjoint::reshape(made, outer), levels.numbers)};
}

RoutineValues selected(const RoutineCall& call) {
  const Value &input = call.inputs[0], &index = call.inputs[1];
  const auto axis = static_cast<size_t>(axis_of(call, Op::indexSelect, 0));
  if (!index.batch) {
    const Levels levels = levels_of(input);
    if (rank_of(input) == 0) {
      const Value lined[] = {adjoint::reshape(input, {1}), index};
      return {adjoint::reshape(adjoint::routine(Op::indexSelect, lined, {0}), {})};
    }
    const Value operands[] = {whole(input), index};
    return {batched(adjoint::routine(Op::indexSelect, operands, {moved(static_cast<int64_t>(axis), levels)}),
                    levels.numbers)};
  }
  const Levels levels = levels_of(index);
  const int64_t count = element_count(index.shape());
  if (!input.batch && rank_of(input) > 0) {
    // All rows of all examples at once.
    const Value operands[] = {input, adjoint::reshape(whole(index), {-1})};
    const Value rows = adjoint::routine(Op::indexSelect, operands, {static_cast<int64_t>(axis)});
    Dims split, order;
    for (size_t i = 0; i < rank_of(input); ++i) {
      if (i != axis) {
        split.push_back(input.shape()[i]);
        continue;
      }
      for (int64_t extent : levels.extents) split.push_back(extent);
      split.push_back(count);
    }
    for (size_t i = 0; i < levels.size(); ++i) order.push_back(static_cast<int64_t>(axis + i));
    for (size_t i = 0; i < split.size(); ++i)
      if (i < axis || i >= axis + levels.size()) order.push_back(static_cast<int64_t>(i));
    return {batched(adjoint::permute(adjoint::reshape(rows, split), order), levels.numbers)};
  }
  Dims places(std::max<size_t>(rank_of(input), 1), 1), shape = input.shape();
  if (shape.empty()) shape.push_back(1);
  places[axis] = shape[axis] = count;
  const Value operands[] = {rank_of(input) == 0 ? adjoint::reshape(input, {1}) : input,
                            adjoint::expand(adjoint::reshape(index, places), shape)};
  const Value taken = adjoint::routine(Op::gather, operands, {static_cast<int64_t>(axis)});
  return {rank_of(input) == 0 ? adjoint::reshape(taken, {}) : taken};
}

RoutineValues searched(const RoutineCall& call) {
  const Levels levels = levels_of(call.inputs);
  const Value operands[] = {repeated(call.inputs[0], levels), repeated(call.inputs[1], levels)};
  return {batched(adjoint::routine(Op::searchsorted, operands, call.parameters), levels.numbers)};
}

RoutineValues bags(const RoutineCall& call) {
  const Value &table = call.inputs[0], &index = call.inputs[1];
  const Levels levels = levels_of(call.inputs);
  if (table.batch) { // rows of its own for every example
    const Value operands[] = {table, adjoint::reshape(index, {-1})};
    const Value rows = adjoint::routine(Op::indexSelect, operands, {0});
    const Value bags = adjoint::reshape(rows, {index.shape()[0], index.shape()[1], table.shape()[1]});
    return {adjoint::reduce(Op::sum, bags, {1}, false)};
  }
  const int64_t size = index.shape()[1];
  const Value operands[] = {table, adjoint::reshape(whole(index), {-1, size})};
  const Value sums = adjoint::routine(Op::embeddingBag, operands, call.parameters);
  return {batched(adjoint::reshape(sums, with_prefix(levels.extents, {index.shape()[0], table.shape()[1]})),
                  levels.numbers)};
}

RoutineValues drawn(Op op, const RoutineCall& call) {
  Levels levels;
  const std::vector<Session::Level>& all = call.engine.session.levels;
  for (auto level = all.rbegin(); level != all.rend(); ++level) {
    const std::string name(info(op).name);
    if (level->randomness == Randomness::error)
      throw Error(ErrorClass::error, "ERR_VMAP",
                  "vmap: called random operation while in randomness error mode. Please either use the "
                  "'same' or 'different' randomness flags on vmap or perform the randomness operation out of "
                  "vmap; " +
                      name + ": vmap(f, { randomness: \"different\" })",
                  name);
    if (level->randomness == Randomness::same) continue;
    levels.numbers.push_back(level->number);
    levels.extents.push_back(level->extent);
  }
  Dims parameters = with_prefix({call.parameters[0]}, levels.extents); // the dtype comes first
  for (size_t i = 1; i < call.parameters.size(); ++i) parameters.push_back(call.parameters[i]);
  // What is drawn for the whole batch is drawn outside of it.
  std::vector<Session::Level> none;
  std::swap(call.engine.session.levels, none);
  RoutineValues values;
  try {
    values = adjoint::routine(op, {call.engine, call.inputs, parameters});
  } catch (...) {
    std::swap(call.engine.session.levels, none);
    throw;
  }
  std::swap(call.engine.session.levels, none);
  return batched(std::move(values), levels.numbers);
}

} // namespace

bool apply_to(Op op, const RoutineCall& call) {
  if (info(op).trait == Trait::draws) return !call.engine.session.levels.empty();
  return has_batch(call.inputs);
}

RoutineValues routine(Op op, const RoutineCall& call) {
  switch (op) {
  case Op::rand:
  case Op::randn:
    return drawn(op, call);
  case Op::matmul:
    return {product(call.inputs[0], call.inputs[1])};
  case Op::cumsum:
  case Op::cumprod:
  case Op::cummax:
  case Op::recurrence:
  case Op::sort:
  case Op::sortedPart:
  case Op::gather:
  case Op::scatterAdd:
  case Op::scatter:
  case Op::scatterReduce:
    return along_an_axis(op, call);
  case Op::cholesky:
  case Op::solveTriangular:
  case Op::lu:
  case Op::permutation:
  case Op::qr:
  case Op::eigh:
  case Op::svd:
  case Op::lstsq:
  case Op::solve:
  case Op::inverse:
  case Op::choleskySolve:
  case Op::det:
  case Op::cofactor:
  case Op::pinv:
    return on_matrices(op, call);
  case Op::unfold:
  case Op::fold:
    return on_images(op, call);
  case Op::indexSelect:
    return selected(call);
  case Op::searchsorted:
    return searched(call);
  case Op::embeddingBag:
    return bags(call);
  default: {
    const std::string name(info(op).name);
    throw Error(ErrorClass::error, "ERR_VMAP",
                "vmap: " + name +
                    " cannot be batched, since the shape of its result depends on the values of " +
                    "an example, and may be another one for each; " + name + ": use it outside of vmap, or " +
                    "where() on a mask",
                name);
  }
  }
}

// --- The ways in and out

Value entered(const Value& value, int64_t axis, int64_t level) {
  const size_t outer = count_of(value), rank = rank_of(value);
  if (rank == 0)
    throw Error(ErrorClass::range_error, "ERR_VMAP", "vmap: a tensor without dimensions is no batch", "vmap");
  const size_t own = outer + static_cast<size_t>(normalize_axis("vmap", axis, rank));
  Dims order = {static_cast<int64_t>(own)}, levels = {level};
  for (size_t i = 0; i < outer + rank; ++i)
    if (i != own) order.push_back(static_cast<int64_t>(i));
  for (size_t i = 0; i < outer; ++i) levels.push_back(value.batch->levels[i]);
  const Value bare = whole(value);
  return batched(own == 0 ? bare : adjoint::permute(bare, order), levels);
}

Value left(const Value& value, const Session::Level& level, int64_t axis) {
  const size_t outer = count_of(value), rank = rank_of(value);
  const auto to = static_cast<size_t>(normalize_axis("vmap", axis, rank + 1));
  size_t from = 0;
  while (from < outer && value.batch->levels[from] != level.number) ++from;
  if (from == outer) {
    Dims shape = value.shape(), wanted;
    for (size_t i = 0; i <= rank; ++i) {
      if (i == to) wanted.push_back(level.extent);
      if (i < rank) wanted.push_back(shape[i]);
    }
    return adjoint::expand(unsqueeze(value, static_cast<int64_t>(to)), wanted);
  }
  Dims order, levels;
  for (size_t i = 0; i < outer; ++i) {
    if (i == from) continue;
    order.push_back(static_cast<int64_t>(i));
    levels.push_back(value.batch->levels[i]);
  }
  for (size_t i = 0; i <= rank; ++i) {
    if (i == to) order.push_back(static_cast<int64_t>(from));
    if (i < rank) order.push_back(static_cast<int64_t>(outer + i));
  }
  Dims same(order.size());
  std::iota(same.begin(), same.end(), 0);
  const Value bare = whole(value);
  return batched(order == same ? bare : adjoint::permute(bare, order), levels);
}

Value in_all_levels(const Value& value, const Session& session) {
  if (session.levels.empty()) return value;
  Levels levels = levels_of(value);
  for (const Session::Level& level : session.levels) {
    if (std::ranges::find(levels.numbers, level.number) != levels.numbers.end()) continue;
    levels.numbers.push_back(level.number);
    levels.extents.push_back(level.extent);
  }
  std::vector<size_t> order(levels.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) { return levels.numbers[a] > levels.numbers[b]; });
  Levels sorted;
  for (size_t i : order) {
    sorted.numbers.push_back(levels.numbers[i]);
    sorted.extents.push_back(levels.extents[i]);
  }
  return batched(repeated(value, sorted), sorted.numbers);
}

Value fitted(const Value& value, const Ref<const Batch>& batch, const Dims& whole_shape) {
  Levels wanted;
  for (size_t i = 0; batch && i < batch->levels.size(); ++i) {
    wanted.numbers.push_back(batch->levels[i]);
    wanted.extents.push_back(whole_shape[i]);
  }
  Value own = value;
  Dims surplus;
  for (size_t i = 0; i < count_of(value); ++i)
    if (std::ranges::find(wanted.numbers, value.batch->levels[i]) == wanted.numbers.end())
      surplus.push_back(static_cast<int64_t>(i));
  if (!surplus.empty()) {
    Dims kept;
    for (int64_t level : value.batch->levels)
      if (std::ranges::find(wanted.numbers, level) != wanted.numbers.end()) kept.push_back(level);
    own = batched(adjoint::reduce(Op::sum, whole(value), surplus, false), kept);
  }
  return repeated(own, wanted);
}

} // namespace adjoint::batches
