#pragma once

// Signs of values to words; see bits_generic.hpp for how tiers share it.

#include "signwise/bits_generic.hpp"

namespace signwise {
namespace {

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

}  // namespace
}  // namespace signwise
