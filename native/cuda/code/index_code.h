// Index arithmetic: digits of indices, and where elements lie. In 32 bits where that is enough, since a GPU
// needs several instructions for more.
#pragma once
#include <map>

#include "cuda/code/ptx_writer.h"
#include "device/walk.h"

namespace adjoint::cuda {

// The place of an element, from a 64-bit address; `exists` is a predicate, or empty for always.
struct Place {
  Register address;
  int64_t displacement = 0; // in bytes
  Register exists;
};

class IndexCode {
 public:
  IndexCode(PtxWriter& writer, bool is_wide) : writer_(writer), is_wide_(is_wide) {}

  Width width() const { return is_wide_ ? Width::wide : Width::word; }
  const char* type() const { return is_wide_ ? ".s64" : ".s32"; }
  Register constant(int64_t value);
  Register plus(const Register& a, int64_t b);
  Register plus(const Register& a, const Register& b);
  Register times(const Register& a, int64_t b);
  Register is_less(const Register& a, const Register& b);
  Register is_less(const Register& a, int64_t b);
  // Quotient and rest at once, of an index that is not negative.
  void divide(const Register& index, int64_t divisor, Register& quotient, Register& rest);
  // An index from the 32 bits of a special register.
  Register widened(const char* special);
  // An index from 32 bits, and as 32 bits.
  Register from_word(const Register& word);
  Register word_of(const Register& index);

  // The element that a walk reaches from an index, counted in elements, its offset included.
  Register position(const Walk& walk, const Register& index);
  // The place of an index (see Walk), of elements of `bytes`, counted from `base`; without the walk's offset
  // if its digits are only some of the element's.
  Place place(const Walk& walk, const Register& index, const Register& base, int64_t bytes);
  // A predicate for whether all digits are within their bounds; empty if they always are.
  Register exists(const Walk& walk, const Register& index);
  // The same of all digits but the last; and of the last, once `lane` is added to it.
  Register outer_exists(const Walk& walk, const Register& index);
  Register in_bounds(const WalkAxis& axis, const Register& digit, int64_t lane = 0);
  Register last_digit(const Walk& walk, const Register& index);

  // The code that follows is not reached from everywhere: quotients must be computed again.
  void forget() { quotients_.clear(); }

 private:
  std::vector<Register> digits(const Walk& walk, Register index);
  // The sum of digit * stride; empty where nothing is added up.
  Register sum(const Walk& walk, const Register& index);

  PtxWriter& writer_;
  bool is_wide_;
  std::map<std::pair<Register, int64_t>, std::pair<Register, Register>> quotients_;
};

} // namespace adjoint::cuda
