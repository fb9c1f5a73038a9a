// A call opens a job, works on it like the other threads, closes it when no task is left, and waits for those
// that joined. A worker that is still asleep then has missed the job, and nobody waits for it: a call never
// takes longer because threads are slow to wake, and in the child of a fork, where they are gone, it runs
// alone.
#include "cpu/pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>
#ifdef __linux__
#include <sched.h>
#endif

#include "cpu/thread_memory.h"
#include "device/environment.h"
#include "device/thread.h"

namespace adjoint::cpu {

namespace {

constexpr int most_threads = 1024;
// About the time that a sleeping thread takes to wake.
constexpr std::chrono::microseconds spin_time{30};

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits a moment, without sleeping, until `is_over()`; returns whether it is.
template <class Condition> bool spin_until(Condition is_over) {
  const auto end = std::chrono::steady_clock::now() + spin_time;
  do {
    for (int i = 0; i < 16; ++i) {
      if (is_over()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return is_over();
}

int affinity_count() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

// The number of processors that `quota` microseconds in every `period` amount to; "max" and -1 mean no limit.
int quota_count(std::istream&& quota, std::istream&& period) {
  double used = 0, whole = 0;
  if (!(quota >> used) || !(period >> whole) || used <= 0 || whole <= 0) return INT_MAX;
  return static_cast<int>(std::min(used / whole + 0.999, 1e6));
}

// cgroup v2: one file holds quota and period. The limits of the groups above count too.
int group_quota_count(std::string group) {
  int count = INT_MAX;
  while (true) {
    std::ifstream file("/sys/fs/cgroup" + group + "/cpu.max");
    double quota = 0, period = 0;
    if (file >> quota >> period && quota > 0 && period > 0)
      count = std::min(count, static_cast<int>(std::min(quota / period + 0.999, 1e6)));
    if (group.empty()) return count;
    group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

int cgroup_count() {
  std::string line, group;
  for (std::ifstream file("/proc/self/cgroup"); std::getline(file, line);)
    if (line.starts_with("0::/")) group = line.substr(3);
  return std::min(group_quota_count(group),
                  quota_count(std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
                              std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us")));
}

int processor_count() {
  static const int count = std::clamp(std::min(affinity_count(), cgroup_count()), 1, most_threads);
  return count;
}

int default_thread_count() {
  const int64_t wanted = environment::count("ADJOINT_NUM_THREADS", most_threads);
  return wanted > 0 ? static_cast<int>(wanted) : processor_count();
}

class Pool {
 public:
  // Never destroyed: workers outlive main.
  static Pool& shared() {
    static Pool& pool = *new Pool;
    return pool;
  }

  int thread_count() const { return wanted_.load(std::memory_order_relaxed); }

  void set_thread_count(int count) {
    wanted_.store(std::clamp(count, 1, most_threads), std::memory_order_relaxed);
    is_refused_.store(false, std::memory_order_relaxed);
  }

  using Body = FunctionRef<void(int64_t, std::byte*)>;
  void run(int64_t tasks, std::byte* memory, size_t bytes, Body body) {
    const int threads = static_cast<int>(std::min<int64_t>(tasks, thread_count()));
    if (threads <= 1 || is_busy_.exchange(true, std::memory_order_acquire)) {
      for (int64_t task = 0; task < tasks; ++task) body(task, memory);
      return;
    }
    start_workers(threads - 1);
    body_.emplace(body);
    memory_bytes_.store(bytes, std::memory_order_relaxed);
    helpers_wanted_ = std::min(threads - 1, workers_);
    share_out(tasks, helpers_wanted_ + 1);
    if (helpers_wanted_ > 0) open();
    work(0, memory);
    if (helpers_wanted_ > 0) close();
    is_busy_.store(false, std::memory_order_release);
  }

 private:
  // `state_`: how many helpers are in the job, whether it may be joined, and the number of the job.
  static constexpr uint32_t helper_mask = 0xffff;
  static constexpr uint32_t open_bit = 0x10000;
  static constexpr uint32_t job_unit = 0x20000;

  static uint32_t helpers(uint32_t state) { return state & helper_mask; }
  static bool is_open(uint32_t state) { return state & open_bit; }

  // With more threads than processors, spinning would take time from the very threads that are waited for.
  bool may_spin() const { return thread_count() <= processor_count(); }

  void start_workers(int count) {
    if (workers_ >= count || is_refused_.load(std::memory_order_relaxed)) return;
    for (; workers_ < count; ++workers_) {
      std::thread worker = start_thread([this, thread = workers_ + 1] { serve(thread); });
      if (!worker.joinable())
        return is_refused_.store(true, std::memory_order_relaxed); // until another count is wanted
      worker.detach();
    }
  }

  void open() {
    const uint32_t job = (state_.load(std::memory_order_relaxed) & ~(helper_mask | open_bit)) + job_unit;
    state_.store(job | open_bit, std::memory_order_release);
    if (helpers_wanted_ == workers_) return state_.notify_all();
    for (int i = 0; i < helpers_wanted_; ++i) state_.notify_one();
  }

  void close() {
    state_.fetch_and(~open_bit, std::memory_order_relaxed);
    const auto is_over = [&] { return helpers(state_.load(std::memory_order_acquire)) == 0; };
    if (is_over() || (may_spin() && spin_until(is_over))) return;
    while (true) {
      const uint32_t seen = departures_.load(std::memory_order_acquire);
      if (is_over()) return;
      departures_.wait(seen, std::memory_order_acquire);
    }
  }

  // Tasks of a thread: in the next job it begins with the same part of them, which its caches may still hold.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  void share_out(int64_t tasks, int threads) {
    share_count_ = threads;
    for (int i = 0; i < threads; ++i) {
      Share& share = shares_[static_cast<size_t>(i)];
      share.next.store(tasks * i / threads, std::memory_order_relaxed);
      share.end = tasks * (i + 1) / threads;
    }
  }

  // First the thread's own tasks, then what others have left.
  void work(int thread, std::byte* memory) {
    const auto body = *body_;
    const int count = share_count_;
    for (int i = 0; i < count; ++i) {
      Share& share = shares_[static_cast<size_t>((thread + i) % count)];
      for (int64_t task; (task = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;)
        body(task, memory);
    }
  }

  // Whether this worker has become a helper of the job that `state` shows.
  bool join(uint32_t& state, ThreadMemory& memory) {
    while (is_open(state)) {
      // The numbers belong to some job; if to another, the state is outdated and the exchange below fails.
      if (static_cast<int>(helpers(state)) >= helpers_wanted_.load(std::memory_order_relaxed)) return false;
      if (!memory.reserve(memory_bytes_.load(std::memory_order_relaxed))) return false;
      if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire)) return true;
    }
    return false;
  }

  void leave() {
    const uint32_t left = state_.fetch_sub(1, std::memory_order_acq_rel) - 1;
    if (helpers(left) > 0 || is_open(left)) return;
    departures_.fetch_add(1, std::memory_order_release);
    departures_.notify_one();
  }

  void serve(int thread) {
    uint32_t state = 0;
    ThreadMemory memory;
    while (true) {
      const uint32_t job = state / job_unit;
      const auto is_new = [&] {
        state = state_.load(std::memory_order_acquire);
        return is_open(state) && state / job_unit != job;
      };
      while (!is_new() && !(may_spin() && spin_until(is_new))) state_.wait(state, std::memory_order_acquire);
      if (!join(state, memory)) continue;
      work(thread, memory.data());
      leave();
    }
  }

  std::atomic<int> wanted_{default_thread_count()};
  std::atomic<bool> is_busy_{false};
  std::atomic<bool> is_refused_{false}; // the system gave no more threads
  int workers_ = 0;                     // owned by the busy caller, like the job:
  std::optional<Body> body_;
  int share_count_ = 0;
  std::vector<Share> shares_ = std::vector<Share>(most_threads);
  std::atomic<int> helpers_wanted_{0};
  std::atomic<size_t> memory_bytes_{0};
  alignas(64) std::atomic<uint32_t> state_{0};
  std::atomic<uint32_t> departures_{0};
};

} // namespace

void parallel_for(int64_t tasks, FunctionRef<void(int64_t)> body) {
  Pool::shared().run(tasks, nullptr, 0, [body](int64_t task, std::byte*) { body(task); });
}
void parallel_for(int64_t tasks, std::byte* memory, size_t bytes,
                  FunctionRef<void(int64_t, std::byte*)> body) {
  Pool::shared().run(tasks, memory, bytes, body);
}
int thread_count() { return Pool::shared().thread_count(); }
void set_thread_count(int count) { Pool::shared().set_thread_count(count); }

} // namespace adjoint::cpu
