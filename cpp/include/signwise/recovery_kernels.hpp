#pragma once

// The tile kernels, compiled once for each instruction tier. Everything here has internal linkage and uses no std::
// template, so that the linker cannot hand a lower tier the code of a higher. Each output number is one chain of
// multiply-adds in an order that does not depend on the vector width; avx2 and avx512 give the same bits. The portable
// tier rounds products before it adds them.

#include <cstdint>

#include "signwise/isa.hpp"
#include "signwise/recovery.hpp"

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

namespace signwise {

struct RecoveryKernels {
  // Rows begin..end-1, begin a multiple of kRecoveryRows; `right` is that of the piece.
  void (*dense)(const double* X, const Factors& f, const WeightRule& rule, std::int64_t begin, std::int64_t end,
                double* right, WeightSums& sums);
  void (*sparse)(const std::int64_t* indptr, const std::int32_t* indices, const double* data, const Factors& f,
                 const WeightRule& rule, std::int64_t begin, std::int64_t end, double* right, WeightSums& sums);
  void (*residuals)(const double* L, const double* R, std::int64_t ldk, const std::int32_t* rows,
                    const std::int32_t* cols, const double* x, std::int64_t n, double* out);
};

extern const RecoveryKernels recovery_portable, recovery_avx2, recovery_avx512;

static inline const RecoveryKernels& recovery_kernels() {
#ifdef SIGNWISE_X86
  if (active_isa() == Isa::avx512) return recovery_avx512;
  if (active_isa() == Isa::avx2) return recovery_avx2;
#endif
  return recovery_portable;
}

namespace {

template <int N>
struct Doubles {
  typedef double type __attribute__((vector_size(N * 8)));
  typedef double unaligned __attribute__((vector_size(N * 8), aligned(8), may_alias));
  typedef std::int64_t mask __attribute__((vector_size(N * 8)));
};

template <int N>
inline typename Doubles<N>::type load(const double* p) {
  return *reinterpret_cast<const typename Doubles<N>::unaligned*>(p);
}

template <int N>
inline void store(double* p, typename Doubles<N>::type v) {
  *reinterpret_cast<typename Doubles<N>::unaligned*>(p) = v;
}

template <int N>
inline typename Doubles<N>::type same(double x) {
#ifdef __AVX512F__
  if constexpr (N == 8) return _mm512_set1_pd(x);
#endif
#if defined(__AVX2__) && defined(__FMA__)
  if constexpr (N == 4) return _mm256_set1_pd(x);
#endif
  typename Doubles<N>::type v;
  for (int i = 0; i < N; ++i) v[i] = x;
  return v;
}

template <int N>
inline typename Doubles<N>::type multiply_add(typename Doubles<N>::type a, typename Doubles<N>::type b,
                                              typename Doubles<N>::type c) {
#ifdef __AVX512F__
  if constexpr (N == 8) return _mm512_fmadd_pd(a, b, c);
#endif
#if defined(__AVX2__) && defined(__FMA__)
  if constexpr (N == 4) return _mm256_fmadd_pd(a, b, c);
#endif
  return a * b + c;
}

// C[r, v] (+)= sum_t A[r * sa + t * sb] B[t * ldb + v], for RI rows and RV vectors of N columns.
template <int N, int RI, int RV>
inline void product_tile(const double* A, std::int64_t sa, std::int64_t sb, const double* B, std::int64_t ldb,
                         double* C, std::int64_t ldc, std::int64_t T, bool add) {
  typename Doubles<N>::type c[RI][RV];
#pragma GCC unroll 8
  for (int r = 0; r < RI; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < RV; ++v) c[r][v] = add ? load<N>(C + r * ldc + v * N) : same<N>(0.0);
  for (std::int64_t t = 0; t < T; ++t) {
    typename Doubles<N>::type b[RV];
#pragma GCC unroll 8
    for (int v = 0; v < RV; ++v) b[v] = load<N>(B + t * ldb + v * N);
#pragma GCC unroll 8
    for (int r = 0; r < RI; ++r) {
      const auto a = same<N>(A[r * sa + t * sb]);
#pragma GCC unroll 8
      for (int v = 0; v < RV; ++v) c[r][v] = multiply_add<N>(a, b[v], c[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < RI; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < RV; ++v) store<N>(C + r * ldc + v * N, c[r][v]);
}

// Columns of C in steps of RV vectors, then the rest: `columns` is a multiple of kRecoveryLanes.
template <int N, int RI, int RV>
inline void product_rows(const double* A, std::int64_t sa, std::int64_t sb, const double* B, std::int64_t ldb,
                         double* C, std::int64_t ldc, std::int64_t T, std::int64_t columns, bool add) {
  std::int64_t v = 0;
  for (; v + RV * N <= columns; v += RV * N) product_tile<N, RI, RV>(A, sa, sb, B + v, ldb, C + v, ldc, T, add);
  if constexpr (RV > 1) {
    if (v < columns)
      product_rows<N, RI, (RV > 2 ? RV - 1 : 1)>(A, sa, sb, B + v, ldb, C + v, ldc, T, columns - v, add);
  }
}

template <int N>
struct Counter {
  typename Doubles<N>::mask kept{}, observed{};
  typename Doubles<N>::type sum{}, squares{};

  void finish(WeightSums& sums) const {
    for (int i = 0; i < N; ++i) {
      sums.kept -= kept[i];
      sums.observed -= observed[i];
    }
    // Lanes in the order of the widest tier, so that every tier of the same products adds alike.
    for (int i = 0; i < N; ++i) {
      sums.sum += sum[i];
      sums.squares += squares[i];
    }
  }
};

template <int N, Weight K>
inline typename Doubles<N>::type weigh(typename Doubles<N>::type rho, typename Doubles<N>::type cut,
                                       typename Doubles<N>::type scale, typename Doubles<N>::type offset) {
  using V = typename Doubles<N>::type;
  const V zero = same<N>(0.0), one = same<N>(1.0);
  if constexpr (K == Weight::truncated) return ((rho < cut) & (rho > -cut)) ? rho : zero;
  if constexpr (K == Weight::sign) return (rho > zero ? one : zero) - (rho < zero ? one : zero);
  if constexpr (K == Weight::huber) {
    const V ratio = rho * scale;
    const V low = ratio > -one ? ratio : -one;
    const V clipped = low < one ? low : one;
    return rho == rho ? clipped : zero;
  }
  const V w = (rho > cut ? one : zero) - (rho < -cut ? one : zero) - offset;
  return rho == rho ? w : zero;
}

template <int N, Weight K>
void dense_rows(const double* X, const Factors& f, const WeightRule& rule, std::int64_t begin, std::int64_t end,
                double* right, WeightSums& sums) {
  using V = typename Doubles<N>::type;
  constexpr std::int64_t TI = kRecoveryRows, TJ = kRecoveryColumns;
  const std::int64_t padded = (f.n2 + TJ - 1) / TJ * TJ;
  alignas(64) double w[TI * TJ];
  alignas(64) double edge[TJ];
  const V scale = same<N>(1 / rule.level), offset = same<N>(rule.offset), level = same<N>(rule.level);
  const V count = same<N>(rule.count_level);
  Counter<N> counter;
  for (std::int64_t i0 = begin; i0 < end; i0 += TI) {
    const std::int64_t rows = end - i0 < TI ? end - i0 : TI;
    for (std::int64_t j0 = 0; j0 < padded; j0 += TJ) {
      for (std::int64_t i = 0; i < TI; i += 4)
        product_rows<N, 4, (N == 8 ? 4 : 2)>(f.L + (i0 + i) * f.ldk, f.ldk, 1, f.R + j0, padded, w + i * TJ, TJ, f.k,
                                             TJ, false);
      const std::int64_t columns = f.n2 - j0 < TJ ? f.n2 - j0 : TJ;
      for (std::int64_t i = 0; i < rows; ++i) {
        const double* x = X + (i0 + i) * f.n2 + j0;
        if (columns < TJ) {
          for (std::int64_t j = 0; j < TJ; ++j) edge[j] = j < columns ? x[j] : __builtin_nan("");
          x = edge;
        }
        const V row_cut = same<N>(K == Weight::truncated ? rule.row_cut[i0 + i] : 0.0);
        double* out = w + i * TJ;
        for (std::int64_t j = 0; j < TJ; j += N) {
          const V rho = load<N>(out + j) - load<N>(x + j);
          V cut = level;
          if constexpr (K == Weight::truncated) {
            const V col_cut = load<N>(rule.col_cut + j0 + j);
            cut = col_cut > row_cut ? col_cut : row_cut;
          }
          const V weight = weigh<N, K>(rho, cut, scale, offset);
          counter.kept += (rho <= count) & (rho >= -count);
          counter.observed += rho == rho;
          counter.sum += weight;
          counter.squares += weight * weight;
          store<N>(out + j, weight);
        }
      }
      for (std::int64_t t = rows * TJ; t < TI * TJ; ++t) w[t] = 0;
      if (f.bv)
        for (std::int64_t i = 0; i < TI; i += 4)
          product_rows<N, 4, (N == 8 ? 4 : 2)>(w + i * TJ, TJ, 1, f.V + j0 * f.ldv, f.ldv, f.left + (i0 + i) * f.ldv,
                                               f.ldv, TJ, f.ldv, true);
      for (std::int64_t l = 0; l < f.bu; l += 4)
        product_rows<N, 4, (N == 8 ? 4 : 2)>(f.U + i0 * f.ldu + l, 1, f.ldu, w, TJ, right + l * padded + j0, padded,
                                             TI, TJ, true);
    }
  }
  counter.finish(sums);
}

// The product of two rows of ldk numbers, in eight lanes whatever the width.
template <int N>
inline double dot(const double* a, const double* b, std::int64_t ldk) {
  constexpr int P = 8 / N;
  typename Doubles<N>::type sum[P];
  for (int p = 0; p < P; ++p) sum[p] = same<N>(0.0);
  for (std::int64_t l = 0; l < ldk; l += 8)
    for (int p = 0; p < P; ++p) sum[p] = multiply_add<N>(load<N>(a + l + p * N), load<N>(b + l + p * N), sum[p]);
  typename Doubles<2>::type pair;
  if constexpr (N == 8) {
    const auto four = __builtin_shufflevector(sum[0], sum[0], 0, 1, 2, 3) +
                      __builtin_shufflevector(sum[0], sum[0], 4, 5, 6, 7);
    pair = __builtin_shufflevector(four, four, 0, 1) + __builtin_shufflevector(four, four, 2, 3);
  } else if constexpr (N == 4) {
    const auto four = sum[0] + sum[P - 1];
    pair = __builtin_shufflevector(four, four, 0, 1) + __builtin_shufflevector(four, four, 2, 3);
  } else {
    pair = (sum[0] + sum[P / 2]) + (sum[1 % P] + sum[P - 1]);
  }
  return pair[0] + pair[1];
}

template <int N>
inline void add_scaled(double w, const double* from, double* to, std::int64_t ld) {
  const auto scale = same<N>(w);
  for (std::int64_t l = 0; l < ld; l += N) store<N>(to + l, multiply_add<N>(scale, load<N>(from + l), load<N>(to + l)));
}

template <Weight K>
inline double weigh_one(const WeightRule& rule, double rho, double cut) {
  const double size = rho < 0 ? -rho : rho;
  const double sign = (rho > 0) - (rho < 0);
  switch (K) {
    case Weight::truncated: return size < cut ? rho : 0.0;
    case Weight::sign: return sign;
    case Weight::huber: {
      const double ratio = rho * (1 / rule.level);
      return ratio > 1 ? 1.0 : ratio < -1 ? -1.0 : ratio;
    }
    case Weight::outlier: return (size > rule.level ? sign : 0.0) - rule.offset;
  }
  return 0.0;
}

template <int N, Weight K>
void sparse_kind(const std::int64_t* indptr, const std::int32_t* indices, const double* data, const Factors& factors,
                 const WeightRule& given, std::int64_t begin, std::int64_t end, double* right, WeightSums& found) {
  constexpr std::int64_t kAhead = 6;  // entries to fetch in advance
  // Copies: a store to a product could otherwise change what a reference refers to.
  const Factors f = factors;
  WeightRule rule = given;
  rule.kind = K;
  WeightSums sums;
  const std::int64_t last = indptr[end];
  const bool same_left = f.V == f.R && f.ldv == f.ldk;
  for (std::int64_t i = begin; i < end; ++i) {
    const double* row = f.L + i * f.ldk;
    const double* u = f.bu ? f.U + i * f.ldu : nullptr;
    double* left = f.bv ? f.left + i * f.ldv : nullptr;
    const std::int64_t stop = indptr[i + 1];
    for (std::int64_t t = indptr[i]; t < stop; ++t) {
      const std::int64_t j = indices[t];
      if (t + kAhead < last) {
        const std::int64_t later = indices[t + kAhead];
        for (std::int64_t l = 0; l < f.ldk; l += 8) __builtin_prefetch(f.R + later * f.ldk + l);
        if (u)
          for (std::int64_t l = 0; l < f.ldu; l += 8) __builtin_prefetch(right + later * f.ldu + l, 1);
      }
      const double* column = f.R + j * f.ldk;
      const double rho = (f.k ? dot<N>(row, column, f.ldk) : 0.0) - data[t];
      double cut = 0;
      if (K == Weight::truncated) {
        const double a = rule.row_cut[i], b = rule.col_cut[j];
        cut = a > b ? a : b;
      }
      const double w = rho == rho ? weigh_one<K>(rule, rho, cut) : 0.0;
      const double size = rho < 0 ? -rho : rho;
      sums.observed += rho == rho;
      sums.kept += size <= rule.count_level;
      sums.sum += w;
      sums.squares += w * w;
      if (w == 0) continue;
      if (left) add_scaled<N>(w, same_left ? column : f.V + j * f.ldv, left, f.ldv);
      if (u) add_scaled<N>(w, u, right + j * f.ldu, f.ldu);
    }
  }
  found = sums;
}

template <int N>
void sparse_rows(const std::int64_t* indptr, const std::int32_t* indices, const double* data, const Factors& f,
                 const WeightRule& rule, std::int64_t begin, std::int64_t end, double* right, WeightSums& sums) {
  switch (rule.kind) {
    case Weight::truncated:
      return sparse_kind<N, Weight::truncated>(indptr, indices, data, f, rule, begin, end, right, sums);
    case Weight::sign: return sparse_kind<N, Weight::sign>(indptr, indices, data, f, rule, begin, end, right, sums);
    case Weight::huber: return sparse_kind<N, Weight::huber>(indptr, indices, data, f, rule, begin, end, right, sums);
    case Weight::outlier:
      return sparse_kind<N, Weight::outlier>(indptr, indices, data, f, rule, begin, end, right, sums);
  }
}

template <int N>
void dense_any(const double* X, const Factors& f, const WeightRule& rule, std::int64_t begin, std::int64_t end,
               double* right, WeightSums& sums) {
  switch (rule.kind) {
    case Weight::truncated: return dense_rows<N, Weight::truncated>(X, f, rule, begin, end, right, sums);
    case Weight::sign: return dense_rows<N, Weight::sign>(X, f, rule, begin, end, right, sums);
    case Weight::huber: return dense_rows<N, Weight::huber>(X, f, rule, begin, end, right, sums);
    case Weight::outlier: return dense_rows<N, Weight::outlier>(X, f, rule, begin, end, right, sums);
  }
}

template <int N>
void residual_run(const double* L, const double* R, std::int64_t ldk, const std::int32_t* rows,
                  const std::int32_t* cols, const double* x, std::int64_t n, double* out) {
  constexpr std::int64_t kAhead = 8;
  for (std::int64_t t = 0; t < n; ++t) {
    if (t + kAhead < n)
      for (std::int64_t l = 0; l < ldk; l += 8) {
        __builtin_prefetch(L + rows[t + kAhead] * ldk + l);
        __builtin_prefetch(R + cols[t + kAhead] * ldk + l);
      }
    out[t] = dot<N>(L + rows[t] * ldk, R + cols[t] * ldk, ldk) - x[t];
  }
}

template <int Bytes>
constexpr RecoveryKernels make_recovery_kernels() {
  return {dense_any<Bytes / 8>, sparse_rows<Bytes / 8>, residual_run<Bytes / 8>};
}

}  // namespace
}  // namespace signwise
