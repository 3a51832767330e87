#include "signwise/attention.hpp"

#include <nanobind/stl/optional.h>

#include <optional>

#include "bindings.hpp"

using namespace signwise;
using namespace nb::literals;

namespace {

template <class T, int Dimensions>
using Array = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;
using Rows = Array<const float, 3>;
using Out = Array<float, 3>;
using Drop = std::optional<Rows>;

template <class A>
bool has_shape(const A& array, std::size_t a, std::size_t b, std::size_t c) {
  return array.shape(0) == a && array.shape(1) == b && array.shape(2) == c;
}

Attention attention(const Rows& query, const Rows& edge_weight, const Rows& table,
                    const Array<const std::int64_t, 2>& index, const Array<const std::uint8_t, 2>& mask,
                    const Rows& edge, const Drop& drop) {
  const auto n = query.shape(0), heads = query.shape(1), dim = query.shape(2);
  const auto k = index.shape(1), edge_dim = edge.shape(2);
  require(index.shape(0) == n && mask.shape(0) == n && mask.shape(1) == k, "index and mask must be (n, k)");
  require(has_shape(edge_weight, heads, dim, edge_dim) && has_shape(edge, n, k, edge_dim), "the edges' shapes differ");
  require(has_shape(table, table.shape(0), 2, heads * dim), "table must be (rows, 2, heads * dim)");
  require(!drop || has_shape(*drop, n, heads, k), "drop must be (n, heads, k)");
  const auto rows = length(table.shape(0));
  const std::int64_t* at = index.data();
  const std::uint8_t* is_there = mask.data();
  for (std::size_t i = 0; i < n * k; ++i)
    require(!is_there[i] || (at[i] >= 0 && at[i] < rows), "index has a row that table lacks");
  return {length(n),     length(k),         rows,         length(heads), length(dim), length(edge_dim),
          query.data(),  edge_weight.data(), table.data(), at,            is_there,    edge.data(),
          drop ? drop->data() : nullptr};
}

}  // namespace

void bind_attention(nb::module_& m) {
  m.def(
      "attention_forward",
      [](Rows query, Rows edge_weight, Rows table, Array<const std::int64_t, 2> index,
         Array<const std::uint8_t, 2> mask, Rows edge, Drop drop, Out alpha, Out value, Out summed, int threads) {
        const Attention a = attention(query, edge_weight, table, index, mask, edge, drop);
        const auto n = query.shape(0), heads = query.shape(1);
        require(has_shape(alpha, n, heads, index.shape(1)) && has_shape(value, n, heads, query.shape(2)) &&
                    has_shape(summed, n, heads, edge.shape(2)),
                "the outputs' shapes differ");
        nb::gil_scoped_release release;
        attention_forward(a, alpha.data(), value.data(), summed.data(), threads);
      },
      "query"_a.noconvert(), "edge_weight"_a.noconvert(), "table"_a.noconvert(), "index"_a.noconvert(),
      "mask"_a.noconvert(), "edge"_a.noconvert(), "drop"_a.noconvert().none(), "alpha"_a.noconvert(),
      "value"_a.noconvert(), "summed"_a.noconvert(), "threads"_a);
  m.def(
      "attention_backward",
      [](Rows query, Rows edge_weight, Rows table, Array<const std::int64_t, 2> index,
         Array<const std::uint8_t, 2> mask, Rows edge, Drop drop, Rows alpha, Rows summed, Rows value, Out query_out,
         Out edge_weight_out, Out table_out, Out edge_out) {
        const Attention a = attention(query, edge_weight, table, index, mask, edge, drop);
        const auto n = query.shape(0), heads = query.shape(1), dim = query.shape(2), edge_dim = edge.shape(2);
        require(has_shape(alpha, n, heads, index.shape(1)) && has_shape(value, n, heads, dim) &&
                    has_shape(summed, n, heads, edge_dim) && has_shape(query_out, n, heads, dim) &&
                    has_shape(edge_weight_out, heads, dim, edge_dim) &&
                    has_shape(table_out, table.shape(0), 2, heads * dim) &&
                    has_shape(edge_out, n, index.shape(1), edge_dim),
                "the gradients' shapes differ");
        nb::gil_scoped_release release;
        attention_backward(a, {alpha.data(), summed.data(), value.data(), query_out.data(), edge_weight_out.data(),
                               table_out.data(), edge_out.data()});
      },
      "query"_a.noconvert(), "edge_weight"_a.noconvert(), "table"_a.noconvert(), "index"_a.noconvert(),
      "mask"_a.noconvert(), "edge"_a.noconvert(), "drop"_a.noconvert().none(), "alpha"_a.noconvert(),
      "value"_a.noconvert(), "summed"_a.noconvert(), "query_out"_a.noconvert(), "edge_query_out"_a.noconvert(),
      "table_out"_a.noconvert(), "edge_out"_a.noconvert());
}
