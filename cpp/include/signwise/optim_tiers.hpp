#pragma once

#include <cstdint>

#include "signwise/optim.hpp"

namespace signwise {

// Part [begin, end) of one tensor; begin is a multiple of momentum_block.
struct OptimPiece {
  const OptimTensor* tensor;
  const void* gradient;
  std::int64_t begin, end;
  std::uint32_t x_key, m_key;  // of the rounding hash: mix(step ^ mix(seed))
  double norm;                 // group_l2: the norm of the whole tensor's interpolated momentum, or 1 if that is 0
};

// n elements of one tensor, whose votes are the bits from `first` on of the planes.
struct VotePiece {
  float* x;
  const float* g;  // null stands for zeros
  float* m;
  std::int64_t n, first;
  std::uint64_t *nonzero, *positive;
};

// What one instruction tier provides to OptimPlan.
struct OptimTier {
  // Steps a piece, adds its sums to sums[0 .. optim_sums) unless null; returns the count of non-finite gradients.
  std::int64_t (*step)(const OptimPiece& piece, const OptimOptions& options, double* sums);
  // The sum of squares of beta1 * m + (1 - beta1) * g.
  double (*square_sum)(const OptimPiece& piece, const OptimOptions& options);
  std::int64_t (*count_nonfinite)(OptimType type, const void* gradient, std::int64_t begin, std::int64_t end);
  void (*stream)(float* x, const float* g, float* m, std::int64_t n);
  // Ors the signs of beta1 * m + (1 - beta1) * g into the planes.
  void (*vote)(const VotePiece& piece, const OptimOptions& options);
  // Steps x along the votes of the planes, and m along g.
  void (*step_votes)(const VotePiece& piece, const OptimOptions& options);
};

// Null where the target has no hardware fused multiply-add.
const OptimTier* optim_portable();
#ifdef SIGNWISE_X86
const OptimTier* optim_avx2();
const OptimTier* optim_avx512();
#endif

// The mixing function of the rounding hash.
inline std::uint32_t optim_mix(std::uint32_t h) {
  h ^= h >> 16;
  h *= 0x7feb352du;
  h ^= h >> 15;
  h *= 0x846ca68bu;
  h ^= h >> 16;
  return h;
}

}  // namespace signwise
