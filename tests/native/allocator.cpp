// The allocator: blocks are aligned, big enough, disjoint and reused, from any thread.
//
//   allocator [--bench]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "cpu/allocator.h"

namespace {

using adjoint::cpu::Allocator;

bool ok = true;

void expect(bool condition, const char* what) {
  if (condition) return;
  std::printf("WRONG: %s\n", what);
  ok = false;
}

struct Block {
  unsigned char* data;
  int64_t bytes;
  unsigned char mark;
};

void write(const Block& block) {
  block.data[0] = block.data[block.bytes / 2] = block.data[block.bytes - 1] = block.mark;
}
bool holds(const Block& block) {
  return block.data[0] == block.mark && block.data[block.bytes / 2] == block.mark &&
         block.data[block.bytes - 1] == block.mark;
}

void allocate_and_free(unsigned seed, int rounds) {
  std::mt19937 random(seed);
  std::vector<Block> blocks;
  Allocator& allocator = Allocator::shared();
  const auto drop = [&](size_t i) {
    expect(holds(blocks[i]), "a block keeps what was written");
    allocator.free(blocks[i].data, blocks[i].bytes);
    blocks[i] = blocks.back();
    blocks.pop_back();
  };
  for (int i = 0; i < rounds; ++i) {
    const int64_t bytes = 1 + static_cast<int64_t>(random()) % (int64_t{1} << (1 + random() % 23));
    void* data = allocator.allocate(bytes);
    expect(data != nullptr, "there is memory");
    expect(reinterpret_cast<uintptr_t>(data) % 64 == 0, "blocks are aligned");
    blocks.push_back({static_cast<unsigned char*>(data), bytes, static_cast<unsigned char>(random())});
    write(blocks.back());
    if (blocks.size() > 40) drop(random() % blocks.size());
  }
  while (!blocks.empty()) drop(0);
}

void check_reuse() {
  Allocator& allocator = Allocator::shared();
  for (int64_t bytes : {1, 64, 65, 1000, 1024, 4096, 65535, 65536, 1 << 20, 3 << 20}) {
    void* first = allocator.allocate(bytes);
    allocator.free(first, bytes);
    void* second = allocator.allocate(bytes);
    expect(first == second, "a freed block comes back");
    allocator.free(second, bytes);
  }
  expect(allocator.allocate(int64_t{1} << 60) == nullptr, "what cannot be had is null");
}

double nanoseconds_per_block(int64_t bytes, int count, bool touches) {
  Allocator& allocator = Allocator::shared();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) {
    void* data = allocator.allocate(bytes);
    if (touches) std::memset(data, 1, static_cast<size_t>(bytes));
    allocator.free(data, bytes);
  }
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / count;
}

void measure() {
  for (int64_t bytes : {64, 4096, 65536, 4 << 20})
    std::printf("%lld bytes: %.1f ns to allocate and free\n", static_cast<long long>(bytes),
                nanoseconds_per_block(bytes, 1000000, false));
  // Above what is kept, so that every round takes fresh pages.
  std::printf("256 MiB, fresh: %.1f ms to fill\n", nanoseconds_per_block(int64_t{256} << 20, 5, true) / 1e6);
}

} // namespace

int main(int count, char** arguments) {
  if (count > 1 && std::strcmp(arguments[1], "--bench") == 0) {
    measure();
    return 0;
  }
  check_reuse();
  allocate_and_free(1, 20000);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back(allocate_and_free, i + 2, 5000);
  for (std::thread& thread : threads) thread.join();
  return ok ? 0 : 1;
}
