#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <stdexcept>

namespace nb = nanobind;

// The bindings' own check of sizes: the wrappers have checked what the user gave.
inline void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

// Sizes are signed in the kernels.
inline std::int64_t length(std::size_t n) { return static_cast<std::int64_t>(n); }

void bind_attention(nb::module_& m);
void bind_bits(nb::module_& m);
void bind_graph(nb::module_& m);
void bind_optim(nb::module_& m);
void bind_ortho(nb::module_& m);
void bind_runtime(nb::module_& m);
