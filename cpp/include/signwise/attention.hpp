#pragma once

#include <cstdint>

namespace signwise {

// Attention of n queries over k events each, whose keys and values are rows of one table.
//   score = q_h . (key_h + W_h edge),   alpha = softmax over the events of a query,   used = alpha * drop
//   summed_h = sum used * edge,   value_h = sum used * value row_h + W_h summed_h
// Edges are never projected: q . W edge is taken as (W'q) . edge. A query without events has zeros. All arrays are
// dense and row-major, float32.
struct Attention {
  std::int64_t n, k, rows, heads, dim, edge_dim;
  const float* query;        // n, heads, dim; scaled
  const float* edge_weight;  // heads, dim, edge_dim; W
  const float* table;        // rows, 2, heads, dim: keys, then values
  const std::int64_t* index; // n, k
  const std::uint8_t* mask;  // n, k
  const float* edge;         // n, k, edge_dim
  const float* drop;         // n, heads, k, or null for ones
};

struct AttentionGradients {
  const float* alpha;   // n, heads, k; of the forward pass
  const float* summed;  // n, heads, edge_dim; of the forward pass
  const float* value;   // n, heads, dim; the gradient that comes
  float* query;         // n, heads, dim
  float* edge_weight;   // heads, dim, edge_dim; added to
  float* table;         // rows, 2, heads, dim; added to
  float* edge;          // n, k, edge_dim
};

// alpha is (n, heads, k). Rows are independent, so the result does not depend on the threads.
void attention_forward(const Attention& a, float* alpha, float* value, float* summed, int threads);

// Serial: queries share rows of the table.
void attention_backward(const Attention& a, const AttentionGradients& gradients);

}  // namespace signwise
