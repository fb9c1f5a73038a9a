#include "device/windows.h"

#include "device/kernel.h"

namespace adjoint {

namespace {

// The last parameters are pairs: kernel, dilation, padding and stride.
Windows windows_of(const RoutineKernel::Operand& image, const RoutineKernel::Operand& patches,
                   const Dims& parameters) {
  const size_t i = image.shape.size() - 3, p = patches.shape.size() - 2;
  const bool has_batch = i > 0;
  const size_t first = parameters.size() - 8;
  const auto axis = [&](size_t which) {
    WindowAxis axis;
    axis.extent = image.shape[i + 1 + which];
    axis.kernel = parameters[first + which];
    axis.dilation = parameters[first + 2 + which];
    axis.padding = parameters[first + 4 + which];
    axis.stride = parameters[first + 6 + which];
    axis.count = (axis.extent + 2 * axis.padding - axis.dilation * (axis.kernel - 1) - 1) / axis.stride + 1;
    return axis;
  };
  Windows windows;
  windows.batch = has_batch ? image.shape[0] : 1;
  windows.channels = image.shape[i];
  windows.rows = axis(0);
  windows.columns = axis(1);
  windows.image = {has_batch ? image.strides[0] : 0, image.strides[i], image.strides[i + 1],
                   image.strides[i + 2]};
  windows.patches = {has_batch ? patches.strides[0] : 0, patches.strides[p], patches.strides[p + 1]};
  return windows;
}

} // namespace

Windows unfolding_of(const RoutineKernel& kernel) {
  return windows_of(kernel.inputs[0], kernel.results[0], kernel.parameters);
}
Windows folding_of(const RoutineKernel& kernel) {
  return windows_of(kernel.results[0], kernel.inputs[0], kernel.parameters);
}

} // namespace adjoint
