#include "signwise/stream_peers.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

namespace signwise {

namespace {

constexpr std::uint32_t one_run = 256, longest_tail = 64;

// A quarter more each time: little is unused, and growth stays linear in all. With 12 bytes an entry, capacities of
// 2 more than a multiple of 4 fill the blocks of common allocators.
std::uint32_t next_capacity(std::uint32_t capacity) {
  if (capacity == 0) return 2;
  const std::uint32_t more = (capacity / 4 + 3) / 4 * 4;
  return capacity + (more < 4 ? 4 : more);
}

void move_entries(Peers& peers, std::uint32_t from, std::uint32_t to, std::uint32_t count) {
  std::memmove(peers.slots + to, peers.slots + from, count * sizeof(double));
  std::memmove(peers.keys() + to, peers.keys() + from, count * sizeof(std::uint32_t));
}

void merge_tail(Peers& peers) {
  std::uint32_t tail_keys[longest_tail];
  double tail_slots[longest_tail];
  std::memcpy(tail_keys, peers.keys() + peers.sorted, peers.tail * sizeof(std::uint32_t));
  std::memcpy(tail_slots, peers.slots + peers.sorted, peers.tail * sizeof(double));
  std::uint32_t end = peers.sorted;
  for (std::uint32_t left = peers.tail; left > 0; --left) {
    // What lies between two entries of the tail moves as one piece.
    const std::uint32_t at = lower_bound(peers.keys(), end, tail_keys[left - 1]);
    move_entries(peers, at, at + left, end - at);
    peers.keys()[at + left - 1] = tail_keys[left - 1];
    peers.slots[at + left - 1] = tail_slots[left - 1];
    end = at;
  }
  peers.sorted += peers.tail;
  peers.tail = 0;
}

}  // namespace

void reserve(Peers& peers, std::uint32_t capacity) {
  if (capacity <= peers.capacity) return;
  auto* block = static_cast<double*>(std::malloc(std::size_t{capacity} * (sizeof(double) + sizeof(std::uint32_t))));
  if (block == nullptr) throw std::bad_alloc();
  if (peers.size() > 0) {
    std::memcpy(block, peers.slots, peers.size() * sizeof(double));
    std::memcpy(block + capacity, peers.keys(), peers.size() * sizeof(std::uint32_t));
  }
  std::free(peers.slots);
  peers.slots = block;
  peers.capacity = capacity;
}

void release(Peers& peers) {
  std::free(peers.slots);
  peers = Peers{};
}

std::uint32_t find(const Peers& peers, std::int64_t peer) {
  const std::uint32_t key = static_cast<std::uint32_t>(peer) << 2;
  const std::uint32_t* keys = peers.keys();
  std::uint32_t at = lower_bound(keys, peers.sorted, key);
  if (at < peers.sorted && keys[at] >> 2 == key >> 2) return at;
  if (peers.tail == 0) return not_found;
  at = peers.sorted + lower_bound(keys + peers.sorted, peers.tail, key);
  return at < peers.size() && keys[at] >> 2 == key >> 2 ? at : not_found;
}

void insert(Peers& peers, std::int64_t peer, std::uint32_t directions, double slot) {
  if (peers.size() == peers.capacity) reserve(peers, next_capacity(peers.capacity));
  if (peers.tail == longest_tail) merge_tail(peers);
  const std::uint32_t key = static_cast<std::uint32_t>(peer) << 2 | directions;
  const bool to_tail = peers.sorted >= one_run;
  const std::uint32_t first = to_tail ? peers.sorted : 0;
  const std::uint32_t at = first + lower_bound(peers.keys() + first, peers.size() - first, key);
  move_entries(peers, at, at + 1, peers.size() - at);
  peers.keys()[at] = key;
  peers.slots[at] = slot;
  ++(to_tail ? peers.tail : peers.sorted);
}

}  // namespace signwise
