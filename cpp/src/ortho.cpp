#include "signwise/ortho.hpp"

#include <algorithm>
#include <cmath>

#include "signwise/ortho_kernels.hpp"
#include "signwise/parallel.hpp"

namespace signwise {
namespace {

// Rows that together are about `components` components: enough work to be worth another thread.
std::int64_t rows_per_piece(std::int64_t d, std::int64_t components) {
  return std::max<std::int64_t>(1, components / std::max<std::int64_t>(d, 1));
}

constexpr std::int64_t kLaneBytes[] = {1, 2, 4, 8, 2, 4, 8};

template <int Bytes, bool Float>
void gather_row(const void* x, const std::int8_t* signs, const std::int32_t* perm, std::int64_t d, void* out) {
  using U = typename Unsigned<Bytes>::type;
  const U* from = static_cast<const U*>(x);
  U* to = static_cast<U*>(out);
  for (std::int64_t i = 0; i < d; ++i) to[i] = flipped<U, Float>(from[perm[i]], signs[i]);
}

constexpr decltype(&gather_row<1, false>) kGather[] = {
    gather_row<1, false>, gather_row<2, false>, gather_row<4, false>, gather_row<8, false>,
    gather_row<2, true>,  gather_row<4, true>,  gather_row<8, true>};

template <class T, class Row>
void hadamard_rows(const T* x, const std::int8_t* signs, std::int64_t rows, std::int64_t d, std::int64_t masks,
                   T* out, int threads, Row row) {
  const T scale = 1 / std::sqrt(static_cast<T>(d));
  parallel_for(rows, rows_per_piece(d, 1 << 14), threads, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (out != x) std::copy_n(x + i * d, d, out + i * d);
      row(out + i * d, signs, d, masks, scale);
    }
  });
}

}  // namespace

void signed_rotation(Lane lane, const void* x, const std::int8_t* signs, std::int64_t rows, std::int64_t d,
                     std::int64_t shift, void* out, int threads) {
  const auto row = ortho_kernels().rotate[static_cast<int>(lane)];
  const std::int64_t stride = d * kLaneBytes[static_cast<int>(lane)];
  const auto* from = static_cast<const char*>(x);
  auto* to = static_cast<char*>(out);
  parallel_for(rows, rows_per_piece(d, 1 << 16), threads, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) row(from + i * stride, signs, d, shift, to + i * stride);
  });
}

void signed_permutation(Lane lane, const void* x, const std::int8_t* signs, const std::int32_t* perm,
                        std::int64_t rows, std::int64_t d, void* out, int threads) {
  const auto row = kGather[static_cast<int>(lane)];
  const std::int64_t stride = d * kLaneBytes[static_cast<int>(lane)];
  const auto* from = static_cast<const char*>(x);
  auto* to = static_cast<char*>(out);
  parallel_for(rows, rows_per_piece(d, 1 << 15), threads, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) row(from + i * stride, signs, perm, d, to + i * stride);
  });
}

void rotate_words(const std::uint64_t* x, const std::uint64_t* mask, std::int64_t rows, std::int64_t words,
                  std::int64_t shift, std::uint64_t* out, int threads) {
  const std::int64_t whole = shift / 64;
  const int bits = static_cast<int>(shift % 64);
  // Word w takes its upper bits from word w - whole and its lower bits from the word below that.
  const auto run = [=](const std::uint64_t* from, std::uint64_t* to, std::int64_t w, std::int64_t end,
                       std::int64_t source) {
    for (; w < end; ++w, ++source) to[w] = (from[source] << bits | from[source - 1] >> (64 - bits)) ^ mask[w];
  };
  parallel_for(rows, rows_per_piece(words, 1 << 14), threads, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::uint64_t* from = x + i * words;
      std::uint64_t* to = out + i * words;
      if (bits == 0) {
        for (std::int64_t w = 0; w < whole; ++w) to[w] = from[w + words - whole] ^ mask[w];
        for (std::int64_t w = whole; w < words; ++w) to[w] = from[w - whole] ^ mask[w];
        continue;
      }
      run(from, to, 0, whole, words - whole);
      to[whole] = (from[0] << bits | from[words - 1] >> (64 - bits)) ^ mask[whole];
      run(from, to, whole + 1, words, 1);
    }
  });
}

void hadamard_signs(const float* x, const std::int8_t* signs, std::int64_t rows, std::int64_t d,
                    std::int64_t masks, float* out, int threads) {
  hadamard_rows(x, signs, rows, d, masks, out, threads, ortho_kernels().hadamard32);
}

void hadamard_signs(const double* x, const std::int8_t* signs, std::int64_t rows, std::int64_t d,
                    std::int64_t masks, double* out, int threads) {
  hadamard_rows(x, signs, rows, d, masks, out, threads, ortho_kernels().hadamard64);
}

}  // namespace signwise
