#include "graph/routine_facts.h"

#include <algorithm>
#include <bit>

#include "device/failure.h"
#include "ops/op.h"

namespace adjoint {

int64_t cost_of_routine(const RoutineKernel& kernel) {
  int64_t elements = 0, longest = 1;
  for (const auto* tensors : {&kernel.inputs, &kernel.results})
    for (const RoutineKernel::Operand& tensor : *tensors) {
      elements += tensor.elements();
      for (int64_t extent : tensor.shape) longest = std::max(longest, extent);
    }
  switch (info(kernel.op).effort) {
  case Effort::linear:
    return elements * 8;
  case Effort::sort:
    return elements * 8 * static_cast<int64_t>(std::bit_width(static_cast<uint64_t>(longest)));
  case Effort::product: // a multiplication takes a quarter of a byte
    return kernel.results[0].elements() * kernel.inputs[0].shape.back() / 4;
  }
  return elements;
}

namespace {

struct Complaint {
  std::string who, reason;
};

// PyTorch's sentences for a matrix that a routine cannot take, whose element, or leading minor, of an order is to blame.
Complaint complaint_of(const RoutineKernel& kernel, const std::string& order) {
  switch (info(kernel.op).failure) {
  case Failure::definite:
    return {
        "cholesky",
        "The factorization could not be completed because the input is not positive-definite (the leading "
        "minor of order " +
            order + " is not positive-definite)."};
  case Failure::singular:
    switch (static_cast<Caller>(kernel.parameters[1])) {
    case Caller::inv:
      return {"inv", "The diagonal element " + order +
                         " is zero, the inversion could not be completed because the input matrix is "
                         "singular."};
    case Caller::luFactor:
      return {"luFactor", "U[" + order + "," + order +
                              "] is zero and using it on luSolve would result in a division by zero. If you "
                              "still want to perform the factorization, consider calling linalg.lu(A) or "
                              "linalg.luFactorEx(A)."};
    case Caller::solve:
    case Caller::nobody:
      return {"solve", "The solver failed because the input matrix is singular."};
    }
    break;
  default:
    break;
  }
  return {std::string(info(kernel.op).name),
          "The algorithm failed to converge because the input matrix contained non-finite values."};
}

// PyTorch's sentences for an index that is out of bounds.
std::string sentence_of(const std::string& name, const std::string& index, const std::string& axis,
                        const std::string& size) {
  if (name == "nllLoss" || name == "crossEntropy" || name == "linearCrossEntropy")
    return "Target " + index + " is out of bounds.";
  if (name == "oneHot")
    return index[0] == '-' ? "Class values must be non-negative."
                           : "Class values must be smaller than num_classes.";
  return "index " + index + " is out of bounds for dimension " + axis + " with size " + size;
}

} // namespace

Error failure_of(const RoutineKernel& kernel, uint64_t word, const Session& session) {
  const OpInfo& op = info(kernel.op);
  std::string name(op.name);
  switch (op.failure) {
  case Failure::nothing:
    break;
  case Failure::index: {
    const auto index = failed_index(word);
    const int64_t axis = kernel.parameters.empty() ? 0 : kernel.parameters[0];
    const Dims& shape = kernel.inputs[0].shape;
    if (kernel.caller >= 0) name = session.caller_at(kernel.caller);
    return {ErrorClass::range_error,
            "ERR_INDEX",
            sentence_of(name, std::to_string(index), std::to_string(axis),
                        std::to_string(shape.empty() ? 1 : shape[static_cast<size_t>(axis)])) +
                "; " + name + ": the tensor has shape " + to_string(shape),
            name,
            {shape}};
  }
  case Failure::definite:
  case Failure::singular:
  case Failure::finite: {
    const Dims& shape = kernel.inputs[0].shape;
    const auto place = failed_place(word);
    const int64_t n = shape.back(), matrix = place / n, order = place % n + 1;
    const std::string batch = shape.size() > 2 ? "(Batch element " + std::to_string(matrix) + "): " : "";
    const auto [who, reason] = complaint_of(kernel, std::to_string(order));
    return {ErrorClass::error,
            "ERR_LINALG",
            "linalg." + who + ": " + batch + reason + " The shape is " + to_string(shape),
            who,
            {shape}};
  }
  case Failure::pivots:
    return {
        ErrorClass::range_error,
        "ERR_INDEX",
        "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive. Did you properly pass the "
        "result of lu_factor?; " +
            name + ": there are " + std::to_string(kernel.parameters[0]) + " rows, and a pivot is " +
            std::to_string(failed_index(word)),
        name,
        {kernel.inputs[0].shape}};
  }
  return internal_error(name + " failed for no reason that it knows", name);
}

} // namespace adjoint
