#include "device/refcount.h"

#include <vector>

namespace adjoint {

void RefCounted::bury(const RefCounted* object) {
  struct Graveyard {
    std::vector<const RefCounted*> dead;
    bool is_open = false;
  };
  thread_local Graveyard of_thread;
  Graveyard& graveyard = of_thread;
  if (graveyard.is_open) {
    graveyard.dead.push_back(object);
    return;
  }
  graveyard.is_open = true;
  delete object;
  while (!graveyard.dead.empty()) {
    object = graveyard.dead.back();
    graveyard.dead.pop_back();
    delete object;
  }
  graveyard.is_open = false;
}

} // namespace adjoint
