#include "cpu/kernels.h"
#include "cpu/loops.h"

namespace adjoint::cpu {

namespace {

// Truncates towards zero like C; what does not fit an integer (NaN among it) becomes its lowest value,
// instead of whatever the processor leaves.
template <class To, class From> To cast(From value) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> && !std::is_same_v<To, bool>) {
    constexpr From limit = static_cast<From>(uint64_t{1} << 63);
    const bool fits = value >= -limit && value < limit;
    return static_cast<To>(fits ? static_cast<int64_t>(value) : INT64_MIN);
  } else {
    return static_cast<To>(value);
  }
}

} // namespace

void run_cast(const Kernel& kernel) {
  with_type(kernel.dtype, [&]<class From>() {
    with_type(kernel.output.dtype, [&]<class To>() {
      run_elementwise<To, From>(kernel, [](From value) { return cast<To>(value); });
    });
  });
}

} // namespace adjoint::cpu
