#define SIGNWISE_OPTIM_TIER avx2
#define SIGNWISE_OPTIM_LANES 4
#include "signwise/optim_generic.hpp"

namespace signwise {
const OptimTier* optim_avx2() { return &tier_avx2::tier; }
}  // namespace signwise
