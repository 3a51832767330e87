#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "signwise/bits.hpp"
#include "signwise/bits_tiers.hpp"
#include "signwise/parallel.hpp"

namespace signwise {
namespace {

using u64 = std::uint64_t;
using i64 = std::int64_t;

struct Found {
  std::int32_t distance;
  i64 index;
};

bool nearer(const Found& a, const Found& b) {
  return a.distance != b.distance ? a.distance < b.distance : a.index < b.index;
}

// The k nearest seen so far, offered in order of index: a heap with the farthest on top. A later row enters only
// when it is strictly nearer, so equal distances keep the lowest indices.
class Nearest {
 public:
  // `rows` is the number of rows that will be offered.
  Nearest(i64 k, i64 rows) : k_(static_cast<std::size_t>(k)) {
    heap_.reserve(static_cast<std::size_t>(std::min(k, rows)));
  }

  bool full() const { return heap_.size() == k_; }

  // The largest distance kept; only of use when full, as any distance enters before.
  std::int32_t limit() const { return heap_.front().distance; }

  void offer(std::int32_t distance, i64 index) {
    if (full()) {
      if (distance >= limit()) return;
      std::pop_heap(heap_.begin(), heap_.end(), nearer);
      heap_.back() = {distance, index};
    } else {
      heap_.push_back({distance, index});
    }
    std::push_heap(heap_.begin(), heap_.end(), nearer);
  }

  const std::vector<Found>& found() const { return heap_; }

 private:
  std::size_t k_;
  std::vector<Found> heap_;
};

void offer_all(const BitsTier& tier, const std::int32_t* d, i64 count, i64 first, Nearest& nearest) {
  for (i64 i = 0; i < count; i += 64) {
    const int some = static_cast<int>(std::min<i64>(64, count - i));
    u64 hits = nearest.full() ? tier.below(d + i, some, nearest.limit()) : ~u64{0} >> (64 - some);
    for (; hits; hits &= hits - 1) {
      const i64 at = i + __builtin_ctzll(hits);
      nearest.offer(d[at], first + at);
    }
  }
}

// Offers rows [begin, end) of base to every query of a block.
void search(const BitsTier& tier, const u64* query, i64 queries, const u64* base, i64 begin, i64 end, i64 words,
            Nearest* nearest) {
  if (queries < 4) {
    constexpr i64 block = 256;
    std::int32_t d[block];
    for (i64 i = begin; i < end; i += block) {
      const i64 count = std::min(block, end - i);
      for (i64 q = 0; q < queries; ++q) {
        tier.pairs(query + q * words, 0, base + i * words, words, count, words, 0, 1, d, 1);
        offer_all(tier, d, count, i, nearest[q]);
      }
    }
    return;
  }
  const i64 width = tier.panel_columns;
  const std::unique_ptr<u64[]> panel(new u64[static_cast<std::size_t>(width * std::max<i64>(words, 1))]);
  const std::unique_ptr<std::int32_t[]> d(new std::int32_t[static_cast<std::size_t>(queries * width)]);
  for (i64 i = begin; i < end; i += width) {
    const int count = static_cast<int>(std::min(width, end - i));
    tier.make_panel(base + i * words, words, count, panel.get());
    tier.panel_rows(query, queries, words, panel.get(), count, 0, 1, d.get(), width);
    for (i64 q = 0; q < queries; ++q) offer_all(tier, d.get() + q * width, count, i, nearest[q]);
  }
}

void write(std::vector<Found> found, i64 k, std::int32_t* distances, i64* indices) {
  std::partial_sort(found.begin(), found.begin() + k, found.end(), nearer);
  for (i64 i = 0; i < k; ++i) {
    distances[i] = found[static_cast<std::size_t>(i)].distance;
    indices[i] = found[static_cast<std::size_t>(i)].index;
  }
}

}  // namespace

void hamming_topk(const u64* query, i64 q, const u64* base, i64 n, i64 words, i64 k, std::int32_t* distances,
                  i64* indices, int threads) {
  if (q == 0) return;
  const BitsTier& tier = bits_tier();
  // A block of queries shares each row of base while it is in the cache.
  constexpr i64 block = 128;
  const i64 blocks = (q + block - 1) / block;
  const i64 few_rows = std::max<i64>(1, (i64{1} << 17) / std::max<i64>(1, words * std::min(q, block)));
  const i64 pieces = blocks >= threads ? 1 : std::clamp<i64>(n / few_rows, 1, 4 * threads);
  parallel_for(blocks, pieces == 1 && few_rows < n ? 1 : blocks, threads, [&](i64 from, i64 to) {
    for (i64 b = from; b < to; ++b) {
      const i64 first = b * block, queries = std::min(block, q - first);
      const auto begin_of = [&](i64 piece) { return n * piece / pieces; };
      std::vector<std::vector<Nearest>> nearest(static_cast<std::size_t>(pieces));
      for (i64 piece = 0; piece < pieces; ++piece)
        for (i64 i = 0; i < queries; ++i)
          nearest[static_cast<std::size_t>(piece)].emplace_back(k, begin_of(piece + 1) - begin_of(piece));
      parallel_for(pieces, 1, threads, [&](i64 piece, i64 last) {
        for (; piece < last; ++piece)
          search(tier, query + first * words, queries, base, begin_of(piece), begin_of(piece + 1), words,
                 nearest[static_cast<std::size_t>(piece)].data());
      });
      for (i64 i = 0; i < queries; ++i) {
        std::vector<Found> all;
        for (const auto& part : nearest) {
          const std::vector<Found>& found = part[static_cast<std::size_t>(i)].found();
          all.insert(all.end(), found.begin(), found.end());
        }
        write(std::move(all), k, distances + (first + i) * k, indices + (first + i) * k);
      }
    }
  });
}

}  // namespace signwise
