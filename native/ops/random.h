// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): element i of a draw
// is a pure function of (seed, offset, i), so neither threads nor the order of evaluation nor the device
// change it.
#pragma once
#include <array>
#include <cstdint>

#include "ops/math.h"

namespace adjoint::random {

using Words = std::array<uint32_t, 4>;

ADJOINT_FUNCTION Words philox(uint64_t seed, uint64_t counter) {
  constexpr uint64_t multiplier0 = 0xD2511F53, multiplier1 = 0xCD9E8D57;
  constexpr uint32_t weyl0 = 0x9E3779B9, weyl1 = 0xBB67AE85;
  Words x = {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 0, 0};
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = multiplier0 * x[0], product1 = multiplier1 * x[2];
    x = {static_cast<uint32_t>(product1 >> 32) ^ x[1] ^ key0, static_cast<uint32_t>(product1),
         static_cast<uint32_t>(product0 >> 32) ^ x[3] ^ key1, static_cast<uint32_t>(product0)};
    key0 += weyl0;
    key1 += weyl1;
  }
  return x;
}

// The elements of one counter: every float takes one word, every double two.
template <class T> inline constexpr int64_t block_elements = sizeof(T) == 4 ? 4 : 2;

// [0, 1), with 24 or 53 bits.
ADJOINT_FUNCTION void uniform_block(uint64_t seed, uint64_t counter, float* out) {
  const Words words = philox(seed, counter);
  for (size_t i = 0; i < 4; ++i) out[i] = static_cast<float>(words[i] >> 8) * 0x1p-24f;
}
ADJOINT_FUNCTION void uniform_block(uint64_t seed, uint64_t counter, double* out) {
  const Words words = philox(seed, counter);
  for (size_t i = 0; i < 2; ++i) {
    const uint64_t bits = (static_cast<uint64_t>(words[2 * i]) << 32 | words[2 * i + 1]) >> 11;
    out[i] = static_cast<double>(bits) * 0x1p-53;
  }
}

// Standard normal, by the Box-Muller transform of two uniform numbers into two.
template <class T> ADJOINT_FUNCTION void normal_block(uint64_t seed, uint64_t counter, T* out) {
  uniform_block(seed, counter, out);
  for (int64_t i = 0; i < block_elements<T>; i += 2) {
    const T radius = math::sqrt(T(-2) * math::log(T(1) - out[i]));
    const T angle = T(6.283185307179586476925) * out[i + 1];
    out[i] = radius * math::cos(angle);
    out[i + 1] = radius * math::sin(angle);
  }
}

} // namespace adjoint::random
