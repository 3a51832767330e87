#define SIGNWISE_ATTENTION_TIER tier_avx512
#include "signwise/attention_generic.hpp"

namespace signwise {
const AttentionTier* attention_avx512() { return &tier_avx512::tier; }
}  // namespace signwise
