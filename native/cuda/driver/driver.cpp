#include "cuda/driver/driver.h"

#include <cstdlib>

#ifndef _WIN32
#include <dlfcn.h>
#endif

namespace adjoint::cuda {

namespace {

constexpr int oldest_version = 11000;
constexpr const char* usual_path = "libcuda.so.1";

#ifdef _WIN32
void* open_library(const char*) { return nullptr; }
void* find_symbol(void*, const char*) { return nullptr; }
std::string reason_of_failure() { return "not supported on Windows"; }
#else
void* open_library(const char* path) { return dlopen(path, RTLD_NOW | RTLD_LOCAL); }
void* find_symbol(void* library, const char* name) { return dlsym(library, name); }
std::string reason_of_failure() {
  const char* reason = dlerror();
  return reason ? reason : "no reason was given";
}
#endif

std::string too_old(const std::string& found) {
  return "the NVIDIA driver is too old: " + found + ", and adjoint needs one for CUDA " +
         version_text(oldest_version) + " or later (450 or newer); update the driver";
}

void open(DriverState& state) {
  const char* chosen = std::getenv("ADJOINT_CUDA_DRIVER");
  const bool is_chosen = chosen && *chosen;
  void* const library = open_library(is_chosen ? chosen : usual_path);
  if (!library) {
    state.problem =
        is_chosen ? "ADJOINT_CUDA_DRIVER names a driver that could not be opened: " + reason_of_failure()
                  : "no NVIDIA driver found: " + std::string(usual_path) + " could not be opened (" +
                        reason_of_failure() +
                        "); install the driver of your GPU (in a container, let it see the GPU, as docker's "
                        "--gpus all does), or go on with \"cpu\"; `npx adjoint doctor` tells more";
    return;
  }
  const char* missing = nullptr;
  Driver& entries = state.entries;
#define CUDA_OPTIONAL(name, ...)                                                                             \
  entries.name = reinterpret_cast<decltype(entries.name)>(find_symbol(library, #name));
#define CUDA_ENTRY(name, ...)                                                                                \
  CUDA_OPTIONAL(name)                                                                                        \
  if (!entries.name && !missing) missing = #name;
#include "cuda/driver/driver.def"
#undef CUDA_ENTRY
#undef CUDA_OPTIONAL
  // The version may be asked for before cuInit.
  if (entries.cuDriverGetVersion && entries.cuDriverGetVersion(&state.version) != result::success)
    state.version = 0;
  if (state.version != 0 && state.version < oldest_version)
    state.problem = too_old("it is one for CUDA " + version_text(state.version));
  else if (!entries.cuDriverGetVersion)
    state.problem =
        std::string(is_chosen ? chosen : usual_path) + " is no NVIDIA driver: it has no cuDriverGetVersion";
  else if (missing)
    state.problem = too_old("it has no " + std::string(missing));
  state.is_open = state.problem.empty();
  if (!state.is_open) state.entries = {};
}

} // namespace

const DriverState& driver_state() {
  // Never destroyed and never closed: threads may call the driver until the process is gone.
  static const DriverState& state = *[] {
    auto* opened = new DriverState;
    open(*opened);
    return opened;
  }();
  return state;
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string name_of(Result result) {
  const char* name = nullptr;
  const std::string number = std::to_string(result);
  if (driver().cuGetErrorName && driver().cuGetErrorName(result, &name) == result::success && name)
    return std::string(name) + " (" + number + ")";
  return "error " + number;
}

} // namespace adjoint::cuda
