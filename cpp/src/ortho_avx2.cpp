#include "signwise/ortho_kernels.hpp"

namespace signwise {
const OrthoKernels ortho_avx2 = make_ortho_kernels<32>();
}
