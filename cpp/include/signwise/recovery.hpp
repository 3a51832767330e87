#pragma once

#include <cstdint>

namespace signwise {

// The weight w = psi(rho) of a residual; a NaN residual, which is a missing entry, has weight 0.
//   truncated: rho where |rho| < max(row_cut[i], col_cut[j]), else 0
//   sign:      the sign of rho
//   huber:     rho / level clipped to [-1, 1]
//   outlier:   the sign of rho where |rho| > level, else 0; minus offset
enum class Weight { truncated = 0, sign = 1, huber = 2, outlier = 3 };

struct WeightRule {
  Weight kind;
  double level, offset;
  double count_level;      // residuals up to this size are counted as kept
  const double* row_cut;   // n1 numbers, for truncated
  const double* col_cut;   // n2 numbers (dense: kRecoveryColumns a tile, padded), for truncated
};

struct WeightSums {
  std::int64_t kept = 0, observed = 0;
  double sum = 0, squares = 0;
};

// Padding of the arrays below.
constexpr std::int64_t kRecoveryRows = 32, kRecoveryColumns = 64, kRecoveryLanes = 8;

// Factors and products of a pass. Rows of L, U and left are padded to lengths that are multiples of kRecoveryLanes
// with zeros; the number of rows of L, U, left to a multiple of kRecoveryRows and of V to one of kRecoveryColumns
// (dense form only).
struct Factors {
  std::int64_t n1, n2, k, ldk;        // L (n1, ldk)
  const double* L;
  const double* R;                    // dense form: R transposed, (k, padded n2); sparse form: (n2, ldk)
  std::int64_t bu, ldu, bv, ldv;
  const double* U;                    // (n1, ldu), bu columns, or null
  const double* V;                    // (n2, ldv), bv columns, or null
  double* left;                       // W V, (n1, ldv), zeroed by the caller
  double* right;                      // (W^T U)^T, pieces x (ldu, padded n2); sparse form: pieces x (n2, ldu); zeroed
};

// Pieces of rows that are summed apart, so that the result does not depend on the number of threads.
std::int64_t recovery_pieces(std::int64_t n1, std::int64_t n2, std::int64_t entries);

// One pass over a dense X (n1, n2) with NaN for missing entries: rho = L R^T - X, w = psi(rho), left += W V,
// right += W^T U (the pieces are added into the first), and the sums.
WeightSums recovery_dense(const double* X, const Factors& f, const WeightRule& rule, int threads);

// The same over the stored entries of a CSR matrix.
WeightSums recovery_sparse(const std::int64_t* indptr, const std::int32_t* indices, const double* data,
                           const Factors& f, const WeightRule& rule, int threads);

// out[t] = <L[rows[t]], R[cols[t]]> - x[t]; rows of L and R have ldk numbers.
void recovery_residuals(const double* L, const double* R, std::int64_t ldk, const std::int32_t* rows,
                        const std::int32_t* cols, const double* x, std::int64_t n, double* out, int threads);

}  // namespace signwise
