// Cells come in with fresh Tensor objects, and go when the objects are gone. `bind` ties the two, `release`
// lets a cell go, `sweep` finds the dead. `before_allocation` asks V8 for dead objects when tensors hold much
// more than before: often `collect_young`, which is cheap, and then `collect_all`; `report_bytes` tells V8 what
// that could not free.
#include "node/handles.h"

#include "device/error.h"
#include "device/room.h"

namespace adjoint::node {

namespace {

constexpr uint32_t binds_between_checks = 256;
constexpr int64_t report_step_bytes = int64_t{1} << 20;
// The growth in tensors' bytes, since the last relief, at which V8 is made to collect.
constexpr int64_t collection_step_bytes = int64_t{64} << 20;
// More than half of any old generation, so that V8 collects at once instead of marking step by step.
constexpr int64_t overwhelming_bytes = int64_t{1} << 45;
constexpr size_t references_per_scope = 1024;
// Garbage that fills V8's nursery, and so starts the cheap collection of young objects: 64 KiB an array.
constexpr size_t filler_elements = 8000;
constexpr int most_fillers = 2048;
constexpr int cheap_fillers = 64;

} // namespace

Handles::~Handles() {
  for (Slot& slot : slots_)
    if (slot.object) napi_delete_reference(env_, slot.object);
  if (sentinel_) napi_delete_reference(env_, sentinel_);
}

uint32_t Handles::bind(const Napi::Object& object, Ref<Cell> cell) {
  if (++binds_ % binds_between_checks == 0) {
    sweep_if_collected();
    report_bytes();
    // Beside their elements, dead tensors hold small native memory, which V8 does not see, and its nursery
    // may be large. Where filling that is dear, V8's own pace will do.
    if (live_ >= live_after_sweep_ + patience_) patience_ = collect_young() ? least_patience : 2 * patience_;
  }
  make_room(free_, slots_.size() + 1);
  make_room(created_, created_.size() + 1);
  if (free_.empty()) {
    slots_.emplace_back();
    free_.push_back(static_cast<uint32_t>(slots_.size() - 1));
  }
  napi_ref reference = nullptr;
  NAPI_THROW_IF_FAILED(env_, napi_create_reference(env_, object, 0, &reference), 0);
  const uint32_t handle = free_.back();
  free_.pop_back();
  Slot& slot = slots_[handle];
  slot.object = reference;
  slot.cell = std::move(cell);
  slot.cell->handle = handle;
  slot.cell->is_orphaned = false;
  slot.is_confined = is_confined_;
  ++live_;
  if (!scopes_.empty()) created_.emplace_back(handle, slot.generation);
  return handle;
}

Cell& Handles::at(uint32_t handle, const char* op) const {
  if (handle >= slots_.size() || !slots_[handle].cell)
    throw Error(ErrorClass::error, "ERR_DISPOSED",
                std::string(op) +
                    ": this tensor has been disposed of; clone() what is still needed before dispose(), or "
                    "return it from tidy()",
                op);
  if (is_confined_ && !slots_[handle].is_confined)
    throw Error(
        ErrorClass::type_error, "ERR_RULE",
        std::string(op) +
            ": the update of a rule is recorded once and then repeated, so it can use its arguments and "
            "what it makes of them, but no tensor from outside; keep that in the rule's state",
        op);
  return *slots_[handle].cell;
}

Napi::Value Handles::object_of(const Cell& cell) const {
  if (cell.handle == 0) return {};
  napi_value object = nullptr;
  NAPI_THROW_IF_FAILED(env_, napi_get_reference_value(env_, slots_[cell.handle].object, &object),
                       Napi::Value());
  return {env_, object};
}

uint32_t Handles::rebind_object(const Napi::Object& object, Ref<Cell> cell) {
  if (cell->handle == 0) return bind(object, std::move(cell));
  Slot& slot = slots_[cell->handle];
  napi_ref reference = nullptr;
  NAPI_THROW_IF_FAILED(env_, napi_create_reference(env_, object, 0, &reference), 0);
  napi_delete_reference(env_, slot.object);
  slot.object = reference;
  return cell->handle;
}

void Handles::release(Slot& slot) {
  make_room(headless_, headless_.size() + 1);
  if (slot.object) napi_delete_reference(env_, slot.object);
  slot.object = nullptr;
  const Ref<Cell> cell = std::move(slot.cell);
  slot.cell = {};
  cell->handle = 0;
  ++slot.generation;
  --live_;
  // A leaf's gradient gets another object when it is read again.
  if (cell->grad_owners > 0) {
    if (Cell* owner = cell->headless_owner) {
      orphan(*owner);
      // Searched from the back: most leaves go soon after their gradients.
      const auto found = std::find(headless_.rbegin(), headless_.rend(), Ref<Cell>(owner));
      if (found != headless_.rend()) headless_.erase(std::next(found).base());
    }
    return;
  }
  if (!cell->grad || cell->grad->handle == 0) return orphan(*cell);
  cell->grad->headless_owner = cell.get();
  headless_.push_back(cell);
}

// Called when nobody can read the gradient any more. Letting it go breaks the cycle of a leaf and a gradient
// with history; letting the history go breaks the cycle of a cell that was assigned a value computed from
// itself.
void Handles::orphan(Cell& cell) {
  cell.is_orphaned = true;
  if (cell.grad) cell.grad->headless_owner = nullptr;
  cell.set_grad({});
  cell.function = {};
}

void Handles::dispose(uint32_t handle) {
  if (handle == 0 || handle >= slots_.size() || !slots_[handle].cell) return;
  release(slots_[handle]);
  free_.push_back(handle);
}

Napi::Array Handles::end_scope(std::vector<uint32_t> kept) {
  std::sort(kept.begin(), kept.end());
  if (scopes_.empty()) return Napi::Array::New(env_);
  const size_t first = scopes_.back();
  std::vector<std::pair<uint32_t, uint32_t>> created(created_.begin() + static_cast<int64_t>(first),
                                                     created_.end());
  std::vector<Napi::Value> objects;
  objects.reserve(created.size());
  scopes_.pop_back();
  created_.resize(first); // and keeps its capacity
  for (const auto& [handle, generation] : created) {
    if (slots_[handle].generation != generation || !slots_[handle].cell) continue;
    if (std::binary_search(kept.begin(), kept.end(), handle)) {
      if (!scopes_.empty()) created_.emplace_back(handle, generation);
      continue;
    }
    if (const Napi::Value object = object_of(*slots_[handle].cell); !object.IsEmpty())
      objects.push_back(object);
    dispose(handle);
  }
  auto array = Napi::Array::New(env_, objects.size());
  for (size_t i = 0; i < objects.size(); ++i) array.Set(static_cast<uint32_t>(i), objects[i]);
  return array;
}

void Handles::before_allocation(Engine& engine, int64_t wanted_bytes) {
  sweep_if_collected();
  const auto is_short = [&] {
    return engine.device->live_bytes() + wanted_bytes > engine.device->capacity_bytes();
  };
  if (is_short()) collect_young();
  // Work under way holds memory that nobody else holds any more.
  if (is_short()) engine.wait();
  if (is_short()) collect_all();
  relieve_young();
  if (grown_bytes() > 0) {
    collect_young();
    if (grown_bytes() > -collection_step_bytes / 4) engine.wait();
    // Only a full collection finds older tensors, and its cost grows with the program's own heap.
    if (grown_bytes() > -collection_step_bytes / 4) collect_all();
    bytes_after_relief_ = live_bytes();
  }
  report_bytes();
}

int64_t Handles::live_bytes() const {
  int64_t bytes = 0;
  for (const std::unique_ptr<Engine>& engine : session_.engines()) bytes += engine->device->live_bytes();
  return bytes;
}

// The live bytes beyond the point at which memory is looked for.
int64_t Handles::grown_bytes() const {
  return live_bytes() - bytes_after_relief_ - std::max(collection_step_bytes, bytes_after_relief_ / 2);
}

bool Handles::is_collected() const {
  const Napi::HandleScope scope(env_);
  napi_value object = nullptr;
  return sentinel_ && (napi_get_reference_value(env_, sentinel_, &object) != napi_ok || !object);
}

void Handles::sweep_if_collected() {
  if (!sentinel_) return plant_sentinel();
  if (!is_collected()) return;
  sweep();
  plant_sentinel();
}

void Handles::plant_sentinel() {
  const Napi::HandleScope scope(env_);
  if (sentinel_) napi_delete_reference(env_, sentinel_);
  sentinel_ = nullptr;
  napi_create_reference(env_, Napi::Object::New(env_), 0, &sentinel_);
}

// The dead give back their memory in the order in which they were made, so that what was written last, and is still in
// the processor's caches, is taken first.
void Handles::sweep() {
  const auto freed = static_cast<std::ptrdiff_t>(free_.size());
  for (size_t first = 1; first < slots_.size(); first += references_per_scope) {
    const Napi::HandleScope scope(env_);
    const size_t end = std::min(first + references_per_scope, slots_.size());
    for (size_t i = first; i < end; ++i) {
      napi_value object = nullptr;
      if (!slots_[i].cell || (napi_get_reference_value(env_, slots_[i].object, &object) == napi_ok && object))
        continue;
      dispose(static_cast<uint32_t>(i));
    }
  }
  std::reverse(free_.begin() + freed, free_.end()); // the next handles are ascending ones
  std::erase_if(headless_, [this](const Ref<Cell>& cell) {
    if (cell->grad && cell->grad->handle != 0) return false;
    orphan(*cell);
    return true;
  });
  ++sweeps_;
  live_after_sweep_ = live_;
  bytes_after_relief_ = std::min(bytes_after_relief_, live_bytes());
  bytes_after_young_ = std::min(bytes_after_young_, live_bytes());
}

// V8 answers every 64 MiB of growth with a full collection, at a cost that grows with the program's own heap.
// So it is told only the bytes that relief could not free; the others are looked after here.
void Handles::report_bytes() {
  int64_t nodes = 0;
  for (const std::unique_ptr<Engine>& engine : session_.engines()) nodes += engine->live_nodes;
  const int64_t bytes = bytes_after_relief_ + nodes * static_cast<int64_t>(sizeof(Node));
  if (std::abs(bytes - reported_bytes_) < report_step_bytes) return;
  int64_t total = 0;
  napi_adjust_external_memory(env_, bytes - reported_bytes_, &total);
  reported_bytes_ = bytes;
}

void Handles::set_collector(const Napi::Function& collector) {
  if (!collector_.IsEmpty())
    throw Error(ErrorClass::error, "ERR_ARGUMENT", "setCollector: there is one already", "setCollector");
  collector_ = Napi::Persistent(collector);
}

// While that finds little, it is done less often.
void Handles::relieve_young() {
  const int64_t before = live_bytes(), grown = before - bytes_after_young_;
  if (collector_.IsEmpty() || grown < std::max(young_step_bytes_, bytes_after_young_ / 8)) return;
  call_collector();
  bytes_after_young_ = live_bytes();
  const bool is_worth_it = before - bytes_after_young_ > grown / 4;
  young_step_bytes_ =
      is_worth_it ? least_young_step_bytes : std::min(2 * young_step_bytes_, collection_step_bytes);
}

bool Handles::collect_young() {
  if (call_collector()) return true;
  const bool is_cheap = fill_nursery() <= cheap_fillers;
  sweep_if_collected();
  return is_cheap;
}

bool Handles::call_collector() {
  if (collector_.IsEmpty()) return false;
  const Napi::HandleScope scope(env_);
  napi_value result = nullptr;
  bool could = false;
  // An environment that is being shut down runs nothing any more.
  if (napi_call_function(env_, env_.Global(), collector_.Value(), 0, nullptr, &result) != napi_ok)
    return false;
  napi_get_value_bool(env_, result, &could);
  if (could) sweep_if_collected();
  return could;
}

int Handles::fill_nursery() {
  int fillers = 0;
  for (; fillers < most_fillers && !is_collected(); ++fillers) {
    const Napi::HandleScope scope(env_);
    napi_value filler = nullptr;
    napi_create_array_with_length(env_, filler_elements, &filler);
  }
  return fillers;
}

void Handles::collect_all() {
  int64_t total = 0;
  napi_adjust_external_memory(env_, overwhelming_bytes, &total);
  napi_adjust_external_memory(env_, -overwhelming_bytes, &total);
  sweep_if_collected();
}

} // namespace adjoint::node
