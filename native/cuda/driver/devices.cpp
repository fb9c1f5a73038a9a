#include "cuda/driver/devices.h"

#include <cstdlib>

#include "cuda/driver/driver.h"
#include "device/error.h"

namespace adjoint::cuda {

namespace {

constexpr int oldest_capability = 75;
// CUdevice_attribute
constexpr int multiprocessor_count = 16;
constexpr int capability_major = 75;
constexpr int capability_minor = 76;

struct Found {
  std::vector<DeviceInfo> devices;
  Availability availability;
};

std::string capability_text(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

std::string no_devices() {
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES"))
    return "CUDA_VISIBLE_DEVICES=\"" + std::string(visible) +
           "\" shows this process no GPU; unset it, or name one that there is (nvidia-smi lists them)";
  return "the NVIDIA driver finds no GPU; nvidia-smi lists those it knows, "
         "and a container must be given them";
}

std::string initialization_problem(Result result) {
  if (result == result::no_device) return no_devices();
  const char* description = nullptr;
  driver().cuGetErrorString(result, &description);
  return "the NVIDIA driver could not be initialized: cuInit gave " + name_of(result) +
         (description ? std::string(", ") + description : "") +
         "; after an update of the driver, restart the machine";
}

std::string uuid_text(const Uuid& uuid) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text = "GPU-";
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[uuid.bytes[i] >> 4];
    text += digits[uuid.bytes[i] & 15];
  }
  return text;
}

DeviceInfo ask_about(int ordinal) {
  const Driver& cu = driver();
  DeviceInfo info;
  info.ordinal = ordinal;
  int device = 0, major = 0, minor = 0;
  size_t total_bytes = 0;
  char text[256] = {};
  Uuid uuid{};
  const auto first_problem = [](std::initializer_list<Result> results) {
    for (const Result result : results)
      if (result != result::success) return result;
    return result::success;
  };
  const Result problem = first_problem({
      cu.cuDeviceGet(&device, ordinal),
      cu.cuDeviceGetName(text, sizeof text - 1, device),
      cu.cuDeviceTotalMem_v2(&total_bytes, device),
      cu.cuDeviceGetAttribute(&info.chip.multiprocessors, multiprocessor_count, device),
      cu.cuDeviceGetAttribute(&major, capability_major, device),
      cu.cuDeviceGetAttribute(&minor, capability_minor, device),
  });
  info.name = text;
  info.total_bytes = static_cast<int64_t>(total_bytes);
  info.chip.capability = 10 * major + minor;
  if (cu.cuDeviceGetPCIBusId && cu.cuDeviceGetPCIBusId(text, sizeof text - 1, device) == result::success)
    info.pci_bus_id = text;
  // The second version tells parts of a GPU (MIG) apart.
  const auto ask_uuid = cu.cuDeviceGetUuid_v2 ? cu.cuDeviceGetUuid_v2 : cu.cuDeviceGetUuid;
  if (ask_uuid && ask_uuid(&uuid, device) == result::success) info.uuid = uuid_text(uuid);
  if (problem != result::success)
    info.problem = "the NVIDIA driver does not answer for " + info.label() + ": " + name_of(problem);
  else if (info.chip.capability < oldest_capability)
    info.problem = info.label() + " (" + info.name + ") has compute capability " +
                   capability_text(info.chip.capability) + ", and adjoint needs " +
                   capability_text(oldest_capability) + " or later (Turing, 2018)";
  return info;
}

Found look() {
  Found found;
  std::string& reason = found.availability.reason;
  reason = driver_state().problem;
  if (!reason.empty()) return found;
  const Driver& cu = driver();
  int count = 0;
  Result result = cu.cuInit(0);
  if (result == result::success) result = cu.cuDeviceGetCount(&count);
  if (result != result::success) {
    reason = initialization_problem(result);
    return found;
  }
  for (int ordinal = 0; ordinal < count; ++ordinal) found.devices.push_back(ask_about(ordinal));
  if (found.devices.empty())
    reason = no_devices();
  else if (!has_code())
    reason = "this build of adjoint has no kernels for GPUs, since it was made without an nvcc that works; "
             "install the CUDA toolkit (or set CUDA_HOME to where it is) and build again";
  else
    reason = found.devices.front().problem;
  found.availability.is_available = reason.empty();
  return found;
}

const Found& found() {
  static const Found& result = *new Found(look()); // never destroyed: threads may outlive main
  return result;
}

std::string list_of_devices() {
  std::string text;
  for (const DeviceInfo& info : devices())
    text += (text.empty() ? "" : ", ") + info.label() + " (" + info.name + ")";
  return text;
}

} // namespace

const Availability& availability() { return found().availability; }
const std::vector<DeviceInfo>& devices() { return found().devices; }

std::string driver_version() {
  return driver_state().version == 0 ? "" : version_text(driver_state().version);
}

const DeviceInfo& device_info(int64_t ordinal) {
  const auto no_cuda = [](const std::string& reason) {
    return Error(ErrorClass::error, "ERR_NO_CUDA", "CUDA is not available: " + reason);
  };
  // The first device's problem need not be this one's.
  if (devices().empty() || !has_code()) throw no_cuda(availability().reason);
  if (ordinal < 0 || ordinal >= static_cast<int64_t>(devices().size()))
    throw Error(ErrorClass::range_error, "ERR_DEVICE",
                "there is no device cuda:" + std::to_string(ordinal) + "; there is " + list_of_devices());
  const DeviceInfo& info = devices()[static_cast<size_t>(ordinal)];
  if (!info.problem.empty()) throw no_cuda(info.problem);
  return info;
}

} // namespace adjoint::cuda
