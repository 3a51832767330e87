#pragma once

// What the kernels of every tier share. A tier compiles bits_packing.hpp, bits_counting.hpp and bits_votes.hpp for
// itself; everything in them is in an unnamed namespace and uses no inline function of the standard library, so that
// no tier's code can be linked into another.

#include <cstdint>
#include <cstring>

#include "signwise/bits.hpp"

#define SIGNWISE_UNROLL _Pragma("GCC unroll 16")

namespace signwise {
namespace {

using u64 = std::uint64_t;
using i64 = std::int64_t;

// base + scale * count. The result fits in 32 bits, its product need not, so the sum is taken modulo 2^32.
inline std::int32_t affine(std::int32_t base, std::int32_t scale, u64 count) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(base) +
                                   static_cast<std::uint32_t>(scale) * static_cast<std::uint32_t>(count));
}

inline u64 low_bits(i64 count) { return count >= 64 ? ~u64{0} : (u64{1} << count) - 1; }

// 64 bytes of 0 or 1 to one word: the product moves bit 0 of byte i to bit 56 + i.
inline u64 word_of_bytes(const unsigned char* flags) {
  u64 word = 0;
  for (int i = 0; i < 8; ++i) {
    u64 eight;
    std::memcpy(&eight, flags + 8 * i, 8);
    word |= ((eight * 0x0102040810204080ull) >> 56) << (8 * i);
  }
  return word;
}

}  // namespace
}  // namespace signwise
