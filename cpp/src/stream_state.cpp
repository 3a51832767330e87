#include "signwise/stream_state.hpp"

#include <algorithm>
#include <cmath>

namespace signwise {

namespace {

constexpr double day = 86400.0;
constexpr std::int64_t ahead_node = 12, ahead_peers = 6;

// log1p of the counts that most nodes have.
struct SmallLogs {
  float values[4096];
  SmallLogs() {
    for (int i = 0; i < 4096; ++i) values[i] = static_cast<float>(std::log1p(static_cast<double>(i)));
  }
};

float log1p_count(std::int64_t count) {
  static const SmallLogs logs;
  return count < 4096 ? logs.values[count] : static_cast<float>(std::log1p(static_cast<double>(count)));
}

}  // namespace

StreamState::StreamState(double tick_seconds, std::int64_t ring) : tick_seconds_(tick_seconds), ring_(ring) {}

StreamState::~StreamState() {
  for (Node& node : nodes_) release(node.peers);
}

std::int64_t StreamState::bytes() const {
  std::size_t total = sizeof(*this) + nodes_.capacity() * sizeof(Node) + rings_.capacity() * sizeof(RingEntry) +
                      pairs_.capacity() * sizeof(PairValues) + expected_.capacity() * sizeof(double);
  for (const Node& node : nodes_) total += node.peers.capacity * (sizeof(double) + sizeof(std::uint32_t));
  return static_cast<std::int64_t>(total);
}

void StreamState::features(const PairColumns& pairs, float* out) const {
  std::int64_t reads = 0;
  for (std::int64_t i = 0; i < pairs.n; ++i)
    features_of(pairs.source[i], pairs.target[i], pairs.time[i], out + i * features_per_pair, reads);
  triad_reads_.fetch_add(reads, std::memory_order_relaxed);
}

void StreamState::features_of(std::int64_t u, std::int64_t v, std::int64_t t, float* out, std::int64_t& reads) const {
  static const Node unseen;
  const Node* known_u = find_node(u);
  const Node* known_v = find_node(v);
  const Node& a = known_u != nullptr ? *known_u : unseen;
  const Node& b = known_v != nullptr ? *known_v : unseen;
  const double events = static_cast<double>(events_);
  const double g = (total_x_ + 0.1) / (events + 1.0);
  const double base = (static_cast<double>(positive_) + 9.0) / (events + 10.0);
  const auto mean = [g](double sum, std::int64_t n) {
    return static_cast<float>((sum + 3.0 * g) / static_cast<double>(n + 3));
  };
  const auto rate = [base](std::int64_t positive, std::int64_t n) {
    return static_cast<float>((static_cast<double>(positive) + 2.0 * base) / static_cast<double>(n + 2));
  };
  const auto lag = [this, t](std::int64_t n, std::int64_t last) {
    if (n == 0) return 0.0f;
    // Unsigned, because the times of a stream may be further apart than int64 reaches.
    const auto ticks = static_cast<std::uint64_t>(t) - static_cast<std::uint64_t>(last);
    return static_cast<float>(std::log1p(static_cast<double>(ticks) * tick_seconds_ / day));
  };
  for (int i = 0; i < 2; ++i) {
    out[i] = log1p_count(a.given[i]);
    out[2 + i] = log1p_count(a.received[i]);
    out[4 + i] = log1p_count(b.given[i]);
    out[6 + i] = log1p_count(b.received[i]);
  }
  const std::int64_t given_u = a.all_given(), received_u = a.all_received();
  const std::int64_t given_v = b.all_given(), received_v = b.all_received();
  out[8] = mean(a.given_x, given_u);
  out[9] = mean(b.received_x, received_v);
  out[10] = mean(a.received_x, received_u);
  out[11] = mean(b.given_x, given_v);
  out[12] = static_cast<float>(a.residual / static_cast<double>(given_u + 3));
  out[13] = rate(a.given[0], given_u);
  out[14] = rate(b.received[0], received_v);
  out[15] = rate(a.received[0], received_u);
  out[16] = rate(b.given[0], given_v);
  out[17] = out[18] = 0.0f;
  out[19] = static_cast<float>(base);
  out[20] = lag(given_u, a.last_given);
  out[21] = lag(received_v, b.last_received);
  std::fill(out + 22, out + features_per_pair, 0.0f);
  if (known_u == nullptr || known_v == nullptr || u == v) return;
  double reverse;
  if (edge_value(v, u, reverse)) {
    out[17] = static_cast<float>(reverse);
    out[18] = 1.0f;
  }
  write_triads(u, v, out + 22, reads);
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
    for (; asked < queries.n && queries.time[asked] <= t; ++asked)
      read(queries.source[asked], queries.target[asked], queries.time[asked], asked, query_out, reads);
    for (std::int64_t i = begin; i < end; ++i) {
      if (i + ahead_node < events.n) {
        prefetch_node(events.source[i + ahead_node]);
        prefetch_node(events.target[i + ahead_node]);
        prefetch_peers(events.source[i + ahead_peers]);
        prefetch_peers(events.target[i + ahead_peers]);
      }
      read(events.source[i], events.target[i], t, events.number[i], out, reads);
    }
    apply(events, begin, end, first_event);
  }
  for (; asked < queries.n; ++asked)
    read(queries.source[asked], queries.target[asked], queries.time[asked], asked, query_out, reads);
  triad_reads_.fetch_add(reads, std::memory_order_relaxed);
}

void StreamState::read(std::int64_t u, std::int64_t v, std::int64_t t, std::int64_t row, const StreamRows& out,
                       std::int64_t& reads) const {
  if (out.features != nullptr) features_of(u, v, t, out.features + row * features_per_pair, reads);
  if (out.rings.peer != nullptr) {
    read_ring(u, out.rings.from((2 * row) * ring_));
    read_ring(v, out.rings.from((2 * row + 1) * ring_));
  }
}

void StreamState::reserve(std::int64_t nodes) {
  nodes_.reserve(static_cast<std::size_t>(nodes));
  rings_.reserve(static_cast<std::size_t>(nodes * ring_));
}

void StreamState::grow(const EventColumns& events) {
  std::int64_t nodes = num_nodes();
  for (std::int64_t i = 0; i < events.n; ++i) nodes = std::max({nodes, events.source[i] + 1, events.target[i] + 1});
  if (nodes == num_nodes()) return;
  const auto wanted = static_cast<std::size_t>(nodes);
  if (wanted > nodes_.capacity()) reserve(static_cast<std::int64_t>(std::max(wanted, 2 * nodes_.capacity())));
  rings_.resize(wanted * static_cast<std::size_t>(ring_));
  nodes_.resize(wanted);
}

void StreamState::apply(const EventColumns& events, std::int64_t begin, std::int64_t end, std::int64_t first_event) {
  // Residuals are against what the ratee had received before the whole group.
  const double g = (total_x_ + 0.1) / (static_cast<double>(events_) + 1.0);
  expected_.clear();
  for (std::int64_t i = begin; i < end; ++i) {
    const Node& v = nodes_[static_cast<std::size_t>(events.target[i])];
    expected_.push_back((v.received_x + 3.0 * g) / static_cast<double>(v.all_received() + 3));
  }
  for (std::int64_t i = begin; i < end; ++i) {
    const double x = events.x[i];
    const std::int64_t u = events.source[i], v = events.target[i], t = events.time[i];
    const std::int64_t event = first_event + events.number[i];
    if (u != v) set_edge(u, v, x);
    // The sign bit, which a value that underflows to zero keeps.
    const int negative = std::signbit(x) ? 1 : 0;
    Node& rater = nodes_[static_cast<std::size_t>(u)];
    push(u, {t, event, static_cast<std::uint32_t>(v << 1) | 1u, static_cast<float>(x)});
    rater.given[negative] += 1;
    rater.given_x += x;
    rater.residual += x - expected_[static_cast<std::size_t>(i - begin)];
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
}

void StreamState::push(std::int64_t node, const RingEntry& entry) {
  if (ring_ == 0) return;
  // A node has had one push for each of its counts, so the counts say where the next one goes.
  const std::int64_t pushes = nodes_[static_cast<std::size_t>(node)].pushes();
  rings_[static_cast<std::size_t>(node * ring_ + pushes % ring_)] = entry;
}

void StreamState::prefetch_node(std::int64_t id) const {
  const auto* node = reinterpret_cast<const char*>(&nodes_[static_cast<std::size_t>(id)]);
  __builtin_prefetch(node);
  __builtin_prefetch(node + sizeof(Node) - 1);
}

void StreamState::prefetch_peers(std::int64_t id) const {
  const Peers& peers = nodes_[static_cast<std::size_t>(id)].peers;
  if (peers.capacity == 0) return;
  const auto* keys = reinterpret_cast<const char*>(peers.keys());
  const std::size_t size = std::min<std::size_t>(peers.size() * sizeof(std::uint32_t), 512);
  for (std::size_t at = 0; at < size; at += 64) __builtin_prefetch(keys + at);
}

}  // namespace signwise
