// The rows of the op tables as functions of PTX, whose bodies fused kernels are made of. Every function is an
// instance of `body`, whose mangled name says which. Values are held in registers of 32 or 64 bits, so bool,
// uint8 and halves come and go as 32-bit words.
#include "cuda/code/body_key.h"
#include "ops/arithmetic.h"

namespace {

using namespace adjoint;
using cuda::BodyRole;

// The value of a row, for values of T; the tables specialise it.
template <class T, int op> struct Row;

template <Dtypes dtypes, class T> using Result = std::conditional_t<dtypes == Dtypes::truth, bool, T>;
template <Dtypes dtypes, class T> using First = std::conditional_t<dtypes == Dtypes::select, bool, T>;

#define ROW(name, dtypes, value, ...)                                                                        \
  template <class T> struct Row<T, static_cast<int>(Op::name)> {                                             \
    using Out = Result<Dtypes::dtypes, T>;                                                                   \
    using A = First<Dtypes::dtypes, T>;                                                                      \
    static __device__ __forceinline__ Out apply(__VA_ARGS__) { return value; }                               \
  };
#define UNARY(name, label, dtypes, cost, lo, hi, value, ...) ROW(name, dtypes, value, T a)
#define BINARY(name, label, dtypes, cost, lo, hi, value, ...) ROW(name, dtypes, value, T a, T b)
#define TERNARY(name, label, dtypes, cost, lo, hi, value, ...) ROW(name, dtypes, value, A a, T b, T c)
#include "ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
#undef ROW

#define REDUCTION(name, label, dtypes, number, empty, lo, hi, identity_, combine_, finish_, gradient)        \
  template <class T> struct Row<T, static_cast<int>(Op::name)> {                                             \
    static __device__ __forceinline__ T identity() { return identity_; }                                     \
    static __device__ __forceinline__ T combine(T a, T b) { return combine_; }                               \
    static __device__ __forceinline__ T finish(T a, [[maybe_unused]] int64_t count) { return finish_; }      \
  };
#include "ops/reductions.def"
#undef REDUCTION

template <class T> using Held = std::conditional_t<sizeof(T) < 4, uint32_t, T>;

template <BodyRole role, int op, class T, class Out, class... In>
__device__ __forceinline__ Out evaluate(In... inputs) {
  if constexpr (role == BodyRole::value)
    return Row<T, op>::apply(inputs...);
  else if constexpr (role == BodyRole::cast)
    return convert<Out>(inputs...);
  else if constexpr (role == BodyRole::identity)
    return Row<T, op>::identity();
  else if constexpr (role == BodyRole::combine)
    return Row<T, op>::combine(inputs...);
  else
    return Row<T, op>::finish(inputs...);
}

} // namespace

template <int role, int op, int dtype, class T, class Out, class... In>
__device__ __noinline__ Held<Out> body(Held<In>... inputs) {
  return static_cast<Held<Out>>(
      evaluate<static_cast<BodyRole>(role), op, T, Out>(static_cast<In>(inputs)...));
}

namespace {

// Takes the addresses of the bodies, so that they are compiled.
struct Keeper {
  const void** out;

  template <BodyRole role, int op, class T, class Out, class... In> __device__ void keep() {
    *out++ = reinterpret_cast<const void*>(
        &body<static_cast<int>(role), op, static_cast<int>(dtype_of<T>), T, Out, In...>);
  }

  template <class T> __device__ void keep_rows() {
#define UNARY(name, label, dtypes, ...)                                                                      \
  if constexpr (computes<T>(Dtypes::dtypes))                                                                 \
    keep<BodyRole::value, static_cast<int>(Op::name), T, Result<Dtypes::dtypes, T>, T>();
#define BINARY(name, label, dtypes, ...)                                                                     \
  if constexpr (computes<T>(Dtypes::dtypes))                                                                 \
    keep<BodyRole::value, static_cast<int>(Op::name), T, Result<Dtypes::dtypes, T>, T, T>();
#define TERNARY(name, label, dtypes, ...)                                                                    \
  if constexpr (computes<T>(Dtypes::dtypes))                                                                 \
    keep<BodyRole::value, static_cast<int>(Op::name), T, Result<Dtypes::dtypes, T>,                          \
         First<Dtypes::dtypes, T>, T, T>();
#include "ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
// Reductions to bool (all, any) exist for bool alone: their inputs are converted first.
#define REDUCTION(name, label, dtypes, ...)                                                                  \
  if constexpr (computes<T>(Dtypes::dtypes) && std::is_same_v<T, Result<Dtypes::dtypes, T>>) {               \
    constexpr int op = static_cast<int>(Op::name);                                                           \
    keep<BodyRole::identity, op, T, T>();                                                                    \
    keep<BodyRole::combine, op, T, T, T, T>();                                                               \
    keep<BodyRole::finish, op, T, T, T, int64_t>();                                                          \
  }
#include "ops/reductions.def"
#undef REDUCTION
#define ROW(name, type, label, word) keep<BodyRole::cast, static_cast<int>(DType::name), T, type, T>();
    ADJOINT_DTYPES(ROW)
#undef ROW
  }
};

} // namespace

__global__ void keep_bodies(const void** out) {
  Keeper keeper{out};
#define ROW(name, type, label, word) keeper.keep_rows<type>();
  ADJOINT_DTYPES(ROW)
#undef ROW
}
