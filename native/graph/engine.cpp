// A run, from wanted nodes to their buffers. `run` adds the announced values. `run_plan` takes a snapshot,
// finds or makes its program, acquires every buffer and whatever else the run will need, submits the work, and
// stores the results in the nodes. Nothing has changed before the work is submitted, so a run that throws until
// then leaves every node as it was; from then on nothing is allocated, so nothing can throw. Later, `settle` asks
// whether a routine has failed, and `land` lets go of buffers that the device has finished with.
#include "graph/engine.h"

#include <algorithm>

#include "device/environment.h"
#include "device/error.h"
#include "device/room.h"
#include "graph/routine_facts.h"

namespace adjoint {

namespace {

// Bounds on pending values. A chain is cut long before its length matters to memory or time.
constexpr uint16_t max_depth = 1024;
constexpr size_t max_announced = 256;
constexpr int64_t max_uploaded_bytes = int64_t{256} << 20;
constexpr size_t max_programs = 512;

} // namespace

Engine::Engine(Session& session, std::unique_ptr<Device> device)
    : session(session), device(std::move(device)), is_fused_(environment::is_on("ADJOINT_FUSION")) {}

Engine::~Engine() {
  try {
    wait();
  } catch (const Error&) {
    // A failure has been reported where a value was read.
  }
}

void Engine::run(const std::vector<Ref<Node>>& wanted, const RunRequest& request) {
  nodes_.assign(wanted.begin(), wanted.end());
  const struct Clear {
    ~Clear() { nodes.clear(); }
    std::vector<Ref<Node>>& nodes;
  } clear_at_the_end{nodes_};
  nodes_.insert(nodes_.end(), announced_nodes_.begin(), announced_nodes_.end());
  for (const Ref<Cell>& leaf : announced_leaves_)
    if (leaf->grad) nodes_.push_back(leaf->grad->node);
  announced_nodes_.clear();
  announced_leaves_.clear();
  uploaded_bytes_ = 0;
  try {
    run_plan(nodes_, request);
  } catch (const std::exception&) {
    // An announced value must not stand in the way of the wanted ones; it can be read on its own.
    const bool was_all_wanted = nodes_.size() == wanted.size();
    nodes_.clear(); // what only they hold makes room
    if (was_all_wanted) throw;
    run_plan(wanted, request);
  }
}

void Engine::set_fused(bool is_fused) {
  is_fused_ = is_fused;
  programs_.clear();
  program_index_.clear();
}

std::string Engine::explain(const std::vector<Ref<Node>>& wanted) {
  snapshot_.take(session.next_epoch(), wanted);
  std::string text;
  plan(*device, snapshot_, is_fused_, &text);
  return text;
}

void Engine::run_plan(const std::vector<Ref<Node>>& nodes, const RunRequest& request) {
  settle();
  land();
  epoch_ = session.next_epoch();
  snapshot_.take(epoch_, nodes);
  if (snapshot_.entries.empty()) return;
  const std::shared_ptr<const Program> program = this->program();
  try {
    acquire(program, request.replaced);
    prepare(program);
    device->submit(work_, request.caller_waits);
  } catch (...) {
    blocks_.clear();
    acquired_.reset();
    throw;
  }
  finish(*program);
  // State may be replaced only by values that are known to be right.
  if (unsettled_ && (request.caller_waits || !request.replaced.empty() || device->is_idle())) {
    if (const std::optional<Error> failure = settle()) throw *failure;
  }
}

// All that follows the submission.
void Engine::finish(const Program& program) noexcept {
  if (!work_->is_done.load(std::memory_order_acquire)) keep_in_flight();
  for (const Snapshot::Entry& entry : snapshot_.entries)
    if (!entry.is_stored && entry.node->times_computed < UINT8_MAX) ++entry.node->times_computed;
  unsettled_ = std::move(acquired_);
  acquired_.reset();
  store_results(program);
  blocks_.clear();
  snapshot_.release();
  ++counts.runs;
  counts.kernels += static_cast<int64_t>(program.launches.size());
  counts.bytes_moved += program.bytes_moved;
}

// Inputs before users: storing a node lets its recipe go, and with it perhaps the inputs.
void Engine::store_results(const Program& program) noexcept {
  results_.clear();
  for (const Program::Output& output : program.outputs)
    results_.push_back(output.array < program.leaf_count ? snapshot_.leaves[output.array]->buffer
                                                         : blocks_[output.array - program.leaf_count]);
  for (size_t i = 0; i < results_.size(); ++i) {
    Node& node = *snapshot_.entries[program.outputs[i].entry].node;
    if (unsettled_) unsettled_->stored.emplace_back(&node, node.recipe());
    node.store(std::move(results_[i]));
  }
}

void Engine::compute(const Ref<Node>& node) {
  settle();
  if (node->is_pending()) run({node}, {.replaced = {}, .caller_waits = true});
}

std::optional<Error> Engine::settle() {
  if (!unsettled_) return std::nullopt;
  device->download(unsettled_->read_words.data(), *unsettled_->words, unsettled_->words->bytes);
  land();
  Unsettled run = std::move(*unsettled_);
  unsettled_.reset();
  const auto failed =
      std::find_if(run.read_words.begin(), run.read_words.end(), [](uint64_t word) { return word != 0; });
  if (failed == run.read_words.end()) return std::nullopt;
  for (auto& [node, recipe] : run.stored) node->unstore(std::move(recipe));
  return failure_of(run.program->fallible[static_cast<size_t>(failed - run.read_words.begin())], *failed,
                    session);
}

std::shared_ptr<const Program> Engine::program() {
  const auto found = program_index_.find(snapshot_.key);
  if (found != program_index_.end()) {
    ++counts.plan_hits;
    programs_.splice(programs_.begin(), programs_, found->second);
    return found->second->second;
  }
  ++counts.plan_misses;
  auto made = std::make_shared<const Program>(plan(*device, snapshot_, is_fused_));
  decltype(programs_) one;
  one.emplace_front(snapshot_.key, made);
  program_index_.emplace(snapshot_.key, one.begin());
  programs_.splice(programs_.begin(), one);
  if (programs_.size() > max_programs) {
    program_index_.erase(programs_.back().first);
    programs_.pop_back();
  }
  return made;
}

// Finds the leaves that nobody can read after this run, apart from the values that are about to be replaced.
void Engine::find_owned_leaves(const std::vector<Node*>& replaced) {
  inner_uses_.assign(snapshot_.entries.size(), 0);
  leaf_uses_.assign(snapshot_.leaves.size(), 0);
  is_owned_.assign(snapshot_.leaves.size(), 0);
  for (size_t i = snapshot_.entries.size(); i-- > 0;) {
    const Snapshot::Entry& entry = snapshot_.entries[i];
    // A stored value lets its inputs go. A value that only this run knows goes, and its inputs with it.
    if (!entry.is_stored && entry.node->references() != inner_uses_[i]) continue;
    for (size_t k = 0; k < entry.node->input_count; ++k) {
      const InputRef input = entry.inputs[k];
      if (input.kind == InputRef::Kind::entry) ++inner_uses_[input.index];
      if (input.kind == InputRef::Kind::leaf) ++leaf_uses_[input.index];
    }
  }
  for (Node* node : replaced)
    if (node->plan_epoch == epoch_ && !node->is_pending() && node->plan_index < snapshot_.leaves.size() &&
        snapshot_.leaves[node->plan_index] == node)
      ++leaf_uses_[node->plan_index];
  for (size_t i = 0; i < snapshot_.leaves.size(); ++i) {
    const Node& leaf = *snapshot_.leaves[i];
    is_owned_[i] = leaf.references() == leaf_uses_[i] &&
                   // Work under way runs before this, and may use the same buffer.
                   leaf.buffer->references() == 1 + leaf.buffer->in_flight;
  }
}

// Every buffer.
void Engine::acquire(const std::shared_ptr<const Program>& made, const std::vector<Node*>& replaced) {
  const Program& program = *made;
  int64_t wanted_bytes = 0;
  for (const Program::Block& block : program.blocks) wanted_bytes += block.bytes;
  session.before_allocation(*this, wanted_bytes);
  if (program.has_donors) find_owned_leaves(replaced);
  for (const Program::Block& block : program.blocks) {
    const auto donor = std::find_if(block.donors.begin(), block.donors.end(),
                                    [this](uint32_t leaf) { return is_owned_[leaf] != 0; });
    blocks_.push_back(donor == block.donors.end() ? allocate(block.bytes) : snapshot_.leaves[*donor]->buffer);
  }
  if (program.fallible.empty()) return;
  Unsettled unsettled{made, {}, std::vector<uint64_t>(program.fallible.size()), {}};
  const auto bytes = static_cast<int64_t>(program.fallible.size() * sizeof(uint64_t));
  unsettled.words = allocate(bytes);
  unsettled.stored.reserve(program.outputs.size());
  device->upload(*unsettled.words, unsettled.read_words.data(), bytes);
  acquired_ = std::move(unsettled);
}

Work& Engine::fresh_work() {
  if (!work_ || work_.use_count() > 1) work_ = std::make_shared<Work>();
  work_->launches.clear();
  work_->instances.clear();
  work_->arrays.clear();
  work_->numbers.clear();
  work_->is_done.store(false, std::memory_order_relaxed);
  return *work_;
}

// The work, and room for what is kept of it.
void Engine::prepare(const std::shared_ptr<const Program>& program) {
  Work* work = &fresh_work();
  work->owner = program;
  work->cost = program->cost;
  work->thread_bytes = program->thread_bytes;
  work->arrays.reserve(program->arrays.size());
  for (uint32_t array : program->arrays)
    work->arrays.push_back(array < program->leaf_count ? snapshot_.leaves[array]->buffer->data
                                                       : blocks_[array - program->leaf_count]->data);
  work->numbers.reserve(program->numbers.size());
  for (uint32_t number : program->numbers) work->numbers.push_back(snapshot_.numbers[number]);
  auto* const failures = static_cast<uint64_t*>(acquired_ ? acquired_->words->data : nullptr);
  for (const Program::Launch& launch : program->launches) {
    work->launches.push_back({launch.kernel.get(), static_cast<uint32_t>(work->instances.size()),
                              static_cast<uint32_t>(launch.rows.size())});
    for (size_t i = 0; i < launch.rows.size(); ++i)
      work->instances.push_back(
          {launch.rows[i], work->arrays.data() + launch.first_array + i * launch.array_count,
           work->numbers.data() + launch.first_number + i * launch.number_count,
           launch.scratch < 0 ? nullptr : blocks_[static_cast<size_t>(launch.scratch)]->data,
           launch.failure < 0 ? nullptr : failures + launch.failure});
  }
  if (spare_flights_.empty()) spare_flights_.emplace_back();
  spare_flights_.front().buffers.reserve(blocks_.size() + 1 + snapshot_.leaves.size());
  results_.reserve(program->outputs.size());
}

void Engine::keep_in_flight() noexcept {
  in_flight_.splice(in_flight_.end(), spare_flights_, spare_flights_.begin());
  InFlight& flight = in_flight_.back();
  flight.work = work_;
  flight.buffers.insert(flight.buffers.end(), blocks_.begin(), blocks_.end());
  if (acquired_) flight.buffers.push_back(acquired_->words);
  for (const Node* leaf : snapshot_.leaves) flight.buffers.push_back(leaf->buffer);
  for (const Ref<Buffer>& buffer : flight.buffers) ++buffer->in_flight;
}

// Lets go of the buffers that the device has finished with.
void Engine::land() noexcept {
  while (!in_flight_.empty() && in_flight_.front().work->is_done.load(std::memory_order_acquire)) {
    InFlight& flight = in_flight_.front();
    for (const Ref<Buffer>& buffer : flight.buffers) --buffer->in_flight;
    flight.buffers.clear();
    flight.work = {};
    spare_flights_.splice(spare_flights_.end(), in_flight_, in_flight_.begin());
  }
}

void Engine::wait() {
  device->wait();
  land();
}

void Engine::download(void* to, const Buffer& from, int64_t bytes) {
  device->download(to, from, bytes);
  land();
}

// Work under way holds memory that it will let go, and so may Tensors that JavaScript no longer uses. The
// device may have less than it says, if others use it as well.
Ref<Buffer> Engine::allocate(int64_t bytes) {
  try {
    return device->allocate(bytes);
  } catch (const Error&) {
    session.before_allocation(*this, device->capacity_bytes());
    wait();
    return device->allocate(bytes);
  }
}

void Engine::expect_announcements(size_t count) {
  make_room(announced_leaves_, announced_leaves_.size() + count);
  make_room(announced_nodes_, announced_nodes_.size() + count + 1);
}

void Engine::announce(const Ref<Node>& node) {
  announced_nodes_.push_back(node);
  if (announced_nodes_.size() + announced_leaves_.size() <= max_announced) return;
  try {
    run(std::vector<Ref<Node>>());
  } catch (const std::exception&) {
    // They can be read on their own, and then say what is wrong.
  }
}

void Engine::after_recording(const Ref<Node>& node) {
  if (node->depth >= max_depth || uploaded_bytes_ > max_uploaded_bytes) run(node);
}

Ref<Buffer> Engine::upload(const void* data, int64_t bytes) {
  session.before_allocation(*this, bytes);
  Ref<Buffer> buffer = allocate(bytes);
  device->upload(*buffer, data, bytes);
  uploaded_bytes_ += bytes;
  return buffer;
}

} // namespace adjoint
