#include "graph/session.h"

#include <algorithm>
#include <random>

#include "graph/engine.h"

namespace adjoint {

uint64_t unpredictable_seed() {
  std::random_device source;
  const uint64_t bits = uint64_t{source()} << 32 | source();
  return bits >> 11;
}

Session::Session(std::unique_ptr<Device> device) : default_engine_(add(std::move(device))) {}

Session::~Session() = default;

Engine& Session::add(std::unique_ptr<Device> device) {
  return *engines_.emplace_back(std::make_unique<Engine>(*this, std::move(device)));
}

void Session::set_caller(const std::string& name) {
  caller_ = -1;
  if (name.empty()) return;
  caller_ = static_cast<int32_t>(std::find(callers_.begin(), callers_.end(), name) - callers_.begin());
  if (caller_ == static_cast<int32_t>(callers_.size())) callers_.push_back(name);
}

std::string_view Session::interned(std::string_view text) {
  const auto known = texts_.find(text);
  return known != texts_.end() ? *known : *texts_.emplace(text).first;
}

int64_t Session::runs() const {
  int64_t runs = 0;
  for (const std::unique_ptr<Engine>& engine : engines_) runs += engine->counts.runs;
  return runs;
}

void Session::run(const std::vector<Ref<Node>>& wanted, const RunRequest& request) {
  const auto is_elsewhere = [&](const Ref<Node>& node) { return &node->engine != &wanted[0]->engine; };
  if (wanted.empty()) return;
  if (std::none_of(wanted.begin(), wanted.end(), is_elsewhere)) return wanted[0]->engine.run(wanted, request);
  // Nothing is replaced in place: should a later device fail, the values of the first ones must still be
  // there.
  const RunRequest own_request{.replaced = {}, .caller_waits = request.caller_waits};
  for (const std::unique_ptr<Engine>& engine : engines_) {
    std::vector<Ref<Node>> own;
    for (const Ref<Node>& node : wanted)
      if (&node->engine == engine.get()) own.push_back(node);
    if (!own.empty()) engine->run(own, own_request);
  }
}

} // namespace adjoint
