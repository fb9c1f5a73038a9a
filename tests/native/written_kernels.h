// Kernels put together by hand, such as the planner makes them, for the tests and times of devices.
#pragma once
#include <algorithm>

#include "random_kernels.h"

namespace adjoint {

struct Writer {
  FusedKernel kernel;
  std::vector<Number> numbers;
  std::vector<Bytes> arrays;
  const DType dtype; // of everything

  Writer(int64_t rows, int64_t columns, DType dtype = DType::float32) : dtype(dtype) {
    kernel.rows = rows;
    kernel.columns = columns;
  }
  uint16_t array(int64_t elements) {
    Random random{arrays.size() + 1};
    elements = std::max<int64_t>(elements, 1); // without columns, an access may be taken to stand still
    Bytes& bytes = arrays.emplace_back(static_cast<size_t>(elements * bytes_of(dtype)));
    with_type(dtype, [&]<class T>() {
      for (size_t i = 0; i < bytes.size(); i += sizeof(T)) {
        const T value = static_cast<T>(random.uniform(-3, 3));
        std::memcpy(&bytes[i], &value, sizeof value);
      }
    });
    return static_cast<uint16_t>(arrays.size() - 1);
  }
  static Access access(uint16_t array, Dims extents, Dims strides, int64_t offset = 0, Dims first = {},
                       Dims last = {}) {
    return {array, offset, std::move(extents), std::move(strides), std::move(first), std::move(last)};
  }
  uint16_t load(Level level, Access access) {
    kernel.accesses.push_back(std::move(access));
    return push(
        {.op = Op::stored, .level = level, .index = static_cast<uint16_t>(kernel.accesses.size() - 1)});
  }
  uint16_t number(double value) {
    numbers.emplace_back(value);
    return push(
        {.op = Op::number, .level = Level::number, .index = static_cast<uint16_t>(numbers.size() - 1)});
  }
  uint16_t step(Op op, std::vector<uint16_t> inputs) {
    Step step{.op = op, .level = Level::number, .input_count = static_cast<uint8_t>(inputs.size())};
    for (size_t i = 0; i < inputs.size(); ++i) {
      step.inputs[i] = inputs[i];
      step.level = std::max(step.level, kernel.steps[inputs[i]].level);
    }
    if (info(op).kind == Kind::reduction) step.level = Level::row;
    return push(step);
  }
  uint16_t splice(uint16_t base, uint16_t part, Level level, Access bounds) {
    kernel.accesses.push_back(std::move(bounds));
    Step step{.op = Op::splice, .level = level, .input_count = 2, .inputs = {base, part}};
    step.index = static_cast<uint16_t>(kernel.accesses.size() - 1);
    return push(step);
  }
  void store(uint16_t step, Access access) {
    kernel.stores.push_back({step, access.array, std::move(access)});
  }
  uint16_t push(Step step) {
    step.arithmetic = step.dtype = dtype;
    kernel.steps.push_back(step);
    return static_cast<uint16_t>(kernel.steps.size() - 1);
  }
};

inline Writer value_and_gradient(int64_t n) {
  Writer w(1, n);
  const auto whole = [&](uint16_t array) { return Writer::access(array, {n}, {1}); };
  const uint16_t x = w.load(Level::element, whole(w.array(n)));
  const uint16_t twenty = w.number(20), one = w.number(1), two = w.number(2);
  const uint16_t t = w.step(Op::tanh, {w.step(Op::sin, {x})});
  const uint16_t value = w.step(Op::add, {w.step(Op::div, {w.step(Op::square, {x}), twenty}), t});
  const uint16_t slope =
      w.step(Op::mul, {w.step(Op::sub, {one, w.step(Op::mul, {t, t})}), w.step(Op::cos, {x})});
  const uint16_t gradient =
      w.step(Op::add, {w.step(Op::mul, {w.step(Op::div, {one, twenty}), w.step(Op::mul, {two, x})}), slope});
  w.store(gradient, whole(w.array(n)));
  w.store(w.step(Op::sum, {value}), Writer::access(w.array(1), {1}, {0}));
  return w;
}

inline Writer adam(int64_t n) {
  Writer w(n, 1);
  w.kernel.is_flat = true;
  std::vector<uint16_t> loads;
  for (int i = 0; i < 4; ++i) loads.push_back(w.load(Level::row, Writer::access(w.array(n), {n}, {1})));
  for (size_t i = 0; i < static_cast<size_t>(n) * 4; ++i)
    if (i % 4 == 3) w.arrays[3][i] &= 0x7f; // v is not negative
  const uint16_t p = loads[0], g = loads[1];
  const uint16_t m = w.step(Op::lerp, {loads[2], g, w.number(0.1)});
  const uint16_t v = w.step(Op::add, {w.step(Op::mul, {loads[3], w.number(0.999)}),
                                      w.step(Op::mul, {w.step(Op::mul, {g, g}), w.number(0.001)})});
  const uint16_t root =
      w.step(Op::add, {w.step(Op::div, {w.step(Op::sqrt, {v}), w.number(0.9)}), w.number(1e-8)});
  const uint16_t next = w.step(Op::sub, {p, w.step(Op::mul, {w.number(0.001), w.step(Op::div, {m, root})})});
  w.store(next, Writer::access(0, {n}, {1}));
  w.store(m, Writer::access(2, {n}, {1}));
  w.store(v, Writer::access(3, {n}, {1}));
  return w;
}

inline Writer rosenbrock(int64_t n) {
  Writer w(n, 1);
  const uint16_t array = w.array(n);
  const uint16_t x = w.load(Level::row, Writer::access(array, {n}, {1}));
  const uint16_t next = w.load(Level::row, Writer::access(array, {n}, {1}, 1, {0}, {n - 1}));
  const uint16_t last = w.load(Level::row, Writer::access(array, {n}, {1}, -1, {1}, {n}));
  const uint16_t zero = w.number(0);
  const uint16_t rest = w.step(Op::sub, {next, w.step(Op::square, {x})});
  const uint16_t left = w.step(Op::sub, {w.step(Op::mul, {w.number(-400), w.step(Op::mul, {x, rest})}),
                                         w.step(Op::mul, {w.number(2), w.step(Op::sub, {w.number(1), x})})});
  const uint16_t right = w.step(Op::mul, {w.number(200), w.step(Op::sub, {x, w.step(Op::square, {last})})});
  const uint16_t a = w.splice(zero, left, Level::row, Writer::access(0, {n}, {0}, 0, {0}, {n - 1}));
  const uint16_t b = w.splice(zero, right, Level::row, Writer::access(0, {n}, {0}, 0, {1}, {n}));
  w.store(w.step(Op::add, {a, b}), Writer::access(w.array(n), {n}, {1}));
  return w;
}

inline Writer softmax(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride,
                      DType dtype = DType::float32) {
  Writer w(rows, columns, dtype);
  const auto whole = [&](uint16_t array) {
    return Writer::access(array, {rows, columns}, {row_stride, column_stride});
  };
  const uint16_t x = w.load(Level::element, whole(w.array(rows * columns)));
  const uint16_t e = w.step(Op::exp, {w.step(Op::sub, {x, w.step(Op::amax, {x})})});
  w.store(w.step(Op::div, {e, w.step(Op::sum, {e})}), whole(w.array(rows * columns)));
  return w;
}

inline Writer sum(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride,
                  DType dtype = DType::float32) {
  Writer w(rows, columns, dtype);
  const uint16_t x = w.load(
      Level::element, Writer::access(w.array(rows * columns), {rows, columns}, {row_stride, column_stride}));
  w.store(w.step(Op::sum, {x}), Writer::access(w.array(rows), {rows}, {1}));
  return w;
}

// Several reductions in one pass, of values that are computed on the way, and of another array.
inline Writer moments(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride, DType dtype) {
  Writer w(rows, columns, dtype);
  const auto load = [&] {
    return w.load(Level::element,
                  Writer::access(w.array(rows * columns), {rows, columns}, {row_stride, column_stride}));
  };
  const uint16_t x = load(), y = load();
  const uint16_t product = w.step(Op::mul, {w.step(Op::sin, {x}), w.step(Op::sub, {y, w.number(0.3)})});
  for (const auto& [op, of] : {std::pair{Op::sum, product}, {Op::mean, x}, {Op::amax, y}, {Op::sum, y}})
    w.store(w.step(op, {of}), Writer::access(w.array(rows), {rows}, {1}));
  return w;
}

inline Writer transposed(int64_t n) {
  Writer w(n * n, 1);
  const uint16_t x = w.load(Level::row, Writer::access(w.array(n * n), {n, n}, {1, n}));
  w.store(x, Writer::access(w.array(n * n), {n * n}, {1}));
  return w;
}

inline Writer tiny(int64_t n) {
  Writer w(n, 1);
  const uint16_t x = w.load(Level::row, Writer::access(w.array(n), {n}, {1}));
  const uint16_t a = w.number(0.5), b = w.number(0.25);
  uint16_t value = x;
  for (int i = 0; i < 5; ++i) {
    value = w.step(Op::mul, {value, a});
    value = w.step(Op::add, {value, b});
    value = w.step(Op::sub, {value, x});
    value = w.step(Op::square, {value});
  }
  value = w.step(Op::tanh, {w.step(Op::sin, {value})});
  w.store(value, Writer::access(w.array(n), {n}, {1}));
  return w;
}

} // namespace adjoint
