#pragma once

// The inner loops of the JSON vector encoder, compiled once for each instruction tier. Everything here has internal
// linkage and uses no std:: template, so that the linker cannot hand a lower tier the code of a higher.
// Whole numbers throughout; the floating-point steps (lanes, normalisation) round alike on every tier.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "signwise/ortho.hpp"
#include "signwise/vsa_kernels.hpp"

namespace signwise {
namespace {
namespace vsa_loops {

using U64 = std::uint64_t;

// N words as one vector.
template <int N>
struct Column {
  typedef U64 type __attribute__((vector_size(8 * N)));
  typedef U64 unaligned __attribute__((vector_size(8 * N), aligned(8), may_alias));
};

template <int N>
inline typename Column<N>::type load(const U64* p) {
  return *reinterpret_cast<const typename Column<N>::unaligned*>(p);
}

template <int N>
inline void store(U64* p, typename Column<N>::type v) {
  *reinterpret_cast<typename Column<N>::unaligned*>(p) = v;
}

template <class V>
inline V mix(V x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// Words first, first + 1, ... of an atom are mix(h + steps).
template <int N>
inline typename Column<N>::type steps(std::int64_t first) {
  typename Column<N>::type v;
  for (int i = 0; i < N; ++i) v[i] = static_cast<U64>(first + i + 1) * kPhi;
  return v;
}

// ---- One code under an operator ----------------------------------------------------------------------------

// doubled holds the code twice. Word j of the result is made of words j - q and j - q - 1 of the code.
template <int N>
inline void rotate_doubled(const U64* doubled, const U64* mask, std::int64_t r, std::int64_t words, U64* out) {
  const std::int64_t q = r >> 6;
  const int b = static_cast<int>(r & 63);
  const U64* from = doubled + words - q;
  for (std::int64_t j = 0; j < words; j += N) {
    const auto high = load<N>(from + j), low = load<N>(from + j - 1);
    store<N>(out + j, load<N>(mask + j) ^ (high << b) ^ ((low >> 1) >> (63 - b)));
  }
}

template <int N>
void rotated_code(const U64* code, const U64* mask, std::int64_t r, std::int64_t words, U64* scratch, U64* out) {
  // The word before the first is read where q = words - 1 + ...: one word of room in front.
  U64* doubled = scratch + 8;
  for (std::int64_t j = 0; j < words; j += N) {
    const auto v = load<N>(code + j);
    store<N>(doubled + j, v);
    store<N>(doubled + words + j, v);
  }
  rotate_doubled<N>(doubled, mask, r, words, out);
}

// The last lane of `before` and all but the last of `v`.
template <class V, std::size_t... I>
inline V one_later(V before, V v, std::index_sequence<I...>) {
  return __builtin_shufflevector(before, v, (I + sizeof...(I) - 1)...);
}

// steps holds (i mod words + 1) phi for i < 2 words, so that the words come in the order of the result.
template <int N>
void rotated_atom(U64 h, const U64* mask, std::int64_t r, std::int64_t words, const U64* steps, U64* out) {
  using V = typename Column<N>::type;
  const std::int64_t q = r >> 6;
  const int b = static_cast<int>(r & 63);
  const U64* from = steps + words - q;
  V before{};
  before[N - 1] = mix64(h + from[-1]);
  for (std::int64_t j = 0; j < words; j += N) {
    const V v = mix(load<N>(from + j) + h);
    const V low = one_later(before, v, std::make_index_sequence<N>{});
    store<N>(out + j, load<N>(mask + j) ^ (v << b) ^ ((low >> 1) >> (63 - b)));
    before = v;
  }
}

// ---- Counting codes by carry-save addition -----------------------------------------------------------------

template <class V>
inline void full_add(V& a, V b, V c, V& carry) {
  const V both = a ^ b;
  carry = (a & b) | (both & c);
  a = both ^ c;
}

#ifdef __AVX512F__
// Two three-input operations; the compiler finds four or five two-input ones.
inline void full_add(Column<8>::type& a, Column<8>::type b, Column<8>::type c, Column<8>::type& carry) {
  const __m512i x = (__m512i)a, y = (__m512i)b, z = (__m512i)c;
  carry = (Column<8>::type)_mm512_ternarylogic_epi64(x, y, z, 0xE8);
  a = (Column<8>::type)_mm512_ternarylogic_epi64(x, y, z, 0x96);
}
#endif

// Adds a bit of weight 2^P to the planes.
template <int P, class V>
inline void ripple(V (&planes)[7], V bit) {
  if constexpr (P < 7) {
    const V carry = planes[P] & bit;
    planes[P] ^= bit;
    ripple<P + 1>(planes, carry);
  }
}

// Planes of the number of one bits among n columns next(0), next(1), ...
template <class V, class Next>
inline void count_columns(int n, Next next, V (&planes)[7]) {
  for (V& plane : planes) plane = V{};
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    V a = planes[0], two_a, two_b, two_c, two_d, four_a, four_b, eight;
    full_add(a, next(i), next(i + 1), two_a);
    full_add(a, next(i + 2), next(i + 3), two_b);
    full_add(a, next(i + 4), next(i + 5), two_c);
    full_add(a, next(i + 6), next(i + 7), two_d);
    planes[0] = a;
    V b = planes[1];
    full_add(b, two_a, two_b, four_a);
    full_add(b, two_c, two_d, four_b);
    planes[1] = b;
    V c = planes[2];
    full_add(c, four_a, four_b, eight);
    planes[2] = c;
    ripple<3>(planes, eight);
  }
  if (i + 4 <= n) {
    V a = planes[0], two_a, two_b, four;
    full_add(a, next(i), next(i + 1), two_a);
    full_add(a, next(i + 2), next(i + 3), two_b);
    planes[0] = a;
    V b = planes[1];
    full_add(b, two_a, two_b, four);
    planes[1] = b;
    ripple<2>(planes, four);
    i += 4;
  }
  for (; i < n; ++i) ripple<0>(planes, next(i));
}

inline int planes_for(int n) {
  int k = 1;
  while (n >> k) ++k;
  return k;
}

// x[i] = n - 2 count[i] for the 64 components of one word, from K planes; wraps in 8 bits to the right result.
template <int K, int N>
inline void spread_word(const U64 (&bits)[7][N], int w, int n, std::int8_t* x) {
#if defined(__AVX512BW__)
  __m512i v = _mm512_set1_epi8(static_cast<char>(n));
  for (int p = 0; p < K; ++p)
    v = _mm512_mask_sub_epi8(v, bits[p][w], v, _mm512_set1_epi8(static_cast<char>(2u << p)));
  _mm512_storeu_si512(x, v);
#elif defined(__AVX2__)
  const __m256i which = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3,
                                         3, 3, 3, 3, 3);
  const __m256i bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201u));
  for (int half = 0; half < 2; ++half) {
    __m256i v = _mm256_set1_epi8(static_cast<char>(n));
    for (int p = 0; p < K; ++p) {
      const int part = static_cast<int>(bits[p][w] >> (32 * half));
      const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(part), which);
      const __m256i on = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
      v = _mm256_sub_epi8(v, _mm256_and_si256(on, _mm256_set1_epi8(static_cast<char>(2u << p))));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(x + 32 * half), v);
  }
#else
  for (int byte = 0; byte < 8; ++byte) {
    U64 counts = 0;
    for (int p = 0; p < K; ++p) {
      const U64 on = ((bits[p][w] >> (8 * byte)) & 0xFF) * 0x0101010101010101u & 0x8040201008040201u;
      counts += (((on + 0x7F7F7F7F7F7F7F7Fu) >> 7) & 0x0101010101010101u) << p;
    }
    for (int i = 0; i < 8; ++i)
      x[8 * byte + i] = static_cast<std::int8_t>(n - 2 * static_cast<int>((counts >> (8 * i)) & 0xFF));
  }
#endif
}

template <int K, int N>
inline void spread_column(const typename Column<N>::type (&planes)[7], int n, std::int8_t* x) {
  U64 bits[7][N];
  for (int p = 0; p < K; ++p) store<N>(bits[p], planes[p]);
  for (int w = 0; w < N; ++w) spread_word<K, N>(bits, w, n, x + 64 * w);
}

template <int N>
inline void spread_planes(const typename Column<N>::type (&planes)[7], int k, int n, std::int8_t* x) {
  switch (k) {
    case 1: return spread_column<1, N>(planes, n, x);
    case 2: return spread_column<2, N>(planes, n, x);
    case 3: return spread_column<3, N>(planes, n, x);
    case 4: return spread_column<4, N>(planes, n, x);
    case 5: return spread_column<5, N>(planes, n, x);
    default: return spread_column<7, N>(planes, n, x);
  }
}

template <int N>
void count_codes(const U64* codes, int n, std::int64_t words, std::int8_t* x) {
  using V = typename Column<N>::type;
  const int k = planes_for(n);
  for (std::int64_t j = 0; j < words; j += N) {
    V planes[7];
    count_columns(n, [=](int i) -> V { return load<N>(codes + i * words + j); }, planes);
    spread_planes<N>(planes, k, n, x + 64 * j);
  }
}

template <int N>
void count_atoms(const U64* hashes, int n, std::int64_t words, std::int8_t* x) {
  using V = typename Column<N>::type;
  const int k = planes_for(n);
  for (std::int64_t j = 0; j < words; j += N) {
    V planes[7];
    const V counter = steps<N>(0) + static_cast<U64>(j) * kPhi;
    count_columns(n, [=](int i) -> V { return mix(counter + hashes[i]); }, planes);
    spread_planes<N>(planes, k, n, x + 64 * j);
  }
}

// ---- Accumulating ------------------------------------------------------------------------------------------

// Bytes i .. i + 63 of s * R^r x for one word of signs.
#if defined(__AVX512BW__)
inline __m512i signed_bytes(const std::int8_t* from, U64 signs) {
  const __m512i v = _mm512_loadu_si512(from);
  return _mm512_mask_sub_epi8(v, signs, _mm512_setzero_si512(), v);
}
#elif defined(__AVX2__)
inline __m256i signed_bytes(const std::int8_t* from, U64 signs, int half) {
  const __m256i which = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3,
                                         3, 3, 3, 3, 3);
  const __m256i bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201u));
  const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(signs >> (32 * half))), which);
  const __m256i on = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
  const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 32 * half));
  return _mm256_sub_epi8(_mm256_xor_si256(v, on), on);
}
#endif

inline void signed_rotation(const std::int8_t* x, const U64* mask, std::int64_t r, std::int64_t words, std::int8_t* y) {
  const std::int8_t* from = x + 64 * words - r;
  for (std::int64_t j = 0; j < words; ++j) {
#if defined(__AVX512BW__)
    _mm512_storeu_si512(y + 64 * j, signed_bytes(from + 64 * j, mask[j]));
#elif defined(__AVX2__)
    for (int half = 0; half < 2; ++half)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + 64 * j + 32 * half), signed_bytes(from + 64 * j, mask[j], half));
#else
    for (int i = 0; i < 64; ++i) {
      const std::int8_t v = from[64 * j + i];
      y[64 * j + i] = static_cast<std::int8_t>((mask[j] >> i) & 1 ? -v : v);
    }
#endif
  }
}

inline void add16_under(const std::int8_t* x, const U64* mask, std::int64_t r, std::int16_t weight, std::int64_t words,
                        std::int16_t* __restrict acc) {
  const std::int8_t* from = x + 64 * words - r;
  for (std::int64_t j = 0; j < words; ++j) {
    std::int16_t* to = acc + 64 * j;
#if defined(__AVX512BW__)
    const __m512i v = signed_bytes(from + 64 * j, mask[j]), w = _mm512_set1_epi16(weight);
    const __m512i low = _mm512_mullo_epi16(_mm512_cvtepi8_epi16(_mm512_castsi512_si256(v)), w);
    const __m512i high = _mm512_mullo_epi16(_mm512_cvtepi8_epi16(_mm512_maskz_extracti64x4_epi64(0xF, v, 1)), w);
    _mm512_storeu_si512(to, _mm512_add_epi16(_mm512_loadu_si512(to), low));
    _mm512_storeu_si512(to + 32, _mm512_add_epi16(_mm512_loadu_si512(to + 32), high));
#elif defined(__AVX2__)
    const __m256i w = _mm256_set1_epi16(weight);
    for (int half = 0; half < 2; ++half) {
      const __m256i v = signed_bytes(from + 64 * j, mask[j], half);
      auto* at = reinterpret_cast<__m256i*>(to + 32 * half);
      const __m256i low = _mm256_mullo_epi16(_mm256_cvtepi8_epi16(_mm256_castsi256_si128(v)), w);
      const __m256i high = _mm256_mullo_epi16(_mm256_cvtepi8_epi16(_mm256_extracti128_si256(v, 1)), w);
      _mm256_storeu_si256(at, _mm256_add_epi16(_mm256_loadu_si256(at), low));
      _mm256_storeu_si256(at + 1, _mm256_add_epi16(_mm256_loadu_si256(at + 1), high));
    }
#else
    for (int i = 0; i < 64; ++i) {
      const int v = from[64 * j + i];
      to[i] = static_cast<std::int16_t>(to[i] + weight * ((mask[j] >> i) & 1 ? -v : v));
    }
#endif
  }
}

inline void add16(const std::int8_t* __restrict x, std::int16_t weight, std::int64_t d, std::int16_t* __restrict acc) {
  for (std::int64_t i = 0; i < d; ++i)
    acc[i] = static_cast<std::int16_t>(acc[i] + static_cast<std::int16_t>(weight * static_cast<std::int16_t>(x[i])));
}

inline void add32(const std::int8_t* __restrict x, std::int32_t weight, std::int64_t d, std::int32_t* __restrict acc) {
  for (std::int64_t i = 0; i < d; ++i) acc[i] += weight * x[i];
}

template <bool First>
inline void spill(std::int16_t* __restrict small, std::int64_t d, std::int32_t* __restrict acc) {
  for (std::int64_t i = 0; i < d; ++i) {
    acc[i] = First ? small[i] : acc[i] + small[i];
    small[i] = 0;
  }
}

inline void add_frame(const std::int32_t* inner, const U64* mask, std::int64_t r, std::int64_t words,
                      std::int32_t* __restrict acc) {
  const std::int64_t d = 64 * words;
  std::int32_t wrapped[64];
  for (std::int64_t j = 0; j < words; ++j) {
    const std::int64_t start = 64 * j >= r ? 64 * j - r : 64 * j - r + d;
    const std::int32_t* from = inner + start;
    if (start + 64 > d) {
      const std::int64_t first = d - start;
      for (std::int64_t i = 0; i < 64; ++i) wrapped[i] = i < first ? from[i] : inner[i - first];
      from = wrapped;
    }
    std::int32_t* to = acc + 64 * j;
    const U64 signs = mask[j];
#if defined(__AVX512F__)
    for (int k = 0; k < 4; ++k) {
      const __m512i v = _mm512_loadu_si512(from + 16 * k);
      const __m512i s = _mm512_mask_sub_epi32(v, static_cast<__mmask16>(signs >> (16 * k)), _mm512_setzero_si512(), v);
      _mm512_storeu_si512(to + 16 * k, _mm512_add_epi32(_mm512_loadu_si512(to + 16 * k), s));
    }
#else
    for (int i = 0; i < 64; ++i) {
      const std::int32_t m = -static_cast<std::int32_t>((signs >> i) & 1);
      to[i] += (from[i] ^ m) - m;
    }
#endif
  }
}

// ---- Hashes of 3-grams -------------------------------------------------------------------------------------

inline void hash_threes(const std::uint8_t* text, std::int64_t n, U64 seed, U64* __restrict out) {
  constexpr U64 kP1 = 0x9E3779B185EBCA87u, kP2 = 0xC2B2AE3D27D4EB4Fu, kP3 = 0x165667B19E3779F9u,
                kP5 = 0x27D4EB2F165667C5u;
  const U64 start = seed + kP5 + 3;
  for (std::int64_t i = 0; i < n; ++i) {
    U64 acc = start ^ (text[i] * kP5);
    acc = ((acc << 11) | (acc >> 53)) * kP1;
    acc ^= text[i + 1] * kP5;
    acc = ((acc << 11) | (acc >> 53)) * kP1;
    acc ^= text[i + 2] * kP5;
    acc = ((acc << 11) | (acc >> 53)) * kP1;
    acc = (acc ^ (acc >> 33)) * kP2;
    acc = (acc ^ (acc >> 29)) * kP3;
    out[i] = acc ^ (acc >> 32);
  }
}

inline bool distinct(const U64* hashes, std::int64_t n) {
  for (std::int64_t i = 1; i < n; ++i) {
    U64 same = 0;
    for (std::int64_t j = 0; j < i; ++j) same |= static_cast<U64>(hashes[j] == hashes[i]);
    if (same) return false;
  }
  return true;
}

// ---- Numbers -----------------------------------------------------------------------------------------------

// Bins stay below 2^31: |z| <= 2^20 under steps of at least 1, or <= 720 under steps of at least 2^-6.
inline void lanes(double z, const U64* g, const double* inverse, const double* offset, std::int64_t count,
                  U64* __restrict scratch, std::uint16_t* __restrict out) {
  for (std::int64_t i = 0; i < count; ++i) {
    const double bin = std::floor(z * inverse[i] + offset[i]);
    scratch[i] = static_cast<U64>(static_cast<std::int64_t>(static_cast<std::int32_t>(bin)));
  }
  for (std::int64_t i = 0; i < count; ++i) scratch[i] = mix(g[i] ^ mix(scratch[i]));
  for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<std::uint16_t>(scratch[i]);
}

// ---- Results -----------------------------------------------------------------------------------------------

inline std::int64_t squares(const std::int32_t* acc, std::int64_t d) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < d; ++i) sum += static_cast<std::int64_t>(acc[i]) * acc[i];
  return sum;
}

// The product with the reciprocal is within 3 units of the last place of the quotient. Unless it lies that near the
// middle between two float32 numbers both round alike; the rare block that has such a one is divided.
inline void divided(const std::int32_t* acc, double norm, std::int64_t d, float* __restrict out) {
  const double reciprocal = 1 / norm;
  for (std::int64_t j = 0; j < d; j += 64) {
#if defined(__AVX512F__)
    const __m512d factor = _mm512_set1_pd(reciprocal);
    const __m512i tail = _mm512_set1_epi64(0x1FFFFFFF), first = _mm512_set1_epi64(0x0FFFFFFC);
    unsigned near = 0;
    for (std::int64_t i = j; i < j + 64; i += 8) {
      const __m512d q = _mm512_mul_pd(
          _mm512_maskz_cvtepi32_pd(0xFF, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(acc + i))), factor);
      const __m512i past = _mm512_sub_epi64(_mm512_and_si512(_mm512_castpd_si512(q), tail), first);
      near |= _mm512_cmple_epu64_mask(past, _mm512_set1_epi64(8));
      _mm256_storeu_ps(out + i, _mm512_maskz_cvtpd_ps(0xFF, q));
    }
#else
    U64 near = 0;
    for (std::int64_t i = j; i < j + 64; ++i) {
      const double q = acc[i] * reciprocal;
      U64 bits;
      std::memcpy(&bits, &q, 8);
      near |= static_cast<U64>(((bits & 0x1FFFFFFFu) - 0x0FFFFFFCu) <= 8);
      out[i] = static_cast<float>(q);
    }
#endif
    if (near)
      for (std::int64_t i = j; i < j + 64; ++i) out[i] = static_cast<float>(acc[i] / norm);
  }
}

inline void packed(const std::int32_t* acc, const U64* tie, std::int64_t words, U64* out) {
  for (std::int64_t j = 0; j < words; ++j) {
    U64 above = 0, zero = 0;
#if defined(__AVX512F__)
    for (int k = 0; k < 4; ++k) {
      const __m512i v = _mm512_loadu_si512(acc + 64 * j + 16 * k);
      above |= static_cast<U64>(_mm512_cmpgt_epi32_mask(v, _mm512_setzero_si512())) << (16 * k);
      zero |= static_cast<U64>(_mm512_testn_epi32_mask(v, v)) << (16 * k);
    }
#else
    for (int i = 0; i < 64; ++i) {
      above |= static_cast<U64>(acc[64 * j + i] > 0) << i;
      zero |= static_cast<U64>(acc[64 * j + i] == 0) << i;
    }
#endif
    out[j] = above | (zero & ~tie[j]);
  }
}

template <int N>
constexpr VsaKernels make_kernels() {
  return {rotated_code<N>, rotated_atom<N>, count_codes<N>, count_atoms<N>, signed_rotation, add16_under,
          add16,           add32,           spill<true>,    spill<false>,   add_frame,      hash_threes,     distinct,
          lanes,           squares,         divided,        packed};
}

}  // namespace vsa_loops
}  // namespace
}  // namespace signwise
