#include "device/lines.h"

namespace adjoint {

Lines::Lines(const Dims& shape, int64_t axis, std::initializer_list<const RoutineKernel::Operand*> tensors) {
  const auto own = static_cast<size_t>(axis);
  for (const RoutineKernel::Operand* operand : tensors) {
    Tensor& tensor = tensors_[tensor_count_++];
    tensor.array = operand->array;
    tensor.dtype = operand->dtype;
    tensor.offset = operand->offset;
    if (operand->shape.empty()) continue;
    tensor.extent = operand->shape[own];
    tensor.stride = operand->strides[own];
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i == own || shape[i] == 1) continue;
    count_ *= shape[i];
    // Merges axes that all tensors walk as one.
    bool goes_on = !extents_.empty();
    size_t k = 0;
    for (const RoutineKernel::Operand* operand : tensors)
      goes_on = goes_on && tensors_[k++].strides.back() == shape[i] * operand->strides[i];
    if (!goes_on) extents_.push_back(1);
    extents_[extents_.size() - 1] *= shape[i];
    k = 0;
    for (const RoutineKernel::Operand* operand : tensors) {
      Dims& strides = tensors_[k++].strides;
      if (!goes_on) strides.push_back(0);
      strides[strides.size() - 1] = operand->strides[i];
    }
  }
}

std::array<int64_t, Lines::max_tensors> Lines::offsets(int64_t line) const {
  std::array<int64_t, max_tensors> result{};
  for (size_t k = 0; k < tensor_count_; ++k) result[k] = tensors_[k].offset;
  for (size_t i = extents_.size(); i-- > 0; line /= extents_[i]) {
    const int64_t index = line % extents_[i];
    for (size_t k = 0; k < tensor_count_; ++k) result[k] += index * tensors_[k].strides[i];
  }
  return result;
}

} // namespace adjoint
