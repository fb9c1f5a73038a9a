#include "cuda/driver/sequence.h"

#include <algorithm>

#include "cuda/driver/blas.h"
#include "device/error.h"

namespace adjoint::cuda {

namespace {

constexpr size_t table_words_step = 2; // tables of launches begin at multiples of 16 bytes
constexpr uint32_t usual_shared_bytes = 48 << 10;
constexpr int max_dynamic_shared_bytes = 8; // CUfunction_attribute
constexpr int runs_before_graph = 2;
constexpr size_t fewest_launches = 2; // a graph of one is no faster than the launch
constexpr size_t most_sequences = 512;

std::span<const Instance> instances_of(const Work& work, uint32_t first, uint32_t count) {
  return {work.instances.data() + first, count};
}

} // namespace

Sequence::Sequence(Gpu& gpu, StreamHandle stream, const Work& work) : gpu_(gpu), stream_(stream) {
  for (const Work::Launch& launch : work.launches) {
    const auto& kernel = static_cast<const CudaKernel&>(*launch.kernel);
    const auto instances = instances_of(work, launch.first_instance, launch.instance_count);
    const size_t first_word = table_words_;
    parts_.push_back({&kernel, kernel.module, launch.first_instance, launch.instance_count, first_word});
    if (kernel.gemm) {
      calls_.push_back({nullptr, {}, first_word, &*kernel.gemm, launch.first_instance});
      has_gemm_ = true;
      continue;
    }
    for (const FunctionLaunch& shape : kernel.code->launches(instances)) {
      const FunctionHandle function = kernel.functions[shape.function];
      if (shape.shared_bytes > usual_shared_bytes)
        gpu_.context.check(driver().cuFuncSetAttribute(function, max_dynamic_shared_bytes,
                                                       static_cast<int>(shape.shared_bytes)),
                           "asking for shared memory");
      calls_.push_back({function, shape, first_word + shape.first_word, nullptr, launch.first_instance});
    }
    const size_t words = kernel.code->table_words(instances);
    table_words_ += (words + table_words_step - 1) / table_words_step * table_words_step;
    partials_bytes_ = std::max(partials_bytes_, kernel.code->partials_bytes(instances));
    ticket_count_ = std::max(ticket_count_, kernel.code->ticket_count(instances));
  }
  for (const Instance& instance : work.instances) rows_.push_back(instance.rows);
}

Sequence::~Sequence() {
  // A run may still be under way.
  if (graph_ && gpu_.context.enter_quietly() && driver().cuStreamSynchronize(stream_) == result::success)
    driver().cuGraphExecDestroy(graph_);
}

bool Sequence::fits(const Work& work) const {
  return std::equal(parts_.begin(), parts_.end(), work.launches.begin(), work.launches.end(),
                    [](const Part& part, const Work::Launch& launch) {
                      return part.kernel == launch.kernel && part.first_instance == launch.first_instance &&
                             part.instance_count == launch.instance_count;
                    }) &&
         std::equal(rows_.begin(), rows_.end(), work.instances.begin(), work.instances.end(),
                    [](int64_t rows, const Instance& instance) { return rows == instance.rows; });
}

void Sequence::fill_table(const Work& work, Scratch scratch, uint64_t* words) const {
  for (const Part& part : parts_)
    if (part.kernel->code)
      part.kernel->code->fill_table(instances_of(work, part.first_instance, part.instance_count), scratch,
                                    words + part.first_word);
}

void Sequence::count_run(Pool::Arena& arena) {
  if (runs_ > runs_before_graph) return;
  if (++runs_ > runs_before_graph && calls_.size() >= fewest_launches && !has_gemm_ &&
      driver().has_graphs()) {
    try {
      make_graph(arena);
    } catch (const Error&) {
      // They are launched one by one, then; unless the device is lost, which the next call will say.
    }
  }
}

void Sequence::make_graph(Pool::Arena& arena) {
  const Driver& cu = driver();
  DeviceMemory table(gpu_.pool, arena, static_cast<int64_t>(table_bytes()));
  GraphHandle graph = nullptr;
  gpu_.context.check(cu.cuGraphCreate(&graph, 0), "making a graph");
  GraphRunHandle made = nullptr;
  GraphNodeHandle last = nullptr;
  Result result = result::success;
  for (const DriverCall& call : calls_) {
    DevicePointer part = table.address() + call.first_word * sizeof(uint64_t);
    void* parameters[] = {&part}; // copied
    const KernelNode kernel{call.function,
                            {call.shape.blocks, 1, 1},
                            {call.shape.threads, 1, 1},
                            call.shape.shared_bytes,
                            parameters,
                            nullptr};
    GraphNodeHandle node = nullptr;
    result = cu.cuGraphAddKernelNode(&node, graph, last ? &last : nullptr, last ? 1 : 0, &kernel);
    if (result != result::success) break;
    last = node;
  }
  if (result == result::success)
    result = cu.cuGraphInstantiateWithFlags ? cu.cuGraphInstantiateWithFlags(&made, graph, 0)
                                            : cu.cuGraphInstantiate_v2(&made, graph, nullptr, nullptr, 0);
  cu.cuGraphDestroy(graph);
  gpu_.context.check(result, "making a graph");
  graph_table_ = std::move(table);
  graph_ = made;
}

void Sequence::launch_graph() const {
  gpu_.context.check(driver().cuGraphLaunch(graph_, stream_), "launching kernels");
}

void Sequence::launch(DevicePointer table, const Work& work, const BlasStream* blas) const {
  for (const DriverCall& call : calls_) {
    // A work is all or nothing, and something has been written by the second launch.
    const bool is_first = &call == &calls_.front();
    if (call.gemm) {
      const BlasStatus status = blas->multiply(*call.gemm, work.instances[call.instance].arrays);
      if (status != 0 && !is_first)
        gpu_.context.lose(name_of_status(status), "launching kernels, of which others were running already");
      blas->check(status, "multiplying");
      continue;
    }
    DevicePointer part = table + call.first_word * sizeof(uint64_t);
    void* parameters[] = {&part};
    const Result result =
        driver().cuLaunchKernel(call.function, call.shape.blocks, 1, 1, call.shape.threads, 1, 1,
                                call.shape.shared_bytes, stream_, parameters, nullptr);
    if (result != result::success && !is_first)
      gpu_.context.lose(name_of(result), "launching kernels, of which others were running already");
    gpu_.context.check(result, "launching kernels");
  }
}

Sequence& Sequences::find(Gpu& gpu, StreamHandle stream, const Work& work) {
  const void* key = work.owner.get();
  if (const auto found = index_.find(key); found != index_.end()) {
    const auto entry = found->second;
    if (!entry->owner.expired() && entry->sequence->fits(work)) {
      entries_.splice(entries_.begin(), entries_, entry);
      return *entry->sequence;
    }
    erase(entry);
  }
  // A new program is the occasion to drop sequences of dead ones.
  auto sequence = std::make_unique<Sequence>(gpu, stream, work);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (entry->owner.expired()) erase(entry);
    entry = next;
  }
  if (entries_.size() >= most_sequences) erase(std::prev(entries_.end()));
  entries_.push_front({work.owner, key, std::move(sequence)});
  index_.emplace(key, entries_.begin());
  return *entries_.front().sequence;
}

void Sequences::erase(std::list<Entry>::iterator entry) {
  index_.erase(entry->key);
  entries_.erase(entry);
}

} // namespace adjoint::cuda
