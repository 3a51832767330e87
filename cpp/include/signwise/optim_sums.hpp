// The certificate sums, in float64. Included by optim_generic.hpp inside the namespace of one instruction tier.
// An element belongs to the lane of its index modulo 8, and lanes are added in one order, so that every tier and
// every number of threads gives the same bits.

constexpr int parts = lanes / SIGNWISE_OPTIM_LANES;  // registers that hold one sum

// ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7))
inline double sum_lanes(const double* lane) {
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

struct Lanes {
  alignas(64) double lane[optim_sums][lanes] = {};

  void add_to(double* sums) const {
    for (int k = 0; k < max_gauge_before; ++k) sums[k] += sum_lanes(lane[k]);
    for (int k = max_gauge_before; k < optim_sums; ++k)
      for (double gauge : lane[k]) sums[k] = gauge > sums[k] ? gauge : sums[k];
  }
};

// What has to be kept of a block until its step is done.
template <class T>
struct Block {
  alignas(64) T x[momentum_block], g[momentum_block], m[momentum_block], c[momentum_block];
};

// Runs f(D, i, sum) over the elements i of a block, where D is a vector of doubles, or one of them in the tail, and
// sum[k] stands for the running sums `which[k]`. Pieces begin at a multiple of 8.
template <int N, class F>
inline void accumulate(i64 n, const int (&which)[N], Lanes& state, F f) {
  const i64 full = n - n % lanes;
  for (int part = 0; part < parts && full; ++part) {
    const int first = part * SIGNWISE_OPTIM_LANES;
    Doubles sum[N];
#pragma GCC unroll 16
    for (int k = 0; k < N; ++k) std::memcpy(&sum[k], state.lane[which[k]] + first, sizeof(Doubles));
    for (i64 i = first; i < full; i += lanes) f(Doubles{}, i, sum);
#pragma GCC unroll 16
    for (int k = 0; k < N; ++k) std::memcpy(state.lane[which[k]] + first, &sum[k], sizeof(Doubles));
  }
  for (i64 i = full; i < n; ++i) {
    double sum[N];
    for (int k = 0; k < N; ++k) sum[k] = state.lane[which[k]][i % lanes];
    f(double{}, i, sum);
    for (int k = 0; k < N; ++k) state.lane[which[k]][i % lanes] = sum[k];
  }
}

template <class T>
inline double take(double, const T* from) {
  return double(*from);
}
template <class T>
inline Doubles take(Doubles, const T* from) {
  return widen(from);
}

template <class T>
void interpolate(const T* SIGNWISE_RESTRICT g, const T* SIGNWISE_RESTRICT m, T* SIGNWISE_RESTRICT c, i64 n,
                 const Scalars<T>& scalars) {
  const Scalars<T> s = scalars;
  for (i64 i = 0; i < n; ++i) c[i] = fma_of(g[i] * s.sign, s.a1, m[i] * s.b1);
}

// The largest size of n values, NaN if one is.
inline double largest(const float* x, i64 n) {
  u32 top = 0;
  for (i64 i = 0; i < n; ++i) {
    const u32 size = bits_of(x[i]) & 0x7fffffffu;
    top = size > top ? size : top;
  }
  return bits_to<float>(top);
}
inline double largest(const double* x, i64 n) {
  std::uint64_t top = 0;
  for (i64 i = 0; i < n; ++i) {
    const std::uint64_t size = bits_of(x[i]) & 0x7fffffffffffffffu;
    top = size > top ? size : top;
  }
  return bits_to<double>(top);
}
inline void max_to(double& to, double value) { to = value > to ? value : to; }

// Any sum over coordinates.
template <class T, class K>
struct Sums {
  // Of x and g before the step: what the gap needs. Weights are nearly always inside, which one maximum tells.
  static void gap_before(const T* x, const T* g, const T*, i64 n, const Scalars<T>& scalars, Block<T>&, Lanes& state) {
    const Scalars<T> s = scalars;
    const double lambda = s.lambda, p = s.d_first, q = s.d_second, top = lambda * largest(x, n);
    constexpr int which[] = {sum_k_gradient, sum_x_gradient, sum_conjugate_before, max_gauge_before};
    if (K::holds(top, p, q)) {
      max_to(state.lane[max_gauge_before][0], K::gauge(top, p, q));
      accumulate(n, which, state, [&](auto d, i64 i, auto* sum) {
        using D = decltype(d);
        const D x0 = take(d, x + i), g0 = double(s.sign) * take(d, g + i);
        sum[0] += K::value(-g0, p, q);
        sum[1] = fma_of(x0, g0, sum[1]);
        if constexpr (!std::is_base_of_v<Support, K>) sum[2] += K::conjugate(lambda * x0, p);
      });
    } else {
      accumulate(n, which, state, [&](auto d, i64 i, auto* sum) {
        using D = decltype(d);
        const D x0 = take(d, x + i), g0 = double(s.sign) * take(d, g + i), y = lambda * x0;
        sum[0] += K::value(-g0, p, q);
        sum[1] = fma_of(x0, g0, sum[1]);
        if constexpr (!std::is_base_of_v<Support, K>) sum[2] += K::conjugate(K::clip(y, p, q), p);
        sum[3] = max_of(sum[3], K::gauge(y, p, q));
      });
    }
  }

  static void before(const T* x, const T* g, const T* m, i64 n, const Scalars<T>& s, Block<T>& b, Lanes& state) {
    gap_before(x, g, m, n, s, b, state);
    std::memcpy(b.x, x, n * sizeof(T));
    std::memcpy(b.m, m, n * sizeof(T));
    for (i64 i = 0; i < n; ++i) b.g[i] = g[i] * s.sign;
    interpolate(g, m, b.c, n, s);
  }

  // Of x after the step: the distance.
  static void gap_after(const T* x, const T*, i64 n, const Scalars<T>& s, Block<T>&, Lanes& state) {
    const double lambda = s.lambda, p = s.d_first, q = s.d_second, top = lambda * largest(x, n);
    if (K::holds(top, p, q)) {
      max_to(state.lane[max_gauge_after][0], K::gauge(top, p, q));
      return;
    }
    constexpr int which[] = {sum_distance_squared, max_gauge_after};
    accumulate(n, which, state, [&](auto d, i64 i, auto* sum) {
      using D = decltype(d);
      const D y = lambda * take(d, x + i), outside = y - K::clip(y, p, q);
      sum[0] = fma_of(outside, outside, sum[0]);
      sum[1] = max_of(sum[1], K::gauge(y, p, q));
    });
  }

  template <bool Mask>
  static void after(const T* x, const T* m, i64 n, const Scalars<T>& s, Block<T>& b, Lanes& state) {
    gap_after(x, m, n, s, b, state);
    const double lambda = s.lambda, p = s.d_first, q = s.d_second;
    constexpr int which[] = {sum_k_momentum_before, sum_x_momentum_before, sum_conjugate_after,
                             sum_k_momentum_after,  sum_x_momentum_after,  sum_delta_weights,
                             sum_delta_momentum,    sum_step_squared};
    accumulate(n, which, state, [&](auto d, i64 i, auto* sum) {
      using D = decltype(d);
      const D x0 = take(d, b.x + i), x1 = take(d, x + i), m0 = take(d, b.m + i), m1 = take(d, m + i);
      const D c = take(d, b.c + i), y = lambda * x1;
      sum[0] += K::value(-m0, p, q);
      sum[1] = fma_of(x0, m0, sum[1]);
      D w = D{};
      if constexpr (!std::is_base_of_v<Support, K>) {
        const D inside = K::clip(y, p, q);
        sum[2] += K::conjugate(inside, p);
        w = K::slope(inside, p);
      }
      sum[3] += K::value(-m1, p, q);
      sum[4] = fma_of(x1, m1, sum[4]);
      D u = K::subgradient(-c, p, q);
      if (Mask) u = c * take(d, b.g + i) > 0 ? u : D{};
      sum[5] = fma_of(-c - w, u - y, sum[5]);
      sum[6] = fma_of(m1 - c, u - K::subgradient(-m1, p, q), sum[6]);
      const D step = x1 - x0;
      sum[7] = fma_of(step, step, sum[7]);
    });
  }
};

template <class T>
struct SumsOf {
  void (*before)(const T*, const T*, const T*, i64, const Scalars<T>&, Block<T>&, Lanes&) = nullptr;
  void (*after)(const T*, const T*, i64, const Scalars<T>&, Block<T>&, Lanes&) = nullptr;
};

template <class T, class K>
SumsOf<T> choose_sums(const OptimOptions& o) {
  if constexpr (!K::sums) {
    return {};
  } else {
    using S = Sums<T, K>;
    if (!o.all_sums) return {S::gap_before, S::gap_after};
    return {S::before, o.cautious_mask ? S::template after<true> : S::template after<false>};
  }
}
