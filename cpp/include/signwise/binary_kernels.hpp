#pragma once

// Kernels of packed networks over a tier's vectors; each tier compiles them for itself, everything in them is in an
// unnamed namespace. A tier's Simd provides, for `lanes` lanes of 32 bits (F floats, I integers):
//   load_f, store_f, load_i, store_i, splat_f, splat_i, to_float
//   fma(a, b, c)          with one rounding
//   at_least(lo, v)       v < lo ? lo : v, so that NaN stays;  at_most(hi, v) alike
//   positive_or(v, w)     v > 0 ? v : w
//   mask_nonnegative(v)   bit l: v[l] >= 0;  mask_ge(s, t)   bit l: s[l] >= t[l]
//   count_bits<P, V>(conv, places, weights, stride, counts)   popcounts of P pixels by V vectors
//   Bytes, Four, load_bytes, splat_four, dot_four(s, x, w)    s + sum of four products, unsigned by signed bytes
//   wide          whether tiles span a block of vectors, else one vector
//   bit_pixels, float_pixels   pixels of a tile

#include <cstdint>
#include <cstring>

#include "signwise/binary_tiers.hpp"

#define SIGNWISE_UNROLL _Pragma("GCC unroll 16")

namespace signwise {
namespace {

using i64 = std::int64_t;
using i32 = std::int32_t;
using u32 = std::uint32_t;
using u16 = std::uint16_t;

constexpr int vector_lanes = 16;
constexpr int block_vectors = 4;
constexpr i64 chunk_pixels = 48;  // whose places are computed at once; a multiple of every tile

// The number, row and column of a result pixel, advanced one by one.
struct Walker {
  i64 n, y, x, height, width;
  Walker(i64 pixel, i64 h, i64 w) : n(pixel / (h * w)), y(pixel / w % h), x(pixel % w), height(h), width(w) {}
  void next() {
    if (++x < width) return;
    x = 0;
    if (++y < height) return;
    y = 0;
    ++n;
  }
};

// Where one result pixel reads and writes.
struct Place {
  const void* input;
  const i32* base;
  const float* residual;
  float* out;
  u16* bits;
  i32* sums;
};

inline void put_place(const Finish& f, const Walker& at, i64 pixel, Place& place) {
  place.residual = f.residual ? f.residual + f.residual_layout.at(at.n, at.y, at.x) : nullptr;
  place.out = f.out ? f.out + f.out_layout.at(at.n, at.y, at.x) : nullptr;
  place.bits = f.bits ? reinterpret_cast<u16*>(f.bits + f.bits_layout.at(at.n, at.y, at.x)) : nullptr;
  place.sums = f.sums ? f.sums + pixel * f.sums_unit : nullptr;
}

inline i64 window_start(const Window& w, const Walker& at) {
  return at.n * w.layout.image() + (at.y * w.stride_y + w.origin_y) * w.layout.row() +
         (at.x * w.stride_x + w.origin_x) * w.layout.unit;
}

template <class S>
constexpr int parts = vector_lanes / S::lanes;

template <class S>
inline void finish_float(const Finish& f, const Place& place, int vector, typename S::F (&v)[parts<S>]) {
  const i64 lane = static_cast<i64>(vector) * vector_lanes;
  u32 mask = 0;
  SIGNWISE_UNROLL
  for (int i = 0; i < parts<S>; ++i) {
    const i64 l = lane + i * S::lanes;
    if (f.a) v[i] = v[i] * S::load_f(f.a + l);
    if (f.b) v[i] = v[i] + S::load_f(f.b + l);
    if (place.residual) v[i] = v[i] + S::load_f(place.residual + l);
    if (f.slope) v[i] = S::positive_or(v[i], v[i] * S::load_f(f.slope + l));
    if (f.clamps) v[i] = S::at_most(S::splat_f(f.hi), S::at_least(S::splat_f(f.lo), v[i]));
    if (place.out) S::store_f(place.out + l, v[i]);
    if (place.bits) mask |= S::mask_nonnegative(v[i]) << (i * S::lanes);
  }
  if (place.bits) place.bits[vector] = static_cast<u16>(mask & f.valid[vector]);
}

template <class S>
inline void finish_int(const Finish& f, const Place& place, int vector, const typename S::I (&s)[parts<S>]) {
  const i64 lane = static_cast<i64>(vector) * vector_lanes;
  if (f.threshold) {
    u32 mask = 0;
    SIGNWISE_UNROLL
    for (int i = 0; i < parts<S>; ++i)
      mask |= S::mask_ge(s[i], S::load_i(f.threshold + lane + i * S::lanes)) << (i * S::lanes);
    place.bits[vector] = static_cast<u16>((mask ^ f.flip[vector]) & f.valid[vector]);
    return;
  }
  if (place.sums) {
    SIGNWISE_UNROLL
    for (int i = 0; i < parts<S>; ++i) S::store_i(place.sums + lane + i * S::lanes, s[i]);
    return;
  }
  typename S::F v[parts<S>];
  SIGNWISE_UNROLL
  for (int i = 0; i < parts<S>; ++i) v[i] = S::to_float(s[i]);
  finish_float<S>(f, place, vector, v);
}

// Calls tile<P>(places) on P places at a time, and on one at a time for the rest.
template <int P, class Tile, class Rest>
inline void over_tiles(const Place* places, i64 count, const Tile& tile, const Rest& rest) {
  i64 p = 0;
  for (; p + P <= count; p += P) tile(places + p);
  for (; p < count; ++p) rest(places + p);
}

// The places of `count` pixels, beginning with that of `at`; along a row they are a fixed distance apart.
template <class T, class Extra>
inline void put_places(const Finish& f, const T* input, const Window& window, i64 pixel, i64 count, Walker& at,
                       Place* places, const Extra& extra) {
  const i64 input_step = window.stride_x * window.layout.unit;
  for (i64 p = 0; p < count;) {
    const i64 run = count - p < at.width - at.x ? count - p : at.width - at.x;
    const T* from = input + window_start(window, at);
    Place place{};
    put_place(f, at, pixel + p, place);
    for (i64 i = 0; i < run; ++i, from += input_step) {
      place.input = from;
      extra(place, at.y, at.x + i);
      places[p + i] = place;
      if (place.residual) place.residual += f.residual_layout.unit;
      if (place.out) place.out += f.out_layout.unit;
      if (place.bits) place.bits += 2 * f.bits_layout.unit;
      if (place.sums) place.sums += f.sums_unit;
    }
    p += run;
    at.x += run - 1;
    at.next();
  }
}

// Calls block(vectors of the block, its first vector, weights, lanes a step) for each block of a convolution; a tier
// whose tiles span one vector gets its vectors one by one.
template <class S, class T, class Block>
inline void over_blocks(int vectors, const T* weights, i64 step_elements, i64 k, const Block& block) {
  for (int vector = 0; vector < vectors; vector += block_vectors) {
    const int size = vectors - vector < block_vectors ? vectors - vector : block_vectors;
    const i64 stride = step_elements * size * vector_lanes;
    if (S::wide)
      block(size, vector, weights, stride);
    else
      for (int v = 0; v < size; ++v) block(1, vector + v, weights + step_elements * v * vector_lanes, stride);
    weights += k * stride;
  }
}

template <class S, int P, int V>
inline void bit_tile(const BitConv& c, const Finish& f, const Place* places, const u32* weights, i64 stride,
                     int vector) {
  typename S::I counts[P][V * parts<S>];
  S::template count_bits<P, V>(c, places, weights, stride, counts);
  SIGNWISE_UNROLL
  for (int p = 0; p < P; ++p) {
    SIGNWISE_UNROLL
    for (int v = 0; v < V; ++v) {
      typename S::I s[parts<S>];
      SIGNWISE_UNROLL
      for (int i = 0; i < parts<S>; ++i) {
        const typename S::I count = counts[p][v * parts<S> + i];
        s[i] = S::load_i(places[p].base + (vector + v) * vector_lanes + i * S::lanes) - (count + count);
      }
      finish_int<S>(f, places[p], vector + v, s);
    }
  }
}

template <class S, int V>
inline void bit_block(const BitConv& c, const Finish& f, const Place* places, i64 count, const u32* weights,
                      i64 stride, int vector) {
  over_tiles<S::bit_pixels>(
      places, count, [&](const Place* p) { bit_tile<S, S::bit_pixels, V>(c, f, p, weights, stride, vector); },
      [&](const Place* p) { bit_tile<S, 1, V>(c, f, p, weights, stride, vector); });
}

template <class S>
void bit_conv(const BitConv& c, const Finish& f, i64 first, i64 last) {
  Place places[chunk_pixels];
  Walker at(first, f.height, f.width);
  for (; first < last; first += chunk_pixels) {
    const i64 count = last - first < chunk_pixels ? last - first : chunk_pixels;
    put_places(f, c.input, c.window, first, count, at, places, [&](Place& place, i64 y, i64 x) {
      place.base = c.base + static_cast<i64>(c.row_class[y] + c.column_class[x]) * f.vectors * vector_lanes;
    });
    over_blocks<S>(f.vectors, c.weights, 1, c.k, [&](int size, int vector, const u32* weights, i64 stride) {
      if constexpr (S::wide) {
        switch (size) {
          case 4: return bit_block<S, 4>(c, f, places, count, weights, stride, vector);
          case 3: return bit_block<S, 3>(c, f, places, count, weights, stride, vector);
          case 2: return bit_block<S, 2>(c, f, places, count, weights, stride, vector);
          default: break;
        }
      }
      bit_block<S, 1>(c, f, places, count, weights, stride, vector);
    });
  }
}

template <class S, int P, int V>
inline void float_tile(const FloatConv& c, const Finish& f, const Place* places, const float* weights, i64 stride,
                       int vector) {
  typename S::F sums[P][V * parts<S>];
  SIGNWISE_UNROLL
  for (int p = 0; p < P; ++p) {
    SIGNWISE_UNROLL
    for (int v = 0; v < V * parts<S>; ++v) sums[p][v] = S::splat_f(0.0f);
  }
  const float* inputs[P];
  for (int segment = 0; segment < c.window.segment_count; ++segment) {
    SIGNWISE_UNROLL
    for (int p = 0; p < P; ++p) inputs[p] = static_cast<const float*>(places[p].input) + c.window.segments[segment];
    for (i64 i = 0; i < c.window.segment_length; ++i, weights += stride) {
      typename S::F w[V * parts<S>];
      SIGNWISE_UNROLL
      for (int v = 0; v < V * parts<S>; ++v) w[v] = S::load_f(weights + v * S::lanes);
      SIGNWISE_UNROLL
      for (int p = 0; p < P; ++p) {
        const typename S::F x = S::splat_f(inputs[p][i]);
        SIGNWISE_UNROLL
        for (int v = 0; v < V * parts<S>; ++v) sums[p][v] = S::fma(x, w[v], sums[p][v]);
      }
    }
  }
  SIGNWISE_UNROLL
  for (int p = 0; p < P; ++p) {
    SIGNWISE_UNROLL
    for (int v = 0; v < V; ++v) {
      typename S::F s[parts<S>];
      SIGNWISE_UNROLL
      for (int i = 0; i < parts<S>; ++i) s[i] = sums[p][v * parts<S> + i];
      finish_float<S>(f, places[p], vector + v, s);
    }
  }
}

template <class S, int V>
inline void float_block(const FloatConv& c, const Finish& f, const Place* places, i64 count, const float* weights,
                        i64 stride, int vector) {
  over_tiles<S::float_pixels>(
      places, count, [&](const Place* p) { float_tile<S, S::float_pixels, V>(c, f, p, weights, stride, vector); },
      [&](const Place* p) { float_tile<S, 1, V>(c, f, p, weights, stride, vector); });
}

template <class S>
void float_conv(const FloatConv& c, const Finish& f, i64 first, i64 last) {
  Place places[chunk_pixels];
  Walker at(first, f.height, f.width);
  for (; first < last; first += chunk_pixels) {
    const i64 count = last - first < chunk_pixels ? last - first : chunk_pixels;
    put_places(f, c.input, c.window, first, count, at, places, [](Place&, i64, i64) {});
    over_blocks<S>(f.vectors, c.weights, 1, c.k, [&](int size, int vector, const float* weights, i64 stride) {
      if constexpr (S::wide) {
        switch (size) {
          case 4: return float_block<S, 4>(c, f, places, count, weights, stride, vector);
          case 3: return float_block<S, 3>(c, f, places, count, weights, stride, vector);
          case 2: return float_block<S, 2>(c, f, places, count, weights, stride, vector);
          default: break;
        }
      }
      float_block<S, 1>(c, f, places, count, weights, stride, vector);
    });
  }
}

template <class S, int P, int V>
inline void byte_tile(const ByteConv& c, const Finish& f, const Place* places, const std::int8_t* weights, i64 stride,
                      int vector) {
  typename S::I sums[P][V * parts<S>];
  SIGNWISE_UNROLL
  for (int p = 0; p < P; ++p) {
    SIGNWISE_UNROLL
    for (int v = 0; v < V * parts<S>; ++v) sums[p][v] = S::load_i(c.base + vector * vector_lanes + v * S::lanes);
  }
  const std::uint8_t* inputs[P];
  for (int segment = 0; segment < c.window.segment_count; ++segment) {
    SIGNWISE_UNROLL
    for (int p = 0; p < P; ++p)
      inputs[p] = static_cast<const std::uint8_t*>(places[p].input) + c.window.segments[segment];
    for (i64 i = 0; i < c.window.segment_length; i += 4, weights += stride) {
      typename S::Bytes w[V * parts<S>];
      SIGNWISE_UNROLL
      for (int v = 0; v < V * parts<S>; ++v) w[v] = S::load_bytes(weights + 4 * v * S::lanes);
      SIGNWISE_UNROLL
      for (int p = 0; p < P; ++p) {
        const typename S::Four x = S::splat_four(inputs[p] + i);
        SIGNWISE_UNROLL
        for (int v = 0; v < V * parts<S>; ++v) sums[p][v] = S::dot_four(sums[p][v], x, w[v]);
      }
    }
  }
  SIGNWISE_UNROLL
  for (int p = 0; p < P; ++p) {
    SIGNWISE_UNROLL
    for (int v = 0; v < V; ++v) {
      typename S::I s[parts<S>];
      SIGNWISE_UNROLL
      for (int i = 0; i < parts<S>; ++i) s[i] = sums[p][v * parts<S> + i];
      finish_int<S>(f, places[p], vector + v, s);
    }
  }
}

template <class S, int V>
inline void byte_block(const ByteConv& c, const Finish& f, const Place* places, i64 count, const std::int8_t* weights,
                       i64 stride, int vector) {
  over_tiles<S::float_pixels>(
      places, count, [&](const Place* p) { byte_tile<S, S::float_pixels, V>(c, f, p, weights, stride, vector); },
      [&](const Place* p) { byte_tile<S, 1, V>(c, f, p, weights, stride, vector); });
}

template <class S>
void byte_conv(const ByteConv& c, const Finish& f, i64 first, i64 last) {
  Place places[chunk_pixels];
  Walker at(first, f.height, f.width);
  for (; first < last; first += chunk_pixels) {
    const i64 count = last - first < chunk_pixels ? last - first : chunk_pixels;
    put_places(f, c.input, c.window, first, count, at, places, [](Place&, i64, i64) {});
    over_blocks<S>(f.vectors, c.weights, 4, c.k, [&](int size, int vector, const std::int8_t* weights, i64 stride) {
      if constexpr (S::wide) {
        switch (size) {
          case 4: return byte_block<S, 4>(c, f, places, count, weights, stride, vector);
          case 3: return byte_block<S, 3>(c, f, places, count, weights, stride, vector);
          case 2: return byte_block<S, 2>(c, f, places, count, weights, stride, vector);
          default: break;
        }
      }
      byte_block<S, 1>(c, f, places, count, weights, stride, vector);
    });
  }
}

template <class S>
void map(const float* input, const Layout& layout, const Finish& f, i64 first, i64 last) {
  Walker at(first, f.height, f.width);
  Place place{};
  for (; first < last; ++first, at.next()) {
    put_place(f, at, first, place);
    const float* x = input + layout.at(at.n, at.y, at.x);
    for (int vector = 0; vector < f.vectors; ++vector) {
      typename S::F v[parts<S>];
      SIGNWISE_UNROLL
      for (int i = 0; i < parts<S>; ++i) v[i] = S::load_f(x + vector * vector_lanes + i * S::lanes);
      finish_float<S>(f, place, vector, v);
    }
  }
}

template <class S>
void finish_sums(const i32* sums, i64 unit, const Finish& f, i64 first, i64 last) {
  Walker at(first, f.height, f.width);
  Place place{};
  for (; first < last; ++first, at.next()) {
    put_place(f, at, first, place);
    for (int vector = 0; vector < f.vectors; ++vector) {
      typename S::I s[parts<S>];
      SIGNWISE_UNROLL
      for (int i = 0; i < parts<S>; ++i) s[i] = S::load_i(sums + first * unit + vector * vector_lanes + i * S::lanes);
      finish_int<S>(f, place, vector, s);
    }
  }
}

inline i64 at_most_of(i64 a, i64 b) { return a < b ? a : b; }
inline i64 at_least_of(i64 a, i64 b) { return a > b ? a : b; }

template <class S>
void pool(const Pool& c, const Finish& f, i64 first, i64 last) {
  using F = typename S::F;
  Walker at(first, f.height, f.width);
  Place place{};
  for (; first < last; ++first, at.next()) {
    put_place(f, at, first, place);
    const i64 top = at.y * c.stride_y - c.pad_y, left = at.x * c.stride_x - c.pad_x;
    const i64 y0 = at_least_of(top, 0), y1 = at_most_of(top + c.kernel_y, c.layout.height);
    const i64 x0 = at_least_of(left, 0), x1 = at_most_of(left + c.kernel_x, c.layout.width);
    i64 divisor = c.divisor;
    if (divisor == 0) {
      divisor = (y1 - y0) * (x1 - x0);
      if (c.count_padding)
        divisor = (at_most_of(top + c.kernel_y, c.layout.height + c.pad_y) - top) *
                  (at_most_of(left + c.kernel_x, c.layout.width + c.pad_x) - left);
    }
    const F divide = S::splat_f(static_cast<float>(divisor));
    for (int vector = 0; vector < f.vectors; ++vector) {
      F v[parts<S>];
      SIGNWISE_UNROLL
      for (int i = 0; i < parts<S>; ++i) {
        const i64 lane = vector * vector_lanes + i * S::lanes;
        const F sign = c.sign ? S::load_f(c.sign + lane) : S::splat_f(1.0f);
        F total = S::splat_f(c.kind == PoolKind::average ? 0.0f : -__builtin_inff());
        for (i64 y = y0; y < y1; ++y) {
          const float* x = c.input + c.layout.at(at.n, y, x0) + lane;
          for (i64 column = x0; column < x1; ++column, x += c.layout.unit) {
            const F value = S::load_f(x);
            total = c.kind == PoolKind::average ? total + value : S::at_least(total, c.sign ? value * sign : value);
          }
        }
        v[i] = c.kind == PoolKind::average ? total / divide : c.sign ? total * sign : total;
      }
      finish_float<S>(f, place, vector, v);
    }
  }
}

inline void quantize(const float* x, i64 count, float inverse_scale, std::uint8_t* out) {
  constexpr float round = 12582912.0f;  // adding 1.5 * 2^23 leaves whole numbers, halves going to even ones
  for (i64 i = 0; i < count; ++i) {
    float v = x[i] * inverse_scale;
    v = v > -127.0f ? v : -127.0f;
    v = v < 127.0f ? v : 127.0f;
    v = (v + round) - round;
    out[i] = static_cast<std::uint8_t>(static_cast<i32>(v) + 128);
  }
}

// Counts for tiers without a population count of lanes: two words at a time pass through a full adder whose sum bit
// stays in `ones`, so that only its carry, of weight two, is counted, in bytes that are widened before they overflow.
// The tier provides counts of bytes, and the sum of a lane's four bytes. The parts of a vector go one after another:
// together they would need more registers than these tiers have.
template <class S, int P>
inline void count_part_by_bytes(const BitConv& c, const Place* places, const u32* weights, i64 stride,
                                typename S::I (&counts)[P]) {
  using I = typename S::I;
  I ones[P], bytes[P];
  SIGNWISE_UNROLL
  for (int p = 0; p < P; ++p) counts[p] = ones[p] = bytes[p] = S::splat_i(0);
  constexpr i64 most = 31;  // carries of at most 8 that a byte holds
  i64 room = most;
  const u32* inputs[P];
  for (int segment = 0; segment < c.window.segment_count; ++segment) {
    SIGNWISE_UNROLL
    for (int p = 0; p < P; ++p) inputs[p] = static_cast<const u32*>(places[p].input) + c.window.segments[segment];
    const i64 length = c.window.segment_length;
    for (i64 i = 0; i < length;) {
      i64 end = length - i > 2 * room ? i + 2 * room : length;
      room -= (end - i + 1) / 2;
      for (; i + 2 <= end; i += 2, weights += 2 * stride) {
        const I w1 = S::load_i(weights), w2 = S::load_i(weights + stride);
        SIGNWISE_UNROLL
        for (int p = 0; p < P; ++p) {
          const I x1 = w1 ^ S::splat_i(static_cast<i32>(inputs[p][i]));
          const I x2 = w2 ^ S::splat_i(static_cast<i32>(inputs[p][i + 1]));
          const I odd = x1 ^ x2;
          const I carry = (x1 & x2) | (odd & ones[p]);
          ones[p] ^= odd;
          bytes[p] = S::add_bytes(bytes[p], S::count_bytes(carry));
        }
      }
      if (i < end) {
        const I w1 = S::load_i(weights);
        SIGNWISE_UNROLL
        for (int p = 0; p < P; ++p) {
          const I x1 = w1 ^ S::splat_i(static_cast<i32>(inputs[p][i]));
          const I carry = x1 & ones[p];
          ones[p] ^= x1;
          bytes[p] = S::add_bytes(bytes[p], S::count_bytes(carry));
        }
        weights += stride;
        ++i;
      }
      if (room > 0) continue;
      room = most;
      SIGNWISE_UNROLL
      for (int p = 0; p < P; ++p) {
        counts[p] += S::sum_bytes(bytes[p]);
        bytes[p] = S::splat_i(0);
      }
    }
  }
  SIGNWISE_UNROLL
  for (int p = 0; p < P; ++p) {
    counts[p] += S::sum_bytes(bytes[p]);
    counts[p] = counts[p] + counts[p] + S::sum_bytes(S::count_bytes(ones[p]));
  }
}

template <class S, int P>
inline void count_by_bytes(const BitConv& c, const Place* places, const u32* weights, i64 stride,
                           typename S::I (&counts)[P][parts<S>]) {
  for (int n = 0; n < parts<S>; ++n) {
    typename S::I part[P];
    count_part_by_bytes<S, P>(c, places, weights + n * S::lanes, stride, part);
    SIGNWISE_UNROLL
    for (int p = 0; p < P; ++p) counts[p][n] = part[p];
  }
}

template <class S>
i64 busy(i64 rounds) {
  constexpr i64 length = 96;
  constexpr int V = S::wide ? block_vectors : 1;
  alignas(64) u32 weights[length * V * vector_lanes];
  u32 input[length];
  for (i64 i = 0; i < length * V * vector_lanes; ++i) weights[i] = static_cast<u32>(i * 2654435761u);
  for (i64 i = 0; i < length; ++i) input[i] = static_cast<u32>(i * 40503u);
  const i64 segment = 0;
  BitConv c;
  c.window.segments = &segment;
  c.window.segment_count = 1;
  c.window.segment_length = length;
  Place places[S::bit_pixels] = {};
  for (Place& place : places) place.input = input;
  i32 sum = 0;
  for (i64 round = 0; round < rounds; ++round) {
    typename S::I counts[S::bit_pixels][V * parts<S>];
    S::template count_bits<S::bit_pixels, V>(c, places, weights, V * vector_lanes, counts);
    typename S::I all = S::splat_i(0);
    for (auto& row : counts)
      for (typename S::I& count : row) all += count;
    sum += all[0];
    asm volatile("" : : "r"(sum) : "memory");
    input[0] = static_cast<u32>(sum);  // so that nothing is left out
  }
  return rounds * length * V * vector_lanes * S::bit_pixels;
}

template <class S>
constexpr BinaryTier make_binary_tier() {
  return {bit_conv<S>, float_conv<S>, byte_conv<S>, map<S>, finish_sums<S>, pool<S>, quantize, busy<S>};
}

}  // namespace
}  // namespace signwise
