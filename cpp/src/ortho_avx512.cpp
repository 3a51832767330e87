#include "signwise/ortho_kernels.hpp"

namespace signwise {
const OrthoKernels ortho_avx512 = make_ortho_kernels<64>();
}
