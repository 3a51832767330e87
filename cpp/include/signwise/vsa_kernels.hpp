#pragma once

// The inner loops of the JSON vector encoder, one table for each instruction tier; vsa_loops.hpp has the code.

#include <cstdint>

#include "signwise/isa.hpp"

namespace signwise {

// Codes are packed signs, a bit 1 for -1, of `words` = d/64 words, a multiple of 8. Most codes counted at a time:
static constexpr int kMostCounted = 127;

struct VsaKernels {
  // out = mask ^ R^r code, with the code given, or the atom of a hash. scratch holds 2 words + 8; steps holds
  // (i mod words + 1) phi for i < 2 words.
  void (*rotated_code)(const std::uint64_t* code, const std::uint64_t* mask, std::int64_t r, std::int64_t words,
                       std::uint64_t* scratch, std::uint64_t* out);
  void (*rotated_atom)(std::uint64_t h, const std::uint64_t* mask, std::int64_t r, std::int64_t words,
                       const std::uint64_t* steps, std::uint64_t* out);
  // x[i] = sum over n <= kMostCounted codes of their sign i, codes given or atoms of hashes; x holds d.
  void (*count_codes)(const std::uint64_t* codes, int n, std::int64_t words, std::int8_t* x);
  void (*count_atoms)(const std::uint64_t* hashes, int n, std::int64_t words, std::int8_t* x);
  // y[i] = s[i] x[(i - r) mod d], s the signs of the mask; x holds its d components twice.
  void (*signed_rotation)(const std::int8_t* x, const std::uint64_t* mask, std::int64_t r, std::int64_t words,
                          std::int8_t* y);
  // acc[i] += weight s[i] x[(i - r) mod d].
  void (*add16_under)(const std::int8_t* x, const std::uint64_t* mask, std::int64_t r, std::int16_t weight,
                      std::int64_t words, std::int16_t* acc);
  // acc[i] += weight x[i].
  void (*add16)(const std::int8_t* x, std::int16_t weight, std::int64_t d, std::int16_t* acc);
  void (*add32)(const std::int8_t* x, std::int32_t weight, std::int64_t d, std::int32_t* acc);
  // acc[i] = small[i], or += small[i]; small[i] = 0.
  void (*spill_first)(std::int16_t* small, std::int64_t d, std::int32_t* acc);
  void (*spill)(std::int16_t* small, std::int64_t d, std::int32_t* acc);
  // acc[i] += s[i] inner[(i - r) mod d].
  void (*add_frame)(const std::int32_t* inner, const std::uint64_t* mask, std::int64_t r, std::int64_t words,
                    std::int32_t* acc);
  // XXH64 of the n runs of three bytes that begin at text[0], text[1], ...
  void (*hash_threes)(const std::uint8_t* text, std::int64_t n, std::uint64_t seed, std::uint64_t* out);
  // Whether no two of n hashes are equal; may say no where they agree in their lower half.
  bool (*distinct)(const std::uint64_t* hashes, std::int64_t n);
  // Sixteen bits of mix(g ^ mix(floor(z inverse + offset))) for each lane.
  void (*lanes)(double z, const std::uint64_t* g, const double* inverse, const double* offset, std::int64_t lanes,
                std::uint64_t* scratch, std::uint16_t* out);
  // The sum of squares, which fits; then acc[i] / norm in float64, rounded to float32.
  std::int64_t (*squares)(const std::int32_t* acc, std::int64_t d);
  void (*divided)(const std::int32_t* acc, double norm, std::int64_t d, float* out);
  // A bit 1 for a component above zero, and for zero where the tie atom is +1.
  void (*packed)(const std::int32_t* acc, const std::uint64_t* tie, std::int64_t words, std::uint64_t* out);
};

extern const VsaKernels vsa_portable, vsa_avx2, vsa_avx512;

// The kernels of the tier in use.
static inline const VsaKernels& vsa_kernels() {
#ifdef SIGNWISE_X86
  if (active_isa() == Isa::avx512) return vsa_avx512;
  if (active_isa() == Isa::avx2) return vsa_avx2;
#endif
  return vsa_portable;
}

}  // namespace signwise
