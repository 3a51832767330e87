#define SIGNWISE_OPTIM_TIER avx512
#define SIGNWISE_OPTIM_LANES 8
#include "signwise/optim_generic.hpp"

namespace signwise {
const OptimTier* optim_avx512() { return &tier_avx512::tier; }
}  // namespace signwise
