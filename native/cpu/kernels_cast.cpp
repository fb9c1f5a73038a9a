#include "cpu/kernels.h"
#include "cpu/loops.h"

namespace adjoint::cpu {

void run_cast(const Kernel& kernel) {
  with_type(kernel.dtype, [&]<class From>() {
    with_type(kernel.output.dtype, [&]<class To>() {
      run_elementwise<To, From>(kernel, [](From value) { return convert<To>(value); });
    });
  });
}

} // namespace adjoint::cpu
