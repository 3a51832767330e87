#include "signwise/vsa_loops.hpp"

namespace signwise {
const VsaKernels vsa_avx512 = vsa_loops::make_kernels<8>();
}
