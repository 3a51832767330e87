// The fused step in plain loops, compiled once for each instruction tier: the including file defines
// SIGNWISE_OPTIM_TIER (a name) and SIGNWISE_OPTIM_LANES (doubles in a register). Everything is in a namespace of the
// tier, so that the linker cannot swap one tier's code for another's. Fused multiply-adds are written out, since
// contraction is off; each loop therefore rounds alike on every tier, vector body and scalar tail.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "signwise/optim_tiers.hpp"

#ifdef __AVX2__
#include <immintrin.h>
#endif

#define SIGNWISE_JOIN_(a, b) a##b
#define SIGNWISE_JOIN(a, b) SIGNWISE_JOIN_(a, b)
#define SIGNWISE_RESTRICT __restrict__

namespace signwise {
namespace SIGNWISE_JOIN(tier_, SIGNWISE_OPTIM_TIER) {
namespace {

using i64 = std::int64_t;
using u32 = std::uint32_t;

template <class To, class From>
inline To bits_to(From from) {
  static_assert(sizeof(To) == sizeof(From), "a bit pattern keeps its size");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
inline std::uint64_t bits_of(double x) { return bits_to<std::uint64_t>(x); }
inline u32 bits_of(float x) { return bits_to<u32>(x); }

constexpr int lanes = 8;  // certificate sums: the lane of an element is its index modulo 8, on every tier
typedef double Doubles __attribute__((vector_size(8 * SIGNWISE_OPTIM_LANES)));
typedef long long Longs __attribute__((vector_size(8 * SIGNWISE_OPTIM_LANES)));
typedef float Floats __attribute__((vector_size(4 * SIGNWISE_OPTIM_LANES)));

inline float fma_of(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double fma_of(double a, double b, double c) { return __builtin_fma(a, b, c); }
inline float abs_of(float x) { return __builtin_fabsf(x); }
inline double abs_of(double x) { return __builtin_fabs(x); }
inline float sqrt_of(float x) { return __builtin_sqrtf(x); }
inline double sqrt_of(double x) { return __builtin_sqrt(x); }

template <class T>
inline T sign_of(T x) {
  return x > 0 ? T(1) : x < 0 ? T(-1) : T(0);
}

template <class D>
inline D all(double value) {
  return D{} + value;
}
template <class F>
inline double each(double x, F f) {
  return f(x);
}
template <class F>
inline Doubles each(Doubles x, F f) {
  Doubles y{};
  for (int k = 0; k < SIGNWISE_OPTIM_LANES; ++k) y[k] = f(x[k]);
  return y;
}
#if SIGNWISE_OPTIM_LANES == 8 && defined(__AVX512F__)
inline Doubles fma_of(Doubles a, Doubles b, Doubles c) { return (Doubles)_mm512_fmadd_pd(a, b, c); }
// The unmasked intrinsic makes gcc 12 warn of its own undefined register.
inline Doubles widen(const float* from) { return (Doubles)_mm512_maskz_cvtps_pd(0xff, _mm256_loadu_ps(from)); }
#elif SIGNWISE_OPTIM_LANES == 4 && defined(__FMA__)
inline Doubles fma_of(Doubles a, Doubles b, Doubles c) { return (Doubles)_mm256_fmadd_pd(a, b, c); }
inline Doubles widen(const float* from) { return (Doubles)_mm256_cvtps_pd(_mm_loadu_ps(from)); }
#else
inline Doubles fma_of(Doubles a, Doubles b, Doubles c) {
  for (int k = 0; k < SIGNWISE_OPTIM_LANES; ++k) c[k] = __builtin_fma(a[k], b[k], c[k]);
  return c;
}
inline Doubles widen(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof values);
  return __builtin_convertvector(values, Doubles);
}
#endif
inline Doubles widen(const double* from) {
  Doubles values;
  std::memcpy(&values, from, sizeof values);
  return values;
}
inline Doubles abs_of(Doubles x) { return (Doubles)((Longs)x & 0x7fffffffffffffff); }
#if SIGNWISE_OPTIM_LANES == 8 && defined(__AVX512F__)
inline Doubles sqrt_of(Doubles x) { return (Doubles)_mm512_maskz_sqrt_pd(0xff, (__m512d)x); }
#elif SIGNWISE_OPTIM_LANES == 4 && defined(__AVX2__)
inline Doubles sqrt_of(Doubles x) { return (Doubles)_mm256_sqrt_pd((__m256d)x); }
#else
inline Doubles sqrt_of(Doubles x) {
  return each(x, [](double t) { return __builtin_sqrt(t); });
}
#endif
template <class D>
inline D max_of(D a, D b) {
  return a < b ? b : a;
}
template <class D>
inline D min_of(D a, D b) {
  return b < a ? b : a;
}
// What these instructions do, which gcc does not find by itself.
#if SIGNWISE_OPTIM_LANES == 8 && defined(__AVX512F__)
inline Doubles max_of(Doubles a, Doubles b) { return (Doubles)_mm512_maskz_max_pd(0xff, (__m512d)b, (__m512d)a); }
inline Doubles min_of(Doubles a, Doubles b) { return (Doubles)_mm512_maskz_min_pd(0xff, (__m512d)b, (__m512d)a); }
#elif SIGNWISE_OPTIM_LANES == 4 && defined(__AVX2__)
inline Doubles max_of(Doubles a, Doubles b) { return (Doubles)_mm256_max_pd((__m256d)b, (__m256d)a); }
inline Doubles min_of(Doubles a, Doubles b) { return (Doubles)_mm256_min_pd((__m256d)b, (__m256d)a); }
#endif

#include "signwise/optim_functions.hpp"
#include "signwise/optim_sums.hpp"
#include "signwise/optim_storage.hpp"
#include "signwise/optim_l1.hpp"
#include "signwise/optim_l1_sums.hpp"
#include "signwise/optim_votes.hpp"

// One step of n elements; returns how many gradients are NaN or infinite.
template <class T, class K, bool Mask, bool CautiousDecay>
i64 step_values(T* SIGNWISE_RESTRICT x, const T* SIGNWISE_RESTRICT g, T* SIGNWISE_RESTRICT m, i64 n,
                const Scalars<T>& scalars) {
  using Count = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  const Scalars<T> s = scalars;
  Count bad = 0;
  for (i64 i = 0; i < n; ++i) {
    const T gi = g[i] * s.sign, mi = m[i], xi = x[i];
    bad += gi - gi != 0;
    const T c = fma_of(gi, s.a1, mi * s.b1);
    T v = K::sub(c, s) * s.scale;
    // By the signs, since a product of tiny numbers vanishes.
    if (Mask) v *= sign_of(c) * gi > 0 ? T(1) : T(0);
    const T kept = xi * s.keep;
    x[i] = fma_of(v, s.minus_lr, CautiousDecay ? (sign_of(v) * xi >= 0 ? kept : xi) : kept);
    m[i] = fma_of(gi, s.a2, mi * s.b2);
  }
  return bad;
}

template <class T>
using StepValues = i64 (*)(T*, const T*, T*, i64, const Scalars<T>&);

template <class T, class K>
StepValues<T> choose_step(const OptimOptions& o) {
  if (o.cautious_mask) return o.cautious_decay ? step_values<T, K, true, true> : step_values<T, K, true, false>;
  return o.cautious_decay ? step_values<T, K, false, true> : step_values<T, K, false, false>;
}

// Calls f with a value of the type of K.
template <class F>
auto with_kappa(Kappa kappa, F f) {
  switch (kappa) {
    case Kappa::dead_zone: return f(DeadZone{});
    case Kappa::huber: return f(Huber{});
    case Kappa::log_cosh: return f(LogCosh{});
    case Kappa::pseudo_huber: return f(PseudoHuber{});
    case Kappa::smoothed_l1: return f(SmoothedL1{});
    case Kappa::asymmetric_box: return f(AsymmetricBox{});
    case Kappa::half_square: return f(HalfSquare{});
    case Kappa::group_l2: return f(GroupL2{});
    default: return f(L1{});
  }
}

// The blocks of a piece: parameters and momentum of any storage are read into, and written from, 256 values of T.
template <class T>
i64 step_piece_of(const OptimPiece& piece, const OptimOptions& o, double* sums) {
  const OptimTensor& t = *piece.tensor;
  const Scalars<T> s(o, piece.norm);
  const StepValues<T> step = with_kappa(o.kappa, [&](auto k) { return choose_step<T, decltype(k)>(o); });
  const bool plain = is_stored<T>(t.x_type) && is_stored<T>(t.m_type);
  if (plain && !sums)
    return step(static_cast<T*>(t.x) + piece.begin, static_cast<const T*>(piece.gradient) + piece.begin,
                static_cast<T*>(t.m) + piece.begin, piece.end - piece.begin, s);

  const SumsOf<T> sum = sums ? with_kappa(o.kappa, [&](auto k) { return choose_sums<T, decltype(k)>(o); }) : SumsOf<T>{};
  alignas(64) T x[momentum_block], g[momentum_block], m[momentum_block];
  Block<T> block;
  Lanes state;
  i64 bad = 0;
  for (i64 i = piece.begin; i < piece.end; i += momentum_block) {
    const i64 n = std::min(momentum_block, piece.end - i);
    T* xs = load(t.x_type, t.x, i, n, nullptr, x);
    const T* gs = load(t.x_type, const_cast<void*>(piece.gradient), i, n, nullptr, g);
    T* ms = load(t.m_type, t.m, i, n, t.scale, m);
    if (sums) sum.before(xs, gs, ms, n, s, block, state);
    bad += step(xs, gs, ms, n, s);
    store(t.x_type, t.x, i, n, nullptr, xs, Rounding{o.stochastic, piece.x_key});
    store(t.m_type, t.m, i, n, t.scale, ms, Rounding{o.stochastic, piece.m_key});
    if (sums) {
      // The values as stored, after rounding.
      xs = load(t.x_type, t.x, i, n, nullptr, x);
      ms = load(t.m_type, t.m, i, n, t.scale, m);
      sum.after(xs, ms, n, s, block, state);
    }
  }
  if (sums) state.add_to(sums);
  return bad;
}

i64 step_piece(const OptimPiece& piece, const OptimOptions& o, double* sums) {
  if (const StepL1 step = choose_l1(*piece.tensor, o, sums != nullptr)) return step(piece, o, sums);
  return piece.tensor->x_type == OptimType::f64 ? step_piece_of<double>(piece, o, sums)
                                                : step_piece_of<float>(piece, o, sums);
}

template <class T>
double square_sum_of(const OptimPiece& piece, const OptimOptions& o) {
  const OptimTensor& t = *piece.tensor;
  const Scalars<T> s(o, 1.0);
  alignas(64) T g[momentum_block], m[momentum_block], c[momentum_block];
  double lane[lanes] = {};
  for (i64 i = piece.begin; i < piece.end; i += momentum_block) {
    const i64 n = std::min(momentum_block, piece.end - i);
    const T* gs = load(t.x_type, const_cast<void*>(piece.gradient), i, n, nullptr, g);
    const T* ms = load(t.m_type, t.m, i, n, t.scale, m);
    for (i64 j = 0; j < n; ++j) c[j] = fma_of(gs[j] * s.sign, s.a1, ms[j] * s.b1);
    for (i64 j = n; j < momentum_block; ++j) c[j] = 0;
    for (i64 j = 0; j < momentum_block; j += lanes)
      for (int k = 0; k < lanes; ++k) lane[k] += double(c[j + k]) * double(c[j + k]);
  }
  return sum_lanes(lane);
}

double square_sum(const OptimPiece& piece, const OptimOptions& o) {
  return piece.tensor->x_type == OptimType::f64 ? square_sum_of<double>(piece, o) : square_sum_of<float>(piece, o);
}

template <class T, class U>
i64 count_patterns(const void* values, i64 begin, i64 end, U exponent) {
  const U* bits = static_cast<const U*>(values);
  T bad = 0;  // of the values' size, so that the loop vectorizes; a piece is short
  for (i64 i = begin; i < end; ++i) bad += (bits[i] & exponent) == exponent;
  return bad;
}

i64 count_nonfinite(OptimType type, const void* g, i64 begin, i64 end) {
  switch (type) {
    case OptimType::f64: return count_patterns<std::uint64_t, std::uint64_t>(g, begin, end, 0x7ff0000000000000u);
    case OptimType::bf16: return count_patterns<std::uint16_t, std::uint16_t>(g, begin, end, 0x7f80u);
    default: return count_patterns<u32, u32>(g, begin, end, 0x7f800000u);
  }
}

void stream(float* SIGNWISE_RESTRICT x, const float* SIGNWISE_RESTRICT g, float* SIGNWISE_RESTRICT m, i64 n) {
  for (i64 i = 0; i < n; ++i) {
    x[i] = fma_of(g[i], -1e-4f, x[i]);
    m[i] = fma_of(g[i], 0.01f, m[i]);
  }
}

const OptimTier tier{step_piece, square_sum, count_nonfinite, stream, vote_of, step_votes};

}  // namespace
}  // namespace SIGNWISE_JOIN(tier_, SIGNWISE_OPTIM_TIER)
}  // namespace signwise
