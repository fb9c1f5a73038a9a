// Lines: the work of a routine along one axis. A tensor of shape [4, 3, 5] has 20 lines along its axis 1, of
// 3 elements each; line 7 is that of indices (1, :, 2). Several tensors that agree in their other axes are
// walked together, each by its own strides.
#pragma once
#include <array>

#include "device/kernel.h"

namespace adjoint {

class Lines {
 public:
  static constexpr size_t max_tensors = 4;
  // How the lines of one tensor lie in its array, in elements.
  struct Tensor {
    uint16_t array = 0;
    DType dtype = DType::float32;
    int64_t offset = 0; // of line 0
    int64_t extent = 1; // of a line
    int64_t stride = 1; // along a line
    Dims strides;       // from line to line, one for each of `extents`
  };

  // Every tensor has its own extent along the axis. Along the others `shape` counts, which tensors may
  // exceed. A 0-d tensor has one axis of a single element.
  Lines(const Dims& shape, int64_t axis, std::initializer_list<const RoutineKernel::Operand*> tensors);

  int64_t count() const { return count_; }
  size_t tensor_count() const { return tensor_count_; }
  const Tensor& operator[](size_t tensor) const { return tensors_[tensor]; }
  const Dims& extents() const { return extents_; } // of the other axes, the last one fastest
  // The offset of a line in each tensor, in elements.
  std::array<int64_t, max_tensors> offsets(int64_t line) const;

 private:
  Dims extents_;
  int64_t count_ = 1;
  size_t tensor_count_ = 0;
  std::array<Tensor, max_tensors> tensors_;
};

} // namespace adjoint
