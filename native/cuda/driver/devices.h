// The GPUs of this machine, and if there is none to compute on, the reason.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cuda/code/make_code.h"

namespace adjoint::cuda {

struct DeviceInfo {
  int ordinal = 0; // as in "cuda:0", among those that CUDA_VISIBLE_DEVICES shows
  std::string name;
  int64_t total_bytes = 0;
  Chip chip;
  std::string pci_bus_id; // "0000:3b:00.0", or empty where the driver does not tell
  std::string uuid;       // "GPU-6e4f1b2a-...", likewise
  std::string problem;    // why it cannot be used; empty if it can
  std::string label() const { return "cuda:" + std::to_string(ordinal); }
};

struct Availability {
  bool is_available = false; // device 0 can compute
  std::string reason;        // if not
};

// The first call finds out, once and for all: the driver shows a process the same GPUs while it lives.
const Availability& availability();
const std::vector<DeviceInfo>& devices();
// The driver's CUDA version as in "12.4"; empty where there is no driver.
std::string driver_version();

// The device with this number. Throws ERR_NO_CUDA if none can be used, a RangeError if this one is not there.
const DeviceInfo& device_info(int64_t ordinal);

} // namespace adjoint::cuda
