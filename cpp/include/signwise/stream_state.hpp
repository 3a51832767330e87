#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "signwise/large_pages.hpp"
#include "signwise/stream_peers.hpp"

namespace signwise {

// The event-exact state of a stream of signed events: counters, newest events, and the newest value of every edge.
//
// The callers see to it that ids are in [0, StreamState::max_nodes), values in [-1, 1], times later than those
// committed, and the events of a tie group next to each other in the order in which they are to be applied.

struct EventColumns {
  const std::int64_t* source;
  const std::int64_t* target;
  const double* x;
  const std::int64_t* time;
  const std::int64_t* number;  // what a ring keeps of each event; in stream() the output row as well
  std::int64_t n;
};

struct PairColumns {
  const std::int64_t* source;
  const std::int64_t* target;
  const std::int64_t* time;
  std::int64_t n;
};

// The newest events of nodes, `ring` entries a node; event -1 where there are no more.
struct RingRows {
  std::int64_t* peer;
  std::int64_t* time;
  float* x;
  std::int8_t* role;
  std::int64_t* event;

  RingRows from(std::int64_t entry) const {
    return {peer + entry, time + entry, x + entry, role + entry, event + entry};
  }
};

// Where stream() writes: `features` null and `rings` null where they are not wanted. Rings have two rows an event.
struct StreamRows {
  float* features;
  RingRows rings;
};

struct StoredState {
  std::int64_t* counts;  // (nodes, 4): O+, O-, I+, I-
  double* sums;          // (nodes, 3): SO, SI, R
  std::int64_t* last;    // (nodes, 2): L_o, L_i
  std::int32_t* edge_source;
  std::int32_t* edge_target;
  double* edge_x;
  RingRows rings;
  std::int64_t* totals;  // events, positive events
  double* total_x;
};

class StreamState {
 public:
  static constexpr int features_per_pair = 34;
  static constexpr std::int64_t max_nodes = (std::int64_t{1} << 30) - 1;

  StreamState(double tick_seconds, std::int64_t ring);
  ~StreamState();
  StreamState(const StreamState&) = delete;
  StreamState& operator=(const StreamState&) = delete;

  std::int64_t num_nodes() const { return num_nodes_; }
  std::int64_t num_events() const { return events_; }
  std::int64_t num_edges() const { return edges_; }
  std::int64_t ring() const { return ring_; }
  std::int64_t bytes() const;
  // Entries of lists of peers that the triads of all features so far have compared.
  std::int64_t triad_reads() const { return triad_reads_.load(std::memory_order_relaxed); }

  // Makes room for events that are known to come, in few large blocks; without it the room grows when it is short.
  void expect(const std::int64_t* source, const std::int64_t* target, std::int64_t n);
  void features(const PairColumns& pairs, float* out) const;
  void neighbors(const std::int64_t* nodes, std::int64_t n, const RingRows& out) const;
  void commit(const EventColumns& events);
  // For each tie group: reads the queries due by its time, then its events, and only then commits it. An event has
  // the number `first_event` + its row.
  void stream(const EventColumns& events, std::int64_t first_event, const StreamRows& out, const PairColumns& queries,
              const StreamRows& query_out);
  void save(const StoredState& out) const;
  void load(const StoredState& stored, std::int64_t nodes, std::int64_t edges);

 private:
  // Two cache lines.
  struct alignas(64) Node {
    std::int64_t given[2] = {0, 0};     // O+, O-
    std::int64_t received[2] = {0, 0};  // I+, I-
    double given_x = 0, received_x = 0, residual = 0;
    std::int64_t last_given = 0, last_received = 0;
    Peers peers;
    PeerFilter filter;

    std::int64_t all_given() const { return given[0] + given[1]; }
    std::int64_t all_received() const { return received[0] + received[1]; }
    std::int64_t pushes() const { return all_given() + all_received(); }
  };
  struct RingEntry {
    std::int64_t time;
    std::int64_t event;
    std::uint32_t peer;  // peer << 1 | whether the node was the rater
    float x;
  };
  struct PairValues {
    double up, down;  // of lower id -> higher id, and back
  };

  // Where the ends of a pair u, v are in each other's lists; of no meaning where u is v.
  struct Places {
    Place v_of_u, u_of_v;
  };

  // The values node -> peer and peer -> node of an entry; `there` says by out_bit and in_bit which of them there are,
  // and the other is of no meaning.
  struct Ends {
    std::uint32_t there;
    double x[2];
  };

  const Node& node(std::int64_t id) const { return nodes_[static_cast<std::size_t>(id)]; }
  const Node* find_node(std::int64_t id) const { return id >= 0 && id < num_nodes() ? &node(id) : nullptr; }
  Places places_of(std::int64_t u, std::int64_t v) const {
    return {place_of(node(u).peers, v), place_of(node(v).peers, u)};
  }
  void features_of(const Node& u, const Node& v, std::int64_t t, float* out) const;
  void pair_features(std::int64_t u, std::int64_t v, const Places& places, float* out, std::int64_t& reads) const;
  Ends ends_of(std::int64_t node, const Peers& peers, std::uint32_t at) const;
  void write_triads(std::int64_t u, std::int64_t v, float* out, std::int64_t& reads) const;
  void read(std::int64_t u, std::int64_t v, std::int64_t t, float* out, std::int64_t& reads) const;
  void read_rings(std::int64_t u, std::int64_t v, std::int64_t row, const StreamRows& out) const;
  void ask(const PairColumns& queries, std::int64_t row, const StreamRows& out, std::int64_t& reads) const;
  void read_ring(std::int64_t node, const RingRows& out) const;
  void grow(const EventColumns& events);
  void apply(const EventColumns& events, std::int64_t begin, std::int64_t end, std::int64_t first_event);
  void apply_event(const EventColumns& events, std::int64_t i, std::int64_t first_event, double expected,
                   const Places& places);
  // What the next rating that a node gets is expected to be.
  double expected_of(const Node& ratee) const {
    const double g = (total_x_ + 0.1) / (static_cast<double>(events_) + 1.0);
    return (ratee.received_x + 3.0 * g) / static_cast<double>(ratee.all_received() + 3);
  }
  void set_edge(std::int64_t u, std::int64_t v, double x, const Places& places);
  void push(std::int64_t node, const RingEntry& entry);
  void prefetch_node(std::int64_t id) const;
  void prefetch_peers(std::int64_t id) const;

  double tick_seconds_;
  std::int64_t ring_;
  std::int64_t num_nodes_ = 0, events_ = 0, positive_ = 0, edges_ = 0;
  double total_x_ = 0;
  std::vector<Node, LargePages<Node>> nodes_;  // more than num_nodes_ where more are expected
  std::vector<RingEntry, LargePages<RingEntry>> rings_;
  std::vector<std::vector<std::uint64_t, LargePages<std::uint64_t>>> blocks_;  // of the lists that are lent
  std::vector<PairValues> pairs_;
  std::vector<double> expected_;
  mutable std::atomic<std::int64_t> triad_reads_{0};
};

}  // namespace signwise
