#include "device/product.h"

namespace adjoint {

MatrixProduct product_of(const RoutineKernel& kernel) {
  const RoutineKernel::Operand& out = kernel.results[0];
  const size_t rank = out.shape.size();
  MatrixProduct product;
  product.dtype = out.dtype;
  product.modes = kernel.modes;
  product.batch = batch_of(out.shape);
  product.rows = out.shape[rank - 2];
  product.columns = out.shape[rank - 1];
  product.inner = kernel.inputs[0].shape.back();
  product.left = matrices_of(kernel.inputs[0]);
  product.right = matrices_of(kernel.inputs[1]);
  product.out = matrices_of(out);
  return product;
}

MatrixProduct with_batch_in_rows(MatrixProduct product) {
  while (!product.batch.empty()) {
    const size_t axis = product.batch.size() - 1;
    if (product.batch[axis] != 1) {
      if (product.rows == 1) { // the distance to the next row is not known yet
        product.left.row_stride = product.left.batch_strides[axis];
        product.out.row_stride = product.out.batch_strides[axis];
      }
      const bool is_one_matrix = product.right.batch_strides[axis] == 0 &&
                                 product.left.batch_strides[axis] == product.rows * product.left.row_stride &&
                                 product.out.batch_strides[axis] == product.rows * product.out.row_stride;
      if (!is_one_matrix) break;
      product.rows *= product.batch[axis];
    }
    product.batch.resize(axis);
  }
  return product;
}

} // namespace adjoint
