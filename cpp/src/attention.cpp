#include "signwise/attention.hpp"

#include "signwise/attention_tiers.hpp"
#include "signwise/isa.hpp"
#include "signwise/parallel.hpp"

namespace signwise {
namespace {

// Fewer queries than this are not worth waking a thread.
constexpr std::int64_t thread_queries = 256;

const AttentionTier* active_tier() {
#ifdef SIGNWISE_X86
  switch (active_isa()) {
    case Isa::avx512: return attention_avx512();
    case Isa::avx2: return attention_avx2();
    default: break;
  }
#endif
  return attention_portable();
}

}  // namespace

void attention_forward(const Attention& a, float* alpha, float* value, float* summed, int threads) {
  const AttentionTier* tier = active_tier();
  parallel_for(a.n, thread_queries, threads, [&](std::int64_t begin, std::int64_t end) {
    tier->forward(a, alpha, value, summed, begin, end);
  });
}

void attention_backward(const Attention& a, const AttentionGradients& gradients) {
  active_tier()->backward(a, gradients);
}

}  // namespace signwise
