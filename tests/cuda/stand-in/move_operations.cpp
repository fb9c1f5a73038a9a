#include <chrono>

#include "operations.h"

namespace stand_in {

namespace {

constexpr auto same = []<class T>(T x) { return x; };
Handler copying(uint32_t bytes) {
  return bytes == 1   ? &apply<same, uint8_t, uint8_t>
         : bytes == 2 ? &apply<same, uint16_t, uint16_t>
         : bytes == 4 ? &apply<same, uint32_t, uint32_t>
                      : &apply<same, uint64_t, uint64_t>;
}

// A register of several parts: `more` are their places, `offset` the bytes of one.
void pack(Machine& m, const Instruction& i) {
  const auto part = static_cast<uint32_t>(i.offset);
  const auto whole = static_cast<uint32_t>(i.more.size()) * part;
  std::byte* to = m.at<std::byte>(i.operand[0]);
  for (uint32_t k = 0; k < i.more.size(); ++k) {
    const std::byte* from = m.at<std::byte>(i.more[k]);
    each(m.lanes, [=](uint32_t t) { std::memcpy(to + t * whole + k * part, from + t * part, part); });
  }
}
void unpack(Machine& m, const Instruction& i) {
  const auto part = static_cast<uint32_t>(i.offset);
  const auto whole = static_cast<uint32_t>(i.more.size()) * part;
  const std::byte* from = m.at<std::byte>(i.operand[1]);
  for (uint32_t k = 0; k < i.more.size(); ++k) {
    std::byte* to = m.at<std::byte>(i.more[k]);
    each(m.lanes, [=](uint32_t t) { std::memcpy(to + t * part, from + t * whole + k * part, part); });
  }
}

void read_clock(Machine& m, const Instruction& i) {
  const auto ticks = std::chrono::steady_clock::now().time_since_epoch().count();
  const auto low = static_cast<uint32_t>(ticks);
  const auto all = static_cast<uint64_t>(ticks);
  if (i.offset == 4)
    each(m.lanes, [&, to = m.at<uint32_t>(i.operand[0])](uint32_t t) { to[t] = low; });
  else
    each(m.lanes, [&, to = m.at<uint64_t>(i.operand[0])](uint32_t t) { to[t] = all; });
}

void move(Decoder& d) {
  const Type type = d.take_type();
  d.expect_operands(2);
  const Operand &to = d.operand(0), &from = d.operand(1);
  const uint32_t bytes = bytes_of(type);
  const auto part_type = [&](const Operand& vector) {
    const uint32_t part = bytes / static_cast<uint32_t>(vector.elements.size());
    if (part * vector.elements.size() != bytes) d.fail("the parts do not make up the whole");
    return part == 1 ? Type::b8 : part == 2 ? Type::b16 : Type::b32;
  };
  if (from.kind == Operand::Kind::vector) {
    const Type part = part_type(from);
    std::vector<uint32_t> parts;
    for (const Operand& element : from.elements) parts.push_back(d.source(element, part));
    // The whole may be one of the parts' registers, though not of one width; but parts of a whole never are.
    Instruction& made = d.emit(&pack, {d.destination(to, type)});
    made.more = std::move(parts);
    made.offset = bytes_of(part);
    return;
  }
  if (to.kind == Operand::Kind::vector) {
    const Type part = part_type(to);
    const uint32_t whole = d.source(from, type);
    std::vector<uint32_t> parts;
    for (const Operand& element : to.elements) parts.push_back(d.destination(element, part));
    Instruction& made = d.emit(&unpack, {0, whole});
    made.more = std::move(parts);
    made.offset = bytes_of(part);
    return;
  }
  if (from.kind == Operand::Kind::special &&
      (from.text == "%clock" || from.text == "%clock64" || from.text == "%globaltimer")) {
    const Type clock = from.text == "%clock" ? Type::u32 : Type::u64;
    d.emit(&read_clock, {d.destination(to, clock)}).offset = bytes_of(clock);
    return;
  }
  const uint32_t value = d.source(from, type);
  d.emit(copying(bytes), {d.destination(to, type), value});
}

constexpr OperationRow ROWS[] = {{"mov", &move}};

} // namespace

std::span<const OperationRow> move_operations() { return ROWS; }

} // namespace stand_in
