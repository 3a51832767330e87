#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace nb = nanobind;

void bind_bits(nb::module_& m);
void bind_ortho(nb::module_& m);
void bind_runtime(nb::module_& m);
