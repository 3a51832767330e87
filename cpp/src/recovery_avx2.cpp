#include "signwise/recovery_kernels.hpp"

namespace signwise {
const RecoveryKernels recovery_avx2 = make_recovery_kernels<32>();
}
