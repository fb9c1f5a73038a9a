// An addon with bugs on purpose: builds with the compiler's checks are to end the process at each of them. A test that
// finds nothing has then looked.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

#include <node_api.h>

#include "cpu/allocator.h"

namespace {

using adjoint::cpu::Allocator;

// What the compiler must not see through.
volatile int64_t odd_bytes = 99, shift = 70, sum = 0;

void read_beyond_a_block() {
  const int64_t bytes = odd_bytes;
  char* const block = static_cast<char*>(Allocator::shared().allocate(bytes));
  std::memset(block, 1, static_cast<size_t>(bytes));
  sum += block[bytes];
  Allocator::shared().free(block, bytes);
}

void read_after_free() {
  const int64_t bytes = odd_bytes;
  char* const block = static_cast<char*>(Allocator::shared().allocate(bytes));
  std::memset(block, 1, static_cast<size_t>(bytes));
  Allocator::shared().free(block, bytes);
  sum += block[0];
}

void shift_too_far() { sum += int64_t{1} << shift; }

void race() {
  int64_t count = 0;
  std::atomic<int> started = 0;
  const auto work = [&] {
    for (++started; started < 2;) std::this_thread::yield();
    for (int i = 0; i < 1000; ++i) ++count;
  };
  std::thread other(work);
  work();
  other.join();
  sum += count;
}

napi_value plant(napi_env env, napi_callback_info info) {
  size_t arguments = 1;
  napi_value name;
  char text[64] = "";
  size_t length = 0;
  if (napi_get_cb_info(env, info, &arguments, &name, nullptr, nullptr) != napi_ok) std::abort();
  if (napi_get_value_string_utf8(env, name, text, sizeof text, &length) != napi_ok) std::abort();
  const std::string_view bug(text, length);
  if (bug == "read beyond a block") read_beyond_a_block();
  if (bug == "read after free") read_after_free();
  if (bug == "shift too far") shift_too_far();
  if (bug == "race") race();
  return nullptr;
}

} // namespace

NAPI_MODULE_INIT() {
  napi_value entry;
  if (napi_create_function(env, "plant", NAPI_AUTO_LENGTH, plant, nullptr, &entry) != napi_ok ||
      napi_set_named_property(env, exports, "plant", entry) != napi_ok)
    std::abort();
  return exports;
}
