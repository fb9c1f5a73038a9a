// Loops for elementwise rows. An operand that stands still (a number, a broadcast) is read once; when
// everything else is contiguous the loop vectorises. `ivdep` is true because the output either is disjoint
// from an input or replaces it element by element.
#pragma once
#include <tuple>
#include <utility>

#include "cpu/walk.h"

namespace adjoint::cpu {

// Bit I of `still` says that input I does not move.
template <unsigned still, class Function, class Out, class... In, size_t... I>
void contiguous_loop(int64_t n, Out* out, Function function, const std::tuple<const In*...>& in,
                     std::index_sequence<I...>) {
  const std::tuple<In...> first(*std::get<I>(in)...);
  const auto pointers = in;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i)
    out[i] = function(((still >> I) & 1 ? std::get<I>(first) : std::get<I>(pointers)[i])...);
}

template <class Function, class Out, class... In, size_t... I>
void strided_loop(int64_t n, Out* out, const std::array<int64_t, sizeof...(In) + 1>& steps, Function function,
                  const std::tuple<const In*...>& in, std::index_sequence<I...>) {
  for (int64_t i = 0; i < n; ++i) out[i * steps[0]] = function(std::get<I>(in)[i * steps[I + 1]]...);
}

template <class Function, class Out, class... In, size_t... mask>
void run_loop(int64_t n, Out* out, const std::array<int64_t, sizeof...(In) + 1>& steps, Function function,
              const std::tuple<const In*...>& in, std::index_sequence<mask...>) {
  const std::index_sequence_for<In...> each;
  unsigned still = 0;
  bool is_contiguous = steps[0] == 1 && n > 1;
  for (size_t i = 0; i < sizeof...(In); ++i) {
    if (steps[i + 1] == 0)
      still |= 1u << i;
    else
      is_contiguous &= steps[i + 1] == 1;
  }
  if (!is_contiguous) return strided_loop(n, out, steps, function, in, each);
  ((still == mask && (contiguous_loop<static_cast<unsigned>(mask)>(n, out, function, in, each), true)) ||
   ...);
}

// A number among the inputs is laid down here for the length of a launch.
struct NumberStorage {
  alignas(8) unsigned char bytes[8];
};

template <class T> const T* input_data(const Operand& operand, NumberStorage& storage) {
  if (operand.buffer) return static_cast<const T*>(operand.buffer->data) + operand.offset;
  return new (storage.bytes) T(operand.number.as<T>());
}

// Runs `function` over the launch's space, with the inputs' C++ types given.
template <class Out, class... In, class Function>
void run_elementwise(const Kernel& kernel, Function function) {
  constexpr size_t arity = sizeof...(In);
  [&]<size_t... I>(std::index_sequence<I...>) {
    NumberStorage storage[arity];
    const std::tuple<const In*...> in(input_data<In>(kernel.inputs[I], storage[I])...);
    Out* out = static_cast<Out*>(kernel.output.buffer->data) + kernel.output.offset;
    const Walk<arity + 1> walk(kernel.shape, {&kernel.output.strides, &kernel.inputs[I].strides...});
    walk.each_run([&](const std::array<int64_t, arity + 1>& offsets) {
      const std::tuple<const In*...> here(std::get<I>(in) + offsets[I + 1]...);
      run_loop(walk.inner_extent(), out + offsets[0], walk.inner_steps(), function, here,
               std::make_index_sequence<(size_t{1} << arity)>());
    });
  }(std::index_sequence_for<In...>());
}

} // namespace adjoint::cpu
