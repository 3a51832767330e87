// The ballot of a sign vote and the step along its result, straight from and to two planes of bits. Included by
// optim_generic.hpp inside the namespace of one instruction tier.

// Which elements of a register are above, and which below 0, a bit each; a NaN is neither.
struct Signs {
  u32 up, down;
};
inline Signs signs_of(Pack c) {
#if SIGNWISE_OPTIM_LANES == 8 && defined(__AVX512F__)
  const __m512 values = (__m512)c, zero = _mm512_setzero_ps();
  return {u32(_mm512_cmp_ps_mask(values, zero, _CMP_GT_OQ)), u32(_mm512_cmp_ps_mask(values, zero, _CMP_LT_OQ))};
#elif SIGNWISE_OPTIM_LANES == 4 && defined(__AVX2__)
  const __m256 values = (__m256)c, zero = _mm256_setzero_ps();
  return {u32(_mm256_movemask_ps(_mm256_cmp_ps(values, zero, _CMP_GT_OQ))),
          u32(_mm256_movemask_ps(_mm256_cmp_ps(values, zero, _CMP_LT_OQ)))};
#else
  Signs signs{};
  for (int k = 0; k < pack; ++k) {
    signs.up |= u32(c[k] > 0) << k;
    signs.down |= u32(c[k] < 0) << k;
  }
  return signs;
#endif
}

// `value` where the bit of an element is 1, else 0.
inline Pack where_bit(u32 bits, Pack value) {
#if SIGNWISE_OPTIM_LANES == 8 && defined(__AVX512F__)
  return (Pack)_mm512_maskz_mov_ps(__mmask16(bits), (__m512)value);
#else
  PackBits which;
  for (int k = 0; k < pack; ++k) which[k] = 1 << k;
  return (Pack)((((PackBits{} + std::int32_t(bits)) & which) != 0) & (PackBits)value);
#endif
}

// Reads n <= pack floats, zeros where there are no gradients; writes as many.
inline Pack read_some(const float* from, i64 n) {
  Pack values{};
  if (from) std::memcpy(&values, from, n * sizeof(float));
  return values;
}

// Ors the votes of n elements into the planes from bit `first` on. Words that this piece fills alone are not shared
// with other threads; those at its ends may be.
inline void vote_of(const VotePiece& piece, const OptimOptions& o) {
  const Scalars<float> s(o, 1.0);
  const Pack zero{}, a1 = zero + s.sign * s.a1, b1 = zero + s.b1;
  const float* g = piece.g;
  const float* m = piece.m;
  for (i64 i = 0; i < piece.n;) {
    const i64 bit = piece.first + i, word = bit / 64;
    const int shift = int(bit % 64);
    const i64 count = std::min<i64>(64 - shift, piece.n - i);
    std::uint64_t up = 0, down = 0;
    if (count == 64) {
#pragma GCC unroll 8
      for (int k = 0; k < 64; k += pack) {
        Pack mk, gk{};
        std::memcpy(&mk, m + i + k, sizeof mk);
        if (g) std::memcpy(&gk, g + i + k, sizeof gk);
        const Signs signs = signs_of(fma_of(gk, a1, mk * b1));
        up |= std::uint64_t(signs.up) << k;
        down |= std::uint64_t(signs.down) << k;
      }
      piece.nonzero[word] = up | down;
      piece.positive[word] = up;
    } else {
      for (i64 k = 0; k < count; k += pack) {
        const i64 some = std::min<i64>(pack, count - k);
        const Signs signs = signs_of(fma_of(read_some(g ? g + i + k : g, some), a1, read_some(m + i + k, some) * b1));
        up |= std::uint64_t(signs.up) << k;
        down |= std::uint64_t(signs.down) << k;
      }
      __atomic_fetch_or(piece.nonzero + word, (up | down) << shift, __ATOMIC_RELAXED);
      __atomic_fetch_or(piece.positive + word, up << shift, __ATOMIC_RELAXED);
    }
    i += count;
  }
}

// x <- fma(r, -lr, x * keep) and m <- fma(g, 1 - beta2, m * beta2) with r from the planes.
inline void step_votes(const VotePiece& piece, const OptimOptions& o) {
  const Scalars<float> s(o, 1.0);
  const Pack zero{}, a2 = zero + s.sign * s.a2, b2 = zero + s.b2, keep = zero + s.keep, minus_lr = zero + s.minus_lr;
  const Pack one = zero + 1.0f, minus_one = -one;
  const float* g = piece.g;
  float* x = piece.x;
  float* m = piece.m;
  const auto advance = [&](Pack xk, Pack gk, Pack mk, u32 some, u32 up, Pack& x1, Pack& m1) {
    const Pack r = (Pack)((PackBits)where_bit(up, one) | (PackBits)where_bit(some & ~up, minus_one));
    x1 = fma_of(r, minus_lr, xk * keep);
    m1 = fma_of(gk, a2, mk * b2);
  };
  for (i64 i = 0; i < piece.n;) {
    const i64 bit = piece.first + i, word = bit / 64;
    const int shift = int(bit % 64);
    const i64 count = std::min<i64>(64 - shift, piece.n - i);
    const std::uint64_t some = piece.nonzero[word] >> shift, up = piece.positive[word] >> shift;
    Pack x1, m1;
    if (count == 64) {
#pragma GCC unroll 8
      for (int k = 0; k < 64; k += pack) {
        Pack xk, gk{}, mk;
        std::memcpy(&xk, x + i + k, sizeof xk);
        std::memcpy(&mk, m + i + k, sizeof mk);
        if (g) std::memcpy(&gk, g + i + k, sizeof gk);
        advance(xk, gk, mk, u32(some >> k), u32(up >> k), x1, m1);
        std::memcpy(x + i + k, &x1, sizeof x1);
        std::memcpy(m + i + k, &m1, sizeof m1);
      }
    } else {
      for (i64 k = 0; k < count; k += pack) {
        const i64 n = std::min<i64>(pack, count - k);
        advance(read_some(x + i + k, n), read_some(g ? g + i + k : g, n), read_some(m + i + k, n), u32(some >> k),
                u32(up >> k), x1, m1);
        std::memcpy(x + i + k, &x1, n * sizeof(float));
        std::memcpy(m + i + k, &m1, n * sizeof(float));
      }
    }
    i += count;
  }
}
