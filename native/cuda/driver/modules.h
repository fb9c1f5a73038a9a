// PTX that the driver has compiled. Kernels with equal text share a module, in all threads, while one of them
// lives; the driver itself keeps compiled code on disk.
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cuda/driver/context.h"

namespace adjoint::cuda {

class Modules;

class Module {
 public:
  Module(Modules& modules, std::shared_ptr<const std::string> text, ModuleHandle handle)
      : modules_(modules), text_(std::move(text)), handle_(handle) {}
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  // The context must be entered.
  FunctionHandle function(const std::string& name) const;

 private:
  Modules& modules_;
  const std::shared_ptr<const std::string> text_;
  const ModuleHandle handle_;
};

class Modules {
 public:
  explicit Modules(Context& context) : context_(context) {}
  // The context must be entered. Throws ERR_NO_CUDA if the driver is too old for the text.
  std::shared_ptr<const Module> load(const std::shared_ptr<const std::string>& text);

 private:
  friend Module;
  ModuleHandle compile(const std::string& text) const;
  void unload(const std::string& text, ModuleHandle handle) noexcept;

  Context& context_;
  std::mutex mutex_;
  // The keys lie in the modules.
  std::unordered_map<std::string_view, std::weak_ptr<const Module>> loaded_;
};

} // namespace adjoint::cuda
