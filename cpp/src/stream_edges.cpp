#include <algorithm>
#include <cmath>
#include <cstring>

#include "signwise/stream_state.hpp"

// Edges of the stream's state, the triads over them, and the state as arrays.

namespace signwise {

namespace {

constexpr std::uint32_t out_bit = 1, in_bit = 2, both_bits = 3;  // node -> peer, peer -> node

double as_slot(std::uint64_t place) {
  double slot;
  std::memcpy(&slot, &place, sizeof(slot));
  return slot;
}

std::size_t as_place(double slot) {
  std::uint64_t place;
  std::memcpy(&place, &slot, sizeof(place));
  return place;
}

// The value as a multiple of 2**-96, cut towards zero: sums of these are exact, so the order of peers is of no
// matter, and 2**31 values of at most 1 stay within the range. Values from 2**-43 on lose nothing.
__int128 fixed_point(double value) {
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  const int exponent = static_cast<int>(bits >> 52 & 0x7ff);
  if (exponent == 0) return 0;
  const __int128 mantissa = static_cast<__int128>((bits & ((std::uint64_t{1} << 52) - 1)) | std::uint64_t{1} << 52);
  const int shift = exponent - 1075 + 96;
  const __int128 size = shift >= 0 ? mantissa << shift : shift > -53 ? mantissa >> -shift : 0;
  return std::signbit(value) ? -size : size;
}

// Steps that a search in n sorted keys takes.
std::int64_t search_steps(std::uint32_t n) { return 33 - __builtin_clz(n); }

// Calls hit(i, j) for the places of equal peers in two sorted runs, the first not longer than the second, and
// returns how many keys it compared: at most the smaller length times the steps of a search in the larger.
template <class Hit>
std::int64_t intersect_runs(const std::uint32_t* a, std::uint32_t n, const std::uint32_t* b, std::uint32_t m,
                            const Hit& hit) {
  const std::int64_t by_search = n * search_steps(m);
  if (n + m < by_search) {
    std::uint32_t i = 0, j = 0;
    while (i < n && j < m) {
      const std::uint32_t first = a[i] >> 2, second = b[j] >> 2;
      if (first == second) hit(i, j);
      i += first <= second;
      j += second <= first;
    }
    return n + m;
  }
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::uint32_t j = lower_bound(b, m, a[i] & ~both_bits);
    if (j < m && b[j] >> 2 == a[i] >> 2) hit(i, j);
  }
  return by_search;
}

}  // namespace

bool StreamState::edge_value(std::int64_t u, std::int64_t v, double& x) const {
  const Peers& of_u = nodes_[static_cast<std::size_t>(u)].peers;
  const Peers& of_v = nodes_[static_cast<std::size_t>(v)].peers;
  const bool by_u = of_u.size() <= of_v.size();
  const Peers& peers = by_u ? of_u : of_v;
  if (peers.size() == 0) return false;
  const std::uint32_t at = find(peers, by_u ? v : u);
  const std::uint32_t wanted = by_u ? out_bit : in_bit;
  if (at == not_found || (peers.keys()[at] & wanted) == 0) return false;
  x = value_of(by_u ? u : v, peers, at, wanted);
  return true;
}

double StreamState::value_of(std::int64_t node, const Peers& peers, std::uint32_t at, std::uint32_t direction) const {
  const std::uint32_t key = peers.keys()[at];
  if ((key & both_bits) != both_bits) return peers.slots[at];
  const PairValues& pair = pairs_[as_place(peers.slots[at])];
  return (node < static_cast<std::int64_t>(key >> 2)) == (direction == out_bit) ? pair.up : pair.down;
}

void StreamState::write_triads(std::int64_t u, std::int64_t v, float* out, std::int64_t& reads) const {
  const Peers& of_u = nodes_[static_cast<std::size_t>(u)].peers;
  const Peers& of_v = nodes_[static_cast<std::size_t>(v)].peers;
  const bool u_first = of_u.size() <= of_v.size();
  const Peers& small = u_first ? of_u : of_v;
  const Peers& large = u_first ? of_v : of_u;
  if (small.size() == 0) return;
  std::int64_t count[4] = {0, 0, 0, 0}, signs[4] = {0, 0, 0, 0};
  __int128 sum[4] = {0, 0, 0, 0};
  const auto meet = [&](std::uint32_t in_small, std::uint32_t in_large) {
    const std::uint32_t at_u = u_first ? in_small : in_large, at_v = u_first ? in_large : in_small;
    const std::uint32_t key_u = of_u.keys()[at_u], key_v = of_v.keys()[at_v];
    // u->z->v; u->z, v->z; z->u, z->v; z->u, v->z
    static constexpr std::uint32_t of_first[4] = {out_bit, out_bit, in_bit, in_bit};
    static constexpr std::uint32_t of_second[4] = {in_bit, out_bit, in_bit, out_bit};
    for (int shape = 0; shape < 4; ++shape) {
      if ((key_u & of_first[shape]) == 0 || (key_v & of_second[shape]) == 0) continue;
      const double product = value_of(u, of_u, at_u, of_first[shape]) * value_of(v, of_v, at_v, of_second[shape]);
      count[shape] += 1;
      sum[shape] += fixed_point(product);
      signs[shape] += std::signbit(product) ? -1 : 1;
    }
  };
  struct Run {
    std::uint32_t first, size;
  };
  const Run small_runs[2] = {{0, small.sorted}, {small.sorted, small.tail}};
  const Run large_runs[2] = {{0, large.sorted}, {large.sorted, large.tail}};
  for (const Run& a : small_runs) {
    for (const Run& b : large_runs) {
      if (a.size == 0 || b.size == 0) continue;
      if (a.size <= b.size) {
        reads += intersect_runs(small.keys() + a.first, a.size, large.keys() + b.first, b.size,
                                [&](std::uint32_t i, std::uint32_t j) { meet(a.first + i, b.first + j); });
      } else {
        reads += intersect_runs(large.keys() + b.first, b.size, small.keys() + a.first, a.size,
                                [&](std::uint32_t j, std::uint32_t i) { meet(a.first + i, b.first + j); });
      }
    }
  }
  for (int shape = 0; shape < 4; ++shape) {
    if (count[shape] == 0) continue;
    out[3 * shape] = static_cast<float>(count[shape]);
    out[3 * shape + 1] = static_cast<float>(static_cast<double>(sum[shape]) * 0x1p-96);
    out[3 * shape + 2] = static_cast<float>(signs[shape]);
  }
}

void StreamState::set_edge(std::int64_t u, std::int64_t v, double x) {
  Peers& of_u = nodes_[static_cast<std::size_t>(u)].peers;
  Peers& of_v = nodes_[static_cast<std::size_t>(v)].peers;
  const std::uint32_t at_u = of_u.size() == 0 ? not_found : find(of_u, v);
  if (at_u == not_found) {
    insert(of_u, v, out_bit, x);
    insert(of_v, u, in_bit, x);
    edges_ += 1;
    return;
  }
  const std::uint32_t directions = of_u.keys()[at_u] & both_bits;
  if (directions == both_bits) {
    PairValues& pair = pairs_[as_place(of_u.slots[at_u])];
    (u < v ? pair.up : pair.down) = x;
    return;
  }
  const std::uint32_t at_v = find(of_v, u);
  if (directions == out_bit) {
    of_u.slots[at_u] = of_v.slots[at_v] = x;
    return;
  }
  // The answer of an edge: both values move to a place that both ends name.
  const double back = of_u.slots[at_u];
  if (pairs_.size() == pairs_.capacity()) pairs_.reserve(pairs_.size() + pairs_.size() / 4 + 16);
  pairs_.push_back(u < v ? PairValues{x, back} : PairValues{back, x});
  of_u.slots[at_u] = of_v.slots[at_v] = as_slot(pairs_.size() - 1);
  of_u.keys()[at_u] |= both_bits;
  of_v.keys()[at_v] |= both_bits;
  edges_ += 1;
}

void StreamState::save(const StoredState& out) const {
  std::int64_t edge = 0;
  for (std::int64_t i = 0; i < num_nodes(); ++i) {
    const Node& node = nodes_[static_cast<std::size_t>(i)];
    std::copy_n(node.given, 2, out.counts + 4 * i);
    std::copy_n(node.received, 2, out.counts + 4 * i + 2);
    out.sums[3 * i] = node.given_x;
    out.sums[3 * i + 1] = node.received_x;
    out.sums[3 * i + 2] = node.residual;
    out.last[2 * i] = node.last_given;
    out.last[2 * i + 1] = node.last_received;
    const Peers& peers = node.peers;
    std::uint32_t a = 0, b = peers.sorted;
    while (a < peers.sorted || b < peers.size()) {
      const bool from_run = b == peers.size() || (a < peers.sorted && peers.keys()[a] < peers.keys()[b]);
      const std::uint32_t at = from_run ? a++ : b++;
      if ((peers.keys()[at] & out_bit) == 0) continue;
      out.edge_source[edge] = static_cast<std::int32_t>(i);
      out.edge_target[edge] = static_cast<std::int32_t>(peers.keys()[at] >> 2);
      out.edge_x[edge] = value_of(i, peers, at, out_bit);
      ++edge;
    }
    read_ring(i, out.rings.from(i * ring_));
  }
  out.totals[0] = events_;
  out.totals[1] = positive_;
  *out.total_x = total_x_;
}

void StreamState::load(const StoredState& stored, std::int64_t nodes, std::int64_t edges) {
  nodes_.resize(static_cast<std::size_t>(nodes));
  rings_.resize(static_cast<std::size_t>(nodes * ring_));
  for (std::int64_t i = 0; i < nodes; ++i) {
    Node& node = nodes_[static_cast<std::size_t>(i)];
    std::copy_n(stored.counts + 4 * i, 2, node.given);
    std::copy_n(stored.counts + 4 * i + 2, 2, node.received);
    node.given_x = stored.sums[3 * i];
    node.received_x = stored.sums[3 * i + 1];
    node.residual = stored.sums[3 * i + 2];
    node.last_given = stored.last[2 * i];
    node.last_received = stored.last[2 * i + 1];
    const RingRows row = stored.rings.from(i * ring_);
    for (std::int64_t k = 0; k < std::min(ring_, node.pushes()); ++k)
      rings_[static_cast<std::size_t>(i * ring_ + (node.pushes() - 1 - k) % ring_)] = {
          row.time[k], row.event[k], static_cast<std::uint32_t>(row.peer[k] << 1) | (row.role[k] > 0 ? 1u : 0u),
          row.x[k]};
  }
  for (std::int64_t e = 0; e < edges; ++e) set_edge(stored.edge_source[e], stored.edge_target[e], stored.edge_x[e]);
  events_ = stored.totals[0];
  positive_ = stored.totals[1];
  total_x_ = *stored.total_x;
}

}  // namespace signwise
