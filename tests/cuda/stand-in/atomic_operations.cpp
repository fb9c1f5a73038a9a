#include <atomic>

#include "access.h"
#include "operations.h"

namespace stand_in {

namespace {

template <size_t bytes> using Word = std::conditional_t<bytes == 4, uint32_t, uint64_t>;

// Streams run at once, so device memory is changed by atomic operations of the processor.
template <class S, auto F, class T, bool has_third, bool gives_old>
void change(Machine& m, const Instruction& i) {
  const uint64_t* addresses = m.at<uint64_t>(i.operand[0]);
  const T *b = m.at<T>(i.operand[2]), *c = m.at<T>(i.operand[3]);
  T* d = m.at<T>(i.operand[1]);
  Window window = m.window(i.slot);
  const auto offset = static_cast<uint64_t>(i.offset);
  each(m.lanes, [&](uint32_t t) {
    using W = Word<sizeof(T)>;
    std::byte* place =
        S::template at<Access::atomic, sizeof(T)>(m, window, addresses[t] + offset, t, nullptr);
    std::atomic_ref<W> word(*reinterpret_cast<W*>(place));
    W old = word.load();
    for (;;) {
      T next;
      if constexpr (has_third)
        next = F(std::bit_cast<T>(old), b[t], c[t]);
      else
        next = F(std::bit_cast<T>(old), b[t]);
      if (word.compare_exchange_weak(old, std::bit_cast<W>(next))) break;
    }
    if (gives_old) d[t] = std::bit_cast<T>(old);
  });
  m.window(i.slot) = window;
}

template <auto F, class T, bool has_third> Handler by_space(std::string_view space, bool gives_old) {
  if (space == "global")
    return gives_old ? &change<GlobalSpace, F, T, has_third, true>
                     : &change<GlobalSpace, F, T, has_third, false>;
  if (space.starts_with("shared"))
    return gives_old ? &change<SharedSpace, F, T, has_third, true>
                     : &change<SharedSpace, F, T, has_third, false>;
  return gives_old ? &change<GenericSpace, F, T, has_third, true>
                   : &change<GenericSpace, F, T, has_third, false>;
}
template <auto F, bool has_third, class... Ts>
Handler by_type(Type type, std::string_view space, bool gives_old, Types<Ts...>) {
  Handler found = nullptr;
  ((plain(type) == type_of<Ts> ? static_cast<void>(found = by_space<F, Ts, has_third>(space, gives_old))
                               : void()),
   ...);
  return found;
}
template <auto F, bool has_third, class List>
Handler changing(Type type, std::string_view space, bool gives_old) {
  return by_type<F, has_third>(type, space, gives_old, List{});
}

using Words = Types<uint32_t, uint64_t>;
using WholeNumbers = Types<uint32_t, uint64_t, int32_t, int64_t>;
constexpr auto greatest = []<class T>(T a, T b) { return a > b ? a : b; };
constexpr auto wrapped_increment = [](uint32_t a, uint32_t b) { return a >= b ? 0u : a + 1; };
constexpr auto wrapped_decrement = [](uint32_t a, uint32_t b) { return a == 0 || a > b ? b : a - 1; };
struct AtomicRow {
  const char* name;
  Handler (*handler)(Type, std::string_view, bool);
  bool has_third = false;
};
constexpr AtomicRow ROWS[] = {
    {"add", &changing<[]<class T>(T a, T b) { return static_cast<T>(a + b); }, false,
                      Types<uint32_t, uint64_t, int32_t, float, double>>},
    {"exch", &changing<[]<class T>(T, T b) { return b; }, false, Words>},
    {"cas", &changing<[]<class T>(T a, T b, T c) { return a == b ? c : a; }, true, Words>, true},
    {"min", &changing<[]<class T>(T a, T b) { return a < b ? a : b; }, false, WholeNumbers>},
    {"max", &changing<greatest, false, WholeNumbers>},
    {"and", &changing<[]<class T>(T a, T b) { return static_cast<T>(a & b); }, false, Words>},
    {"or", &changing<[]<class T>(T a, T b) { return static_cast<T>(a | b); }, false, Words>},
    {"xor", &changing<[]<class T>(T a, T b) { return static_cast<T>(a ^ b); }, false, Words>},
    {"inc", &changing<wrapped_increment, false, Types<uint32_t>>},
    {"dec", &changing<wrapped_decrement, false, Types<uint32_t>>},
};

template <bool gives_old> void atomic(Decoder& d) {
  d.take_any({"relaxed", "acquire", "release", "acq_rel"});
  d.take_any({"cta", "cluster", "gpu", "sys"});
  const std::string_view space = d.take_any({"global", "shared", "shared::cta"});
  const AtomicRow* row = nullptr;
  for (const AtomicRow& one : ROWS)
    if (!row && d.take(one.name)) row = &one;
  if (!row) d.fail("unknown atomic operation");
  const Type type = d.take_type();
  const Handler handler = row->handler(type, space, gives_old);
  if (!handler) d.fail("no such type for this instruction");
  const size_t first = gives_old ? 1 : 0;
  d.expect_operands(first + 2 + row->has_third);
  const Address address = address_of(d, d.operand(first), space);
  const uint32_t b = d.source(d.operand(first + 1), type);
  const uint32_t c = row->has_third ? d.source(d.operand(first + 2), type) : b;
  const uint32_t to = gives_old ? d.destination(d.operand(0), type) : b;
  Instruction& made = d.emit(handler, {address.base, to, b, c});
  made.offset = address.offset;
  made.slot = d.layout.new_slot();
}

constexpr OperationRow OPERATIONS[] = {{"atom", &atomic<true>}, {"red", &atomic<false>}};

} // namespace

std::span<const OperationRow> atomic_operations() { return OPERATIONS; }

} // namespace stand_in
