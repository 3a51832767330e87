#pragma once

#include <cstdint>

#include "signwise/bits.hpp"

namespace signwise {

// What one instruction tier provides to the drivers in bits.cpp and bits_topk.cpp.
struct BitsTier {
  // One row of k values to words, and to the two ternary planes.
  void (*pack)(SignKind kind, const void* x, std::int64_t k, std::uint64_t* words);
  void (*pack_ternary)(SignKind kind, const void* x, std::int64_t k, std::uint64_t* nonzero, std::uint64_t* positive);

  // A panel holds up to panel_columns rows of b so that one vector load brings the same word of several rows.
  int panel_columns;
  void (*make_panel)(const std::uint64_t* b, std::int64_t words, int columns, std::uint64_t* panel);
  // out[i * out_stride + j] = base + scale * popcount(a[i] ^ column j) for the rows of a and the panel's columns.
  void (*panel_rows)(const std::uint64_t* a, std::int64_t rows, std::int64_t words, const std::uint64_t* panel,
                     int columns, std::int32_t base, std::int32_t scale, std::int32_t* out, std::int64_t out_stride);

  // out[i * out_stride] = base + scale * popcount(a[i] ^ b[i]), strides in words.
  void (*pairs)(const std::uint64_t* a, std::int64_t a_stride, const std::uint64_t* b, std::int64_t b_stride,
                std::int64_t rows, std::int64_t words, std::int32_t base, std::int32_t scale, std::int32_t* out,
                std::int64_t out_stride);

  // Bit i of the result says d[i] < limit, for count <= 64 values.
  std::uint64_t (*below)(const std::int32_t* d, int count, std::int32_t limit);

  // The votes of `words` words; consecutive votes lie `stride` words apart.
  void (*majority)(const std::uint64_t* votes, std::int64_t n, std::int64_t stride, std::int64_t words,
                   std::int64_t least, std::uint64_t* out);
  // Writes the two planes and, where `tie` is given, the places with a zero sum and some nonzero vote.
  void (*majority_ternary)(const std::uint64_t* nonzero, const std::uint64_t* positive, std::int64_t n,
                           std::int64_t stride, std::int64_t words, std::uint64_t* out_nonzero,
                           std::uint64_t* out_positive, std::uint64_t* tie);
  // Bit j: lowest bit of mix((first + j) ^ key), j < 64.
  std::uint64_t (*coin_word)(std::uint32_t first, std::uint32_t key);
};

extern const BitsTier bits_portable;
#ifdef SIGNWISE_X86
extern const BitsTier bits_avx2;
extern const BitsTier bits_avx512;
#endif

const BitsTier& bits_tier();

}  // namespace signwise
