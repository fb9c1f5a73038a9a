#include "cpu/jit/segment.h"

#include <algorithm>

#include "device/environment.h"

namespace adjoint::cpu {

namespace {

constexpr size_t least_steps = 2;
constexpr size_t most_steps = 256; // the time to compile grows faster than their number

class Former {
 public:
  Former(CpuProgram& program, std::vector<ValuePlan>& values, Encoding encoding)
      : program_(program), values_(values), encoding_(encoding), code_(std::move(program.instructions)),
        reads_(values.size()), role_(values.size()), is_barred_(code_.size()) {
    for (const Instruction& one : code_) count_reads(one, reads_);
  }

  void form() {
    program_.instructions.clear();
    form_section(program_.number_section);
    for (size_t i = 0; i < program_.row_sections.size(); ++i) {
      form_section(program_.row_sections[i]);
      if (i == program_.element_sections.size()) break;
      form_section(program_.element_sections[i]);
      form_section(program_.wide_sections[i]);
    }
  }

 private:
  // The role of a value while a run is being looked for.
  enum class Role : uint8_t { outside, made, late }; // late: made of them after the segment

  struct Run {
    std::vector<Instruction> before, after;
    std::vector<size_t> steps; // indices
    size_t end = 0;
  };

  static bool has_output(const Instruction& one) { return one.action != Action::store; }
  static void count_reads(const Instruction& one, std::vector<uint32_t>& reads) {
    if (!one.has_inputs()) return;
    for (const uint16_t value : {one.a, one.b, one.c}) ++reads[value];
  }
  bool reads(const Instruction& one, Role role) const {
    return one.has_inputs() && (role_[one.a] == role || role_[one.b] == role || role_[one.c] == role);
  }

  // Sections lie one behind another; finished ones are in the program.
  void form_section(Section& section) {
    const auto begin = static_cast<uint32_t>(program_.instructions.size());
    for (size_t at = section.begin; at < section.end;) {
      Run run;
      if (can_begin(at)) run = find_run(at, section.end);
      if (run.steps.size() < least_steps) {
        program_.instructions.push_back(code_[at++]);
        continue;
      }
      add_run(run);
      at = run.end;
    }
    section = {begin, static_cast<uint32_t>(program_.instructions.size())};
  }

  DType arithmetic(const Instruction& one) const { return values_[one.c].dtype; }
  bool can_begin(size_t at) const {
    const Instruction& one = code_[at];
    return one.action == Action::loop && is_floating(arithmetic(one)) &&
           can_join(at, one.extent, values_[one.c].bytes);
  }
  bool can_join(size_t at, Extent extent, size_t bytes) const {
    const Instruction& one = code_[at];
    if (one.action != Action::loop || one.extent != extent || is_barred_[at]) return false;
    if (!is_plain(one.op, arithmetic(one))) return false;
    if (is_floating(arithmetic(one)) && values_[one.c].bytes != bytes) return false;
    // Bools are bytes in memory; only EVEX has instructions that read and write part of a vector of them.
    const auto is_foreign_bool = [&](uint16_t value) {
      return values_[value].dtype == DType::boolean && role_[value] != Role::made;
    };
    return encoding_ == Encoding::evex ||
           !(is_foreign_bool(one.a) || is_foreign_bool(one.b) || is_foreign_bool(one.c));
  }

  Run find_run(size_t begin, size_t end) {
    for (;;) {
      Run run = try_run(begin, end);
      const size_t barred = escaping_bool(run);
      std::fill(role_.begin(), role_.end(), Role::outside);
      if (barred == SIZE_MAX) return run;
      is_barred_[barred] = true;
      if (barred == begin) return {};
    }
  }

  Run try_run(size_t begin, size_t end) {
    const Extent extent = code_[begin].extent;
    const size_t bytes = values_[code_[begin].c].bytes;
    Run run;
    size_t before = 0, after = 0; // how many there were at the last step, with which the run ends
    for (size_t at = begin; at < end && run.steps.size() < most_steps; ++at) {
      const Instruction& one = code_[at];
      const bool depends = reads(one, Role::made), is_late = reads(one, Role::late);
      if (!is_late && can_join(at, extent, bytes)) {
        role_[one.out] = Role::made;
        run.steps.push_back(at);
        before = run.before.size();
        after = run.after.size();
        run.end = at + 1;
      } else if (!depends && !is_late && may_come_before(one)) {
        run.before.push_back(one);
      } else if (may_come_after(one)) {
        run.after.push_back(one);
        if (has_output(one)) role_[one.out] = Role::late;
      } else {
        break;
      }
    }
    run.before.resize(before);
    run.after.resize(after);
    return run;
  }

  // A placed value may be made in the array that it is stored in.
  static bool may_come_before(const Instruction& one) {
    return one.action != Action::store && !one.is_placed;
  }
  bool may_come_after(const Instruction& one) const {
    const bool is_sink =
        one.action == Action::store || one.action == Action::reduce || one.action == Action::add;
    return is_sink && role_[one.a] == Role::made;
  }

  std::vector<uint32_t> reads_within(const Run& run) const {
    std::vector<uint32_t> within(values_.size());
    for (const size_t at : run.steps) count_reads(code_[at], within);
    return within;
  }
  bool is_output(const Instruction& one, const std::vector<uint32_t>& within) const {
    return one.is_placed || reads_[one.out] > within[one.out];
  }

  // A step whose bools would have to be written to memory, where that is not possible.
  size_t escaping_bool(const Run& run) const {
    if (encoding_ == Encoding::evex) return SIZE_MAX;
    const std::vector<uint32_t> within = reads_within(run);
    for (const size_t at : run.steps)
      if (values_[code_[at].out].dtype == DType::boolean && is_output(code_[at], within)) return at;
    return SIZE_MAX;
  }

  void add_run(const Run& run) {
    const std::vector<uint32_t> within = reads_within(run);
    Segment segment{.extent = code_[run.steps[0]].extent};
    std::vector<bool> is_known(values_.size());
    for (const size_t at : run.steps) {
      Instruction one = code_[at];
      for (const uint16_t value : {one.a, one.b, one.c})
        if (!is_known[value]) {
          is_known[value] = true;
          segment.inputs.push_back(value);
        }
      is_known[one.out] = true;
      one.is_output = is_output(one, within);
      if (one.is_output)
        segment.outputs.push_back(one.out);
      else
        values_[one.out].needs_slot = false;
      segment.steps.push_back(one);
    }
    std::vector<Instruction>& code = program_.instructions;
    code.insert(code.end(), run.before.begin(), run.before.end());
    code.push_back({.action = Action::segment,
                    .extent = segment.extent,
                    .segment = static_cast<uint16_t>(program_.segments.size())});
    code.insert(code.end(), run.after.begin(), run.after.end());
    program_.segments.push_back(std::move(segment));
  }

  CpuProgram& program_;
  std::vector<ValuePlan>& values_;
  const Encoding encoding_;
  std::vector<Instruction> code_;
  std::vector<uint32_t> reads_; // of values, by all instructions
  std::vector<Role> role_;
  std::vector<bool> is_barred_; // instructions that are to remain calls
};

} // namespace

Encoding encoding_for([[maybe_unused]] Isa isa) {
#if defined(__x86_64__) && defined(__linux__)
  if (!environment::is_on("ADJOINT_JIT")) return Encoding::none;
  if (isa == Isa::v4) return Encoding::evex;
  if (isa == Isa::v3) return Encoding::vex;
#endif
  return Encoding::none;
}

void form_segments(CpuProgram& program, std::vector<ValuePlan>& values, Encoding encoding) {
  Former(program, values, encoding).form();
}

bool assemble_segments(CpuProgram& program, Encoding encoding) {
  if (program.segments.empty()) return true;
  Assembler assembler(encoding);
  std::vector<size_t> entries;
  for (const Segment& segment : program.segments) {
    assembler.align(64);
    entries.push_back(assembler.position());
    emit_segment(assembler, encoding, program, segment);
  }
  program.executable = Executable(assembler.finish());
  const auto* code = static_cast<const std::byte*>(program.executable.data());
  if (!code) return false;
  for (size_t i = 0; i < entries.size(); ++i) {
    program.segments[i].code = reinterpret_cast<SegmentCode>(reinterpret_cast<uintptr_t>(code + entries[i]));
    program.segments[i].steps = {};
  }
  return true;
}

} // namespace adjoint::cpu
