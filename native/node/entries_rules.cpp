// Entries that record the update of an optimizer, and that apply it to all parameters at once.
#include <cmath>

#include "graph/record.h"
#include "node/addon.h"

namespace adjoint::node {

namespace {

Error rule_error(const std::string& message, std::vector<Dims> shapes = {}) {
  return {ErrorClass::type_error, "ERR_RULE", message, "", std::move(shapes)};
}

// Checks what our own TypeScript always passes.
void check(bool is_well_formed) {
  if (!is_well_formed) throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "rule: malformed arguments");
}

Recording& current_recording(const Binding& binding) {
  check(binding.addon.rules.recording != nullptr);
  return *binding.addon.rules.recording;
}

// who, fresh objects (parameter, gradient, then one for each input), handles of the parameter and of the
// state by row, where 0 means that the update does not find that row. Returns a handle for each object.
Napi::Value begin_recording_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const std::vector<uint32_t> rows = read_handles(info[2]);
  check(info[1].IsArray() && !rows.empty());
  const auto objects = info[1].As<Napi::Array>();
  auto recording = std::make_unique<Recording>();
  recording->who = info[0].ToString().Utf8Value();
  recording->runs = addon.session.runs();
  // Zeros stand for values: they take no memory, and their nodes are distinct.
  const auto add = [&](uint32_t like) {
    const Node& node = *addon.handles.at(like, recording->who.c_str()).node;
    recording->inputs.push_back(zeros(node.engine, node.shape, node.dtype).node);
  };
  add(rows[0]);
  add(rows[0]);
  for (uint32_t row = 1; row < rows.size(); ++row) {
    if (rows[row] == 0) continue;
    add(rows[row]);
    recording->input_rows.push_back(row);
  }
  // Read once, since reading may call JavaScript.
  std::vector<Napi::Value> results;
  for (uint32_t i = 0; i < objects.Length(); ++i) results.push_back(objects.Get(i));
  check(results.size() == recording->inputs.size());
  for (const Napi::Value& result : results) check(result.IsObject());
  auto handles = Napi::Array::New(info.Env(), results.size());
  addon.handles.confine(true);
  addon.rules.recording = std::move(recording); // which abandonRecording() ends, whatever comes now
  for (uint32_t i = 0; i < results.size(); ++i) {
    const Ref<Cell> cell = addon.cell_of({addon.rules.recording->inputs[i], {}});
    handles.Set(i, Napi::Number::New(info.Env(), addon.handles.bind(results[i].As<Napi::Object>(), cell)));
  }
  return handles;
}

// fresh object: another scalar. NaN stands for it, since no op has a shortcut for that.
Napi::Value record_scalar_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Value scalar = number(binding.addon.session.default_engine(), std::nan(""));
  current_recording(binding).scalars.push_back(scalar.node);
  return binding.addon.bind(info, scalar);
}

Napi::Value abandon_recording_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  binding.addon.handles.confine(false);
  binding.addon.rules.recording = nullptr;
  return info.Env().Undefined();
}

uint32_t keep(Rules& rules, std::unique_ptr<Trace> trace) {
  auto place = std::find(rules.traces.begin(), rules.traces.end(), nullptr);
  if (place == rules.traces.end()) place = rules.traces.emplace(place);
  *place = std::move(trace);
  return static_cast<uint32_t>(place - rules.traces.begin());
}

// by row, handles of the results (0: none), and of the tensors that they will replace. Ends the recording;
// returns the number of the trace, and whether it is good for every shape.
Napi::Value end_recording_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const std::vector<uint32_t> handles = read_handles(info[0]), targets = read_handles(info[1]);
  const Recording& recording = current_recording(binding); // reading the arrays may have ended another one
  check(handles.size() == targets.size());
  addon.handles.confine(false);
  if (addon.session.runs() != recording.runs)
    throw rule_error(recording.who +
                     ": update is too long to be recorded; it may chain about 1000 operations");
  std::vector<uint32_t> rows;
  std::vector<Ref<Node>> results;
  for (uint32_t row = 0; row < handles.size(); ++row) {
    if (handles[row] == 0) continue;
    const Node& node = *results.emplace_back(addon.handles.at(handles[row], recording.who.c_str()).node);
    const Node& expected = *addon.handles.at(targets[row], recording.who.c_str()).node;
    if (node.dtype != expected.dtype || !(node.shape == expected.shape))
      throw rule_error(recording.who + ": the update made " + std::string(adjoint::info(node.dtype).label) +
                           " of shape " + to_string(node.shape) + " where " +
                           std::string(adjoint::info(expected.dtype).label) + " of shape " +
                           to_string(expected.shape) + " is needed",
                       {node.shape, expected.shape});
    rows.push_back(row);
  }
  auto trace = std::make_unique<Trace>(
      Trace{Template(recording.inputs, recording.scalars, results), recording.input_rows, rows});
  auto answer = Napi::Object::New(info.Env());
  answer.Set("fitsEveryShape",
             Napi::Boolean::New(info.Env(), trace->body.fits_every_shape() && !recording.has_read_a_shape));
  answer.Set("id", Napi::Number::New(info.Env(), keep(addon.rules, std::move(trace))));
  addon.rules.recording = nullptr;
  return answer;
}

Napi::Value drop_trace_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const uint32_t id = read_uint32(info[0]);
  check(id < binding.addon.rules.traces.size());
  binding.addon.rules.traces[id] = nullptr;
  return info.Env().Undefined();
}

// One parameter of those to update: the number of the trace, where its scalars begin, its handle, and one for
// each row of state.
using Record = std::span<const uint32_t>;

// All updates of a step, recorded together.
class Application {
 public:
  Application(Addon& addon, std::span<const double> scalars)
      : addon_(addon), values_(scalars), scalars_(scalars.size()) {}

  void add(Record record) {
    check(record[0] < addon_.rules.traces.size() && addon_.rules.traces[record[0]]);
    const Trace& trace = *addon_.rules.traces[record[0]];
    const auto cell_of = [&](uint32_t row) -> Cell& {
      check(2 + row < record.size());
      return addon_.handles.at(record[2 + row], "step");
    };
    Cell& param = cell_of(0);
    // Borrowed: another reference to an old value would keep the new one from taking its memory.
    inputs_.assign({param.node.get(), param.grad->node.get()});
    for (uint32_t row : trace.input_rows) inputs_.push_back(cell_of(row).node.get());
    if (!trace.body.accepts(inputs_))
      throw rule_error("step: a parameter or its state has changed its shape, dtype or device",
                       {param.node->shape, param.grad->node->shape});
    trace.body.instantiate(inputs_, scalars_from(record[1], trace.body.scalar_count()), results_);
    for (uint32_t row : trace.result_rows) cells_.emplace_back(&cell_of(row));
  }

  // All or nothing.
  void run() {
    RunRequest request;
    request.replaced.reserve(cells_.size());
    for (const Ref<Cell>& cell : cells_) request.replaced.push_back(cell->node.get());
    addon_.session.run(results_, request);
    for (size_t i = 0; i < cells_.size(); ++i) cells_[i]->node = results_[i];
  }

 private:
  // Parameters that share scalars share their nodes.
  std::span<const Ref<Node>> scalars_from(size_t first, size_t count) {
    check(first + count <= scalars_.size());
    const auto part = std::span(scalars_).subspan(first, count);
    for (size_t i = 0; i < count; ++i)
      if (!part[i]) part[i] = number(addon_.session.default_engine(), values_[first + i]).node;
    return part;
  }

  Addon& addon_;
  std::span<const double> values_;
  std::vector<Ref<Node>> scalars_;
  std::vector<Node*> inputs_;
  std::vector<Ref<Node>> results_;
  std::vector<Ref<Cell>> cells_; // of the results
};

// rows of state, records (Uint32Array), scalars (Float64Array), expected gradients (Uint8Array, a flag for
// each record). Updates the parameters that are expected to have a gradient. If others have one, it updates
// nothing: it sets the flags as they are, and returns false.
Napi::Value apply_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const size_t words = 3 + size_t{read_uint32(info[0])};
  const auto records = read_array<uint32_t>(info[1]);
  const auto expected = read_array<uint8_t>(info[3]);
  check(records.size() == words * expected.size());
  std::vector<uint8_t> has_grad;
  for (size_t i = 0; i < expected.size(); ++i)
    has_grad.push_back(static_cast<bool>(addon.handles.at(records[i * words + 2], "step").grad));
  const bool is_as_expected = std::equal(has_grad.begin(), has_grad.end(), expected.begin());
  std::copy(has_grad.begin(), has_grad.end(), expected.begin());
  if (!is_as_expected) return Napi::Boolean::New(info.Env(), false);
  Application application(addon, read_array<double>(info[2]));
  for (size_t i = 0; i < has_grad.size(); ++i)
    if (has_grad[i]) application.add(records.subspan(i * words, words));
  application.run();
  return Napi::Boolean::New(info.Env(), true);
}

// target, value: gives the tensor that value, whatever its shape and dtype were.
Napi::Value replace_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  binding.addon.cell(info, 0, "step").node = binding.addon.cell(info, 1, "step").node;
  return info.Env().Undefined();
}

} // namespace

void export_rules(Exports& exports) {
  exports.add<begin_recording_entry>("beginRecording", "step an optimizer");
  exports.add<record_scalar_entry>("recordScalar");
  exports.add<abandon_recording_entry>("abandonRecording");
  exports.add<end_recording_entry>("endRecording");
  exports.add<drop_trace_entry>("dropTrace");
  exports.add<apply_entry>("applyTraces", "step an optimizer");
  exports.add<replace_entry>("replace");
}

} // namespace adjoint::node
