// A library to be loaded before all others (LD_PRELOAD): it makes an allocation fail that adjoint.node asks for.
//
// FAILING_ALLOCATIONS names a file of four 64-bit integers, which the program that is tested shares with it:
//
//   0   n: the n-th allocation from now on fails; 0: none
//   1   how many fail from there on
//   2   how many there have been
//   3   how many have failed
//
// What Node and other libraries ask for is left alone, as are allocations before the addon is loaded.
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* old, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}

namespace {

struct Control {
  int64_t countdown, failures, seen, failed;
};

Control* control() {
  static Control* const shared = []() -> Control* {
    const char* path = std::getenv("FAILING_ALLOCATIONS");
    const int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return nullptr;
    const long memory =
        syscall(SYS_mmap, nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0L);
    close(file);
    return memory == -1 ? nullptr : reinterpret_cast<Control*>(memory);
  }();
  return shared;
}

struct Range {
  uintptr_t begin, end;
};

Range addon() {
  static Range found{};
  if (__atomic_load_n(&found.end, __ATOMIC_ACQUIRE) != 0) return found;
  dl_iterate_phdr(
      [](dl_phdr_info* library, size_t, void*) {
        if (!library->dlpi_name || !std::strstr(library->dlpi_name, "adjoint.node")) return 0;
        uintptr_t begin = UINTPTR_MAX, end = 0;
        for (int i = 0; i < library->dlpi_phnum; ++i) {
          const auto& segment = library->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD) continue;
          const uintptr_t from = library->dlpi_addr + segment.p_vaddr;
          if (from < begin) begin = from;
          if (from + segment.p_memsz > end) end = from + segment.p_memsz;
        }
        found.begin = begin;
        __atomic_store_n(&found.end, end, __ATOMIC_RELEASE);
        return 1;
      },
      nullptr);
  return found;
}

// Whether the allocation that is asked for from there is to fail.
bool fails(void* caller) {
  static __thread bool is_looking = false; // the search may itself allocate
  if (is_looking) return false;
  is_looking = true;
  Control* const shared = control();
  bool is_ours = false;
  if (shared && __atomic_load_n(&shared->countdown, __ATOMIC_RELAXED) > 0) {
    const auto address = reinterpret_cast<uintptr_t>(caller);
    const Range range = addon();
    is_ours = address >= range.begin && address < range.end;
  }
  is_looking = false;
  if (!is_ours) return false;
  const int64_t number = __atomic_add_fetch(&shared->seen, 1, __ATOMIC_RELAXED);
  const int64_t first = __atomic_load_n(&shared->countdown, __ATOMIC_RELAXED);
  if (number < first || number >= first + __atomic_load_n(&shared->failures, __ATOMIC_RELAXED)) return false;
  __atomic_add_fetch(&shared->failed, 1, __ATOMIC_RELAXED);
  return true;
}

} // namespace

#define CALLER __builtin_return_address(0)

extern "C" {

void* malloc(size_t bytes) {
  if (!fails(CALLER)) return __libc_malloc(bytes);
  errno = ENOMEM;
  return nullptr;
}
void* calloc(size_t count, size_t bytes) {
  if (!fails(CALLER)) return __libc_calloc(count, bytes);
  errno = ENOMEM;
  return nullptr;
}
void* realloc(void* old, size_t bytes) {
  if (!fails(CALLER)) return __libc_realloc(old, bytes);
  errno = ENOMEM;
  return nullptr;
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  if (!fails(CALLER)) return __libc_memalign(alignment, bytes);
  errno = ENOMEM;
  return nullptr;
}
int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  if (fails(CALLER)) return ENOMEM;
  void* const made = __libc_memalign(alignment, bytes);
  if (!made) return ENOMEM;
  *memory = made;
  return 0;
}
void* mmap(void* address, size_t bytes, int protection, int flags, int file, off_t offset) {
  if (!fails(CALLER))
    return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
  errno = ENOMEM;
  return MAP_FAILED;
}
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                   void* argument) {
  using Create = int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static Create* const create = reinterpret_cast<Create*>(dlsym(RTLD_NEXT, "pthread_create"));
  return fails(CALLER) ? EAGAIN : create(thread, attributes, body, argument);
}

} // extern "C"
