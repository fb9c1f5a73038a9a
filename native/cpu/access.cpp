#include "cpu/access.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

namespace adjoint::cpu {

namespace {

constexpr size_t most_axes = 70; // 32, each of which may have been split once

// to[i * to_stride] = from[i * from_stride]; `to` and `from` may be the same.
void copy_strided(size_t bytes, int64_t n, void* to, int64_t to_stride, const void* from,
                  int64_t from_stride) {
  if (to == from && to_stride == from_stride) return;
  if (to_stride == 1 && from_stride == 1) {
    std::memcpy(to, from, static_cast<size_t>(n) * bytes);
    return;
  }
  with_width(bytes, [&]<class Word>() {
    Word* out = static_cast<Word*>(to);
    const Word* in = static_cast<const Word*>(from);
    if (to_stride == 1 && from_stride == 0)
      std::fill_n(out, n, *in);
    else if (to_stride == 1)
      for (int64_t i = 0; i < n; ++i) out[i] = in[i * from_stride];
    else
      for (int64_t i = 0; i < n; ++i) out[i * to_stride] = in[i * from_stride];
  });
}

// to[i] = first + i * step.
template <class T> void count_evenly(int64_t n, T* to, int64_t first, int64_t step) {
  const auto is_word = [](int64_t value) { return value >= INT32_MIN && value <= INT32_MAX; };
  if (is_word(first) && is_word(first + (n - 1) * step)) {
    // Every processor converts words by the vector, few of them what is longer.
    uint32_t at = static_cast<uint32_t>(first);
    for (int64_t i = 0; i < n; ++i, at += static_cast<uint32_t>(step))
      to[i] = convert<T>(static_cast<int32_t>(at));
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = convert<T>(first + i * step);
  }
}

// An inner and an outer axis that are walked like one.
bool merges(const Axis& inner, const Axis& outer) {
  return !inner.is_bounded() && outer.stride == inner.stride * inner.extent;
}

} // namespace

std::vector<Axis> axes_of(const Access& access) {
  std::vector<Axis> axes;
  for (size_t i = access.extents.size(); i-- > 0;) {
    const int64_t extent = std::max<int64_t>(access.extents[i], 1); // of an empty space nothing is accessed
    Axis axis{extent, access.strides[i], 0, extent};
    if (!access.first.empty()) axis.first = std::max<int64_t>(access.first[i], 0);
    if (!access.last.empty()) axis.last = std::min(access.last[i], axis.extent);
    axes.push_back(axis);
  }
  return axes;
}

bool split_axes(std::vector<Axis>& axes, int64_t columns, size_t& column_axes) {
  int64_t left = columns;
  for (column_axes = 0; column_axes < axes.size() && left > 1; ++column_axes) {
    const Axis axis = axes[column_axes];
    if (left % axis.extent == 0) {
      left /= axis.extent;
      continue;
    }
    if (axis.extent % left != 0 || axis.is_bounded()) return false;
    const int64_t outer = axis.extent / left;
    axes[column_axes] = {left, axis.stride, 0, left};
    axes.insert(axes.begin() + static_cast<std::ptrdiff_t>(column_axes) + 1,
                {outer, axis.stride * left, 0, outer});
    left = 1;
  }
  return left == 1;
}

Path::Path(uint16_t array, int64_t offset, std::vector<Axis> axes, size_t element_bytes)
    : array_(array), bytes_(element_bytes), offset_(offset) {
  for (const Axis& axis : axes) {
    // An axis of one index matters only where that index does not exist.
    if (axis.extent == 1 && !axis.is_bounded()) continue;
    if (axes_.empty() || !merges(axes_.back(), axis)) {
      axes_.push_back(axis);
      continue;
    }
    Axis& inner = axes_.back();
    inner.first = axis.first * inner.extent;
    inner.last = axis.last * inner.extent;
    inner.extent *= axis.extent;
  }
  if (axes_.empty()) axes_.push_back({1, 0, 0, 1});
  const Axis& inner = axes_[0];
  is_still_ = axes_.size() == 1 && (inner.stride == 0 || inner.extent == 1) && !inner.is_bounded();
  is_stream_ = axes_.size() == 1 && inner.stride == 1 && !inner.is_bounded();
  is_across_ = axes_.size() > 1 && std::abs(axes_[1].stride) < std::abs(inner.stride) &&
               !inner.is_bounded() && !axes_[1].is_bounded();
}

Path Path::flat(uint16_t array, bool is_still, size_t element_bytes) {
  Path path(array, 0, {}, element_bytes);
  path.is_still_ = is_still;
  path.is_stream_ = !is_still;
  path.axes_[0] = {INT64_MAX, is_still ? 0 : 1, 0, INT64_MAX};
  return path;
}

// Calls body(piece) for the block's pieces along the innermost axis.
template <class Body> void Path::each_piece(int64_t begin, int64_t n, Body body) const {
  std::array<int64_t, most_axes> index;
  int64_t at = offset_;
  int outside = 0; // how many outer axes are out of bounds
  const size_t rank = axes_.size();
  for (size_t i = 0; i + 1 < rank; ++i) {
    index[i] = begin % axes_[i].extent;
    begin /= axes_[i].extent;
  }
  index[rank - 1] = begin;
  for (size_t i = 0; i < rank; ++i) {
    at += index[i] * axes_[i].stride;
    if (i > 0) outside += index[i] < axes_[i].first || index[i] >= axes_[i].last;
  }
  const Axis inner = axes_[0];
  int64_t done = 0;
  const auto emit = [&](int64_t from, int64_t to, bool exists) {
    if (from < to) body(Piece{done + from, to - from, at + from * inner.stride, exists});
  };
  for (;;) {
    const int64_t length = std::min(n - done, inner.extent - index[0]);
    if (outside > 0) {
      emit(0, length, false);
    } else {
      const int64_t first = std::clamp<int64_t>(inner.first - index[0], 0, length);
      const int64_t last = std::clamp<int64_t>(inner.last - index[0], first, length);
      emit(0, first, false);
      emit(first, last, true);
      emit(last, length, false);
    }
    done += length;
    if (done == n) return;
    at -= index[0] * inner.stride;
    index[0] = 0;
    for (size_t i = 1; i < rank; ++i) {
      const Axis& axis = axes_[i];
      outside -= index[i] < axis.first || index[i] >= axis.last;
      at += axis.stride;
      if (++index[i] == axis.extent) {
        index[i] = 0;
        at -= axis.extent * axis.stride;
      }
      outside += index[i] < axis.first || index[i] >= axis.last;
      if (index[i] != 0) break;
    }
  }
}

std::byte* Path::view(void* array, int64_t begin, int64_t n) const {
  std::byte* base = static_cast<std::byte*>(array);
  if (is_stream_) return base + (offset_ + begin) * static_cast<int64_t>(bytes_);
  if (is_still_) return n == 1 ? base + offset_ * static_cast<int64_t>(bytes_) : nullptr;
  const Axis& inner = axes_[0];
  if (inner.stride != 1 && n != 1) return nullptr;
  int64_t index = begin % inner.extent, rest = begin / inner.extent;
  if (index < inner.first || index + n > inner.last) return nullptr;
  int64_t at = offset_ + index * inner.stride;
  for (size_t i = 1; i < axes_.size(); ++i) {
    const Axis& axis = axes_[i];
    const bool is_outermost = i + 1 == axes_.size();
    index = is_outermost ? rest : rest % axis.extent;
    if (!is_outermost) rest /= axis.extent;
    if (index < axis.first || index >= axis.last) return nullptr;
    at += index * axis.stride;
  }
  return base + at * static_cast<int64_t>(bytes_);
}

void Path::gather(const void* array, int64_t begin, int64_t n, void* to) const {
  if (is_across_ && n == axes_[0].extent * axes_[1].extent && begin % n == 0)
    if (const std::byte* tile = view(const_cast<void*>(array), begin, 1)) return gather_tile(tile, to);
  const std::byte* base = static_cast<const std::byte*>(array);
  each_piece(begin, n, [&](const Piece& piece) {
    std::byte* out = static_cast<std::byte*>(to) + static_cast<size_t>(piece.done) * bytes_;
    if (piece.exists)
      copy_strided(bytes_, piece.n, out, 1, base + piece.offset * static_cast<int64_t>(bytes_),
                   axes_[0].stride);
    else
      std::memset(out, 0, static_cast<size_t>(piece.n) * bytes_);
  });
}

// The two innermost axes, along the outer one: what is read lies in fewer lines of the cache than what is
// written, which is all in the first level.
void Path::gather_tile(const void* from, void* to) const {
  const Axis inner = axes_[0], outer = axes_[1];
  with_width(bytes_, [&]<class Word>() {
    const Word* in = static_cast<const Word*>(from);
    for (int64_t i = 0; i < inner.extent; ++i) {
      Word* out = static_cast<Word*>(to) + i;
      const Word* run = in + i * inner.stride;
      for (int64_t j = 0; j < outer.extent; ++j) out[j * inner.extent] = run[j * outer.stride];
    }
  });
}

void Path::scatter(void* array, int64_t begin, int64_t n, Elements from) const {
  std::byte* base = static_cast<std::byte*>(array);
  each_piece(begin, n, [&](const Piece& piece) {
    if (!piece.exists) return;
    copy_strided(bytes_, piece.n, base + piece.offset * static_cast<int64_t>(bytes_), axes_[0].stride,
                 element(from, piece.done), from.is_still ? 0 : 1);
  });
}

int Path::side(int64_t begin, int64_t n) const {
  bool some = false, all = true;
  each_piece(begin, n, [&](const Piece& piece) {
    some |= piece.exists;
    all &= piece.exists;
  });
  return all ? 1 : some ? 0 : -1;
}

void Path::splice(int64_t begin, int64_t n, Elements base, Elements part, void* to) const {
  each_piece(begin, n, [&](const Piece& piece) {
    const Elements from = piece.exists ? part : base;
    copy_strided(bytes_, piece.n, static_cast<std::byte*>(to) + static_cast<size_t>(piece.done) * bytes_, 1,
                 element(from, piece.done), from.is_still ? 0 : 1);
  });
}

void Path::count(int64_t begin, int64_t n, DType dtype, void* to) const {
  with_type(dtype, [&]<class T>() {
    each_piece(begin, n, [&](const Piece& piece) {
      count_evenly(piece.n, static_cast<T*>(to) + piece.done, piece.offset, axes_[0].stride);
    });
  });
}

const void* Path::element(Elements source, int64_t i) const {
  return static_cast<const std::byte*>(source.data) +
         (source.is_still ? 0 : i * static_cast<int64_t>(bytes_));
}

} // namespace adjoint::cpu
