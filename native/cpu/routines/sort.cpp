// Sorting, and search in what is sorted. Elements become keys whose unsigned order is the wanted one (ops/sort_key.h),
// counted from the least of their line: 32 bits are enough for most. Keys are sorted stably with their positions, short
// lines by insertion, others by digits from the lowest on. Where a part of the ranks is wanted, elements that cannot have
// one are left out first, and of the first few alone no others are kept. Threads share the lines, or the pieces of each line
// where lines are few and long.
#include <algorithm>
#include <bit>
#include <limits>
#include <thread>
#include <utility>

#include "cpu/pool.h"
#include "cpu/routine.h"
#include "cpu/routines/blocks.h"
#include "device/integers.h"
#include "ops/search.h"
#include "ops/sort_key.h"

namespace adjoint::cpu {

namespace {

template <class Key> struct Item {
  Key key;
  uint32_t position;
};

// The pieces of a line, which threads share.
class Pieces {
 public:
  static constexpr int64_t most = 16;

  // Of a line that one thread has for itself.
  Pieces() = default;
  explicit Pieces(int64_t elements)
      : count_(std::clamp<int64_t>(elements / task_elements, 1, std::min<int64_t>(thread_count(), most))) {}

  int64_t count() const { return count_; }
  // Calls body(piece, begin, end) for the pieces of so many elements.
  template <class Body> void each(int64_t elements, Body body) const {
    if (count_ == 1) return body(0, 0, elements);
    parallel_for(count_, [&](int64_t piece) {
      body(piece, elements * piece / count_, elements * (piece + 1) / count_);
    });
  }

 private:
  int64_t count_ = 1;
};

// A line's keys.
template <class T> class Keys {
 public:
  using Whole = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

  Keys(const T* source, int64_t stride, bool is_descending)
      : source_(source), stride_(stride), is_descending_(is_descending) {}

  // Counts them from the least of so many.
  void count_from_least(int64_t count, const Pieces& pieces) {
    Whole leasts[Pieces::most], greatests[Pieces::most];
    pieces.each(count, [&](int64_t piece, int64_t begin, int64_t end) {
      Whole least = std::numeric_limits<Whole>::max(), greatest = 0;
      for (int64_t i = begin; i < end; ++i) {
        const Whole key = whole(i);
        least = std::min(least, key);
        greatest = std::max(greatest, key);
      }
      leasts[piece] = least;
      greatests[piece] = greatest;
    });
    least_ = *std::min_element(leasts, leasts + pieces.count());
    span_ = static_cast<Whole>(*std::max_element(greatests, greatests + pieces.count()) - least_);
  }

  // The greatest key.
  Whole span() const { return span_; }
  template <class Key> Item<Key> item(int64_t i) const {
    return {static_cast<Key>(whole(i) - least_), static_cast<uint32_t>(i)};
  }

 private:
  Whole whole(int64_t i) const { return static_cast<Whole>(sort_key(source_[i * stride_], is_descending_)); }

  const T* source_;
  int64_t stride_;
  bool is_descending_;
  Whole least_ = 0, span_ = std::numeric_limits<Whole>::max();
};

constexpr int64_t shortest_by_digits = 48;
constexpr int digit_bits = 8;
// So many are kept in order while the others are met.
constexpr int64_t few_ranks = 32;

template <class Key> void sort_by_insertion(Item<Key>* items, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const Item<Key> item = items[i];
    int64_t k = i;
    for (; k > 0 && items[k - 1].key > item.key; --k) items[k] = items[k - 1];
    items[k] = item;
  }
}

// Returns the list with the sorted items: `items` or `other`. No key is greater than `span`.
template <class Key>
Item<Key>* sort_by_digits(Item<Key>* items, Item<Key>* other, int64_t n, Key span, const Pieces& pieces) {
  constexpr int digits = 1 << digit_bits;
  const auto bits = static_cast<int>(std::bit_width(span));
  uint32_t counts[Pieces::most][digits];
  const int64_t lists = pieces.count();
  for (int shift = 0; shift < bits; shift += digit_bits) {
    const auto digit = [shift](const Item<Key>& item) { return item.key >> shift & (digits - 1); };
    pieces.each(n, [&](int64_t piece, int64_t begin, int64_t end) {
      uint32_t* const own = counts[piece];
      std::fill_n(own, digits, 0);
      for (int64_t i = begin; i < end; ++i) ++own[digit(items[i])];
    });
    int64_t alike = 0;
    for (int64_t piece = 0; piece < lists; ++piece) alike += counts[piece][digit(items[0])];
    if (alike == n) continue;
    uint32_t place = 0;
    for (int value = 0; value < digits; ++value)
      for (int64_t piece = 0; piece < lists; ++piece) place += std::exchange(counts[piece][value], place);
    pieces.each(n, [&](int64_t piece, int64_t begin, int64_t end) {
      uint32_t* const own = counts[piece];
      for (int64_t i = begin; i < end; ++i) other[own[digit(items[i])]++] = items[i];
    });
    std::swap(items, other);
  }
  return items;
}

template <class Key>
Item<Key>* sorted(Item<Key>* items, Item<Key>* other, int64_t n, Key span, const Pieces& pieces) {
  if (n >= shortest_by_digits) return sort_by_digits(items, other, n, span, pieces);
  sort_by_insertion(items, n);
  return items;
}

// Finds the first `count` items of sorted keys: the best so far are kept in order.
template <class T, class Key>
void find_first(const Keys<T>& keys, int64_t n, Item<Key>* items, int64_t count) {
  for (int64_t i = 0; i < n; ++i) {
    const Item<Key> item = keys.template item<Key>(i);
    int64_t k = std::min(i, count - 1);
    if (i >= count && item.key >= items[k].key) continue;
    for (; k > 0 && items[k - 1].key > item.key; --k) items[k] = items[k - 1];
    items[k] = item;
  }
}

// The items that may have one of the ranks from `first` to before `end`, by buckets of keys.
template <class Key> class Candidates {
 public:
  Candidates(int64_t first, int64_t end, Item<Key>* items) : first_(first), end_(end), items_(items) {}

  int64_t count() const { return count_; }
  // The rank of the first wanted one among the candidates.
  int64_t first() const { return first_; }

  template <class T> void find(const Keys<T>& keys, int64_t n) {
    span_ = static_cast<Key>(keys.span());
    keep(n, [&keys](int64_t i) { return keys.template item<Key>(i); });
    // Of many, most may be left out again, by narrower buckets.
    constexpr int64_t few = 256;
    for (int64_t before = n;
         span_ > 0 && count_ > few && count_ > 2 * (end_ - first_) && count_ <= before / 2;) {
      before = count_;
      keep(count_, [this](int64_t i) { return items_[i]; });
    }
  }

 private:
  // Candidates are written where items have been read already.
  template <class ItemAt> void keep(int64_t n, ItemAt item_at) {
    constexpr int most_bits = 11;
    constexpr int64_t many = 4096; // are worth many buckets
    const int bits = n < many ? 8 : most_bits;
    const int shift = std::max(static_cast<int>(std::bit_width(span_)) - bits, 0);
    const auto bucket = [shift, least = least_](const Item<Key>& item) {
      return (item.key - least) >> shift;
    };
    uint32_t counts[1 << most_bits];
    std::fill_n(counts, int64_t{1} << bits, 0);
    for (int64_t i = 0; i < n; ++i) ++counts[bucket(item_at(i))];
    Key low = 0;
    int64_t before = 0;
    while (before + counts[low] <= first_) before += counts[low++];
    Key high = low;
    for (int64_t through = before + counts[low]; through < end_;) through += counts[++high];
    // Without a branch, which would be taken by chance.
    count_ = 0;
    for (int64_t i = 0; i < n; ++i) {
      const Item<Key> item = item_at(i);
      items_[count_] = item;
      count_ += bucket(item) - low <= high - low;
    }
    first_ -= before;
    end_ -= before;
    const Key start = static_cast<Key>(low << shift);
    span_ = std::min(static_cast<Key>(span_ - start), static_cast<Key>(((high - low + 1) << shift) - 1));
    least_ = static_cast<Key>(least_ + start);
  }

  int64_t first_, end_;
  Item<Key>* items_;
  int64_t count_ = 0;
  Key least_ = 0, span_ = 0; // of the candidates' keys
};

// The ranks of each line from `first` on, as many as the results have room for.
class Sort {
 public:
  Sort(const RoutineKernel& kernel, int64_t first)
      : lines_(kernel.inputs[0].shape, kernel.parameters[0],
               {&kernel.inputs[0], &kernel.results[0], &kernel.results[1]}),
        is_descending_(kernel.parameters[1] != 0), first_(first),
        tasks_(std::clamp<int64_t>(lines_.count(), 1,
                                   std::max<int64_t>(thread_count(), std::thread::hardware_concurrency()))) {}

  int64_t scratch_bytes() const { return tasks_ * bytes_of_task(); }

  void run(const Instance& instance) const {
    if (lines_[1].extent == 0) return;
    if (lines_.count() < thread_count() && lines_[0].extent >= 2 * task_elements) {
      with_computed_type(lines_[0].dtype, [&]<class T>() {
        for (int64_t line = 0; line < lines_.count(); ++line)
          sort_line<T>(instance, line, instance.scratch, Pieces(lines_[0].extent));
      });
      return;
    }
    parallel_for(tasks_, [&](int64_t task) {
      void* const scratch = static_cast<std::byte*>(instance.scratch) + task * bytes_of_task();
      with_computed_type(lines_[0].dtype, [&]<class T>() {
        for (int64_t line = task; line < lines_.count(); line += tasks_)
          sort_line<T>(instance, line, scratch, Pieces());
      });
    });
  }

 private:
  // Two lists of items.
  int64_t bytes_of_task() const {
    const size_t bytes = bytes_of(lines_[0].dtype) == 8 ? sizeof(Item<uint64_t>) : sizeof(Item<uint32_t>);
    return 2 * lines_[0].extent * static_cast<int64_t>(bytes);
  }

  template <class T>
  void sort_line(const Instance& instance, int64_t line, void* scratch, const Pieces& pieces) const {
    const auto offsets = lines_.offsets(line);
    const Line<T> at{static_cast<const T*>(instance.arrays[lines_[0].array]) + offsets[0],
                     static_cast<T*>(instance.arrays[lines_[1].array]) + offsets[1],
                     static_cast<int64_t*>(instance.arrays[lines_[2].array]) + offsets[2]};
    Keys<T> keys(at.source, lines_[0].stride, is_descending_);
    const int64_t end = first_ + lines_[1].extent;
    if (end <= few_ranks && end < lines_[0].extent) {
      auto* const items = static_cast<Item<typename Keys<T>::Whole>*>(scratch);
      find_first(keys, lines_[0].extent, items, end);
      return write(at, items + first_, pieces);
    }
    keys.count_from_least(lines_[0].extent, pieces);
    if constexpr (sizeof(T) == 8)
      if (keys.span() > std::numeric_limits<uint32_t>::max())
        return sort_keys(at, keys, static_cast<Item<uint64_t>*>(scratch), pieces);
    sort_keys(at, keys, static_cast<Item<uint32_t>*>(scratch), pieces);
  }

  template <class T> struct Line {
    const T* source;
    T* values;
    int64_t* positions;
  };

  template <class T, class Key>
  void sort_keys(const Line<T>& line, const Keys<T>& keys, Item<Key>* items, const Pieces& pieces) const {
    const int64_t n = lines_[0].extent, wanted = lines_[1].extent;
    const auto span = static_cast<Key>(keys.span());
    if (wanted == n || n < shortest_by_digits) {
      pieces.each(n, [&](int64_t, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) items[i] = keys.template item<Key>(i);
      });
      return write(line, sorted(items, items + n, n, span, pieces) + first_, pieces);
    }
    Candidates<Key> candidates(first_, first_ + wanted, items);
    candidates.find(keys, n);
    write(line, sorted(items, items + n, candidates.count(), span, pieces) + candidates.first(), pieces);
  }

  template <class T, class Key>
  void write(const Line<T>& line, const Item<Key>* items, const Pieces& pieces) const {
    pieces.each(lines_[1].extent, [&](int64_t, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t position = items[i].position;
        line.values[i * lines_[1].stride] = line.source[position * lines_[0].stride];
        line.positions[i * lines_[2].stride] = position;
      }
    });
  }

  Lines lines_;
  bool is_descending_;
  int64_t first_, tasks_;
};

// Searches so many values in one ascending line at a time: each waits for memory in its turn.
constexpr int64_t searches_at_once = 16;

template <class T, bool is_right>
void search(const T* sequence, int64_t stride, int64_t length, const T* values, int64_t value_step,
            int64_t* places, int64_t place_step, int64_t count) {
  for (int64_t begin = 0; begin < count; begin += searches_at_once) {
    T wanted[searches_at_once];
    int64_t found[searches_at_once] = {};
    // At the end some search for the last value.
    for (int64_t i = 0; i < searches_at_once; ++i)
      wanted[i] = values[std::min(begin + i, count - 1) * value_step];
    for (int64_t left = length; left > 0;) {
      const int64_t step = search_step(left);
      const T* const ahead = sequence + (step - 1) * stride;
      // Without a branch, which would be taken by chance.
      for (int64_t i = 0; i < searches_at_once; ++i)
        found[i] += step & -static_cast<int64_t>(is_before(ahead[found[i] * stride], wanted[i], is_right));
      left -= step;
    }
    for (int64_t i = 0; i < std::min(searches_at_once, count - begin); ++i)
      places[(begin + i) * place_step] = found[i];
  }
}

// Tasks share the values.
template <class T> void search_lines(const Lines& lines, bool is_right, const Instance& instance) {
  const auto &sequence = lines[0], &wanted = lines[1], &out = lines[2];
  const int64_t each = std::clamp<int64_t>(out.extent, 1, task_elements),
                parts = quotient_up(out.extent, each);
  parallel_for(lines.count() * parts, [&](int64_t task) {
    const auto offsets = lines.offsets(task / parts);
    const int64_t begin = task % parts * each;
    const auto* values =
        static_cast<const T*>(instance.arrays[wanted.array]) + offsets[1] + begin * wanted.stride;
    auto* places = static_cast<int64_t*>(instance.arrays[out.array]) + offsets[2] + begin * out.stride;
    const auto* elements = static_cast<const T*>(instance.arrays[sequence.array]) + offsets[0];
    const auto run = is_right ? search<T, true> : search<T, false>;
    run(elements, sequence.stride, sequence.extent, values, wanted.stride, places, out.stride,
        std::min(each, out.extent - begin));
  });
}

} // namespace

Routine routine_of_sort(const RoutineKernel& kernel) {
  const Sort sort(kernel, 0);
  return {[sort](const Instance& instance) { sort.run(instance); }, sort.scratch_bytes()};
}

Routine routine_of_sortedPart(const RoutineKernel& kernel) {
  const Sort sort(kernel, kernel.parameters[2]);
  return {[sort](const Instance& instance) { sort.run(instance); }, sort.scratch_bytes()};
}

Routine routine_of_searchsorted(const RoutineKernel& kernel) {
  const RoutineKernel::Operand &sequence = kernel.inputs[0], &wanted = kernel.inputs[1],
                               &out = kernel.results[0];
  const Lines lines(out.shape, static_cast<int64_t>(out.shape.size()) - 1, {&sequence, &wanted, &out});
  return {[lines, dtype = wanted.dtype, is_right = kernel.parameters[0] != 0](const Instance& instance) {
    with_computed_type(dtype, [&]<class T>() { search_lines<T>(lines, is_right, instance); });
  }};
}

} // namespace adjoint::cpu
