#include "signwise/ortho.hpp"

#include <nanobind/ndarray.h>

#include <stdexcept>

#include "bindings.hpp"

using namespace signwise;
using namespace nb::literals;

namespace {

template <class T, int Dimensions>
using Array = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;
template <int Dimensions>
using AnyArray = nb::ndarray<nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;
template <int Dimensions>
using AnyConst = nb::ndarray<nb::ro, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;

Lane lane_of(std::size_t bytes, bool floating) {
  switch (bytes) {
    case 1: return Lane::int8;
    case 2: return floating ? Lane::float16 : Lane::int16;
    case 4: return floating ? Lane::float32 : Lane::int32;
    case 8: return floating ? Lane::float64 : Lane::int64;
    default: throw std::invalid_argument("components must have 1, 2, 4 or 8 bytes");
  }
}

template <class T>
void bind_hadamard(nb::module_& m) {
  m.def(
      "hadamard_signs",
      [](Array<const T, 2> x, Array<const std::int8_t, 2> signs, Array<T, 2> out, int threads) {
        const auto rows = x.shape(0), d = x.shape(1);
        require(out.shape(0) == rows && out.shape(1) == d && signs.shape(1) == d, "the shapes differ");
        require(d > 0 && (d & (d - 1)) == 0 && signs.shape(0) > 0, "d must be a power of two");
        nb::gil_scoped_release release;
        hadamard_signs(x.data(), signs.data(), length(rows), length(d), length(signs.shape(0)), out.data(), threads);
      },
      "x"_a.noconvert(), "signs"_a.noconvert(), "out"_a.noconvert(), "threads"_a);
}

}  // namespace

void bind_ortho(nb::module_& m) {
  m.def(
      "xxh64", [](nb::bytes data, std::uint64_t seed) { return xxh64(data.c_str(), data.size(), seed); }, "data"_a,
      "seed"_a);
  m.def(
      "atom_words",
      [](Array<const std::uint64_t, 1> hashes, std::int64_t d, Array<std::uint64_t, 2> out) {
        require(d > 0 && out.shape(0) == hashes.shape(0) && length(out.shape(1)) == (d + 63) / 64, "the shapes differ");
        nb::gil_scoped_release release;
        atom_words(hashes.data(), length(hashes.shape(0)), d, out.data());
      },
      "hashes"_a.noconvert(), "d"_a, "out"_a.noconvert());
  m.def(
      "fisher_yates",
      [](std::uint64_t stream, Array<std::int32_t, 1> out) {
        nb::gil_scoped_release release;
        fisher_yates(stream, length(out.shape(0)), out.data());
      },
      "stream"_a, "out"_a.noconvert());
  m.def(
      "signed_rotation",
      [](AnyConst<2> x, Array<const std::int8_t, 1> signs, std::int64_t shift, bool floating, AnyArray<2> out,
         int threads) {
        const auto rows = x.shape(0), d = x.shape(1);
        require(out.shape(0) == rows && out.shape(1) == d && out.itemsize() == x.itemsize() && signs.shape(0) == d,
                "the shapes or the sizes of a component differ");
        require(shift >= 0 && shift < length(d), "shift must be at least 0 and below d");
        const Lane lane = lane_of(x.itemsize(), floating);
        nb::gil_scoped_release release;
        signed_rotation(lane, x.data(), signs.data(), length(rows), length(d), shift, out.data(), threads);
      },
      "x"_a.noconvert(), "signs"_a.noconvert(), "shift"_a, "floating"_a, "out"_a.noconvert(), "threads"_a);
  m.def(
      "signed_permutation",
      [](AnyConst<2> x, Array<const std::int8_t, 1> signs, Array<const std::int32_t, 1> perm, bool floating,
         AnyArray<2> out, int threads) {
        const auto rows = x.shape(0), d = x.shape(1);
        require(out.shape(0) == rows && out.shape(1) == d && out.itemsize() == x.itemsize() && signs.shape(0) == d &&
                    perm.shape(0) == d,
                "the shapes or the sizes of a component differ");
        const Lane lane = lane_of(x.itemsize(), floating);
        nb::gil_scoped_release release;
        signed_permutation(lane, x.data(), signs.data(), perm.data(), length(rows), length(d), out.data(), threads);
      },
      "x"_a.noconvert(), "signs"_a.noconvert(), "perm"_a.noconvert(), "floating"_a, "out"_a.noconvert(),
      "threads"_a);
  m.def(
      "rotate_words",
      [](Array<const std::uint64_t, 2> x, Array<const std::uint64_t, 1> mask, std::int64_t shift,
         Array<std::uint64_t, 2> out, int threads) {
        const auto rows = x.shape(0), words = x.shape(1);
        require(out.shape(0) == rows && out.shape(1) == words && mask.shape(0) == words, "the shapes differ");
        require(shift >= 0 && shift < 64 * length(words), "shift must be at least 0 and below the number of bits");
        nb::gil_scoped_release release;
        rotate_words(x.data(), mask.data(), length(rows), length(words), shift, out.data(), threads);
      },
      "x"_a.noconvert(), "mask"_a.noconvert(), "shift"_a, "out"_a.noconvert(), "threads"_a);
  bind_hadamard<float>(m);
  bind_hadamard<double>(m);
  m.def(
      "haar",
      [](std::uint64_t h, Array<double, 2> out, int threads) {
        require(out.shape(0) > 0 && out.shape(0) == out.shape(1), "out must be square");
        nb::gil_scoped_release release;
        haar(h, length(out.shape(0)), out.data(), threads);
      },
      "h"_a, "out"_a.noconvert(), "threads"_a);
}
