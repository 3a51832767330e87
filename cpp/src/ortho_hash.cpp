#include <utility>

#include "signwise/ortho.hpp"

namespace signwise {
namespace {

constexpr std::uint64_t P1 = 0x9E3779B185EBCA87u, P2 = 0xC2B2AE3D27D4EB4Fu, P3 = 0x165667B19E3779F9u,
                        P4 = 0x85EBCA77C2B2AE63u, P5 = 0x27D4EB2F165667C5u;

std::uint64_t rotl(std::uint64_t x, int r) { return (x << r) | (x >> (64 - r)); }

// Little-endian whatever the machine; compilers turn it into one load where they can.
template <int Bytes>
std::uint64_t read(const unsigned char* p) {
  std::uint64_t x = 0;
  for (int i = 0; i < Bytes; ++i) x |= static_cast<std::uint64_t>(p[i]) << (8 * i);
  return x;
}

std::uint64_t lane(std::uint64_t acc, std::uint64_t word) { return rotl(acc + word * P2, 31) * P1; }
std::uint64_t merge(std::uint64_t acc, std::uint64_t v) { return (acc ^ lane(0, v)) * P1 + P4; }

// The upper 64 bits of x * n for n < 2^32.
std::uint64_t high_product(std::uint64_t x, std::uint64_t n) {
  return ((x >> 32) * n + ((x & 0xFFFFFFFFu) * n >> 32)) >> 32;
}

}  // namespace

std::uint64_t xxh64(const void* data, std::size_t length, std::uint64_t seed) {
  const auto* p = static_cast<const unsigned char*>(data);
  const unsigned char* const end = p + length;
  std::uint64_t acc = seed + P5;
  if (length >= 32) {
    std::uint64_t v[4] = {seed + P1 + P2, seed + P2, seed, seed - P1};
    for (; end - p >= 32; p += 32)
      for (int i = 0; i < 4; ++i) v[i] = lane(v[i], read<8>(p + 8 * i));
    acc = rotl(v[0], 1) + rotl(v[1], 7) + rotl(v[2], 12) + rotl(v[3], 18);
    for (std::uint64_t value : v) acc = merge(acc, value);
  }
  acc += length;
  for (; end - p >= 8; p += 8) acc = rotl(acc ^ lane(0, read<8>(p)), 27) * P1 + P4;
  for (; end - p >= 4; p += 4) acc = rotl(acc ^ (read<4>(p) * P1), 23) * P2 + P3;
  for (; p < end; ++p) acc = rotl(acc ^ (*p * P5), 11) * P1;
  acc = (acc ^ (acc >> 33)) * P2;
  acc = (acc ^ (acc >> 29)) * P3;
  return acc ^ (acc >> 32);
}

void atom_words(const std::uint64_t* hashes, std::int64_t n, std::int64_t d, std::uint64_t* out) {
  const std::int64_t words = (d + 63) / 64;
  for (std::int64_t row = 0; row < n; ++row, out += words) {
    for (std::int64_t i = 0; i < words; ++i) out[i] = atom_word(hashes[row], static_cast<std::uint64_t>(i));
    if (d % 64) out[words - 1] &= (std::uint64_t{1} << (d % 64)) - 1;
  }
}

void fisher_yates(std::uint64_t stream, std::int64_t d, std::int32_t* out) {
  for (std::int64_t i = 0; i < d; ++i) out[i] = static_cast<std::int32_t>(i);
  for (std::int64_t i = d - 1; i > 0; --i) {
    const auto n = static_cast<std::uint64_t>(i) + 1;
    std::swap(out[i], out[high_product(mix64(stream + n * kPhi), n)]);
  }
}

}  // namespace signwise
