#include "device/refcount.h"

#include <vector>

namespace adjoint {

void RefCounted::bury(const RefCounted* object) {
  thread_local std::vector<const RefCounted*> graveyard;
  thread_local bool digging = false;
  graveyard.push_back(object);
  if (digging) return;
  digging = true;
  while (!graveyard.empty()) {
    const RefCounted* dead = graveyard.back();
    graveyard.pop_back();
    delete dead;
  }
  digging = false;
}

} // namespace adjoint
