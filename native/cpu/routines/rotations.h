// Rotations that wait until there are enough of them, and are applied to vectors strip by strip, so that a strip stays in
// the cache (G. Henry et al., Restructuring the QR algorithm, 2014).
#pragma once
#include "cpu/pool.h"
#include "cpu/routines/columns.h"

namespace adjoint::cpu::ADJOINT_ISA {

// Vectors of a square matrix: strips of `vector_strip` elements of each, vector after vector.
class TurnedVectors {
 public:
  // `memory` has room for strip_numbers(size) and rotation_numbers(size).
  TurnedVectors(int64_t size, double* memory)
      : size_(size), strips_(memory), cosines_(memory + strip_numbers(size)),
        sines_(cosines_ + rotation_numbers(size) / 2) {}

  void take(const Columns& vectors) {
    each_strip([&](int64_t row, int64_t count, double* strip) {
      for (int64_t j = 0; j < size_; ++j)
        for (int64_t i = 0; i < vector_strip; ++i)
          strip[j * vector_strip + i] = i < count ? *vectors.at(row + i, j) : 0;
    });
  }
  void give_back(const Columns& vectors) {
    apply();
    each_strip([&](int64_t row, int64_t count, double* strip) {
      for (int64_t j = 0; j < size_; ++j)
        for (int64_t i = 0; i < count; ++i) *vectors.at(row + i, j) = strip[j * vector_strip + i];
    });
  }

  // Begins rotations of the vectors first and first + step, then of that one and the next, and so on: `most` at most.
  void begin(int64_t first, int64_t step, int64_t most) {
    if (waves_ == most_waves || used_ + most > rotation_numbers(size_) / 2) apply();
    begun_[waves_++] = {first, step, used_, 0};
  }
  // x, y = cosine x + sine y, cosine y - sine x
  void add(double cosine, double sine) {
    cosines_[used_] = cosine;
    sines_[used_++] = sine;
    ++begun_[waves_ - 1].count;
  }

 private:
  static constexpr int64_t most_waves = 64;
  struct Wave {
    int64_t first, step, place, count;
  };

  template <class Body> void each_strip(const Body& body) {
    parallel_for((size_ + vector_strip - 1) / vector_strip, [&](int64_t i) {
      const int64_t row = i * vector_strip;
      body(row, smaller(vector_strip, size_ - row), strips_ + row * size_);
    });
  }

  void apply() {
    if (used_ > 0)
      each_strip([&](int64_t, int64_t, double* strip) {
        for (int64_t i = 0; i < waves_; ++i) turn(begun_[i], strip);
      });
    waves_ = used_ = 0;
  }

  // The vector that two rotations share stays in registers.
  void turn(const Wave& wave, double* strip) const {
    constexpr int vectors = vector_strip / lanes<double>;
    double* place = strip + wave.first * vector_strip;
    const int64_t step = wave.step * vector_strip;
    Vector<double> x[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) x[v] = load(place + v * lanes<double>);
    for (int64_t k = wave.place; k < wave.place + wave.count; ++k) {
      const Vector<double> cosine = broadcast(cosines_[k]), sine = broadcast(sines_[k]);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) {
        const Vector<double> y = load(place + step + v * lanes<double>);
        store<double>(place + v * lanes<double>, multiply_add(cosine, x[v], sine * y));
        x[v] = multiply_add(-sine, x[v], cosine * y);
      }
      place += step;
    }
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) store<double>(place + v * lanes<double>, x[v]);
  }

  int64_t size_;
  double *strips_, *cosines_, *sines_;
  Wave begun_[most_waves];
  int64_t waves_ = 0, used_ = 0;
};

} // namespace adjoint::cpu::ADJOINT_ISA
