// The step of Lion itself (L1, plain) in one pass over any storage. These loops are short enough to run near the speed
// of memory; everything else goes through step_values and blocks. Included by optim_generic.hpp inside the namespace of
// one instruction tier.

i64 count_nonfinite(OptimType type, const void* g, i64 begin, i64 end);

using StepL1 = i64 (*)(const OptimPiece&, const OptimOptions&, double*);

struct F32 {
  using Stored = float;
  static float read(float x) { return x; }
  template <bool Stochastic>
  static float write(float x, u32, u32) {
    return x;
  }
};
struct Bf16 {
  using Stored = std::uint16_t;
  static float read(std::uint16_t x) { return bits_to<float>(u32(x) << 16); }
  template <bool Stochastic>
  static std::uint16_t write(float x, u32 index, u32 key) {
    return to_bf16<Stochastic>(x, index, key);
  }
};

inline u32 larger(u32 a, u32 b) { return a > b ? a : b; }

// How many gradients in [begin, end) are not finite, given the largest pattern of their sizes, or of what is not finite
// if they are not: nearly always none, and a maximum costs less than a count.
inline i64 count_if_any(u32 top, const OptimPiece& piece, i64 begin, i64 end) {
  return top < 0x7f800000u ? 0 : count_nonfinite(piece.tensor->x_type, piece.gradient, begin, end);
}

// sign(c) times the factor of K, which is positive: with the sign bit of c, unless c is 0 or NaN.
inline float scaled_sign(float c, float scale) {
  const float signed_scale = bits_to<float>((bits_of(c) & 0x80000000u) | bits_of(scale));
  return __builtin_islessgreater(c, 0.0f) ? signed_scale : 0.0f;
}

template <class X, class M, bool Stochastic>
i64 step_l1_plain(const OptimPiece& piece, const OptimOptions& o, double*) {
  const Scalars<float> s(o, 1.0);
  auto* SIGNWISE_RESTRICT x = static_cast<typename X::Stored*>(piece.tensor->x) + piece.begin;
  auto* SIGNWISE_RESTRICT m = static_cast<typename M::Stored*>(piece.tensor->m) + piece.begin;
  const auto* SIGNWISE_RESTRICT g = static_cast<const typename X::Stored*>(piece.gradient) + piece.begin;
  const u32 first = u32(piece.begin), x_key = piece.x_key, m_key = piece.m_key;
  const float a1 = s.sign * s.a1, a2 = s.sign * s.a2;
  u32 top = 0;
  for (std::int32_t i = 0, end = std::int32_t(piece.end - piece.begin); i < end; ++i) {
    const float gi = X::read(g[i]), mi = M::read(m[i]);
    top = larger(bits_of(gi) & 0x7fffffffu, top);
    const float v = scaled_sign(fma_of(gi, a1, mi * s.b1), s.scale);
    const float next = fma_of(v, s.minus_lr, X::read(x[i]) * s.keep);
    x[i] = X::template write<Stochastic>(next, first + u32(i), x_key);
    m[i] = M::template write<Stochastic>(fma_of(gi, a2, mi * s.b2), first + u32(i), m_key);
  }
  return count_if_any(top, piece, piece.begin, piece.end);
}

template <bool Stochastic>
i64 step_l1_i8(const OptimPiece& piece, const OptimOptions& o, double*) {
  const Scalars<float> s(o, 1.0);
  const float a1 = s.sign * s.a1, a2 = s.sign * s.a2;
  alignas(64) float buffer[momentum_block];
  i64 bad = 0;
  for (i64 begin = piece.begin; begin < piece.end; begin += momentum_block) {
    const std::int32_t n = std::int32_t(std::min(momentum_block, piece.end - begin));
    float* SIGNWISE_RESTRICT x = static_cast<float*>(piece.tensor->x) + begin;
    const float* SIGNWISE_RESTRICT g = static_cast<const float*>(piece.gradient) + begin;
    std::int8_t* SIGNWISE_RESTRICT q = static_cast<std::int8_t*>(piece.tensor->m) + begin;
    float* SIGNWISE_RESTRICT m = buffer;
    float* scale = piece.tensor->scale + begin / momentum_block;
    const float unit = *scale;
    u32 top = 0;
    for (std::int32_t i = 0; i < n; ++i) {
      const float gi = g[i], mi = float(q[i]) * unit;
      x[i] = fma_of(scaled_sign(fma_of(gi, a1, mi * s.b1), s.scale), s.minus_lr, x[i] * s.keep);
      const float next = fma_of(gi, a2, mi * s.b2);
      m[i] = next;
      top = larger(bits_of(next) & 0x7fffffffu, top);
    }
    // A gradient that is not finite makes its momentum so.
    bad += count_if_any(top, piece, begin, begin + n);
    store_i8<Stochastic>(m, q, scale, top, u32(begin), n, piece.m_key);
  }
  return bad;
}

template <bool Stochastic>
StepL1 choose_plain(OptimType x, OptimType m) {
  if (x == OptimType::bf16 && m == OptimType::bf16) return step_l1_plain<Bf16, Bf16, Stochastic>;
  if (x == OptimType::bf16 && m == OptimType::f32) return step_l1_plain<Bf16, F32, Stochastic>;
  if (x == OptimType::f32 && m == OptimType::bf16) return step_l1_plain<F32, Bf16, Stochastic>;
  if (x == OptimType::f32 && m == OptimType::f32) return step_l1_plain<F32, F32, Stochastic>;
  if (x == OptimType::f32 && m == OptimType::i8) return step_l1_i8<Stochastic>;
  return nullptr;
}
