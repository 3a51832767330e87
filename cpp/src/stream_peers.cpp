#include "signwise/stream_peers.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

namespace signwise {

namespace {

constexpr std::uint32_t longest_tail = 64;

// A quarter more each time: little is unused, and growth stays linear in all. With 12 bytes an entry, capacities of
// 2 more than a multiple of 4 fill the blocks of common allocators.
std::uint32_t next_capacity(std::uint32_t capacity) {
  if (capacity == 0) return 2;
  const std::uint32_t more = (capacity / 4 + 3) / 4 * 4;
  return capacity + (more < 4 ? 4 : more);
}

void move_entries(Peers& peers, std::uint32_t from, std::uint32_t to, std::uint32_t count) {
  std::memmove(peers.slots() + to, peers.slots() + from, count * sizeof(double));
  std::memmove(peers.keys + to, peers.keys + from, count * sizeof(std::uint32_t));
}

void enlarge(Peers& peers) {
  const std::uint32_t capacity = next_capacity(peers.capacity);
  auto* block = static_cast<std::uint32_t*>(std::malloc(capacity * entry_bytes));
  if (block == nullptr) throw std::bad_alloc();
  if (peers.size() > 0) {
    std::memcpy(block, peers.keys, peers.size() * sizeof(std::uint32_t));
    std::memcpy(block + capacity, peers.slots(), peers.size() * sizeof(double));
  }
  if (!peers.lent) std::free(peers.keys);
  peers.keys = block;
  peers.capacity = capacity;
  peers.lent = false;
}

void merge_tail(Peers& peers) {
  std::uint32_t tail_keys[longest_tail];
  double tail_slots[longest_tail];
  std::memcpy(tail_keys, peers.keys + peers.sorted, peers.tail * sizeof(std::uint32_t));
  std::memcpy(tail_slots, peers.slots() + peers.sorted, peers.tail * sizeof(double));
  std::uint32_t end = peers.sorted;
  for (std::uint32_t left = peers.tail; left > 0; --left) {
    // What lies between two entries of the tail moves as one piece.
    const std::uint32_t at = lower_bound(peers.keys, end, tail_keys[left - 1]);
    move_entries(peers, at, at + left, end - at);
    peers.keys[at + left - 1] = tail_keys[left - 1];
    peers.slots()[at + left - 1] = tail_slots[left - 1];
    end = at;
  }
  peers.sorted += peers.tail;
  peers.tail = 0;
}

}  // namespace

void release(Peers& peers) {
  if (!peers.lent) std::free(peers.keys);
  peers = Peers{};
}

void insert(Peers& peers, std::uint32_t at, std::int64_t peer, std::uint32_t directions, double slot) {
  if (peers.size() == peers.capacity) enlarge(peers);
  const std::uint32_t key = static_cast<std::uint32_t>(peer) << 2 | directions;
  if (peers.tail == longest_tail) {
    merge_tail(peers);
    at = peers.sorted;
  }
  const std::uint32_t after = peers.size() - at;
  std::uint32_t* keys = peers.keys + at;
  double* slots = peers.slots() + at;
  if (after > 0) {
    std::memmove(keys + 1, keys, after * sizeof(std::uint32_t));
    std::memmove(slots + 1, slots, after * sizeof(double));
  }
  *keys = key;
  *slots = slot;
  if (peers.sorted >= one_run) {
    ++peers.tail;
  } else {
    ++peers.sorted;
  }
}

}  // namespace signwise
