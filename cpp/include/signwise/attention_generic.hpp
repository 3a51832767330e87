// The kernels of one instruction tier; SIGNWISE_ATTENTION_TIER names it. Sums run in eight lanes on every tier and
// nothing is contracted, so that the tiers give the same bits.
#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "signwise/attention_tiers.hpp"

namespace signwise {
namespace SIGNWISE_ATTENTION_TIER {
namespace {

using i64 = std::int64_t;

// Four numbers; eight are two of them, so that a tier without vectors of eight keeps both in registers.
using Half = float __attribute__((vector_size(16)));
using HalfAt = float __attribute__((vector_size(16), aligned(4), may_alias));
#ifdef __AVX2__
using Lanes = float __attribute__((vector_size(32)));
using LanesAt = float __attribute__((vector_size(32), aligned(4), may_alias));
inline Lanes load(const float* at) { return *reinterpret_cast<const LanesAt*>(at); }
inline void store(float* at, const Lanes& x) { *reinterpret_cast<LanesAt*>(at) = x; }
inline Half low(const Lanes& x) { return Half{x[0], x[1], x[2], x[3]}; }
inline Half high(const Lanes& x) { return Half{x[4], x[5], x[6], x[7]}; }
#else
struct Lanes {
  Half first = {0, 0, 0, 0}, second = {0, 0, 0, 0};
  Lanes& operator+=(const Lanes& other) {
    first += other.first;
    second += other.second;
    return *this;
  }
};
inline Lanes operator+(Lanes a, const Lanes& b) { return a += b; }
inline Lanes operator*(const Lanes& a, const Lanes& b) { return {a.first * b.first, a.second * b.second}; }
inline Lanes operator*(float scale, const Lanes& x) { return {scale * x.first, scale * x.second}; }
inline Lanes load(const float* at) {
  return {*reinterpret_cast<const HalfAt*>(at), *reinterpret_cast<const HalfAt*>(at + 4)};
}
inline void store(float* at, const Lanes& x) {
  *reinterpret_cast<HalfAt*>(at) = x.first;
  *reinterpret_cast<HalfAt*>(at + 4) = x.second;
}
inline Half low(const Lanes& x) { return x.first; }
inline Half high(const Lanes& x) { return x.second; }
#endif

// A sum of products in eight lanes, and what is left of lengths that are no multiple of eight. With Size above 0 the
// length is known to the compiler, which then unrolls.
struct Product {
  Lanes lanes = {};
  float tail = 0;

  template <int Size>
  void add(const float* a, const float* b, i64 length) {
    const i64 n = Size ? Size : length;
    i64 i = 0;
#pragma GCC unroll 8
    for (; i + 8 <= n; i += 8) lanes += load(a + i) * load(b + i);
    if constexpr (Size % 8 != 0 || Size == 0)
      for (; i < n; ++i) tail += a[i] * b[i];
  }
  float sum() const {
    const Half both = low(lanes) + high(lanes);
    return ((both[0] + both[1]) + (both[2] + both[3])) + tail;
  }
};

template <int Size>
inline float dot(const float* a, const float* b, i64 length) {
  Product product;
  product.add<Size>(a, b, length);
  return product.sum();
}

template <int Size>
inline void add(float* __restrict y, float scale, const float* __restrict x, i64 length) {
  if constexpr (Size > 0) {
#pragma GCC unroll 8
    for (i64 i = 0; i < Size; i += 8) store(y + i, load(y + i) + scale * load(x + i));
  } else {
    for (i64 i = 0; i < length; ++i) y[i] += scale * x[i];
  }
}

// A sum over events: of known length, a multiple of eight, in registers, or else where the result goes.
template <int Size>
struct Sum {
  Lanes local[Size ? Size / 8 : 1];
  float* out;
  i64 n;
  Sum(float* where, i64 length) : out(where), n(length) {
    if constexpr (Size > 0) {
#pragma GCC unroll 8
      for (int l = 0; l < Size / 8; ++l) local[l] = Lanes{};
    } else {
      std::fill(out, out + n, 0.0f);
    }
  }
  void add_scaled(float scale, const float* x) {
    if constexpr (Size > 0) {
#pragma GCC unroll 8
      for (int l = 0; l < Size / 8; ++l) local[l] += scale * load(x + 8 * l);
    } else {
      add<0>(out, scale, x, n);
    }
  }
  void store_all() {
    if constexpr (Size > 0) {
#pragma GCC unroll 8
      for (int l = 0; l < Size / 8; ++l) store(out + 8 * l, local[l]);
    }
  }
};

// e to the power of x <= 0 to two units in the last place, from a polynomial on |r| <= log(2) / 2, so that a loop over
// it becomes vectors and gives the same bits on every tier. Below -87 it is 0.
inline float exp_negative(float x) {
  const float bounded = std::max(x, -87.0f);
  // Adding and taking away 1.5 * 2**23 rounds to a whole number.
  const float shifted = bounded * 1.44269504f + 12582912.0f;
  const float whole = shifted - 12582912.0f;
  const float r = (bounded - whole * 0.693359375f) - whole * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  std::int32_t bits, exponent;
  std::memcpy(&exponent, &shifted, sizeof(exponent));
  std::memcpy(&bits, &p, sizeof(bits));
  bits += static_cast<std::int32_t>(static_cast<std::uint32_t>(exponent) << 23);
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return x < -87.0f ? 0.0f : result;
}

// Asks for the rows of a query's events while the one before it is worked on.
inline void prefetch_rows(const Attention& a, const float* table, i64 query) {
  if (query >= a.n) return;
  const i64 row_bytes = 2 * a.heads * a.dim * static_cast<i64>(sizeof(float));
  for (i64 j = 0; j < a.k; ++j) {
    if (!a.mask[query * a.k + j]) continue;
    const char* row = reinterpret_cast<const char*>(table) + a.index[query * a.k + j] * row_bytes;
    for (i64 at = 0; at < row_bytes; at += 64) __builtin_prefetch(row + at);
  }
}

// out = x W of one head: x has `dim` entries and W the rows of as many edge features.
template <int Dim, int Edge>
inline void to_edges(const Attention& a, const float* x, const float* weight, float* out) {
  const i64 dim = Dim ? Dim : a.dim;
  Sum<Edge> sum(out, a.edge_dim);
  for (i64 c = 0; c < dim; ++c) sum.add_scaled(x[c], weight + c * a.edge_dim);
  sum.store_all();
}

// out += x W' of one head.
template <int Dim, int Edge>
inline void from_edges(const Attention& a, const float* x, const float* weight, float* out) {
  const i64 dim = Dim ? Dim : a.dim;
  for (i64 c = 0; c < dim; ++c) out[c] += dot<Edge>(x, weight + c * a.edge_dim, a.edge_dim);
}

template <int Dim, int Edge>
void forward_of(const Attention& a, float* alpha, float* value, float* summed, i64 begin, i64 end) {
  const i64 wide = a.heads * a.dim;
  std::vector<float> edge_query(static_cast<std::size_t>(a.edge_dim));
  for (i64 i = begin; i < end; ++i) {
    prefetch_rows(a, a.table, i + 1);
    const i64* index = a.index + i * a.k;
    const std::uint8_t* mask = a.mask + i * a.k;
    const float* edges = a.edge + i * a.k * a.edge_dim;
    for (i64 h = 0; h < a.heads; ++h) {
      const i64 at = i * a.heads + h;
      const float* weight = a.edge_weight + h * a.dim * a.edge_dim;
      to_edges<Dim, Edge>(a, a.query + at * a.dim, weight, edge_query.data());
      float* weights = alpha + at * a.k;
      float highest = -std::numeric_limits<float>::infinity();
      for (i64 j = 0; j < a.k; ++j) {
        weights[j] = 0.0f;
        if (!mask[j]) continue;
        const float* key = a.table + index[j] * 2 * wide + h * a.dim;
        Product score;
        score.add<Dim>(a.query + at * a.dim, key, a.dim);
        score.add<Edge>(edge_query.data(), edges + j * a.edge_dim, a.edge_dim);
        weights[j] = score.sum();
        highest = std::max(highest, weights[j]);
      }
      for (i64 j = 0; j < a.k; ++j) weights[j] = mask[j] ? exp_negative(weights[j] - highest) : 0.0f;
      float total = 0.0f;
      for (i64 j = 0; j < a.k; ++j) total += weights[j];
      Sum<Dim> out(value + at * a.dim, a.dim);
      Sum<Edge> out_edge(summed + at * a.edge_dim, a.edge_dim);
      for (i64 j = 0; j < a.k; ++j) {
        if (!mask[j]) continue;
        weights[j] /= total;
        const float used = a.drop ? weights[j] * a.drop[at * a.k + j] : weights[j];
        out.add_scaled(used, a.table + index[j] * 2 * wide + wide + h * a.dim);
        out_edge.add_scaled(used, edges + j * a.edge_dim);
      }
      out.store_all();
      out_edge.store_all();
      from_edges<Dim, Edge>(a, summed + at * a.edge_dim, weight, value + at * a.dim);
    }
  }
}

template <int Dim, int Edge>
void backward_of(const Attention& a, const AttentionGradients& g) {
  const i64 wide = a.heads * a.dim;
  std::vector<float> scores(static_cast<std::size_t>(a.heads * a.k)), used(scores.size());
  // Of each head of a query: W'q, and the gradient of the sum of edges.
  std::vector<float> edge_query(static_cast<std::size_t>(a.heads * a.edge_dim)), out_edge(edge_query.size());
  std::vector<float> to_edge_query(static_cast<std::size_t>(a.edge_dim));
  for (i64 i = 0; i < a.n; ++i) {
    prefetch_rows(a, a.table, i + 1);
    prefetch_rows(a, g.table, i + 1);
    const i64* index = a.index + i * a.k;
    const std::uint8_t* mask = a.mask + i * a.k;
    const float* edges = a.edge + i * a.k * a.edge_dim;
    for (i64 h = 0; h < a.heads; ++h) {
      const i64 at = i * a.heads + h;
      const float* weights = g.alpha + at * a.k;
      const float* query = a.query + at * a.dim;
      const float* out = g.value + at * a.dim;
      const float* weight = a.edge_weight + h * a.dim * a.edge_dim;
      float* sums = out_edge.data() + h * a.edge_dim;
      to_edges<Dim, Edge>(a, query, weight, edge_query.data() + h * a.edge_dim);
      to_edges<Dim, Edge>(a, out, weight, sums);
      float* score = scores.data() + h * a.k;
      float* use = used.data() + h * a.k;
      float mean = 0.0f;
      for (i64 j = 0; j < a.k; ++j) {
        if (!mask[j]) continue;
        const float* row = a.table + index[j] * 2 * wide + wide + h * a.dim;
        const float drop = a.drop ? a.drop[at * a.k + j] : 1.0f;
        Product product;
        product.add<Dim>(out, row, a.dim);
        product.add<Edge>(sums, edges + j * a.edge_dim, a.edge_dim);
        score[j] = drop * product.sum();
        use[j] = weights[j] * drop;
        mean += weights[j] * score[j];
      }
      Sum<Dim> to_query(g.query + at * a.dim, a.dim);
      Sum<Edge> to_weight(to_edge_query.data(), a.edge_dim);
      for (i64 j = 0; j < a.k; ++j) {
        if (!mask[j]) continue;
        score[j] = weights[j] * (score[j] - mean);
        to_query.add_scaled(score[j], a.table + index[j] * 2 * wide + h * a.dim);
        to_weight.add_scaled(score[j], edges + j * a.edge_dim);
        float* row = g.table + index[j] * 2 * wide + h * a.dim;
        add<Dim>(row, score[j], query, a.dim);
        add<Dim>(row + wide, use[j], out, a.dim);
      }
      to_query.store_all();
      to_weight.store_all();
      from_edges<Dim, Edge>(a, to_edge_query.data(), weight, g.query + at * a.dim);
      const float* summed = g.summed + at * a.edge_dim;
      for (i64 c = 0; c < (Dim ? Dim : a.dim); ++c) {
        float* row = g.edge_weight + (h * a.dim + c) * a.edge_dim;
        add<Edge>(row, query[c], to_edge_query.data(), a.edge_dim);
        add<Edge>(row, out[c], summed, a.edge_dim);
      }
    }
    for (i64 j = 0; j < a.k; ++j) {
      Sum<Edge> to_edge(g.edge + (i * a.k + j) * a.edge_dim, a.edge_dim);
      for (i64 h = 0; mask[j] && h < a.heads; ++h) {
        to_edge.add_scaled(scores[h * a.k + j], edge_query.data() + h * a.edge_dim);
        to_edge.add_scaled(used[h * a.k + j], out_edge.data() + h * a.edge_dim);
      }
      to_edge.store_all();
    }
  }
}

template <class Call>
void with_sizes(const Attention& a, Call call) {
  using std::integral_constant;
  if (a.dim == 16 && a.edge_dim == 24)
    call(integral_constant<int, 16>{}, integral_constant<int, 24>{});
  else if (a.dim == 8 && a.edge_dim == 40)
    call(integral_constant<int, 8>{}, integral_constant<int, 40>{});
  else
    call(integral_constant<int, 0>{}, integral_constant<int, 0>{});
}

void forward(const Attention& a, float* alpha, float* value, float* summed, i64 begin, i64 end) {
  with_sizes(a, [&](auto dim, auto edge) { forward_of<dim.value, edge.value>(a, alpha, value, summed, begin, end); });
}

void backward(const Attention& a, const AttentionGradients& g) {
  with_sizes(a, [&](auto dim, auto edge) { backward_of<dim.value, edge.value>(a, g); });
}

constexpr AttentionTier tier{forward, backward};

}  // namespace
}  // namespace SIGNWISE_ATTENTION_TIER
}  // namespace signwise
