#include <immintrin.h>

#include "signwise/bits_counting.hpp"
#include "signwise/bits_packing.hpp"
#include "signwise/bits_tiers.hpp"
#include "signwise/bits_votes.hpp"

namespace signwise {
namespace {

struct Simd {
  typedef u64 vec __attribute__((vector_size(32)));
  static constexpr int lanes = 4;
  static __m256i raw(vec x) { return reinterpret_cast<__m256i>(x); }
  static vec wrap(__m256i x) { return reinterpret_cast<vec>(x); }
  static vec byte_counts(vec x) {
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                           0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i low = _mm256_and_si256(raw(x), nibble);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(raw(x), 4), nibble);
    return wrap(_mm256_add_epi8(_mm256_shuffle_epi8(table, low), _mm256_shuffle_epi8(table, high)));
  }
  static vec add_bytes(vec a, vec b) { return wrap(_mm256_add_epi8(raw(a), raw(b))); }
  static vec byte_sums(vec x) { return wrap(_mm256_sad_epu8(raw(x), _mm256_setzero_si256())); }
  static u64 lane_sum(vec x) {
    const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(raw(x)), _mm256_extracti128_si256(raw(x), 1));
    return static_cast<u64>(_mm_cvtsi128_si64(half)) + static_cast<u64>(_mm_extract_epi64(half, 1));
  }
  static void put(const vec (&counts)[2], int columns, std::int32_t base, std::int32_t scale, std::int32_t* out) {
    const __m256 mixed = _mm256_shuffle_ps(_mm256_castsi256_ps(raw(counts[0])), _mm256_castsi256_ps(raw(counts[1])), 0x88);
    const __m256i ordered = _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xd8);
    const __m256i value = _mm256_add_epi32(_mm256_set1_epi32(base), _mm256_mullo_epi32(_mm256_set1_epi32(scale), ordered));
    if (columns == 8) return _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), value);
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_maskstore_epi32(out, _mm256_cmpgt_epi32(_mm256_set1_epi32(columns), lane), value);
  }
};

__m256i load256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

u64 word_f32(const float* x) {
  u64 word = 0;
  SIGNWISE_UNROLL
  for (int i = 0; i < 8; ++i) {
    const __m256 at_least = _mm256_cmp_ps(_mm256_loadu_ps(x + 8 * i), _mm256_setzero_ps(), _CMP_GE_OQ);
    word |= static_cast<u64>(static_cast<unsigned>(_mm256_movemask_ps(at_least))) << (8 * i);
  }
  return word;
}

u64 word_f64(const double* x) {
  u64 word = 0;
  SIGNWISE_UNROLL
  for (int i = 0; i < 16; ++i) {
    const __m256d at_least = _mm256_cmp_pd(_mm256_loadu_pd(x + 4 * i), _mm256_setzero_pd(), _CMP_GE_OQ);
    word |= static_cast<u64>(static_cast<unsigned>(_mm256_movemask_pd(at_least))) << (4 * i);
  }
  return word;
}

// The 64 flags of four vectors of sixteen 16-bit masks (0 or -1).
template <class Flags>
u64 word_16(const void* x, Flags flags) {
  u64 word = 0;
  SIGNWISE_UNROLL
  for (int i = 0; i < 2; ++i) {
    const char* p = static_cast<const char*>(x) + 64 * i;
    const __m256i both = _mm256_packs_epi16(flags(load256(p)), flags(load256(p + 32)));
    const __m256i ordered = _mm256_permute4x64_epi64(both, 0xd8);
    word |= static_cast<u64>(static_cast<unsigned>(_mm256_movemask_epi8(ordered))) << (32 * i);
  }
  return word;
}

template <int infinity>
u64 word_half(const std::uint16_t* x) {
  return word_16(x, [](__m256i v) {
    const __m256i small = _mm256_cmpeq_epi16(_mm256_min_epu16(v, _mm256_set1_epi16(infinity)), v);
    return _mm256_or_si256(small, _mm256_cmpeq_epi16(v, _mm256_set1_epi16(-0x8000)));
  });
}

u64 word_i16(const std::int16_t* x) {
  return word_16(x, [](__m256i v) { return _mm256_cmpgt_epi16(v, _mm256_set1_epi16(-1)); });
}

u64 word_i8(const std::int8_t* x) {
  const u64 low = static_cast<unsigned>(_mm256_movemask_epi8(load256(x)));
  const u64 high = static_cast<unsigned>(_mm256_movemask_epi8(load256(x + 32)));
  return ~(low | high << 32);
}

u64 word_bool(const std::uint8_t* x) {
  const __m256i zero = _mm256_setzero_si256();
  const u64 low = static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(load256(x), zero)));
  const u64 high = static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(load256(x + 32), zero)));
  return ~(low | high << 32);
}

u64 word_i32(const std::int32_t* x) {
  u64 word = 0;
  SIGNWISE_UNROLL
  for (int i = 0; i < 8; ++i) {
    const int negative = _mm256_movemask_ps(_mm256_castsi256_ps(load256(x + 8 * i)));
    word |= static_cast<u64>(static_cast<unsigned>(negative)) << (8 * i);
  }
  return ~word;
}

u64 word_i64(const std::int64_t* x) {
  u64 word = 0;
  SIGNWISE_UNROLL
  for (int i = 0; i < 16; ++i) {
    const int negative = _mm256_movemask_pd(_mm256_castsi256_pd(load256(x + 4 * i)));
    word |= static_cast<u64>(static_cast<unsigned>(negative)) << (4 * i);
  }
  return ~word;
}

template <class T, u64 (*word)(const T*)>
void pack_as(const void* x, i64 k, u64* words) {
  pack_with<T>(word, static_cast<const T*>(x), k, words);
}

void pack(SignKind kind, const void* x, i64 k, u64* words) {
  switch (kind) {
    case SignKind::f32: return pack_as<float, word_f32>(x, k, words);
    case SignKind::f64: return pack_as<double, word_f64>(x, k, words);
    case SignKind::f16: return pack_as<std::uint16_t, word_half<0x7c00>>(x, k, words);
    case SignKind::bf16: return pack_as<std::uint16_t, word_half<0x7f80>>(x, k, words);
    case SignKind::i8: return pack_as<std::int8_t, word_i8>(x, k, words);
    case SignKind::i16: return pack_as<std::int16_t, word_i16>(x, k, words);
    case SignKind::i32: return pack_as<std::int32_t, word_i32>(x, k, words);
    case SignKind::i64: return pack_as<std::int64_t, word_i64>(x, k, words);
    case SignKind::boolean: return pack_as<std::uint8_t, word_bool>(x, k, words);
  }
}

template <int infinity>
void ternary_half(const void* values, i64 k, u64* nonzero, u64* positive) {
  const std::uint16_t* x = static_cast<const std::uint16_t*>(values);
  std::uint16_t rest[64] = {};
  for (i64 i = 0; i < k; i += 64) {
    const std::uint16_t* from = x + i;
    if (k - i < 64) {
      std::memcpy(rest, from, static_cast<std::size_t>(k - i) * sizeof(std::uint16_t));
      from = rest;
    }
    const __m256i zero = _mm256_setzero_si256();
    // Patterns up to 0x7fff are positive as signed numbers, so signed comparisons serve for the size.
    const u64 any = word_16(from, [zero](__m256i v) {
      const __m256i size = _mm256_and_si256(v, _mm256_set1_epi16(0x7fff));
      return _mm256_andnot_si256(_mm256_cmpgt_epi16(size, _mm256_set1_epi16(infinity)), _mm256_cmpgt_epi16(size, zero));
    });
    *nonzero++ = any;
    *positive++ = any & word_16(from, [zero](__m256i v) { return _mm256_cmpgt_epi16(v, zero); });
  }
}

void pack_ternary(SignKind kind, const void* values, i64 k, u64* nonzero, u64* positive) {
  if (kind == SignKind::f16) return ternary_half<0x7c00>(values, k, nonzero, positive);
  if (kind == SignKind::bf16) return ternary_half<0x7f80>(values, k, nonzero, positive);
  if (kind != SignKind::f32) return pack_ternary_generic(kind, values, k, nonzero, positive);
  const float* x = static_cast<const float*>(values);
  float rest[64] = {};
  for (i64 i = 0; i < k; i += 64) {
    const float* from = x + i;
    if (k - i < 64) {
      std::memcpy(rest, from, static_cast<std::size_t>(k - i) * sizeof(float));
      from = rest;
    }
    u64 up = 0, any = 0;
    SIGNWISE_UNROLL
    for (int j = 0; j < 8; ++j) {
      const __m256 v = _mm256_loadu_ps(from + 8 * j), zero = _mm256_setzero_ps();
      up |= static_cast<u64>(static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(v, zero, _CMP_GT_OQ)))) << (8 * j);
      any |= static_cast<u64>(static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(v, zero, _CMP_NEQ_OQ))))
             << (8 * j);
    }
    *nonzero++ = any;
    *positive++ = up;
  }
}

constexpr int columns = 2;

}  // namespace

const BitsTier bits_avx2 = {
    pack,
    pack_ternary,
    columns * Simd::lanes,
    generic_make_panel<Simd, columns>,
    generic_panel_rows<Simd, 2, columns>,
    generic_pairs<Simd>,
    generic_below,
    generic_majority<Simd::vec>,
    generic_majority_ternary<Simd::vec>,
    generic_coin_word,
};

}  // namespace signwise
