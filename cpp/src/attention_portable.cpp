#define SIGNWISE_ATTENTION_TIER tier_portable
#include "signwise/attention_generic.hpp"

namespace signwise {
const AttentionTier* attention_portable() { return &tier_portable::tier; }
}  // namespace signwise
