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

// The triads of the four shapes u->z->v; u->z, v->z; z->u, z->v; z->u, v->z. Products are summed as multiples of
// 2**-96, cut towards zero: such sums are exact, so the order of peers is of no matter, and 2**31 products of at most 1
// stay within the range. Products from 2**-43 on lose nothing. Both parts of a sum are kept in 64 bits and carried into
// 128 before they could overflow.
struct Shapes {
  std::int64_t high[4] = {0, 0, 0, 0}, low[4] = {0, 0, 0, 0};
  std::int32_t count[4] = {0, 0, 0, 0}, signs[4] = {0, 0, 0, 0};
  std::uint32_t seen = 0;
  bool has_carried = false;
  __int128 carried[4];

  // `first` are the values of u -> z and z -> u, `second` those of z -> v and v -> z; `there_...` says by two bits
  // which of them there are. All four products are taken, because which are wanted cannot be predicted.
  void add(const double* first, std::uint32_t there_first, const double* second, std::uint32_t there_second) {
    for (std::uint32_t shape = 0; shape < 4; ++shape) {
      const std::uint32_t i = shape >> 1, j = shape & 1;
      const double product = first[i] * second[j];
      const std::int32_t there = (there_first >> i) & (there_second >> j) & 1;
      std::uint64_t bits;
      std::memcpy(&bits, &product, sizeof(bits));
      count[shape] += there;
      signs[shape] += -there & (1 - 2 * static_cast<std::int32_t>(bits >> 63));
      const double scaled = product * 0x1p53;
      const auto whole = static_cast<std::int64_t>(scaled);
      const std::int64_t mask = -static_cast<std::int64_t>(there);
      high[shape] += whole & mask;
      low[shape] += static_cast<std::int64_t>((scaled - static_cast<double>(whole)) * 0x1p43) & mask;
    }
    if (++seen % 512 == 0) carry();
  }
  void carry() {
    for (int i = 0; i < 4; ++i) {
      const __int128 sum = static_cast<__int128>(high[i]) * (std::int64_t{1} << 43) + low[i];
      carried[i] = has_carried ? carried[i] + sum : sum;
      high[i] = low[i] = 0;
    }
    has_carried = true;
  }
  // The sum of a shape's products, rounded once.
  double sum(int shape) const {
    constexpr std::int64_t exact = std::int64_t{1} << 53;
    if (!has_carried && high[shape] <= exact && high[shape] >= -exact)
      return static_cast<double>(high[shape]) * 0x1p-53 + static_cast<double>(low[shape]) * 0x1p-96;
    __int128 sum = static_cast<__int128>(high[shape]) * (std::int64_t{1} << 43) + low[shape];
    if (has_carried) sum += carried[shape];
    return static_cast<double>(sum) * 0x1p-96;
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

// Keys that a search in a list that is not empty compares.
std::uint32_t bits_of(std::uint32_t n) { return n == 0 ? 0 : 32 - static_cast<std::uint32_t>(__builtin_clz(n)); }
std::uint32_t steps_of(const Peers& peers) { return bits_of(peers.sorted) + bits_of(peers.tail); }

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

// The same for all peers of two lists: each peer of a that the filter of b lets through is searched in b. Returns the
// keys compared.
template <class Visit>
std::int64_t search(const Peers& a, const Peers& b, const PeerFilter& filter, const Visit& visit) {
  std::int64_t searched = 0;
  for (std::uint32_t begin = 0; begin < a.size(); begin += longest_block) {
    const std::uint32_t end = std::min(a.size(), begin + longest_block);
    std::uint32_t kept[longest_block];
    std::uint32_t hits = 0;
    for (std::uint32_t i = begin; i < end; ++i) {
      kept[hits] = i;
      hits += filter.may_have(a.keys[i] >> 2);
    }
    Common found[longest_block];
    std::uint32_t n = 0;
    for (std::uint32_t k = 0; k < hits; ++k) {
      const Place place = place_of(b, a.keys[kept[k]] >> 2);
      found[n] = {kept[k], place.at};
      n += place.there;
    }
    for (std::uint32_t k = 0; k < n; ++k) visit(found[k].in_a, found[k].in_b);
    searched += hits;
  }
  return std::int64_t{a.size()} + searched * steps_of(b);
}

}  // namespace

StreamState::Ends StreamState::ends_of(std::int64_t node, const Peers& peers, std::uint32_t at) const {
  const std::uint32_t key = peers.keys[at];
  const double slot = peers.slots()[at];
  const double once[2] = {slot, slot};
  // Without a branch: whether an edge has an answer cannot be predicted. Where it has none, the value of the other
  // direction stands for the one that is not there.
  const double* values = once;
  if ((key & both_bits) == both_bits) values = &pairs_[as_place(slot)].up;
  const bool down = node > static_cast<std::int64_t>(key >> 2);
  return {key & both_bits, {values[down], values[!down]}};
}

void StreamState::write_triads(std::int64_t u, std::int64_t v, float* out, std::int64_t& reads) const {
  const Peers& of_u = node(u).peers;
  const Peers& of_v = node(v).peers;
  if (of_u.size() == 0 || of_v.size() == 0) return;
  Shapes shapes;
  const auto add = [&](std::uint32_t at_u, std::uint32_t at_v) {
    const Ends first = ends_of(u, of_u, at_u), second = ends_of(v, of_v, at_v);
    const double from_z[2] = {second.x[1], second.x[0]};
    shapes.add(first.x, first.there, from_z, second.there << 1 | second.there >> 1);
  };
  const auto swapped = [&](std::uint32_t at_v, std::uint32_t at_u) { add(at_u, at_v); };
  const bool u_smaller = of_u.size() <= of_v.size();
  const Peers& small = u_smaller ? of_u : of_v;
  const Peers& large = u_smaller ? of_v : of_u;
  // What a search costs, in keys looked at: the filter of a list of n peers lets about n of 256 others through.
  const std::uint64_t passing = std::uint64_t{small.size()} * std::min(large.size(), filter_bits) / filter_bits;
  const std::uint64_t by_search = small.size() + passing * steps_of(large);
  if (by_search <= std::uint64_t{small.size()} + large.size()) {
    reads += u_smaller ? search(of_u, of_v, node(v).filter, add) : search(of_v, of_u, node(u).filter, swapped);
  } else {
    const Run runs_u[2] = {{of_u.keys, 0, of_u.sorted}, {of_u.keys + of_u.sorted, of_u.sorted, of_u.tail}};
    const Run runs_v[2] = {{of_v.keys, 0, of_v.sorted}, {of_v.keys + of_v.sorted, of_v.sorted, of_v.tail}};
    for (const Run& a : runs_u) {
      for (const Run& b : runs_v) {
        if (a.size == 0 || b.size == 0) continue;
        merge_runs(a, b, add);
        reads += std::int64_t{a.size} + b.size;
      }
    }
  }
  if (shapes.seen == 0) return;
  for (int i = 0; i < 4; ++i) {
    if (shapes.count[i] == 0) continue;
    out[3 * i] = static_cast<float>(shapes.count[i]);
    out[3 * i + 1] = static_cast<float>(shapes.sum(i));
    out[3 * i + 2] = static_cast<float>(shapes.signs[i]);
  }
}

void StreamState::set_edge(std::int64_t u, std::int64_t v, double x, const Places& places) {
  Peers& of_u = nodes_[static_cast<std::size_t>(u)].peers;
  Peers& of_v = nodes_[static_cast<std::size_t>(v)].peers;
  const std::uint32_t at_u = places.v_of_u.at, at_v = places.u_of_v.at;
  if (!places.v_of_u.there) {
    nodes_[static_cast<std::size_t>(u)].filter.add(v);
    nodes_[static_cast<std::size_t>(v)].filter.add(u);
    insert(of_u, at_u, v, out_bit, x);
    insert(of_v, at_v, u, in_bit, x);
    edges_ += 1;
    return;
  }
  const std::uint32_t directions = of_u.keys[at_u] & both_bits;
  if (directions == both_bits) {
    PairValues& pair = pairs_[as_place(of_u.slots()[at_u])];
    (u < v ? pair.up : pair.down) = x;
    return;
  }
  if (directions == out_bit) {
    of_u.slots()[at_u] = of_v.slots()[at_v] = x;
    return;
  }
  // The answer of an edge: both values move to a place that both ends name.
  const double back = of_u.slots()[at_u];
  if (pairs_.size() == pairs_.capacity()) pairs_.reserve(pairs_.size() + pairs_.size() / 4 + 16);
  pairs_.push_back(u < v ? PairValues{x, back} : PairValues{back, x});
  of_u.slots()[at_u] = of_v.slots()[at_v] = as_slot(pairs_.size() - 1);
  of_u.keys[at_u] |= both_bits;
  of_v.keys[at_v] |= both_bits;
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
      const bool from_run = b == peers.size() || (a < peers.sorted && peers.keys[a] < peers.keys[b]);
      const std::uint32_t at = from_run ? a++ : b++;
      if ((peers.keys[at] & out_bit) == 0) continue;
      out.edge_source[edge] = static_cast<std::int32_t>(i);
      out.edge_target[edge] = static_cast<std::int32_t>(peers.keys[at] >> 2);
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
  num_nodes_ = nodes;
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
  for (std::int64_t e = 0; e < edges; ++e) {
    const std::int64_t u = stored.edge_source[e], v = stored.edge_target[e];
    set_edge(u, v, stored.edge_x[e], places_of(u, v));
  }
  events_ = stored.totals[0];
  positive_ = stored.totals[1];
  total_x_ = *stored.total_x;
}

}  // namespace signwise
