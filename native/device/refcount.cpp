#include "device/refcount.h"

namespace adjoint {

void RefCounted::bury(const RefCounted* object) {
  struct Graveyard {
    const RefCounted* last = nullptr;
    bool is_open = false;
  };
  thread_local Graveyard graveyard;
  object->next_dead_ = graveyard.last;
  graveyard.last = object;
  if (graveyard.is_open) return;
  graveyard.is_open = true;
  while ((object = graveyard.last)) {
    graveyard.last = object->next_dead_;
    object->references_ = 0;
    delete object;
  }
  graveyard.is_open = false;
}

} // namespace adjoint
