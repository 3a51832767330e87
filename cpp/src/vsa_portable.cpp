#include "signwise/vsa_loops.hpp"

namespace signwise {
const VsaKernels vsa_portable = vsa_loops::make_kernels<2>();
}
