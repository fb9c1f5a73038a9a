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
    else if (to_stride == 1 && from_stride == -1)
      std::reverse_copy(in - (n - 1), in + 1, out);
    else if (to_stride == 1)
      for (int64_t i = 0; i < n; ++i) out[i] = in[i * from_stride];
    else
      for (int64_t i = 0; i < n; ++i) out[i * to_stride] = in[i * from_stride];
  });
}

} // namespace

Path::Path(const Walk& walk, size_t element_bytes)
    : array_(walk.array), bytes_(element_bytes), offset_(walk.offset), axes_(merged(walk).axes) {
  is_still_ = axes_.empty();
  if (is_still_) axes_.push_back({Walk::endless, 0, 0, Walk::endless});
  const size_t last = axes_.size() - 1;
  const WalkAxis& inner = axes_[last];
  is_stream_ = last == 0 && inner.stride == 1 && !inner.is_bounded();
  is_across_ = last > 0 && std::abs(axes_[last - 1].stride) < std::abs(inner.stride) && !inner.is_bounded() &&
               !axes_[last - 1].is_bounded();
}

// Calls body(piece) for the block's pieces along the last axis, each of which exists as a whole or not at all.
template <class Body> void Path::each_piece(int64_t begin, int64_t n, Body body) const {
  std::array<int64_t, most_axes> index;
  int64_t at = offset_;
  int outside = 0; // how many outer axes are out of bounds
  const size_t last_axis = axes_.size() - 1;
  for (size_t i = last_axis; i > 0; --i) {
    index[i] = begin % axes_[i].extent;
    begin /= axes_[i].extent;
  }
  index[0] = begin;
  for (size_t i = 0; i <= last_axis; ++i) {
    at += index[i] * axes_[i].stride;
    if (i < last_axis) outside += index[i] < axes_[i].first || index[i] >= axes_[i].last;
  }
  const WalkAxis inner = axes_[last_axis];
  int64_t& inner_index = index[last_axis];
  int64_t done = 0;
  const auto emit = [&](int64_t from, int64_t to, bool exists) {
    if (from < to) body(Piece{done + from, to - from, at + from * inner.stride, exists});
  };
  for (;;) {
    const int64_t length = std::min(n - done, inner.extent - inner_index);
    if (outside > 0) {
      emit(0, length, false);
    } else {
      const int64_t first = std::clamp<int64_t>(inner.first - inner_index, 0, length);
      const int64_t last = std::clamp<int64_t>(inner.last - inner_index, first, length);
      emit(0, first, false);
      emit(first, last, true);
      emit(last, length, false);
    }
    done += length;
    if (done == n) return;
    at -= inner_index * inner.stride;
    inner_index = 0;
    for (size_t i = last_axis; i-- > 0;) {
      const WalkAxis& axis = axes_[i];
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
  const WalkAxis& inner = axes_.back();
  if (inner.stride != 1 && n != 1) return nullptr;
  int64_t index = begin % inner.extent, rest = begin / inner.extent;
  if (index < inner.first || index + n > inner.last) return nullptr;
  int64_t at = offset_ + index * inner.stride;
  for (size_t i = axes_.size() - 1; i-- > 0;) {
    const WalkAxis& axis = axes_[i];
    index = i == 0 ? rest : rest % axis.extent;
    if (i > 0) rest /= axis.extent;
    if (index < axis.first || index >= axis.last) return nullptr;
    at += index * axis.stride;
  }
  return base + at * static_cast<int64_t>(bytes_);
}

void Path::gather(const void* array, int64_t begin, int64_t n, void* to) const {
  if (is_across_ && n == axes_.back().extent * axes_[axes_.size() - 2].extent && begin % n == 0)
    if (const std::byte* tile = view(const_cast<void*>(array), begin, 1)) return gather_tile(tile, to);
  const std::byte* base = static_cast<const std::byte*>(array);
  each_piece(begin, n, [&](const Piece& piece) {
    std::byte* out = static_cast<std::byte*>(to) + static_cast<size_t>(piece.done) * bytes_;
    if (piece.exists)
      copy_strided(bytes_, piece.n, out, 1, base + piece.offset * static_cast<int64_t>(bytes_),
                   axes_.back().stride);
    else
      std::memset(out, 0, static_cast<size_t>(piece.n) * bytes_);
  });
}

// Copies the last two axes along the outer of them: elements that are read together then lie in few lines of the
// cache, and the tile that is written is all in its first level.
void Path::gather_tile(const void* from, void* to) const {
  const WalkAxis inner = axes_.back(), outer = axes_[axes_.size() - 2];
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
    copy_strided(bytes_, piece.n, base + piece.offset * static_cast<int64_t>(bytes_), axes_.back().stride,
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

void Path::count(int64_t begin, int64_t n, Loop loop, void* to) const {
  each_piece(begin, n, [&](const Piece& piece) {
    loop(piece.n, static_cast<std::byte*>(to) + static_cast<size_t>(piece.done) * bytes_, &piece.offset,
         &axes_.back().stride, nullptr);
  });
}

const void* Path::element(Elements source, int64_t i) const {
  return static_cast<const std::byte*>(source.data) +
         (source.is_still ? 0 : i * static_cast<int64_t>(bytes_));
}

} // namespace adjoint::cpu
