// Dims: a short list of 64-bit integers (a shape, strides, axes), without a heap allocation up to four
// entries.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

namespace adjoint {

class Dims {
 public:
  Dims() = default;
  explicit Dims(size_t count, int64_t value = 0) {
    resize(count);
    std::fill(begin(), end(), value);
  }
  Dims(std::initializer_list<int64_t> values) {
    resize(values.size());
    std::copy(values.begin(), values.end(), begin());
  }
  Dims(const Dims& other) { *this = other; }
  Dims(Dims&& other) noexcept = default;
  Dims& operator=(const Dims& other) {
    if (this == &other) return *this;
    resize(other.count_);
    if (heap_ || other.heap_)
      std::copy(other.begin(), other.end(), begin());
    else
      inline_ = other.inline_; // all of it: cheaper than as many as there are
    return *this;
  }
  Dims& operator=(Dims&& other) noexcept = default;

  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  int64_t* begin() { return heap_ ? heap_.get() : inline_.data(); }
  int64_t* end() { return begin() + count_; }
  const int64_t* begin() const { return heap_ ? heap_.get() : inline_.data(); }
  const int64_t* end() const { return begin() + count_; }
  int64_t& operator[](size_t i) { return begin()[i]; }
  int64_t operator[](size_t i) const { return begin()[i]; }
  int64_t back() const { return begin()[count_ - 1]; }
  bool operator==(const Dims& other) const {
    return this == &other || std::equal(begin(), end(), other.begin(), other.end());
  }

  void push_back(int64_t value) {
    const size_t count = count_;
    resize(count + 1);
    begin()[count] = value;
  }
  // Keeps the first entries; new ones are unset.
  void resize(size_t count) {
    if (count > inline_capacity && count > capacity_) {
      const size_t capacity = std::max<size_t>(count, 8);
      std::unique_ptr<int64_t[]> grown(new int64_t[capacity]);
      std::copy(begin(), end(), grown.get());
      heap_ = std::move(grown);
      capacity_ = static_cast<uint32_t>(capacity);
    }
    count_ = static_cast<uint32_t>(count);
  }
  bool contains(int64_t value) const { return std::find(begin(), end(), value) != end(); }

 private:
  static constexpr size_t inline_capacity = 4;
  uint32_t count_ = 0;
  uint32_t capacity_ = 0;
  std::unique_ptr<int64_t[]> heap_;
  std::array<int64_t, inline_capacity> inline_;
};

// The number of elements of a shape whose product is known to fit.
inline int64_t element_count(const Dims& shape) {
  int64_t count = 1;
  for (int64_t extent : shape) count *= extent;
  return count;
}

inline Dims row_major_strides(const Dims& shape) {
  Dims strides(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

// "[2, 3]"
inline std::string to_string(const Dims& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) text += (i ? ", " : "") + std::to_string(dims[i]);
  return text + "]";
}

} // namespace adjoint
