// Least squares, by Q R of the matrix, or of its transpose where it has fewer rows than columns. Where it cannot be excluded
// that singular values count as 0, all of them are found.
#include <limits>

#include "cpu/routines/leastsquares_block.h"
#include "cpu/routines/singular_values.h"

namespace adjoint::cpu {

namespace {

// The functions of an instruction set.
struct Parts {
  double (*invert)(const Columns&, int64_t, const Columns&);
  void (*multiply)(const Columns&, int64_t, int64_t, const Columns&, int64_t, const Columns&);
  void (*transpose)(const Columns&, int64_t, int64_t, const Columns&);
};
Parts parts_for(Isa isa) {
#define PARTS(space) {space::invert_triangle, space::multiply_columns, space::transpose_matrix}
  ADJOINT_RETURN_FOR_ISA(isa, PARTS);
#undef PARTS
}
const Parts& parts() {
  static const Parts chosen = parts_for(chosen_isa());
  return chosen;
}

class LeastSquares {
 public:
  explicit LeastSquares(const RoutineKernel& kernel)
      : right_(factors_of(kernel, 1)), singular_values_(factors_of(kernel), false),
        rows_(kernel.inputs[0].shape[kernel.inputs[0].shape.size() - 2]),
        columns_(kernel.inputs[0].shape.back()), most_(std::max(rows_, columns_)),
        size_(std::min(rows_, columns_)) {
    const double epsilon = kernel.results[0].dtype == DType::float32 ? std::numeric_limits<float>::epsilon()
                                                                     : std::numeric_limits<double>::epsilon();
    share_ = kernel.parameters[0] != 0 ? epsilon * static_cast<double>(most_) : 0;
  }

  // How many numbers of memory it takes.
  int64_t numbers() const { return Memory(*this, nullptr).numbers; }

  void operator()(const Item& item, double* numbers) const {
    const Memory memory(*this, numbers);
    const int exponent = item.load(memory.matrix, rows_ < columns_);
    const Item right = item.with(right_);
    for (int64_t j = 0; j < right_.columns; ++j)
      for (int64_t i = 0; i < rows_; ++i) *memory.sides.at(i, j) = right.at(i, j);
    const Reflections reflections{memory.matrix, most_, size_, memory.factors};
    orthogonal_parts().reflect(reflections, memory.work);
    // Both are larger than what the norms of R and of its inverse say.
    const double condition = parts().invert(memory.matrix, size_, memory.inverse);
    if (condition * std::max(share_, least_share) < 0.5)
      solve_by_reflections(memory, reflections);
    else
      solve_by_singular_values(memory, item);
    item.store(0, [&](int64_t i, int64_t j) { return std::ldexp(*memory.sides.at(i, j), -exponent); });
  }

 private:
  // What condition a triangle may have at worst to be of use.
  static constexpr double least_share = 0x1p-40;

  struct Memory {
    Columns matrix, sides, inverse, turned, part;
    double *factors, *work, *singular;
    int64_t numbers;
    Memory(const LeastSquares& sizes, double* begin) {
      Pieces pieces(begin);
      matrix = pieces.take(sizes.most_, sizes.size_);
      sides = pieces.take(sizes.most_, sizes.right_.columns);
      inverse = pieces.take(sizes.size_, sizes.size_);
      turned = pieces.take(sizes.size_, sizes.most_);
      part = pieces.take(sizes.size_, sizes.right_.columns);
      factors = pieces.take(sizes.size_);
      work = pieces.take(block_numbers(sizes.most_));
      singular = pieces.take(sizes.singular_values_.numbers());
      numbers = pieces.taken();
    }
  };

  // With A = Q R, X = inv(R) Q' B, and with A' = Q R, X = Q inv(R)' B.
  void solve_by_reflections(const Memory& memory, const Reflections& reflections) const {
    const int64_t sides = right_.columns;
    if (rows_ >= columns_) {
      orthogonal_parts().remove(reflections, memory.sides, sides, memory.work);
      parts().multiply(memory.inverse, size_, size_, memory.sides, sides, memory.part);
      for (int64_t j = 0; j < sides; ++j) std::copy_n(memory.part.at(0, j), size_, memory.sides.at(0, j));
      return;
    }
    parts().transpose(memory.inverse, size_, size_, memory.turned);
    parts().multiply(memory.turned, size_, size_, memory.sides, sides, memory.part);
    for (int64_t j = 0; j < sides; ++j) {
      std::copy_n(memory.part.at(0, j), size_, memory.sides.at(0, j));
      std::fill_n(memory.sides.at(size_, j), most_ - size_, 0.0);
    }
    orthogonal_parts().apply(reflections, memory.sides, sides, false, memory.work);
  }

  // With A = U S V', X = V inv(S) U' B, without the values that count as 0.
  void solve_by_singular_values(const Memory& memory, const Item& item) const {
    const int64_t sides = right_.columns;
    const SingularValues::Result found = singular_values_.find(item, memory.singular);
    parts().transpose(found.left, rows_, size_, memory.turned);
    parts().multiply(memory.turned, size_, rows_, memory.sides, sides, memory.part);
    for (int64_t j = 0; j < sides; ++j)
      for (int64_t i = 0; i < size_; ++i) {
        double& value = *memory.part.at(i, j);
        value = found.values[i] > share_ * found.values[0] ? value / found.values[i] : 0;
      }
    parts().multiply(found.right, columns_, size_, memory.part, sides, memory.sides);
  }

  FactorWork right_;
  SingularValues singular_values_;
  int64_t rows_, columns_, most_, size_;
  double share_;
};

} // namespace

Routine routine_of_lstsq(const RoutineKernel& kernel) {
  const LeastSquares equations(kernel);
  return for_items(kernel, equations.numbers(), equations);
}

} // namespace adjoint::cpu
