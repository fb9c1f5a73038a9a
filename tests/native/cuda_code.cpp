// The kernels for CUDA.
//
//   cuda_code --write folder [random kernels]   writes their modules, for ptxas to look at
//   cuda_code --run [random kernels] [seed]     runs them on the driver that ADJOINT_CUDA_DRIVER names, and
//                                               compares with the CPU
//   cuda_code --products                        the same of products alone, in TF32 too if the GPU has it
//   cuda_code --routines                        the same of the other routines alone
//
// The rows are the same C++ on both sides, with fused multiply-adds, and reductions take the same tree, so
// results are compared bit for bit.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "cpu/cpu_device.h"
#include "cpu/thread_memory.h"
#include "cuda/code/make_code.h"
#include "cuda_driver.h"
#include "device/device.h"
#include "device/product.h"
#include "ops/combination.h"
#include "random_kernels.h"
#include "written_kernels.h"

using namespace adjoint;

namespace {

// --- kernels

struct Named {
  std::string name;
  Case one;
};

uint16_t push(FusedKernel& kernel, Step step) {
  kernel.steps.push_back(step);
  return static_cast<uint16_t>(kernel.steps.size() - 1);
}

Case case_of(Writer writer) {
  Case one;
  one.kernel = std::move(writer.kernel);
  one.arrays = std::move(writer.arrays);
  one.dtypes.assign(one.arrays.size(), writer.dtype);
  one.numbers = std::move(writer.numbers);
  return one;
}

// Every row and every cast, over every dtype that they serve.
std::vector<Named> row_kernels(int64_t rows) {
  std::vector<Named> list;
  const auto add = [&](const std::string& name, Step step, DType first, bool is_reduction) {
    Random random{list.size() + 1};
    Case one;
    FusedKernel& kernel = one.kernel;
    kernel.rows = is_reduction ? 3 : rows;
    kernel.columns = is_reduction ? rows : 1;
    const auto array = [&](int64_t elements, DType dtype) {
      Bytes bytes(static_cast<size_t>(elements * bytes_of(dtype)));
      with_type(dtype, [&]<class T>() {
        for (int64_t i = 0; i < elements; ++i) {
          const T value = random_element<T>(random);
          std::memcpy(bytes.data() + i * static_cast<int64_t>(sizeof value), &value, sizeof value);
        }
      });
      one.arrays.push_back(std::move(bytes));
      one.dtypes.push_back(dtype);
      return static_cast<uint16_t>(one.arrays.size() - 1);
    };
    const int64_t all = kernel.rows * kernel.columns;
    for (size_t i = 0; i < step.input_count; ++i) {
      const DType dtype = i == 0 ? first : step.arithmetic;
      kernel.accesses.push_back({array(all, dtype), 0, {all}, {1}, {}, {}});
      step.inputs[i] = push(kernel, {.op = Op::stored,
                                     .arithmetic = dtype,
                                     .dtype = dtype,
                                     .level = is_reduction ? Level::element : Level::row,
                                     .index = static_cast<uint16_t>(i)});
    }
    step.level = Level::row;
    const uint16_t value = push(kernel, step);
    kernel.stores.push_back(
        {value, Store::nothing, {array(kernel.rows, step.dtype), 0, {kernel.rows}, {1}, {}, {}}});
    list.push_back({name, std::move(one)});
  };
  for (size_t d = 0; d < dtype_count; ++d) {
    const DType dtype = static_cast<DType>(d);
    const std::string suffix = "_" + std::string(info(dtype).label);
    for (size_t i = 0; i < op_count; ++i) {
      const Op op = static_cast<Op>(i);
      const OpInfo& row = info(op);
      Step step{.op = op, .arithmetic = dtype, .dtype = dtype, .input_count = row.arity};
      if (row.dtypes == Dtypes::truth) step.dtype = DType::boolean;
      const cpu::LoopTable& loops = cpu::loops_for(cpu::Isa::portable);
      if (row.kind == Kind::elementwise && loops.elementwise(op, dtype, 0))
        add(std::string(row.name) + suffix, step, row.dtypes == Dtypes::select ? DType::boolean : dtype,
            false);
      if (row.kind == Kind::reduction && loops.reduction(op, dtype).rows)
        add(std::string(row.name) + suffix, step, dtype, true);
    }
    for (size_t to = 0; to < dtype_count; ++to)
      add("to_" + std::string(dtype_table[to].label) + suffix,
          {.op = Op::to, .arithmetic = dtype, .dtype = static_cast<DType>(to), .input_count = 1}, dtype,
          false);
  }
  return list;
}

// Whose offsets need 64 bits, though nothing lies there.
Writer far_elements(int64_t n) {
  Writer w(2 * n, 1);
  const uint16_t x =
      w.load(Level::row, Writer::access(w.array(n), {2, n}, {int64_t{1} << 33, 1}, 0, {0, 0}, {1, n}));
  const uint16_t y = w.load(Level::row, Writer::access(w.array(2 * n), {n, 2}, {1, n}));
  w.store(w.step(Op::add, {x, y}), Writer::access(w.array(2 * n), {2 * n}, {1}));
  return w;
}
Writer far_rows(int64_t n) {
  Writer w(6, n);
  const uint16_t x =
      w.load(Level::element,
             Writer::access(w.array(3 * n), {2, 3, n}, {int64_t{1} << 33, n, 1}, 0, {0, 0, 0}, {1, 3, n}));
  const uint16_t y = w.load(Level::element, Writer::access(w.array(6 * n), {6 * n}, {-1}, 6 * n - 1));
  const uint16_t z = w.step(Op::sub, {x, y});
  w.store(w.step(Op::mul, {z, w.step(Op::amax, {z})}), Writer::access(w.array(6 * n), {6, n}, {n, 1}));
  return w;
}

// As the planner makes them, in sizes that take every way through.
std::vector<Named> written_kernels() {
  std::vector<Named> list;
  const auto add = [&](const std::string& name, Writer writer) {
    Case one = case_of(std::move(writer));
    list.push_back({name, std::move(one)});
  };
  for (const int64_t n : {1, 1000, 4096, 70001}) {
    const std::string size = "_" + std::to_string(n);
    add("value_and_gradient" + size, value_and_gradient(n));
    add("adam" + size, adam(n));
    add("rosenbrock" + size, rosenbrock(n));
    add("tiny" + size, tiny(n));
  }
  for (const int64_t n : {96, 100, 104, 260}) add("transposed_" + std::to_string(n), transposed(n));
  add("far_elements", far_elements(1000));
  add("far_rows", far_rows(1001));
  add("far_rows_of_four", far_rows(4000));
  const std::pair<int64_t, int64_t> shapes[] = {{1, 1},    {5, 3},     {1000, 8},  {300, 33}, {64, 1000},
                                                {7, 4096}, {2, 50000}, {40, 2500}, {33, 129}, {3, 16384}};
  for (const auto& [rows, columns] : shapes) {
    const std::string size = "_" + std::to_string(rows) + "x" + std::to_string(columns);
    add("softmax" + size, softmax(rows, columns, columns, 1));
    add("softmax_of_columns" + size, softmax(rows, columns, 1, rows));
    add("sum" + size, sum(rows, columns, columns, 1));
    add("sum_of_columns" + size, sum(rows, columns, 1, rows));
  }
  return list;
}

// Too much to be kept between passes, and written over what the last pass reads again, of which threads that
// have no row of their own must see nothing.
Writer in_place(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride, DType dtype) {
  Writer w(rows, columns, dtype);
  const Access whole = Writer::access(w.array(rows * columns), {rows, columns}, {row_stride, column_stride});
  const uint16_t sine = w.step(Op::sin, {w.step(Op::exp, {w.load(Level::element, whole)})});
  w.store(w.step(Op::div, {sine, w.step(Op::sum, {w.step(Op::exp, {sine})})}), whole);
  return w;
}

// Reductions of every length that the tree has a shape for, along memory and across it.
std::vector<Named> trees() {
  std::vector<Named> list;
  const auto add = [&](const std::string& name, Writer writer) {
    list.push_back({name, case_of(std::move(writer))});
  };
  for (const DType dtype : {DType::float32, DType::float64})
    for (const int64_t columns :
         {0, 1, 2, 3, 7, 16, 33, 63, 64, 65, 100, 1000, 1023, 1024, 1025, 2048, 5000, 17408, 70000})
      for (const int64_t rows : {1, 3, columns < 5000 ? 40 : 17})
        for (const bool is_across : {false, true}) {
          const std::string size = "_" + std::string(info(dtype).label) + "_" + std::to_string(rows) + "x" +
                                   std::to_string(columns) + (is_across ? "_across" : "");
          const int64_t row_stride = is_across ? 1 : columns, column_stride = is_across ? rows : 1;
          add("tree" + size, sum(rows, columns, row_stride, column_stride, dtype));
          add("tree_of_moments" + size, moments(rows, columns, row_stride, column_stride, dtype));
          add("tree_of_softmax" + size, softmax(rows, columns, row_stride, column_stride, dtype));
        }
  for (const DType dtype : {DType::float32, DType::float64})
    for (const auto& [rows, columns] : {std::pair{37, 100}, {40, 300}, {33, 5000}})
      for (const bool is_across : {false, true})
        add("tree_in_place_" + std::string(info(dtype).label) + "_" + std::to_string(rows) + "x" +
                std::to_string(columns) + (is_across ? "_across" : ""),
            in_place(rows, columns, is_across ? 1 : columns, is_across ? rows : 1, dtype));
  add("tree_of_many_columns", sum(1, 3000001, 3000001, 1));
  add("tree_of_many_columns_across", sum(20, 200001, 1, 20));
  return list;
}

std::vector<Named> random_kernels(uint64_t count, uint64_t first_seed) {
  std::vector<Named> list;
  for (uint64_t seed = first_seed; seed < first_seed + count; ++seed) {
    list.push_back({"random_" + std::to_string(seed), Generator(seed).make()});
    if (seed % 5 == 0) list.push_back({"chain_" + std::to_string(seed), make_chain(seed)});
  }
  return list;
}

// --- routines

RoutineKernel::Operand operand(uint16_t array, DType dtype, const Dims& shape, const Dims& strides) {
  return {array, dtype, 0, shape, strides};
}

// Inputs and results in arrays of their own, in that order, all of them row-major.
RoutineKernel routine(Op op, const std::vector<std::pair<DType, Dims>>& inputs,
                      const std::vector<std::pair<DType, Dims>>& results, const Dims& parameters) {
  RoutineKernel kernel;
  kernel.op = op;
  kernel.parameters = parameters;
  uint16_t array = 0;
  for (const auto& [dtype, shape] : inputs)
    kernel.inputs.push_back(operand(array++, dtype, shape, row_major_strides(shape)));
  for (const auto& [dtype, shape] : results)
    kernel.results.push_back(operand(array++, dtype, shape, row_major_strides(shape)));
  return kernel;
}

RoutineKernel product(DType dtype, Dims batch, int64_t rows, int64_t columns, int64_t inner,
                      unsigned layout) {
  const auto matrix = [&](int64_t height, int64_t width) {
    Dims shape = batch;
    shape.push_back(height);
    shape.push_back(width);
    return shape;
  };
  RoutineKernel kernel = routine(Op::matmul, {{dtype, matrix(rows, inner)}, {dtype, matrix(inner, columns)}},
                                 {{dtype, matrix(rows, columns)}}, {});
  const auto lay_out = [&](RoutineKernel::Operand& operand, bool is_transposed, bool is_one) {
    const size_t rank = operand.shape.size();
    if (is_transposed) {
      operand.strides[rank - 2] = 1;
      operand.strides[rank - 1] = operand.shape[rank - 2];
    }
    for (size_t axis = 0; is_one && axis + 2 < rank; ++axis) operand.strides[axis] = 0;
  };
  lay_out(kernel.inputs[0], layout & 1, false);
  lay_out(kernel.inputs[1], layout & 2, layout & 4);
  return kernel;
}

std::vector<RoutineKernel> products() {
  std::vector<RoutineKernel> list;
  for (size_t d = 0; d < dtype_count; ++d)
    for (unsigned layout = 0; layout < 4; ++layout) {
      const DType dtype = static_cast<DType>(d);
      if (is_half_dtype(dtype)) continue;
      list.push_back(product(dtype, {}, 37, 29, 45, layout));
      list.push_back(product(dtype, {2, 3}, 8, 12, 20, layout | 4));
      list.push_back(product(dtype, {2}, 33, 1, 70, layout));
      list.push_back(product(dtype, {}, 1, 50, 300, layout));
    }
  for (const DType dtype : {DType::float32, DType::float64})
    for (unsigned layout = 0; layout < 4; ++layout) {
      list.push_back(product(dtype, {}, 200, 136, 48, layout));
      list.push_back(product(dtype, {}, 131, 129, 4100, layout)); // shares the inner axis
    }
  list.push_back(product(DType::float32, {}, 3, 4, 0, 0));
  return list;
}

// That may be rounded; all layouts, with tiles that are whole and not, of both sizes, and few rows.
std::vector<RoutineKernel> rounded_products() {
  std::vector<RoutineKernel> list;
  for (unsigned layout = 0; layout < 4; ++layout) {
    list.push_back(product(DType::float32, {}, 37, 29, 45, layout));
    list.push_back(product(DType::float32, {3}, 64, 64, 32, layout | 4));
    list.push_back(product(DType::float32, {2, 2}, 70, 90, 19, layout));
    list.push_back(product(DType::float32, {}, 8, 50, 30, layout));
    list.push_back(product(DType::float32, {}, 200, 136, 48, layout));
    list.push_back(product(DType::float32, {}, 131, 129, 4100, layout));
  }
  for (RoutineKernel& kernel : list) kernel.modes.may_round = true;
  return list;
}

std::vector<RoutineKernel> draws() {
  std::vector<RoutineKernel> list;
  for (const Op op : {Op::rand, Op::randn})
    for (const DType dtype : {DType::float32, DType::float64})
      for (const int64_t n : {1, 1003, 40000}) list.push_back(routine(op, {}, {{dtype, {n}}}, {}));
  return list;
}

// Operands of routines along an axis lie in memory as they are, transposed, or repeated along an axis.
RoutineKernel::Operand laid_out(RoutineKernel::Operand operand, unsigned layout) {
  const size_t rank = operand.shape.size();
  if (layout == 1 && rank > 1) {
    Dims reversed;
    for (size_t i = rank; i-- > 0;) reversed.push_back(operand.shape[i]);
    const Dims strides = row_major_strides(reversed);
    for (size_t i = 0; i < rank; ++i) operand.strides[i] = strides[rank - 1 - i];
  }
  if (layout == 2 && rank > 1) operand.strides[0] = 0;
  return operand;
}

// Whatever runs along a dimension and asks for nothing more.
std::vector<RoutineKernel> scans() {
  std::vector<RoutineKernel> list;
  const auto add = [&](Op op, DType dtype, const Dims& shape, int64_t axis, unsigned layout) {
    std::vector<std::pair<DType, Dims>> inputs(info(op).arity, {dtype, shape}), results = {{dtype, shape}};
    for (size_t i = 1; i < info(op).results; ++i) results.push_back({DType::int64, shape});
    RoutineKernel kernel = routine(op, inputs, results, {axis});
    kernel.inputs[0] = laid_out(kernel.inputs[0], layout);
    list.push_back(kernel);
  };
  const std::pair<Dims, int64_t> shapes[] = {{{5}, 0},    {{3, 70}, 1},   {{70, 3}, 0},   {{2, 300}, 1},
                                             {{9000}, 0}, {{2, 5000}, 1}, {{5000, 2}, 0}, {{3, 4, 5}, 1}};
  for (size_t i = 0; i < op_count; ++i) {
    const Op op = static_cast<Op>(i);
    if (!is_routine(op) || info(op).parameters != "dim" || info(op).failure != Failure::nothing) continue;
    for (const DType dtype : {DType::float32, DType::float64, DType::int64})
      for (const auto& [shape, axis] : shapes)
        for (unsigned layout = 0; layout < 3; ++layout)
          if (dtype != DType::int64 || info(op).dtypes != Dtypes::floating)
            add(op, dtype, shape, axis, layout);
  }
  return list;
}

std::vector<RoutineKernel> sorts() {
  std::vector<RoutineKernel> list;
  for (size_t d = 0; d < dtype_count; ++d)
    for (const int64_t length : {1, 2, 100, 1024, 1025, 5000})
      for (const int64_t axis : {0, 1}) {
        const DType dtype = static_cast<DType>(d);
        if (is_half_dtype(dtype)) continue;
        const Dims shape = axis == 0 ? Dims{length, 2} : Dims{2, length};
        list.push_back(
            routine(Op::sort, {{dtype, shape}}, {{dtype, shape}, {DType::int64, shape}}, {axis, length % 2}));
        Dims part = shape;
        part[static_cast<size_t>(axis)] = (length + 2) / 3;
        list.push_back(routine(Op::sortedPart, {{dtype, shape}}, {{dtype, part}, {DType::int64, part}},
                               {axis, length % 2, length / 2, part[static_cast<size_t>(axis)]}));
      }
  return list;
}

// Some of them with indices that are out of range.
std::vector<RoutineKernel> indexing() {
  std::vector<RoutineKernel> list;
  for (size_t d = 0; d < dtype_count; ++d)
    for (const int64_t axis : {0, 1, 2})
      for (unsigned layout = 0; layout < 3; ++layout) {
        const DType dtype = static_cast<DType>(d);
        const Dims whole = {6, 6, 6}, part = {4, 5, 6};
        RoutineKernel kernel =
            routine(Op::gather, {{dtype, whole}, {DType::int64, part}}, {{dtype, part}}, {axis});
        kernel.inputs[0] = laid_out(kernel.inputs[0], layout);
        list.push_back(kernel);
        kernel.op = Op::indexSelect;
        list.push_back(kernel);
        if (is_half_dtype(dtype)) continue; // these are moved, and never added
        kernel = routine(Op::scatterAdd, {{dtype, whole}, {DType::int64, part}, {dtype, part}},
                         {{dtype, whole}}, {axis});
        kernel.inputs[2] = laid_out(kernel.inputs[2], layout);
        list.push_back(kernel);
        kernel.op = Op::scatter;
        list.push_back(kernel);
        kernel.op = Op::scatterReduce;
        for (int64_t combination = 0; combination <= static_cast<int64_t>(Combination::greatest);
             ++combination) {
          kernel.parameters = {axis, combination};
          list.push_back(kernel);
        }
      }
  return list;
}

// Sums of rows by indices, some of them out of range, and places in lines.
std::vector<RoutineKernel> searches() {
  std::vector<RoutineKernel> list;
  for (size_t d = 0; d < dtype_count; ++d)
    for (unsigned layout = 0; layout < 3; ++layout) {
      const DType dtype = static_cast<DType>(d);
      if (is_half_dtype(dtype)) continue; // these are moved, and never added
      RoutineKernel kernel =
          routine(Op::embeddingBag, {{dtype, {7, 6}}, {DType::int64, {5, 3}}}, {{dtype, {5, 6}}}, {});
      kernel.inputs[0] = laid_out(kernel.inputs[0], layout);
      list.push_back(kernel);
      for (const int64_t is_right : {0, 1}) {
        kernel = routine(Op::searchsorted, {{dtype, {2, 9}}, {dtype, {2, 40}}}, {{DType::int64, {2, 40}}},
                         {is_right});
        kernel.inputs[1] = laid_out(kernel.inputs[1], layout);
        list.push_back(kernel);
      }
    }
  return list;
}

std::vector<RoutineKernel> places() {
  std::vector<RoutineKernel> list;
  for (const Dims& shape : {Dims{1}, Dims{10, 3}, Dims{4, 100, 5}}) {
    const int64_t n = element_count(shape);
    // Every third element is counted.
    list.push_back(routine(Op::nonzero, {{DType::boolean, {n}}, {DType::int64, {n}}},
                           {{DType::int64, {(n + 2) / 3, static_cast<int64_t>(shape.size())}}}, shape));
  }
  return list;
}

// Strides as if the axes lay in another order in memory.
void permute_memory(RoutineKernel::Operand& operand, const std::vector<size_t>& order) {
  int64_t stride = 1;
  for (size_t i = order.size(); i-- > 0;) {
    operand.strides[order[i]] = stride;
    stride *= operand.shape[order[i]];
  }
}

// Images with windows that overlap, reach into the padding and leave gaps, of every dtype; and laid out otherwise.
std::vector<RoutineKernel> windows() {
  std::vector<RoutineKernel> list;
  const Dims options[] = {{2, 2, 1, 1, 0, 0, 1, 1}, {3, 2, 2, 1, 1, 2, 2, 1}, {1, 3, 1, 3, 0, 3, 3, 2}};
  for (size_t d = 0; d < dtype_count; ++d)
    for (const Dims& option : options) {
      const DType dtype = static_cast<DType>(d);
      const auto count = [&](int64_t extent, size_t i) {
        return (extent + 2 * option[4 + i] - option[2 + i] * (option[i] - 1) - 1) / option[6 + i] + 1;
      };
      const Dims image = {2, 3, 11, 9}, patches = {2, 3 * option[0] * option[1], count(11, 0) * count(9, 1)};
      Dims parameters = {11, 9};
      for (int64_t parameter : option) parameters.push_back(parameter);
      RoutineKernel unfold = routine(Op::unfold, {{dtype, image}}, {{dtype, patches}}, option);
      RoutineKernel fold = routine(Op::fold, {{dtype, patches}}, {{dtype, image}}, parameters);
      list.push_back(unfold);
      permute_memory(unfold.inputs[0], {2, 0, 3, 1});
      list.push_back(unfold);
      if (is_half_dtype(dtype)) continue;
      list.push_back(fold);
      permute_memory(fold.inputs[0], {2, 0, 1});
      list.push_back(fold);
    }
  return list;
}

// With the place on the diagonals of a batch where it is negative, or -1.
struct Triangular {
  RoutineKernel kernel;
  int64_t spoiled = -1;
};

// Factors and equations in blocks that are whole and not, of both triangles and sides, laid out either way.
std::vector<Triangular> triangular() {
  std::vector<Triangular> list;
  for (const DType dtype : {DType::float32, DType::float64})
    for (const int64_t size : {1, 7, 32, 33, 70, 100}) {
      for (unsigned way = 0; way < 4; ++way)
        for (const int64_t spoiled : {int64_t{-1}, size + size / 2})
          for (const int64_t checks : {1, 0}) {
            RoutineKernel kernel = routine(Op::cholesky, {{dtype, {2, size, size}}},
                                           {{dtype, {2, size, size}}}, {way & 1, checks});
            if (way & 2) permute_memory(kernel.inputs[0], {0, 2, 1});
            list.push_back({kernel, spoiled});
          }
      for (unsigned way = 0; way < 16; ++way) {
        const bool is_left = way & 2;
        const Dims sides = is_left ? Dims{2, size, 37} : Dims{2, 37, size};
        RoutineKernel kernel = routine(Op::solveTriangular, {{dtype, {2, size, size}}, {dtype, sides}},
                                       {{dtype, sides}}, {way & 1, is_left, way >> 2 & 1});
        if (way & 8) {
          permute_memory(kernel.inputs[0], {0, 2, 1});
          permute_memory(kernel.inputs[1], {2, 0, 1});
          kernel.inputs[0].strides[0] = 0; // one matrix for the whole batch
        }
        list.push_back({kernel, -1});
      }
    }
  return list;
}

// Eliminations of matrices of all shapes, with and without exchanges and complaints, and the orders that follow.
std::vector<RoutineKernel> eliminations() {
  std::vector<RoutineKernel> list;
  for (const DType dtype : {DType::float32, DType::float64})
    for (const auto& [rows, columns] : std::vector<std::pair<int64_t, int64_t>>{
             {1, 1}, {1, 5}, {5, 1}, {7, 7}, {33, 33}, {70, 45}, {45, 70}, {100, 100}})
      for (unsigned way = 0; way < 8; ++way) {
        const Dims shape = {2, rows, columns};
        RoutineKernel kernel =
            routine(Op::lu, {{dtype, shape}}, {{dtype, shape}, {DType::int32, {2, std::min(rows, columns)}}},
                    {way & 1, way >> 1 & 1});
        if (way & 4) permute_memory(kernel.inputs[0], {0, 2, 1});
        list.push_back(kernel);
      }
  for (const auto& [rows, size] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {9, 9}, {40, 30}}) {
    RoutineKernel kernel =
        routine(Op::permutation, {{DType::int32, {300, size}}}, {{DType::int64, {300, rows}}}, {rows});
    list.push_back(kernel);
    permute_memory(kernel.inputs[0], {1, 0});
    list.push_back(kernel);
  }
  return list;
}

// --- modules

int write_modules(const std::string& folder, uint64_t random) {
  std::filesystem::create_directories(folder);
  std::set<std::string> seen;
  const auto write = [&](const std::string& name, const Kernel& kernel, const cuda::Chip& chip) {
    const std::unique_ptr<cuda::KernelCode> code = cuda::make_code(kernel, chip);
    if (*code->ptx != *cuda::make_code(kernel, chip)->ptx) {
      std::printf("%s: another text the second time\n", name.c_str());
      return false;
    }
    if (seen.insert(*code->ptx).second) std::ofstream(folder + "/" + name + ".ptx") << *code->ptx;
    return true;
  };
  bool ok = true;
  const cuda::Chip large{90, 132}, small{75, 1};
  for (const auto& list : {row_kernels(100), written_kernels(), random_kernels(random, 1)})
    for (const Named& named : list) {
      ok &= write(named.name, named.one.kernel, large);
      if (named.name.find('x') != std::string::npos)
        ok &= write(named.name + "_small", named.one.kernel, small);
    }
  const std::vector<Named> reductions = trees();
  for (size_t i = 0; i < reductions.size(); i += 7) {
    ok &= write(reductions[i].name, reductions[i].one.kernel, large);
    ok &= write(reductions[i].name + "_small", reductions[i].one.kernel, small);
  }
  FlatCase flat = make_flat(8);
  ok &= write("flat", flat.kernel, large);
  const size_t texts = seen.size();
  flat.kernel.rows += 5;
  for (Access& access : flat.kernel.accesses) access.extents[0] = flat.kernel.rows;
  for (Store& store : flat.kernel.stores) store.access.extents[0] = flat.kernel.rows;
  ok &= write("flat_of_other_rows", flat.kernel, large);
  if (seen.size() != texts) {
    std::printf("a flat kernel's text depends on its rows\n");
    ok = false;
  }
  size_t i = 0;
  for (const RoutineKernel& kernel : products()) ok &= write("product_" + std::to_string(i++), kernel, large);
  for (const RoutineKernel& kernel : rounded_products()) {
    ok &= write("rounded_product_" + std::to_string(i++), kernel, large);
    if (cuda::make_code(kernel, small)->ptx->find("tf32") != std::string::npos) {
      std::printf("TF32 for a chip without it\n");
      ok = false;
    }
  }
  for (const auto& list : {scans(), sorts(), indexing(), searches(), places()})
    for (const RoutineKernel& kernel : list)
      ok &= write(std::string(info(kernel.op).name) + "_" + std::to_string(i++), kernel, large);
  for (const RoutineKernel& kernel : draws())
    ok &= write(std::string(info(kernel.op).name) + "_" + std::string(info(kernel.results[0].dtype).label),
                kernel, large);
  for (const RoutineKernel& kernel : windows()) ok &= write("windows_" + std::to_string(i++), kernel, large);
  for (const Triangular& one : triangular())
    ok &= write("triangular_" + std::to_string(i++), one.kernel, large);
  for (const RoutineKernel& kernel : eliminations())
    ok &= write("elimination_" + std::to_string(i++), kernel, large);
  std::printf("%zu modules\n", seen.size());
  return ok ? 0 : 1;
}

// --- runs

class Runner {
 public:
  explicit Runner(const char* library) : driver_(library) {}

  // The arrays of each instance, before and after.
  void run(const Kernel& kernel, const cuda::Chip& chip, std::vector<std::vector<Bytes>*> arrays,
           const std::vector<int64_t>& rows, const std::vector<const Number*>& numbers) {
    const std::unique_ptr<cuda::KernelCode> code = cuda::make_code(kernel, chip);
    std::vector<std::vector<void*>> addresses;
    std::vector<Instance> instances;
    std::vector<uint64_t> owned;
    const auto allocate = [&](size_t bytes) { return owned.emplace_back(driver_.allocate(bytes)); };
    for (std::vector<Bytes>* list : arrays) {
      std::vector<void*>& of_one = addresses.emplace_back();
      for (Bytes& bytes : *list) {
        const uint64_t address = allocate(bytes.size());
        driver_.upload(address, bytes.data(), bytes.size());
        of_one.push_back(reinterpret_cast<void*>(address));
      }
    }
    const auto scratch_bytes = static_cast<size_t>(code->scratch_bytes());
    const uint64_t failure = allocate(sizeof(uint64_t)), own_scratch = allocate(scratch_bytes);
    const uint64_t no_failure = 0;
    const std::vector<unsigned char> garbage(scratch_bytes, 0xa5);
    driver_.upload(failure, &no_failure, sizeof no_failure);
    driver_.upload(own_scratch, garbage.data(), scratch_bytes);
    for (size_t i = 0; i < arrays.size(); ++i)
      instances.push_back({rows[i], addresses[i].data(), numbers[i], reinterpret_cast<void*>(own_scratch),
                           reinterpret_cast<uint64_t*>(failure)});
    const auto tickets = static_cast<size_t>(code->ticket_count(instances));
    const auto partials = static_cast<size_t>(code->partials_bytes(instances));
    cuda::Scratch scratch{allocate(partials), allocate(4 * tickets)};
    const std::vector<unsigned char> nothing(4 * tickets), noise(partials, 0xa5);
    driver_.upload(scratch.tickets, nothing.data(), nothing.size());
    driver_.upload(scratch.partials, noise.data(), noise.size());
    std::vector<uint64_t> table(code->table_words(instances));
    code->fill_table(instances, scratch, table.data());
    const uint64_t table_address = allocate(8 * table.size());
    driver_.upload(table_address, table.data(), 8 * table.size());
    for (const cuda::FunctionLaunch& launch : code->launches(instances))
      driver_.launch(driver_.function(*code->ptx, code->functions[launch.function]), launch,
                     table_address + 8 * launch.first_word);
    driver_.wait();
    for (size_t i = 0; i < arrays.size(); ++i)
      for (size_t k = 0; k < arrays[i]->size(); ++k)
        driver_.download((*arrays[i])[k].data(), reinterpret_cast<uint64_t>(addresses[i][k]),
                         (*arrays[i])[k].size());
    driver_.download(&this->failure, failure, sizeof no_failure);
    std::vector<unsigned char> left(4 * tickets);
    driver_.download(left.data(), scratch.tickets, left.size());
    if (left != nothing) std::printf("tickets are left\n");
    has_left_tickets |= left != nothing;
    for (const uint64_t address : owned) driver_.free(address);
  }
  cuda::Chip chip() { return driver_.chip(); }
  bool has_left_tickets = false;
  uint64_t failure = 0; // of the last run

 private:
  CudaDriver driver_;
};

// Returns the failure word.
uint64_t run_on_cpu(const Kernel& kernel, std::vector<Bytes>& arrays, int64_t rows, const Number* numbers) {
  static const std::unique_ptr<Device> device = cpu::make_device();
  const std::vector<void*> data = pointers(arrays);
  const std::unique_ptr<CompiledKernel> compiled = device->compile(kernel);
  const Ref<Buffer> scratch = device->allocate(compiled->scratch_bytes());
  if (scratch->bytes > 0) std::memset(scratch->data, 0xa5, static_cast<size_t>(scratch->bytes));
  uint64_t failure = 0;
  const Instance instance{rows, data.data(), numbers, scratch->data, &failure};
  cpu::ThreadMemory memory;
  memory.reserve(static_cast<size_t>(compiled->thread_bytes()));
  cpu::launch_kernel(*compiled, {&instance, 1}, memory.data());
  return failure;
}

// Prints where two arrays differ first.
void show_difference(const Bytes& got, const Bytes& expected, DType dtype) {
  with_type(dtype, [&]<class T>() {
    for (size_t i = 0; i < got.size(); i += sizeof(T)) {
      if (std::memcmp(&got[i], &expected[i], sizeof(T)) == 0) continue;
      T a, b;
      std::memcpy(&a, &got[i], sizeof(T));
      std::memcpy(&b, &expected[i], sizeof(T));
      if (a != a && b != b) continue;
      std::printf("  element %zu of %zu is %.17g and should be %.17g\n", i / sizeof(T),
                  got.size() / sizeof(T), static_cast<double>(a), static_cast<double>(b));
      return;
    }
  });
}

bool check_case(Runner& runner, Named& named, const cuda::Chip& chip) {
  Case& one = named.one;
  if (std::getenv("SHOW")) describe(one);
  std::vector<Bytes> expected = one.arrays, got = one.arrays;
  run_on_cpu(one.kernel, expected, one.kernel.rows, one.numbers.data());
  runner.run(one.kernel, chip, {&got}, {one.kernel.rows}, {one.numbers.data()});
  for (size_t i = 0; i < got.size(); ++i) {
    if (is_same(got[i], expected[i], one.dtypes[i])) continue;
    std::printf("%s, %d multiprocessors: array %zu differs\n", named.name.c_str(), chip.multiprocessors, i);
    show_difference(got[i], expected[i], one.dtypes[i]);
    describe(one);
    return false;
  }
  return true;
}

bool check_flat(Runner& runner, uint64_t seed, const cuda::Chip& chip) {
  FlatCase one = make_flat(seed);
  std::vector<std::vector<Bytes>> expected = one.arrays, got = one.arrays;
  std::vector<std::vector<Bytes>*> arrays;
  std::vector<const Number*> numbers;
  for (size_t i = 0; i < one.rows.size(); ++i) {
    run_on_cpu(one.kernel, expected[i], one.rows[i], &one.numbers[i]);
    arrays.push_back(&got[i]);
    numbers.push_back(&one.numbers[i]);
  }
  runner.run(one.kernel, chip, arrays, one.rows, numbers);
  for (size_t i = 0; i < got.size(); ++i)
    for (size_t k = 0; k < got[i].size(); ++k)
      if (!is_same(got[i][k], expected[i][k], one.dtype)) {
        std::printf("flat seed %lu, instance %zu of %zu: array %zu differs\n",
                    static_cast<unsigned long>(seed), i, got.size(), k);
        show_difference(got[i][k], expected[i][k], one.dtype);
        return false;
      }
  return true;
}

// As many bytes as the operand's elements, whatever its strides: none of them reaches further.
Bytes bytes_for(const RoutineKernel::Operand& operand) {
  return Bytes(static_cast<size_t>(operand.elements() * bytes_of(operand.dtype)));
}

std::string description(const RoutineKernel& kernel) {
  std::string text(info(kernel.op).name);
  for (const auto* operands : {&kernel.inputs, &kernel.results})
    for (const RoutineKernel::Operand& operand : *operands)
      text += " " + std::string(info(operand.dtype).label) + to_string(operand.shape) + " by " +
              to_string(operand.strides);
  return text + ", parameters " + to_string(kernel.parameters);
}

// The CPU and the kernels give the same bits, and the same failure word. `fill` makes an element of an input.
template <class Fill>
bool check_routine(Runner& runner, const RoutineKernel& kernel, const cuda::Chip& chip, const Fill& fill) {
  std::vector<Bytes> arrays;
  for (size_t i = 0; i < kernel.inputs.size(); ++i) {
    Bytes& bytes = arrays.emplace_back(bytes_for(kernel.inputs[i]));
    with_type(kernel.inputs[i].dtype, [&]<class T>() {
      for (size_t at = 0; at < bytes.size(); at += sizeof(T)) {
        const T value = fill.template operator()<T>(i, static_cast<int64_t>(at / sizeof(T)));
        std::memcpy(&bytes[at], &value, sizeof value);
      }
    });
  }
  for (const RoutineKernel::Operand& result : kernel.results) arrays.push_back(bytes_for(result));
  std::vector<Bytes> expected = arrays, got = arrays;
  const uint64_t failure = run_on_cpu(kernel, expected, 0, nullptr);
  runner.run(kernel, chip, {&got}, {0}, {nullptr});
  bool ok = runner.failure == failure;
  if (!ok)
    std::printf("the failure word is %lx and should be %lx\n", static_cast<unsigned long>(runner.failure),
                static_cast<unsigned long>(failure));
  for (const RoutineKernel::Operand& result : kernel.results) {
    if (is_same(got[result.array], expected[result.array], result.dtype)) continue;
    ok = false;
    std::printf("result %d differs\n", result.array - static_cast<int>(kernel.inputs.size()));
    show_difference(got[result.array], expected[result.array], result.dtype);
  }
  if (!ok) std::printf("%s, %d multiprocessors\n", description(kernel).c_str(), chip.multiprocessors);
  return ok;
}

// Whole numbers, so that products are exact in any order; integers of all sizes wrap.
bool check_product(Runner& runner, const RoutineKernel& kernel, const cuda::Chip& chip) {
  Random random{static_cast<uint64_t>(kernel.inputs[0].elements()) + 1};
  return check_routine(runner, kernel, chip, [&]<class T>(size_t, int64_t) {
    return std::is_floating_point_v<T> ? static_cast<T>(random.below(17) - 8) : static_cast<T>(random.bits());
  });
}

bool check_windows(Runner& runner, const RoutineKernel& kernel, const cuda::Chip& chip) {
  Random random{static_cast<uint64_t>(kernel.inputs[0].elements()) + 1};
  return check_routine(runner, kernel, chip,
                       [&]<class T>(size_t, int64_t) { return random_element<T>(random); });
}

// Symmetric matrices whose diagonal dominates, so that they are definite and equations with them tame.
bool check_triangular(Runner& runner, const Triangular& one, const cuda::Chip& chip) {
  const int64_t size = one.kernel.inputs[0].shape.back();
  return check_routine(runner, one.kernel, chip, [&]<class T>(size_t input, int64_t at) {
    const int64_t row = at / size % size, column = at % size, matrix = at / size / size;
    const bool is_matrix = input == 0;
    const int64_t low = is_matrix ? std::min(row, column) : row,
                  high = is_matrix ? std::max(row, column) : column;
    const double part = std::sin(static_cast<double>((matrix * 7 + high) * 131 + low));
    if (!is_matrix || row != column) return static_cast<T>(part);
    return static_cast<T>(matrix * size + row == one.spoiled ? -1 : part + static_cast<double>(size) + 1);
  });
}

// Whole numbers, so that there are equal ones and zeros; of pivots, some that are no rows.
bool check_elimination(Runner& runner, const RoutineKernel& kernel, const cuda::Chip& chip,
                       bool has_wrong_pivots) {
  Random random{static_cast<uint64_t>(kernel.inputs[0].elements()) + 3};
  return check_routine(runner, kernel, chip, [&]<class T>(size_t, int64_t) {
    if constexpr (std::is_floating_point_v<T>) return static_cast<T>(random.below(5) - 2);
    return static_cast<T>(random.below(kernel.parameters[0] + (has_wrong_pivots ? 2 : 0)) +
                          (has_wrong_pivots ? 0 : 1));
  });
}

// Normal numbers go through logarithms and cosines without fused multiply-adds on the CPU.
bool check_numbers(Runner& runner, const Kernel& kernel, Op op, DType dtype, int64_t elements,
                   const std::array<Number, 3>& numbers, const cuda::Chip& chip) {
  std::vector<Bytes> expected = {Bytes(static_cast<size_t>(elements * bytes_of(dtype)))};
  std::vector<Bytes> got = expected;
  run_on_cpu(kernel, expected, 0, numbers.data());
  runner.run(kernel, chip, {&got}, {0}, {numbers.data()});
  double worst = 0;
  with_type(dtype, [&]<class T>() {
    for (size_t i = 0; i < got[0].size(); i += sizeof(T)) {
      T a, b;
      std::memcpy(&a, &got[0][i], sizeof(T));
      std::memcpy(&b, &expected[0][i], sizeof(T));
      if (std::memcmp(&a, &b, sizeof(T)) == 0) continue;
      if constexpr (std::is_floating_point_v<T>) {
        const T size = std::max(std::fabs(a), std::fabs(b));
        worst = std::max(
            worst, static_cast<double>(std::fabs(a - b) /
                                       (std::nextafter(size, std::numeric_limits<T>::infinity()) - size)));
      } else {
        worst = 1e30;
      }
    }
  });
  if (worst <= (op == Op::randn ? 4 : 0)) return true;
  std::printf("%s %s of %ld elements: off by %g ulp\n", std::string(info(op).name).c_str(),
              std::string(info(dtype).label).c_str(), static_cast<long>(elements), worst);
  show_difference(got[0], expected[0], dtype);
  return false;
}

bool check_draw(Runner& runner, const RoutineKernel& kernel, const cuda::Chip& chip) {
  return check_numbers(runner, kernel, kernel.op, kernel.results[0].dtype, kernel.results[0].elements(),
                       {Number::of_integer(0x123456789abcdef), Number::of_integer(77)}, chip);
}

// Few different values, so that there are equal ones; along an axis indices ascend, as scatterAdd and its like want them.
bool check_lines(Runner& runner, const RoutineKernel& kernel, const cuda::Chip& chip,
                 bool has_wrong_indices) {
  Random random{static_cast<uint64_t>(kernel.inputs[0].elements()) + 7};
  return check_routine(runner, kernel, chip, [&]<class T>(size_t input, int64_t at) {
    const RoutineKernel::Operand& operand = kernel.inputs[input];
    if (info(kernel.op).failure == Failure::index && input == 1) {
      const int64_t axis = kernel.parameters.empty() ? 0 : kernel.parameters[0];
      const int64_t k = at / operand.strides[axis] % operand.shape[axis];
      return static_cast<T>(has_wrong_indices && k == operand.shape[axis] - 1 ? 6 + at : k);
    }
    if constexpr (std::is_floating_point_v<T>) return static_cast<T>(random.below(33) - 16) / T(8);
    return static_cast<T>(random.below(50));
  });
}

bool check_places(Runner& runner, const RoutineKernel& kernel, const cuda::Chip& chip) {
  return check_routine(runner, kernel, chip, [&]<class T>(size_t input, int64_t at) {
    return static_cast<T>(input == 0 ? at % 3 == 0 : at / 3 + 1);
  });
}

// Products of fractions, which TF32 rounds to 11 significant bits each before they are multiplied; the sum is of
// float32, whose bits tensor cores may cut off rather than round.
bool check_rounding(Runner& runner, const RoutineKernel& routine, const cuda::Chip& chip) {
  const MatrixProduct kernel = product_of(routine);
  const bool is_rounded = chip.capability >= 80 && std::min(kernel.rows, kernel.columns) > 16;
  Random random{77};
  const int64_t batch = element_count(kernel.batch);
  std::vector<Bytes> arrays;
  for (const int64_t elements : {batch * kernel.rows * kernel.inner, batch * kernel.inner * kernel.columns,
                                 batch * kernel.rows * kernel.columns}) {
    Bytes bytes(static_cast<size_t>(elements) * 4);
    for (size_t i = 0; i < bytes.size(); i += 4) {
      const float value = static_cast<float>(random.below(1 << 24)) * 0x1p-23f - 1;
      std::memcpy(&bytes[i], &value, 4);
    }
    arrays.push_back(std::move(bytes));
  }
  const auto at = [](const Bytes& array, int64_t i) {
    float value;
    std::memcpy(&value, &array[static_cast<size_t>(i) * 4], 4);
    return static_cast<double>(value);
  };
  std::vector<Bytes> got = arrays;
  runner.run(routine, chip, {&got}, {0}, {nullptr});
  const double factors = is_rounded ? 0x1p-10 + 0x1p-22 : 0;
  const double bound = factors + static_cast<double>(kernel.inner) * 0x1p-23;
  double worst = 0; // of what the sum of magnitudes bounds
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t row = 0; row < kernel.rows; ++row)
      for (int64_t column = 0; column < kernel.columns; ++column) {
        int64_t left = 0, right = 0, out = 0, rest = b;
        for (size_t axis = kernel.batch.size(); axis-- > 0; rest /= kernel.batch[axis]) {
          const int64_t i = rest % kernel.batch[axis];
          left += i * kernel.left.batch_strides[axis];
          right += i * kernel.right.batch_strides[axis];
          out += i * kernel.out.batch_strides[axis];
        }
        double exact = 0, magnitude = 0;
        for (int64_t k = 0; k < kernel.inner; ++k) {
          const double term =
              at(arrays[0], left + row * kernel.left.row_stride + k * kernel.left.column_stride) *
              at(arrays[1], right + k * kernel.right.row_stride + column * kernel.right.column_stride);
          exact += term;
          magnitude += std::fabs(term);
        }
        const double value =
            at(got[2], out + row * kernel.out.row_stride + column * kernel.out.column_stride);
        worst = std::max(worst, std::fabs(value - exact) / magnitude);
      }
  // Sums of float32 come closer by far, so what is not rounded can be told from what is.
  if (worst <= bound && (worst > 0x1p-16) == is_rounded) return true;
  std::printf("product of %ld x %ld x %ld, capability %d: off by %g, and the bound is %g\n",
              static_cast<long>(kernel.rows), static_cast<long>(kernel.inner),
              static_cast<long>(kernel.columns), chip.capability, worst, bound);
  return false;
}

bool check_products(Runner& runner, const cuda::Chip& chip) {
  bool ok = true;
  for (const auto& list : {products(), rounded_products()})
    for (const RoutineKernel& kernel : list) ok = ok && check_product(runner, kernel, chip);
  for (const RoutineKernel& kernel : rounded_products())
    if (kernel.inputs[0].shape.back() < 1000) ok = ok && check_rounding(runner, kernel, chip);
  return ok;
}

bool check_routines(Runner& runner, const cuda::Chip& chip) {
  bool ok = true;
  for (const auto& list : {scans(), sorts(), indexing(), searches()})
    for (const RoutineKernel& kernel : list)
      for (const bool has_wrong_indices : {false, true})
        if (!has_wrong_indices || info(kernel.op).failure == Failure::index)
          ok = ok && check_lines(runner, kernel, chip, has_wrong_indices);
  for (const RoutineKernel& kernel : places()) ok = ok && check_places(runner, kernel, chip);
  for (const RoutineKernel& kernel : windows()) ok = ok && check_windows(runner, kernel, chip);
  for (const Triangular& one : triangular()) ok = ok && check_triangular(runner, one, chip);
  for (const RoutineKernel& kernel : eliminations())
    for (const bool has_wrong_pivots : {false, true})
      if (!has_wrong_pivots || kernel.op == Op::permutation)
        ok = ok && check_elimination(runner, kernel, chip, has_wrong_pivots);
  return ok;
}

// Of some kernels alone.
int run_only(bool (*check)(Runner&, const cuda::Chip&)) {
  const char* library = std::getenv("ADJOINT_CUDA_DRIVER");
  if (!library) {
    std::printf("ADJOINT_CUDA_DRIVER names no driver\n");
    return 2;
  }
  Runner runner(library);
  const int capability = runner.chip().capability;
  bool ok = true;
  for (const int multiprocessors : {1, 12}) ok = ok && check(runner, {capability, multiprocessors});
  return ok && !runner.has_left_tickets ? 0 : 1;
}

int run_all(uint64_t random, uint64_t first_seed) {
  const char* library = std::getenv("ADJOINT_CUDA_DRIVER");
  if (!library) {
    std::printf("ADJOINT_CUDA_DRIVER names no driver\n");
    return 2;
  }
  Runner runner(library);
  size_t failures = 0, checks = 0;
  const auto note = [&](bool ok) {
    ++checks;
    failures += !ok;
  };
  // Kernels are fitted to the size of the chip; any size gives the same.
  const cuda::Chip own = runner.chip();
  const cuda::Chip chips[] = {{own.capability, 1}, {own.capability, 12}};
  std::vector<Named> cases = row_kernels(100);
  for (std::vector<Named> more : {written_kernels(), random_kernels(random, first_seed)})
    std::move(more.begin(), more.end(), std::back_inserter(cases));
  for (size_t i = 0; i < cases.size() && failures < 5; ++i) note(check_case(runner, cases[i], chips[i % 2]));
  for (Named& named : trees())
    for (const int multiprocessors : {1, 12, 132})
      if (failures < 5) note(check_case(runner, named, {own.capability, multiprocessors}));
  for (uint64_t seed = first_seed; seed < first_seed + random / 10 + 1 && failures < 5; ++seed)
    note(check_flat(runner, seed, chips[seed % 2]));
  for (const cuda::Chip& chip : chips) {
    note(check_products(runner, chip));
    note(check_routines(runner, chip));
    for (const RoutineKernel& kernel : draws())
      if (failures < 5) note(check_draw(runner, kernel, chip));
  }
  note(!runner.has_left_tickets);
  std::printf("%zu checks, %zu failures\n", checks, failures);
  return failures == 0 ? 0 : 1;
}

} // namespace

int main(int count, char** arguments) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::string what = count > 1 ? arguments[1] : "";
  const auto number = [&](int i, uint64_t otherwise) {
    return count > i ? std::strtoull(arguments[i], nullptr, 10) : otherwise;
  };
  if (!cuda::has_code()) {
    std::printf("built without nvcc\n");
    return 3;
  }
  if (what == "--write" && count > 2) return write_modules(arguments[2], number(3, 100));
  if (what == "--products") return run_only(check_products);
  if (what == "--routines") return run_only(check_routines);
  if (what == "--run") return run_all(number(2, 300), number(3, 1));
  std::printf("usage: cuda_code --write folder [random kernels] | --run [random kernels] [seed] | --products "
              "| --routines\n");
  return 2;
}
