// Modules, functions and launches.
#include <algorithm>
#include <cfenv>
#include <cstdio>
#include <cstring>

#include "decoder.h"
#include "driver.h"

using namespace stand_in;

namespace {

constexpr int STATIC_SHARED_LIMIT = 49152, SHARED_LIMIT = 65536;

// The newest PTX that a driver takes: of its own toolkit.
int newest_ptx(int driver) {
  const int major = driver / 1000, minor = driver % 1000 / 10;
  if (major == 11) return 70 + minor;
  if (major == 12) return minor <= 5 ? 80 + minor : minor == 6 ? 85 : 79 + minor;
  return 10 * (major - 4) + minor;
}

struct Log {
  char* text = nullptr;
  size_t bytes = 0;
  void** filled = nullptr;
  void write(const std::string& message) const {
    if (text && bytes) std::snprintf(text, bytes, "%s", message.c_str());
    const size_t length = text && bytes ? std::min(message.size() + 1, bytes) : 0;
    if (filled) std::memcpy(filled, &length, sizeof length);
  }
};

void fill_global(const Module& module, const Variable& variable, const Addresses& addresses) {
  const AllocationPtr place = driver().memory.find(addresses.at(&variable), 1);
  std::memset(place->written, 1, place->bytes); // what is not given is zero
  const uint32_t element = bytes_of(variable.type);
  size_t at = 0;
  for (const Initial& initial : variable.initial) {
    uint64_t bits = initial.bits;
    if (!initial.symbol.empty()) {
      const auto found = module.variable_by_name.find(initial.symbol);
      if (found == module.variable_by_name.end() || !addresses.contains(found->second))
        throw PtxError{CUDA_ERROR_INVALID_PTX, "variable " + variable.name + " holds the address of " +
                                                   initial.symbol + ", which has none"};
      bits += addresses.at(found->second);
    }
    if (at + element > place->bytes)
      throw PtxError{CUDA_ERROR_INVALID_PTX, "variable " + variable.name + " has more values than room"};
    std::memcpy(place->data + at, &bits, element);
    at += element;
  }
}

std::shared_ptr<ModuleObject> load(Context& context, const char* text) {
  if (std::memcmp(text,
                  "\x7F"
                  "ELF",
                  4) == 0)
    throw PtxError{CUDA_ERROR_NO_BINARY_FOR_GPU, "no PTX"};
  auto made = std::make_shared<ModuleObject>();
  made->context = &context;
  made->module = parse(text);
  const Module& module = *made->module;
  if (module.version > newest_ptx(options().driver))
    throw PtxError{CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "PTX " + std::to_string(module.version / 10) + "." +
                                                           std::to_string(module.version % 10) +
                                                           " is newer than the driver"};
  if (module.target > options().capability)
    throw PtxError{CUDA_ERROR_INVALID_PTX, ".target sm_" + std::to_string(module.target) +
                                               " is beyond the device's capability " +
                                               std::to_string(options().capability)};
  Addresses addresses;
  try {
    for (const Variable* variable : module.globals) {
      const uint64_t bytes = std::max<uint64_t>(variable->bytes, 1);
      const AllocationPtr place = driver().memory.allocate(context.device, bytes, options().memory);
      if (!place) throw ApiError{CUDA_ERROR_OUT_OF_MEMORY};
      made->globals.push_back(place->address);
      addresses[variable] = place->address;
    }
    for (const Variable* variable : module.globals) fill_global(module, *variable, addresses);
    for (const Function& function : module.functions)
      if (function.is_entry && function.is_defined)
        made->programs[function.name] = decode(made->module, function, addresses);
  } catch (...) {
    for (const uint64_t address : made->globals) driver().memory.free(address, context.device);
    throw;
  }
  return made;
}

} // namespace

CUDA_API cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned count, CUjit_option* names,
                            void** values) {
  return enter("cuModuleLoadDataEx", Needs::healthy_context, [&](Context* context) -> CUresult {
    require(module && image);
    require(count == 0 || (names && values));
    Log error, info;
    for (unsigned k = 0; k < count; ++k) {
      const auto number = reinterpret_cast<size_t>(values[k]);
      if (names[k] == CU_JIT_ERROR_LOG_BUFFER) error.text = static_cast<char*>(values[k]);
      if (names[k] == CU_JIT_INFO_LOG_BUFFER) info.text = static_cast<char*>(values[k]);
      if (names[k] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
        error.bytes = number & 0xFFFFFFFF, error.filled = values + k;
      if (names[k] == CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES)
        info.bytes = number & 0xFFFFFFFF, info.filled = values + k;
    }
    try {
      const auto made = load(*context, static_cast<const char*>(image));
      *module = driver().modules.add(made);
      ++driver().modules_loaded;
    } catch (const PtxError& problem) {
      error.write("stand-in: " + problem.message);
      info.write("");
      return static_cast<CUresult>(problem.code);
    }
    error.write("");
    info.write("");
    return CUDA_SUCCESS;
  });
}

CUDA_API cuModuleUnload(CUmodule module) {
  return enter("cuModuleUnload", Needs::context, [&](Context* context) {
    const auto found = find<ModuleObject>(driver().modules, module);
    wait_for_all(*context);
    for (const auto& [name, function] : found->functions) driver().functions.remove(function);
    for (const uint64_t address : found->globals) driver().memory.free(address, found->context->device);
    driver().modules.remove(module);
    return CUDA_SUCCESS;
  });
}

CUDA_API cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  return enter("cuModuleGetFunction", Needs::healthy_context, [&](Context*) -> CUresult {
    require(function && name);
    const auto found = find<ModuleObject>(driver().modules, module);
    const auto program = found->programs.find(name);
    if (program == found->programs.end()) return CUDA_ERROR_NOT_FOUND;
    std::lock_guard lock(driver().mutex);
    CUfunction& known = found->functions[name];
    if (!known) {
      FunctionObject made{found->context, program->second};
      made.max_dynamic_shared = STATIC_SHARED_LIMIT - static_cast<int>(program->second->shared_bytes);
      known = driver().functions.add(std::make_shared<FunctionObject>(made));
    }
    *function = known;
    return CUDA_SUCCESS;
  });
}

CUDA_API cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction function) {
  return enter("cuFuncGetAttribute", Needs::healthy_context, [&](Context*) -> CUresult {
    require(value);
    const auto found = find<FunctionObject>(driver().functions, function);
    const Program& program = *found->program;
    switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
      *value = static_cast<int>(program.max_threads);
      break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
      *value = static_cast<int>(program.shared_bytes);
      break;
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
      *value = 0;
      break;
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
      *value = static_cast<int>(program.local_bytes);
      break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
      *value = static_cast<int>(std::clamp(program.register_count, 16u, 255u));
      break;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
      *value = program.module->version;
      break;
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
      *value = options().capability;
      break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      *value = found->max_dynamic_shared;
      break;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      *value = found->carveout;
      break;
    default:
      return CUDA_ERROR_INVALID_VALUE;
    }
    return CUDA_SUCCESS;
  });
}

CUDA_API cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
  return enter("cuFuncSetAttribute", Needs::healthy_context, [&](Context*) -> CUresult {
    const auto found = find<FunctionObject>(driver().functions, function);
    if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) {
      require(value >= -1 && value <= 100);
      found->carveout = value;
      return CUDA_SUCCESS;
    }
    require(attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
    require(value >= 0 && value + static_cast<int>(found->program->shared_bytes) <= SHARED_LIMIT);
    found->max_dynamic_shared = value;
    return CUDA_SUCCESS;
  });
}

CUDA_API cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function, int threads,
                                                     size_t shared_bytes) {
  return enter("cuOccupancyMaxActiveBlocksPerMultiprocessor", Needs::healthy_context, [&](Context*) {
    require(blocks && threads > 0);
    const auto found = find<FunctionObject>(driver().functions, function);
    const int warps = (threads + 31) / 32;
    const size_t shared = found->program->shared_bytes + shared_bytes;
    int most = std::min(16, 32 / warps);
    if (shared) most = std::min(most, static_cast<int>(SHARED_LIMIT / shared));
    const bool fits = threads <= static_cast<int>(found->program->max_threads);
    *blocks = fits ? most : 0;
    return CUDA_SUCCESS;
  });
}

namespace stand_in {

namespace {

void run_kernel(Context& context, const Launch& launch) {
  const Checks checks{options().checks, options().written};
  Machine machine(launch, driver().memory.map(), checks);
  try {
    machine.run(driver().is_ending);
  } catch (const Fault& fault) {
    std::fesetround(FE_TONEAREST);
    if (driver().is_ending) return;
    std::fprintf(stderr, "stand-in: %s\n", machine.describe(fault).c_str());
    context.error = fault.code;
  }
}

std::vector<std::byte> gather_parameters(const Program& program, void** parameters, void** extra) {
  std::vector<std::byte> made(std::max<uint32_t>(program.parameter_bytes, 1));
  if (program.parameters.empty()) return made;
  if (parameters) {
    require(!extra);
    for (size_t k = 0; k < program.parameters.size(); ++k) {
      require(parameters[k]);
      std::memcpy(made.data() + program.parameters[k].offset, parameters[k], program.parameters[k].bytes);
    }
    return made;
  }
  require(extra);
  const void* buffer = nullptr;
  size_t bytes = 0;
  for (void** item = extra; *item != CU_LAUNCH_PARAM_END; item += 2) {
    if (*item == CU_LAUNCH_PARAM_BUFFER_POINTER)
      buffer = item[1];
    else if (*item == CU_LAUNCH_PARAM_BUFFER_SIZE)
      bytes = *static_cast<size_t*>(item[1]);
    else
      throw ApiError{CUDA_ERROR_INVALID_VALUE};
  }
  require(buffer && bytes >= program.parameter_bytes);
  std::memcpy(made.data(), buffer, program.parameter_bytes);
  return made;
}

} // namespace

Work prepare_launch(Context& context, CUfunction function, const uint32_t* grid, const uint32_t* block,
                    uint32_t shared_bytes, void** parameters, void** extra) {
  const auto found = find<FunctionObject>(driver().functions, function);
  require(found->context == &context, CUDA_ERROR_INVALID_HANDLE);
  const uint64_t threads = uint64_t{block[0]} * block[1] * block[2];
  require(threads > 0 && threads <= found->program->max_threads && block[0] <= 1024 && block[1] <= 1024 &&
          block[2] <= 64);
  require(grid[0] > 0 && grid[1] > 0 && grid[2] > 0);
  require(grid[0] <= 0x7FFFFFFF && grid[1] <= 65535 && grid[2] <= 65535);
  require(static_cast<int64_t>(shared_bytes) <= found->max_dynamic_shared);
  Launch launch;
  launch.program = found->program;
  std::copy_n(grid, 3, launch.grid);
  std::copy_n(block, 3, launch.block);
  launch.dynamic_shared_bytes = shared_bytes;
  launch.device = context.device;
  launch.parameters = gather_parameters(*found->program, parameters, extra);
  return std::make_shared<const std::function<void()>>([&context, launch] { run_kernel(context, launch); });
}

} // namespace stand_in

CUDA_API cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                        CUstream stream, void** parameters, void** extra) {
  return enter("cuLaunchKernel", Needs::healthy_context, [&](Context* context) {
    const StreamPtr on = find_stream(*context, stream);
    const uint32_t grid[] = {grid_x, grid_y, grid_z}, block[] = {block_x, block_y, block_z};
    const Work work = prepare_launch(on->context, function, grid, block, shared_bytes, parameters, extra);
    ++driver().launches;
    submit(on, guarded(on->context, with_fault(on->context, work)));
    return CUDA_SUCCESS;
  });
}
