#include <immintrin.h>

#include "signwise/binary_kernels.hpp"

namespace signwise {
namespace {

struct Simd {
  using F = __m256;
  typedef std::int32_t I __attribute__((vector_size(32)));
  static constexpr int lanes = 8;
  static constexpr bool wide = false;
  static constexpr int bit_pixels = 4, float_pixels = 6;

  static __m256i i(I x) { return reinterpret_cast<__m256i>(x); }
  static I i(__m256i x) { return reinterpret_cast<I>(x); }

  static F load_f(const float* p) { return _mm256_loadu_ps(p); }
  static void store_f(float* p, F v) { _mm256_storeu_ps(p, v); }
  static I load_i(const void* p) { return i(_mm256_loadu_si256(static_cast<const __m256i*>(p))); }
  static void store_i(i32* p, I v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), i(v)); }
  static F splat_f(float x) { return _mm256_set1_ps(x); }
  static I splat_i(i32 x) { return i(_mm256_set1_epi32(x)); }
  static F to_float(I x) { return _mm256_cvtepi32_ps(i(x)); }
  static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  // The instructions give their second operand where one is NaN.
  static F at_least(F lo, F v) { return _mm256_max_ps(lo, v); }
  static F at_most(F hi, F v) { return _mm256_min_ps(hi, v); }
  static F positive_or(F v, F w) {
    return _mm256_blendv_ps(w, v, _mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_GT_OQ));
  }
  static u32 mask_nonnegative(F v) {
    return static_cast<u32>(_mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_GE_OQ)));
  }
  static u32 mask_ge(I s, I t) {
    return static_cast<u32>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(i(t), i(s))))) ^ 0xffu;
  }

  using Bytes = __m256i;
  using Four = __m256i;  // four bytes widened to 16 bits, repeated
  static Bytes load_bytes(const std::int8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static Four splat_four(const std::uint8_t* p) {
    i32 four;
    std::memcpy(&four, p, 4);
    return _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
  }
  static I dot_four(I s, Four x, Bytes w) {
    const __m256i low = _mm256_madd_epi16(x, _mm256_cvtepi8_epi16(_mm256_castsi256_si128(w)));
    const __m256i high = _mm256_madd_epi16(x, _mm256_cvtepi8_epi16(_mm256_extracti128_si256(w, 1)));
    return s + i(_mm256_permute4x64_epi64(_mm256_hadd_epi32(low, high), 0xd8));
  }

  static I count_bytes(I x) {
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                           0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i low = _mm256_and_si256(i(x), nibble);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(i(x), 4), nibble);
    return i(_mm256_add_epi8(_mm256_shuffle_epi8(table, low), _mm256_shuffle_epi8(table, high)));
  }
  static I add_bytes(I a, I b) { return i(_mm256_add_epi8(i(a), i(b))); }
  static I sum_bytes(I x) {
    return i(_mm256_madd_epi16(_mm256_maddubs_epi16(i(x), _mm256_set1_epi8(1)), _mm256_set1_epi16(1)));
  }
  template <int P, int V>
  static void count_bits(const BitConv& c, const Place* places, const u32* weights, i64 stride, I (&counts)[P][2 * V]) {
    static_assert(V == 1, "tiles span one vector");
    count_by_bytes<Simd, P>(c, places, weights, stride, counts);
  }
};

}  // namespace

const BinaryTier binary_avx2 = make_binary_tier<Simd>();

}  // namespace signwise
