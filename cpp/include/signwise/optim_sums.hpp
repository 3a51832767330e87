// The certificate sums, in float64. Included by optim_generic.hpp inside the namespace of one instruction tier.

constexpr int parts = lanes / SIGNWISE_OPTIM_LANES;  // registers that hold one sum

// ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7))
inline double sum_lanes(const double* lane) {
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

struct Lanes {
  alignas(64) double lane[optim_sums][lanes] = {};

  void add_to(double* sums) const {
    for (int k = 0; k < max_gauge; ++k) sums[k] += sum_lanes(lane[k]);
    for (double gauge : lane[max_gauge])
      if (gauge > sums[max_gauge]) sums[max_gauge] = gauge;
  }
};

// A block before and after its step: weights, gradient, momentum.
template <class T>
struct Block {
  const T *x, *g, *m, *x_after, *m_after;
  i64 n;
  bool mask;
};

// All that the sums of some elements need, as D: a double or a vector of them.
template <class K, class D>
inline void add_terms(D x, D g, D m, D c, D x_after, D m_after, bool mask, double lambda, double first, double second,
                      D* sum) {
  const D y = lambda * x_after;
  const D inside = K::clip(y, first, second);
  D u = K::subgradient(-c, first, second);
  if (mask) u = c * g > 0 ? u : all<D>(0);
  D w = all<D>(0);
  if constexpr (!std::is_base_of_v<Support, K>) {
    sum[sum_conjugate_before] += K::conjugate(K::clip(lambda * x, first, second), first);
    sum[sum_conjugate_after] += K::conjugate(inside, first);
    w = K::slope(inside, first);
  }
  sum[sum_k_gradient] += K::value(-g, first, second);
  sum[sum_x_gradient] += x * g;
  sum[sum_k_momentum_before] += K::value(-m, first, second);
  sum[sum_x_momentum_before] += x * m;
  sum[sum_k_momentum_after] += K::value(-m_after, first, second);
  sum[sum_x_momentum_after] += x_after * m_after;
  sum[sum_delta_weights] += (-c - w) * (u - y);
  sum[sum_delta_momentum] += (m_after - c) * (u - K::subgradient(-m_after, first, second));
  const D step = x_after - x, outside = y - inside;
  sum[sum_step_squared] += step * step;
  sum[sum_distance_squared] += outside * outside;
  sum[max_gauge] = max_of(sum[max_gauge], K::gauge(y, first, second));
}

inline Doubles widen(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof values);
  return __builtin_convertvector(values, Doubles);
}
inline Doubles widen(const double* from) {
  Doubles values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

template <class T, class K>
void sum_values(const Block<T>& b, const Scalars<T>& s, Lanes& state) {
  alignas(64) T c[momentum_block], g[momentum_block];
  for (i64 i = 0; i < b.n; ++i) {
    g[i] = b.g[i] * s.sign;
    c[i] = fma_of(g[i], s.a1, b.m[i] * s.b1);
  }
  const i64 full = b.n - b.n % lanes;
  for (int part = 0; part < parts; ++part) {
    const int first_lane = part * SIGNWISE_OPTIM_LANES;
    Doubles sum[optim_sums];
#pragma GCC unroll 16
    for (int k = 0; k < optim_sums; ++k) std::memcpy(&sum[k], state.lane[k] + first_lane, sizeof(Doubles));
    for (i64 i = first_lane; i < full; i += lanes)
      add_terms<K>(widen(b.x + i), widen(g + i), widen(b.m + i), widen(c + i), widen(b.x_after + i),
                   widen(b.m_after + i), b.mask, s.lambda, s.d_first, s.d_second, sum);
#pragma GCC unroll 16
    for (int k = 0; k < optim_sums; ++k) std::memcpy(state.lane[k] + first_lane, &sum[k], sizeof(Doubles));
  }
  for (i64 i = full; i < b.n; ++i) {
    double sum[optim_sums];
    const i64 lane = i % lanes;
    for (int k = 0; k < optim_sums; ++k) sum[k] = state.lane[k][lane];
    add_terms<K, double>(b.x[i], g[i], b.m[i], c[i], b.x_after[i], b.m_after[i], b.mask, s.lambda, s.d_first,
                         s.d_second, sum);
    for (int k = 0; k < optim_sums; ++k) state.lane[k][lane] = sum[k];
  }
}

template <class T>
using SumValues = void (*)(const Block<T>&, const Scalars<T>&, Lanes&);

template <class T, class K>
SumValues<T> choose_sums() {
  if constexpr (K::sums)
    return sum_values<T, K>;
  else
    return nullptr;
}
