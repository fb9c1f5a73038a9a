#include "options.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace stand_in {

namespace {

uint64_t number(std::string_view text) {
  char* end = nullptr;
  const std::string copy(text);
  uint64_t value = std::strtoull(copy.c_str(), &end, 10);
  if (*end == 'K') value <<= 10;
  if (*end == 'M') value <<= 20;
  if (*end == 'G') value <<= 30;
  return value;
}

void set(Options& made, std::string_view name, std::string_view value) {
  if (name == "no-device")
    made.no_device = true;
  else if (name == "trace")
    made.trace = true;
  else if (name == "count")
    made.count = true;
  else if (name == "checks")
    made.checks = value != "off";
  else if (name == "written")
    made.written = value != "off";
  else if (name == "init")
    made.init = static_cast<int>(number(value));
  else if (name == "driver")
    made.driver = static_cast<int>(number(value));
  else if (name == "capability")
    made.capability = static_cast<int>(number(value));
  else if (name == "devices")
    made.devices = static_cast<int>(number(value));
  else if (name == "memory")
    made.memory = number(value);
  else if (name == "oom-after")
    made.oom_after = number(value);
  else if (name == "sticky-after")
    made.sticky_after = number(value);
  else if (!name.empty()) {
    // A fault that is spelled wrongly must not pass for one that did no harm.
    std::fprintf(stderr, "stand-in: ADJOINT_STAND_IN has no '%.*s'\n", static_cast<int>(name.size()),
                 name.data());
    std::abort();
  }
}

// As the driver reads it: indices up to the first that there is not, or that came before.
void choose_devices(Options& made) {
  const char* list = std::getenv("CUDA_VISIBLE_DEVICES");
  if (!list) {
    for (int device = 0; device < made.devices; ++device) made.visible.push_back(device);
    return;
  }
  for (std::string_view rest = list; !rest.empty();) {
    const size_t comma = rest.find(',');
    const std::string item(rest.substr(0, comma));
    char* end = nullptr;
    const long index = std::strtol(item.c_str(), &end, 10);
    if (end == item.c_str() || index < 0 || index >= made.devices) return;
    if (std::find(made.visible.begin(), made.visible.end(), index) != made.visible.end())
      return made.visible.clear();
    made.visible.push_back(static_cast<int>(index));
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
}

Options read() {
  Options made;
  const char* list = std::getenv("ADJOINT_STAND_IN");
  for (std::string_view rest = list ? list : ""; !rest.empty();) {
    const size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    const size_t equals = item.find('=');
    set(made, item.substr(0, equals), equals == std::string_view::npos ? "" : item.substr(equals + 1));
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  choose_devices(made);
  return made;
}

} // namespace

const Options& options() {
  static const auto* made = new Options(read());
  return *made;
}

} // namespace stand_in
