#pragma once

// Votes with bit-sliced counters over a vector type; see bits_generic.hpp for how tiers share it.

#include "signwise/bits_generic.hpp"

namespace signwise {
namespace {

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
