#pragma once

namespace adjoint {

// In builds with the compiler's checks a block has exactly the bytes that were asked for, and none is kept after it has been
// freed: so each use beyond a block, or after its end, is seen.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool blocks_are_exact = true;
#else
inline constexpr bool blocks_are_exact = false;
#endif

} // namespace adjoint
