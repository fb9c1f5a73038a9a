#include "harness.h"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#define X(name, types) CUresult(*name) types = nullptr;
ENTRY_POINTS(X)
#undef X

std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

void check_result(CUresult result, CUresult expected, const char* what) {
  if (result != expected)
    throw std::runtime_error(std::string(what) + " gives " + std::to_string(result) + " instead of " +
                             std::to_string(expected));
}

Session::Session(CUdevice device) : device_(device) {
  OK(cuInit(0));
  OK(cuDevicePrimaryCtxRetain(&context, device));
  OK(cuCtxSetCurrent(context));
  if (cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING) != CUDA_SUCCESS) stream = nullptr;
}
Session::~Session() {
  cuDevicePrimaryCtxRelease_v2(device_);
  cuCtxSetCurrent(nullptr);
}
CUmodule Session::load(const std::string& text) {
  CUmodule module = nullptr;
  char log[2000] = {};
  CUjit_option names[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
  const CUresult result = cuModuleLoadDataEx(&module, text.c_str(), 2, names, values);
  if (result != CUDA_SUCCESS) throw std::runtime_error("the module is refused: " + std::string(log));
  return module;
}
std::string Session::refusal(const std::string& text, CUresult expected) {
  CUmodule module = nullptr;
  char log[2000] = {};
  CUjit_option names[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
  GIVES(expected, cuModuleLoadDataEx(&module, text.c_str(), 2, names, values));
  CHECK(reinterpret_cast<size_t>(values[1]) == std::strlen(log) + 1);
  return log;
}
CUfunction Session::function(CUmodule module, const char* name) {
  CUfunction found = nullptr;
  OK(cuModuleGetFunction(&found, module, name));
  return found;
}

std::string captured(const std::function<void()>& run) {
  char path[] = "/tmp/adjoint-stand-in-XXXXXX";
  const int file = mkstemp(path), kept = dup(2);
  dup2(file, 2);
  std::string problem;
  try {
    run();
  } catch (const std::exception& error) {
    problem = error.what();
  }
  dup2(kept, 2);
  close(file);
  close(kept);
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  unlink(path);
  if (!problem.empty()) throw std::runtime_error(problem + "\n" + text.str());
  return text.str();
}

const std::string& compiled_kernels() {
  static const std::string text = [] {
#ifdef COMPILED_KERNELS
    std::ifstream stream(COMPILED_KERNELS);
    std::stringstream all;
    all << stream.rdbuf();
    std::string made = all.str();
    // The oldest driver that the project supports takes 7.0.
    const size_t version = made.find(".version ");
    made.replace(version, made.find('\n', version) - version, ".version 7.0");
    return made;
#else
    return std::string();
#endif
  }();
  return text;
}

static bool run_test(const Test& test) {
  try {
    test.run();
    return true;
  } catch (const std::exception& error) {
    std::printf("%s: %s\n", test.name, error.what());
    return false;
  }
}

// With a name, that test alone in this process. Without, all of them.
int main(int count, char** arguments) {
  if (count < 2) return std::fprintf(stderr, "usage: %s libcuda.so.1 [test]\n", arguments[0]), 2;
  if (count < 3) unsetenv("ADJOINT_STAND_IN");
  void* library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) return std::fprintf(stderr, "%s\n", dlerror()), 2;
#define X(name, types)                                                                                       \
  name = reinterpret_cast<CUresult(*) types>(dlsym(library, #name));                                         \
  if (!name) return std::fprintf(stderr, "no " #name "\n"), 2;
  ENTRY_POINTS(X)
#undef X
  int failures = 0, ran = 0;
  for (const Test& test : tests()) {
    if (count > 2) {
      if (std::strcmp(test.name, arguments[2]) == 0) ++ran, failures += !run_test(test);
      continue;
    }
    ++ran;
    if (!*test.environment) {
      failures += !run_test(test);
      continue;
    }
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      setenv("ADJOINT_STAND_IN", test.environment, 1);
      execl(arguments[0], arguments[0], arguments[1], test.name, nullptr);
      _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) {
      std::printf("%s: ended with status %d\n", test.name, status);
      ++failures;
    }
  }
  std::printf("%d tests, %d failed%s\n", ran, failures,
              compiled_kernels().empty() ? "; without nvcc, so nothing that it compiles was run" : "");
  return failures || ran == 0;
}
