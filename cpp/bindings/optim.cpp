#include "signwise/optim.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <vector>

#include "bindings.hpp"

using namespace signwise;

namespace {

template <class T>
using Row = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Sums = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

OptimType type_of(std::int64_t code) {
  require(code >= 0 && code <= static_cast<int>(OptimType::i8), "unknown storage type");
  return static_cast<OptimType>(code);
}

using Planes = nb::ndarray<std::uint64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Call = void (*)(const std::vector<VoteTensor>&, const OptimOptions&, std::uint64_t*, std::uint64_t*, int);

// Binds a function of tensors, given as rows of addresses, sizes and first bits, and of two planes.
template <Call call>
void bind_votes(nb::module_& m, const char* name) {
  m.def(
      name,
      [](Row<const std::int64_t> x, Row<const std::int64_t> g, Row<const std::int64_t> momentum,
         Row<const std::int64_t> sizes, Row<const std::int64_t> firsts, Planes planes, double lr, double beta1,
         double beta2, double weight_decay, bool maximize, int threads) {
        const std::size_t n = x.shape(0);
        for (const auto& row : {g, momentum, sizes, firsts})
          require(row.shape(0) == n, "every table of a vote has one entry a tensor");
        require(planes.shape(0) == 2, "planes has the wrong shape");
        std::vector<VoteTensor> tensors(n);
        for (std::size_t t = 0; t < n; ++t) {
          tensors[t] = {reinterpret_cast<float*>(x.data()[t]), reinterpret_cast<const float*>(g.data()[t]),
                        reinterpret_cast<float*>(momentum.data()[t]), sizes.data()[t], firsts.data()[t]};
          require(tensors[t].n >= 0 && tensors[t].first >= 0 &&
                      tensors[t].first + tensors[t].n <= static_cast<std::int64_t>(planes.shape(1)) * 64,
                  "a tensor has votes outside the planes");
        }
        OptimOptions o;
        o.lr = lr;
        o.beta1 = beta1;
        o.beta2 = beta2;
        o.weight_decay = weight_decay;
        o.maximize = maximize;
        nb::gil_scoped_release release;
        call(tensors, o, planes.data(), planes.data() + planes.shape(1), threads);
      },
      nb::arg("x").noconvert(), nb::arg("g").noconvert(), nb::arg("momentum").noconvert(),
      nb::arg("sizes").noconvert(), nb::arg("firsts").noconvert(), nb::arg("planes").noconvert(), nb::arg("lr"),
      nb::arg("beta1"), nb::arg("beta2"), nb::arg("weight_decay"), nb::arg("maximize"), nb::arg("threads"));
}

}  // namespace

void bind_optim(nb::module_& m) {
  m.def("optim_available", [] { return optim_available(); });
  m.attr("optim_sums") = static_cast<int>(optim_sums);

  nb::class_<OptimPlan>(m, "OptimPlan")
      .def(
          "__init__",
          [](OptimPlan* self, Row<const std::int64_t> x, Row<const std::int64_t> momentum,
             Row<const std::int64_t> scale, Row<const std::int64_t> sizes, Row<const std::int64_t> x_types,
             Row<const std::int64_t> m_types, Row<const std::int64_t> x_seeds,
             Row<const std::int64_t> m_seeds) {
            const std::size_t n = x.shape(0);
            for (const auto& row : {momentum, scale, sizes, x_types, m_types, x_seeds, m_seeds})
              require(row.shape(0) == n, "every table of a plan has one entry a tensor");
            std::vector<OptimTensor> tensors(n);
            for (std::size_t t = 0; t < n; ++t) {
              tensors[t].x = reinterpret_cast<void*>(x.data()[t]);
              tensors[t].m = reinterpret_cast<void*>(momentum.data()[t]);
              tensors[t].scale = reinterpret_cast<float*>(scale.data()[t]);
              tensors[t].n = sizes.data()[t];
              tensors[t].x_type = type_of(x_types.data()[t]);
              tensors[t].m_type = type_of(m_types.data()[t]);
              tensors[t].x_seed = static_cast<std::uint32_t>(x_seeds.data()[t]);
              tensors[t].m_seed = static_cast<std::uint32_t>(m_seeds.data()[t]);
              require(tensors[t].n >= 0, "a size is negative");
              require((tensors[t].x_type == OptimType::f64) == (tensors[t].m_type == OptimType::f64) &&
                          tensors[t].x_type != OptimType::i8 &&
                          (tensors[t].m_type != OptimType::i8 || tensors[t].scale || tensors[t].n == 0),
                      "these storage types do not go together");
            }
            new (self) OptimPlan(std::move(tensors));
          },
          nb::arg("x").noconvert(), nb::arg("momentum").noconvert(), nb::arg("scale").noconvert(),
          nb::arg("sizes").noconvert(), nb::arg("x_types").noconvert(), nb::arg("m_types").noconvert(),
          nb::arg("x_seeds").noconvert(), nb::arg("m_seeds").noconvert())
      .def(
          "count_nonfinite",
          [](const OptimPlan& self, Row<const std::uint64_t> gradients, int threads) {
            require(gradients.shape(0) == static_cast<std::size_t>(self.size()), "one gradient a tensor is needed");
            nb::gil_scoped_release release;
            return self.count_nonfinite(gradients.data(), threads);
          },
          nb::arg("gradients").noconvert(), nb::arg("threads"))
      .def(
          "step",
          [](const OptimPlan& self, Row<const std::uint64_t> gradients, Row<const std::int64_t> steps, double lr,
             double beta1, double beta2, double weight_decay, int kappa, double first, double second, double scale,
             bool maximize, bool cautious_mask, bool cautious_decay, bool stochastic,
             bool check_first, int threads, std::optional<Sums> sums, bool all_sums) {
            const auto n = static_cast<std::size_t>(self.size());
            require(gradients.shape(0) == n && steps.shape(0) == n, "a step needs one gradient and number a tensor");
            require(kappa >= 0 && kappa < kappa_count, "unknown function");
            require(!sums || (sums->shape(0) == n && sums->shape(1) == optim_sums), "sums has the wrong shape");
            OptimOptions o;
            o.lr = lr;
            o.beta1 = beta1;
            o.beta2 = beta2;
            o.weight_decay = weight_decay;
            o.kappa = static_cast<Kappa>(kappa);
            o.first = first;
            o.second = second;
            o.scale = scale;
            o.maximize = maximize;
            o.cautious_mask = cautious_mask;
            o.cautious_decay = cautious_decay;
            o.stochastic = stochastic;
            o.check_first = check_first;
            o.all_sums = all_sums;
            nb::gil_scoped_release release;
            return self.step(gradients.data(), steps.data(), o, threads, sums ? sums->data() : nullptr);
          },
          nb::arg("gradients").noconvert(), nb::arg("steps").noconvert(), nb::arg("lr"), nb::arg("beta1"),
          nb::arg("beta2"), nb::arg("weight_decay"), nb::arg("kappa"), nb::arg("first"), nb::arg("second"),
          nb::arg("scale"), nb::arg("maximize"), nb::arg("cautious_mask"), nb::arg("cautious_decay"),
          nb::arg("stochastic"), nb::arg("check_first"), nb::arg("threads"),
          nb::arg("sums").noconvert().none(), nb::arg("all_sums"));

  bind_votes<optim_vote>(m, "optim_vote");
  bind_votes<optim_step_votes>(m, "optim_step_votes");

  m.def(
      "optim_stream",
      [](Row<float> x, Row<const float> g, Row<float> momentum) {
        require(x.shape(0) == g.shape(0) && x.shape(0) == momentum.shape(0), "x, g and momentum differ in length");
        nb::gil_scoped_release release;
        optim_stream(x.data(), g.data(), momentum.data(), static_cast<std::int64_t>(x.shape(0)));
      },
      nb::arg("x").noconvert(), nb::arg("g").noconvert(), nb::arg("momentum").noconvert());
}
