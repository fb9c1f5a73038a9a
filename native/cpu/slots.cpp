#include "cpu/slots.h"

#include <algorithm>
#include <map>

namespace adjoint::cpu {

namespace {

// A processor takes a load for one of a recent store if their addresses are equal modulo 4096: a gap keeps slots of
// a power of two apart.
constexpr size_t slot_gap = 192;

int64_t count_of(const CpuProgram& program, Extent extent) {
  switch (extent) {
  case Extent::one:
    return 1;
  case Extent::rows:
    return program.row_block;
  case Extent::elements:
    return program.traversal == Traversal::whole ? program.row_block * program.columns : program.column_block;
  }
  __builtin_unreachable();
}

struct Life {
  size_t begin = SIZE_MAX, end = 0;
};

// The life of a value, from the first to the last instruction that names it. An element section runs many
// times, so a value that it reads from outside lives until the section ends; a value of the number section
// lives until the program does.
std::vector<Life> lives_of(const CpuProgram& program, const std::vector<ValuePlan>& values) {
  std::vector<Life> lives(values.size());
  const std::vector<Instruction>& code = program.instructions;
  const auto use = [&](uint16_t value, size_t at) {
    lives[value].begin = std::min(lives[value].begin, at);
    lives[value].end = std::max(lives[value].end, at);
  };
  const auto last_use = [&](uint16_t value, size_t at) -> size_t {
    if (lives[value].begin < program.number_section.end && at >= program.number_section.end)
      return code.size();
    for (const std::vector<Section>* sections : {&program.element_sections, &program.wide_sections})
      for (const Section& section : *sections)
        if (section.has(at) && lives[value].begin < section.begin) return section.end;
    return at;
  };
  for (const ReductionPlan& plan : program.reductions) {
    if (program.traversal == Traversal::whole) continue;
    const Section section = program.element_sections[plan.pass];
    const size_t end = std::max(section.end, program.wide_sections[plan.pass].end);
    use(plan.out, end - 1);
    use(plan.lanes, section.begin);
    use(plan.lanes, end);
  }
  for (size_t i = 0; i < code.size(); ++i) {
    const Instruction& one = code[i];
    if (one.action == Action::segment) {
      const Segment& segment = program.segments[one.segment];
      for (const uint16_t value : segment.outputs) use(value, i);
      for (const uint16_t value : segment.inputs) use(value, last_use(value, i));
      continue;
    }
    if (one.action != Action::store) use(one.out, i);
    if (!one.has_inputs()) continue;
    for (const uint16_t value : {one.a, one.b, one.c}) use(value, last_use(value, i));
  }
  // A splice may point to its inputs.
  for (size_t i = code.size(); i-- > 0;)
    if (code[i].action == Action::splice)
      for (const uint16_t value : {code[i].a, code[i].b}) use(value, lives[code[i].out].end);
  return lives;
}

size_t bytes_of_slot(const CpuProgram& program, const ValuePlan& value) {
  const size_t bytes = value.slot_bytes > 0
                           ? value.slot_bytes
                           : static_cast<size_t>(count_of(program, value.extent)) * value.bytes;
  return value.slot_bytes == 0 && value.extent == Extent::one ? 16 : (bytes + 63) / 64 * 64;
}

bool is_number(const CpuProgram& program, size_t value) {
  return std::any_of(program.numbers.begin(), program.numbers.end(),
                     [&](const NumberValue& number) { return number.value == value; });
}

} // namespace

size_t assign_slots(CpuProgram& program, const std::vector<ValuePlan>& values) {
  const std::vector<Life> life = lives_of(program, values);
  const std::vector<Instruction>& code = program.instructions;
  size_t end = (values.size() * sizeof(void*) + 63) / 64 * 64;
  const size_t begin = end;
  program.slots.assign(values.size(), 0);
  std::vector<std::vector<uint16_t>> dying(code.size() + 2), born(code.size() + 2);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i].needs_slot && values[i].slot_bytes == 0) continue;
    const bool is_used = life[i].begin != SIZE_MAX;
    // Numbers are there before any instruction, and stay.
    if (!is_used || is_number(program, i)) {
      program.slots[i] = static_cast<uint32_t>(end);
      end += 16;
      continue;
    }
    born[life[i].begin].push_back(static_cast<uint16_t>(i));
    dying[life[i].end].push_back(static_cast<uint16_t>(i));
  }
  end = (end + 63) / 64 * 64;
  std::map<size_t, std::vector<uint32_t>> free;
  const auto release = [&](uint16_t value) {
    free[bytes_of_slot(program, values[value])].push_back(program.slots[value]);
  };
  for (size_t i = 0; i < born.size(); ++i) {
    // The result of a loop may take the place of an input that dies, if it is as wide.
    const bool in_place = i < code.size() && code[i].action == Action::loop;
    std::vector<uint16_t> later;
    for (const uint16_t value : dying[i])
      if (in_place && value != code[i].out && values[value].bytes == values[code[i].out].bytes)
        release(value);
      else
        later.push_back(value);
    for (const uint16_t value : born[i]) {
      const size_t bytes = bytes_of_slot(program, values[value]);
      std::vector<uint32_t>& list = free[bytes];
      if (!list.empty()) {
        program.slots[value] = list.back();
        list.pop_back();
      } else {
        program.slots[value] = static_cast<uint32_t>(end);
        end += bytes < 64 ? bytes : bytes + slot_gap;
        if (bytes < 64)
          end = (end + 15) / 16 * 16;
        else
          end = (end + 63) / 64 * 64;
      }
    }
    for (const uint16_t value : later) release(value);
  }
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i].shares) program.slots[i] = program.slots[*values[i].shares];
  program.thread_bytes = end;
  return end - begin;
}

} // namespace adjoint::cpu
