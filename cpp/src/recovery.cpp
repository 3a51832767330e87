#include "signwise/recovery.hpp"

#include <algorithm>
#include <vector>

#include "signwise/parallel.hpp"
#include "signwise/recovery_kernels.hpp"

namespace signwise {
namespace {

constexpr std::int64_t kMostPieces = 8, kEntriesAPiece = 1 << 17;

WeightSums total(const std::vector<WeightSums>& parts) {
  WeightSums all;
  for (const auto& part : parts) {
    all.kept += part.kept;
    all.observed += part.observed;
    all.sum += part.sum;
    all.squares += part.squares;
  }
  return all;
}

// The products of the pieces are added into the first in their order.
void add_pieces(double* right, std::int64_t size, std::int64_t pieces, int threads) {
  parallel_for(size, 1 << 14, threads, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = 1; p < pieces; ++p)
      for (std::int64_t t = begin; t < end; ++t) right[t] += right[p * size + t];
  });
}

}  // namespace

std::int64_t recovery_pieces(std::int64_t n1, std::int64_t n2, std::int64_t entries) {
  (void)n2;
  const std::int64_t blocks = (n1 + kRecoveryRows - 1) / kRecoveryRows;
  return std::clamp<std::int64_t>(entries / kEntriesAPiece, 1, std::min(kMostPieces, std::max<std::int64_t>(blocks, 1)));
}

WeightSums recovery_dense(const double* X, const Factors& f, const WeightRule& rule, int threads) {
  const auto kernel = recovery_kernels().dense;
  const std::int64_t pieces = recovery_pieces(f.n1, f.n2, f.n1 * f.n2);
  const std::int64_t blocks = (f.n1 + kRecoveryRows - 1) / kRecoveryRows;
  const std::int64_t padded = (f.n2 + kRecoveryColumns - 1) / kRecoveryColumns * kRecoveryColumns;
  const std::int64_t size = f.ldu * padded;
  std::vector<WeightSums> parts(pieces);
  parallel_for(pieces, 1, threads, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t p = first; p < last; ++p) {
      const std::int64_t begin = blocks * p / pieces * kRecoveryRows;
      const std::int64_t end = std::min(f.n1, blocks * (p + 1) / pieces * kRecoveryRows);
      kernel(X, f, rule, begin, end, f.right + p * size, parts[p]);
    }
  });
  add_pieces(f.right, size, pieces, threads);
  return total(parts);
}

WeightSums recovery_sparse(const std::int64_t* indptr, const std::int32_t* indices, const double* data,
                           const Factors& f, const WeightRule& rule, int threads) {
  const auto kernel = recovery_kernels().sparse;
  const std::int64_t entries = indptr[f.n1];
  const std::int64_t pieces = recovery_pieces(f.n1, f.n2, entries);
  const std::int64_t size = f.ldu * f.n2;
  std::vector<WeightSums> parts(pieces);
  // Borders with about equally many entries on either side.
  std::vector<std::int64_t> borders(pieces + 1, f.n1);
  borders[0] = 0;
  for (std::int64_t p = 1; p < pieces; ++p)
    borders[p] = std::lower_bound(indptr, indptr + f.n1, entries * p / pieces) - indptr;
  parallel_for(pieces, 1, threads, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t p = first; p < last; ++p)
      kernel(indptr, indices, data, f, rule, borders[p], borders[p + 1], f.right + p * size, parts[p]);
  });
  add_pieces(f.right, size, pieces, threads);
  return total(parts);
}

void recovery_residuals(const double* L, const double* R, std::int64_t ldk, const std::int32_t* rows,
                        const std::int32_t* cols, const double* x, std::int64_t n, double* out, int threads) {
  const auto kernel = recovery_kernels().residuals;
  parallel_for(n, 1 << 13, threads, [=](std::int64_t begin, std::int64_t end) {
    kernel(L, R, ldk, rows + begin, cols + begin, x + begin, end - begin, out + begin);
  });
}

}  // namespace signwise
