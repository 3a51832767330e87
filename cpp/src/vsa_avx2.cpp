#include "signwise/vsa_loops.hpp"

namespace signwise {
const VsaKernels vsa_avx2 = vsa_loops::make_kernels<4>();
}
