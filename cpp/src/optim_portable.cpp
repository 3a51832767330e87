#include "signwise/optim_tiers.hpp"

// The step is defined by fused multiply-adds. Where the base instruction set has them (ARM64, or x86 compiled with
// -mfma) the plain loops serve; elsewhere a call of fmaf for each would be slower than eager torch.
#if defined(__FP_FAST_FMA) && defined(__FP_FAST_FMAF)
#define SIGNWISE_OPTIM_TIER portable
#define SIGNWISE_OPTIM_LANES 2
#include "signwise/optim_generic.hpp"

namespace signwise {
const OptimTier* optim_portable() { return &tier_portable::tier; }
}  // namespace signwise
#else
namespace signwise {
const OptimTier* optim_portable() { return nullptr; }
}  // namespace signwise
#endif
