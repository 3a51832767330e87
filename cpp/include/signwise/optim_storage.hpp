// How parameters, gradients and momentum are stored: float32, float64, bfloat16, and int8 in scaled blocks. Included
// by optim_generic.hpp inside the namespace of one instruction tier.

struct Rounding {
  bool stochastic;
  u32 key;  // mix(step ^ mix(seed))
};

inline u32 noise_of(u32 index, u32 key) { return optim_mix(index ^ key) & 0xffffu; }

template <class T>
bool is_stored(OptimType type) {
  return type == (sizeof(T) == 4 ? OptimType::f32 : OptimType::f64);
}

inline void load_bf16(const std::uint16_t* SIGNWISE_RESTRICT from, float* SIGNWISE_RESTRICT to, i64 n) {
  for (i64 i = 0; i < n; ++i) to[i] = bits_to<float>(u32(from[i]) << 16);
}

inline void load_i8(const std::int8_t* SIGNWISE_RESTRICT from, float scale, float* SIGNWISE_RESTRICT to, i64 n) {
  for (i64 i = 0; i < n; ++i) to[i] = float(from[i]) * scale;
}

// Stochastic: adds 16 hash bits below the kept ones and truncates. Else to nearest, ties to even. Infinity cannot
// carry; NaN is left alone, and stays NaN without its low bits, since what arithmetic gives is a quiet NaN.
template <bool Stochastic>
inline std::uint16_t to_bf16(float value, u32 index, u32 key) {
  const u32 bits = bits_of(value), size = bits & 0x7fffffffu;
  const u32 noise = Stochastic ? noise_of(index, key) : 0x7fffu + ((bits >> 16) & 1u);
  return std::uint16_t((bits + (size <= 0x7f800000u ? noise : 0u)) >> 16);
}

template <bool Stochastic>
void store_bf16(const float* SIGNWISE_RESTRICT from, std::uint16_t* SIGNWISE_RESTRICT to, u32 index, i64 n, u32 key) {
  // A 32-bit counter, so that the hash of a vector needs no 64-bit indices.
  for (std::int32_t i = 0, end = std::int32_t(n); i < end; ++i) to[i] = to_bf16<Stochastic>(from[i], index + u32(i), key);
}

// The largest pattern of |m|: patterns of sizes order like the sizes, infinity and NaN above.
inline u32 top_pattern(const float* SIGNWISE_RESTRICT m, i64 n) {
  u32 top = 0;
  for (i64 i = 0; i < n; ++i) {
    const u32 size = bits_of(m[i]) & 0x7fffffffu;
    top = size > top ? size : top;
  }
  return top;
}

// The codes of the first n - n % 16 values; returns how many these are.
#if SIGNWISE_OPTIM_LANES == 8 && defined(__AVX512F__)
template <bool Stochastic>
inline i64 codes_i8(const float* SIGNWISE_RESTRICT from, std::int8_t* SIGNWISE_RESTRICT to, float unit, u32 index, i64 n,
                    u32 key) {
  constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC, down = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
  const __m512i all = _mm512_set1_epi32(-1), low = _mm512_set1_epi32(0xffff), least = _mm512_set1_epi32(-127);
  const __m512i first = _mm512_set1_epi32(0x7feb352d), second = _mm512_set1_epi32(int(0x846ca68bu));
  const __m512i keys = _mm512_set1_epi32(int(key)), sixteen = _mm512_set1_epi32(16);
  const __m512 units = _mm512_set1_ps(unit), fraction = _mm512_set1_ps(0x1p-16f);
  __m512i counter = _mm512_add_epi32(_mm512_set1_epi32(int(index)),
                                     _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  const i64 full = n - n % 16;
  for (i64 i = 0; i < full; i += 16) {
    const __m512 ratio = _mm512_div_ps(_mm512_loadu_ps(from + i), units);
    __m512i code;
    if constexpr (Stochastic) {
      // optim_mix, of which only the low 16 bits are wanted.
      __m512i h = _mm512_xor_si512(counter, keys);
      h = _mm512_xor_si512(h, _mm512_maskz_srli_epi32(0xffff, h, 16));
      h = _mm512_mullo_epi32(h, first);
      h = _mm512_xor_si512(h, _mm512_maskz_srli_epi32(0xffff, h, 15));
      h = _mm512_mullo_epi32(h, second);
      h = _mm512_ternarylogic_epi32(h, _mm512_maskz_srli_epi32(0xffff, h, 16), low, 0x28);  // (a ^ b) & c
      counter = _mm512_add_epi32(counter, sixteen);
      // The product is exact, so that this rounds as a sum does.
      const __m512 moved = _mm512_fmadd_ps(_mm512_maskz_cvtepi32_ps(0xffff, h), fraction, ratio);
      code = _mm512_maskz_cvt_roundps_epi32(0xffff, moved, down);
    } else {
      code = _mm512_maskz_cvt_roundps_epi32(0xffff, ratio, nearest);
    }
    // The upper end is where the narrowing saturates.
    code = _mm512_mask_max_epi32(all, 0xffff, code, least);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), _mm512_maskz_cvtsepi32_epi8(0xffff, code));
  }
  return full;
}
#else
template <bool Stochastic>
inline i64 codes_i8(const float*, std::int8_t*, float, u32, i64, u32) {
  return 0;
}
#endif

// scale = max|m| / 127 and codes m / scale, rounded down after adding 16 hash bits as a fraction, or to nearest, ties
// to even. A block with a NaN or infinity stores zeros with that scale, which read as NaN.
template <bool Stochastic>
void store_i8(const float* SIGNWISE_RESTRICT from, std::int8_t* SIGNWISE_RESTRICT to, float* scale_to, u32 top,
              u32 index, i64 n, u32 key) {
  const float scale = bits_to<float>(top) / 127.0f;
  *scale_to = scale;
  if (top >= 0x7f800000u) {
    std::memset(to, 0, n);
    return;
  }
  const float unit = scale > 0 ? scale : 1.0f;
  const i64 done = codes_i8<Stochastic>(from, to, unit, index, n, key);
  for (std::int32_t i = std::int32_t(done), end = std::int32_t(n); i < end; ++i) {
    const float ratio = from[i] / unit;
    const std::int32_t noise = Stochastic ? std::int32_t(noise_of(index + u32(i), key)) : 0;
    const float code = Stochastic ? __builtin_floorf(ratio + float(noise) * 0x1p-16f) : __builtin_rintf(ratio);
    to[i] = std::int8_t(std::int32_t(code > 127.0f ? 127.0f : code < -127.0f ? -127.0f : code));
  }
}

// The values [i, i + n): in place where they are stored as T, else converted into `buffer`.
inline double* load(OptimType, void* values, i64 i, i64, const float*, double*) {
  return static_cast<double*>(values) + i;
}
inline float* load(OptimType type, void* values, i64 i, i64 n, const float* scale, float* buffer) {
  if (type == OptimType::f32) return static_cast<float*>(values) + i;
  if (type == OptimType::bf16)
    load_bf16(static_cast<const std::uint16_t*>(values) + i, buffer, n);
  else
    load_i8(static_cast<const std::int8_t*>(values) + i, scale[i / momentum_block], buffer, n);
  return buffer;
}

inline void store(OptimType, void*, i64, i64, float*, const double*, Rounding) {}
inline void store(OptimType type, void* values, i64 i, i64 n, float* scale, const float* from, Rounding rounding) {
  const auto bf16 = rounding.stochastic ? store_bf16<true> : store_bf16<false>;
  const auto i8 = rounding.stochastic ? store_i8<true> : store_i8<false>;
  if (type == OptimType::bf16)
    bf16(from, static_cast<std::uint16_t*>(values) + i, u32(i), n, rounding.key);
  else if (type == OptimType::i8)
    i8(from, static_cast<std::int8_t*>(values) + i, scale + i / momentum_block, top_pattern(from, n), u32(i), n,
       rounding.key);
}
