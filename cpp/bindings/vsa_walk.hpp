#pragma once

#include <Python.h>

#include "signwise/vsa.hpp"

// Walks parsed JSON into tokens. False, with nothing appended and no Python error set, where the document has
// something that JSON has not; the Python walk then finds the same fault and words it.
class Walker {
 public:
  // normalize: unicodedata.normalize.
  Walker(signwise::TokenBatch& batch, PyObject* normalize) : batch_(batch), normalize_(normalize) {}

  bool document(PyObject* value);

 private:
  bool value(PyObject* value, int depth);
  bool object(PyObject* dict, int depth);
  bool integer(PyObject* value);
  // Length and text; `changed` tells whether normalisation changed it.
  bool text(PyObject* value, bool* changed);
  bool utf8(PyObject* value);

  std::uint8_t* room(std::size_t bytes) { return batch_.data.grow(bytes); }
  void token(signwise::Token op) { *room(1) = static_cast<std::uint8_t>(op); }
  void count(std::size_t n);
  void number(double x);

  signwise::TokenBatch& batch_;
  PyObject* normalize_;
};
