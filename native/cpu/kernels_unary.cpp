#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/rows.h"
#include "ops/arithmetic.h"

namespace adjoint::cpu {

void run_unary(const Kernel& kernel) {
  with_type(kernel.dtype, [&]<class T>() {
    switch (kernel.op) {
#define UNARY(name, label, dtypes, lo, hi, value, ...)                                                       \
  case Op::name:                                                                                             \
    if constexpr (computes<T>(Dtypes::dtypes)) {                                                             \
      using Out = std::conditional_t<Dtypes::dtypes == Dtypes::truth, bool, T>;                              \
      run_elementwise<Out, T>(kernel, [](T a) -> Out { return value; });                                     \
    }                                                                                                        \
    break;
#define BINARY(...)
#define TERNARY(...)
#include "ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
    default:
      break;
    }
  });
}

} // namespace adjoint::cpu
