#include "cuda/routines/routine_code.h"

#include <algorithm>

#include "device/integers.h"

namespace adjoint::cuda {

namespace {

constexpr int64_t blocks_per_multiprocessor = 16;
constexpr size_t table_step = 2; // words: parts of a table begin at multiples of 16 bytes

} // namespace

void RoutineTable::lines(const Lines& lines) {
  const size_t tensors = lines.tensor_count();
  for (size_t k = 0; k < tensors; ++k) {
    array(lines[k].array, lines[k].offset, lines[k].dtype);
    word(lines[k].stride);
    word(lines[k].extent);
  }
  word(lines.count());
  word(static_cast<int64_t>(lines.extents().size()));
  for (size_t axis = 0; axis < lines.extents().size(); ++axis) {
    word(lines.extents()[axis]);
    for (size_t k = 0; k < tensors; ++k) word(lines[k].strides[axis]);
  }
}

void RoutineTable::write(const Instance& instance, uint64_t* to) const {
  std::copy(words_.begin(), words_.end(), to);
  for (const Address& address : addresses_) {
    const void* base = address.source == Source::array     ? instance.arrays[address.array]
                       : address.source == Source::scratch ? instance.scratch
                                                           : instance.failure;
    to[address.word] += reinterpret_cast<uintptr_t>(base);
  }
}

RoutineTable& RoutineCode::launch(const std::string& prefix, int64_t items, uint32_t threads) {
  const int64_t busy = blocks_per_multiprocessor * chip_.multiprocessors;
  return launch_blocks(prefix, std::min(quotient_up(items, threads), busy), threads);
}

RoutineTable& RoutineCode::launch_blocks(const std::string& prefix, int64_t blocks, uint32_t threads) {
  const auto known = std::find(prefixes_.begin(), prefixes_.end(), prefix);
  const auto function = static_cast<uint32_t>(known - prefixes_.begin());
  if (known == prefixes_.end()) prefixes_.push_back(prefix);
  launches_.push_back({function, static_cast<uint32_t>(std::max<int64_t>(blocks, 1)), threads, 0, 0});
  return *tables_.emplace_back(std::make_unique<RoutineTable>());
}

void RoutineCode::finish() {
  for (size_t i = 0; i < tables_.size(); ++i) {
    launches_[i].first_word = static_cast<uint32_t>(words_);
    words_ += (tables_[i]->size() + table_step - 1) / table_step * table_step;
  }
  EmbeddedKernels kernels = embedded_kernels(text_, prefixes_);
  functions = std::move(kernels.names);
  ptx = std::move(kernels.ptx);
}

void RoutineCode::fill_table(std::span<const Instance> instances, Scratch, uint64_t* words) const {
  for (size_t i = 0; i < tables_.size(); ++i)
    tables_[i]->write(instances[0], words + launches_[i].first_word);
}

} // namespace adjoint::cuda
