#include "signwise/recovery_kernels.hpp"

namespace signwise {
const RecoveryKernels recovery_portable = make_recovery_kernels<16>();
}
