#include "cuda/code/index_code.h"

#include <algorithm>

namespace adjoint::cuda {

Register IndexCode::constant(int64_t value) {
  const Register out = writer_.fresh(width());
  writer_.line("mov", bits_of(width()), " ", out, ", ", value);
  return out;
}

Register IndexCode::plus(const Register& a, int64_t b) { return b == 0 ? a : plus(a, std::to_string(b)); }

Register IndexCode::plus(const Register& a, const Register& b) {
  const Register out = writer_.fresh(width());
  writer_.line("add", type(), " ", out, ", ", a, ", ", b);
  return out;
}

Register IndexCode::times(const Register& a, int64_t b) {
  if (b == 1) return a;
  const Register out = writer_.fresh(width());
  writer_.line("mul.lo", type(), " ", out, ", ", a, ", ", b);
  return out;
}

Register IndexCode::is_less(const Register& a, const Register& b) {
  const Register out = writer_.fresh(Width::flag);
  writer_.line("setp.lt", type(), " ", out, ", ", a, ", ", b);
  return out;
}

Register IndexCode::is_less(const Register& a, int64_t b) { return is_less(a, std::to_string(b)); }

void IndexCode::divide(const Register& index, int64_t divisor, Register& quotient, Register& rest) {
  auto& known = quotients_[{index, divisor}];
  if (known.first.empty()) {
    // The index is never negative, and dividing unsigned takes fewer instructions.
    const char* bits = is_wide_ ? ".u64" : ".u32";
    known.first = writer_.fresh(width());
    known.second = writer_.fresh(width());
    writer_.line("div", bits, " ", known.first, ", ", index, ", ", divisor);
    writer_.line("mad.lo", type(), " ", known.second, ", ", known.first, ", ", -divisor, ", ", index);
  }
  std::tie(quotient, rest) = known;
}

Register IndexCode::widened(const char* special) {
  const Register word = writer_.fresh(Width::word);
  writer_.line("mov.u32 ", word, ", ", special);
  return from_word(word);
}

Register IndexCode::from_word(const Register& word) {
  if (!is_wide_) return word;
  const Register out = writer_.fresh(Width::wide);
  writer_.line("cvt.u64.u32 ", out, ", ", word);
  return out;
}

Register IndexCode::word_of(const Register& index) {
  if (!is_wide_) return index;
  const Register out = writer_.fresh(Width::word);
  writer_.line("cvt.u32.u64 ", out, ", ", index);
  return out;
}

std::vector<Register> IndexCode::digits(const Walk& walk, Register index) {
  std::vector<Register> list(walk.axes.size());
  for (size_t i = list.size(); i-- > 1;) {
    Register quotient;
    divide(index, walk.axes[i].extent, quotient, list[i]);
    index = quotient;
  }
  if (!list.empty()) list[0] = index;
  return list;
}

Register IndexCode::sum(const Walk& walk, const Register& index) {
  const std::vector<Register> digit = digits(walk, index);
  Register sum;
  for (size_t i = 0; i < digit.size(); ++i) {
    const int64_t stride = walk.axes[i].stride;
    if (stride == 0) continue;
    if (sum.empty()) {
      sum = times(digit[i], stride);
      continue;
    }
    const Register next = writer_.fresh(width());
    writer_.line("mad.lo", type(), " ", next, ", ", digit[i], ", ", stride, ", ", sum);
    sum = next;
  }
  return sum;
}

Register IndexCode::position(const Walk& walk, const Register& index) {
  const Register distance = sum(walk, index);
  return distance.empty() ? constant(walk.offset) : plus(distance, walk.offset);
}

Place IndexCode::place(const Walk& walk, const Register& index, const Register& base, int64_t bytes) {
  Place place{base, walk.offset * bytes, {}};
  const Register distance = sum(walk, index);
  if (!distance.empty()) {
    place.address = writer_.fresh(Width::wide);
    writer_.line(is_wide_ ? "mad.lo.s64 " : "mad.wide.s32 ", place.address, ", ", distance, ", ", bytes, ", ",
                 base);
  }
  if (place.displacement > INT32_MAX / 2 || place.displacement < INT32_MIN / 2) {
    const Register moved = writer_.fresh(Width::wide);
    writer_.line("add.s64 ", moved, ", ", place.address, ", ", place.displacement);
    place.address = moved;
    place.displacement = 0;
  }
  return place;
}

Register IndexCode::in_bounds(const WalkAxis& axis, const Register& digit, int64_t lane) {
  if (!axis.is_bounded()) return {};
  const Register moved = plus(digit, lane - axis.first);
  const Register out = writer_.fresh(Width::flag);
  writer_.line("setp.lt", is_wide_ ? ".u64 " : ".u32 ", out, ", ", moved, ", ",
               std::max<int64_t>(axis.last - axis.first, 0));
  return out;
}

Register IndexCode::outer_exists(const Walk& walk, const Register& index) {
  Register all;
  const std::vector<Register> digit = digits(walk, index);
  for (size_t i = 0; i + 1 < digit.size(); ++i) all = writer_.both(all, in_bounds(walk.axes[i], digit[i]));
  return all;
}

Register IndexCode::exists(const Walk& walk, const Register& index) {
  if (walk.axes.empty()) return {};
  return writer_.both(outer_exists(walk, index), in_bounds(walk.axes.back(), last_digit(walk, index)));
}

Register IndexCode::last_digit(const Walk& walk, const Register& index) { return digits(walk, index).back(); }

} // namespace adjoint::cuda
