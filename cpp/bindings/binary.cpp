#include "signwise/binary.hpp"

#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <optional>

#include "bindings.hpp"

using namespace signwise;
using namespace nb::literals;

namespace {

template <class T>
using Flat = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Images = nb::ndarray<const float, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
template <class T>
using OutImages = nb::ndarray<T, nb::ndim<4>, nb::c_contig, nb::device::cpu>;

template <class T>
std::vector<T> copy(const std::optional<Flat<T>>& values) {
  return values ? std::vector<T>(values->data(), values->data() + values->size()) : std::vector<T>();
}

FinishSpec finish(const std::optional<Flat<float>>& a, const std::optional<Flat<float>>& b,
                  const std::optional<Flat<float>>& slope, const std::optional<Flat<std::int32_t>>& threshold,
                  const std::optional<Flat<std::uint8_t>>& flip, float lo, float hi,
                  const std::array<std::int64_t, 3>& places) {
  return {copy(a), copy(b), copy(slope), copy(threshold), copy(flip), lo, hi, places[0], places[1], places[2]};
}

ConvShape conv_shape(const std::array<std::int64_t, 11>& s) {
  return {s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], s[10]};
}

PoolShape pool_shape(const std::array<std::int64_t, 10>& s) {
  return {s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9]};
}

// The arithmetic is on numbers that a file may hold, so it is checked before any pointer is formed.
std::int64_t weight_row(const ConvShape& s) {
  require(s.groups > 0 && s.inputs > 0 && s.inputs % s.groups == 0 && s.kernel_y > 0 && s.kernel_x > 0 &&
              s.kernel_y < 4096 && s.kernel_x < 4096 && s.inputs < (1 << 24),
          "a size of a convolution is out of range");
  return s.kernel_y * s.kernel_x * (s.inputs / s.groups);
}

}  // namespace

// Every operation ends alike.
#define FINISH_TYPES                                                                                            \
  std::optional<Flat<float>> a, std::optional<Flat<float>> b, std::optional<Flat<float>> slope,                 \
      std::optional<Flat<std::int32_t>> threshold, std::optional<Flat<std::uint8_t>> flip, float lo, float hi,  \
      std::array<std::int64_t, 3> places
#define FINISH finish(a, b, slope, threshold, flip, lo, hi, places)
#define FINISH_NAMES                                                                                         \
  "a"_a.noconvert().none(), "b"_a.noconvert().none(), "slope"_a.noconvert().none(),                          \
      "threshold"_a.noconvert().none(), "flip"_a.noconvert().none(), "lo"_a, "hi"_a, "places"_a

void bind_binary(nb::module_& m) {
  m.def(
      "binary_busy", [](std::int64_t rounds) { return binary_tier().busy(rounds); }, "rounds"_a,
      nb::call_guard<nb::gil_scoped_release>());
  nb::class_<BinaryNet>(m, "BinaryNet")
      .def(nb::init<std::int64_t>(), "channels"_a)
      .def("add_value", &BinaryNet::add_value, "bits"_a, "channels"_a)
      .def(
          "add_bit_conv",
          [](BinaryNet& self, std::int64_t input, std::array<std::int64_t, 11> shape, Matrix<std::uint8_t> weights,
             FINISH_TYPES) {
            const ConvShape s = conv_shape(shape);
            require(length(weights.shape(0)) == s.outputs && length(weights.shape(1)) == (weight_row(s) + 7) / 8,
                    "the weights of a convolution have the wrong shape");
            self.add_bit_conv(input, s, weights.data(), FINISH);
          },
          "input"_a, "shape"_a, "weights"_a.noconvert(), FINISH_NAMES)
      .def(
          "add_float_conv",
          [](BinaryNet& self, std::int64_t input, std::array<std::int64_t, 11> shape, Matrix<float> weights,
             FINISH_TYPES) {
            const ConvShape s = conv_shape(shape);
            require(length(weights.shape(0)) == s.outputs && length(weights.shape(1)) == weight_row(s),
                    "the weights of a convolution have the wrong shape");
            self.add_float_conv(input, s, weights.data(), FINISH);
          },
          "input"_a, "shape"_a, "weights"_a.noconvert(), FINISH_NAMES)
      .def(
          "add_byte_conv",
          [](BinaryNet& self, std::int64_t input, std::array<std::int64_t, 11> shape, Matrix<std::int8_t> weights,
             float scale, FINISH_TYPES) {
            const ConvShape s = conv_shape(shape);
            require(length(weights.shape(0)) == s.outputs && length(weights.shape(1)) == weight_row(s),
                    "the weights of a convolution have the wrong shape");
            self.add_byte_conv(input, s, weights.data(), scale, FINISH);
          },
          "input"_a, "shape"_a, "weights"_a.noconvert(), "scale"_a, FINISH_NAMES)
      .def(
          "add_map", [](BinaryNet& self, std::int64_t input, FINISH_TYPES) { self.add_map(input, FINISH); },
          "input"_a, FINISH_NAMES)
      .def(
          "add_pool",
          [](BinaryNet& self, std::int64_t input, std::array<std::int64_t, 10> shape, std::optional<Flat<float>> sign,
             FINISH_TYPES) { self.add_pool(input, pool_shape(shape), copy(sign), FINISH); },
          "input"_a, "shape"_a, "sign"_a.noconvert().none(), FINISH_NAMES)
      .def(
          "add_pool_bits",
          [](BinaryNet& self, std::int64_t input, std::array<std::int64_t, 10> shape, Flat<std::uint8_t> any,
             std::int64_t out) {
            self.add_pool_bits(input, pool_shape(shape), {any.data(), any.data() + any.size()}, out);
          },
          "input"_a, "shape"_a, "any"_a.noconvert(), "out"_a)
      .def("add_pad_channels", &BinaryNet::add_pad_channels, "input"_a, "before"_a, "out"_a)
      .def("add_flatten", &BinaryNet::add_flatten, "input"_a, "out"_a)
      .def("set_output", &BinaryNet::set_output, "value"_a)
      .def("operations", &BinaryNet::operations)
      .def("shape", &BinaryNet::shape, "value"_a, "height"_a, "width"_a)
      .def(
          "memory",
          [](BinaryNet& self, std::int64_t n, std::int64_t height, std::int64_t width) {
            const NetMemory m = self.memory(n, height, width);
            return std::array<std::int64_t, 5>{m.weights, m.binary_weights, m.floats, m.bits, m.scratch};
          },
          "n"_a, "height"_a, "width"_a)
      .def(
          "run",
          [](BinaryNet& self, Images x, OutImages<float> out, int threads,
             std::optional<nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>> seconds) {
            require(out.shape(0) == x.shape(0) && length(x.shape(1)) == self.channels(), "x or out has a wrong shape");
            require(!seconds || length(seconds->size()) == self.operations() + 2, "seconds has the wrong size");
            nb::gil_scoped_release release;
            self.run(x.data(), length(x.shape(0)), length(x.shape(2)), length(x.shape(3)), out.data(), threads,
                     seconds ? seconds->data() : nullptr);
          },
          "x"_a.noconvert(), "out"_a.noconvert(), "threads"_a, "seconds"_a.noconvert().none())
      .def(
          "begin",
          [](BinaryNet& self, Images x) {
            require(length(x.shape(1)) == self.channels(), "x has the wrong shape");
            nb::gil_scoped_release release;
            self.begin(x.data(), length(x.shape(0)), length(x.shape(2)), length(x.shape(3)));
          },
          "x"_a.noconvert())
      .def("step", &BinaryNet::step, "operation"_a, "threads"_a, nb::call_guard<nb::gil_scoped_release>())
      .def(
          "read", [](BinaryNet& self, std::int64_t value, OutImages<float> out) { self.read(value, out.data()); },
          "value"_a, "out"_a.noconvert())
      .def(
          "write", [](BinaryNet& self, std::int64_t value, Images x) { self.write(value, x.data()); }, "value"_a,
          "x"_a.noconvert())
      .def("sums_shape", &BinaryNet::sums_shape, "operation"_a)
      .def(
          "sums",
          [](BinaryNet& self, std::int64_t operation, OutImages<std::int32_t> out, int threads) {
            self.sums(operation, out.data(), threads);
          },
          "operation"_a, "out"_a.noconvert(), "threads"_a);
}
