// The step of Lion itself (L1, plain, float32) with its certificate sums in the same pass. The loop is bound by
// arithmetic where the plain one is bound by memory, so it is written in whole registers. Included by optim_generic.hpp
// inside the namespace of one instruction tier.

// The floats of one register, and eight of them as doubles in as many registers as the tier needs.
#if SIGNWISE_OPTIM_LANES == 8 && defined(__AVX512F__)
constexpr int pack = 16;
#else
constexpr int pack = 8;
#endif
typedef float Pack __attribute__((vector_size(4 * pack)));
typedef std::int32_t PackBits __attribute__((vector_size(4 * pack)));
constexpr int octets = pack / lanes;
struct Wide {
  Doubles part[parts];
};

inline Pack abs_of(Pack x) { return (Pack)((PackBits)x & 0x7fffffff); }
#if SIGNWISE_OPTIM_LANES == 8 && defined(__AVX512F__)
// Masks of sixteen elements. The unmasked forms of some intrinsics make gcc 12 warn of their own undefined registers.
using Mask = __mmask16;
inline Pack fma_of(Pack a, Pack b, Pack c) { return (Pack)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
inline PackBits larger(PackBits a, PackBits b) { return (PackBits)_mm512_maskz_max_epi32(0xffff, (__m512i)a, (__m512i)b); }
// Neither 0 nor NaN.
inline Mask nonzero(Pack x) { return _mm512_cmp_ps_mask((__m512)x, _mm512_setzero_ps(), _CMP_NEQ_OQ); }
inline Mask signs_differ(Pack a, Pack b) { return _mm512_movepi32_mask((__m512i)((PackBits)a ^ (PackBits)b)); }
// By instructions on masks; operators would move them to general registers.
inline Mask both_of(Mask a, Mask b) { return _kand_mask16(a, b); }
inline Mask one_of(Mask a, Mask b) { return _kxor_mask16(a, b); }
inline bool any(Mask mask) { return !_kortestz_mask16_u8(mask, mask); }
inline bool has(Mask mask, int k) { return mask >> k & 1; }
// sign(c) times `size`, which is not negative; `some` is nonzero(c).
inline Pack signed_size(Pack c, Pack size, Mask some) {
  const __m512i sign = _mm512_and_si512((__m512i)c, _mm512_set1_epi32(int(0x80000000u)));
  return (Pack)_mm512_maskz_or_epi32(some, sign, (__m512i)size);
}
// sum + 2 * x where the mask has the octet's elements.
inline void add_twice_where(Wide& sum, const Wide& x, Mask mask, int octet) {
  const __mmask8 half = __mmask8(octet ? _kshiftri_mask16(mask, 8) : mask);
  sum.part[0] = (Doubles)_mm512_mask3_fmadd_pd((__m512d)x.part[0], _mm512_set1_pd(2), (__m512d)sum.part[0], half);
}
#else
using Mask = PackBits;
inline Pack fma_of(Pack a, Pack b, Pack c) {
#ifdef __FMA__
  return (Pack)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  for (int k = 0; k < pack; ++k) c[k] = __builtin_fmaf(a[k], b[k], c[k]);
  return c;
#endif
}
inline PackBits larger(PackBits a, PackBits b) { return a > b ? a : b; }
inline Mask nonzero(Pack x) { return (x > Pack{}) | (x < Pack{}); }
inline Mask signs_differ(Pack a, Pack b) { return ((PackBits)a ^ (PackBits)b) < 0; }
inline Mask both_of(Mask a, Mask b) { return a & b; }
inline Mask one_of(Mask a, Mask b) { return a ^ b; }
inline bool has(Mask mask, int k) { return mask[k] != 0; }
inline bool any(Mask mask) {
  std::int64_t words[pack / 2], all = 0;
  std::memcpy(words, &mask, sizeof mask);
  for (std::int64_t word : words) all |= word;
  return all != 0;
}
inline Pack signed_size(Pack c, Pack size, Mask some) {
  return (Pack)((((PackBits)c & std::int32_t(0x80000000u)) | (PackBits)size) & some);
}
inline void add_twice_where(Wide& sum, const Wide& x, Mask mask, int) {
  Longs wide[parts];
#if SIGNWISE_OPTIM_LANES == 4 && defined(__AVX2__)
  wide[0] = (Longs)_mm256_cvtepi32_epi64(_mm256_castsi256_si128((__m256i)mask));
  wide[1] = (Longs)_mm256_cvtepi32_epi64(_mm256_extracti128_si256((__m256i)mask, 1));
#else
  for (int k = 0; k < lanes; ++k) wide[k / SIGNWISE_OPTIM_LANES][k % SIGNWISE_OPTIM_LANES] = mask[k];
#endif
#pragma GCC unroll 4
  for (int p = 0; p < parts; ++p) {
    const Doubles more = fma_of(x.part[p], all<Doubles>(2), sum.part[p]);
    sum.part[p] = wide[p] ? more : sum.part[p];
  }
}
#endif

// From memory, where a load that widens costs less than to take a register apart.
inline Wide wide(const float* from) {
  Wide y;
#pragma GCC unroll 4
  for (int p = 0; p < parts; ++p) y.part[p] = widen(from + p * SIGNWISE_OPTIM_LANES);
  return y;
}
inline Wide sizes_of(const Wide& x) {
  Wide y;
#pragma GCC unroll 4
  for (int p = 0; p < parts; ++p) y.part[p] = abs_of(x.part[p]);
  return y;
}
inline void add_to(Wide& sum, const Wide& x) {
#pragma GCC unroll 4
  for (int p = 0; p < parts; ++p) sum.part[p] += x.part[p];
}
inline void add_product_to(Wide& sum, const Wide& x, const Wide& y) {
#pragma GCC unroll 4
  for (int p = 0; p < parts; ++p) sum.part[p] = fma_of(x.part[p], y.part[p], sum.part[p]);
}

// Adds |c| + |m| of the elements in the mask to their lanes.
__attribute__((noinline, cold)) void add_lone(double* lane, Pack c, Pack m, Mask mask) {
  for (int k = 0; k < pack; ++k)
    if (has(mask, k)) lane[k % lanes] += std::fabs(double(c[k])) + std::fabs(double(m[k]));
}

// The sum of dist(lambda * x, C)^2 of a piece some of whose weights are outside; lane by lane in order, as elsewhere.
inline double distance_squared(const float* x, i64 n, double lambda) {
  Wide sum{};
  const auto octet = [&](const float* from) {
#pragma GCC unroll 4
    for (int p = 0; p < parts; ++p) {
      const Doubles outside = lambda * abs_of(widen(from + p * SIGNWISE_OPTIM_LANES)) - 1.0;
      const Doubles positive = outside > 0 ? outside : Doubles{};
      sum.part[p] += positive * positive;
    }
  };
  const i64 full = n - n % lanes;
  for (i64 i = 0; i < full; i += lanes) octet(x + i);
  if (full < n) {
    float tail[lanes] = {};
    std::memcpy(tail, x + full, (n - full) * sizeof(float));
    octet(tail);
  }
  double lane[lanes];
  std::memcpy(lane, sum.part, sizeof lane);
  return sum_lanes(lane);
}

// The tail is filled with zeros, which add nothing to any sum of L1. In them u = -sign(c) and w = 0; the distance is 0
// while the largest |x| is within 1/lambda.
template <bool All>
i64 step_l1_sums(const OptimPiece& piece, const OptimOptions& o, double* sums) {
  const Scalars<float> s(o, 1.0);
  const Pack zero{};
  const Pack a1 = zero + s.sign * s.a1, b1 = zero + s.b1, a2 = zero + s.sign * s.a2, b2 = zero + s.b2;
  const Pack keep = zero + s.keep, minus_lr = zero + s.minus_lr, size = zero + s.scale;
  Wide k_g{}, x_g{}, k_m{}, x_m{}, k_m1{}, x_m1{}, k_c{}, x1_c{}, delta{}, step{};
  double lone[lanes] = {};
  PackBits top_before{}, top{};

  const auto advance = [&](float* xs, const float* gs, float* ms) {
    Pack x, g, m;
    std::memcpy(&x, xs, sizeof x);
    std::memcpy(&g, gs, sizeof g);
    std::memcpy(&m, ms, sizeof m);
    const Pack c = fma_of(g, a1, m * b1);
    const Mask some_c = nonzero(c);
    const Pack x1 = fma_of(signed_size(c, size, some_c), minus_lr, x * keep), m1 = fma_of(g, a2, m * b2);
    top_before = larger((PackBits)abs_of(x), top_before);
    top = larger((PackBits)abs_of(x1), top);
    Mask opposite{};
    if (All) {
      const Mask some_m1 = nonzero(m1), one = one_of(some_c, some_m1);
      opposite = both_of(both_of(some_c, some_m1), signs_differ(c, m1));
      if (__builtin_expect(any(one), 0)) add_lone(lone, c, m1, one);
    }
    alignas(64) float after[3][pack];
    if (All) {
      std::memcpy(after[0], &x1, sizeof x);
      std::memcpy(after[1], &m1, sizeof m);
      std::memcpy(after[2], &c, sizeof c);
    }
#pragma GCC unroll 2
    for (int k = 0; k < octets; ++k) {
      const Wide wide_x = wide(xs + 8 * k), wide_g = wide(gs + 8 * k);
      add_to(k_g, sizes_of(wide_g));
      add_product_to(x_g, wide_x, wide_g);
      if constexpr (All) {
        const Wide wide_m = wide(ms + 8 * k), wide_x1 = wide(after[0] + 8 * k), wide_m1 = wide(after[1] + 8 * k),
                   wide_c = wide(after[2] + 8 * k);
        add_to(k_m, sizes_of(wide_m));
        add_product_to(x_m, wide_x, wide_m);
        add_product_to(x_m1, wide_x1, wide_m1);
        add_product_to(x1_c, wide_x1, wide_c);
        // (m1 - c)(sign m1 - sign c) is 2(|m1| + |c|) where the signs are opposite, and in `lone` where one is 0.
        const Wide size_m1 = sizes_of(wide_m1), size_c = sizes_of(wide_c);
        add_to(k_m1, size_m1);
        add_to(k_c, size_c);
        Wide both = size_m1;
        add_to(both, size_c);
        add_twice_where(delta, both, opposite, k);
        Wide moved = wide_x1;
#pragma GCC unroll 4
        for (int p = 0; p < parts; ++p) moved.part[p] -= wide_x.part[p];
        add_product_to(step, moved, moved);
      }
    }
    std::memcpy(xs, &x1, sizeof x);
    std::memcpy(ms, &m1, sizeof m);
  };

  const i64 n = piece.end - piece.begin, full = n - n % pack;
  float* x = static_cast<float*>(piece.tensor->x) + piece.begin;
  const float* g = static_cast<const float*>(piece.gradient) + piece.begin;
  float* m = static_cast<float*>(piece.tensor->m) + piece.begin;
  for (i64 i = 0; i < full; i += pack) advance(x + i, g + i, m + i);
  if (full < n) {
    float tail[3][pack] = {};
    const std::size_t bytes = (n - full) * sizeof(float);
    std::memcpy(tail[0], x + full, bytes);
    std::memcpy(tail[1], g + full, bytes);
    std::memcpy(tail[2], m + full, bytes);
    advance(tail[0], tail[1], tail[2]);
    std::memcpy(x + full, tail[0], bytes);
    std::memcpy(m + full, tail[2], bytes);
  }
  const auto largest = [](const PackBits& sizes) {
    std::int32_t found = 0;
    for (int k = 0; k < pack; ++k) found = std::max(found, sizes[k]);
    return u32(found);
  };
  const double gauge = s.lambda * double(bits_to<float>(largest(top)));

  const auto total = [](const Wide& sum) {
    double lane[lanes];
    std::memcpy(lane, sum.part, sizeof lane);
    return sum_lanes(lane);
  };
  sums[sum_k_gradient] = total(k_g);
  sums[sum_x_gradient] = s.sign * total(x_g);
  if (!(gauge <= 1)) sums[sum_distance_squared] = distance_squared(x, n, s.lambda);
  if constexpr (All) {
    sums[sum_k_momentum_before] = total(k_m);
    sums[sum_x_momentum_before] = total(x_m);
    sums[sum_k_momentum_after] = total(k_m1);
    sums[sum_x_momentum_after] = total(x_m1);
    sums[sum_delta_weights] = total(k_c) + s.lambda * total(x1_c);
    sums[sum_delta_momentum] = total(delta) + sum_lanes(lone);
    sums[sum_step_squared] = total(step);
  }
  sums[max_gauge_before] = std::max(0.0, s.lambda * double(bits_to<float>(largest(top_before))));
  sums[max_gauge_after] = std::max(0.0, gauge);
  // A sum of sizes is finite if and only if they all are.
  const bool finite = sums[sum_k_gradient] - sums[sum_k_gradient] == 0;
  return finite ? 0 : count_nonfinite(OptimType::f32, piece.gradient, piece.begin, piece.end);
}

inline StepL1 choose_l1(const OptimTensor& t, const OptimOptions& o, bool sums) {
  if (o.kappa != Kappa::l1 || o.cautious_mask || o.cautious_decay) return nullptr;
  if (!sums) return o.stochastic ? choose_plain<true>(t.x_type, t.m_type) : choose_plain<false>(t.x_type, t.m_type);
  if (t.x_type != OptimType::f32 || t.m_type != OptimType::f32) return nullptr;
  return o.all_sums ? step_l1_sums<true> : step_l1_sums<false>;
}
