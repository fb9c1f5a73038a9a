// What the graph knows of a device: memory, transfers, and kernels described by data. It names no op.
#pragma once
#include "device/dims.h"
#include "device/dtype.h"
#include "device/refcount.h"

namespace adjoint {

enum class Op : uint16_t;
class Device;

// Memory on one device. Its bytes never move; whoever holds a Ref may read them.
class Buffer final : public RefCounted {
 public:
  Buffer(Device& device, void* data, int64_t bytes) : device(device), data(data), bytes(bytes) {}
  ~Buffer() override;
  Device& device;
  void* const data;
  const int64_t bytes;
};

// A number that reaches kernels at run time, so that another value needs no other plan.
struct Number {
  DType dtype = DType::float64; // float64, int64 or boolean: only the category matters
  union {
    double real;
    int64_t integer;
  };
  Number(double value = 0) : real(value) {}
  static Number of_integer(int64_t value) {
    Number number;
    number.dtype = DType::int64;
    number.integer = value;
    return number;
  }
  static Number of_boolean(bool value) {
    Number number = of_integer(value);
    number.dtype = DType::boolean;
    return number;
  }
  double as_double() const { return dtype == DType::float64 ? real : static_cast<double>(integer); }
  template <class T> T as() const { return dtype == DType::float64 ? convert<T>(real) : convert<T>(integer); }
};

// What an op needs beyond its inputs; which fields count is the op's own affair.
struct Attributes final : RefCounted {
  Dims axes;   // reductions: the axes that go; permute: the order
  Dims starts; // slices: the first index per axis
  Dims steps;  // slices: the distance per axis, negative to walk backwards
  Number numbers[3];
  bool is_disjoint = false; // splices: nothing of the base that has a gradient lies where the part goes
  uint64_t seed = 0;
  uint64_t offset = 0;
};

// How a kernel walks one array: element (i0, i1, ...) lies at offset + sum of i * stride, counted in
// elements. Without a buffer it is `number` everywhere.
struct Operand {
  Buffer* buffer = nullptr;
  DType dtype = DType::float32;
  int64_t offset = 0;
  Dims strides;
  Number number;
};

// One launch. `shape` is the space that is walked; a reduction's output has stride 0 along the axes that go.
struct Kernel {
  Op op{};
  DType dtype = DType::float32; // of the arithmetic
  Dims shape;
  Operand inputs[3];
  uint8_t input_count = 0;
  Operand output;
  Ref<Attributes> attributes;
};

class Device {
 public:
  virtual ~Device() = default;
  // Throws ERR_HOST_OOM (or the device's own code) and leaves everything as it was.
  virtual Ref<Buffer> allocate(int64_t bytes) = 0;
  virtual void free(Buffer& buffer) noexcept = 0;
  virtual void upload(Buffer& to, const void* from, int64_t bytes) = 0;
  virtual void download(void* to, const Buffer& from, int64_t bytes) = 0;
  virtual void launch(const Kernel& kernel) = 0;
  // More bytes than this can never be had at once.
  virtual int64_t capacity_bytes() const = 0;
  // What live buffers hold now.
  virtual int64_t live_bytes() const = 0;
};

inline Buffer::~Buffer() { device.free(*this); }

} // namespace adjoint
