// How parameters, gradients and momentum are stored: float32, float64, bfloat16, and int8 in scaled blocks. Included
// by optim_generic.hpp inside the namespace of one instruction tier.

struct Rounding {
  bool stochastic;
  u32 key;    // mix(step ^ mix(seed))
  int shift;  // which 16 bits of mix(index ^ key): the weights take the high ones, the momentum the low ones
};

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

// Stochastic: adds 16 hash bits below the kept ones and truncates. Else to nearest, ties to even. NaN stays NaN and
// infinity stays infinite either way.
inline void store_bf16(const float* SIGNWISE_RESTRICT from, std::uint16_t* SIGNWISE_RESTRICT to, u32 index, i64 n,
                       Rounding rounding) {
  if (rounding.stochastic) {
    for (i64 i = 0; i < n; ++i) {
      const u32 bits = bits_of(from[i]), size = bits & 0x7fffffffu;
      const u32 noise = (optim_mix((index + u32(i)) ^ rounding.key) >> rounding.shift) & 0xffffu;
      const u32 rounded = bits + (size < 0x7f800000u ? noise : 0u);
      to[i] = std::uint16_t((rounded >> 16) | (size > 0x7f800000u ? 0x40u : 0u));
    }
  } else {
    for (i64 i = 0; i < n; ++i) {
      const u32 bits = bits_of(from[i]), size = bits & 0x7fffffffu;
      const u32 rounded = bits + (size < 0x7f800000u ? 0x7fffu + ((bits >> 16) & 1u) : 0u);
      to[i] = std::uint16_t((rounded >> 16) | (size > 0x7f800000u ? 0x40u : 0u));
    }
  }
}

// scale = max|m| / 127 and codes m / scale, rounded down after adding 16 hash bits as a fraction, or to nearest, ties
// to even. A block whose scale rounds to 0 stores zeros; one with a NaN or infinity stores a NaN scale.
inline void store_i8(const float* SIGNWISE_RESTRICT from, std::int8_t* SIGNWISE_RESTRICT to, float* scale_to, u32 index,
                     i64 n, Rounding rounding) {
  u32 top = 0;  // patterns of non-negative floats order like the floats, infinity and NaN above
  for (i64 i = 0; i < n; ++i) {
    const u32 size = bits_of(from[i]) & 0x7fffffffu;
    top = size > top ? size : top;
  }
  const float scale = top < 0x7f800000u ? bits_to<float>(top) / 127.0f : NAN;
  *scale_to = scale;
  if (!(scale > 0)) {
    std::memset(to, 0, n);
    return;
  }
  if (rounding.stochastic) {
    for (i64 i = 0; i < n; ++i) {
      const u32 noise = (optim_mix((index + u32(i)) ^ rounding.key) >> rounding.shift) & 0xffffu;
      const float code = __builtin_floorf(from[i] / scale + float(std::int32_t(noise)) * 0x1p-16f);
      to[i] = std::int8_t(std::int32_t(code > 127.0f ? 127.0f : code < -127.0f ? -127.0f : code));
    }
  } else {
    for (i64 i = 0; i < n; ++i) {
      const float code = __builtin_rintf(from[i] / scale);
      to[i] = std::int8_t(std::int32_t(code > 127.0f ? 127.0f : code < -127.0f ? -127.0f : code));
    }
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
  if (type == OptimType::bf16)
    store_bf16(from, static_cast<std::uint16_t*>(values) + i, u32(i), n, rounding);
  else if (type == OptimType::i8)
    store_i8(from, static_cast<std::int8_t*>(values) + i, scale + i / momentum_block, u32(i), n, rounding);
}
