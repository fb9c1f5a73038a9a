#include "device/environment.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "device/error.h"

namespace adjoint::environment {

namespace {

[[noreturn]] void refuse(const char* name, std::string_view value, const std::string& expected) {
  throw Error(ErrorClass::error, "ERR_OPTION",
              std::string(name) + " is \"" + std::string(value) + "\"; expected " + expected);
}

// An empty value counts as no variable.
std::string_view value_of(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

} // namespace

bool is_on(const char* name) {
  const std::string_view value = value_of(name);
  if (value.empty() || value == "1") return true;
  if (value != "0") refuse(name, value, "0 or 1");
  return false;
}

int64_t count(const char* name, int64_t most, bool has_units) {
  const std::string_view value = value_of(name);
  if (value.empty()) return 0;
  int64_t number = 0;
  const char* end = value.data() + value.size();
  const auto [rest, problem] = std::from_chars(value.data(), end, number);
  bool is_good = problem == std::errc() && number >= 1;
  if (is_good && has_units && rest + 1 == end) {
    constexpr std::string_view units = "KMG";
    const size_t unit = units.find(*rest);
    is_good = unit != std::string_view::npos && number <= most >> (10 * (unit + 1));
    if (is_good) number <<= 10 * (unit + 1);
  } else {
    is_good &= rest == end;
  }
  if (!is_good || number > most)
    refuse(name, value,
           "a whole number from 1 to " + std::to_string(most) + (has_units ? ", or one with K, M or G" : ""));
  return number;
}

} // namespace adjoint::environment
