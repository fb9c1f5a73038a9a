// Lines on the device: the words that RoutineTable::lines writes, read again.
#pragma once
#include <cstdint>

namespace adjoint::cuda {

// The words of the lines of `tensors` tensors. Behind them stand, for each of `rank` axes, its extent and a
// stride for each tensor.
template <int tensors> struct LinesTable {
  struct Tensor {
    uint64_t data; // the address of line 0
    int64_t stride, extent;
  } tensor[tensors];
  int64_t count, rank;

  __device__ __forceinline__ const uint64_t* after() const {
    return reinterpret_cast<const uint64_t*>(this + 1) + rank * (1 + tensors);
  }
  template <class T> __device__ __forceinline__ T* data(int k) const {
    return reinterpret_cast<T*>(tensor[k].data);
  }
  // The place where the line begins, in elements from `data`.
  __device__ __forceinline__ void offsets(int64_t line, int64_t (&out)[tensors]) const {
    for (int k = 0; k < tensors; ++k) out[k] = 0;
    const auto* axis = reinterpret_cast<const int64_t*>(this + 1) + (rank - 1) * (1 + tensors);
    for (int64_t i = 0; i < rank; ++i, axis -= 1 + tensors) {
      const int64_t index = line % axis[0];
      line /= axis[0];
#pragma unroll
      for (int k = 0; k < tensors; ++k) out[k] += index * axis[1 + k];
    }
  }
};

__device__ __forceinline__ int64_t first_item() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ int64_t item_step() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

} // namespace adjoint::cuda
