#pragma once

#include <cstdint>

namespace signwise {

// The peers of a node in both directions, one entry each: a key (peer << 2 | directions) and a slot of 8 bytes. Keys
// are sorted in two runs, a long one and, above 256 peers, a tail of at most 64 that is merged into it when it is
// full. One list for both directions lets one walk over the smaller of two lists find the triads of all four shapes.
struct Peers {
  double* slots = nullptr;  // `capacity` slots, then `capacity` keys, in one block
  std::uint32_t sorted = 0, tail = 0, capacity = 0;

  std::uint32_t* keys() const { return reinterpret_cast<std::uint32_t*>(slots + capacity); }
  std::uint32_t size() const { return sorted + tail; }
};

constexpr std::uint32_t not_found = ~std::uint32_t{0};

void reserve(Peers& peers, std::uint32_t capacity);
void release(Peers& peers);
// The place of a peer in the list.
std::uint32_t find(const Peers& peers, std::int64_t peer);
// Adds a peer that the list does not have.
void insert(Peers& peers, std::int64_t peer, std::uint32_t directions, double slot);

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

}  // namespace signwise
