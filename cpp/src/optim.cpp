#include "signwise/optim.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "signwise/isa.hpp"
#include "signwise/optim_tiers.hpp"
#include "signwise/parallel.hpp"

namespace signwise {
namespace {

using i64 = std::int64_t;

// Borders of chunks do not depend on the threads, so neither do the sums, which are added chunk by chunk.
constexpr i64 chunk_elements = 64 * momentum_block;
// Less work than this is not worth waking a thread.
constexpr i64 thread_elements = i64{1} << 16;

const OptimTier* active_tier() {
#ifdef SIGNWISE_X86
  switch (active_isa()) {
    case Isa::avx512: return optim_avx512();
    case Isa::avx2: return optim_avx2();
    default: break;
  }
#endif
  return optim_portable();
}

// Calls body(piece) for pieces of all tensors that end where a word of the planes does, or their tensor.
template <class Body>
void over_votes(const std::vector<VoteTensor>& tensors, std::uint64_t* nonzero, std::uint64_t* positive, int threads,
                const Body& body) {
  std::vector<VotePiece> pieces;
  for (const VoteTensor& t : tensors)
    for (i64 i = 0; i < t.n;) {
      const i64 n = std::min(t.n - i, chunk_elements - (t.first + i) % chunk_elements);
      pieces.push_back({t.x + i, t.g ? t.g + i : nullptr, t.m + i, n, t.first + i, nonzero, positive});
      i += n;
    }
  i64 elements = 0;
  for (const VotePiece& piece : pieces) elements += piece.n;
  const i64 count = static_cast<i64>(pieces.size());
  const i64 grain = std::max<i64>(1, thread_elements * count / std::max<i64>(1, elements));
  parallel_for(count, grain, threads, [&](i64 begin, i64 end) {
    for (i64 k = begin; k < end; ++k) body(pieces[k]);
  });
}

const OptimTier& needed_tier() {
  const OptimTier* tier = active_tier();
  if (!tier) throw std::invalid_argument("this instruction tier has no fused multiply-add");
  return *tier;
}

}  // namespace

bool optim_available() { return active_tier() != nullptr; }

bool optim_has_sums(Kappa kappa) { return kappa != Kappa::group_l2; }

void optim_stream(float* x, const float* g, float* m, i64 n) {
  const OptimTier* tier = &needed_tier();
  tier->stream(x, g, m, n);
}

void optim_vote(const std::vector<VoteTensor>& tensors, const OptimOptions& options, std::uint64_t* nonzero,
                std::uint64_t* positive, int threads) {
  const OptimTier& tier = needed_tier();
  over_votes(tensors, nonzero, positive, threads, [&](const VotePiece& piece) { tier.vote(piece, options); });
}

void optim_step_votes(const std::vector<VoteTensor>& tensors, const OptimOptions& options, std::uint64_t* nonzero,
                      std::uint64_t* positive, int threads) {
  const OptimTier& tier = needed_tier();
  over_votes(tensors, nonzero, positive, threads, [&](const VotePiece& piece) { tier.step_votes(piece, options); });
}

OptimPlan::OptimPlan(std::vector<OptimTensor> tensors) : tensors_(std::move(tensors)) {
  for (i64 t = 0; t < size(); ++t) {
    const i64 n = tensors_[t].n;
    elements_ += n;
    for (i64 begin = 0; begin < n; begin += chunk_elements)
      chunks_.push_back({t, begin, std::min(n, begin + chunk_elements)});
  }
}

template <class Body>
void OptimPlan::over_chunks(const std::uint64_t* gradients, int threads, const Body& body) const {
  const i64 chunks = static_cast<i64>(chunks_.size());
  const i64 grain = std::max<i64>(1, thread_elements * chunks / std::max<i64>(1, elements_));
  parallel_for(chunks, grain, threads, [&](i64 begin, i64 end) {
    for (i64 c = begin; c < end; ++c)
      if (gradients[chunks_[c].tensor]) body(c);
  });
}

i64 OptimPlan::count_nonfinite(const std::uint64_t* gradients, int threads) const {
  const OptimTier* tier = &needed_tier();
  std::atomic<i64> bad{0};
  over_chunks(gradients, threads, [&](i64 c) {
    const Chunk& chunk = chunks_[c];
    const auto* gradient = reinterpret_cast<const void*>(gradients[chunk.tensor]);
    const i64 count = tier->count_nonfinite(tensors_[chunk.tensor].x_type, gradient, chunk.begin, chunk.end);
    if (count) bad += count;
  });
  return bad.load();
}

i64 OptimPlan::step(const std::uint64_t* gradients, const i64* steps, const OptimOptions& options, int threads,
                    double* sums) const {
  const OptimTier* tier = &needed_tier();
  if (sums && !optim_has_sums(options.kappa)) throw std::invalid_argument("no certificate sums for this function");
  if (sums) std::fill(sums, sums + size() * optim_sums, 0.0);
  const i64 chunks = static_cast<i64>(chunks_.size());
  if (chunks == 0) return 0;

  const auto piece_of = [&](i64 c) {
    const Chunk& chunk = chunks_[c];
    const OptimTensor& tensor = tensors_[chunk.tensor];
    const std::uint32_t step = static_cast<std::uint32_t>(steps[chunk.tensor]);
    return OptimPiece{&tensor,
                      reinterpret_cast<const void*>(gradients[chunk.tensor]),
                      chunk.begin,
                      chunk.end,
                      optim_mix(step ^ optim_mix(tensor.x_seed)),
                      optim_mix(step ^ optim_mix(tensor.m_seed)),
                      1.0};
  };
  if (options.check_first) {
    const i64 found = count_nonfinite(gradients, threads);
    if (found) return found;
  }

  std::vector<double> norms;
  if (options.kappa == Kappa::group_l2) {
    std::vector<double> squares(chunks, 0.0);
    over_chunks(gradients, threads, [&](i64 c) { squares[c] = tier->square_sum(piece_of(c), options); });
    norms.assign(tensors_.size(), 0.0);
    for (i64 c = 0; c < chunks; ++c) norms[chunks_[c].tensor] += squares[c];
    // A norm that is 0 or NaN divides by 1, as signwise.convex.GroupL2 does.
    for (double& norm : norms) norm = norm > 0 ? std::sqrt(norm) : 1.0;
  }

  std::vector<double> parts(sums ? chunks * optim_sums : 0, 0.0);
  std::atomic<i64> bad{0};
  over_chunks(gradients, threads, [&](i64 c) {
    OptimPiece piece = piece_of(c);
    if (!norms.empty()) piece.norm = norms[chunks_[c].tensor];
    const i64 count = tier->step(piece, options, sums ? &parts[c * optim_sums] : nullptr);
    if (count) bad += count;
  });
  if (sums) {
    for (i64 c = 0; c < chunks; ++c) {
      const double* part = &parts[c * optim_sums];
      double* total = sums + chunks_[c].tensor * optim_sums;
      for (int k = 0; k < max_gauge_before; ++k) total[k] += part[k];
      for (int k = max_gauge_before; k < optim_sums; ++k) total[k] = std::max(total[k], part[k]);
    }
  }
  return bad.load();
}

}  // namespace signwise
