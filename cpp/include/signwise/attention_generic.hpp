// The kernels of one instruction tier; SIGNWISE_ATTENTION_TIER names it. Sums run in eight lanes on every tier and
// nothing is contracted, so that the tiers give the same bits.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "signwise/attention_tiers.hpp"

namespace signwise {
namespace SIGNWISE_ATTENTION_TIER {
namespace {

using i64 = std::int64_t;

// With Size above 0 the length is known to the compiler, which then unrolls.
template <int Size>
inline float dot(const float* a, const float* b, i64 length) {
  const i64 n = Size ? Size : length;
  float lane[8] = {0, 0, 0, 0, 0, 0, 0, 0};
  i64 i = 0;
  for (; i + 8 <= n; i += 8)
    for (int l = 0; l < 8; ++l) lane[l] += a[i + l] * b[i + l];
  float tail = 0;
  if constexpr (Size % 8 != 0 || Size == 0)
    for (; i < n; ++i) tail += a[i] * b[i];
  return ((lane[0] + lane[4]) + (lane[1] + lane[5])) + ((lane[2] + lane[6]) + (lane[3] + lane[7])) + tail;
}

template <int Size>
inline void add(float* __restrict y, float scale, const float* __restrict x, i64 length) {
  const i64 n = Size ? Size : length;
  for (i64 i = 0; i < n; ++i) y[i] += scale * x[i];
}

template <int Dim, int Edge>
void forward_of(const Attention& a, float* alpha, float* value, float* summed, i64 begin, i64 end) {
  const i64 wide = a.heads * a.dim;
  for (i64 i = begin; i < end; ++i) {
    const i64* index = a.index + i * a.k;
    const std::uint8_t* mask = a.mask + i * a.k;
    const float* edges = a.edge + i * a.k * a.edge_dim;
    for (i64 h = 0; h < a.heads; ++h) {
      const i64 at = i * a.heads + h;
      float* weights = alpha + at * a.k;
      float* out = value + at * a.dim;
      float* out_edge = summed + at * a.edge_dim;
      std::fill(out, out + a.dim, 0.0f);
      std::fill(out_edge, out_edge + a.edge_dim, 0.0f);
      float highest = -std::numeric_limits<float>::infinity();
      for (i64 j = 0; j < a.k; ++j) {
        weights[j] = 0.0f;
        if (!mask[j]) continue;
        const float* key = a.table + index[j] * 2 * wide + h * a.dim;
        weights[j] = dot<Dim>(a.query + at * a.dim, key, a.dim) +
                     dot<Edge>(a.edge_query + at * a.edge_dim, edges + j * a.edge_dim, a.edge_dim);
        highest = std::max(highest, weights[j]);
      }
      float total = 0.0f;
      for (i64 j = 0; j < a.k; ++j) {
        if (!mask[j]) continue;
        weights[j] = std::exp(weights[j] - highest);
        total += weights[j];
      }
      for (i64 j = 0; j < a.k; ++j) {
        if (!mask[j]) continue;
        weights[j] /= total;
        const float used = a.drop ? weights[j] * a.drop[at * a.k + j] : weights[j];
        add<Dim>(out, used, a.table + index[j] * 2 * wide + wide + h * a.dim, a.dim);
        add<Edge>(out_edge, used, edges + j * a.edge_dim, a.edge_dim);
      }
    }
  }
}

template <int Dim, int Edge>
void backward_of(const Attention& a, const float* alpha, const AttentionGradients& g) {
  const i64 wide = a.heads * a.dim;
  std::vector<float> slope(static_cast<std::size_t>(a.k));
  std::fill(g.query, g.query + a.n * wide, 0.0f);
  std::fill(g.edge_query, g.edge_query + a.n * a.heads * a.edge_dim, 0.0f);
  std::fill(g.edge, g.edge + a.n * a.k * a.edge_dim, 0.0f);
  for (i64 i = 0; i < a.n; ++i) {
    const i64* index = a.index + i * a.k;
    const std::uint8_t* mask = a.mask + i * a.k;
    const float* edges = a.edge + i * a.k * a.edge_dim;
    float* edge_gradient = g.edge + i * a.k * a.edge_dim;
    for (i64 h = 0; h < a.heads; ++h) {
      const i64 at = i * a.heads + h;
      const float* weights = alpha + at * a.k;
      const float* out = g.value + at * a.dim;
      const float* out_edge = g.summed + at * a.edge_dim;
      float mean = 0.0f;
      for (i64 j = 0; j < a.k; ++j) {
        if (!mask[j]) continue;
        const float* row = a.table + index[j] * 2 * wide + wide + h * a.dim;
        const float drop = a.drop ? a.drop[at * a.k + j] : 1.0f;
        slope[j] = drop * (dot<Dim>(out, row, a.dim) + dot<Edge>(out_edge, edges + j * a.edge_dim, a.edge_dim));
        mean += weights[j] * slope[j];
      }
      for (i64 j = 0; j < a.k; ++j) {
        if (!mask[j]) continue;
        const float score = weights[j] * (slope[j] - mean);
        const float used = a.drop ? weights[j] * a.drop[at * a.k + j] : weights[j];
        const float* key = a.table + index[j] * 2 * wide + h * a.dim;
        float* row = g.table + index[j] * 2 * wide + h * a.dim;
        add<Dim>(g.query + at * a.dim, score, key, a.dim);
        add<Dim>(row, score, a.query + at * a.dim, a.dim);
        add<Dim>(row + wide, used, out, a.dim);
        add<Edge>(g.edge_query + at * a.edge_dim, score, edges + j * a.edge_dim, a.edge_dim);
        add<Edge>(edge_gradient + j * a.edge_dim, score, a.edge_query + at * a.edge_dim, a.edge_dim);
        add<Edge>(edge_gradient + j * a.edge_dim, used, out_edge, a.edge_dim);
      }
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

void backward(const Attention& a, const float* alpha, const AttentionGradients& g) {
  with_sizes(a, [&](auto dim, auto edge) { backward_of<dim.value, edge.value>(a, alpha, g); });
}

constexpr AttentionTier tier{forward, backward};

}  // namespace
}  // namespace SIGNWISE_ATTENTION_TIER
}  // namespace signwise
