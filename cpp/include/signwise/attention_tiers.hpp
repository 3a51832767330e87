#pragma once

#include "signwise/attention.hpp"

namespace signwise {

// What one instruction tier provides; forward works on queries [begin, end).
struct AttentionTier {
  void (*forward)(const Attention& a, float* alpha, float* value, float* summed, std::int64_t begin, std::int64_t end);
  void (*backward)(const Attention& a, const AttentionGradients& gradients);
};

const AttentionTier* attention_portable();
#ifdef SIGNWISE_X86
const AttentionTier* attention_avx2();
const AttentionTier* attention_avx512();
#endif

}  // namespace signwise
