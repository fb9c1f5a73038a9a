#include "device/passes.h"

#include <algorithm>

namespace adjoint {

void add_inputs(const FusedKernel& kernel, std::vector<bool>& steps, std::optional<Level> level) {
  for (size_t i = steps.size(); i-- > 0;) {
    const Step& step = kernel.steps[i];
    if (!steps[i] || (level && step.level != *level)) continue;
    for (size_t k = 0; k < step.input_count; ++k) steps[step.inputs[k]] = true;
  }
}

Passes::Passes(const FusedKernel& kernel)
    : kernel(kernel), is_needed(kernel.steps.size()), of_step(kernel.steps.size()),
      of_store(kernel.stores.size(), none) {
  for (const Store& store : kernel.stores) is_needed[store.step] = true;
  add_inputs(kernel, is_needed);
  for (size_t i = 0; i < kernel.steps.size(); ++i) {
    const Step& step = kernel.steps[i];
    if (!is_needed[i]) continue;
    for (size_t k = 0; k < step.input_count; ++k) of_step[i] = std::max(of_step[i], of_step[step.inputs[k]]);
    if (is_reduction(i)) count = std::max(count, ++of_step[i]);
  }
  const auto is_of_elements = [&](const Store& store) {
    return kernel.steps[store.step].level == Level::element;
  };
  for (const Store& store : kernel.stores)
    if (is_of_elements(store)) count = std::max(count, of_step[store.step] + 1);
  // A store over another array has to wait for the last pass that reads that array.
  for (size_t i = 0; i < kernel.stores.size(); ++i)
    if (const Store& store = kernel.stores[i]; is_of_elements(store))
      of_store[i] = store.replaces == Store::nothing ? of_step[store.step] : count - 1;
}

bool Passes::is_reduction(size_t step) const {
  const Step& value = kernel.steps[step];
  return value.level == Level::row && value.input_count == 1 &&
         kernel.steps[value.inputs[0]].level == Level::element;
}

std::vector<uint16_t> Passes::reductions(size_t pass) const {
  std::vector<uint16_t> list;
  for (size_t i = 0; i < kernel.steps.size(); ++i)
    if (is_needed[i] && is_reduction(i) && of_step[i] == pass + 1) list.push_back(static_cast<uint16_t>(i));
  return list;
}

std::vector<bool> Passes::needed(size_t pass) const {
  std::vector<bool> list(kernel.steps.size());
  for (const uint16_t step : reductions(pass)) list[kernel.steps[step].inputs[0]] = true;
  for (size_t i = 0; i < kernel.stores.size(); ++i)
    if (of_store[i] == pass) list[kernel.stores[i].step] = true;
  add_inputs(kernel, list, Level::element);
  return list;
}

} // namespace adjoint
