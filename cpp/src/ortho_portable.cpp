#include "signwise/ortho_kernels.hpp"

namespace signwise {
const OrthoKernels ortho_portable = make_ortho_kernels<16>();
}
