#include "signwise/bits.hpp"

#include <algorithm>
#include <memory>

#include "signwise/bits_tiers.hpp"
#include "signwise/isa.hpp"
#include "signwise/parallel.hpp"

namespace signwise {
namespace {

using u64 = std::uint64_t;
using i64 = std::int64_t;

// Pieces smaller than these (bytes read, words compared) cost more to hand to a thread than to do.
constexpr i64 piece_bytes = i64{1} << 18;
constexpr i64 piece_words = i64{1} << 17;

i64 size_of(SignKind kind) {
  switch (kind) {
    case SignKind::f64:
    case SignKind::i64: return 8;
    case SignKind::f32:
    case SignKind::i32: return 4;
    case SignKind::f16:
    case SignKind::bf16:
    case SignKind::i16: return 2;
    default: return 1;
  }
}

// Calls body(first element, count, first word) on pieces of rows of k values that begin at a word.
template <class Body>
void over_words(SignKind kind, i64 rows, i64 k, int threads, const Body& body) {
  const i64 words = (k + 63) / 64;
  if (k % 64 == 0) {  // no padding: one long row
    parallel_for(rows * words, std::max<i64>(1, piece_bytes / (64 * size_of(kind))), threads,
                 [&](i64 begin, i64 end) { body(64 * begin, 64 * (end - begin), begin); });
    return;
  }
  parallel_for(rows, std::max<i64>(1, piece_bytes / (k * size_of(kind))), threads, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i) body(i * k, k, i * words);
  });
}

}  // namespace

const BitsTier& bits_tier() {
#ifdef SIGNWISE_X86
  switch (active_isa()) {
    case Isa::avx512: return bits_avx512;
    case Isa::avx2: return bits_avx2;
    default: break;
  }
#endif
  return bits_portable;
}

void pack_rows(SignKind kind, const void* x, i64 rows, i64 k, u64* words, int threads) {
  if (rows * k == 0) return;
  const BitsTier& tier = bits_tier();
  const char* bytes = static_cast<const char*>(x);
  const i64 size = size_of(kind);
  over_words(kind, rows, k, threads,
             [&](i64 first, i64 count, i64 word) { tier.pack(kind, bytes + first * size, count, words + word); });
}

void pack_ternary_rows(SignKind kind, const void* x, i64 rows, i64 k, u64* nonzero, u64* positive, int threads) {
  if (rows * k == 0) return;
  const BitsTier& tier = bits_tier();
  const char* bytes = static_cast<const char*>(x);
  const i64 size = size_of(kind);
  over_words(kind, rows, k, threads, [&](i64 first, i64 count, i64 word) {
    tier.pack_ternary(kind, bytes + first * size, count, nonzero + word, positive + word);
  });
}

void xnor_matmul(const u64* a, i64 m, const u64* b, i64 n, i64 words, std::int32_t k, std::int32_t* out,
                 int threads) {
  if (m * n == 0) return;
  const BitsTier& tier = bits_tier();
  // A panel costs a copy of its rows of b, which pays only when several rows of a use it.
  constexpr i64 few = 4;
  if (m < few) {
    for (i64 i = 0; i < m; ++i)
      parallel_for(n, std::max<i64>(1, piece_words / std::max<i64>(words, 1)), threads, [&](i64 begin, i64 end) {
        tier.pairs(a + i * words, 0, b + begin * words, words, end - begin, words, k, -2, out + i * n + begin, 1);
      });
    return;
  }
  if (n < few) {
    for (i64 j = 0; j < n; ++j)
      parallel_for(m, std::max<i64>(1, piece_words / std::max<i64>(words, 1)), threads, [&](i64 begin, i64 end) {
        tier.pairs(a + begin * words, words, b + j * words, 0, end - begin, words, k, -2, out + begin * n + j, n);
      });
    return;
  }
  const i64 width = tier.panel_columns, panels = (n + width - 1) / width;
  // Jobs are (panel, block of rows): blocks only where the panels alone cannot occupy the threads.
  i64 blocks = 1;
  if (panels < 2 * threads) blocks = std::clamp<i64>(4 * threads / panels, 1, (m + 127) / 128);
  const i64 block = (m + blocks - 1) / blocks;
  const i64 job_words = std::max<i64>(1, width * block * words);
  parallel_for(panels * blocks, std::max<i64>(1, piece_words / job_words), threads, [&](i64 begin, i64 end) {
    const std::unique_ptr<u64[]> panel(new u64[static_cast<std::size_t>(width * std::max<i64>(words, 1))]);
    i64 made = -1;
    for (i64 job = begin; job < end; ++job) {
      const i64 p = job / blocks, first = job % blocks * block, last = std::min(m, first + block);
      if (first >= last) continue;
      const int columns = static_cast<int>(std::min(width, n - p * width));
      if (made != p) tier.make_panel(b + p * width * words, words, columns, panel.get());
      made = p;
      tier.panel_rows(a + first * words, last - first, words, panel.get(), columns, k, -2, out + first * n + p * width,
                      n);
    }
  });
}

void hamming_rows(const u64* a, i64 a_stride, const u64* b, i64 b_stride, i64 rows, i64 words, std::int32_t* out,
                  int threads) {
  const BitsTier& tier = bits_tier();
  parallel_for(rows, std::max<i64>(1, piece_words / std::max<i64>(words, 1)), threads, [&](i64 begin, i64 end) {
    tier.pairs(a + begin * a_stride, a_stride, b + begin * b_stride, b_stride, end - begin, words, 0, 1, out + begin,
               1);
  });
}

void majority(const u64* votes, i64 n, i64 words, i64 least, u64* out, int threads) {
  const BitsTier& tier = bits_tier();
  parallel_for(words, std::max<i64>(64, piece_words / n / 64 * 64), threads, [&](i64 begin, i64 end) {
    tier.majority(votes + begin, n, words, end - begin, least, out + begin);
  });
}

void majority_ternary(const u64* nonzero, const u64* positive, i64 n, i64 rows, i64 row_words, i64 k, bool coin,
                      std::uint32_t key, std::uint32_t offset, u64* out_nonzero, u64* out_positive, int threads) {
  const BitsTier& tier = bits_tier();
  const i64 words = rows * row_words;
  parallel_for(words, std::max<i64>(64, piece_words / n / 64 * 64), threads, [&](i64 begin, i64 end) {
    constexpr i64 step = 64;
    u64 tie[step];
    for (i64 w = begin; w < end; w += step) {
      const i64 count = std::min(step, end - w);
      tier.majority_ternary(nonzero + w, positive + w, n, words, count, out_nonzero + w, out_positive + w,
                            coin ? tie : nullptr);
      if (!coin) continue;
      for (i64 i = 0; i < count; ++i) {
        if (!tie[i]) continue;
        const i64 row = (w + i) / row_words, first = row * k + (w + i) % row_words * 64;
        out_nonzero[w + i] |= tie[i];
        out_positive[w + i] |= tie[i] & tier.coin_word(offset + static_cast<std::uint32_t>(first), key);
      }
    }
  });
}

}  // namespace signwise
