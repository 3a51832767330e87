#include "signwise/recovery.hpp"

#include "bindings.hpp"

using namespace signwise;
using namespace nb::literals;

namespace {

template <class T, int Dimensions>
using Array = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;
using Matrix = Array<const double, 2>;
using Vector = Array<const double, 1>;

std::int64_t up(std::int64_t n, std::int64_t step) { return (n + step - 1) / step * step; }

WeightRule rule_of(int kind, double level, double offset, double count_level, const Vector& row_cut,
                   const Vector& col_cut) {
  require(kind >= 0 && kind <= 3, "no such weight");
  return {static_cast<Weight>(kind), level, offset, count_level, row_cut.data(), col_cut.data()};
}

nb::tuple sums_of(const WeightSums& sums) { return nb::make_tuple(sums.kept, sums.observed, sums.sum, sums.squares); }

}  // namespace

void bind_recovery(nb::module_& m) {
  m.def("recovery_pieces", &recovery_pieces, "n1"_a, "n2"_a, "entries"_a);
  m.def(
      "recovery_dense",
      [](Matrix X, Matrix L, Matrix Rt, std::int64_t k, Matrix U, std::int64_t bu, Matrix V, std::int64_t bv,
         Array<double, 2> left, Array<double, 3> right, int kind, double level, double offset, double count_level,
         Vector row_cut, Vector col_cut, int threads) {
        const auto n1 = length(X.shape(0)), n2 = length(X.shape(1));
        const auto rows = up(n1, kRecoveryRows), columns = up(n2, kRecoveryColumns);
        const auto ldk = length(L.shape(1)), ldu = length(U.shape(1)), ldv = length(V.shape(1));
        require(length(L.shape(0)) == rows && k <= ldk && length(Rt.shape(0)) >= k && length(Rt.shape(1)) == columns,
                "the factors do not fit");
        require(ldk % kRecoveryLanes == 0 && ldu % kRecoveryLanes == 0 && ldv % kRecoveryLanes == 0,
                "rows must be padded");
        require(bu <= ldu && (bu == 0 || length(U.shape(0)) == rows), "U does not fit");
        require(bv <= ldv && (bv == 0 || length(V.shape(0)) == columns), "V does not fit");
        require(length(left.shape(0)) == rows && length(left.shape(1)) == ldv, "left does not fit");
        require(length(right.shape(0)) == recovery_pieces(n1, n2, n1 * n2) && length(right.shape(1)) == ldu &&
                    length(right.shape(2)) == columns,
                "right does not fit");
        require(kind != 0 || (length(row_cut.shape(0)) == n1 && length(col_cut.shape(0)) == columns),
                "the cuts do not fit");
        const auto rule = rule_of(kind, level, offset, count_level, row_cut, col_cut);
        const Factors f{n1, n2, k, ldk, L.data(), Rt.data(), bu, ldu, bv, ldv, U.data(), V.data(), left.data(),
                        right.data()};
        WeightSums sums;
        {
          nb::gil_scoped_release release;
          sums = recovery_dense(X.data(), f, rule, threads);
        }
        return sums_of(sums);
      },
      "X"_a.noconvert(), "L"_a.noconvert(), "Rt"_a.noconvert(), "k"_a, "U"_a.noconvert(), "bu"_a, "V"_a.noconvert(),
      "bv"_a, "left"_a.noconvert(), "right"_a.noconvert(), "kind"_a, "level"_a, "offset"_a, "count_level"_a,
      "row_cut"_a.noconvert(), "col_cut"_a.noconvert(), "threads"_a);
  m.def(
      "recovery_sparse",
      [](Array<const std::int64_t, 1> indptr, Array<const std::int32_t, 1> indices, Vector data, Matrix L, Matrix R,
         std::int64_t k, Matrix U, std::int64_t bu, Matrix V, std::int64_t bv, Array<double, 2> left,
         Array<double, 3> right, int kind, double level, double offset, double count_level, Vector row_cut,
         Vector col_cut, int threads) {
        const auto n1 = length(indptr.shape(0)) - 1, n2 = length(R.shape(0));
        const auto ldk = length(L.shape(1)), ldu = length(U.shape(1)), ldv = length(V.shape(1));
        require(n1 >= 0 && length(L.shape(0)) == n1 && length(R.shape(1)) == ldk && k <= ldk,
                "the factors do not fit");
        require(ldk % kRecoveryLanes == 0 && ldu % kRecoveryLanes == 0 && ldv % kRecoveryLanes == 0,
                "rows must be padded");
        require(indices.shape(0) == data.shape(0) && indptr.data()[n1] == length(data.shape(0)),
                "the entries do not fit");
        require(bu <= ldu && (bu == 0 || length(U.shape(0)) == n1), "U does not fit");
        require(bv <= ldv && (bv == 0 || length(V.shape(0)) == n2), "V does not fit");
        require(length(left.shape(0)) == n1 && length(left.shape(1)) == ldv, "left does not fit");
        require(length(right.shape(0)) == recovery_pieces(n1, n2, length(data.shape(0))) &&
                    length(right.shape(1)) == n2 && length(right.shape(2)) == ldu,
                "right does not fit");
        require(kind != 0 || (length(row_cut.shape(0)) == n1 && length(col_cut.shape(0)) == n2),
                "the cuts do not fit");
        const auto rule = rule_of(kind, level, offset, count_level, row_cut, col_cut);
        const Factors f{n1, n2, k, ldk, L.data(), R.data(), bu, ldu, bv, ldv, U.data(), V.data(), left.data(),
                        right.data()};
        WeightSums sums;
        {
          nb::gil_scoped_release release;
          sums = recovery_sparse(indptr.data(), indices.data(), data.data(), f, rule, threads);
        }
        return sums_of(sums);
      },
      "indptr"_a.noconvert(), "indices"_a.noconvert(), "data"_a.noconvert(), "L"_a.noconvert(), "R"_a.noconvert(),
      "k"_a, "U"_a.noconvert(), "bu"_a, "V"_a.noconvert(), "bv"_a, "left"_a.noconvert(), "right"_a.noconvert(),
      "kind"_a, "level"_a, "offset"_a, "count_level"_a, "row_cut"_a.noconvert(), "col_cut"_a.noconvert(), "threads"_a);
  m.def(
      "recovery_residuals",
      [](Matrix L, Matrix R, Array<const std::int32_t, 1> rows, Array<const std::int32_t, 1> cols, Vector x,
         Array<double, 1> out, int threads) {
        require(L.shape(1) == R.shape(1) && length(L.shape(1)) % kRecoveryLanes == 0, "the factors do not fit");
        require(rows.shape(0) == cols.shape(0) && rows.shape(0) == x.shape(0) && x.shape(0) == out.shape(0),
                "the entries do not fit");
        nb::gil_scoped_release release;
        recovery_residuals(L.data(), R.data(), length(L.shape(1)), rows.data(), cols.data(), x.data(),
                           length(x.shape(0)), out.data(), threads);
      },
      "L"_a.noconvert(), "R"_a.noconvert(), "rows"_a.noconvert(), "cols"_a.noconvert(), "x"_a.noconvert(),
      "out"_a.noconvert(), "threads"_a);
}
