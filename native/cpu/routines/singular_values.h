// Singular values and vectors of one matrix.
#pragma once
#include "cpu/routines/orthogonal_items.h"

namespace adjoint::cpu {

// Singular values of a matrix, or of its transpose, which has no fewer rows than columns: B = Q R, and of R in turn. Where
// all vectors are wanted, the last columns of Q complete them: those of a wide matrix come from reflections on both sides,
// so that they are the ones that PyTorch's library gives.
class SingularValues {
 public:
  explicit SingularValues(const FactorWork& work, bool is_full)
      : is_transposed_(work.rows < work.columns), is_full_(is_full), rows_(std::max(work.rows, work.columns)),
        size_(std::min(work.rows, work.columns)), left_columns_(is_full ? rows_ : size_) {}

  // How many numbers of memory it takes.
  int64_t numbers() const {
    Memory memory(*this, nullptr);
    return memory.numbers;
  }

  // Singular values, and vectors as columns, of a matrix times 2 to the power of -exponent.
  struct Result {
    Columns left, right;
    const double* values;
    int exponent;
  };
  Result find(const Item& item, double* numbers) const {
    const Memory memory(*this, numbers);
    const int exponent = item.load(is_tall() ? memory.whole : memory.square, is_transposed_);
    if (is_tall()) make_square(memory);
    const bool is_found = is_for_jacobi() ? factor_small(memory)
                                          : orthogonal_parts().square(memory.square, size_, memory.values,
                                                                      memory.others, memory.work);
    if (!is_found) item.fail_for_all();
    if (is_tall()) widen(memory);
    const Columns left = is_tall() ? memory.left : memory.square, right = memory.others;
    return {is_transposed_ ? right : left, is_transposed_ ? left : right, memory.values, exponent};
  }

  void operator()(const Item& item, double* numbers) const {
    const Result found = find(item, numbers);
    item.store(0, [&](int64_t i, int64_t j) { return *found.left.at(i, j); });
    item.store(1, [&](int64_t, int64_t j) { return std::ldexp(found.values[j], found.exponent); });
    item.store(2, [&](int64_t i, int64_t j) { return *found.right.at(j, i); });
  }

 private:
  // Matrices of no more columns are left to Jacobi's rotations, which are more precise, but slow for large ones.
  static constexpr int64_t small_size = 24;

  struct Memory {
    Columns whole{}, left{}, square, others;
    double *values, *factors, *work;
    int64_t numbers;
    Memory(const SingularValues& sizes, double* begin) {
      const int64_t rows = sizes.rows_, size = sizes.size_;
      Pieces pieces(begin);
      if (sizes.is_tall()) {
        whole = pieces.take(rows, size);
        left = pieces.take(rows, sizes.left_columns_);
      }
      square = pieces.take(size, size);
      others = pieces.take(size, size);
      values = pieces.take(size);
      factors = pieces.take(size);
      work = pieces.take(std::max({block_numbers(rows), rows + size,
                                   sizes.is_for_jacobi() ? 2 * size * (size + 2) : square_numbers(size)}));
      numbers = pieces.taken();
    }
  };

  bool is_tall() const { return rows_ != size_; }
  bool is_for_jacobi() const { return size_ <= small_size; }
  Reflections reflections(const Memory& memory) const { return {memory.whole, rows_, size_, memory.factors}; }

  void make_square(const Memory& memory) const {
    const Reflections first = reflections(memory);
    if (is_transposed_ && is_full_) {
      for (int64_t j = 0; j < size_; ++j) std::copy_n(memory.whole.at(0, j), rows_, memory.left.at(0, j));
      orthogonal_parts().reflect_both(first, memory.work);
      orthogonal_parts().remove(first, memory.left, size_, memory.work);
      for (int64_t j = 0; j < size_; ++j) std::copy_n(memory.left.at(0, j), size_, memory.square.at(0, j));
      return;
    }
    orthogonal_parts().reflect(first, memory.work);
    for (int64_t j = 0; j < size_; ++j)
      for (int64_t i = 0; i < size_; ++i) *memory.square.at(i, j) = i > j ? 0 : *memory.whole.at(i, j);
  }

  // R P = Q2 R2 and R2' = Z S J', so that R = (Q2 J) S (P Z)'.
  bool factor_small(const Memory& memory) const {
    double *const turned = memory.work, *const kept = turned + size_ * size_,
                  *const rest = kept + size_ * size_;
    double factors[small_size];
    int64_t places[small_size];
    const Reflections second{memory.square, size_, size_, factors};
    orthogonal_parts().reflect_falling(second, places);
    for (int64_t j = 0; j < size_; ++j)
      for (int64_t i = 0; i < size_; ++i) turned[j * size_ + i] = i < j ? 0 : *memory.square.at(j, i);
    orthogonal_parts().small(turned, size_, memory.values, kept, rest);
    for (int64_t j = 0; j < size_; ++j)
      for (int64_t i = 0; i < size_; ++i) *memory.others.at(places[i], j) = turned[j * size_ + i];
    double work[block_numbers(small_size)];
    orthogonal_parts().apply(second, {kept, size_}, size_, false, work);
    for (int64_t j = 0; j < size_; ++j) std::copy_n(kept + j * size_, size_, memory.square.at(0, j));
    return true;
  }

  void widen(const Memory& memory) const {
    make_identity(memory.left, rows_, left_columns_);
    for (int64_t j = 0; j < size_; ++j) {
      *memory.left.at(j, j) = 0;
      std::copy_n(memory.square.at(0, j), size_, memory.left.at(0, j));
    }
    orthogonal_parts().apply(reflections(memory), memory.left, left_columns_, false, memory.work);
  }

  bool is_transposed_, is_full_;
  int64_t rows_, size_, left_columns_;
};

} // namespace adjoint::cpu
