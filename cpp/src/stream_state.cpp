#include "signwise/stream_state.hpp"

#include <algorithm>
#include <cmath>

namespace signwise {

namespace {

// Events between the present one and that whose nodes, and whose lists of peers, are asked for.
constexpr std::int64_t ahead_node = 16, ahead_peers = 8;

}  // namespace

StreamState::StreamState(double tick_seconds, std::int64_t ring) : tick_seconds_(tick_seconds), ring_(ring) {}

StreamState::~StreamState() {
  for (Node& node : nodes_) release(node.peers);
}

std::int64_t StreamState::bytes() const {
  std::size_t total = sizeof(*this) + nodes_.capacity() * sizeof(Node) + rings_.capacity() * sizeof(RingEntry) +
                      pairs_.capacity() * sizeof(PairValues) + expected_.capacity() * sizeof(double);
  for (const auto& block : blocks_) total += block.capacity() * sizeof(std::uint64_t);
  for (const Node& node : nodes_) total += node.peers.lent ? 0 : node.peers.capacity * entry_bytes;
  return static_cast<std::int64_t>(total);
}

void StreamState::neighbors(const std::int64_t* nodes, std::int64_t n, const RingRows& out) const {
  for (std::int64_t i = 0; i < n; ++i) read_ring(nodes[i], out.from(i * ring_));
}

void StreamState::read_ring(std::int64_t node, const RingRows& out) const {
  const Node* known = find_node(node);
  const std::int64_t pushes = known != nullptr ? known->pushes() : 0;
  for (std::int64_t k = 0; k < ring_; ++k) {
    if (k >= pushes) {
      out.peer[k] = out.time[k] = 0;
      out.x[k] = 0.0f;
      out.role[k] = 0;
      out.event[k] = -1;
      continue;
    }
    const RingEntry& entry = rings_[static_cast<std::size_t>(node * ring_ + (pushes - 1 - k) % ring_)];
    out.peer[k] = entry.peer >> 1;
    out.time[k] = entry.time;
    out.x[k] = entry.x;
    out.role[k] = (entry.peer & 1) != 0 ? 1 : -1;
    out.event[k] = entry.event;
  }
}

void StreamState::read_rings(std::int64_t u, std::int64_t v, std::int64_t row, const StreamRows& out) const {
  if (out.rings.peer == nullptr) return;
  read_ring(u, out.rings.from((2 * row) * ring_));
  read_ring(v, out.rings.from((2 * row + 1) * ring_));
}

void StreamState::ask(const PairColumns& queries, std::int64_t row, const StreamRows& out, std::int64_t& reads) const {
  const std::int64_t u = queries.source[row], v = queries.target[row];
  if (out.features != nullptr) read(u, v, queries.time[row], out.features + row * features_per_pair, reads);
  read_rings(u, v, row, out);
}

void StreamState::commit(const EventColumns& events) {
  grow(events);
  for (std::int64_t begin = 0, end; begin < events.n; begin = end) {
    end = begin + 1;
    while (end < events.n && events.time[end] == events.time[begin]) ++end;
    apply(events, begin, end, 0);
  }
}

void StreamState::stream(const EventColumns& events, std::int64_t first_event, const StreamRows& out,
                         const PairColumns& queries, const StreamRows& query_out) {
  grow(events);
  std::int64_t reads = 0, asked = 0;
  for (std::int64_t begin = 0, end; begin < events.n; begin = end) {
    const std::int64_t t = events.time[begin];
    end = begin + 1;
    while (end < events.n && events.time[end] == t) ++end;
    for (; asked < queries.n && queries.time[asked] <= t; ++asked) ask(queries, asked, query_out, reads);
    Places places{};
    for (std::int64_t i = begin; i < end; ++i) {
      if (i + ahead_node < events.n) {
        prefetch_node(events.source[i + ahead_node]);
        prefetch_node(events.target[i + ahead_node]);
        prefetch_peers(events.source[i + ahead_peers]);
        prefetch_peers(events.target[i + ahead_peers]);
      }
      const std::int64_t u = events.source[i], v = events.target[i], row = events.number[i];
      if (u != v) places = places_of(u, v);
      if (out.features != nullptr) {
        float* features = out.features + row * features_per_pair;
        features_of(node(u), node(v), t, features);
        if (u != v) pair_features(u, v, places, features, reads);
      }
      read_rings(u, v, row, out);
    }
    // Most groups are of one event, whose places in the lists are known by now.
    if (end - begin == 1) {
      apply_event(events, begin, first_event, expected_of(node(events.target[begin])), places);
    } else {
      apply(events, begin, end, first_event);
    }
  }
  for (; asked < queries.n; ++asked) ask(queries, asked, query_out, reads);
  triad_reads_.fetch_add(reads, std::memory_order_relaxed);
}

void StreamState::expect(const std::int64_t* source, const std::int64_t* target, std::int64_t n) {
  std::int64_t nodes = static_cast<std::int64_t>(nodes_.size());
  for (std::int64_t i = 0; i < n; ++i) nodes = std::max({nodes, source[i] + 1, target[i] + 1});
  nodes_.resize(static_cast<std::size_t>(nodes));
  rings_.resize(static_cast<std::size_t>(nodes * ring_));
  std::vector<std::uint16_t> events(static_cast<std::size_t>(nodes));
  const auto count = [&](std::int64_t id) {
    std::uint16_t& of_node = events[static_cast<std::size_t>(id)];
    of_node = static_cast<std::uint16_t>(of_node + (of_node < one_run));
  };
  for (std::int64_t i = 0; i < n; ++i) {
    if (source[i] == target[i]) continue;
    count(source[i]);
    count(target[i]);
  }
  // A list of a node without one has room for as many peers as the node has events, up to one run, as long as it
  // is not known how many of them repeat a pair.
  const auto room = [&](std::int64_t id) {
    const std::uint32_t of_node = events[static_cast<std::size_t>(id)];
    return node(id).peers.capacity == 0 ? (of_node + 1) / 2 * 2 : 0;
  };
  std::size_t entries = 0;
  for (std::int64_t id = 0; id < nodes; ++id) entries += room(id);
  if (entries == 0) return;
  blocks_.emplace_back(entries * entry_bytes / sizeof(std::uint64_t));
  auto* free = reinterpret_cast<char*>(blocks_.back().data());
  for (std::int64_t id = 0; id < nodes; ++id) {
    const std::uint32_t capacity = room(id);
    if (capacity == 0) continue;
    Peers& peers = nodes_[static_cast<std::size_t>(id)].peers;
    peers.keys = reinterpret_cast<std::uint32_t*>(free);
    peers.capacity = capacity;
    peers.lent = true;
    free += capacity * entry_bytes;
  }
}

void StreamState::grow(const EventColumns& events) {
  std::int64_t nodes = num_nodes();
  for (std::int64_t i = 0; i < events.n; ++i) nodes = std::max({nodes, events.source[i] + 1, events.target[i] + 1});
  num_nodes_ = nodes;
  const auto wanted = static_cast<std::size_t>(nodes);
  if (wanted <= nodes_.size()) return;
  if (wanted > nodes_.capacity()) {
    const std::size_t room = std::max(wanted, 2 * nodes_.capacity());
    nodes_.reserve(room);
    rings_.reserve(room * static_cast<std::size_t>(ring_));
  }
  rings_.resize(wanted * static_cast<std::size_t>(ring_));
  nodes_.resize(wanted);
}

void StreamState::apply(const EventColumns& events, std::int64_t begin, std::int64_t end, std::int64_t first_event) {
  // Residuals are against what the ratee had received before the whole group.
  expected_.clear();
  for (std::int64_t i = begin; i < end; ++i) expected_.push_back(expected_of(node(events.target[i])));
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t u = events.source[i], v = events.target[i];
    apply_event(events, i, first_event, expected_[static_cast<std::size_t>(i - begin)],
                u != v ? places_of(u, v) : Places{});
  }
}

void StreamState::apply_event(const EventColumns& events, std::int64_t i, std::int64_t first_event, double expected,
                              const Places& places) {
  const double x = events.x[i];
  const std::int64_t u = events.source[i], v = events.target[i], t = events.time[i];
  const std::int64_t event = first_event + events.number[i];
  if (u != v) set_edge(u, v, x, places);
  // The sign bit, which a value that underflows to zero keeps.
  const int negative = std::signbit(x) ? 1 : 0;
  Node& rater = nodes_[static_cast<std::size_t>(u)];
  push(u, {t, event, static_cast<std::uint32_t>(v << 1) | 1u, static_cast<float>(x)});
  rater.given[negative] += 1;
  rater.given_x += x;
  rater.residual += x - expected;
  rater.last_given = t;
  Node& ratee = nodes_[static_cast<std::size_t>(v)];
  push(v, {t, event, static_cast<std::uint32_t>(u << 1), static_cast<float>(x)});
  ratee.received[negative] += 1;
  ratee.received_x += x;
  ratee.last_received = t;
  events_ += 1;
  positive_ += 1 - negative;
  total_x_ += x;
}

void StreamState::push(std::int64_t node, const RingEntry& entry) {
  if (ring_ == 0) return;
  // A node has had one push for each of its counts, so the counts say where the next one goes.
  const std::int64_t pushes = nodes_[static_cast<std::size_t>(node)].pushes();
  rings_[static_cast<std::size_t>(node * ring_ + pushes % ring_)] = entry;
}

void StreamState::prefetch_node(std::int64_t id) const {
  const auto* at = reinterpret_cast<const char*>(&node(id));
  __builtin_prefetch(at);
  __builtin_prefetch(at + sizeof(Node) - 1);
}

// The first cache lines of a list hold all of most lists. A list that is not there is at address 0, and asking for that
// is harmless.
void StreamState::prefetch_peers(std::int64_t id) const {
  const auto* keys = reinterpret_cast<const char*>(node(id).peers.keys);
  for (std::size_t at = 0; at < 384; at += 64) __builtin_prefetch(keys + at);
}
}  // namespace signwise
