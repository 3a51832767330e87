// gcc 12 warns about the deliberately undefined operands inside its own AVX-512 header (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "signwise/bits_counting.hpp"
#include "signwise/bits_packing.hpp"
#include "signwise/bits_tiers.hpp"
#include "signwise/bits_votes.hpp"

namespace signwise {
namespace {

typedef u64 vec __attribute__((vector_size(64)));

__m512i load512(const void* p) { return _mm512_loadu_si512(p); }

u64 word_f32(const float* x) {
  u64 word = 0;
  SIGNWISE_UNROLL
  for (int i = 0; i < 4; ++i)
    word |= static_cast<u64>(_mm512_cmp_ps_mask(_mm512_loadu_ps(x + 16 * i), _mm512_setzero_ps(), _CMP_GE_OQ))
            << (16 * i);
  return word;
}

u64 word_f64(const double* x) {
  u64 word = 0;
  SIGNWISE_UNROLL
  for (int i = 0; i < 8; ++i)
    word |= static_cast<u64>(_mm512_cmp_pd_mask(_mm512_loadu_pd(x + 8 * i), _mm512_setzero_pd(), _CMP_GE_OQ))
            << (8 * i);
  return word;
}

template <int infinity>
u64 word_half(const std::uint16_t* x) {
  u64 word = 0;
  SIGNWISE_UNROLL
  for (int i = 0; i < 2; ++i) {
    const __m512i v = load512(x + 32 * i);
    const __mmask32 at_least = _mm512_cmple_epu16_mask(v, _mm512_set1_epi16(infinity)) |
                               _mm512_cmpeq_epi16_mask(v, _mm512_set1_epi16(-0x8000));
    word |= static_cast<u64>(at_least) << (32 * i);
  }
  return word;
}

u64 word_i8(const std::int8_t* x) { return ~static_cast<u64>(_mm512_movepi8_mask(load512(x))); }

u64 word_bool(const std::uint8_t* x) { return _mm512_test_epi8_mask(load512(x), load512(x)); }

u64 word_i16(const std::int16_t* x) {
  return ~(static_cast<u64>(_mm512_movepi16_mask(load512(x))) |
           static_cast<u64>(_mm512_movepi16_mask(load512(x + 32))) << 32);
}

u64 word_i32(const std::int32_t* x) {
  u64 word = 0;
  SIGNWISE_UNROLL
  for (int i = 0; i < 4; ++i) word |= static_cast<u64>(_mm512_movepi32_mask(load512(x + 16 * i))) << (16 * i);
  return ~word;
}

u64 word_i64(const std::int64_t* x) {
  u64 word = 0;
  SIGNWISE_UNROLL
  for (int i = 0; i < 8; ++i) word |= static_cast<u64>(_mm512_movepi64_mask(load512(x + 8 * i))) << (8 * i);
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
    u64 up = 0, any = 0;
    SIGNWISE_UNROLL
    for (int j = 0; j < 2; ++j) {
      const __m512i v = load512(from + 32 * j), size = _mm512_and_si512(v, _mm512_set1_epi16(0x7fff));
      const __mmask32 some = _mm512_test_epi16_mask(size, size) &
                             _mm512_cmple_epu16_mask(size, _mm512_set1_epi16(infinity));
      any |= static_cast<u64>(some) << (32 * j);
      up |= static_cast<u64>(some & ~_mm512_movepi16_mask(v)) << (32 * j);
    }
    *nonzero++ = any;
    *positive++ = up;
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
    for (int j = 0; j < 4; ++j) {
      const __m512 v = _mm512_loadu_ps(from + 16 * j), zero = _mm512_setzero_ps();
      up |= static_cast<u64>(_mm512_cmp_ps_mask(v, zero, _CMP_GT_OQ)) << (16 * j);
      any |= static_cast<u64>(_mm512_cmp_ps_mask(v, zero, _CMP_NEQ_OQ)) << (16 * j);
    }
    *nonzero++ = any;
    *positive++ = up;
  }
}

constexpr int panel_vectors = 4;

__mmask8 lanes_left(int columns) { return columns >= 8 ? 0xff : static_cast<__mmask8>((1u << columns) - 1); }

// 8 x 8 words: out[w][j] = in[j][w], with rows of `words` in and of `width` out.
void transpose8(const u64* in, i64 words, u64* out, i64 width) {
  __m512i r[8], s[8];
  SIGNWISE_UNROLL
  for (int j = 0; j < 8; ++j) r[j] = load512(in + j * words);
  SIGNWISE_UNROLL
  for (int j = 0; j < 8; j += 2) {
    s[j] = _mm512_unpacklo_epi64(r[j], r[j + 1]);
    s[j + 1] = _mm512_unpackhi_epi64(r[j], r[j + 1]);
  }
  SIGNWISE_UNROLL
  for (int j = 0; j < 8; j += 4) {
    SIGNWISE_UNROLL
    for (int i = 0; i < 2; ++i) {
      r[j + i] = _mm512_shuffle_i64x2(s[j + i], s[j + i + 2], 0x88);
      r[j + i + 2] = _mm512_shuffle_i64x2(s[j + i], s[j + i + 2], 0xdd);
    }
  }
  SIGNWISE_UNROLL
  for (int i = 0; i < 4; ++i) {
    // r[i] holds words {0, 4}, {1, 5}, {2, 6}, {3, 7} of rows 0..3 for i = 0, 1, 2, 3.
    _mm512_storeu_si512(out + i * width, _mm512_shuffle_i64x2(r[i], r[i + 4], 0x88));
    _mm512_storeu_si512(out + (i + 4) * width, _mm512_shuffle_i64x2(r[i], r[i + 4], 0xdd));
  }
}

void make_panel(const u64* b, i64 words, int columns, u64* panel) {
  const int vectors = (columns + 7) / 8;
  const i64 width = 8 * vectors;
  for (int c = 0; c < vectors; ++c) {
    const int here = columns - 8 * c < 8 ? columns - 8 * c : 8;
    const u64* from = b + 8 * c * words;
    u64* to = panel + 8 * c;
    i64 w = 0;
    if (here == 8)
      for (; w + 8 <= words; w += 8) transpose8(from + w, words, to + w * width, width);
    for (; w < words; ++w)
      for (int j = 0; j < 8; ++j) to[w * width + j] = j < here ? from[j * words + w] : 0;
  }
}

template <int R, int C>
void tile(const u64* a, i64 words, const u64* panel, int columns, std::int32_t base, std::int32_t scale,
          std::int32_t* out, i64 out_stride) {
  __m512i sum[R][C];
  SIGNWISE_UNROLL
  for (int r = 0; r < R; ++r) {
    SIGNWISE_UNROLL
    for (int c = 0; c < C; ++c) sum[r][c] = _mm512_setzero_si512();
  }
  for (i64 w = 0; w < words; ++w) {
    __m512i b[C];
    SIGNWISE_UNROLL
    for (int c = 0; c < C; ++c) b[c] = load512(panel + (w * C + c) * 8);
    SIGNWISE_UNROLL
    for (int r = 0; r < R; ++r) {
      const __m512i one = _mm512_set1_epi64(static_cast<long long>(a[r * words + w]));
      SIGNWISE_UNROLL
      for (int c = 0; c < C; ++c)
        sum[r][c] = _mm512_add_epi64(sum[r][c], _mm512_popcnt_epi64(_mm512_xor_si512(one, b[c])));
    }
  }
  const __m256i bases = _mm256_set1_epi32(base), scales = _mm256_set1_epi32(scale);
  SIGNWISE_UNROLL
  for (int r = 0; r < R; ++r) {
    SIGNWISE_UNROLL
    for (int c = 0; c < C; ++c) {
      const __m256i counts = _mm512_maskz_cvtepi64_epi32(0xff, sum[r][c]);
      const __m256i value = _mm256_add_epi32(bases, _mm256_mullo_epi32(scales, counts));
      _mm256_mask_storeu_epi32(out + r * out_stride + 8 * c, lanes_left(columns - 8 * c), value);
    }
  }
}

template <int C>
void panel_rows_of(const u64* a, i64 rows, i64 words, const u64* panel, int columns, std::int32_t base,
                   std::int32_t scale, std::int32_t* out, i64 out_stride) {
  i64 i = 0;
  for (; i + 4 <= rows; i += 4)
    tile<4, C>(a + i * words, words, panel, columns, base, scale, out + i * out_stride, out_stride);
  switch (rows - i) {
    case 3: return tile<3, C>(a + i * words, words, panel, columns, base, scale, out + i * out_stride, out_stride);
    case 2: return tile<2, C>(a + i * words, words, panel, columns, base, scale, out + i * out_stride, out_stride);
    case 1: return tile<1, C>(a + i * words, words, panel, columns, base, scale, out + i * out_stride, out_stride);
    default: return;
  }
}

void panel_rows(const u64* a, i64 rows, i64 words, const u64* panel, int columns, std::int32_t base,
                std::int32_t scale, std::int32_t* out, i64 out_stride) {
  switch ((columns + 7) / 8) {
    case 1: return panel_rows_of<1>(a, rows, words, panel, columns, base, scale, out, out_stride);
    case 2: return panel_rows_of<2>(a, rows, words, panel, columns, base, scale, out, out_stride);
    case 3: return panel_rows_of<3>(a, rows, words, panel, columns, base, scale, out, out_stride);
    default: return panel_rows_of<4>(a, rows, words, panel, columns, base, scale, out, out_stride);
  }
}

__m512i row_counts(const u64* a, const u64* b, i64 words) {
  __m512i sum = _mm512_setzero_si512();
  i64 w = 0;
  for (; w + 8 <= words; w += 8)
    sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_xor_si512(load512(a + w), load512(b + w))));
  if (w < words) {
    const __mmask8 rest = lanes_left(static_cast<int>(words - w));
    const __m512i x = _mm512_xor_si512(_mm512_maskz_loadu_epi64(rest, a + w), _mm512_maskz_loadu_epi64(rest, b + w));
    sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(x));
  }
  return sum;
}

// Lane j of the result is the sum of the lanes of v[j].
__m512i lane_sums(const __m512i (&v)[8]) {
  __m512i pair[4], half[2];
  SIGNWISE_UNROLL
  for (int j = 0; j < 4; ++j)
    pair[j] = _mm512_add_epi64(_mm512_unpacklo_epi64(v[2 * j], v[2 * j + 1]), _mm512_unpackhi_epi64(v[2 * j], v[2 * j + 1]));
  SIGNWISE_UNROLL
  for (int j = 0; j < 2; ++j)
    half[j] = _mm512_add_epi64(_mm512_shuffle_i64x2(pair[2 * j], pair[2 * j + 1], 0x88),
                               _mm512_shuffle_i64x2(pair[2 * j], pair[2 * j + 1], 0xdd));
  return _mm512_add_epi64(_mm512_shuffle_i64x2(half[0], half[1], 0x88), _mm512_shuffle_i64x2(half[0], half[1], 0xdd));
}

// Distances of eight rows at a time from one row of V whole vectors, which stays in registers.
template <int V>
i64 one_to_rows(const u64* a, const u64* b, i64 rows, std::int32_t base, std::int32_t scale, std::int32_t* out) {
  __m512i row[V];
  SIGNWISE_UNROLL
  for (int v = 0; v < V; ++v) row[v] = load512(a + 8 * v);
  i64 i = 0;
  for (; i + 8 <= rows; i += 8, b += 64 * V) {
    __m512i sum[8];
    SIGNWISE_UNROLL
    for (int r = 0; r < 8; ++r) {
      // Counting waits for memory, and the processor's own prefetcher stops at the end of each page.
      for (int v = 0; v < V; ++v)
        _mm_prefetch(reinterpret_cast<const char*>(b + 8 * (V * r + v) + 512), _MM_HINT_T0);
      sum[r] = _mm512_popcnt_epi64(_mm512_xor_si512(row[0], load512(b + 8 * V * r)));
      SIGNWISE_UNROLL
      for (int v = 1; v < V; ++v)
        sum[r] = _mm512_add_epi64(sum[r], _mm512_popcnt_epi64(_mm512_xor_si512(row[v], load512(b + 8 * (V * r + v)))));
    }
    const __m256i counts = _mm512_maskz_cvtepi64_epi32(0xff, lane_sums(sum));
    const __m256i value = _mm256_add_epi32(_mm256_set1_epi32(base), _mm256_mullo_epi32(_mm256_set1_epi32(scale), counts));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), value);
  }
  return i;
}

void pairs(const u64* a, i64 a_stride, const u64* b, i64 b_stride, i64 rows, i64 words, std::int32_t base,
           std::int32_t scale, std::int32_t* out, i64 out_stride) {
  if (words <= 4) {  // too short for a vector
    for (i64 i = 0; i < rows; ++i) {
      u64 count = 0;
      for (i64 w = 0; w < words; ++w) count += __builtin_popcountll(a[i * a_stride + w] ^ b[i * b_stride + w]);
      out[i * out_stride] = affine(base, scale, count);
    }
    return;
  }
  i64 i = 0;
  if (a_stride == 0 && b_stride == words && out_stride == 1) {
    if (words == 8) i = one_to_rows<1>(a, b, rows, base, scale, out);
    if (words == 16) i = one_to_rows<2>(a, b, rows, base, scale, out);
    if (words == 32) i = one_to_rows<4>(a, b, rows, base, scale, out);
    if (words == 64) i = one_to_rows<8>(a, b, rows, base, scale, out);
  }
  for (; i + 8 <= rows; i += 8) {
    __m512i sum[8];
    SIGNWISE_UNROLL
    for (int r = 0; r < 8; ++r) sum[r] = row_counts(a + (i + r) * a_stride, b + (i + r) * b_stride, words);
    const __m256i counts = _mm512_maskz_cvtepi64_epi32(0xff, lane_sums(sum));
    const __m256i value = _mm256_add_epi32(_mm256_set1_epi32(base), _mm256_mullo_epi32(_mm256_set1_epi32(scale), counts));
    if (out_stride == 1) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), value);
    } else {
      std::int32_t each[8];
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(each), value);
      for (int r = 0; r < 8; ++r) out[(i + r) * out_stride] = each[r];
    }
  }
  for (; i < rows; ++i) {
    const __m512i sum = row_counts(a + i * a_stride, b + i * b_stride, words);
    out[i * out_stride] = affine(base, scale, static_cast<u64>(_mm512_reduce_add_epi64(sum)));
  }
}

u64 below(const std::int32_t* d, int count, std::int32_t limit) {
  const __m512i limits = _mm512_set1_epi32(limit);
  u64 mask = 0;
  for (int i = 0; i < count; i += 16) {
    const __mmask16 valid = count - i >= 16 ? 0xffff : static_cast<__mmask16>((1u << (count - i)) - 1);
    const __m512i values = _mm512_maskz_loadu_epi32(valid, d + i);
    mask |= static_cast<u64>(_mm512_mask_cmplt_epi32_mask(valid, values, limits)) << i;
  }
  return mask;
}

}  // namespace

const BitsTier bits_avx512 = {
    pack,
    pack_ternary,
    8 * panel_vectors,
    make_panel,
    panel_rows,
    pairs,
    below,
    generic_majority<vec>,
    generic_majority_ternary<vec>,
    generic_coin_word,
};

}  // namespace signwise
