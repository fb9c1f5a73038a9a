// What functions that know opcodes are written with.
#pragma once
#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "decoder.h"
#include "handlers.h"

namespace stand_in {

// The modifiers of float instructions, as instructions around the one in the middle.
class FloatModifiers {
 public:
  explicit FloatModifiers(Decoder& decoder);
  bool is_approximate = false, is_full = false;
  void emit(Handler handler, uint32_t destination, Type type, std::initializer_list<uint32_t> sources);

 private:
  Decoder& decoder_;
  int rounding_ = 0;
  bool flushes_ = false, saturates_ = false;
};

} // namespace stand_in
