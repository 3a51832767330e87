#pragma once

namespace signwise {

// Instruction tiers, each a superset of the one before. Every kernel gives the same bits on each.
enum class Isa { portable = 0, avx2 = 1, avx512 = 2 };

// The highest tier that this processor runs.
Isa best_isa();

// The tier in use: the one set by set_isa, else best_isa().
Isa active_isa();

// Forces a tier; returns false, and changes nothing, where the processor lacks it.
bool set_isa(Isa isa);

const char* isa_name(Isa isa);

}  // namespace signwise
