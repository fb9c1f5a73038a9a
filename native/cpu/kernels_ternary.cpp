#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/rows.h"
#include "ops/arithmetic.h"

namespace adjoint::cpu {

void run_ternary(const Kernel& kernel) {
  with_type(kernel.dtype, [&]<class T>() {
    switch (kernel.op) {
#define UNARY(...)
#define BINARY(...)
#define TERNARY(name, label, dtypes, lo, hi, value, ...)                                                     \
  case Op::name:                                                                                             \
    if constexpr (computes<T>(Dtypes::dtypes)) {                                                             \
      using First = std::conditional_t<Dtypes::dtypes == Dtypes::select, bool, T>;                           \
      run_elementwise<T, First, T, T>(kernel, [](First a, T b, T c) -> T { return value; });                 \
    }                                                                                                        \
    break;
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
