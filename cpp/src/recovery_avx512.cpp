#include "signwise/recovery_kernels.hpp"

namespace signwise {
const RecoveryKernels recovery_avx512 = make_recovery_kernels<64>();
}
