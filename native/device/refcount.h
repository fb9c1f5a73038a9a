// Intrusive reference counts for objects of one engine's thread. A graph can be a chain of a million nodes,
// so the last release never recurses: a dead object is buried, and the outermost burial frees one after
// another. The dead are linked by themselves, since letting go must need no memory. Objects live in the heap of
// small blocks, since every op makes some.
#pragma once
#include <cstdint>
#include <utility>

#include "device/heap.h"

namespace adjoint {

class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void retain() const { ++references_; }
  void release() const {
    if (--references_ == 0) bury(this);
  }
  uint64_t references() const { return references_; }

  static void* operator new(size_t bytes) { return heap::take(bytes); }
  static void operator delete(void* block, size_t bytes) noexcept { heap::give_back(block, bytes); }

 protected:
  virtual ~RefCounted() = default;

 private:
  static void bury(const RefCounted* object);
  union {
    mutable uint64_t references_ = 0;
    mutable const RefCounted* next_dead_; // of an object that nobody refers to
  };
};

// An owning pointer to a RefCounted; null is allowed.
template <class T> class Ref {
 public:
  Ref() = default;
  Ref(T* object) : object_(object) {
    if (object_) object_->retain();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U> Ref(const Ref<U>& other) : Ref(other.get()) {}
  template <class U> Ref(Ref<U>&& other) noexcept : object_(other.let_go()) {}
  ~Ref() {
    if (object_) object_->release();
  }
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const Ref& other) const { return object_ == other.object_; }
  // Hands over the reference that this holds.
  T* let_go() { return std::exchange(object_, nullptr); }

 private:
  T* object_ = nullptr;
};

} // namespace adjoint
