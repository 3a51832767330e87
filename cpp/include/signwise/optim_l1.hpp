// The step of Lion itself (L1, plain) in one pass over any storage, or with certificate sums. These loops are short
// enough to run near the speed of memory; everything else goes through step_values and blocks. Included by
// optim_generic.hpp inside the namespace of one instruction tier.

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

// How many gradients in [begin, end) are not finite, given the largest pattern of their sizes: nearly always none, and
// a maximum costs less than a count.
inline i64 count_if_any(u32 top, const OptimPiece& piece, i64 begin, i64 end) {
  return top < 0x7f800000u ? 0 : count_nonfinite(piece.tensor->x_type, piece.gradient, begin, end);
}

// sign(c) times the factor of K.
inline float scaled_sign(float c, float scale) { return c > 0 ? scale : c < 0 ? -scale : 0.0f; }

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
    u32 top = 0, top_g = 0;
    for (std::int32_t i = 0; i < n; ++i) {
      const float gi = g[i], mi = float(q[i]) * unit;
      top_g = larger(bits_of(gi) & 0x7fffffffu, top_g);
      x[i] = fma_of(scaled_sign(fma_of(gi, a1, mi * s.b1), s.scale), s.minus_lr, x[i] * s.keep);
      const float next = fma_of(gi, a2, mi * s.b2);
      m[i] = next;
      top = larger(bits_of(next) & 0x7fffffffu, top);
    }
    bad += count_if_any(top_g, piece, begin, begin + n);
    store_i8<Stochastic>(m, q, scale, top, u32(begin), n, piece.m_key);
  }
  return bad;
}

// Eight floats, and the same as doubles in as many registers as the tier needs.
typedef float Octet __attribute__((vector_size(32)));
typedef std::int32_t OctetBits __attribute__((vector_size(32)));
struct Wide {
  Doubles part[parts];
};

inline Octet fma_of(Octet a, Octet b, Octet c) {
#ifdef __FMA__
  return (Octet)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  for (int k = 0; k < lanes; ++k) c[k] = __builtin_fmaf(a[k], b[k], c[k]);
  return c;
#endif
}
inline Wide widen(Octet x) {
  Wide y;
#if SIGNWISE_OPTIM_LANES == 8 && defined(__AVX512F__)
  y.part[0] = (Doubles)_mm512_maskz_cvtps_pd(0xff, (__m256)x);
#elif SIGNWISE_OPTIM_LANES == 4 && defined(__AVX2__)
  y.part[0] = (Doubles)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)x));
  y.part[1] = (Doubles)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)x, 1));
#else
  for (int k = 0; k < lanes; ++k) y.part[k / SIGNWISE_OPTIM_LANES][k % SIGNWISE_OPTIM_LANES] = x[k];
#endif
  return y;
}
inline Octet abs_of(Octet x) { return (Octet)((OctetBits)x & 0x7fffffff); }
inline void add_size_to(Wide& sum, const Wide& x) {
#pragma GCC unroll 4
  for (int p = 0; p < parts; ++p) sum.part[p] += abs_of(x.part[p]);
}
inline void add_product_to(Wide& sum, const Wide& x, const Wide& y) {
#pragma GCC unroll 4
  for (int p = 0; p < parts; ++p) sum.part[p] = fma_of(x.part[p], y.part[p], sum.part[p]);
}

// The step and its sums, eight elements at a time; the tail is filled with zeros, which add nothing to any sum of L1.
// In them u = -sign(c) and w = 0; the distance is 0 while the largest |x| is within 1/lambda.
template <bool All>
i64 step_l1_sums(const OptimPiece& piece, const OptimOptions& o, double* sums) {
  const Scalars<float> s(o, 1.0);
  const Octet zero{};
  const Octet a1 = zero + s.sign * s.a1, b1 = zero + s.b1, a2 = zero + s.sign * s.a2, b2 = zero + s.b2;
  const Octet keep = zero + s.keep, minus_lr = zero + s.minus_lr, up = zero + s.scale, down = -up;
  Wide k_g{}, x_g{}, k_m{}, x_m{}, k_m1{}, x_m1{}, k_c{}, x1_c{}, delta{}, step{};
  OctetBits top_before{}, top_all{};
  i64 bad = 0;
  double distance[lanes] = {};

  const auto octet = [&](float* xs, const float* gs, float* ms, OctetBits& top, OctetBits& top_g) {
    Octet x, g, m;
    std::memcpy(&x, xs, sizeof x);
    std::memcpy(&g, gs, sizeof g);
    std::memcpy(&m, ms, sizeof m);
    const Octet c = fma_of(g, a1, m * b1);
    const Octet v = c > zero ? up : (c < zero ? down : zero);
    const Octet x1 = fma_of(v, minus_lr, x * keep), m1 = fma_of(g, a2, m * b2);
    std::memcpy(xs, &x1, sizeof x);
    std::memcpy(ms, &m1, sizeof m);
    const OctetBits before = (OctetBits)abs_of(x), after = (OctetBits)abs_of(x1), size = (OctetBits)abs_of(g);
    top_g = size > top_g ? size : top_g;
    top_before = before > top_before ? before : top_before;
    top = after > top ? after : top;
    const Wide wide_x = widen(x), wide_g = widen(g);
    add_size_to(k_g, wide_g);
    add_product_to(x_g, wide_x, wide_g);
    if constexpr (All) {
      const Wide wide_x1 = widen(x1), wide_m1 = widen(m1), wide_c = widen(c);
      const Wide wide_m = widen(m);
      add_size_to(k_m, wide_m);
      add_product_to(x_m, wide_x, wide_m);
      add_product_to(x_m1, wide_x1, wide_m1);
      add_product_to(x1_c, wide_x1, wide_c);
#pragma GCC unroll 4
      for (int p = 0; p < parts; ++p) {
        const Doubles m_size = abs_of(wide_m1.part[p]), c_size = abs_of(wide_c.part[p]);
        k_m1.part[p] += m_size;
        k_c.part[p] += c_size;
        // (m1 - c)(sign m1 - sign c)
        const Doubles product = wide_m1.part[p] * wide_c.part[p];
        const Doubles factor = product < 0 ? all<Doubles>(2) : (product > 0 ? Doubles{} : all<Doubles>(1));
        delta.part[p] = fma_of(factor, m_size + c_size, delta.part[p]);
        const Doubles moved = wide_x1.part[p] - wide_x.part[p];
        step.part[p] = fma_of(moved, moved, step.part[p]);
      }
    }
  };

  for (i64 begin = piece.begin; begin < piece.end; begin += momentum_block) {
    const i64 n = std::min(momentum_block, piece.end - begin);
    float* x = static_cast<float*>(piece.tensor->x) + begin;
    const float* g = static_cast<const float*>(piece.gradient) + begin;
    float* m = static_cast<float*>(piece.tensor->m) + begin;
    OctetBits top{}, top_g{};
    const i64 full = n - n % lanes;
    for (i64 i = 0; i < full; i += lanes) octet(x + i, g + i, m + i, top, top_g);
    if (full < n) {
      float tail[3][lanes] = {};
      const std::size_t bytes = (n - full) * sizeof(float);
      std::memcpy(tail[0], x + full, bytes);
      std::memcpy(tail[1], g + full, bytes);
      std::memcpy(tail[2], m + full, bytes);
      octet(tail[0], tail[1], tail[2], top, top_g);
      std::memcpy(x + full, tail[0], bytes);
      std::memcpy(m + full, tail[2], bytes);
    }
    top_all = top > top_all ? top : top_all;
    std::int32_t largest = 0, largest_g = 0;
    for (int k = 0; k < lanes; ++k) {
      largest = std::max(largest, top[k]);
      largest_g = std::max(largest_g, top_g[k]);
    }
    bad += count_if_any(u32(largest_g), piece, begin, begin + n);
    if (!(s.lambda * double(bits_to<float>(largest)) <= 1))
      for (i64 i = 0; i < n; ++i) {
        const double outside = s.lambda * std::fabs(double(x[i])) - 1;
        distance[i % lanes] += outside > 0 ? outside * outside : 0.0;
      }
  }

  const auto total = [](const Wide& sum) {
    double lane[lanes];
    std::memcpy(lane, sum.part, sizeof lane);
    return sum_lanes(lane);
  };
  sums[sum_k_gradient] = total(k_g);
  sums[sum_x_gradient] = s.sign * total(x_g);
  sums[sum_distance_squared] = sum_lanes(distance);
  if constexpr (All) {
    sums[sum_k_momentum_before] = total(k_m);
    sums[sum_x_momentum_before] = total(x_m);
    sums[sum_k_momentum_after] = total(k_m1);
    sums[sum_x_momentum_after] = total(x_m1);
    sums[sum_delta_weights] = total(k_c) + s.lambda * total(x1_c);
    sums[sum_delta_momentum] = total(delta);
    sums[sum_step_squared] = total(step);
  }
  for (int k = 0; k < lanes; ++k) {
    sums[max_gauge_before] = std::max(sums[max_gauge_before], s.lambda * bits_to<float>(top_before[k]));
    sums[max_gauge_after] = std::max(sums[max_gauge_after], s.lambda * bits_to<float>(top_all[k]));
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

inline StepL1 choose_l1(const OptimTensor& t, const OptimOptions& o, bool sums) {
  if (o.kappa != Kappa::l1 || o.cautious_mask || o.cautious_decay) return nullptr;
  if (!sums) return o.stochastic ? choose_plain<true>(t.x_type, t.m_type) : choose_plain<false>(t.x_type, t.m_type);
  if (t.x_type != OptimType::f32 || t.m_type != OptimType::f32) return nullptr;
  return o.all_sums ? step_l1_sums<true> : step_l1_sums<false>;
}
