// Reductions in a fixed tree: the elements, in row-major order over the reduced axes, are cut into chunks;
// within a chunk element i goes to lane i % lanes, lanes and then chunks are combined in pairs. The tree
// depends on the count alone, so neither layout nor threads change a bit, and errors grow with the logarithm
// of the count.
#include <vector>

#include "cpu/kernels.h"
#include "cpu/rows.h"
#include "cpu/walk.h"
#include "ops/arithmetic.h"

namespace adjoint::cpu {

namespace {

constexpr int64_t chunk_elements = 1024;
constexpr uint32_t lanes = 16;

template <class T, class Combine> T reduce_chunk(const T* data, int64_t n, T identity, Combine combine) {
  T partial[lanes];
  for (T& lane : partial) lane = identity;
  // Never more than a chunk: an index that the compiler knows to be small.
  const auto count = static_cast<uint32_t>(n);
  uint32_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (uint32_t lane = 0; lane < lanes; ++lane) partial[lane] = combine(partial[lane], data[i + lane]);
  for (uint32_t lane = 0; i < count; ++lane, ++i)
    partial[lane % lanes] = combine(partial[lane % lanes], data[i]);
  for (uint32_t width = lanes / 2; width > 0; width /= 2)
    for (uint32_t lane = 0; lane < width; ++lane)
      partial[lane] = combine(partial[lane], partial[lane + width]);
  return partial[0];
}

// Combines chunks as a binary counter does: equal heights at once, the rest from the right at the end.
template <class T, class Combine> class ChunkTree {
 public:
  ChunkTree(T identity, Combine combine) : identity_(identity), combine_(combine) {}
  void push(T value) {
    int64_t height = ++count_;
    for (; height % 2 == 0; height /= 2) value = combine_(levels_[--depth_], value);
    levels_[depth_++] = value;
  }
  T finish() {
    if (depth_ == 0) return identity_;
    T value = levels_[--depth_];
    while (depth_ > 0) value = combine_(levels_[--depth_], value);
    return value;
  }

 private:
  T identity_;
  Combine combine_;
  T levels_[64];
  int depth_ = 0;
  int64_t count_ = 0;
};

// Hands out the reduced elements of one output, chunk by chunk, as contiguous arrays.
template <class In, class T> class ChunkReader {
 public:
  ChunkReader(const Dims& extents, const Dims& strides) : extents_(extents), strides_(strides) {}

  template <class Body> void each(const In* data, Body body) {
    const Walk<1> walk(extents_, {&strides_});
    const int64_t n = walk.inner_extent(), step = walk.inner_steps()[0];
    int64_t filled = 0;
    walk.each_run([&](const std::array<int64_t, 1>& offsets) {
      const In* run = data + offsets[0];
      int64_t i = 0;
      while (i < n) {
        if constexpr (std::is_same_v<In, T>) {
          if (filled == 0 && step == 1 && n - i >= chunk_elements) {
            body(run + i, chunk_elements);
            i += chunk_elements;
            continue;
          }
        }
        const int64_t taken = std::min(n - i, chunk_elements - filled);
        for (int64_t j = 0; j < taken; ++j) gathered_[filled + j] = static_cast<T>(run[(i + j) * step]);
        filled += taken;
        i += taken;
        if (filled == chunk_elements) {
          body(gathered_, filled);
          filled = 0;
        }
      }
    });
    if (filled > 0) body(gathered_, filled);
  }

 private:
  Dims extents_, strides_;
  T gathered_[chunk_elements];
};

template <class In, class T, class Out, class Combine, class Finish>
void reduce(const Kernel& kernel, T identity, Combine combine, Finish finish) {
  const Dims& axes = kernel.attributes->axes;
  const Operand& input = kernel.inputs[0];
  Dims kept, kept_in, kept_out, gone, gone_in;
  for (size_t i = 0; i < kernel.shape.size(); ++i) {
    const bool goes = axes.contains(static_cast<int64_t>(i));
    (goes ? gone : kept).push_back(kernel.shape[i]);
    (goes ? gone_in : kept_in).push_back(input.strides[i]);
    if (!goes) kept_out.push_back(kernel.output.strides[i]);
  }
  const int64_t count = element_count(gone);
  T number{};
  if (!input.buffer) number = static_cast<T>(input.number.as<In>());
  const In* data = input.buffer ? static_cast<const In*>(input.buffer->data) + input.offset : nullptr;
  Out* out = static_cast<Out*>(kernel.output.buffer->data) + kernel.output.offset;
  ChunkReader<In, T> reader(gone, gone_in);
  const Walk<2> walk(kept, {&kept_out, &kept_in});
  const auto [out_step, in_step] = walk.inner_steps();
  walk.each_run([&](const std::array<int64_t, 2>& offsets) {
    for (int64_t i = 0; i < walk.inner_extent(); ++i) {
      ChunkTree<T, Combine> tree(identity, combine);
      if (data) {
        reader.each(data + offsets[1] + i * in_step,
                    [&](const T* chunk, int64_t n) { tree.push(reduce_chunk(chunk, n, identity, combine)); });
      } else {
        T constant[chunk_elements];
        std::fill_n(constant, std::min(count, chunk_elements), number);
        for (int64_t left = count; left > 0; left -= chunk_elements)
          tree.push(reduce_chunk(constant, std::min(left, chunk_elements), identity, combine));
      }
      out[offsets[0] + i * out_step] = finish(tree.finish(), count);
    }
  });
}

} // namespace

void run_reduction(const Kernel& kernel) {
  with_type(kernel.dtype, [&]<class In>() {
    switch (kernel.op) {
#define REDUCTION(name, label, dtypes, lo, hi, identity, combine, finish, gradient)                          \
  case Op::name:                                                                                             \
    if constexpr (computes<In>(Dtypes::dtypes)) {                                                            \
      using T = std::conditional_t<Dtypes::dtypes == Dtypes::truth, bool, In>;                               \
      reduce<In, T, T>(                                                                                      \
          kernel, identity, [](T a, T b) -> T { return combine; },                                           \
          [](T a, [[maybe_unused]] int64_t count) -> T { return finish; });                                  \
    }                                                                                                        \
    break;
#include "ops/reductions.def"
#undef REDUCTION
    default:
      break;
    }
  });
}

} // namespace adjoint::cpu
