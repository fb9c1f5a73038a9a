#include "access.h"
#include "operations.h"

namespace stand_in {

namespace {

template <class S, Access access, class T, uint32_t N> void load(Machine& m, const Instruction& i) {
  const uint64_t* addresses = m.at<uint64_t>(i.operand[0]);
  T* to[N];
  for (uint32_t k = 0; k < N; ++k) to[k] = m.at<T>(i.operand[k + 1]);
  Window window = m.window(i.slot);
  const auto offset = static_cast<uint64_t>(i.offset);
  each(m.lanes, [&](uint32_t t) {
    T values[N];
    std::memcpy(values, S::template at<access, sizeof values>(m, window, addresses[t] + offset, t, nullptr),
                sizeof values);
    for (uint32_t k = 0; k < N; ++k) to[k][t] = values[k];
  });
  m.window(i.slot) = window;
}

template <class S, Access access, class T, uint32_t N> void store(Machine& m, const Instruction& i) {
  const uint64_t* addresses = m.at<uint64_t>(i.operand[0]);
  const T* from[N];
  for (uint32_t k = 0; k < N; ++k) from[k] = m.at<T>(i.operand[k + 1]);
  Window window = m.window(i.slot);
  const auto offset = static_cast<uint64_t>(i.offset);
  each(m.lanes, [&](uint32_t t) {
    T values[N];
    for (uint32_t k = 0; k < N; ++k) values[k] = from[k][t];
    std::memcpy(S::template at<access, sizeof values>(m, window, addresses[t] + offset, t, values), values,
                sizeof values);
  });
  m.window(i.slot) = window;
}

template <class S, Access access, bool loads, class T> Handler by_lanes(size_t lanes) {
  if (lanes == 1) return loads ? &load<S, access, T, 1> : &store<S, access, T, 1>;
  if (lanes == 2) return loads ? &load<S, access, T, 2> : &store<S, access, T, 2>;
  if constexpr (sizeof(T) <= 4)
    if (lanes == 4) return loads ? &load<S, access, T, 4> : &store<S, access, T, 4>;
  return nullptr;
}
template <class S, Access access, bool loads> Handler by_width(uint32_t bytes, size_t lanes) {
  return bytes == 1   ? by_lanes<S, access, loads, uint8_t>(lanes)
         : bytes == 2 ? by_lanes<S, access, loads, uint16_t>(lanes)
         : bytes == 4 ? by_lanes<S, access, loads, uint32_t>(lanes)
                      : by_lanes<S, access, loads, uint64_t>(lanes);
}
template <class S, bool loads> Handler by_access(bool is_strong, uint32_t bytes, size_t lanes) {
  if (loads)
    return is_strong ? by_width<S, Access::volatile_read, true>(bytes, lanes)
                     : by_width<S, Access::read, true>(bytes, lanes);
  return is_strong ? by_width<S, Access::volatile_write, false>(bytes, lanes)
                   : by_width<S, Access::write, false>(bytes, lanes);
}
template <bool loads>
Handler by_space(std::string_view space, bool is_parameter, bool is_strong, uint32_t bytes, size_t lanes) {
  if (is_parameter) return by_access<ParameterSpace, loads>(false, bytes, lanes);
  if (space == "global" || space == "const") return by_access<GlobalSpace, loads>(is_strong, bytes, lanes);
  if (space.starts_with("shared")) return by_access<SharedSpace, loads>(is_strong, bytes, lanes);
  // Parameters of functions, and what calls pass, are in local memory.
  if (space == "local" || space.starts_with("param"))
    return by_access<LocalSpace, loads>(is_strong, bytes, lanes);
  return by_access<GenericSpace, loads>(is_strong, bytes, lanes);
}

template <bool loads> void access(Decoder& d) {
  const bool is_strong = !d.take_any({"volatile", "relaxed", "acquire", "release"}).empty();
  d.take("weak");
  d.take_any({"cta", "cluster", "gpu", "sys"});
  const std::string_view space = d.take_any(
      {"global", "shared", "shared::cta", "local", "const", "param", "param::func", "param::entry"});
  d.take_any({"nc"});
  d.take_any({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  d.take_any(
      {"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate"});
  d.take_any({"L2::64B", "L2::128B", "L2::256B"});
  const std::string_view vector = d.take_any({"v2", "v4"});
  const Type type = d.take_type();
  if (type == Type::pred) d.fail("no such type for this instruction");
  if (!loads && space == "const") d.fail("constant memory cannot be written");
  d.expect_operands(2);
  const Operand &value = d.operand(loads ? 0 : 1), &place = d.operand(loads ? 1 : 0);
  const size_t lanes = vector.empty() ? 1 : vector == "v2" ? 2 : 4;
  if ((value.kind == Operand::Kind::vector ? value.elements.size() : 1) != lanes)
    d.fail("not as many values as said");

  const Address address = address_of(d, place, space);
  const Handler handler = by_space<loads>(space, address.is_parameter, is_strong, bytes_of(type), lanes);
  if (!handler) d.fail("a vector of more than 16 bytes");
  uint32_t values[4] = {};
  Decoder::Widened widened[4] = {};
  for (size_t k = 0; k < lanes; ++k) {
    const Operand& element = value.kind == Operand::Kind::vector ? value.elements[k] : value;
    if (loads) widened[k] = d.widened_destination(element, type);
    values[k] = loads ? widened[k].value : d.narrowed_source(element, type);
  }
  Instruction& made = d.emit(handler, {address.base, values[0], values[1], values[2], values[3]});
  made.offset = address.offset;
  made.slot = d.layout.new_slot();
  if (loads)
    for (size_t k = 0; k < lanes; ++k) d.widen(widened[k]);
}

// Blocks run one after the other, and threads in step: what was written is there.
void fence(Decoder& d) {
  d.take_any({"sc", "acq_rel", "acquire", "release"});
  d.take_any({"cta", "cluster", "gpu", "sys", "gl"});
  d.expect_operands(0);
}

void prefetch(Decoder& d) {
  const std::string_view space = d.take_any({"global", "local"});
  if (d.take_any({"L1", "L2"}).empty()) d.fail("a level is missing");
  d.expect_operands(1);
  address_of(d, d.operand(0), space);
}

constexpr OperationRow ROWS[] = {
    {"ld", &access<true>}, {"ldu", &access<true>}, {"st", &access<false>},
    {"membar", &fence},    {"fence", &fence},      {"prefetch", &prefetch},
};

} // namespace

std::span<const OperationRow> memory_operations() { return ROWS; }

Address address_of(Decoder& d, const Operand& operand, std::string_view space) {
  if (operand.kind != Operand::Kind::address) d.fail("an address in brackets expected");
  Address made{0, operand.integer, false};
  const bool in_parameters = space.starts_with("param");
  if (const Variable* variable = operand.variable) {
    const Space is = variable->space;
    if (variable->is_register) d.fail("a register has no address");
    const bool fits = space.empty()       ? is == Space::global || is == Space::constant
                      : in_parameters     ? is == Space::param
                      : space == "global" ? is == Space::global
                      : space == "const"  ? is == Space::constant
                      : space == "local"  ? is == Space::local
                                          : is == Space::shared;
    if (!fits) d.fail(variable->name + " is in another space");
    made.is_parameter = variable->of_entry;
    made.base = d.number(Type::u64, d.layout.address(*variable));
    return made;
  }
  made.is_parameter = in_parameters;
  if (operand.reg < 0) {
    made.base = d.number(Type::u64, 0);
    return made;
  }
  Operand base;
  base.kind = Operand::Kind::reg;
  base.reg = operand.reg;
  made.base = d.address_register(base, !space.starts_with("global") && space != "const" && !space.empty());
  return made;
}

} // namespace stand_in
