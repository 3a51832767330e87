#include <algorithm>
#include <cstdint>
#include <vector>

#include "signwise/bits.hpp"
#include "signwise/bits_tiers.hpp"

namespace signwise {

using u64 = std::uint64_t;
using i64 = std::int64_t;

// y_i is the sum of w_b p_bi over the bits of its two's complement, w_b = 2^b but -2^(B-1) for the last, and the w_b
// add up to -1. With P = 2p - 1, sum of p_bi s_i = (P_b . s + sum of s_i) / 2: each product counts differing bits.
void signed_sums(const i64* y, i64 k, const u64* base, const i64* rows, i64 count, i64* out) {
  const i64 words = (k + 63) / 64;
  u64 sizes = 0;
  for (i64 i = 0; i < k; ++i) sizes |= static_cast<u64>(y[i] ^ (y[i] >> 63));
  int bits = 1;
  while (sizes >> (bits - 1)) ++bits;
  // One more plane, all ones, gives the sum of s_i.
  std::vector<u64> planes(static_cast<std::size_t>((bits + 1) * words), 0);
  for (i64 i = 0; i < k; i += 64) {
    const i64 some = std::min<i64>(64, k - i);
    for (int b = 0; b < bits; ++b) {
      u64 word = 0;
      for (i64 j = 0; j < some; ++j) word |= (static_cast<u64>(y[i + j]) >> b & 1) << j;
      planes[static_cast<std::size_t>(b * words + i / 64)] = word;
    }
    planes[static_cast<std::size_t>(bits * words + i / 64)] = ~u64{0} >> (64 - some);
  }
  const BitsTier& tier = bits_tier();
  constexpr i64 block = 64;
  std::vector<u64> gathered(static_cast<std::size_t>(block * words));
  std::int32_t products[block];
  for (i64 first = 0; first < count; first += block) {
    const i64 some = std::min(block, count - first);
    for (i64 j = 0; j < some; ++j)
      std::copy_n(base + rows[first + j] * words, words, gathered.data() + j * words);
    std::fill_n(out + first, some, 0);
    for (int b = 0; b <= bits; ++b) {
      tier.pairs(planes.data() + b * words, 0, gathered.data(), words, some, words, static_cast<std::int32_t>(k), -2,
                 products, 1);
      const i64 weight = b == bits ? -1 : b == bits - 1 ? -(i64{1} << b) : i64{1} << b;
      for (i64 j = 0; j < some; ++j) out[first + j] += weight * products[j];
    }
    for (i64 j = 0; j < some; ++j) out[first + j] /= 2;
  }
}

}  // namespace signwise
