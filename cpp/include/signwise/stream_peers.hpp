#pragma once

#include <cstddef>
#include <cstdint>

namespace signwise {

// The peers of a node in both directions, one entry each: a key (peer << 2 | directions) and a slot of 8 bytes. Keys
// are sorted in two runs, a long one and, from 256 peers on, a tail of at most 64 that is merged into it when it is
// full. One list for both directions lets one walk over the smaller of two lists find the triads of all four shapes.
// Keys come first in the block, so that a vector read at their end stays within it.
struct Peers {
  std::uint32_t* keys = nullptr;  // `capacity` keys, an even number, then `capacity` slots
  std::uint32_t sorted = 0, capacity = 0;
  std::uint16_t tail = 0;
  bool lent = false;  // the block is a part of somebody else's

  double* slots() const { return reinterpret_cast<double*>(keys + capacity); }
  std::uint32_t size() const { return sorted + tail; }
};

// Says of most peers that are not in a list that they are not: a peer that is has its bit set.
struct PeerFilter {
  std::uint64_t words[4] = {0, 0, 0, 0};

  static std::uint32_t bit_of(std::uint32_t peer) { return peer * 0x9E3779B1u >> 24; }
  bool may_have(std::uint32_t peer) const { return (words[bit_of(peer) >> 6] >> (bit_of(peer) & 63) & 1) != 0; }
  void add(std::int64_t peer) {
    const std::uint32_t bit = bit_of(static_cast<std::uint32_t>(peer));
    words[bit >> 6] |= std::uint64_t{1} << (bit & 63);
  }
};

constexpr std::uint32_t filter_bits = 256;

constexpr std::size_t entry_bytes = sizeof(std::uint32_t) + sizeof(double);
// Lists up to this size are one run.
constexpr std::uint32_t one_run = 256;

// Where a peer is in a list or, if it is not there, where it is to be inserted.
struct Place {
  std::uint32_t at;
  bool there;
};

void release(Peers& peers);
// Adds a peer that the list does not have at the place that `place_of` gave.
void insert(Peers& peers, std::uint32_t at, std::int64_t peer, std::uint32_t directions, double slot);

// Number of the n sorted keys that are below `key`, without branches on their values.
inline std::uint32_t lower_bound(const std::uint32_t* keys, std::uint32_t n, std::uint32_t key) {
  if (n == 0) return 0;
  const std::uint32_t* base = keys;
  while (n > 1) {
    const std::uint32_t half = n / 2;
    // A mask, because the compilers make a branch of a choice here, which is mispredicted half of the time.
    base += half & (0u - static_cast<std::uint32_t>(base[half - 1] < key));
    n -= half;
  }
  return static_cast<std::uint32_t>(base - keys) + (*base < key);
}

inline Place place_of(const Peers& peers, std::int64_t peer) {
  const std::uint32_t key = static_cast<std::uint32_t>(peer) << 2;
  const std::uint32_t* keys = peers.keys;
  const std::uint32_t at = lower_bound(keys, peers.sorted, key);
  if (at < peers.sorted && keys[at] >> 2 == key >> 2) return {at, true};
  if (peers.sorted < one_run) return {at, false};
  const std::uint32_t in_tail = peers.sorted + lower_bound(keys + peers.sorted, peers.tail, key);
  return {in_tail, in_tail < peers.size() && keys[in_tail] >> 2 == key >> 2};
}

}  // namespace signwise
