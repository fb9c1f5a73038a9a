#include "cpu/routines/matmul.h"

#include <algorithm>
#include <bit>
#include <thread>

#include "cpu/pool.h"
#include "cpu/routines/matmul_product.h"

namespace adjoint::cpu {

void* Panels::take() noexcept {
  for (;;) {
    uint64_t taken = taken_.load(std::memory_order_relaxed);
    const int free = std::countr_one(taken);
    if (free >= count_) return nullptr;
    if (taken_.compare_exchange_weak(taken, taken | uint64_t{1} << free, std::memory_order_acquire))
      return memory_ + free * bytes_;
  }
}

void Panels::give_back(void* panel) noexcept {
  const int64_t i = (static_cast<std::byte*>(panel) - memory_) / bytes_;
  taken_.fetch_and(~(uint64_t{1} << i), std::memory_order_release);
}

namespace {

// Batches of products smaller than this, in multiply-adds, are shared out whole.
constexpr int64_t small_work = int64_t{1} << 21;
constexpr int64_t task_work = int64_t{1} << 17;
constexpr int64_t panel_alignment = 64;

// Calls `body` with the functions of an instruction set.
template <class Body> decltype(auto) with_isa(Isa isa, const Body& body) {
#define CALL(space)                                                                                          \
  body([](const auto& product) { space::multiply(product); },                                                \
       [](const auto& product) { return space::panel_sizes(product); })
  ADJOINT_RETURN_FOR_ISA(isa, CALL);
#undef CALL
}

template <class T> Product<T> first_item(const MatrixProduct& product, void* const* arrays) {
  const auto matrix = [&](const MatrixOperand& operand) {
    const T* data = arrays ? static_cast<const T*>(arrays[operand.array]) + operand.offset : nullptr;
    return Matrix<T>{data, operand.row_stride, operand.column_stride};
  };
  T* out = arrays ? static_cast<T*>(arrays[product.out.array]) + product.out.offset : nullptr;
  return {product.rows, product.columns,       product.inner, matrix(product.left), matrix(product.right),
          out,          product.out.row_stride};
}

template <class T> Product<T> item(const MatrixProduct& product, Product<T> first, int64_t index) {
  for (size_t axis = product.batch.size(); axis-- > 0; index /= product.batch[axis]) {
    const int64_t i = index % product.batch[axis];
    first.left.data += i * product.left.batch_strides[axis];
    first.right.data += i * product.right.batch_strides[axis];
    first.out += i * product.out.batch_strides[axis];
  }
  return first;
}

// A product with its batch, ready to run. Its scratch memory is the panels: of the right operands, then of the left.
class PreparedProduct {
 public:
  PreparedProduct(const MatrixProduct& given, Isa isa)
      : product_(with_batch_in_rows(given)), isa_(isa), count_(element_count(product_.batch)),
        work_(product_.rows * product_.columns * product_.inner) {
    if (is_empty() || product_.inner == 0) return;
    sizes_ = with_computed_type(product_.dtype, [&]<class T>() {
      return with_isa(isa_, [&](auto, auto sizes) { return sizes(first_item<T>(product_, nullptr)); });
    });
    const auto aligned = [](int64_t& bytes) {
      bytes = (bytes + panel_alignment - 1) / panel_alignment * panel_alignment;
    };
    aligned(sizes_.left);
    aligned(sizes_.right);
    // Further threads go without a panel.
    const auto threads = std::max<int64_t>(thread_count(), std::thread::hardware_concurrency());
    left_count_ = std::min(threads, Panels::most);
    right_count_ = is_shared_out() ? left_count_ : 1;
  }

  int64_t scratch_bytes() const { return sizes_.right * right_count_ + sizes_.left * left_count_; }

  void run(const Instance& instance) const {
    if (is_empty()) return;
    with_computed_type(product_.dtype, [&]<class T>() {
      if (product_.inner == 0)
        std::fill_n(first_item<T>(product_, instance.arrays).out, count_ * product_.rows * product_.columns,
                    T(0));
      else
        with_isa(isa_, [&](auto multiply, auto) { multiply_all<T>(instance, multiply); });
    });
  }

 private:
  bool is_empty() const { return count_ * product_.rows * product_.columns == 0; }
  // Whether threads take whole items, rather than parts of one.
  bool is_shared_out() const { return count_ > 1 && work_ < small_work; }

  template <class T, class Multiply> void multiply_all(const Instance& instance, Multiply multiply) const {
    auto* memory = static_cast<std::byte*>(instance.scratch);
    const bool has_panels = memory && sizes_.right > 0;
    Panels right(memory, sizes_.right, has_panels ? right_count_ : 0);
    Panels left(has_panels ? memory + sizes_.right * right_count_ : nullptr, sizes_.left,
                has_panels ? left_count_ : 0);
    Product<T> first = first_item<T>(product_, instance.arrays);
    first.panels.left = &left;
    first.panels.right = &right;
    if (!is_shared_out()) {
      for (int64_t i = 0; i < count_; ++i) multiply(item(product_, first, i));
      return;
    }
    const int64_t each = std::max<int64_t>(1, task_work / work_);
    parallel_for((count_ + each - 1) / each, [&](int64_t task) {
      for (int64_t i = task * each; i < std::min((task + 1) * each, count_); ++i)
        multiply(item(product_, first, i));
    });
  }

  MatrixProduct product_;
  Isa isa_;
  int64_t count_, work_; // items, and multiply-adds of each
  PanelSizes sizes_;
  int64_t left_count_ = 0, right_count_ = 0;
};

} // namespace

Routine prepare_product(const MatrixProduct& product, Isa isa) {
  const PreparedProduct prepared(product, isa);
  return {[prepared](const Instance& instance) { prepared.run(instance); }, prepared.scratch_bytes()};
}

Routine routine_of_matmul(const RoutineKernel& kernel) {
  static const Isa isa = chosen_isa();
  return prepare_product(product_of(kernel), isa);
}

} // namespace adjoint::cpu
