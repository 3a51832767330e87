#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace signwise {

// ---- Hash, mixing and portable arithmetic ------------------------------------------------------------------
// Internal linkage: a shared inline function could be taken from a file compiled for a higher instruction tier.

static constexpr std::uint64_t kPhi = 0x9E3779B97F4A7C15u;

static inline std::uint64_t mix64(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

static inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) { return mix64(3 * a + b); }

// Word i of the atom of hash h: a bit 0 stands for +1 and a bit 1 for -1.
static inline std::uint64_t atom_word(std::uint64_t h, std::uint64_t i) { return mix64(h + (i + 1) * kPhi); }

// The upper 53 bits of x as a number in [0, 1).
static inline double uniform(std::uint64_t x) { return static_cast<double>(x >> 11) * 0x1p-53; }

// Natural logarithm of a positive normal number from + - * / alone, so that every platform gives the same bits.
static inline double portable_ln(double x) {
  std::uint64_t bits;
  std::memcpy(&bits, &x, 8);
  int e = static_cast<int>(bits >> 52) - 1022;
  bits = (bits & 0x000FFFFFFFFFFFFFu) | 0x3FE0000000000000u;
  double m;  // in [1/2, 1)
  std::memcpy(&m, &bits, 8);
  if (m < 0.7071067811865476) {
    m *= 2;
    --e;
  }
  const double s = (m - 1) / (m + 1), t = s * s;
  double p = 1.0 / 15;
  p = p * t + 1.0 / 13;
  p = p * t + 1.0 / 11;
  p = p * t + 1.0 / 9;
  p = p * t + 1.0 / 7;
  p = p * t + 1.0 / 5;
  p = p * t + 1.0 / 3;
  p = p * t + 1.0;
  return e * 0.6931471805599453 + (2 * s) * p;
}

std::uint64_t xxh64(const void* data, std::size_t length, std::uint64_t seed);

// Writes ceil(d/64) words of each atom; bits at and above d are 0.
void atom_words(const std::uint64_t* hashes, std::int64_t n, std::int64_t d, std::uint64_t* out);

// Fisher-Yates from the identity with the given stream seed; d < 2^31.
void fisher_yates(std::uint64_t stream, std::int64_t d, std::int32_t* out);

// ---- Applying operators to rows ----------------------------------------------------------------------------

// How a component is negated: whole numbers by two's complement, floating point by its sign bit.
enum class Lane { int8, int16, int32, int64, float16, float32, float64 };

// out[i] = signs[i] * x[(i - shift) mod d] for each row of d components; signs are +1 or -1, 0 <= shift < d.
void signed_rotation(Lane lane, const void* x, const std::int8_t* signs, std::int64_t rows, std::int64_t d,
                     std::int64_t shift, void* out, int threads);

// out[i] = signs[i] * x[perm[i]] for each row.
void signed_permutation(Lane lane, const void* x, const std::int8_t* signs, const std::int32_t* perm,
                        std::int64_t rows, std::int64_t d, void* out, int threads);

// Rotates each row of `words` words by `shift` bits towards higher components, then XORs the mask.
void rotate_words(const std::uint64_t* x, const std::uint64_t* mask, std::int64_t rows, std::int64_t words,
                  std::int64_t shift, std::uint64_t* out, int threads);

// v <- signs[0] * v, then for each further row q of signs (masks, d): v <- signs[q] * (FWHT(v) * scale).
// d is a power of two. In place where out == x.
void hadamard_signs(const float* x, const std::int8_t* signs, std::int64_t rows, std::int64_t d,
                    std::int64_t masks, float* out, int threads);
void hadamard_signs(const double* x, const std::int8_t* signs, std::int64_t rows, std::int64_t d,
                    std::int64_t masks, double* out, int threads);

// Q diag(sgn R_ii) of the QR decomposition of a Gaussian matrix drawn from hash h; out is (d, d), row major.
void haar(std::uint64_t h, std::int64_t d, double* out, int threads);

}  // namespace signwise
