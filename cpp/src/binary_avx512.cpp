// gcc 12 warns about the deliberately undefined operands inside its own AVX-512 header (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "signwise/binary_kernels.hpp"

namespace signwise {
namespace {

struct Simd {
  using F = __m512;
  typedef std::int32_t I __attribute__((vector_size(64)));
  static constexpr int lanes = 16;
  static constexpr bool wide = true;
  static constexpr int bit_pixels = 4, float_pixels = 6;

  static __m512i i(I x) { return reinterpret_cast<__m512i>(x); }
  static I i(__m512i x) { return reinterpret_cast<I>(x); }

  static F load_f(const float* p) { return _mm512_loadu_ps(p); }
  static void store_f(float* p, F v) { _mm512_storeu_ps(p, v); }
  static I load_i(const void* p) { return i(_mm512_loadu_si512(p)); }
  static void store_i(i32* p, I v) { _mm512_storeu_si512(p, i(v)); }
  static F splat_f(float x) { return _mm512_set1_ps(x); }
  static I splat_i(i32 x) { return i(_mm512_set1_epi32(x)); }
  static F to_float(I x) { return _mm512_cvtepi32_ps(i(x)); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  // The instructions give their second operand where one is NaN.
  static F at_least(F lo, F v) { return _mm512_max_ps(lo, v); }
  static F at_most(F hi, F v) { return _mm512_min_ps(hi, v); }
  static F positive_or(F v, F w) {
    return _mm512_mask_mov_ps(w, _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_GT_OQ), v);
  }
  static u32 mask_nonnegative(F v) { return _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_GE_OQ); }
  static u32 mask_ge(I s, I t) { return _mm512_cmpge_epi32_mask(i(s), i(t)); }

  using Bytes = __m512i;
  using Four = __m512i;
  static Bytes load_bytes(const std::int8_t* p) { return _mm512_loadu_si512(p); }
  static Four splat_four(const std::uint8_t* p) {
    i32 four;
    std::memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
  }
  static I dot_four(I s, Four x, Bytes w) { return i(_mm512_dpbusd_epi32(i(s), x, w)); }

  // Three instructions a word and vector: the adder that halves the counts on other tiers costs more than it saves.
  template <int P, int V>
  static void count_bits(const BitConv& c, const Place* places, const u32* weights, i64 stride, I (&counts)[P][V]) {
    __m512i sums[P][V];
    SIGNWISE_UNROLL
    for (int p = 0; p < P; ++p) {
      SIGNWISE_UNROLL
      for (int v = 0; v < V; ++v) sums[p][v] = _mm512_setzero_si512();
    }
    const u32* inputs[P];
    for (int segment = 0; segment < c.window.segment_count; ++segment) {
      SIGNWISE_UNROLL
      for (int p = 0; p < P; ++p) inputs[p] = static_cast<const u32*>(places[p].input) + c.window.segments[segment];
      for (i64 k = 0; k < c.window.segment_length; ++k, weights += stride) {
        __m512i w[V];
        SIGNWISE_UNROLL
        for (int v = 0; v < V; ++v) w[v] = _mm512_loadu_si512(weights + v * lanes);
        SIGNWISE_UNROLL
        for (int p = 0; p < P; ++p) {
          const __m512i x = _mm512_set1_epi32(static_cast<i32>(inputs[p][k]));
          SIGNWISE_UNROLL
          for (int v = 0; v < V; ++v)
            sums[p][v] = _mm512_add_epi32(sums[p][v], _mm512_popcnt_epi32(_mm512_xor_si512(x, w[v])));
        }
      }
    }
    SIGNWISE_UNROLL
    for (int p = 0; p < P; ++p) {
      SIGNWISE_UNROLL
      for (int v = 0; v < V; ++v) counts[p][v] = i(sums[p][v]);
    }
  }
};

}  // namespace

const BinaryTier binary_avx512 = make_binary_tier<Simd>();

}  // namespace signwise
