#include "signwise/bits.hpp"

#include "bindings.hpp"

using namespace signwise;

namespace {

using Words = nb::ndarray<const std::uint64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Votes = nb::ndarray<const std::uint64_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using OutWords = nb::ndarray<std::uint64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T>
using Out = nb::ndarray<T, nb::c_contig, nb::device::cpu>;
template <class T>
using Column = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Values = nb::ndarray<nb::ro, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

}  // namespace

void bind_bits(nb::module_& m) {
  m.def(
      "bits_pack",
      [](Values x, int kind, OutWords words, int threads) {
        require(words.shape(0) == x.shape(0) && words.shape(1) == (x.shape(1) + 63) / 64, "words has the wrong shape");
        nb::gil_scoped_release release;
        pack_rows(static_cast<SignKind>(kind), x.data(), length(x.shape(0)), length(x.shape(1)), words.data(), threads);
      },
      nb::arg("x").noconvert(), nb::arg("kind"), nb::arg("words").noconvert(), nb::arg("threads"));
  m.def(
      "bits_pack_ternary",
      [](Values x, int kind, OutWords nonzero, OutWords positive, int threads) {
        for (const OutWords& words : {nonzero, positive})
          require(words.shape(0) == x.shape(0) && words.shape(1) == (x.shape(1) + 63) / 64,
                  "a plane has the wrong shape");
        nb::gil_scoped_release release;
        pack_ternary_rows(static_cast<SignKind>(kind), x.data(), length(x.shape(0)), length(x.shape(1)),
                          nonzero.data(), positive.data(), threads);
      },
      nb::arg("x").noconvert(), nb::arg("kind"), nb::arg("nonzero").noconvert(), nb::arg("positive").noconvert(),
      nb::arg("threads"));
  m.def(
      "bits_xnor_matmul",
      [](Words a, Words b, std::int32_t k, Out<std::int32_t> out, int threads) {
        require(a.shape(1) == b.shape(1), "a and b have different numbers of words");
        require(out.size() == a.shape(0) * b.shape(0), "out has the wrong size");
        nb::gil_scoped_release release;
        xnor_matmul(a.data(), length(a.shape(0)), b.data(), length(b.shape(0)), length(a.shape(1)), k, out.data(),
                    threads);
      },
      nb::arg("a").noconvert(), nb::arg("b").noconvert(), nb::arg("k"), nb::arg("out").noconvert(),
      nb::arg("threads"));
  m.def(
      "bits_hamming",
      [](Words a, Words b, Out<std::int32_t> out, int threads) {
        const std::size_t rows = out.size();
        require(a.shape(1) == b.shape(1), "a and b have different numbers of words");
        require((a.shape(0) == rows || a.shape(0) == 1) && (b.shape(0) == rows || b.shape(0) == 1),
                "out has the wrong size");
        nb::gil_scoped_release release;
        const std::int64_t words = length(a.shape(1));
        hamming_rows(a.data(), a.shape(0) == 1 ? 0 : words, b.data(), b.shape(0) == 1 ? 0 : words, length(rows), words,
                     out.data(), threads);
      },
      nb::arg("a").noconvert(), nb::arg("b").noconvert(), nb::arg("out").noconvert(), nb::arg("threads"));
  m.def(
      "bits_hamming_topk",
      [](Words query, Words base, std::int64_t k, Out<std::int32_t> distances, Out<std::int64_t> indices,
         int threads) {
        require(query.shape(1) == base.shape(1), "query and base have different numbers of words");
        require(k >= 1 && k <= length(base.shape(0)), "k is out of range");
        const std::size_t size = query.shape(0) * static_cast<std::size_t>(k);
        require(distances.size() == size && indices.size() == size, "an output has the wrong size");
        nb::gil_scoped_release release;
        hamming_topk(query.data(), length(query.shape(0)), base.data(), length(base.shape(0)), length(query.shape(1)),
                     k, distances.data(), indices.data(), threads);
      },
      nb::arg("query").noconvert(), nb::arg("base").noconvert(), nb::arg("k"), nb::arg("distances").noconvert(),
      nb::arg("indices").noconvert(), nb::arg("threads"));
  m.def(
      "bits_signed_sums",
      [](Column<std::int64_t> y, Words base, Column<std::int64_t> rows, Out<std::int64_t> out) {
        require((y.shape(0) + 63) / 64 == base.shape(1), "y and base differ in length");
        require(out.size() == rows.shape(0), "an output has the wrong size");
        for (std::size_t i = 0; i < rows.shape(0); ++i)
          require(rows.data()[i] >= 0 && rows.data()[i] < length(base.shape(0)), "a row is out of range");
        nb::gil_scoped_release release;
        signed_sums(y.data(), length(y.shape(0)), base.data(), rows.data(), length(rows.shape(0)), out.data());
      },
      nb::arg("y").noconvert(), nb::arg("base").noconvert(), nb::arg("rows").noconvert(), nb::arg("out").noconvert());
  m.def(
      "bits_majority",
      [](Words votes, std::int64_t least, Out<std::uint64_t> out, int threads) {
        require(out.size() == votes.shape(1), "out has the wrong size");
        require(least >= 1 && least <= length(votes.shape(0)), "least is out of range");
        nb::gil_scoped_release release;
        majority(votes.data(), length(votes.shape(0)), length(votes.shape(1)), least, out.data(), threads);
      },
      nb::arg("votes").noconvert(), nb::arg("least"), nb::arg("out").noconvert(), nb::arg("threads"));
  m.def(
      "bits_majority_ternary",
      [](Votes nonzero, Votes positive, std::int64_t k, bool coin, std::uint32_t key, std::uint32_t offset,
         OutWords out_nonzero, OutWords out_positive, int threads) {
        const std::size_t rows = nonzero.shape(1), words = nonzero.shape(2);
        require(nonzero.shape(0) >= 1 && positive.shape(0) == nonzero.shape(0) && positive.shape(1) == rows &&
                    positive.shape(2) == words,
                "the planes differ in shape or are empty");
        for (const OutWords& out : {out_nonzero, out_positive})
          require(out.shape(0) == rows && out.shape(1) == words, "an output has the wrong shape");
        nb::gil_scoped_release release;
        majority_ternary(nonzero.data(), positive.data(), length(nonzero.shape(0)), length(rows), length(words), k,
                         coin, key, offset, out_nonzero.data(), out_positive.data(), threads);
      },
      nb::arg("nonzero").noconvert(), nb::arg("positive").noconvert(), nb::arg("k"), nb::arg("coin"), nb::arg("key"),
      nb::arg("offset"), nb::arg("out_nonzero").noconvert(), nb::arg("out_positive").noconvert(), nb::arg("threads"));
}
