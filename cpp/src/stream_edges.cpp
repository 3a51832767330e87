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

// The triads of one shape. Products are summed as multiples of 2**-96, cut towards zero: such sums are exact, so the
// order of peers is of no matter, and 2**31 products of at most 1 stay within the range. Products from 2**-43 on lose
// nothing. Both parts of the sum are kept in 64 bits and carried into 128 before they could overflow.
struct Shape {
  std::int64_t count = 0, signs = 0, high = 0, low = 0;
  __int128 carried = 0;

  void add(bool there, double product) {
    count += there;
    signs += there - 2 * static_cast<int>(there && std::signbit(product));
    const double scaled = product * 0x1p53;
    const auto whole = static_cast<std::int64_t>(scaled);
    high += whole;
    low += static_cast<std::int64_t>((scaled - static_cast<double>(whole)) * 0x1p43);
  }
  void carry() {
    carried += static_cast<__int128>(high) * (std::int64_t{1} << 43) + low;
    high = low = 0;
  }
};

struct Run {
  const std::uint32_t* keys;
  std::uint32_t first, size;  // the place in the list of the first key
};

// The places of a peer that two lists have.
struct Common {
  std::uint32_t in_a, in_b;  // in merge_runs of the first of four keys
};

constexpr std::uint32_t longest_block = 128;

using Lanes = std::uint32_t __attribute__((vector_size(16), aligned(4), may_alias));

// Whether any of four keys is of the same peer as any of four others.
bool any_common(const std::uint32_t* a, const std::uint32_t* b) {
  const Lanes x = *reinterpret_cast<const Lanes*>(a) >> 2;
  const Lanes y = *reinterpret_cast<const Lanes*>(b) >> 2;
  const Lanes once = {y[1], y[2], y[3], y[0]}, twice = {y[2], y[3], y[0], y[1]}, thrice = {y[3], y[0], y[1], y[2]};
  const auto equal = (x == y) | (x == once) | (x == twice) | (x == thrice);
  std::uint64_t halves[2];
  std::memcpy(halves, &equal, sizeof(halves));
  return (halves[0] | halves[1]) != 0;
}

// Calls visit(place in a, place in b) for the common peers of two sorted runs by walking both, in time a.size + b.size.
// Whether keys are equal cannot be predicted, so places are put down without a branch and looked at later.
template <class Visit>
void merge_runs(const Run& a, const Run& b, const Visit& visit) {
  Common found[longest_block];
  std::uint32_t i = 0, j = 0;
  while (i + 4 <= a.size && j + 4 <= b.size) {
    std::uint32_t hits = 0;
    while (i + 4 <= a.size && j + 4 <= b.size && hits < longest_block) {
      found[hits] = {i, j};
      hits += any_common(a.keys + i, b.keys + j);
      const std::uint32_t first = a.keys[i + 3] >> 2, second = b.keys[j + 3] >> 2;
      i += 4 * (first <= second);
      j += 4 * (second <= first);
    }
    for (std::uint32_t k = 0; k < hits; ++k) {
      Common exact[5];  // peers of a list differ, so four find at most four, and a last place is overwritten
      std::uint32_t n = 0;
      for (std::uint32_t p = 0; p < 4; ++p) {
        for (std::uint32_t q = 0; q < 4; ++q) {
          exact[n] = {found[k].in_a + p, found[k].in_b + q};
          n += a.keys[found[k].in_a + p] >> 2 == b.keys[found[k].in_b + q] >> 2;
        }
      }
      for (std::uint32_t p = 0; p < n; ++p) visit(a.first + exact[p].in_a, b.first + exact[p].in_b);
    }
  }
  while (i < a.size && j < b.size) {
    const std::uint32_t first = a.keys[i] >> 2, second = b.keys[j] >> 2;
    if (first == second) visit(a.first + i, b.first + j);
    i += first <= second;
    j += second <= first;
  }
}

// The same by a search in b for each peer of a.
template <class Visit>
void search_runs(const Run& a, const Run& b, const Visit& visit) {
  Common found[longest_block];
  for (std::uint32_t begin = 0; begin < a.size; begin += longest_block) {
    const std::uint32_t end = std::min(a.size, begin + longest_block);
    std::uint32_t hits = 0;
    for (std::uint32_t i = begin; i < end; ++i) {
      const std::uint32_t at = std::min(lower_bound(b.keys, b.size, a.keys[i] & ~both_bits), b.size - 1);
      found[hits] = {i, at};
      hits += b.keys[at] >> 2 == a.keys[i] >> 2;
    }
    for (std::uint32_t k = 0; k < hits; ++k) visit(a.first + found[k].in_a, b.first + found[k].in_b);
  }
}

// Visits the common peers of two runs, the first not longer than the second, and returns how many keys it compared:
// at most twice the smaller length times the steps of a search in the larger. Walking takes half as long a key.
template <class Visit>
std::int64_t intersect_runs(const Run& a, const Run& b, const Visit& visit) {
  const std::uint64_t by_search = std::uint64_t{a.size} * (33 - static_cast<std::uint32_t>(__builtin_clz(b.size)));
  const std::uint64_t by_merge = std::uint64_t{a.size} + b.size;
  if (by_merge < 2 * by_search) {
    merge_runs(a, b, visit);
    return static_cast<std::int64_t>(by_merge);
  }
  search_runs(a, b, visit);
  return static_cast<std::int64_t>(by_search);
}

}  // namespace

bool StreamState::edge_value(std::int64_t u, std::int64_t v, double& x) const {
  const Peers& of_u = nodes_[static_cast<std::size_t>(u)].peers;
  const Peers& of_v = nodes_[static_cast<std::size_t>(v)].peers;
  const bool by_u = of_u.size() <= of_v.size();
  const Peers& peers = by_u ? of_u : of_v;
  if (peers.size() == 0) return false;
  const std::uint32_t at = find(peers, by_u ? v : u);
  if (at == not_found) return false;
  const Ends ends = ends_of(by_u ? u : v, peers, at);
  x = ends.x[by_u ? 0 : 1];
  return ends.there[by_u ? 0 : 1];
}

StreamState::Ends StreamState::ends_of(std::int64_t node, const Peers& peers, std::uint32_t at) const {
  const std::uint32_t key = peers.keys()[at];
  const double slot = peers.slots[at];
  if ((key & both_bits) == both_bits) {
    const PairValues& pair = pairs_[as_place(slot)];
    const bool up = node < static_cast<std::int64_t>(key >> 2);
    return {{true, true}, {up ? pair.up : pair.down, up ? pair.down : pair.up}};
  }
  const bool out = (key & out_bit) != 0;
  return {{out, !out}, {out ? slot : 0.0, out ? 0.0 : slot}};
}

void StreamState::write_triads(std::int64_t u, std::int64_t v, float* out, std::int64_t& reads) const {
  const Peers& of_u = nodes_[static_cast<std::size_t>(u)].peers;
  const Peers& of_v = nodes_[static_cast<std::size_t>(v)].peers;
  if (of_u.size() == 0 || of_v.size() == 0) return;
  Shape shapes[4];
  std::uint32_t seen = 0;
  const auto add = [&](std::uint32_t at_u, std::uint32_t at_v) __attribute__((noinline)) {
    const Ends first = ends_of(u, of_u, at_u), second = ends_of(v, of_v, at_v);
    // u->z->v; u->z, v->z; z->u, z->v; z->u, v->z
    shapes[0].add(first.there[0] && second.there[1], first.x[0] * second.x[1]);
    shapes[1].add(first.there[0] && second.there[0], first.x[0] * second.x[0]);
    shapes[2].add(first.there[1] && second.there[1], first.x[1] * second.x[1]);
    shapes[3].add(first.there[1] && second.there[0], first.x[1] * second.x[0]);
    if (++seen % 512 == 0)
      for (Shape& shape : shapes) shape.carry();
  };
  const Run runs_u[2] = {{of_u.keys(), 0, of_u.sorted}, {of_u.keys() + of_u.sorted, of_u.sorted, of_u.tail}};
  const Run runs_v[2] = {{of_v.keys(), 0, of_v.sorted}, {of_v.keys() + of_v.sorted, of_v.sorted, of_v.tail}};
  for (const Run& a : runs_u) {
    for (const Run& b : runs_v) {
      if (a.size == 0 || b.size == 0) continue;
      if (a.size <= b.size) {
        reads += intersect_runs(a, b, add);
      } else {
        reads += intersect_runs(b, a, [&](std::uint32_t at_v, std::uint32_t at_u) { add(at_u, at_v); });
      }
    }
  }
  if (seen == 0) return;
  for (Shape& shape : shapes) {
    shape.carry();
    *out++ = static_cast<float>(shape.count);
    *out++ = static_cast<float>(static_cast<double>(shape.carried) * 0x1p-96);
    *out++ = static_cast<float>(shape.signs);
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
      out.edge_x[edge] = ends_of(i, peers, at).x[0];
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
