#pragma once

// Kernels that each tier compiles for itself, written over a vector type. Everything is in an unnamed namespace and
// uses no inline function of the standard library, so that no tier's code can be linked into another.

#include <cstdint>
#include <cstring>

#include "signwise/bits.hpp"

#define SIGNWISE_UNROLL _Pragma("GCC unroll 16")

namespace signwise {
namespace {

using u64 = std::uint64_t;
using i64 = std::int64_t;

inline u64 low_bits(i64 count) { return count >= 64 ? ~u64{0} : (u64{1} << count) - 1; }

// ---- packing -------------------------------------------------------------------------------------------------

// 64 bytes of 0 or 1 to one word: the product moves bit 0 of byte i to bit 56 + i.
inline u64 word_of_bytes(const unsigned char* flags) {
  u64 word = 0;
  for (int i = 0; i < 8; ++i) {
    u64 eight;
    std::memcpy(&eight, flags + 8 * i, 8);
    word |= ((eight * 0x0102040810204080ull) >> 56) << (8 * i);
  }
  return word;
}

// For each kind the value's type, and the tests x >= 0, x > 0 and x != 0 with NaN failing all three.
template <class T>
struct Ordered {
  using type = T;
  static bool at_least_zero(T x) { return x >= 0; }
  static bool positive(T x) { return x > 0; }
  static bool nonzero(T x) { return x > 0 || x < 0; }
};
template <unsigned infinity>
struct Half {
  using type = std::uint16_t;
  static bool at_least_zero(type x) { return x <= infinity || x == 0x8000; }
  static bool positive(type x) { return x != 0 && x <= infinity; }
  static bool nonzero(type x) { return (x & 0x7fffu) != 0 && (x & 0x7fffu) <= infinity; }
};
struct Boolean {
  using type = std::uint8_t;
  static bool at_least_zero(type x) { return x != 0; }
  static bool positive(type x) { return x != 0; }
  static bool nonzero(type x) { return x != 0; }
};

template <class Test>
u64 plain_word(const typename Test::type* x) {
  unsigned char flags[64];
  for (int i = 0; i < 64; ++i) flags[i] = Test::at_least_zero(x[i]);
  return word_of_bytes(flags);
}

template <class T>
void pack_with(u64 (*word)(const T*), const T* x, i64 k, u64* words) {
  i64 i = 0;
  for (; i + 64 <= k; i += 64) *words++ = word(x + i);
  if (i < k) {
    T rest[64] = {};
    std::memcpy(rest, x + i, static_cast<std::size_t>(k - i) * sizeof(T));
    *words = word(rest) & low_bits(k - i);
  }
}

template <class Test>
void pack_plain(const void* x, i64 k, u64* words) {
  pack_with<typename Test::type>(plain_word<Test>, static_cast<const typename Test::type*>(x), k, words);
}

template <class Test>
void ternary_plain(const void* values, i64 k, u64* nonzero, u64* positive) {
  using T = typename Test::type;
  const T* x = static_cast<const T*>(values);
  T rest[64] = {};
  for (i64 i = 0; i < k; i += 64) {
    const T* from = x + i;
    if (k - i < 64) {
      std::memcpy(rest, from, static_cast<std::size_t>(k - i) * sizeof(T));
      from = rest;
    }
    unsigned char flags[64];
    for (int j = 0; j < 64; ++j) flags[j] = Test::nonzero(from[j]);
    *nonzero++ = word_of_bytes(flags);
    for (int j = 0; j < 64; ++j) flags[j] = Test::positive(from[j]);
    *positive++ = word_of_bytes(flags);
  }
}

inline void pack_ternary_generic(SignKind kind, const void* x, i64 k, u64* nonzero, u64* positive) {
  switch (kind) {
    case SignKind::f32: return ternary_plain<Ordered<float>>(x, k, nonzero, positive);
    case SignKind::f64: return ternary_plain<Ordered<double>>(x, k, nonzero, positive);
    case SignKind::f16: return ternary_plain<Half<0x7c00>>(x, k, nonzero, positive);
    case SignKind::bf16: return ternary_plain<Half<0x7f80>>(x, k, nonzero, positive);
    case SignKind::i8: return ternary_plain<Ordered<std::int8_t>>(x, k, nonzero, positive);
    case SignKind::i16: return ternary_plain<Ordered<std::int16_t>>(x, k, nonzero, positive);
    case SignKind::i32: return ternary_plain<Ordered<std::int32_t>>(x, k, nonzero, positive);
    case SignKind::i64: return ternary_plain<Ordered<std::int64_t>>(x, k, nonzero, positive);
    case SignKind::boolean: return ternary_plain<Boolean>(x, k, nonzero, positive);
  }
}

// ---- counting ------------------------------------------------------------------------------------------------

// Simd: `vec` (a vector of u64), `lanes`, byte_counts(vec) -> set bits of each byte, and byte_sums(vec) -> for each
// u64 lane the sum of its bytes; lane_sum(vec) -> the sum of the lanes; put(counts, columns, base, scale, out) stores
// base + scale * count for the first `columns` lanes.

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
        base + scale * static_cast<std::int32_t>(row_count<Simd>(a + i * a_stride, b + i * b_stride, words));
}

inline u64 generic_below(const std::int32_t* d, int count, std::int32_t limit) {
  bool any = false;
  for (int i = 0; i < count; ++i) any |= d[i] < limit;
  u64 mask = 0;
  if (any)
    for (int i = 0; i < count; ++i) mask |= static_cast<u64>(d[i] < limit) << i;
  return mask;
}

// ---- votes ---------------------------------------------------------------------------------------------------

constexpr int max_planes = 48;  // counters up to 2^48 votes

template <class V>
inline V fetch(const u64* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

template <class V>
inline V full_add(V a, V b, V& sum) {  // adds a and b into `sum`, returns the carry
  const V odd = a ^ b;
  const V carry = (a & b) | (odd & sum);
  sum ^= odd;
  return carry;
}

// Bit-sliced counters of a block of B vectors: bit j of plane[p][b] is bit p of the counter of bit j of vector b.
template <class V, int B>
struct Counters {
  V plane[max_planes][B];

  void clear(int planes) {
    for (int p = 0; p < planes; ++p)
      for (int b = 0; b < B; ++b) plane[p][b] = V{};
  }

  void ripple(V carry, int from, int planes, int b) {
    for (int p = from; p < planes; ++p) {
      const V next = plane[p][b] & carry;
      plane[p][b] ^= carry;
      carry = next;
    }
  }

  // Adds n votes; vote(i, b) is vector b of voter i. Eight voters at a time pass through carry-save adders, and a
  // block of each voter is read before the next voter's, since voters lie far apart.
  template <class Vote>
  void count(Vote vote, i64 n, int planes) {
    clear(planes);
    i64 i = 0;
    if (planes > 3) {
      for (; i + 8 <= n; i += 8) {
        for (int b = 0; b < B; ++b) {
          V ones = plane[0][b], twos = plane[1][b], fours = plane[2][b];
          const V c = full_add<V>(vote(i, b), vote(i + 1, b), ones), d = full_add<V>(vote(i + 2, b), vote(i + 3, b), ones);
          const V e = full_add<V>(c, d, twos);
          const V f = full_add<V>(vote(i + 4, b), vote(i + 5, b), ones), g = full_add<V>(vote(i + 6, b), vote(i + 7, b), ones);
          const V h = full_add<V>(f, g, twos);
          const V carry = full_add<V>(e, h, fours);
          plane[0][b] = ones;
          plane[1][b] = twos;
          plane[2][b] = fours;
          ripple(carry, 3, planes, b);
        }
      }
    }
    for (; i + 2 <= n; i += 2)
      for (int b = 0; b < B; ++b) ripple(full_add<V>(vote(i, b), vote(i + 1, b), plane[0][b]), 1, planes, b);
    if (i < n)
      for (int b = 0; b < B; ++b) ripple(vote(i, b), 0, planes, b);
  }
};

inline int planes_for(i64 n) {
  int planes = 1;
  while ((i64{1} << planes) <= n) ++planes;
  return planes;
}

template <class V, int B>
void majority_block(const u64* votes, i64 n, i64 stride, i64 least, int planes, u64* out) {
  constexpr i64 lanes = sizeof(V) / 8;
  Counters<V, B> counters;
  counters.count([=](i64 i, int b) { return fetch<V>(votes + i * stride + b * lanes); }, n, planes);
  for (int b = 0; b < B; ++b) {
    V enough = ~V{};  // the lower bits of the count are at least those of `least`
    for (int p = 0; p < planes; ++p) {
      const V bit = counters.plane[p][b];
      enough = (least >> p) & 1 ? bit & enough : bit | enough;
    }
    std::memcpy(out + b * lanes, &enough, sizeof enough);
  }
}

// Words of a block that keeps a voter's reads long enough for the prefetcher.
constexpr i64 block_words = 64;

template <class V>
void generic_majority(const u64* votes, i64 n, i64 stride, i64 words, i64 least, u64* out) {
  constexpr i64 lanes = sizeof(V) / 8;
  constexpr int vectors = block_words / lanes;
  const int planes = planes_for(n);
  i64 w = 0;
  for (; w + block_words <= words; w += block_words)
    majority_block<V, vectors>(votes + w, n, stride, least, planes, out + w);
  for (; w + lanes <= words; w += lanes) majority_block<V, 1>(votes + w, n, stride, least, planes, out + w);
  for (; w < words; ++w) majority_block<u64, 1>(votes + w, n, stride, least, planes, out + w);
}

template <class V, int B>
void ternary_block(const u64* nonzero, const u64* positive, i64 n, i64 stride, int planes, u64* out_nonzero,
                   u64* out_positive, u64* tie) {
  constexpr i64 lanes = sizeof(V) / 8;
  Counters<V, B> up, down;
  up.count([=](i64 i, int b) { return fetch<V>(positive + i * stride + b * lanes); }, n, planes);
  down.count(
      [=](i64 i, int b) {
        const i64 at = i * stride + b * lanes;
        return fetch<V>(nonzero + at) & ~fetch<V>(positive + at);
      },
      n, planes);
  for (int b = 0; b < B; ++b) {
    V more{}, less{}, some{};
    for (int p = 0; p < planes; ++p) {
      const V u = up.plane[p][b], d = down.plane[p][b], differ = u ^ d;
      more = (u & differ) | (more & ~differ);
      less = (d & differ) | (less & ~differ);
      some |= u | d;
    }
    const V decided = more | less, open = some & ~decided;
    std::memcpy(out_nonzero + b * lanes, &decided, sizeof decided);
    std::memcpy(out_positive + b * lanes, &more, sizeof more);
    if (tie) std::memcpy(tie + b * lanes, &open, sizeof open);
  }
}

template <class V>
void generic_majority_ternary(const u64* nonzero, const u64* positive, i64 n, i64 stride, i64 words, u64* out_nonzero,
                              u64* out_positive, u64* tie) {
  constexpr i64 lanes = sizeof(V) / 8;
  constexpr int vectors = block_words / lanes;
  const int planes = planes_for(n);
  i64 w = 0;
  for (; w + block_words <= words; w += block_words)
    ternary_block<V, vectors>(nonzero + w, positive + w, n, stride, planes, out_nonzero + w, out_positive + w,
                              tie ? tie + w : nullptr);
  for (; w + lanes <= words; w += lanes)
    ternary_block<V, 1>(nonzero + w, positive + w, n, stride, planes, out_nonzero + w, out_positive + w,
                        tie ? tie + w : nullptr);
  for (; w < words; ++w)
    ternary_block<u64, 1>(nonzero + w, positive + w, n, stride, planes, out_nonzero + w, out_positive + w,
                          tie ? tie + w : nullptr);
}

inline u64 generic_coin_word(std::uint32_t first, std::uint32_t key) {
  unsigned char flags[64];
  for (std::uint32_t j = 0; j < 64; ++j) {
    std::uint32_t h = (first + j) ^ key;
    h ^= h >> 16;
    h *= 0x7feb352du;
    h ^= h >> 15;
    h *= 0x846ca68bu;
    h ^= h >> 16;
    flags[j] = static_cast<unsigned char>(h & 1);
  }
  return word_of_bytes(flags);
}

}  // namespace
}  // namespace signwise
