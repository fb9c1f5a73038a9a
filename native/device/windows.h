// Windows over images, as both devices take them from a routine's operands.
#pragma once
#include <cstdint>

namespace adjoint {

struct RoutineKernel;

// One axis of an image, and the windows along it.
struct WindowAxis {
  int64_t extent = 1, kernel = 1, dilation = 1, padding = 0, stride = 1;
  int64_t count = 1; // of windows

  // Where element k of window i lies; outside of the image in the padding.
  constexpr int64_t at(int64_t i, int64_t k) const { return i * stride + k * dilation - padding; }
  // The window whose element k lies there, or -1.
  constexpr int64_t window(int64_t position, int64_t k) const {
    const int64_t begin = position + padding - k * dilation;
    return begin >= 0 && begin % stride == 0 && begin / stride < count ? begin / stride : -1;
  }
  // The first window whose element k lies at a position or after it.
  constexpr int64_t first_from(int64_t position, int64_t k) const {
    const int64_t begin = position + padding - k * dilation;
    const int64_t i = begin <= 0 ? 0 : (begin + stride - 1) / stride;
    return i < count ? i : count;
  }
};

// Elements of windows are counted channel by channel, and row by row in each; windows row by row.
struct Windows {
  int64_t batch = 1, channels = 1;
  WindowAxis rows, columns;
  struct {
    int64_t batch, channel, row, column;
  } image{}; // strides
  struct {
    int64_t batch, element, window;
  } patches{}; // strides
};

// From an image to patches, and from patches to an image.
Windows unfolding_of(const RoutineKernel& kernel);
Windows folding_of(const RoutineKernel& kernel);

} // namespace adjoint
