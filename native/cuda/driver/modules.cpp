#include "cuda/driver/modules.h"

#include <iterator>

#include "device/error.h"

namespace adjoint::cuda {

namespace {

// CUjit_option
constexpr int error_log_buffer = 5;
constexpr int error_log_buffer_bytes = 6;

// "7.8", of the line ".version 7.8"
std::string ptx_version(const std::string& text) {
  constexpr std::string_view directive = ".version ";
  const size_t at = text.find(directive);
  if (at == std::string::npos) return "";
  const size_t begin = at + directive.size();
  return text.substr(begin, text.find_first_not_of("0123456789.", begin) - begin);
}

} // namespace

Module::~Module() { modules_.unload(*text_, handle_); }

FunctionHandle Module::function(const std::string& name) const {
  FunctionHandle function = nullptr;
  modules_.context_.check(driver().cuModuleGetFunction(&function, handle_, name.c_str()), "finding a kernel");
  return function;
}

std::shared_ptr<const Module> Modules::load(const std::shared_ptr<const std::string>& text) {
  const auto known = [&]() -> std::shared_ptr<const Module> {
    const auto found = loaded_.find(*text);
    return found == loaded_.end() ? nullptr : found->second.lock();
  };
  {
    const std::lock_guard lock(mutex_);
    if (auto module = known()) return module;
  }
  // Compiled without the lock: other threads have other kernels. Should two compile the same, one is dropped.
  auto compiled = std::make_shared<const Module>(*this, text, compile(*text));
  const std::lock_guard lock(mutex_);
  if (auto module = known()) return module;
  loaded_.erase(*text); // its key may lie in a module that is just going
  loaded_.emplace(*text, compiled);
  return compiled;
}

ModuleHandle Modules::compile(const std::string& text) const {
  char log[8192] = {};
  int options[] = {error_log_buffer, error_log_buffer_bytes};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log - 1)};
  ModuleHandle module = nullptr;
  const Result result = driver().cuModuleLoadDataEx(
      &module, text.c_str(), static_cast<unsigned>(std::size(options)), options, values);
  if (result == result::success) return module;
  if (result == result::unsupported_ptx_version)
    throw Error(ErrorClass::error, "ERR_NO_CUDA",
                "CUDA is not available: the NVIDIA driver is too old: it is one for CUDA " +
                    version_text(driver_state().version) + ", which does not know the kernels' PTX " +
                    ptx_version(text) + "; update the driver");
  if (result == result::no_jit_compiler)
    throw Error(
        ErrorClass::error, "ERR_NO_CUDA",
        "CUDA is not available: the NVIDIA driver has no compiler of PTX; install libnvidia-ptxjitcompiler, "
        "which belongs to it");
  try {
    context_.check(result, "compiling a kernel");
  } catch (Error& error) {
    if (!*log) throw;
    throw Error(error.kind, error.code, error.what() + ("; the driver's compiler says: " + std::string(log)));
  }
  return module;
}

void Modules::unload(const std::string& text, ModuleHandle handle) noexcept {
  {
    const std::lock_guard lock(mutex_);
    const auto found = loaded_.find(text);
    if (found != loaded_.end() && found->first.data() == text.data()) loaded_.erase(found);
  }
  // Its kernels may still be running, or be about to.
  if (context_.enter_quietly() && driver().cuCtxSynchronize() == result::success)
    driver().cuModuleUnload(handle);
}

} // namespace adjoint::cuda
