// Memory, and copies of it.
#include <cstring>

#include "driver.h"

using namespace stand_in;

CUDA_API cuMemGetInfo_v2(size_t* free, size_t* total) {
  return enter("cuMemGetInfo_v2", Needs::healthy_context, [&](Context* context) {
    require(free && total);
    *total = options().memory;
    *free = options().memory - driver().memory.used(context->device);
    return CUDA_SUCCESS;
  });
}

CUDA_API cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
  return enter("cuMemAlloc_v2", Needs::healthy_context, [&](Context* context) -> CUresult {
    require(address && bytes > 0);
    if (++driver().allocations == options().oom_after) return CUDA_ERROR_OUT_OF_MEMORY;
    const AllocationPtr made = driver().memory.allocate(context->device, bytes, options().memory);
    if (!made) return CUDA_ERROR_OUT_OF_MEMORY;
    *address = made->address;
    return CUDA_SUCCESS;
  });
}

// Like the real one it waits for what is under way.
CUDA_API cuMemFree_v2(CUdeviceptr address) {
  return enter("cuMemFree_v2", Needs::outcome, [&](Context* context) {
    if (address == 0) return CUDA_SUCCESS;
    wait_for_all(*context);
    require(driver().memory.free(address, context->device));
    ++driver().frees;
    return CUDA_SUCCESS;
  });
}

CUDA_API cuMemHostAlloc(void** address, size_t bytes, unsigned flags) {
  return enter("cuMemHostAlloc", Needs::healthy_context, [&](Context*) -> CUresult {
    require(address && bytes > 0 && flags <= 7);
    const AllocationPtr made = driver().memory.allocate_host(bytes);
    if (!made) return CUDA_ERROR_OUT_OF_MEMORY;
    *address = made->data;
    return CUDA_SUCCESS;
  });
}
CUDA_API cuMemFreeHost(void* address) {
  return enter("cuMemFreeHost", Needs::context, [&](Context* context) {
    wait_for_all(*context);
    require(driver().memory.free(reinterpret_cast<uint64_t>(address), -1));
    return CUDA_SUCCESS;
  });
}

namespace {

// A piece of memory that stays there as long as this does.
struct Piece {
  AllocationPtr owner; // of device memory and pinned memory
  std::byte* data = nullptr;
  std::byte* written = nullptr;
};

Piece device_piece(CUdeviceptr address, size_t bytes) {
  const AllocationPtr found = driver().memory.find(address, bytes);
  require(found && found->device >= 0);
  const uint64_t offset = address - found->address;
  return {found, found->data + offset, found->written + offset};
}
Piece host_piece(const void* address, size_t bytes) {
  require(address);
  const AllocationPtr found = driver().memory.find(reinterpret_cast<uint64_t>(address), bytes);
  return {found, static_cast<std::byte*>(const_cast<void*>(address)), nullptr};
}
void copy(const Piece& to, const Piece& from, size_t bytes) {
  std::memmove(to.data, from.data, bytes);
  if (!to.written) return;
  if (from.written)
    std::memmove(to.written, from.written, bytes);
  else
    std::memset(to.written, 1, bytes);
}

Work make_work(std::function<void()> work) {
  return std::make_shared<const std::function<void()>>(std::move(work));
}
uint64_t submit_work(const StreamPtr& stream, std::function<void()> work) {
  return submit(stream, guarded(stream->context, make_work(std::move(work))));
}

} // namespace

// Pinned memory is read when the copy runs; other memory is read here, as by a driver that stages it.
CUDA_API cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  return enter("cuMemcpyHtoDAsync_v2", Needs::healthy_context, [&](Context* context) {
    if (bytes == 0) return CUDA_SUCCESS;
    const StreamPtr on = find_stream(*context, stream);
    const Piece target = device_piece(to, bytes);
    Piece source = host_piece(from, bytes);
    std::shared_ptr<std::vector<std::byte>> staged;
    if (!source.owner) {
      staged = std::make_shared<std::vector<std::byte>>(source.data, source.data + bytes);
      source.data = staged->data();
    }
    submit_work(on, [target, source, staged, bytes] { copy(target, source, bytes); });
    return CUDA_SUCCESS;
  });
}

CUDA_API cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return enter("cuMemcpyDtoHAsync_v2", Needs::outcome, [&](Context* context) {
    if (bytes == 0) return CUDA_SUCCESS;
    const StreamPtr on = find_stream(*context, stream);
    const Piece target = host_piece(to, bytes), source = device_piece(from, bytes);
    const uint64_t ticket = submit_work(on, [target, source, bytes] { copy(target, source, bytes); });
    if (!target.owner) on->wait(ticket);
    return CUDA_SUCCESS;
  });
}

CUDA_API cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return enter("cuMemcpyDtoDAsync_v2", Needs::healthy_context, [&](Context* context) {
    if (bytes == 0) return CUDA_SUCCESS;
    const StreamPtr on = find_stream(*context, stream);
    const Piece target = device_piece(to, bytes), source = device_piece(from, bytes);
    submit_work(on, [target, source, bytes] { copy(target, source, bytes); });
    return CUDA_SUCCESS;
  });
}

CUDA_API cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context,
                           size_t bytes, CUstream stream) {
  return enter("cuMemcpyPeerAsync", Needs::healthy_context, [&](Context* context) {
    if (bytes == 0) return CUDA_SUCCESS;
    const auto to_found = driver().contexts.find(to_context),
               from_found = driver().contexts.find(from_context);
    require(to_found && from_found, CUDA_ERROR_INVALID_CONTEXT);
    const StreamPtr on = find_stream(*context, stream);
    const Piece target = device_piece(to, bytes), source = device_piece(from, bytes);
    require(target.owner->device == to_found->device && source.owner->device == from_found->device);
    submit_work(on, [target, source, bytes] { copy(target, source, bytes); });
    return CUDA_SUCCESS;
  });
}

CUDA_API cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
  return enter("cuMemsetD8Async", Needs::healthy_context, [&](Context* context) {
    if (count == 0) return CUDA_SUCCESS;
    const StreamPtr on = find_stream(*context, stream);
    const Piece target = device_piece(to, count);
    submit_work(on, [target, value, count] {
      std::memset(target.data, value, count);
      std::memset(target.written, 1, count);
    });
    return CUDA_SUCCESS;
  });
}

CUDA_API cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
  return enter("cuMemsetD32Async", Needs::healthy_context, [&](Context* context) {
    if (count == 0) return CUDA_SUCCESS;
    const StreamPtr on = find_stream(*context, stream);
    require(to % 4 == 0);
    const Piece target = device_piece(to, count * 4);
    submit_work(on, [target, value, count] {
      for (size_t k = 0; k < count; ++k) std::memcpy(target.data + 4 * k, &value, 4);
      std::memset(target.written, 1, count * 4);
    });
    return CUDA_SUCCESS;
  });
}

// ---- in graphs

namespace stand_in {

// A box of bytes in another: rows of WidthInBytes.
Work prepare_copy(const CUDA_MEMCPY3D& box) {
  const auto is_known = [](CUmemorytype type) {
    return type == CU_MEMORYTYPE_HOST || type == CU_MEMORYTYPE_DEVICE;
  };
  require(is_known(box.srcMemoryType) && is_known(box.dstMemoryType), CUDA_ERROR_NOT_SUPPORTED);
  require(box.WidthInBytes > 0 && box.Height > 0 && box.Depth > 0);
  const bool has_rows = box.Height > 1 || box.Depth > 1;
  require(!has_rows || (box.srcPitch >= box.WidthInBytes && box.dstPitch >= box.WidthInBytes));
  const auto start = [](size_t x, size_t y, size_t z, size_t pitch, size_t height) {
    return x + pitch * (y + height * z);
  };
  const size_t from = start(box.srcXInBytes, box.srcY, box.srcZ, box.srcPitch, box.srcHeight);
  const size_t to = start(box.dstXInBytes, box.dstY, box.dstZ, box.dstPitch, box.dstHeight);
  const auto extent = [&](size_t pitch, size_t height) {
    return box.WidthInBytes + pitch * (box.Height - 1 + height * (box.Depth - 1));
  };
  const size_t from_bytes = extent(box.srcPitch, box.srcHeight),
               to_bytes = extent(box.dstPitch, box.dstHeight);
  const Piece source = box.srcMemoryType == CU_MEMORYTYPE_DEVICE
                           ? device_piece(box.srcDevice + from, from_bytes)
                           : host_piece(static_cast<const std::byte*>(box.srcHost) + from, from_bytes);
  const Piece target = box.dstMemoryType == CU_MEMORYTYPE_DEVICE
                           ? device_piece(box.dstDevice + to, to_bytes)
                           : host_piece(static_cast<std::byte*>(box.dstHost) + to, to_bytes);
  return make_work([source, target, box] {
    for (size_t z = 0; z < box.Depth; ++z)
      for (size_t y = 0; y < box.Height; ++y) {
        const size_t from_row = box.srcPitch * (y + box.srcHeight * z),
                     to_row = box.dstPitch * (y + box.dstHeight * z);
        const Piece row_from{nullptr, source.data + from_row,
                             source.written ? source.written + from_row : nullptr};
        const Piece row_to{nullptr, target.data + to_row, target.written ? target.written + to_row : nullptr};
        copy(row_to, row_from, box.WidthInBytes);
      }
  });
}

} // namespace stand_in
