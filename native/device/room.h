// Room that is made before it is needed, so that nothing can fail between taking something and putting it there.
#pragma once
#include <algorithm>
#include <cstddef>

namespace adjoint {

// Room for so many elements, at no cost on average where a list grows by ones.
template <class List> void make_room(List& list, size_t size) {
  if (list.capacity() < size) list.reserve(std::max(size, 2 * list.capacity()));
}

} // namespace adjoint
