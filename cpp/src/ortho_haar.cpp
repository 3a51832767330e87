#include <algorithm>
#include <cmath>
#include <vector>

#include "signwise/ortho.hpp"
#include "signwise/ortho_kernels.hpp"
#include "signwise/parallel.hpp"

namespace signwise {
namespace {

constexpr std::int64_t C = kHaarColumns, L = kHaarLanes;

// The matrix in panels of C columns, each (rows, C) and contiguous; rows is d rounded up to whole lanes. Every
// column is worked on alone and meets the reflectors in the same order whatever the panels and threads, so the
// bits depend on neither.
struct Panels {
  std::int64_t d, rows, count;
  std::vector<double> data;

  explicit Panels(std::int64_t d_)
      : d(d_), rows((d_ + L - 1) / L * L), count((d_ + C - 1) / C), data(static_cast<std::size_t>(count * rows * C)) {}
  double* panel(std::int64_t p) { return data.data() + p * rows * C; }
  double& at(std::int64_t i, std::int64_t j) { return panel(j / C)[i * C + j % C]; }
};

struct Reflectors {
  std::int64_t rows;
  std::vector<double> v, beta;

  Reflectors(std::int64_t d, std::int64_t rows_)
      : rows(rows_), v(static_cast<std::size_t>(d * rows_)), beta(static_cast<std::size_t>(d)) {}
  double* vector(std::int64_t k) { return v.data() + k * rows; }
  void apply(const OrthoKernels& kernels, std::int64_t k, double* panel) {
    kernels.reflect(vector(k), beta[static_cast<std::size_t>(k)], panel, k / L * L, rows);
  }
};

// Marsaglia's polar method, both outputs of each accepted pair, row major.
void fill_gaussian(std::uint64_t h, Panels& a) {
  const std::uint64_t base = fold(xxh64(nullptr, 0, mix64(13 * kPhi)), h);  // 13: the domain MATRIX, seed 0
  const std::int64_t total = a.d * a.d;
  std::uint64_t n = 0;
  for (std::int64_t i = 0; i < total;) {
    const double u = 2 * uniform(atom_word(base, n)) - 1, v = 2 * uniform(atom_word(base, n + 1)) - 1;
    n += 2;
    const double s = u * u + v * v;
    if (!(s > 0 && s < 1)) continue;
    const double f = std::sqrt(-2 * portable_ln(s) / s);
    a.at(i / a.d, i % a.d) = u * f;
    if (++i < total) a.at(i / a.d, i % a.d) = v * f, ++i;
  }
}

// Writes the reflector that maps column k to a multiple of e_k; returns the sign of that multiple, 1 for 0.
double make_reflector(Panels& a, std::int64_t k, Reflectors& reflectors) {
  double* v = reflectors.vector(k);
  double sums[L] = {};
  for (std::int64_t i = k; i < a.d; ++i) {
    v[i] = a.at(i, k);
    sums[i % L] += v[i] * v[i];
  }
  const double alpha = std::sqrt((sums[0] + sums[1]) + (sums[2] + sums[3]));
  if (alpha == 0) return 1;
  const double first = v[k];
  reflectors.beta[static_cast<std::size_t>(k)] = 1 / (alpha * (alpha + std::fabs(first)));
  v[k] = first + (first < 0 ? -alpha : alpha);
  return first < 0 ? 1 : -1;
}

}  // namespace

void haar(std::uint64_t h, std::int64_t d, double* out, int threads) {
  const OrthoKernels& kernels = ortho_kernels();
  Panels a(d);
  Reflectors reflectors(d, a.rows);
  std::vector<double> signs(static_cast<std::size_t>(d));
  fill_gaussian(h, a);

  for (std::int64_t p = 0; p < a.count; ++p) {
    const std::int64_t first = p * C, last = std::min(first + C, d - 1);
    for (std::int64_t k = first; k < last; ++k) {
      signs[static_cast<std::size_t>(k)] = make_reflector(a, k, reflectors);
      reflectors.apply(kernels, k, a.panel(p));
    }
    parallel_for(a.count - p - 1, 1, threads, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        for (std::int64_t k = first; k < last; ++k) reflectors.apply(kernels, k, a.panel(p + 1 + i));
    });
  }
  signs[static_cast<std::size_t>(d - 1)] = a.at(d - 1, d - 1) < 0 ? -1 : 1;

  // Q = H_0 ... H_(d-2): the reflectors below a column's own row leave it alone.
  parallel_for(a.count, 1, threads, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      double* panel = a.panel(p);
      std::fill_n(panel, a.rows * C, 0.0);
      const std::int64_t columns = std::min(C, d - p * C);
      for (std::int64_t j = 0; j < columns; ++j) panel[(p * C + j) * C + j] = 1;
      for (std::int64_t k = std::min(p * C + columns, d - 1) - 1; k >= 0; --k) reflectors.apply(kernels, k, panel);
      for (std::int64_t i = 0; i < d; ++i)
        for (std::int64_t j = 0; j < columns; ++j)
          out[i * d + p * C + j] = panel[i * C + j] * signs[static_cast<std::size_t>(p * C + j)];
    }
  });
}

}  // namespace signwise
