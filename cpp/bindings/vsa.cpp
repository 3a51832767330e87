#include "signwise/vsa.hpp"

#include <nanobind/ndarray.h>

#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "vsa_walk.hpp"

using namespace signwise;
using namespace nb::literals;

namespace {

template <class T>
using Column = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Rows = nb::ndarray<nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <class T>
std::vector<T> copied(const Column<T>& column) {
  return std::vector<T>(column.data(), column.data() + column.shape(0));
}

template <class T>
nb::ndarray<nb::numpy, T, nb::ndim<1>> handed_over(std::vector<T>&& values) {
  auto* kept = new std::vector<T>(std::move(values));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return nb::ndarray<nb::numpy, T, nb::ndim<1>>(kept->data(), {kept->size()}, owner);
}

VsaOutput output_of(const char* name) {
  if (!std::strcmp(name, "int32")) return VsaOutput::int32;
  if (!std::strcmp(name, "int64")) return VsaOutput::int64;
  if (!std::strcmp(name, "float32")) return VsaOutput::float32;
  if (!std::strcmp(name, "bits")) return VsaOutput::bits;
  throw std::invalid_argument("unknown output");
}

// Parses and walks items from `first` on; returns the first that fails, or their number.
std::int64_t read_items(TokenBatch& batch, nb::list items, std::int64_t first, nb::handle loads,
                        nb::handle normalize) {
  Walker walker(batch, normalize.ptr());
  for (std::int64_t i = first; i < PyList_GET_SIZE(items.ptr()); ++i) {
    const nb::object item = nb::borrow(PyList_GET_ITEM(items.ptr(), i));
    PyObject* p = item.ptr();
    bool good;
    if (PyBytes_Check(p) || PyUnicode_Check(p) || PyByteArray_Check(p) || PyMemoryView_Check(p)) {
      const nb::object parsed = nb::steal(PyObject_CallOneArg(loads.ptr(), p));
      if (!parsed.is_valid()) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError) && !PyErr_ExceptionMatches(PyExc_TypeError))
          throw nb::python_error();
        PyErr_Clear();
        return i;
      }
      good = walker.document(parsed.ptr());
    } else {
      good = (PyDict_Check(p) || PyList_Check(p) || PyTuple_Check(p)) && walker.document(p);
    }
    if (!good) return i;
  }
  return PyList_GET_SIZE(items.ptr());
}

}  // namespace

void bind_vsa(nb::module_& m) {
  nb::class_<TokenBatch>(m, "TokenBatch")
      .def(nb::init<>())
      .def("__len__", &TokenBatch::size)
      .def("__getitem__",
           [](const TokenBatch& batch, std::size_t i) {
             if (i >= batch.size()) throw nb::index_error();
             return nb::bytes(batch.begin(i), static_cast<std::size_t>(batch.end(i) - batch.begin(i)));
           })
      .def("append",
           [](TokenBatch& batch, nb::bytes tokens) {
             std::memcpy(batch.data.grow(tokens.size()), tokens.data(), tokens.size());
             batch.ends.push_back(batch.data.size());
           },
           "tokens"_a)
      .def("read", &read_items, "items"_a, "first"_a, "loads"_a, "normalize"_a)
      .def("walk",
           [](TokenBatch& batch, nb::handle document, nb::handle normalize) {
             return Walker(batch, normalize.ptr()).document(document.ptr());
           },
           "document"_a.none(), "normalize"_a);

  nb::class_<VsaEncoder>(m, "VsaEncoder")
      .def(
          "__init__",
          [](VsaEncoder* self, std::int64_t d, std::uint64_t seed, int strings, int arrays, bool array_norm,
             bool conjunctions, bool idf, Column<std::uint64_t> weight_paths, Column<double> weight_values,
             Column<std::uint64_t> stat_paths, Column<double> stat_centers, Column<double> stat_scales,
             Column<std::uint64_t> idf_terms, Column<std::int64_t> idf_factors, std::int64_t idf_unseen) {
            require(d > 0 && d % 512 == 0, "d must be a multiple of 512");
            require(weight_paths.shape(0) == weight_values.shape(0) &&
                        stat_paths.shape(0) == stat_centers.shape(0) && stat_paths.shape(0) == stat_scales.shape(0) &&
                        idf_terms.shape(0) == idf_factors.shape(0),
                    "the tables differ in length");
            VsaSpec spec;
            spec.d = d;
            spec.seed = seed;
            spec.whole = strings & 1;
            spec.words = strings & 2;
            spec.grams = strings & 4;
            spec.pos = arrays & 1;
            spec.set = arrays & 2;
            spec.adj = arrays & 4;
            spec.end = arrays & 8;
            spec.array_norm = array_norm;
            spec.conjunctions = conjunctions;
            spec.idf = idf;
            spec.weights = {copied(weight_paths), copied(weight_values)};
            spec.stats.keys = copied(stat_paths);
            for (std::size_t i = 0; i < stat_centers.shape(0); ++i)
              spec.stats.values.push_back({stat_centers.data()[i], stat_scales.data()[i]});
            spec.factors = {copied(idf_terms), copied(idf_factors)};
            spec.unseen = idf_unseen;
            new (self) VsaEncoder(std::move(spec));
          },
          nb::kw_only(), "d"_a, "seed"_a, "strings"_a, "arrays"_a, "array_norm"_a, "conjunctions"_a, "idf"_a,
          "weight_paths"_a.noconvert(), "weight_values"_a.noconvert(), "stat_paths"_a.noconvert(),
          "stat_centers"_a.noconvert(), "stat_scales"_a.noconvert(), "idf_terms"_a.noconvert(),
          "idf_factors"_a.noconvert(), "idf_unseen"_a)
      .def(
          "encode",
          [](VsaEncoder& self, const TokenBatch& batch, const char* output, Rows out, int threads) {
            const VsaOutput form = output_of(output);
            require(out.shape(0) == batch.size() &&
                        length(out.shape(1) * out.itemsize()) == self.row_bytes(form),
                    "the result has another shape");
            std::int64_t skipped = 0, misfit;
            {
              nb::gil_scoped_release release;
              misfit = self.encode(batch, form, out.data(), threads, skipped);
            }
            return nb::make_tuple(misfit, skipped);
          },
          "batch"_a, "output"_a, "out"_a.noconvert(), "threads"_a)
      .def(
          "collect",
          [](VsaEncoder& self, const TokenBatch& batch, int threads) {
            VsaCollected all;
            {
              nb::gil_scoped_release release;
              all = self.collect(batch, threads);
            }
            return nb::make_tuple(handed_over(std::move(all.terms)), handed_over(std::move(all.paths)),
                                  handed_over(std::move(all.priorities)), handed_over(std::move(all.values)));
          },
          "batch"_a, "threads"_a)
      .def(
          "subtree_hash",
          [](const VsaEncoder& self, nb::bytes tokens) {
            const auto* data = static_cast<const std::uint8_t*>(tokens.data());
            return self.subtree_hash(data, data + tokens.size());
          },
          "tokens"_a);
}
