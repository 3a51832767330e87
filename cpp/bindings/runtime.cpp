#include <nanobind/stl/string.h>

#include <atomic>
#include <stdexcept>
#include <string>

#include "bindings.hpp"
#include "signwise/isa.hpp"
#include "signwise/parallel.hpp"

using namespace signwise;

void bind_runtime(nb::module_& m) {
#if defined(__clang__)
  m.attr("compiler") = "clang++ " __clang_version__;
#elif defined(__GNUC__)
  m.attr("compiler") = "g++ " __VERSION__;
#else
#error "the kernels use vector types of g++ and clang++"
#endif
  m.def("best_isa", [] { return std::string(isa_name(best_isa())); });
  m.def("active_isa", [] { return std::string(isa_name(active_isa())); });
  m.def("set_isa", [](const std::string& name) {
    for (Isa isa : {Isa::portable, Isa::avx2, Isa::avx512})
      if (name == isa_name(isa)) return set_isa(isa);
    throw std::invalid_argument("unknown instruction tier " + name);
  });
  // For the tests of the pool: adds 0..n-1 in pieces, or throws from a piece.
  m.def("parallel_sum", [](std::int64_t n, std::int64_t grain, int threads, bool fail) {
    nb::gil_scoped_release release;
    std::atomic<std::int64_t> total{0};
    parallel_for(n, grain, threads, [&](std::int64_t begin, std::int64_t end) {
      if (fail) throw std::runtime_error("a piece failed");
      std::int64_t sum = 0;
      for (std::int64_t i = begin; i < end; ++i) sum += i;
      total += sum;
    });
    return total.load();
  });
}
