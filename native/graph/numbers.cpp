#include "graph/numbers.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "device/error.h"

namespace adjoint {

namespace {

struct Range {
  int64_t lowest, highest;
};

// Of an integer dtype.
Range range_of(DType dtype) {
  return with_type(dtype, []<class T>() -> Range {
    if constexpr (std::is_integral_v<T>)
      return {static_cast<int64_t>(std::numeric_limits<T>::lowest()),
              static_cast<int64_t>(std::numeric_limits<T>::max())};
    else
      return {};
  });
}

// -1, 0 or 1: below the range, in it, above it.
int side(double value, const Range& range) {
  // The highest int64 has no double of its own, but 2**63 is above it.
  if (value < static_cast<double>(range.lowest)) return -1;
  return value >= static_cast<double>(range.highest) + (range.highest > (int64_t{1} << 53) ? 0 : 1);
}
int side(int64_t value, const Range& range) { return value < range.lowest ? -1 : value > range.highest; }

std::string text_of(const Number& number) {
  if (number.dtype != DType::float64) return std::to_string(number.integer);
  if (std::isnan(number.real)) return "NaN";
  if (std::isinf(number.real)) return number.real > 0 ? "Infinity" : "-Infinity";
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number.real).ptr;
  return {text, end};
}

[[noreturn]] void refuse(std::string_view op, const Number& number, DType dtype) {
  const std::string name(op), label(info(dtype).label);
  std::string holds;
  if (!is_floating(dtype)) {
    const Range range = range_of(dtype);
    holds = ", which holds " + std::to_string(range.lowest) + " to " + std::to_string(range.highest);
  }
  const std::string wider = is_half_dtype(dtype)                               ? "\"float32\""
                            : dtype == DType::float32 || dtype == DType::int64 ? "\"float64\""
                                                                               : "\"int64\"";
  const bool makes_tensor = name.starts_with("full") || name == "scalarTensor";
  throw Error(ErrorClass::range_error, "ERR_VALUE",
              "value cannot be converted to type " + label + " without overflow; " + name + ": " +
                  text_of(number) + " is no " + label + holds +
                  (makes_tensor ? "; choose a dtype that holds it, as in { dtype: " + wider + " }"
                                : "; convert the tensor first, as in x.to(" + wider + ")"),
              name);
}

bool fits(const Number& number, DType dtype) {
  if (dtype == DType::boolean || dtype == DType::float64) return true;
  if (is_floating(dtype))
    return !std::isfinite(number.as_double()) || std::abs(number.as_double()) <= largest_of(dtype);
  if (number.dtype != DType::float64) return side(number.integer, range_of(dtype)) == 0;
  return std::isfinite(number.real) && side(std::trunc(number.real), range_of(dtype)) == 0;
}

} // namespace

void check_fits(std::string_view op, const Number& number, DType dtype) {
  if (!fits(number, dtype)) refuse(op, number, dtype);
}

bool gives_elements(Op op) { return op == Op::where || op == Op::clamp; }

Number fitted_number(const OpInfo& row, const Number& number, DType dtype) {
  const Op op = static_cast<Op>(&row - op_table);
  if (is_floating(dtype)) {
    if (gives_elements(op)) check_fits(row.name, number, dtype);
    return number;
  }
  // Any number counts as true but zero.
  if (op == Op::logicalAnd || op == Op::logicalOr)
    return Number::of_boolean(number.dtype == DType::float64 ? number.real != 0 : number.integer != 0);
  if (fits(number, dtype)) return number;
  if (op == Op::add || op == Op::sub || op == Op::mul) return number;
  if (op == Op::maximum || op == Op::minimum || op == Op::clamp) {
    const Range range = range_of(dtype);
    return Number::of_integer(side(number.integer, range) < 0 ? range.lowest : range.highest);
  }
  refuse(row.name, number, dtype);
}

std::optional<Comparison> comparison_with(Op op, DType integers, const Number& number, bool number_is_first) {
  const bool is_real = number.dtype == DType::float64;
  if (is_floating(integers) || integers == DType::boolean || (is_real && std::isnan(number.real))) return {};
  if (number_is_first) {
    // 3 < x is x > 3.
    switch (op) {
    case Op::lt:
      op = Op::gt;
      break;
    case Op::le:
      op = Op::ge;
      break;
    case Op::gt:
      op = Op::lt;
      break;
    case Op::ge:
      op = Op::le;
      break;
    default:
      break;
    }
  }
  // With the whole number on the side on which no integer lies between.
  double bound = is_real ? number.real : 0;
  switch (op) {
  case Op::lt:
  case Op::ge:
    bound = std::ceil(bound);
    break;
  case Op::le:
  case Op::gt:
    bound = std::floor(bound);
    break;
  case Op::eq:
  case Op::ne:
    if (bound != std::floor(bound)) return Comparison{op == Op::ne, {}};
    break;
  default:
    return {};
  }
  const Range range = range_of(integers);
  const int beyond = is_real ? side(bound, range) : side(number.integer, range);
  if (beyond == 0) return Comparison{{}, is_real ? Number::of_integer(static_cast<int64_t>(bound)) : number};
  if (op == Op::eq || op == Op::ne) return Comparison{op == Op::ne, {}};
  const bool is_below = op == Op::lt || op == Op::le; // asks whether elements are below
  return Comparison{is_below == (beyond > 0), {}};
}

} // namespace adjoint
