#include "cpu/routines/matmul.h"

#include <algorithm>

#include "cpu/pool.h"
#include "cpu/routines/matmul_product.h"

namespace adjoint::cpu {

namespace {

// Batches of products smaller than this, in multiply-adds, are shared out whole.
constexpr int64_t small_work = int64_t{1} << 21;
constexpr int64_t task_work = int64_t{1} << 17;

template <class T> void multiply_on(Isa isa, const Product<T>& product) {
  switch (isa) {
#ifdef __x86_64__
  case Isa::v2:
    return isa_v2::multiply(product);
  case Isa::v3:
    return isa_v3::multiply(product);
  case Isa::v4:
    return isa_v4::multiply(product);
#else
  case Isa::v2:
  case Isa::v3:
  case Isa::v4:
#endif
  case Isa::portable:
    return isa_base::multiply(product);
  }
}

// The batch axes that are left when those that merely lengthen the matrices have been merged into the rows:
// one right operand for all of them, under which left and out go on as if they were one matrix.
template <class T> size_t merge_batch_into_rows(const MatmulKernel& kernel, Product<T>& product) {
  size_t rank = kernel.batch.size();
  for (; rank > 0; --rank) {
    const size_t axis = rank - 1;
    if (kernel.batch[axis] == 1) continue;
    if (product.rows == 1) { // whose distance from the next row is yet unknown
      product.left.row_stride = kernel.left.batch_strides[axis];
      product.out_stride = kernel.out.batch_strides[axis];
    }
    const bool is_one_matrix = kernel.right.batch_strides[axis] == 0 &&
                               kernel.left.batch_strides[axis] == product.rows * product.left.row_stride &&
                               kernel.out.batch_strides[axis] == product.rows * product.out_stride;
    if (!is_one_matrix) break;
    product.rows *= kernel.batch[axis];
  }
  return rank;
}

template <class T>
Product<T> item(const MatmulKernel& kernel, size_t rank, Product<T> product, int64_t index) {
  for (size_t axis = rank; axis-- > 0; index /= kernel.batch[axis]) {
    const int64_t i = index % kernel.batch[axis];
    product.left.data += i * kernel.left.batch_strides[axis];
    product.right.data += i * kernel.right.batch_strides[axis];
    product.out += i * kernel.out.batch_strides[axis];
  }
  return product;
}

template <class T> void run(Isa isa, const MatmulKernel& kernel, void* const* arrays) {
  const auto matrix = [&](const MatmulKernel::Operand& operand) {
    return Matrix<T>{static_cast<const T*>(arrays[operand.array]) + operand.offset, operand.row_stride,
                     operand.column_stride};
  };
  Product<T> product{kernel.rows,          kernel.columns,
                     kernel.inner,         matrix(kernel.left),
                     matrix(kernel.right), static_cast<T*>(arrays[kernel.out.array]) + kernel.out.offset,
                     kernel.out.row_stride};
  const size_t rank = merge_batch_into_rows(kernel, product);
  int64_t count = 1;
  for (size_t axis = 0; axis < rank; ++axis) count *= kernel.batch[axis];

  const int64_t work = product.rows * product.columns * product.inner;
  if (count == 1 || work >= small_work) {
    for (int64_t i = 0; i < count; ++i) multiply_on(isa, item(kernel, rank, product, i));
    return;
  }
  const int64_t each = std::max<int64_t>(1, task_work / work);
  parallel_for((count + each - 1) / each, [&](int64_t task) {
    for (int64_t i = task * each; i < std::min((task + 1) * each, count); ++i)
      multiply_on(isa, item(kernel, rank, product, i));
  });
}

template <class T> void clear(const MatmulKernel& kernel, void* const* arrays) {
  T* out = static_cast<T*>(arrays[kernel.out.array]) + kernel.out.offset;
  std::fill_n(out, element_count(kernel.batch) * kernel.rows * kernel.columns, T(0));
}

} // namespace

void run_matmul(const MatmulKernel& kernel, void* const* arrays, Isa isa) {
  if (element_count(kernel.batch) * kernel.rows * kernel.columns == 0) return;
  with_type(kernel.dtype, [&]<class T>() {
    if (kernel.inner == 0)
      clear<T>(kernel, arrays);
    else
      run<T>(isa, kernel, arrays);
  });
}

void run_matmul(const MatmulKernel& kernel, void* const* arrays) {
  static const Isa isa = chosen_isa();
  run_matmul(kernel, arrays, isa);
}

} // namespace adjoint::cpu
