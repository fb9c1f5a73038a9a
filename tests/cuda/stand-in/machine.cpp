#include "machine.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "cuda_api.h"

namespace stand_in {

namespace {

constexpr uint64_t SECONDS_OF_A_LAUNCH = 300;

uint64_t now() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

std::string triple(const uint32_t* dims) {
  return "(" + std::to_string(dims[0]) + "," + std::to_string(dims[1]) + "," + std::to_string(dims[2]) + ")";
}

} // namespace

Machine::Machine(const Launch& launch, std::shared_ptr<const MemoryMap> map, const Checks& checks)
    : checks(checks), launch_(launch), program_(*launch.program), map_(std::move(map)) {
  threads_ = launch.block[0] * launch.block[1] * launch.block[2];
  stride_ = (threads_ + 63) / 64 * 64;
  const size_t bytes = static_cast<size_t>(program_.file_bytes) * stride_;
  storage_ = std::make_unique_for_overwrite<std::byte[]>(bytes + 64);
  const auto start = reinterpret_cast<uintptr_t>(storage_.get());
  file_.reset(storage_.get() + ((start + 63) / 64 * 64 - start));
  std::memset(file_.get(), 0xCD, bytes);
  local_.assign(static_cast<size_t>(program_.local_bytes) * threads_, std::byte{0xCD});
  windows_.resize(program_.slots);
  alive_.resize((threads_ + 31) / 32);
  shared.configure(program_.shared_bytes + launch.dynamic_shared_bytes, program_.shared_granule, threads_,
                   program_.has_warp_barriers, checks.enabled);
}

void Machine::fail(int code, uint32_t thread, const std::string& what) const {
  throw Fault{code, thread, what};
}

std::string Machine::describe(const Fault& fault) const {
  const uint32_t* dims = launch_.block;
  const uint32_t thread[3] = {fault.thread % dims[0], fault.thread / dims[0] % dims[1],
                              fault.thread / dims[0] / dims[1]};
  const uint32_t line = current_ ? current_->line : 0;
  return "kernel " + program_.name + ", line " + std::to_string(line) + " `" +
         std::string(program_.module->line(line)) + "`, thread " + triple(thread) + " of block " +
         triple(block_) + ": " + fault.message;
}

void Machine::locate(Window& window, uint64_t address, uint32_t bytes, uint32_t thread) {
  char hex[32];
  std::snprintf(hex, sizeof hex, "0x%llx", static_cast<unsigned long long>(address));
  if (address % bytes)
    fail(CUDA_ERROR_MISALIGNED_ADDRESS, thread,
         "address " + std::string(hex) + " is not aligned to the " + std::to_string(bytes) +
             " bytes accessed");
  const Allocation* found = find_in(*map_, address);
  if (found && found->device >= 0 && found->device != launch_.device)
    fail(CUDA_ERROR_ILLEGAL_ADDRESS, thread,
         "address " + std::string(hex) + " is memory of device " + std::to_string(found->device));
  if (!found || !found->contains(address, bytes)) {
    std::string where = "no live allocation";
    if (found)
      where = "an allocation of " + std::to_string(found->bytes) + " bytes, past whose end it reaches";
    fail(CUDA_ERROR_ILLEGAL_ADDRESS, thread,
         "address " + std::string(hex) + " (" + std::to_string(bytes) + " bytes) is in " + where);
  }
  const bool is_watched = checks.enabled && checks.device_written;
  window = {found->address, found->bytes, found->data, is_watched ? found->written : nullptr};
}

void Machine::prepare() {
  const auto fill = [&](uint32_t offset, auto value) {
    std::fill_n(at<decltype(value)>(offset), stride_, value);
  };
  for (const Program::Constant& constant : program_.constants) {
    if (constant.bytes == 1)
      fill(constant.offset, static_cast<uint8_t>(constant.bits));
    else if (constant.bytes == 2)
      fill(constant.offset, static_cast<uint16_t>(constant.bits));
    else if (constant.bytes == 4)
      fill(constant.offset, static_cast<uint32_t>(constant.bits));
    else
      fill(constant.offset, constant.bits);
  }
  const uint32_t* dims = launch_.block;
  for (const Program::SpecialRegister& special : program_.specials) {
    uint32_t* values = at<uint32_t>(special.offset);
    const auto each_thread = [&](auto f) {
      for (uint32_t t = 0; t < threads_; ++t) values[t] = f(t);
    };
    const auto all = [&](uint32_t value) { fill(special.offset, value); };
    switch (special.which) {
    case Special::tid_x:
      each_thread([&](uint32_t t) { return t % dims[0]; });
      break;
    case Special::tid_y:
      each_thread([&](uint32_t t) { return t / dims[0] % dims[1]; });
      break;
    case Special::tid_z:
      each_thread([&](uint32_t t) { return t / dims[0] / dims[1]; });
      break;
    case Special::ntid_x:
      all(dims[0]);
      break;
    case Special::ntid_y:
      all(dims[1]);
      break;
    case Special::ntid_z:
      all(dims[2]);
      break;
    case Special::ctaid_x:
      all(block_[0]);
      break;
    case Special::ctaid_y:
      all(block_[1]);
      break;
    case Special::ctaid_z:
      all(block_[2]);
      break;
    case Special::nctaid_x:
      all(launch_.grid[0]);
      break;
    case Special::nctaid_y:
      all(launch_.grid[1]);
      break;
    case Special::nctaid_z:
      all(launch_.grid[2]);
      break;
    case Special::laneid:
      each_thread([](uint32_t t) { return t % 32; });
      break;
    case Special::warpid:
      each_thread([](uint32_t t) { return t / 32; });
      break;
    case Special::nwarpid:
      all((threads_ + 31) / 32);
      break;
    case Special::smid:
      all(0);
      break;
    case Special::nsmid:
      all(1);
      break;
    case Special::gridid:
      all(0);
      break;
    case Special::lanemask_eq:
      each_thread([](uint32_t t) { return 1u << t % 32; });
      break;
    case Special::lanemask_le:
      each_thread([](uint32_t t) { return 0xFFFFFFFFu >> (31 - t % 32); });
      break;
    case Special::lanemask_lt:
      each_thread([](uint32_t t) { return (1u << t % 32) - 1; });
      break;
    case Special::lanemask_ge:
      each_thread([](uint32_t t) { return 0xFFFFFFFFu << t % 32; });
      break;
    case Special::lanemask_gt:
      each_thread([](uint32_t t) { return 0xFFFFFFFEu << t % 32; });
      break;
    case Special::dynamic_smem_size:
      all(launch_.dynamic_shared_bytes);
      break;
    case Special::total_smem_size:
      all(shared.bytes());
      break;
    }
  }
}

void Machine::run(const std::atomic<bool>& stop) {
  stop_ = &stop;
  deadline_ = now() + SECONDS_OF_A_LAUNCH;
  prepare();
  for (block_[2] = 0; block_[2] < launch_.grid[2]; ++block_[2])
    for (block_[1] = 0; block_[1] < launch_.grid[1]; ++block_[1])
      for (block_[0] = 0; block_[0] < launch_.grid[0]; ++block_[0]) {
        if (stop) return;
        for (const Program::SpecialRegister& special : program_.specials)
          if (special.which >= Special::ctaid_x && special.which <= Special::ctaid_z)
            std::fill_n(at<uint32_t>(special.offset), stride_,
                        block_[static_cast<int>(special.which) - static_cast<int>(Special::ctaid_x)]);
        for (const uint32_t tracked : program_.tracked) std::memset(at<uint8_t>(tracked), 0, threads_);
        shared.begin_block();
        run_block();
      }
}

// ---- groups

void Machine::add_group(uint32_t pc, Threads&& threads) { groups_.push_back({pc, std::move(threads)}); }

// All that share the least counter, parked threads too.
Machine::Group Machine::take_group() {
  size_t least = 0;
  for (size_t k = 1; k < groups_.size(); ++k)
    if (groups_[k].pc < groups_[least].pc) least = k;
  Group taken = std::move(groups_[least]);
  groups_[least] = std::move(groups_.back());
  groups_.pop_back();
  const auto join = [&](std::vector<Group>& others) {
    for (size_t k = 0; k < others.size();) {
      if (others[k].pc != taken.pc) {
        ++k;
        continue;
      }
      const auto middle = static_cast<std::ptrdiff_t>(taken.threads.size());
      taken.threads.insert(taken.threads.end(), others[k].threads.begin(), others[k].threads.end());
      std::inplace_merge(taken.threads.begin(), taken.threads.begin() + middle, taken.threads.end());
      others[k] = std::move(others.back());
      others.pop_back();
    }
  };
  join(groups_);
  join(parked_);
  return taken;
}

void Machine::run_block() {
  groups_.clear();
  parked_.clear();
  waiting_.clear();
  for (size_t warp = 0; warp < alive_.size(); ++warp) {
    const size_t count = std::min<size_t>(32, threads_ - warp * 32);
    alive_[warp] = count == 32 ? 0xFFFFFFFFu : (1u << count) - 1;
  }
  Threads all(threads_);
  for (uint32_t t = 0; t < threads_; ++t) all[t] = static_cast<uint16_t>(t);
  add_group(program_.entry, std::move(all));
  for (;;) {
    while (!groups_.empty()) {
      Group group = take_group();
      step(group);
    }
    if (waiting_.empty() && parked_.empty()) return;
    bool is_released = false;
    for (size_t k = 0; k < waiting_.size() && !is_released; ++k)
      is_released = release(waiting_[k].barrier, true);
    if (!is_released && !wake_parked()) report_deadlock();
  }
}

void Machine::set_lanes(const Threads& threads) {
  lanes.count = static_cast<uint32_t>(threads.size());
  lanes.first = threads.front();
  const bool is_range = static_cast<size_t>(threads.back() - threads.front()) + 1 == threads.size();
  lanes.index = is_range ? nullptr : threads.data();
}

bool Machine::guard(const Instruction& i, Threads& active) {
  const uint8_t* predicate = at<uint8_t>(i.guard_register);
  const uint8_t wanted = i.guard == Guard::if_true;
  active.clear();
  each(lanes, [&](uint32_t t) {
    if (predicate[t] == wanted) active.push_back(static_cast<uint16_t>(t));
  });
  return !active.empty();
}

void Machine::watch() {
  if (++turns_ % 65536 == 0 && (*stop_ || now() > deadline_))
    fail(*stop_ ? CUDA_ERROR_DEINITIALIZED : CUDA_ERROR_LAUNCH_TIMEOUT, lanes.first,
         "the kernel still runs after " + std::to_string(SECONDS_OF_A_LAUNCH) + " seconds");
}

// Whether all threads of the group take the branch, or none.
bool Machine::goes_one_way(const Instruction& i, uint32_t& taken) {
  taken = lanes.count;
  if (i.guard != Guard::none) {
    const uint8_t* predicate = at<uint8_t>(i.guard_register);
    uint32_t set = 0;
    each(lanes, [&](uint32_t t) { set += predicate[t]; });
    taken = i.guard == Guard::if_true ? set : lanes.count - set;
  }
  return taken == 0 || taken == lanes.count;
}

// The counter at which a group at `pc` is no longer the one to run.
uint32_t Machine::limit_of(uint32_t pc) const {
  uint32_t limit = UINT32_MAX;
  for (const Group& other : groups_) limit = std::min(limit, other.pc);
  for (const Group& other : parked_)
    if (other.pc > pc) limit = std::min(limit, other.pc);
  return limit;
}

// Runs the group until its counter reaches another's, or it is no more.
void Machine::step(Group& group) {
  const Instruction* code = program_.code.data();
  uint32_t limit = limit_of(group.pc);
  Threads active;
  set_lanes(group.threads);
  for (;;) {
    const Instruction& i = code[group.pc];
    current_ = &i;
    if (i.control == Control::none) {
      if (i.guard == Guard::none) {
        i.run(*this, i);
      } else if (guard(i, active)) {
        const Lanes whole = lanes;
        set_lanes(active);
        i.run(*this, i);
        lanes = whole;
      }
      ++group.pc;
    } else if (uint32_t taken = 0; i.control == Control::branch && goes_one_way(i, taken)) {
      const bool is_backward = taken && i.target <= group.pc;
      group.pc = taken ? i.target : group.pc + 1;
      if (is_backward) {
        watch();
        limit = limit_of(group.pc);
      }
    } else {
      if (!control(group, i)) return;
    }
    if (group.pc >= limit) return add_group(group.pc, std::move(group.threads));
  }
}

// ---- control

void Machine::branch(Group& group, const Threads& taken, uint32_t target) {
  Threads left;
  std::set_difference(group.threads.begin(), group.threads.end(), taken.begin(), taken.end(),
                      std::back_inserter(left));
  if (!left.empty()) add_group(group.pc + 1, std::move(left));
  add_group(target, Threads(taken));
}

void Machine::exit(const Threads& threads) {
  for (const uint16_t t : threads) alive_[t / 32] &= ~(1u << t % 32);
}

bool Machine::control(Group& group, const Instruction& i) {
  Threads active;
  if (i.guard == Guard::none) {
    active = group.threads;
  } else if (!guard(i, active)) {
    ++group.pc;
    return true;
  }
  const bool is_whole = active.size() == group.threads.size();
  if (!is_whole && i.control != Control::branch && i.control != Control::exit) {
    // Those that the guard holds back go on by themselves.
    Threads left;
    std::set_difference(group.threads.begin(), group.threads.end(), active.begin(), active.end(),
                        std::back_inserter(left));
    add_group(group.pc + 1, std::move(left));
    group.threads = active;
    set_lanes(group.threads);
    if (!control(group, i)) return false;
    add_group(group.pc, std::move(group.threads));
    return false;
  }
  switch (i.control) {
  case Control::none:
    break;
  case Control::branch:
    if (is_whole) {
      group.pc = i.target;
      return true;
    }
    branch(group, active, i.target);
    watch();
    return false;
  case Control::indexed:
  case Control::ret: {
    const uint32_t* values = at<uint32_t>(i.operand[0]);
    while (!active.empty()) {
      const uint32_t value = values[active.front()];
      if (i.control == Control::indexed && value >= i.more.size())
        fail(CUDA_ERROR_ILLEGAL_INSTRUCTION, active.front(),
             "index " + std::to_string(value) + " is beyond the " + std::to_string(i.more.size()) +
                 " targets");
      const uint32_t target = i.control == Control::indexed ? i.more[value] : value;
      Threads same, rest;
      for (const uint16_t t : active) (values[t] == value ? same : rest).push_back(t);
      add_group(target, std::move(same));
      active = std::move(rest);
    }
    watch();
    return false;
  }
  case Control::call: {
    uint32_t* back = at<uint32_t>(i.operand[0]);
    const uint32_t after = group.pc + 1;
    each(lanes, [=](uint32_t t) { back[t] = after; });
    group.pc = i.target;
    // What is called lies before, and its limit is another.
    add_group(group.pc, std::move(group.threads));
    return false;
  }
  case Control::exit: {
    exit(active);
    if (is_whole) return false;
    Threads left;
    std::set_difference(group.threads.begin(), group.threads.end(), active.begin(), active.end(),
                        std::back_inserter(left));
    group.threads = std::move(left);
    set_lanes(group.threads);
    ++group.pc;
    return true;
  }
  case Control::trap:
    fail(CUDA_ERROR_ILLEGAL_INSTRUCTION, active.front(), "trap");
  case Control::barrier:
  case Control::arrive:
  case Control::reduce:
    wait(group, i);
    return false;
  case Control::collective:
    return collect(group, i);
  }
  return true;
}

void Machine::wait(Group& group, const Instruction& i) {
  const uint32_t* barriers = at<uint32_t>(i.operand[0]);
  const uint32_t* counts = i.has_count ? at<uint32_t>(i.operand[1]) : nullptr;
  std::vector<uint32_t> reached;
  for (const uint16_t t : group.threads) {
    const uint32_t barrier = barriers[t], count = counts ? counts[t] : 0;
    if (barrier >= 16)
      fail(CUDA_ERROR_ILLEGAL_INSTRUCTION, t, "there is no barrier " + std::to_string(barrier));
    if (count % 32)
      fail(CUDA_ERROR_ILLEGAL_INSTRUCTION, t,
           "a barrier of " + std::to_string(count) + " threads: no multiple of a warp");
    waiting_.push_back({group.pc, t, barrier, count, i.control == Control::arrive});
    if (std::find(reached.begin(), reached.end(), barrier) == reached.end()) reached.push_back(barrier);
  }
  if (i.control == Control::arrive) add_group(group.pc + 1, std::move(group.threads));
  // A barrier of a given number of threads can be full while others run on; one of all threads cannot.
  if (counts)
    for (const uint32_t barrier : reached) release(barrier, false);
}

bool Machine::release(uint32_t barrier, bool is_idle) {
  uint32_t living = 0;
  for (const uint32_t mask : alive_) living += static_cast<uint32_t>(__builtin_popcount(mask));
  std::vector<Waiting> here;
  for (const Waiting& one : waiting_)
    if (one.barrier == barrier) here.push_back(one);
  if (here.empty()) return false;
  std::sort(here.begin(), here.end(), [](const Waiting& a, const Waiting& b) { return a.thread < b.thread; });
  const uint32_t expected = here.front().expected ? here.front().expected : living;
  if (here.size() < expected || (!is_idle && !here.front().expected)) return false;
  for (size_t k = 1; k < here.size(); ++k) {
    const Waiting &a = here[k - 1], &b = here[k];
    const Instruction &at_a = program_.code[a.pc], &at_b = program_.code[b.pc];
    current_ = &at_b;
    if (a.expected != b.expected)
      fail(CUDA_ERROR_LAUNCH_FAILED, b.thread,
           "threads wait at one barrier for different numbers of threads");
    if (a.thread / 32 == b.thread / 32 && a.pc != b.pc && (at_a.aligned || at_b.aligned))
      fail(CUDA_ERROR_LAUNCH_FAILED, b.thread,
           "divergent barrier: thread " + std::to_string(a.thread) + " of the same warp waits at line " +
               std::to_string(at_a.line));
  }
  if (here.size() > expected)
    fail(CUDA_ERROR_LAUNCH_FAILED, here.front().thread,
         std::to_string(here.size()) + " threads reach a barrier of " + std::to_string(expected));
  std::erase_if(waiting_, [&](const Waiting& one) { return one.barrier == barrier; });
  shared.pass_barrier();
  Threads everyone;
  for (const Waiting& one : here)
    if (!one.arrives_only) everyone.push_back(one.thread);
  while (!here.empty()) {
    const uint32_t pc = here.front().pc;
    Threads same;
    std::vector<Waiting> rest;
    for (const Waiting& one : here) {
      if (one.pc != pc)
        rest.push_back(one);
      else if (!one.arrives_only)
        same.push_back(one.thread);
    }
    const Instruction& i = program_.code[pc];
    if (i.control == Control::reduce) {
      current_ = &i;
      set_lanes(everyone);
      i.run(*this, i);
    }
    if (!same.empty()) add_group(pc + 1, std::move(same));
    here = std::move(rest);
  }
  return true;
}

// Threads of a warp that do something together. Those whose partners are not there yet are parked.
bool Machine::collect(Group& group, const Instruction& i) {
  const uint32_t* masks = at<uint32_t>(i.operand[0]);
  Threads ready, early;
  for (size_t k = 0; k < group.threads.size();) {
    const uint32_t warp = group.threads[k] / 32;
    uint32_t present = 0;
    size_t end = k;
    for (; end < group.threads.size() && group.threads[end] / 32 == warp; ++end)
      present |= 1u << group.threads[end] % 32;
    for (; k < end; ++k) {
      const uint16_t t = group.threads[k];
      const uint32_t mask = masks[t];
      if (!(mask >> t % 32 & 1)) fail(CUDA_ERROR_LAUNCH_FAILED, t, "the mask leaves out the thread itself");
      const bool all_here = ((mask & alive_[warp]) & ~present) == 0;
      if (all_here)
        for (uint32_t lane = 0; lane < 32; ++lane)
          if ((mask & present) >> lane & 1 && masks[warp * 32 + lane] != mask)
            fail(CUDA_ERROR_LAUNCH_FAILED, t, "threads of one warp name different masks");
      (all_here ? ready : early).push_back(t);
    }
  }
  if (!early.empty()) {
    parked_.push_back({group.pc, std::move(early)});
    if (ready.empty()) return false;
    group.threads = std::move(ready);
    set_lanes(group.threads);
  }
  if (i.run) i.run(*this, i);
  if (!i.has_count) {
    ++group.pc;
    return true;
  }
  // A barrier of warps: `has_count` says so.
  for (size_t k = 0; k < group.threads.size();) {
    const uint32_t warp = group.threads[k] / 32;
    uint32_t passed = 0;
    for (; k < group.threads.size() && group.threads[k] / 32 == warp; ++k) {
      const uint32_t mask = masks[group.threads[k]];
      if (mask & ~passed) shared.pass_warp_barrier(warp, mask & alive_[warp]);
      passed |= mask;
    }
  }
  ++group.pc;
  return true;
}

// Threads that left may have been what others waited for.
bool Machine::wake_parked() {
  for (size_t k = 0; k < parked_.size(); ++k) {
    const Group& group = parked_[k];
    const Instruction& i = program_.code[group.pc];
    const uint32_t* masks = at<uint32_t>(i.operand[0]);
    std::vector<uint32_t> present(alive_.size());
    for (const uint16_t t : group.threads) present[t / 32] |= 1u << t % 32;
    for (const uint16_t t : group.threads)
      if (((masks[t] & alive_[t / 32]) & ~present[t / 32]) == 0) {
        groups_.push_back(std::move(parked_[k]));
        parked_.erase(parked_.begin() + static_cast<std::ptrdiff_t>(k));
        return true;
      }
  }
  return false;
}

void Machine::report_deadlock() {
  uint32_t pc = 0, thread = 0;
  size_t count = waiting_.size();
  if (!waiting_.empty()) {
    pc = waiting_.front().pc;
    thread = waiting_.front().thread;
  } else {
    pc = parked_.front().pc;
    thread = parked_.front().threads.front();
    count = parked_.front().threads.size();
  }
  current_ = &program_.code[pc];
  std::string others;
  for (const Waiting& one : waiting_)
    if (one.pc != pc) {
      others = ", thread " + std::to_string(one.thread) + " waits at line " +
               std::to_string(program_.code[one.pc].line);
      break;
    }
  if (others.empty() && !waiting_.empty() && !parked_.empty())
    others = ", thread " + std::to_string(parked_.front().threads.front()) + " waits at line " +
             std::to_string(program_.code[parked_.front().pc].line);
  fail(CUDA_ERROR_LAUNCH_FAILED, thread,
       "divergent barrier: " + std::to_string(count) + " threads wait for others that will never come" +
           others);
}

} // namespace stand_in
