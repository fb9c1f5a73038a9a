#include "operations.h"

namespace stand_in {

namespace {

void branch(Decoder& d) {
  d.take("uni");
  d.emit(nullptr, {}).control = Control::branch;
}
void branch_by_index(Decoder& d) {
  if (!d.take("idx")) d.fail("only brx.idx is known");
  d.take("uni");
  const uint32_t index = d.source(d.operand(0), Type::u32);
  d.emit(nullptr, {index}).control = Control::indexed;
}
void call(Decoder& d) { d.take("uni"); } // who links functions decodes the rest
void leave(Decoder& d) {
  d.take("uni");
  d.expect_operands(0);
  d.emit(nullptr, {}).control = Control::ret;
}
void exit(Decoder& d) {
  d.expect_operands(0);
  d.emit(nullptr, {}).control = Control::exit;
}
void trap(Decoder& d) {
  d.expect_operands(0);
  d.emit(nullptr, {}).control = Control::trap;
}

// Operands: barrier, count, predicate, destination. The lanes are all that have come.
enum class Reduction : int64_t { ones, all, any };
void reduce_predicates(Machine& m, const Instruction& i) {
  const uint8_t* p = m.at<uint8_t>(i.operand[2]);
  uint32_t yes = 0;
  each(m.lanes, [&](uint32_t t) { yes += p[t]; });
  const auto kind = static_cast<Reduction>(i.offset);
  const bool outcome = kind == Reduction::all ? yes == m.lanes.count : yes > 0;
  if (kind == Reduction::ones)
    each(m.lanes, [yes, d = m.at<uint32_t>(i.operand[3])](uint32_t t) { d[t] = yes; });
  else
    each(m.lanes, [outcome, d = m.at<uint8_t>(i.operand[3])](uint32_t t) { d[t] = outcome; });
}

void barrier(Decoder& d) {
  d.take("cta");
  const bool is_aligned = d.take("aligned") || d.base() == "bar";
  if (d.take("warp")) {
    if (!d.take("sync")) d.fail("no such barrier");
    d.expect_operands(1);
    Instruction& made = d.emit(nullptr, {d.source(d.operand(0), Type::b32)});
    made.control = Control::collective;
    made.has_count = 1; // a barrier, unlike the other collectives
    d.layout.program().has_warp_barriers = true;
    return;
  }
  const std::string_view kind = d.take_any({"sync", "arrive", "red"});
  if (kind.empty()) d.fail("no such barrier");
  if (kind != "red") {
    const size_t count = d.operand_count();
    if (count != 1 && count != 2) d.expect_operands(1);
    if (kind == "arrive") d.expect_operands(2);
    const uint32_t which = d.source(d.operand(0), Type::u32);
    const uint32_t threads = count == 2 ? d.source(d.operand(1), Type::u32) : which;
    Instruction& made = d.emit(nullptr, {which, threads});
    made.control = kind == "sync" ? Control::barrier : Control::arrive;
    made.aligned = is_aligned;
    made.has_count = count == 2;
    return;
  }
  const std::string_view reduction = d.take_any({"popc", "and", "or"});
  const Type type = d.take_type();
  const bool counts = reduction == "popc";
  if (reduction.empty() || type != (counts ? Type::u32 : Type::pred)) d.fail("no such reduction");
  const size_t count = d.operand_count();
  if (count != 3 && count != 4) d.expect_operands(3);
  const uint32_t which = d.source(d.operand(1), Type::u32);
  const uint32_t threads = count == 4 ? d.source(d.operand(2), Type::u32) : which;
  const uint32_t p = d.predicate(d.operand(count - 1));
  Instruction& made = d.emit(&reduce_predicates, {which, threads, p, d.destination(d.operand(0), type)});
  made.control = Control::reduce;
  made.aligned = is_aligned;
  made.has_count = count == 4;
  made.offset = static_cast<int64_t>(counts               ? Reduction::ones
                                     : reduction == "and" ? Reduction::all
                                                          : Reduction::any);
}

void sleep(Decoder& d) {
  d.take_type();
  d.expect_operands(1);
  d.source(d.operand(0), Type::u32);
}

constexpr OperationRow ROWS[] = {
    {"bra", &branch},  {"brx", &branch_by_index}, {"call", &call},
    {"ret", &leave},   {"exit", &exit},           {"trap", &trap},
    {"bar", &barrier}, {"barrier", &barrier},     {"nanosleep", &sleep},
};

} // namespace

std::span<const OperationRow> control_operations() { return ROWS; }

} // namespace stand_in
