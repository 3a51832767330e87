#pragma once

// Products and distances over a vector type; see bits_generic.hpp for how tiers share it.

#include "signwise/bits_generic.hpp"

namespace signwise {
namespace {

// What a tier's Simd provides, with `vec` a vector of `lanes` u64:
//   byte_counts(x)   set bits of each byte
//   add_bytes(a, b)  sum byte by byte; callers keep every byte below 256
//   byte_sums(x)     for each lane the sum of its bytes
//   lane_sum(x)      the sum of the lanes
//   put(counts, columns, base, scale, out)   out[j] = base + scale * lane j of the counts, for j < columns

template <class Simd>
inline typename Simd::vec load(const u64* p) {
  typename Simd::vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// One step of a panel's counts. Two words at a time pass through a full adder whose sum bit `ones` stays in a
// register: only its carry, of weight two, is counted.
template <class Simd, int R, int C>
inline void generic_step(const u64* a, i64 words, const u64* b, typename Simd::vec (&ones)[R][C],
                         typename Simd::vec (&bytes)[R][C]) {
  using V = typename Simd::vec;
  SIGNWISE_UNROLL
  for (int r = 0; r < R; ++r) {
    const V a1 = V{} + a[r * words], a2 = V{} + a[r * words + 1];
    SIGNWISE_UNROLL
    for (int c = 0; c < C; ++c) {
      const V x1 = a1 ^ load<Simd>(b + c * Simd::lanes), x2 = a2 ^ load<Simd>(b + (C + c) * Simd::lanes);
      const V odd = x1 ^ x2;
      const V carry = (x1 & x2) | (odd & ones[r][c]);
      ones[r][c] ^= odd;
      bytes[r][c] = Simd::add_bytes(bytes[r][c], Simd::byte_counts(carry));
    }
  }
}

template <class Simd, int R, int C>
inline void clear(typename Simd::vec (&v)[R][C]) {
  SIGNWISE_UNROLL
  for (int r = 0; r < R; ++r) {
    SIGNWISE_UNROLL
    for (int c = 0; c < C; ++c) v[r][c] = typename Simd::vec{};
  }
}

// The set bits of a[w] ^ panel[w] per byte for an odd number of words' last one, else 0.
template <class Simd, int C>
inline typename Simd::vec last_word(const u64* a, i64 words, const u64* panel, int c) {
  using V = typename Simd::vec;
  if (words % 2 == 0) return V{};
  const i64 w = words - 1;
  return Simd::byte_counts((V{} + a[w]) ^ load<Simd>(panel + (w * C + c) * Simd::lanes));
}

// R rows by a panel: lane j of vector c is column c * lanes + j, so no sum runs across lanes.
template <class Simd, int R, int C>
void generic_tile(const u64* a, i64 words, const u64* panel, int columns, std::int32_t base, std::int32_t scale,
                  std::int32_t* out, i64 out_stride) {
  using V = typename Simd::vec;
  constexpr int width = C * Simd::lanes;
  V ones[R][C], bytes[R][C];
  clear<Simd, R, C>(ones);
  clear<Simd, R, C>(bytes);
  if (words <= 29) {  // 14 carries of at most 8 a byte, doubled, and two counts more stay below 256
    for (i64 w = 0; w + 2 <= words; w += 2) generic_step<Simd, R, C>(a + w, words, panel + w * width, ones, bytes);
    SIGNWISE_UNROLL
    for (int r = 0; r < R; ++r) {
      V sum[C];
      SIGNWISE_UNROLL
      for (int c = 0; c < C; ++c) {
        const V twice = Simd::add_bytes(bytes[r][c], bytes[r][c]);
        const V rest = Simd::add_bytes(Simd::byte_counts(ones[r][c]), last_word<Simd, C>(a + r * words, words, panel, c));
        sum[c] = Simd::byte_sums(Simd::add_bytes(twice, rest));
      }
      Simd::put(sum, columns, base, scale, out + r * out_stride);
    }
    return;
  }
  V total[R][C];
  clear<Simd, R, C>(total);
  i64 w = 0;
  while (w + 2 <= words) {
    const i64 end = w + 62 < words ? w + 62 : words - words % 2;  // 31 carries of at most 8 fit in a byte
    for (; w < end; w += 2) generic_step<Simd, R, C>(a + w, words, panel + w * width, ones, bytes);
    SIGNWISE_UNROLL
    for (int r = 0; r < R; ++r) {
      SIGNWISE_UNROLL
      for (int c = 0; c < C; ++c) total[r][c] += Simd::byte_sums(bytes[r][c]);
    }
    clear<Simd, R, C>(bytes);
  }
  SIGNWISE_UNROLL
  for (int r = 0; r < R; ++r) {
    V sum[C];
    SIGNWISE_UNROLL
    for (int c = 0; c < C; ++c) {
      const V rest = Simd::add_bytes(Simd::byte_counts(ones[r][c]), last_word<Simd, C>(a + r * words, words, panel, c));
      sum[c] = total[r][c] + total[r][c] + Simd::byte_sums(rest);
    }
    Simd::put(sum, columns, base, scale, out + r * out_stride);
  }
}

template <class Simd, int C>
void generic_make_panel(const u64* b, i64 words, int columns, u64* panel) {
  constexpr int width = C * Simd::lanes;
  for (int j = 0; j < width; ++j)
    for (i64 w = 0; w < words; ++w) panel[w * width + j] = j < columns ? b[j * words + w] : 0;
}

template <class Simd, int R, int C>
void generic_panel_rows(const u64* a, i64 rows, i64 words, const u64* panel, int columns, std::int32_t base,
                        std::int32_t scale, std::int32_t* out, i64 out_stride) {
  i64 i = 0;
  for (; i + R <= rows; i += R)
    generic_tile<Simd, R, C>(a + i * words, words, panel, columns, base, scale, out + i * out_stride, out_stride);
  for (; i < rows; ++i)
    generic_tile<Simd, 1, C>(a + i * words, words, panel, columns, base, scale, out + i * out_stride, out_stride);
}

template <class Simd>
i64 row_count(const u64* a, const u64* b, i64 words) {
  using V = typename Simd::vec;
  i64 w = 0, count = 0;
  if (words >= Simd::lanes) {
    V total{};
    while (w + Simd::lanes <= words) {
      V bytes{};
      for (int step = 0; step < 31 && w + Simd::lanes <= words; ++step, w += Simd::lanes)
        bytes = Simd::add_bytes(bytes, Simd::byte_counts(load<Simd>(a + w) ^ load<Simd>(b + w)));
      total += Simd::byte_sums(bytes);
    }
    count = static_cast<i64>(Simd::lane_sum(total));
  }
  for (; w < words; ++w) count += __builtin_popcountll(a[w] ^ b[w]);
  return count;
}

template <class Simd>
void generic_pairs(const u64* a, i64 a_stride, const u64* b, i64 b_stride, i64 rows, i64 words, std::int32_t base,
                   std::int32_t scale, std::int32_t* out, i64 out_stride) {
  for (i64 i = 0; i < rows; ++i)
    out[i * out_stride] =
        affine(base, scale, static_cast<u64>(row_count<Simd>(a + i * a_stride, b + i * b_stride, words)));
}

inline u64 generic_below(const std::int32_t* d, int count, std::int32_t limit) {
  bool any = false;
  for (int i = 0; i < count; ++i) any |= d[i] < limit;
  u64 mask = 0;
  if (any)
    for (int i = 0; i < count; ++i) mask |= static_cast<u64>(d[i] < limit) << i;
  return mask;
}

}  // namespace
}  // namespace signwise
