// The CUDA device, on the driver that ADJOINT_CUDA_DRIVER names: memory, copies, order, replay, and what it
// says when something is wrong. Every case is a process of its own, since a driver is opened once.
//
//   cuda_device_test CASE          a case below; no argument lists them
//   cuda_device_test reason [N]    prints why there is no device N, or its name
#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "cuda/driver/cuda_device.h"
#include "cuda/driver/gpu.h"
#include "device/error.h"

namespace adjoint::cuda {

namespace {

// Kernels of this test: routines, whose op says which of these they are.
enum class TestKernel : uint16_t {
  scale,   // out = in * p + q
  scratch, // out = in, by way of partials, plus tickets, which are zero
  broken,  // no PTX
  newer,   // PTX of a version that no driver knows
};

constexpr const char* ptx_head = ".version 7.0\n.target sm_75\n.address_size 64\n";

// in %rd2, out %rd3, elements %rd4, p %fd1, q %fd2, partials %rd9, tickets %rd10; the thread's own element of
// each begins where %rd6, 4 * its number, says.
constexpr const char* ptx_begin = R"((.param .u64 table) {
  .reg .pred %p<2>;
  .reg .b32 %r<8>;
  .reg .b64 %rd<16>;
  .reg .f32 %f<8>;
  .reg .f64 %fd<8>;
  ld.param.u64 %rd1, [table];
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %ntid.x;
  mov.u32 %r3, %tid.x;
  mad.lo.s32 %r4, %r1, %r2, %r3;
  cvt.u64.u32 %rd5, %r4;
  ld.global.u64 %rd4, [%rd1+16];
  setp.ge.u64 %p1, %rd5, %rd4;
  @%p1 bra DONE;
  shl.b64 %rd6, %rd5, 2;
  ld.global.u64 %rd2, [%rd1];
  add.s64 %rd2, %rd2, %rd6;
  ld.global.u64 %rd3, [%rd1+8];
  add.s64 %rd3, %rd3, %rd6;
  ld.global.f64 %fd1, [%rd1+24];
  ld.global.f64 %fd2, [%rd1+32];
  ld.global.u64 %rd9, [%rd1+40];
  add.s64 %rd9, %rd9, %rd6;
  ld.global.u64 %rd10, [%rd1+48];
  add.s64 %rd10, %rd10, %rd6;
)";
constexpr const char* ptx_end = "DONE:\n  ret;\n}\n";

std::string function_text(const char* name, const char* body) {
  return ".visible .entry " + std::string(name) + ptx_begin + body + ptx_end;
}

std::string text_of(TestKernel kernel) {
  switch (kernel) {
  case TestKernel::scale:
    return ptx_head + function_text("scale", R"(  ld.global.f32 %f1, [%rd2];
  cvt.f64.f32 %fd3, %f1;
  fma.rn.f64 %fd4, %fd3, %fd1, %fd2;
  cvt.rn.f32.f64 %f2, %fd4;
  st.global.f32 [%rd3], %f2;
)");
  case TestKernel::scratch:
    return ptx_head + function_text("spread", R"(  ld.global.f32 %f1, [%rd2];
  st.global.f32 [%rd9], %f1;
)") + function_text("gather", R"(  ld.global.f32 %f1, [%rd9];
  ld.global.u32 %r5, [%rd10];
  cvt.rn.f32.u32 %f2, %r5;
  add.rn.f32 %f3, %f1, %f2;
  st.global.f32 [%rd3], %f3;
)");
  case TestKernel::broken:
    return "this is not PTX, and the driver is to refuse it";
  case TestKernel::newer:
    return ".version 9.9\n.target sm_75\n.address_size 64\n" + function_text("scale", "");
  }
  return "";
}

class TestCode final : public KernelCode {
 public:
  explicit TestCode(const RoutineKernel& kernel)
      : kind_(static_cast<TestKernel>(kernel.op)), elements_(kernel.parameters[0]) {
    ptx = std::make_shared<const std::string>(text_of(kind_));
    functions = kind_ == TestKernel::scratch ? std::vector<std::string>{"spread", "gather"}
                                             : std::vector<std::string>{"scale"};
  }
  size_t table_words(std::span<const Instance>) const override { return 7; }
  void fill_table(std::span<const Instance> instances, Scratch scratch, uint64_t* words) const override {
    const Instance& instance = instances.front();
    words[0] = reinterpret_cast<uintptr_t>(instance.arrays[0]);
    words[1] = reinterpret_cast<uintptr_t>(instance.arrays[1]);
    words[2] = static_cast<uint64_t>(elements_);
    for (int i = 0; i < 2; ++i) {
      const double number = instance.numbers[i].as_double();
      std::memcpy(words + 3 + i, &number, sizeof number);
    }
    words[5] = scratch.partials;
    words[6] = scratch.tickets;
  }
  std::vector<FunctionLaunch> launches(std::span<const Instance>) const override {
    constexpr uint32_t threads = 128;
    const auto blocks = static_cast<uint32_t>((elements_ + threads - 1) / threads);
    if (kind_ == TestKernel::scratch) return {{0, blocks, threads, 0}, {1, blocks, threads, 0}};
    return {{0, blocks, threads, 0}};
  }
  int64_t partials_bytes(std::span<const Instance>) const override {
    return kind_ == TestKernel::scratch ? 4 * elements_ : 0;
  }
  int64_t ticket_count(std::span<const Instance>) const override {
    return kind_ == TestKernel::scratch ? elements_ : 0;
  }

 private:
  const TestKernel kind_;
  const int64_t elements_;
};

} // namespace

std::unique_ptr<KernelCode> make_code(const Kernel& kernel, const Chip&) {
  return std::make_unique<TestCode>(std::get<RoutineKernel>(kernel));
}
bool has_code() { return !std::getenv("TEST_WITHOUT_CODE"); }

namespace {

std::atomic<bool> ok = true;

void expect(bool condition, const std::string& what) {
  if (condition) return;
  std::printf("WRONG: %s\n", what.c_str());
  ok = false;
}

template <class F> Error error_of(F&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorClass::error, "", "nothing was thrown"};
}
void expect_error(const Error& error, const std::string& code, std::initializer_list<const char*> words) {
  expect(error.code == code, "expected " + code + ", got " + error.code + ": " + error.what());
  for (const char* word : words)
    expect(std::string(error.what()).find(word) != std::string::npos,
           std::string(word) + " is not in: " + error.what());
}

// The driver's entries, so that a case can count calls or let them fail.
Driver& entries() { return const_cast<Driver&>(driver()); }
std::map<std::string, std::atomic<int>> calls;
// Defines `name_counted`, which counts and calls `name_real`.
#define COUNTED(name)                                                                                        \
  decltype(Driver::name) name##_real = nullptr;                                                              \
  template <class... T> Result name##_counted(T... arguments) {                                              \
    ++calls[#name];                                                                                          \
    return name##_real(arguments...);                                                                        \
  }
COUNTED(cuLaunchKernel)
COUNTED(cuGraphLaunch)
COUNTED(cuGraphExecDestroy)
COUNTED(cuMemcpyHtoDAsync_v2)
COUNTED(cuMemAlloc_v2)
COUNTED(cuModuleLoadDataEx)
COUNTED(cuModuleUnload)
void count_calls() {
#define COUNT(name)                                                                                          \
  calls[#name] = 0;                                                                                          \
  name##_real = entries().name;                                                                              \
  entries().name = name##_counted;
  COUNT(cuLaunchKernel)
  COUNT(cuGraphLaunch)
  COUNT(cuGraphExecDestroy)
  COUNT(cuMemcpyHtoDAsync_v2)
  COUNT(cuMemAlloc_v2)
  COUNT(cuModuleLoadDataEx)
  COUNT(cuModuleUnload)
}

Kernel kernel_of(TestKernel kind, int64_t elements) {
  RoutineKernel kernel;
  kernel.op = static_cast<Op>(kind);
  kernel.parameters = {elements};
  return kernel;
}

using Floats = std::vector<float>;

Floats random_floats(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  Floats values(count);
  for (float& value : values) value = static_cast<float>(random() % 1000) / 8;
  return values;
}

Ref<Buffer> uploaded(Device& device, const Floats& values) {
  const auto bytes = static_cast<int64_t>(values.size() * sizeof(float));
  Ref<Buffer> buffer = device.allocate(bytes);
  device.upload(*buffer, values.data(), bytes);
  return buffer;
}
Floats downloaded(const Device& device, const Buffer& buffer) {
  Floats values(static_cast<size_t>(buffer.bytes) / sizeof(float));
  device.download(values.data(), buffer, buffer.bytes);
  return values;
}

// A program of launches over arrays of one length, and what it comes to on the host.
struct TestProgram {
  std::vector<TestKernel> kinds;
  std::vector<std::unique_ptr<CompiledKernel>> kernels;
  TestProgram(Device& device, std::vector<TestKernel> wanted, int64_t elements) : kinds(std::move(wanted)) {
    for (const TestKernel kind : kinds) kernels.push_back(device.compile(kernel_of(kind, elements)));
  }
};

struct Arguments {
  Buffer* in;
  Buffer* out;
  double p = 1, q = 0;
};

std::shared_ptr<Work> work_of(const std::shared_ptr<TestProgram>& program,
                              const std::vector<Arguments>& arguments) {
  auto work = std::make_shared<Work>();
  work->owner = program;
  work->arrays.reserve(2 * arguments.size());
  work->numbers.reserve(2 * arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    work->launches.push_back({program->kernels[i].get(), static_cast<uint32_t>(i), 1});
    work->arrays.insert(work->arrays.end(), {arguments[i].in->data, arguments[i].out->data});
    work->numbers.insert(work->numbers.end(), {Number(arguments[i].p), Number(arguments[i].q)});
    work->instances.push_back({0, work->arrays.data() + 2 * i, work->numbers.data() + 2 * i});
  }
  return work;
}

Floats scaled(Floats values, double p, double q) {
  for (float& value : values) value = static_cast<float>(__builtin_fma(double{value}, p, q));
  return values;
}

void check_copies() {
  const auto device = make_device(0);
  for (size_t count : {0, 1, 3, 250, 32768, 32769, 131072, 131073, 262144, 262145, 1500001}) {
    const Floats values = random_floats(count, static_cast<unsigned>(count));
    Floats source = values;
    const Ref<Buffer> buffer = device->allocate(static_cast<int64_t>(4 * count));
    device->upload(*buffer, source.data(), buffer->bytes);
    std::fill(source.begin(), source.end(), -1.0f); // the caller's memory is the caller's again
    expect(downloaded(*device, *buffer) == values, std::to_string(count) + " floats come back");
  }
  // More than what is staged at once.
  std::vector<Ref<Buffer>> buffers;
  for (unsigned i = 0; i < 400; ++i) buffers.push_back(uploaded(*device, random_floats(20000, i)));
  for (unsigned i = 0; i < 400; ++i)
    expect(downloaded(*device, *buffers[i]) == random_floats(20000, i), "many uploads keep apart");
  expect(device->live_bytes() == 400 * 80000, "live bytes are counted");
  buffers.clear();
  expect(device->live_bytes() == 0, "nothing is left");
}

// Every buffer is let go of as soon as the work that reads it is submitted, and its place taken by what is
// uploaded next.
void run_chain(unsigned seed, int steps) {
  const auto device = make_device(0);
  const size_t count = 3000;
  const auto program = std::make_shared<TestProgram>(*device, std::vector{TestKernel::scale}, count);
  Floats expected = random_floats(count, seed);
  Ref<Buffer> value = uploaded(*device, expected);
  const Floats rubbish(count, -7.0f);
  for (int step = 0; step < steps; ++step) {
    Ref<Buffer> next = device->allocate(value->bytes);
    const double q = step % 5 - 2;
    const auto work = work_of(program, {{value.get(), next.get(), 1.0, q}});
    device->submit(work, false);
    expect(work->is_done, "work is done with its buffers when it has been submitted");
    expected = scaled(expected, 1.0, q);
    value = std::move(next);
    // In place, as a donated block is.
    device->submit(work_of(program, {{value.get(), value.get(), 0.5, 1.0}}), false);
    expected = scaled(expected, 0.5, 1.0);
    uploaded(*device, rubbish);
  }
  expect(downloaded(*device, *value) == expected, "a chain of " + std::to_string(steps) + " steps");
}
void check_order() {
  run_chain(1, 600);
  const auto device = make_device(0);
  device->wait();
  expect(device->is_idle(), "idle after wait");
}

void check_reads() {
  const auto device = make_device(0);
  const size_t small = 64, large = 400000;
  const auto step = std::make_shared<TestProgram>(*device, std::vector{TestKernel::scale}, small);
  std::vector<Ref<Buffer>> held;
  std::vector<Floats> read(100, Floats(small));
  std::vector<int> order;
  std::vector<Floats> expected;
  Ref<Buffer> value = uploaded(*device, random_floats(small, 3));
  Floats now = random_floats(small, 3);
  for (int i = 0; i < 100; ++i) {
    const Ref<Buffer> next = device->allocate(value->bytes);
    device->submit(work_of(step, {{value.get(), next.get(), 1.0, 1.0}}), false);
    now = scaled(now, 1.0, 1.0);
    expected.push_back(now);
    held.push_back(next);
    value = next;
    device->read(read[static_cast<size_t>(i)].data(), *value, value->bytes,
                 [&order, i](const std::exception* problem) {
                   expect(!problem, "a read has no problem");
                   order.push_back(i);
                 });
  }
  const Floats many = random_floats(large, 4);
  const Ref<Buffer> big = uploaded(*device, many);
  Floats big_read(large);
  bool is_notified = false;
  device->read(big_read.data(), *big, big->bytes, [&](const std::exception*) { order.push_back(100); });
  device->notify([&] { is_notified = order.size() == 101; });
  device->wait();
  expect(is_notified, "a notice comes after what was asked for earlier");
  expect(read == expected, "reads give what had been submitted before them");
  expect(big_read == many, "a large read");
  expect(std::is_sorted(order.begin(), order.end()) && order.size() == 101,
         "calls come in order, before wait returns");
  bool is_called = false;
  device->notify([&] { is_called = true; });
  expect(is_called, "a notice of an idle device comes at once");
}

// Runs a program with other buffers and numbers each time.
void run_repeatedly(Device& device, const std::shared_ptr<TestProgram>& program, int runs) {
  const size_t count = 500;
  for (int run = 0; run < runs; ++run) {
    const Floats values = random_floats(count, static_cast<unsigned>(run));
    const Ref<Buffer> in = uploaded(device, values);
    std::vector<Ref<Buffer>> outs;
    for (size_t i = 0; i < program->kernels.size(); ++i) outs.push_back(device.allocate(in->bytes));
    std::vector<Arguments> arguments;
    Floats expected = values;
    for (size_t i = 0; i < outs.size(); ++i) {
      arguments.push_back({i == 0 ? in.get() : outs[i - 1].get(), outs[i].get(), 0.5 + run, double(i)});
      if (program->kinds[i] == TestKernel::scale) expected = scaled(expected, 0.5 + run, double(i));
    }
    device.submit(work_of(program, arguments), false);
    expect(downloaded(device, *outs.back()) == expected, "run " + std::to_string(run) + " of a program");
  }
}

void check_replay() {
  const auto device = make_device(0);
  count_calls();
  const std::vector kinds{TestKernel::scale, TestKernel::scratch, TestKernel::scale};
  auto program = std::make_shared<TestProgram>(*device, kinds, 500);
  run_repeatedly(*device, program, 10);
  expect(calls["cuGraphLaunch"] == 8, "from the third run on a graph is launched");
  expect(calls["cuLaunchKernel"] == 8, "and nothing else");
  expect(calls["cuMemcpyHtoDAsync_v2"] == 20, "a run copies one table");

  auto single = std::make_shared<TestProgram>(*device, std::vector{TestKernel::scale}, 500);
  run_repeatedly(*device, single, 5);
  expect(calls["cuGraphLaunch"] == 8, "one launch needs no graph");

  // Other launches under the same owner.
  auto other = std::make_shared<TestProgram>(*device, kinds, 500);
  for (int i = 0; i < 4; ++i) {
    run_repeatedly(*device, other, 4);
    std::swap(other->kernels[0], other->kernels[1]);
    std::swap(other->kinds[0], other->kinds[1]);
  }

  calls["cuGraphExecDestroy"] = 0;
  program.reset();
  other.reset();
  run_repeatedly(*device, std::make_shared<TestProgram>(*device, kinds, 500), 1);
  expect(calls["cuGraphExecDestroy"] == 2, "graphs go with their owners");
  const auto last = std::make_shared<TestProgram>(*device, kinds, 500);
  run_repeatedly(*device, last, 3);
  const Ref<Buffer> held = device->allocate(100);
  expect(calls["cuModuleLoadDataEx"] == 2, "equal kernels share a module");
}

void check_no_graphs() {
  const auto device = make_device(0);
  count_calls();
  const std::vector kinds{TestKernel::scale, TestKernel::scratch};
  const auto with_flags = entries().cuGraphInstantiateWithFlags;
  const auto plain = entries().cuGraphInstantiate_v2;
  // A driver that fails to make them.
  entries().cuGraphInstantiateWithFlags = [](GraphRunHandle*, GraphHandle, unsigned long long) {
    return 801;
  };
  run_repeatedly(*device, std::make_shared<TestProgram>(*device, kinds, 500), 6);
  // One that has them not.
  entries().cuGraphInstantiateWithFlags = nullptr;
  entries().cuGraphInstantiate_v2 = nullptr;
  run_repeatedly(*device, std::make_shared<TestProgram>(*device, kinds, 500), 6);
  expect(calls["cuGraphLaunch"] == 0 && calls["cuLaunchKernel"] == 2 * 6 * 3, "launches go on one by one");
  // One of before 11.4.
  entries().cuGraphInstantiate_v2 = plain;
  if (plain) {
    run_repeatedly(*device, std::make_shared<TestProgram>(*device, kinds, 500), 6);
    expect(calls["cuGraphLaunch"] == 4, "the older entry makes graphs as well");
  }
  entries().cuGraphInstantiateWithFlags = with_flags;
}

void check_scratch() {
  const auto device = make_device(0);
  for (int64_t count : {1, 100, 5000, 300, 70000, 4, 70000}) {
    const auto program = std::make_shared<TestProgram>(*device, std::vector{TestKernel::scratch}, count);
    const Floats values = random_floats(static_cast<size_t>(count), 5);
    const Ref<Buffer> in = uploaded(*device, values), out = device->allocate(in->bytes);
    device->submit(work_of(program, {{in.get(), out.get()}}), false);
    // What has been scratch may be anybody's now.
    uploaded(*device, Floats(static_cast<size_t>(count), 9.0f));
    expect(downloaded(*device, *out) == values, "scratch for " + std::to_string(count) + " elements");
  }
}

void check_wide_program() {
  const auto device = make_device(0);
  const size_t launches = 5000; // with a table that is larger than what is staged for several
  const auto program =
      std::make_shared<TestProgram>(*device, std::vector<TestKernel>(launches, TestKernel::scale), 8);
  const Ref<Buffer> value = uploaded(*device, Floats(8, 0.0f));
  for (int run = 0; run < 4; ++run)
    device->submit(work_of(program, std::vector<Arguments>(launches, {value.get(), value.get(), 1.0, 1.0})),
                   false);
  expect(downloaded(*device, *value) == Floats(8, 20000.0f), "a program of many launches");
}

void check_compiling() {
  const auto device = make_device(0);
  expect_error(error_of([&] { device->compile(kernel_of(TestKernel::broken, 1)); }), "ERR_GPU",
               {"compiling a kernel", "cuda:0", "compiler says"});
  expect_error(error_of([&] { device->compile(kernel_of(TestKernel::newer, 1)); }), "ERR_NO_CUDA",
               {"driver is too old", "PTX 9.9", "update the driver"});
  run_chain(2, 3);
}

// The pool against a model that knows what is taken.
void check_pool() {
  Gpu& gpu = Gpu::at(0);
  Pool& pool = gpu.pool;
  gpu.context.enter();
  StreamHandle streams[2] = {};
  Pool::Arena* arenas[2] = {};
  for (int i = 0; i < 2; ++i) {
    entries().cuStreamCreate(&streams[i], 1);
    arenas[i] = &pool.open(streams[i]);
  }
  std::map<DevicePointer, int64_t> taken; // address, bytes
  int64_t allocated = 0, peak = 0;
  std::mt19937_64 random(1);
  const auto free_one = [&] {
    auto block = taken.lower_bound(taken.begin()->first +
                                   random() % (taken.rbegin()->first - taken.begin()->first + 1));
    allocated -= Pool::rounded(block->second);
    pool.free(block->first);
    taken.erase(block);
  };
  for (int i = 0; i < 30000; ++i) {
    const auto bytes = static_cast<int64_t>(random() % (uint64_t{1} << (1 + random() % 22)));
    const DevicePointer address = pool.allocate(*arenas[random() % 2], bytes);
    expect(address % 512 == 0, "blocks are aligned");
    expect(Pool::rounded(bytes) >= bytes && Pool::rounded(bytes) <= std::max<int64_t>(2 * bytes, 512),
           "rounded");
    const auto after = taken.lower_bound(address);
    expect(after == taken.end() || address + static_cast<DevicePointer>(Pool::rounded(bytes)) <= after->first,
           "no overlap");
    expect(after == taken.begin() ||
               std::prev(after)->first + static_cast<DevicePointer>(std::prev(after)->second) <= address,
           "no overlap with the block before");
    taken[address] = Pool::rounded(bytes);
    allocated += Pool::rounded(bytes);
    peak = std::max(peak, allocated);
    const size_t most = i / 3000 % 2 ? 20 : 200; // grows and shrinks
    while (taken.size() > most) free_one();
    const Pool::Statistics statistics = pool.statistics();
    expect(statistics.allocated_bytes == allocated && statistics.peak_allocated_bytes == peak,
           "statistics are exact");
    expect(statistics.reserved_bytes >= allocated &&
               statistics.peak_reserved_bytes >= statistics.reserved_bytes,
           "reserved");
    if (!ok) return;
  }
  while (!taken.empty()) free_one();
  const int64_t reserved = pool.statistics().reserved_bytes;
  expect(pool.statistics().allocated_bytes == 0 && reserved > 0, "freed blocks are kept");
  // All has merged, so one block can be as large as the largest segment.
  const int64_t largest = 32 << 20;
  const DevicePointer whole = pool.allocate(*arenas[0], largest);
  expect(pool.statistics().reserved_bytes == reserved, "what was split is whole again");
  pool.free(whole);
  pool.empty_cache();
  expect(pool.statistics().reserved_bytes == 0, "an empty cache reserves nothing");
  pool.reset_peaks();
  expect(pool.statistics().peak_reserved_bytes == 0 && pool.statistics().peak_allocated_bytes == 0,
         "peaks start anew");

  // A freed block comes back to its stream at once, and without the driver.
  count_calls();
  DevicePointer first = pool.allocate(*arenas[0], 5000);
  pool.free(first);
  expect(pool.allocate(*arenas[0], 5000) == first && calls["cuMemAlloc_v2"] == 1,
         "a small block is used again");
  expect(pool.allocate(*arenas[1], 5000) != first, "but not by another stream");
  for (int i = 0; i < 2; ++i) pool.close(*arenas[i]);
}

void check_out_of_memory() {
  setenv("ADJOINT_STAND_IN", "memory=64M", 1);
  const auto device = make_device(0);
  const int64_t mib = 1 << 20;
  expect_error(error_of([&] { device->allocate(int64_t{1} << 60); }), "ERR_GPU_OOM", {"cuda:0", "wanted"});
  std::vector<Ref<Buffer>> held;
  const Error error = error_of([&] {
    for (;;) held.push_back(device->allocate(5 * mib));
  });
  expect(held.size() == 12, "64 MiB hold twelve blocks of 5 MiB, not " + std::to_string(held.size()));
  expect_error(error, "ERR_GPU_OOM",
               {"cuda:0", "5.00 MiB were wanted", "60.00 MiB are allocated", "reserved",
                "free of the device's 64.00 MiB", "dispose()"});
  held.resize(3);
  expect(downloaded(*device, *uploaded(*device, {1, 2, 3})) == Floats({1, 2, 3}), "small tensors still work");
  held.clear();
  // Only if all that is kept goes back to the driver.
  held.push_back(device->allocate(60 * mib));
  held.clear();
  Pool& pool = Gpu::at(0).pool;
  pool.empty_cache();
  pool.set_limit_fraction(0.25);
  held.push_back(device->allocate(12 * mib));
  expect_error(error_of([&] { device->allocate(12 * mib); }), "ERR_GPU_OOM",
               {"whose limit is 16.00 MiB", "raise the limit"});
  expect(device->capacity_bytes() == 16 * mib, "the limit is what can be had");
  held.clear();
  pool.set_limit(int64_t{1} << 50);
  held.push_back(device->allocate(40 * mib));
  expect_error(error_of([&] { pool.set_limit(0); }), "ERR_VALUE", {"positive"});
  expect_error(error_of([&] { pool.set_limit_fraction(1.5); }), "ERR_VALUE", {"1.5"});
}

// A driver may refuse once, what it gives the next time.
void check_refusal_of_memory() {
  setenv("ADJOINT_STAND_IN", "oom-after=3", 1);
  const auto device = make_device(0);
  count_calls();
  std::vector<Ref<Buffer>> held;
  held.push_back(device->allocate(2 << 20)); // of a segment of 32 MiB
  held.push_back(device->allocate(40 << 20));
  held.pop_back();
  held.push_back(device->allocate(50 << 20));
  expect(calls["cuMemAlloc_v2"] == 4, "the driver is asked again");
  expect(Gpu::at(0).pool.statistics().reserved_bytes == (32 + 50) << 20,
         "after it has been given what was free");
  held.push_back(device->allocate(20 << 20));
  expect(downloaded(*device, *uploaded(*device, {1, 2, 3})) == Floats({1, 2, 3}),
         "what is there can be used");
}

// Memory that one stream has freed while it still works with it goes to another stream.
void check_crossing() {
  setenv("ADJOINT_STAND_IN", "memory=64M", 1);
  const auto first = make_device(0), second = make_device(0);
  const int64_t bytes = 40 << 20, count = 2000;
  const auto writes = std::make_shared<TestProgram>(*first, std::vector{TestKernel::scale}, count);
  for (int round = 0; round < 20; ++round) {
    Device& from = round % 2 ? *second : *first;
    Device& to = round % 2 ? *first : *second;
    {
      const Ref<Buffer> block = from.allocate(bytes);
      const Floats zeros(count, 0.0f);
      from.upload(*block, zeros.data(), 4 * count);
      for (int i = 0; i < 50; ++i)
        from.submit(work_of(writes, {{block.get(), block.get(), 1.0, 1.0}}), false);
    }
    const Ref<Buffer> block = to.allocate(bytes);
    const Floats values = random_floats(count, static_cast<unsigned>(round));
    to.upload(*block, values.data(), 4 * count);
    Floats back(count);
    from.wait();
    to.download(back.data(), *block, 4 * count);
    expect(back == values, "what the first stream did came before");
  }
  expect(Gpu::at(0).pool.statistics().reserved_bytes <= 64 << 20, "there was one block");
}

void check_threads() {
  {
    const auto keeps_it_open = make_device(0);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 6; ++i)
      threads.emplace_back([i] {
        for (unsigned k = 0; k < 3; ++k) run_chain(10 * i + k, 100);
      });
    for (std::thread& thread : threads) thread.join();
  }
  Pool& pool = Gpu::at(0).pool;
  expect(pool.statistics().allocated_bytes == 0, "ended threads hold nothing");
  const int64_t reserved = pool.statistics().reserved_bytes;
  for (unsigned i = 0; i < 20; ++i) std::thread(run_chain, i, 5).join();
  expect(pool.statistics().reserved_bytes <= reserved, "later threads take what ended ones have left");
  pool.empty_cache();
  expect(pool.statistics().reserved_bytes == 0, "and all of it can go");
}

void check_two_devices() {
  setenv("ADJOINT_STAND_IN", "devices=2", 1);
  expect(devices().size() == 2 && devices()[1].ordinal == 1, "two devices");
  expect(!devices()[0].name.empty() && devices()[0].total_bytes > 0 && devices()[0].uuid.size() == 40 &&
             devices()[0].chip.capability >= 75 && devices()[0].chip.multiprocessors > 0,
         "what is known of a device");
  const auto first = make_device(0), second = make_device(1);
  const Floats a = random_floats(100, 1), b = random_floats(100, 2);
  const Ref<Buffer> on_first = uploaded(*first, a), on_second = uploaded(*second, b);
  const auto program = std::make_shared<TestProgram>(*second, std::vector{TestKernel::scale}, 100);
  second->submit(work_of(program, {{on_second.get(), on_second.get(), 2.0, 1.0}}), false);
  expect(downloaded(*second, *on_second) == scaled(b, 2, 1) && downloaded(*first, *on_first) == a,
         "both work");
  for (int64_t ordinal : {2, -1, 1000000}) {
    const Error error = error_of([&] { make_device(ordinal); });
    expect_error(error, "ERR_DEVICE", {"there is no device", "cuda:0 (", "cuda:1 ("});
    expect(error.kind == ErrorClass::range_error, "a RangeError");
  }
}

void check_fatal_errors() {
  setenv("ADJOINT_STAND_IN", "sticky-after=5", 1);
  auto device = make_device(0), other = make_device(0);
  Ref<Buffer> value = uploaded(*device, Floats(100, 1.0f)), foreign = uploaded(*other, Floats(100, 2.0f));
  const auto program =
      std::make_shared<TestProgram>(*device, std::vector{TestKernel::scale, TestKernel::scale}, 100);
  const Error first = error_of([&] {
    for (int i = 0; i < 100; ++i) {
      device->submit(work_of(program, {{value.get(), value.get()}, {value.get(), value.get()}}), false);
      device->wait();
    }
  });
  expect_error(first, "ERR_GPU_FATAL",
               {"cuda:0", "cannot be used by this process any more", "CUDA_ERROR_", "while", "restart"});
  float number = 0;
  int refusals = 0;
  const auto refuse = [&](auto&& call) {
    const Error error = error_of(call);
    expect_error(error, "ERR_GPU_FATAL", {});
    expect(std::string(error.what()) == first.what(), "the first error is what is told");
    ++refusals;
  };
  for (Device* each : {device.get(), other.get()}) {
    refuse([&] { each->allocate(4); });
    refuse([&] { each->upload(*value, &number, 4); });
    refuse([&] { each->download(&number, *value, 4); });
    refuse([&] { each->read(&number, *value, 4, [](const std::exception*) {}); });
    refuse([&] { each->compile(kernel_of(TestKernel::scale, 1)); });
    refuse([&] {
      each->submit(work_of(program, {{value.get(), value.get()}, {value.get(), value.get()}}), false);
    });
    refuse([&] { each->wait(); });
    refuse([&] { each->notify([] {}); });
    expect(each->is_idle(), "nothing is under way");
  }
  expect(refusals == 16, "every call");
  refuse([] { make_device(0); });
  // Quietly.
  value = {};
  foreign = {};
  expect(device->live_bytes() == 0, "frees count all the same");
  device.reset();
  other.reset();
}

// A launch that the driver refuses changes nothing, unless others of the same work came before it.
void check_refused_launches() {
  const auto device = make_device(0);
  const Ref<Buffer> value = uploaded(*device, Floats(100, 1.0f));
  const auto program =
      std::make_shared<TestProgram>(*device, std::vector{TestKernel::scale, TestKernel::scale}, 100);
  const auto work = work_of(program, {{value.get(), value.get(), 2.0}, {value.get(), value.get(), 2.0}});
  static int launches = 0, refused = 1;
  static decltype(Driver::cuLaunchKernel) real = entries().cuLaunchKernel;
  entries().cuLaunchKernel = [](auto... arguments) {
    return ++launches == refused ? 701 : real(arguments...);
  };
  expect_error(error_of([&] { device->submit(work, false); }), "ERR_GPU", {"launching kernels", "701"});
  expect(downloaded(*device, *value) == Floats(100, 1.0f), "nothing has changed");
  device->submit(work, false);
  expect(downloaded(*device, *value) == Floats(100, 4.0f), "and it can be tried again");
  launches = 0;
  refused = 2;
  const auto other =
      std::make_shared<TestProgram>(*device, std::vector{TestKernel::scale, TestKernel::scale}, 100);
  expect_error(error_of([&] {
                 device->submit(
                     work_of(other, {{value.get(), value.get(), 2.0}, {value.get(), value.get(), 2.0}}),
                     false);
               }),
               "ERR_GPU_FATAL", {"701", "launching kernels"});
  expect_error(error_of([&] { downloaded(*device, *value); }), "ERR_GPU_FATAL", {"701"});
}

// A read that is under way when the device is lost says so, and its call is made before wait() throws.
void check_fatal_read() {
  const auto device = make_device(0);
  const Ref<Buffer> value = uploaded(*device, Floats(100, 1.0f));
  static decltype(Driver::cuEventSynchronize) real = entries().cuEventSynchronize;
  entries().cuEventSynchronize = [](EventHandle event) {
    real(event);
    return 700;
  };
  Floats read(100);
  std::string code;
  device->read(read.data(), *value, 400, [&](const std::exception* problem) {
    code = problem ? dynamic_cast<const Error&>(*problem).code : "none";
  });
  expect_error(error_of([&] {
                 device->wait();
                 device->wait();
               }),
               "ERR_GPU_FATAL", {"700"});
  expect(code == "ERR_GPU_FATAL", "the read's problem is " + code);
}

// The driver may be gone before the last thread is.
void check_end_of_driver() {
  auto device = make_device(0);
  Ref<Buffer> value = uploaded(*device, Floats(100, 1.0f));
  const auto program =
      std::make_shared<TestProgram>(*device, std::vector{TestKernel::scale, TestKernel::scale}, 100);
  for (int i = 0; i < 5; ++i)
    device->submit(work_of(program, {{value.get(), value.get()}, {value.get(), value.get()}}), false);
  device->wait();
  const auto ended = [](auto...) { return result::deinitialized; };
  entries().cuStreamSynchronize = ended;
  entries().cuStreamDestroy_v2 = ended;
  entries().cuStreamQuery = ended;
  entries().cuEventSynchronize = ended;
  entries().cuEventDestroy_v2 = ended;
  entries().cuGraphExecDestroy = ended;
  entries().cuModuleUnload = ended;
  entries().cuCtxSynchronize = ended;
  device->wait();
  entries().cuCtxSetCurrent = ended;
  device->wait();
  expect(device->is_idle(), "idle");
  value = {};
  device.reset();
}

// The process ends while threads submit and read.
void check_exit() {
  std::mutex mutex;
  std::condition_variable has_started;
  int started = 0;
  for (unsigned i = 0; i < 3; ++i)
    std::thread([&, i] {
      const auto device = make_device(0);
      const auto program =
          std::make_shared<TestProgram>(*device, std::vector{TestKernel::scale, TestKernel::scale}, 1000);
      const Ref<Buffer> in = uploaded(*device, random_floats(1000, i)), out = device->allocate(in->bytes);
      static thread_local Floats read(1000);
      for (int step = 0;; ++step) {
        try {
          device->submit(work_of(program, {{in.get(), out.get()}, {in.get(), out.get()}}), false);
          device->read(read.data(), *in, 4000, [](const std::exception*) {});
          if (step % 10 == 0) device->wait();
        } catch (const Error&) {
          std::this_thread::sleep_for(std::chrono::seconds(10)); // the driver has gone before this thread
        }
        if (step == 20) {
          const std::lock_guard lock(mutex);
          ++started;
          has_started.notify_one();
        }
      }
    }).detach();
  std::unique_lock lock(mutex);
  has_started.wait(lock, [&] { return started == 3; });
  std::exit(ok ? 0 : 1);
}

int print_reason(int64_t ordinal) {
  const Error error = error_of([&] { std::printf("%s\n", device_info(ordinal).name.c_str()); });
  if (error.code.empty()) return 0;
  std::printf("%s: %s\n", error.code.c_str(), error.what());
  if (!availability().is_available) std::printf("%s\n", availability().reason.c_str());
  return 0;
}

struct Case {
  const char* name;
  void (*check)();
};
constexpr Case cases[] = {
    {"copies", check_copies},
    {"order", check_order},
    {"reads", check_reads},
    {"replay", check_replay},
    {"no-graphs", check_no_graphs},
    {"scratch", check_scratch},
    {"wide-program", check_wide_program},
    {"compiling", check_compiling},
    {"pool", check_pool},
    {"out-of-memory", check_out_of_memory},
    {"refusal-of-memory", check_refusal_of_memory},
    {"crossing", check_crossing},
    {"threads", check_threads},
    {"two-devices", check_two_devices},
    {"fatal-errors", check_fatal_errors},
    {"refused-launches", check_refused_launches},
    {"fatal-read", check_fatal_read},
    {"end-of-driver", check_end_of_driver},
    {"exit", check_exit},
};

} // namespace

int run_case(const std::string& name, int64_t ordinal) {
  if (name == "reason") return print_reason(ordinal);
  for (const Case& each : cases) {
    if (name.empty()) std::printf("%s\n", each.name);
    if (name != each.name) continue;
    const Error error = error_of(each.check);
    expect(error.code.empty(), error.code + ": " + error.what());
    return ok ? 0 : 1;
  }
  return name.empty() ? 0 : 2;
}

} // namespace adjoint::cuda

int main(int count, char** arguments) {
  return adjoint::cuda::run_case(count > 1 ? arguments[1] : "", count > 2 ? std::atoll(arguments[2]) : 0);
}
