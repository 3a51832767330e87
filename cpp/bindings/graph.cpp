#include <nanobind/ndarray.h>

#include <stdexcept>

#include "bindings.hpp"
#include "signwise/stream_state.hpp"

using namespace signwise;
using namespace nb::literals;

namespace {

template <class T, int Dimensions>
using Array = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;
using Ids = Array<const std::int64_t, 1>;
using Values = Array<const double, 1>;
using Features = Array<float, 2>;

// An array of a tuple or dict, as it is: a silent copy would lose what is written to it.
template <class T, int Dimensions>
Array<T, Dimensions> exactly(nb::handle value) {
  return nb::cast<Array<T, Dimensions>>(value, false);
}

// The five arrays (peer, time, x, role, event) with `ring` entries in the last dimension.
template <int Dimensions>
RingRows ring_rows(nb::handle arrays, std::size_t rows, std::int64_t ring) {
  const auto check = [&](const auto& array) {
    std::size_t found = 1;
    for (int i = 0; i + 1 < Dimensions; ++i) found *= array.shape(i);
    require(found == rows && length(array.shape(Dimensions - 1)) == ring, "the rings have another shape");
    return array.data();
  };
  return {check(exactly<std::int64_t, Dimensions>(arrays[0])), check(exactly<std::int64_t, Dimensions>(arrays[1])),
          check(exactly<float, Dimensions>(arrays[2])), check(exactly<std::int8_t, Dimensions>(arrays[3])),
          check(exactly<std::int64_t, Dimensions>(arrays[4]))};
}

// Rows of stream(): of length 0 where they are not wanted.
StreamRows stream_rows(const StreamState& state, const Features& features, nb::handle rings, std::size_t rows) {
  const bool wanted = features.shape(0) > 0;
  require((!wanted || features.shape(0) == rows) && features.shape(1) == StreamState::features_per_pair,
          "the features have another shape");
  StreamRows out{wanted ? features.data() : nullptr, {}};
  if (exactly<std::int64_t, 3>(rings[0]).shape(0) > 0) out.rings = ring_rows<3>(rings, 2 * rows, state.ring());
  return out;
}

struct EventIds {
  const std::int64_t* source;
  const std::int64_t* target;
  std::int64_t n;
};

EventIds event_ids(const Ids& source, const Ids& target) {
  const std::size_t n = source.shape(0);
  require(target.shape(0) == n, "the lengths differ");
  for (std::size_t i = 0; i < n; ++i)
    require(source.data()[i] >= 0 && source.data()[i] < StreamState::max_nodes && target.data()[i] >= 0 &&
                target.data()[i] < StreamState::max_nodes,
            "an id is out of range");
  return {source.data(), target.data(), length(n)};
}

EventColumns event_columns(const Ids& source, const Ids& target, const Values& x, const Ids& time, const Ids& number) {
  const EventIds ids = event_ids(source, target);
  const std::size_t n = source.shape(0);
  require(x.shape(0) == n && time.shape(0) == n && number.shape(0) == n, "the lengths differ");
  return {ids.source, ids.target, x.data(), time.data(), number.data(), ids.n};
}

PairColumns pair_columns(const Ids& source, const Ids& target, const Ids& time) {
  const std::size_t n = source.shape(0);
  require(target.shape(0) == n && time.shape(0) == n, "the lengths differ");
  return {source.data(), target.data(), time.data(), length(n)};
}

StoredState stored_state(const StreamState& state, const nb::dict& arrays, std::size_t nodes, std::size_t edges) {
  const auto table = [&](auto array, std::size_t rows, std::size_t columns) {
    require(array.shape(0) == rows && array.shape(1) == columns, "a table has another shape");
    return array.data();
  };
  const auto column = [&](auto array, std::size_t rows) {
    require(array.shape(0) == rows, "a column has another length");
    return array.data();
  };
  const nb::tuple rings = nb::make_tuple(arrays["ring_peer"], arrays["ring_time"], arrays["ring_x"],
                                         arrays["ring_role"], arrays["ring_event"]);
  return {table(exactly<std::int64_t, 2>(arrays["counts"]), nodes, 4),
          table(exactly<double, 2>(arrays["sums"]), nodes, 3),
          table(exactly<std::int64_t, 2>(arrays["last"]), nodes, 2),
          column(exactly<std::int32_t, 1>(arrays["edge_source"]), edges),
          column(exactly<std::int32_t, 1>(arrays["edge_target"]), edges),
          column(exactly<double, 1>(arrays["edge_x"]), edges),
          ring_rows<2>(rings, nodes, state.ring()),
          column(exactly<std::int64_t, 1>(arrays["totals"]), 2),
          column(exactly<double, 1>(arrays["total_x"]), 1)};
}

}  // namespace

void bind_graph(nb::module_& m) {
  nb::class_<StreamState>(m, "StreamState")
      .def(nb::init<double, std::int64_t>(), "tick_seconds"_a, "ring"_a)
      .def_prop_ro("num_nodes", &StreamState::num_nodes)
      .def_prop_ro("num_events", &StreamState::num_events)
      .def_prop_ro("num_edges", &StreamState::num_edges)
      .def_prop_ro("bytes", &StreamState::bytes)
      .def_prop_ro("triad_reads", &StreamState::triad_reads)
      .def(
          "expect",
          [](StreamState& state, Ids source, Ids target) {
            const EventIds ids = event_ids(source, target);
            nb::gil_scoped_release release;
            state.expect(ids.source, ids.target, ids.n);
          },
          "source"_a.noconvert(), "target"_a.noconvert())
      .def(
          "features",
          [](const StreamState& state, Ids source, Ids target, Ids time, Features out) {
            const PairColumns pairs = pair_columns(source, target, time);
            require(length(out.shape(0)) == pairs.n && out.shape(1) == StreamState::features_per_pair,
                    "the features have another shape");
            nb::gil_scoped_release release;
            state.features(pairs, out.data());
          },
          "source"_a.noconvert(), "target"_a.noconvert(), "time"_a.noconvert(), "out"_a.noconvert())
      .def(
          "neighbors",
          [](const StreamState& state, Ids nodes, nb::tuple rings) {
            const RingRows out = ring_rows<2>(rings, nodes.shape(0), state.ring());
            nb::gil_scoped_release release;
            state.neighbors(nodes.data(), length(nodes.shape(0)), out);
          },
          "nodes"_a.noconvert(), "rings"_a)
      .def(
          "commit",
          [](StreamState& state, Ids source, Ids target, Values x, Ids time, Ids number) {
            const EventColumns events = event_columns(source, target, x, time, number);
            nb::gil_scoped_release release;
            state.commit(events);
          },
          "source"_a.noconvert(), "target"_a.noconvert(), "x"_a.noconvert(), "time"_a.noconvert(),
          "number"_a.noconvert())
      .def(
          "stream",
          [](StreamState& state, Ids source, Ids target, Values x, Ids time, Ids row, std::int64_t rows,
             std::int64_t first_event, Features features, nb::tuple rings, Ids query_source, Ids query_target,
             Ids query_time, Features query_features, nb::tuple query_rings) {
            const EventColumns events = event_columns(source, target, x, time, row);
            for (std::int64_t i = 0; i < events.n; ++i)
              require(row.data()[i] >= 0 && row.data()[i] < rows, "a row is out of range");
            const PairColumns queries = pair_columns(query_source, query_target, query_time);
            const StreamRows out = stream_rows(state, features, rings, static_cast<std::size_t>(rows));
            const StreamRows query_out = stream_rows(state, query_features, query_rings, query_source.shape(0));
            nb::gil_scoped_release release;
            state.stream(events, first_event, out, queries, query_out);
          },
          "source"_a.noconvert(), "target"_a.noconvert(), "x"_a.noconvert(), "time"_a.noconvert(),
          "row"_a.noconvert(), "rows"_a, "first_event"_a, "features"_a.noconvert(), "rings"_a,
          "query_source"_a.noconvert(), "query_target"_a.noconvert(), "query_time"_a.noconvert(),
          "query_features"_a.noconvert(), "query_rings"_a)
      .def(
          "export",
          [](const StreamState& state, nb::dict arrays) {
            state.save(stored_state(state, arrays, static_cast<std::size_t>(state.num_nodes()),
                                    static_cast<std::size_t>(state.num_edges())));
          },
          "arrays"_a)
      .def(
          "load",
          [](StreamState& state, nb::dict arrays) {
            require(state.num_nodes() == 0, "the state is not empty");
            const std::size_t nodes = exactly<std::int64_t, 2>(arrays["counts"]).shape(0);
            const std::size_t edges = exactly<double, 1>(arrays["edge_x"]).shape(0);
            const StoredState stored = stored_state(state, arrays, nodes, edges);
            for (std::size_t e = 0; e < edges; ++e)
              require(stored.edge_source[e] >= 0 && stored.edge_target[e] >= 0 &&
                          static_cast<std::size_t>(stored.edge_source[e]) < nodes &&
                          static_cast<std::size_t>(stored.edge_target[e]) < nodes,
                      "an edge has an end that is no node");
            nb::gil_scoped_release release;
            state.load(stored, length(nodes), length(edges));
          },
          "arrays"_a);
}
