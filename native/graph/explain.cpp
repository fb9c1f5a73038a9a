#include "graph/explain.h"

#include <cstdio>

namespace adjoint {

namespace {

std::string counted(size_t count, const char* thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

std::string bytes_text(int64_t bytes) {
  constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit < 4; ++unit) value /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

// "float32 [4096, 1024]"; equal ones in a row are counted.
std::string list(const std::vector<const Node*>& values) {
  std::string text;
  for (size_t i = 0; i < values.size();) {
    const std::string one = std::string(info(values[i]->dtype).label) + " " + to_string(values[i]->shape);
    size_t j = i;
    while (j < values.size() && values[j]->dtype == values[i]->dtype && values[j]->shape == values[i]->shape)
      ++j;
    text += (text.empty() ? "" : ", ") + (j - i > 1 ? std::to_string(j - i) + " x " : "") + one;
    i = j;
  }
  return text;
}

std::string ops(const FusedKernel& kernel) {
  std::string text;
  for (const Step& step : kernel.steps)
    if (step.op != Op::number && step.op != Op::stored)
      text += (text.empty() ? "" : ", ") + std::string(info(step.op).name);
  return text.empty() ? "copy" : text;
}

std::string headline(const FusedKernel& kernel) {
  std::string space = counted(static_cast<size_t>(kernel.rows), "element");
  for (const Step& step : kernel.steps)
    if (step.level == Level::element)
      space = counted(static_cast<size_t>(kernel.rows), "row") + " of " + std::to_string(kernel.columns);
  return "over " + space + ": " + ops(kernel);
}
std::string headline(const RoutineKernel& kernel) {
  return std::string(info(kernel.op).name) + (kernel.modes.may_round ? ", TF32 allowed" : "") +
         (kernel.modes.prefers_library ? ", cuBLAS preferred" : "");
}

} // namespace

std::string explain(const std::vector<ExplainedLaunch>& launches, size_t buffers, int64_t buffer_bytes,
                    int64_t bytes_moved) {
  std::string text = counted(launches.size(), "kernel") + ", " + counted(buffers, "buffer") + " of " +
                     bytes_text(buffer_bytes) + " in all, " + bytes_text(bytes_moved) + " read and written\n";
  for (size_t i = 0; i < launches.size(); ++i) {
    const ExplainedLaunch& launch = launches[i];
    text += "kernel " + std::to_string(i + 1) +
            (launch.instances > 1 ? ", " + std::to_string(launch.instances) + " times at once, " : ", ") +
            std::visit([](const auto& kernel) { return headline(kernel); }, launch.kernel) + "\n";
    if (!launch.reads.empty()) text += "  reads " + list(launch.reads) + "\n";
    if (!launch.writes.empty()) text += "  writes " + list(launch.writes) + "\n";
  }
  return text;
}

} // namespace adjoint
