// The thread pool: every task runs exactly once, whoever calls, from wherever, however many threads there
// are.
//
//   pool [--bench]
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>
#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "cpu/pool.h"

namespace {

using adjoint::cpu::parallel_for;
using adjoint::cpu::set_thread_count;
using adjoint::cpu::thread_count;

bool ok = true;

void expect(bool condition, const char* what) {
  if (condition) return;
  std::printf("WRONG: %s\n", what);
  ok = false;
}

// Plain counters: a task that ran twice at once, or whose writes were not handed over, is a race.
bool runs_each_once(int64_t tasks) {
  std::vector<int> counts(static_cast<size_t>(tasks));
  parallel_for(tasks, [&](int64_t task) { ++counts[static_cast<size_t>(task)]; });
  for (int count : counts)
    if (count != 1) return false;
  return true;
}

void check_counts() {
  for (int threads : {1, 2, 4, 3, 8, 1, 4}) {
    set_thread_count(threads);
    expect(thread_count() == threads, "the count is the one set");
    for (int64_t tasks : {0, 1, 2, 3, 7, 64, 1000})
      for (int i = 0; i < 50; ++i) expect(runs_each_once(tasks), "every task runs once");
  }
  set_thread_count(0);
  expect(thread_count() == 1, "there is always one thread");
}

void check_nesting() {
  set_thread_count(4);
  std::vector<int> counts(64 * 64);
  parallel_for(64, [&](int64_t i) {
    parallel_for(64, [&](int64_t j) { ++counts[static_cast<size_t>(i * 64 + j)]; });
  });
  for (int count : counts) expect(count == 1, "every nested task runs once");
}

void check_concurrent_callers() {
  set_thread_count(4);
  std::atomic<bool> all_once{true};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 500; ++i) {
        if (!runs_each_once(1 + (i * 7 + caller) % 40)) all_once = false;
        if (caller == 0 && i % 50 == 0) set_thread_count(1 + i / 50 % 5);
      }
    });
  for (std::thread& caller : callers) caller.join();
  expect(all_once, "every task of concurrent callers runs once");
}

// Gaps of every length around the time that workers spin.
void check_pauses() {
  set_thread_count(2);
  for (int i = 0; i < 300; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(i));
    expect(runs_each_once(5), "every task runs once after a pause");
  }
}

void check_fork() {
#if !defined(_WIN32) && !defined(__SANITIZE_THREAD__)
  set_thread_count(4);
  runs_each_once(100);
  const pid_t child = fork();
  if (child == 0) _exit(runs_each_once(100) ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  expect(status == 0, "the child of a fork can use the pool");
#endif
}

double microseconds_per_call(int64_t tasks, int calls, int pause_microseconds) {
  using Clock = std::chrono::steady_clock;
  std::atomic<int64_t> sum{0};
  double total = 0;
  for (int i = 0; i < calls; ++i) {
    if (pause_microseconds) std::this_thread::sleep_for(std::chrono::microseconds(pause_microseconds));
    const auto start = Clock::now();
    parallel_for(tasks, [&](int64_t task) { sum.fetch_add(task, std::memory_order_relaxed); });
    total += std::chrono::duration<double, std::micro>(Clock::now() - start).count();
  }
  return total / calls;
}

void measure() {
  for (int threads : {1, 2, 4}) {
    set_thread_count(threads);
    microseconds_per_call(2, 100, 0);
    std::printf("%d threads: %.2f us a call of 2 tasks back to back, %.2f us after sleeping\n", threads,
                microseconds_per_call(2, 20000, 0), microseconds_per_call(2, 500, 500));
  }
}

} // namespace

int main(int count, char** arguments) {
  std::printf("%d threads by default\n", thread_count());
  if (count > 1 && std::strcmp(arguments[1], "--bench") == 0) {
    measure();
    return 0;
  }
  check_counts();
  check_nesting();
  check_concurrent_callers();
  check_pauses();
  check_fork();
  return ok ? 0 : 1;
}
