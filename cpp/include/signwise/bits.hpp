#pragma once

#include <cstdint>

namespace signwise {

// Packed signs. A row of k values takes words = ceil(k / 64) uint64; value i is bit i % 64 of word i / 64, and the
// bits past k are 0. Every function gives the same bits on every instruction tier and for every thread count.

// What a value's bit is read from. f16 and bf16 are the raw 16-bit patterns.
enum class SignKind : int { f32, f64, f16, bf16, i8, i16, i32, i64, boolean };

// Bit 1 where x >= 0 (so -0.0 gives 1 and NaN gives 0), or where a boolean is true. x is (rows, k).
void pack_rows(SignKind kind, const void* x, std::int64_t rows, std::int64_t k, std::uint64_t* words, int threads);

// Planes x != 0 and x > 0; NaN counts as 0. `boolean` is not a ternary kind.
void pack_ternary_rows(SignKind kind, const void* x, std::int64_t rows, std::int64_t k, std::uint64_t* nonzero,
                       std::uint64_t* positive, int threads);

// out[i, j] = k - 2 * popcount(a[i] ^ b[j]) for a (m, words), b (n, words), out (m, n).
void xnor_matmul(const std::uint64_t* a, std::int64_t m, const std::uint64_t* b, std::int64_t n, std::int64_t words,
                 std::int32_t k, std::int32_t* out, int threads);

// out[i] = popcount(a[i] ^ b[i]); a row stride of 0 words repeats one row.
void hamming_rows(const std::uint64_t* a, std::int64_t a_stride, const std::uint64_t* b, std::int64_t b_stride,
                  std::int64_t rows, std::int64_t words, std::int32_t* out, int threads);

// The k nearest of base (n, words) to each row of query (q, words), sorted by (distance, index); 1 <= k <= n.
void hamming_topk(const std::uint64_t* query, std::int64_t q, const std::uint64_t* base, std::int64_t n,
                  std::int64_t words, std::int64_t k, std::int32_t* distances, std::int64_t* indices, int threads);

// out[j] = sum of y_i s_i over the k signs s of row rows[j] of base; |y_i| < 2^40.
void signed_sums(const std::int64_t* y, std::int64_t k, const std::uint64_t* base, const std::int64_t* rows,
                 std::int64_t count, std::int64_t* out);

// Bit 1 where at least `least` of the n votes (n, words) have it; 1 <= least <= n.
void majority(const std::uint64_t* votes, std::int64_t n, std::int64_t words, std::int64_t least, std::uint64_t* out,
              int threads);

// Sign of the sum of n votes in {-1, 0, 1}, planes (n, rows * row_words). A sum of 0 gives 0; with `coin` it gives
// +1 or -1 where some vote is nonzero, +1 where the lowest bit of mix(index ^ key) is 1, index = offset + position
// in the unpacked (rows, k) result, modulo 2^32.
void majority_ternary(const std::uint64_t* nonzero, const std::uint64_t* positive, std::int64_t n, std::int64_t rows,
                      std::int64_t row_words, std::int64_t k, bool coin, std::uint32_t key, std::uint32_t offset,
                      std::uint64_t* out_nonzero, std::uint64_t* out_positive, int threads);

}  // namespace signwise
