#include "bindings.hpp"

NB_MODULE(_core, m) {
  m.doc() = "Kernels of signwise; called by signwise._native only.";
  bind_attention(m);
  bind_bits(m);
  bind_graph(m);
  bind_optim(m);
  bind_ortho(m);
  bind_runtime(m);
}
