// Windows of images side by side, and sums over windows. Each is the other's gradient.
#include <array>
#include <string>

#include "graph/record.h"
#include "graph/routines.h"

namespace adjoint {

namespace {

// Sizes beyond this fit no memory; it keeps products of them from overflowing.
constexpr int64_t largest = int64_t{1} << 60;
int64_t times(int64_t a, int64_t b) { return b > 0 && a > largest / b ? largest : a * b; }

std::string pair(int64_t height, int64_t width) {
  return "(" + std::to_string(height) + ", " + std::to_string(width) + ")";
}

using Pair = std::array<int64_t, 2>;

// The parameters that both rows have.
struct Options {
  std::string op;
  Pair kernel{}, dilation{}, padding{}, stride{};

  Options(std::string_view op, const Dims& parameters, size_t first) : op(op) {
    for (size_t i = 0; i < 2; ++i) {
      kernel[i] = parameters[first + i];
      dilation[i] = parameters[first + 2 + i];
      padding[i] = parameters[first + 4 + i];
      stride[i] = parameters[first + 6 + i];
    }
    check(kernel, 1, "kernel size should be greater than zero", "kernel", "kernelSize");
    check(dilation, 1, "dilation should be greater than zero", "dilation", "dilation");
    check(padding, 0, "padding should be non-negative", "pad", "padding");
    check(stride, 1, "stride should be greater than zero", "stride", "stride");
  }

  // How many windows there are; 0 or less where the image is too small for one.
  Pair counts(int64_t height, int64_t width) const {
    const auto count = [&](int64_t extent, size_t i) {
      const int64_t span = times(dilation[i], kernel[i] - 1) + 1, room = extent + 2 * padding[i] - span;
      return room < 0 ? -((stride[i] - 1 - room) / stride[i]) + 1 : room / stride[i] + 1;
    };
    return {count(height, 0), count(width, 1)};
  }
  std::string described() const {
    return "kernel_size=" + pair(kernel[0], kernel[1]) + ", dilation=" + pair(dilation[0], dilation[1]) +
           ", padding=" + pair(padding[0], padding[1]);
  }

 private:
  void check(const Pair& values, int64_t least, const char* rule, const std::string& word,
             const char* option) const {
    if (values[0] >= least && values[1] >= least) return;
    throw Error(ErrorClass::range_error, "ERR_ARGUMENT",
                std::string(rule) + ", but got " + word + "_height: " + std::to_string(values[0]) + " " +
                    word + "_width: " + std::to_string(values[1]) + "; " + op + ": " + option +
                    " is a number or a pair [height, width]",
                op);
  }
};

Value record_with_parameters(Op op, const RoutineCall& call, const Dims& shape) {
  const Value& input = call.inputs[0];
  check_shape(call.engine, info(op).name, shape, input.dtype());
  return record(call.engine, op, input.dtype(), shape, call.inputs, with_parameters(call.parameters));
}

} // namespace

RoutineValues record_unfold(const RoutineCall& call) {
  const Options options(info(Op::unfold).name, call.parameters, 0);
  const Dims& shape = call.inputs[0].shape();
  const bool has_batch = shape.size() == 4;
  bool is_valid = shape.size() == 3 || has_batch;
  for (size_t i = has_batch; i < shape.size(); ++i) is_valid &= shape[i] != 0;
  if (!is_valid)
    throw shape_error(options.op,
                      "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
                      "dimensions for input, but got: " +
                          to_string(shape) + "; unfold: give [C, H, W] or [N, C, H, W]",
                      {shape});
  const size_t first = has_batch;
  const int64_t height = shape[first + 1], width = shape[first + 2];
  const auto [rows, columns] = options.counts(height, width);
  if (rows < 1 || columns < 1)
    throw shape_error(options.op,
                      "Given input with spatial size " + pair(height, width) + ", " + options.described() +
                          ", calculated shape of the array of sliding blocks as " + pair(rows, columns) +
                          ", but its components must be at least one.; unfold: no window fits into [" +
                          std::to_string(height) + ", " + std::to_string(width) + "]",
                      {shape});
  Dims out;
  if (has_batch) out.push_back(shape[0]);
  out.push_back(times(times(shape[first], options.kernel[0]), options.kernel[1]));
  out.push_back(times(rows, columns));
  return {record_with_parameters(Op::unfold, call, out)};
}

Value gradient_of_unfold(Function& function, size_t, std::span<const Value> grads) {
  const Dims& image = function.edges[0].shape;
  Dims parameters = {image[image.size() - 2], image.back()};
  for (int64_t parameter : function.attributes->parameters) parameters.push_back(parameter);
  return routine(Op::fold, grads.first(1), parameters);
}

RoutineValues record_fold(const RoutineCall& call) {
  const Options options(info(Op::fold).name, call.parameters, 2);
  const int64_t height = call.parameters[0], width = call.parameters[1];
  const Dims& shape = call.inputs[0].shape();
  const bool has_batch = shape.size() == 3;
  bool is_valid = shape.size() == 2 || has_batch;
  for (size_t i = has_batch; i < shape.size(); ++i) is_valid &= shape[i] != 0;
  if (!is_valid)
    throw shape_error(
        options.op,
        "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero "
        "dimensions for input, but got: " +
            to_string(shape) +
            "; fold: give [C * kernel elements, windows], with a batch in front or without",
        {shape});
  const size_t first = has_batch;
  const int64_t elements = times(options.kernel[0], options.kernel[1]);
  if (shape[first] % elements != 0)
    throw shape_error(options.op,
                      "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
                      "but got input.size(1)=" +
                          std::to_string(shape[first]) +
                          " and kernel_size=" + pair(options.kernel[0], options.kernel[1]) +
                          ".; fold: the input has shape " + to_string(shape),
                      {shape});
  const auto [rows, columns] = options.counts(height, width);
  const std::string given = "Given output_size=" + pair(height, width) + ", " + options.described() +
                            ", stride=" + pair(options.stride[0], options.stride[1]);
  const int64_t windows = rows > 0 && columns > 0 ? times(rows, columns) : rows * columns;
  if (shape[first + 1] != windows)
    throw shape_error(options.op,
                      given +
                          ", expected size of input's dimension 2 to match the calculated number of sliding "
                          "blocks " +
                          std::to_string(rows) + " * " + std::to_string(columns) + " = " +
                          std::to_string(windows) +
                          ", but got input.size(2)=" + std::to_string(shape[first + 1]) +
                          ".; fold: the input has shape " + to_string(shape),
                      {shape});
  if (rows < 1 || columns < 1)
    throw shape_error(options.op,
                      given + ", calculated shape of the array of sliding blocks as " + pair(rows, columns) +
                          ", which is too small (non-positive); fold: no window fits into outputSize",
                      {shape});
  if (height < 1 || width < 1)
    throw shape_error(options.op,
                      "Expected output spatial size to be positive, but got: output_size=" +
                          pair(height, width) + ".; fold: outputSize is a number or a pair [height, width]",
                      {shape});
  Dims out;
  if (has_batch) out.push_back(shape[0]);
  for (int64_t extent : {shape[first] / elements, height, width}) out.push_back(extent);
  return {record_with_parameters(Op::fold, call, out)};
}

Value gradient_of_fold(Function& function, size_t, std::span<const Value> grads) {
  const Dims& own = function.attributes->parameters;
  Dims parameters;
  for (size_t i = 2; i < own.size(); ++i) parameters.push_back(own[i]);
  return routine(Op::unfold, grads.first(1), parameters);
}

} // namespace adjoint
