#define SIGNWISE_ATTENTION_TIER tier_avx2
#include "signwise/attention_generic.hpp"

namespace signwise {
const AttentionTier* attention_avx2() { return &tier_avx2::tier; }
}  // namespace signwise
