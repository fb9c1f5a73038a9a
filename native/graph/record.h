// Recording: every function checks shapes and dtypes, makes a node, and attaches history where it is wanted.
// Nothing is computed here.
#pragma once
#include <span>
#include <string>

#include "device/error.h"
#include "graph/engine.h"
#include "graph/indexing.h"

namespace adjoint {

inline constexpr size_t max_rank = 32;

// Throws ERR_SHAPE for a negative extent, too many axes, or more bytes than the device could ever hold.
void check_shape(Engine& engine, std::string_view op, const Dims& shape, DType dtype);
// -1 is the last axis. Throws PyTorch's sentence when out of range.
int64_t normalize_axis(std::string_view op, int64_t axis, size_t rank);
// A row's name as PyTorch's kernels spell it.
std::string snake_case(std::string_view name);
// The error for tensors that have to be on one device.
Error device_error(std::string_view op, const Engine& a, const Engine& b);
// The same for several, in ascending order; no axes at all means every axis. A 0-d tensor has none.
Dims normalize_axes(std::string_view op, Dims axes, size_t rank);
Dims broadcast_shapes(std::string_view op, const Dims& a, const Dims& b);
// PyTorch's promotion: categories before widths, and numbers and 0-d tensors change only the category.
DType promoted_dtype(const Engine& engine, std::span<const Value> values);

Value number(Engine& engine, Number value);
// The same for numbers in formulas, which come back all the time: a node of one is kept and shared.
Value literal(Engine& engine, double value);
// Throws where the dtype cannot hold the number.
Value full(Engine& engine, Number value, const Shape& shape, DType dtype, std::string_view op = "full");
Value zeros(Engine& engine, const Shape& shape, DType dtype);
Value from_buffer(Engine& engine, Ref<Buffer> buffer, const Dims& shape, DType dtype);
// 0, 1, ... along the only axis. Positions, and values made of them alone, have no history.
Value position(Engine& engine, const Shape& shape, DType dtype);
Value arange(Engine& engine, const Shape& shape, DType dtype, const Number& start, const Number& step);
Value linspace(Engine& engine, const Shape& shape, DType dtype, const Number& start, const Number& end,
               const Number& step);
Value eye(Engine& engine, const Shape& shape, DType dtype);

Value elementwise(Op op, std::span<const Value> inputs);
// The value on another device: it is computed now and copied. Its gradient travels back the same way.
Value transfer(const Value& input, Engine& target);
// The value, ready to meet `other`. A number or a 0-d tensor of the host follows it to its device; any other
// value of another device is an error.
Value joined(std::string_view op, const Value& value, const Node& other);
// Exponents 1, 2, 3, -1 and 1/2 become cheaper ops; the gradient keeps pow's name.
Value power(const Value& base, const Value& exponent);
// No axes at all means every axis.
Value reduce(Op op, const Value& input, Dims axes, bool keepdim);

Value to(const Value& input, DType dtype);
// One extent may be -1.
Value reshape(const Value& input, Dims shape);
Value permute(const Value& input, const Dims& order);
// -1 keeps an extent; new axes come in front.
Value expand(const Value& input, Dims shape);
// Element i of axis d is element starts[d] + i * steps[d] of the input; the caller has checked the bounds.
Value slice(const Value& input, const Dims& starts, const Dims& steps, const Dims& shape);
// The base with `part` (expanded to `shape`) in place of that slice. `is_disjoint` promises that no gradient
// of the base is wanted there.
Value splice(const Value& base, const Value& part, const Dims& starts, const Dims& steps, const Dims& shape,
             bool is_disjoint = false);

// The following are composed of the above.
Value flatten(const Value& input, int64_t first_axis, int64_t last_axis);
Value unsqueeze(const Value& input, int64_t axis);
// No axes at all means every axis of extent 1.
Value squeeze(const Value& input, Dims axes);
Value transpose(const Value& input, int64_t axis0, int64_t axis1);
Value flip(const Value& input, const Dims& axes);
Value narrow(const Value& input, int64_t axis, int64_t start, int64_t length);
Value select(const Value& input, int64_t axis, int64_t index);
Value at(const Value& input, const std::vector<AxisIndex>& indices);
// The base with `part`, broadcast, in place of the elements that the indices name.
Value with_part(const Value& base, const std::vector<AxisIndex>& indices, const Value& part);
// The value as an assignment stores it: moved, converted and broadcast to the target.
Value assigned(std::string_view op, const Value& value, const Node& target);
// `value` in place of all of the base. The base's history goes on, with a gradient of zero.
Value overwritten(const Value& base, const Value& value);
Value concatenate(std::string_view op, std::span<const Value> inputs, int64_t axis);
Value stack(std::span<const Value> inputs, int64_t axis);
// Pairs (before, after) from the last axis backwards, as PyTorch's pad takes them; negative ones crop.
Value pad(const Value& input, const Dims& widths, Number value);

// The value with a Function as its source: a leaf is no history, but a copy of it has one.
Value with_function(const Value& value);

// Gives the history of a composed op its PyTorch name.
Value named(Value value, std::string_view label, char suffix = '0');

} // namespace adjoint
