#include "signwise/bits_counting.hpp"
#include "signwise/bits_packing.hpp"
#include "signwise/bits_tiers.hpp"
#include "signwise/bits_votes.hpp"

namespace signwise {
namespace {

struct Simd {
  typedef u64 vec __attribute__((vector_size(16)));
  static constexpr int lanes = 2;
  static vec byte_counts(vec x) {
    x -= (x >> 1) & 0x5555555555555555ull;
    x = (x & 0x3333333333333333ull) + ((x >> 2) & 0x3333333333333333ull);
    return (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
  }
  // Every byte stays below 256, so nothing carries into the next.
  static vec add_bytes(vec a, vec b) { return a + b; }
  static vec byte_sums(vec x) {
    x = (x & 0x00ff00ff00ff00ffull) + ((x >> 8) & 0x00ff00ff00ff00ffull);
    x += x >> 16;
    x += x >> 32;
    return x & 0xffff;
  }
  static u64 lane_sum(vec x) { return x[0] + x[1]; }
  template <int C>
  static void put(const vec (&counts)[C], int columns, std::int32_t base, std::int32_t scale, std::int32_t* out) {
    SIGNWISE_UNROLL
    for (int j = 0; j < 2 * C; ++j)
      if (j < columns) out[j] = affine(base, scale, counts[j / 2][j % 2]);
  }
};

void pack(SignKind kind, const void* x, i64 k, u64* words) {
  switch (kind) {
    case SignKind::f32: return pack_plain<Ordered<float>>(x, k, words);
    case SignKind::f64: return pack_plain<Ordered<double>>(x, k, words);
    case SignKind::f16: return pack_plain<Half<0x7c00>>(x, k, words);
    case SignKind::bf16: return pack_plain<Half<0x7f80>>(x, k, words);
    case SignKind::i8: return pack_plain<Ordered<std::int8_t>>(x, k, words);
    case SignKind::i16: return pack_plain<Ordered<std::int16_t>>(x, k, words);
    case SignKind::i32: return pack_plain<Ordered<std::int32_t>>(x, k, words);
    case SignKind::i64: return pack_plain<Ordered<std::int64_t>>(x, k, words);
    case SignKind::boolean: return pack_plain<Boolean>(x, k, words);
  }
}

constexpr int columns = 2;

}  // namespace

const BitsTier bits_portable = {
    pack,
    pack_ternary_generic,
    columns * Simd::lanes,
    generic_make_panel<Simd, columns>,
    generic_panel_rows<Simd, 2, columns>,
    generic_pairs<Simd>,
    generic_below,
    generic_majority<Simd::vec>,
    generic_majority_ternary<Simd::vec>,
    generic_coin_word,
};

}  // namespace signwise
