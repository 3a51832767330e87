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

// A sum over events: in an array of known length, which stays in registers, or else where the result goes.
template <int Size>
struct Sum {
  alignas(64) float local[Size ? Size : 1];
  float* out;
  i64 n;
  Sum(float* where, i64 length) : out(where), n(length) { std::fill(data(), data() + n, 0.0f); }
  float* data() { return Size ? local : out; }
  void add_scaled(float scale, const float* x) { add<Size>(data(), scale, x, n); }
  void store() {
    if constexpr (Size > 0)
      for (int l = 0; l < Size; ++l) out[l] = local[l];
  }
};

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
      Sum<Dim> out(value + at * a.dim, a.dim);
      Sum<Edge> out_edge(summed + at * a.edge_dim, a.edge_dim);
      for (i64 j = 0; j < a.k; ++j) {
        if (!mask[j]) continue;
        weights[j] /= total;
        const float used = a.drop ? weights[j] * a.drop[at * a.k + j] : weights[j];
        out.add_scaled(used, a.table + index[j] * 2 * wide + wide + h * a.dim);
        out_edge.add_scaled(used, edges + j * a.edge_dim);
      }
      out.store();
      out_edge.store();
    }
  }
}

template <int Dim, int Edge>
void backward_of(const Attention& a, const float* alpha, const AttentionGradients& g) {
  const i64 wide = a.heads * a.dim;
  std::vector<float> scores(static_cast<std::size_t>(a.heads * a.k)), used(scores.size());
  for (i64 i = 0; i < a.n; ++i) {
    const i64* index = a.index + i * a.k;
    const std::uint8_t* mask = a.mask + i * a.k;
    const float* edges = a.edge + i * a.k * a.edge_dim;
    for (i64 h = 0; h < a.heads; ++h) {
      const i64 at = i * a.heads + h;
      const float* weights = alpha + at * a.k;
      const float* query = a.query + at * a.dim;
      const float* out = g.value + at * a.dim;
      const float* out_edge = g.summed + at * a.edge_dim;
      float* score = scores.data() + h * a.k;
      float* use = used.data() + h * a.k;
      float mean = 0.0f;
      for (i64 j = 0; j < a.k; ++j) {
        if (!mask[j]) continue;
        const float* row = a.table + index[j] * 2 * wide + wide + h * a.dim;
        const float drop = a.drop ? a.drop[at * a.k + j] : 1.0f;
        score[j] = drop * (dot<Dim>(out, row, a.dim) + dot<Edge>(out_edge, edges + j * a.edge_dim, a.edge_dim));
        use[j] = weights[j] * drop;
        mean += weights[j] * score[j];
      }
      Sum<Dim> to_query(g.query + at * a.dim, a.dim);
      Sum<Edge> to_edge_query(g.edge_query + at * a.edge_dim, a.edge_dim);
      for (i64 j = 0; j < a.k; ++j) {
        if (!mask[j]) continue;
        score[j] = weights[j] * (score[j] - mean);
        to_query.add_scaled(score[j], a.table + index[j] * 2 * wide + h * a.dim);
        to_edge_query.add_scaled(score[j], edges + j * a.edge_dim);
        float* row = g.table + index[j] * 2 * wide + h * a.dim;
        add<Dim>(row, score[j], query, a.dim);
        add<Dim>(row + wide, use[j], out, a.dim);
      }
      to_query.store();
      to_edge_query.store();
    }
    for (i64 j = 0; j < a.k; ++j) {
      Sum<Edge> to_edge(g.edge + (i * a.k + j) * a.edge_dim, a.edge_dim);
      for (i64 h = 0; mask[j] && h < a.heads; ++h) {
        to_edge.add_scaled(scores[h * a.k + j], a.edge_query + (i * a.heads + h) * a.edge_dim);
        to_edge.add_scaled(used[h * a.k + j], g.summed + (i * a.heads + h) * a.edge_dim);
      }
      to_edge.store();
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
