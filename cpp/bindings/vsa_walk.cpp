#include "vsa_walk.hpp"

#include <charconv>
#include <cmath>
#include <cstring>

using signwise::Token;

namespace {

constexpr std::size_t kMostCount = 0xFFFFFFFFu;

// A reference that is given back at the end of its scope.
struct Owned {
  explicit Owned(PyObject* object) : object(object) {}
  ~Owned() { Py_XDECREF(object); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  PyObject* object;
};

// All code points below 0x300 are in normal form C already.
bool is_normal(PyObject* text) {
  if (PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND) return true;
  const Py_ssize_t n = PyUnicode_GET_LENGTH(text);
  for (Py_ssize_t i = 0; i < n; ++i)
    if (PyUnicode_READ_CHAR(text, i) >= 0x300) return false;
  return true;
}

bool failed() {
  PyErr_Clear();
  return false;
}

}  // namespace

bool Walker::document(PyObject* document) {
  const std::size_t before = batch_.data.size();
  if (!value(document, 0)) {
    batch_.data.cut(before);
    return false;
  }
  batch_.ends.push_back(batch_.data.size());
  return true;
}

void Walker::count(std::size_t n) {
  const auto small = static_cast<std::uint32_t>(n);
  std::memcpy(room(4), &small, 4);
}

void Walker::number(double x) {
  x += 0.0;  // -0.0 is 0
  std::memcpy(room(8), &x, 8);
}

bool Walker::value(PyObject* value, int depth) {
  if (value == Py_None) return token(Token::null), true;
  if (value == Py_True) return token(Token::yes), true;
  if (value == Py_False) return token(Token::no), true;
  if (PyUnicode_Check(value)) {
    if (PyUnicode_GET_LENGTH(value) == 0) return token(Token::empty_string), true;
    token(Token::string);
    return text(value, nullptr);
  }
  if (PyFloat_Check(value)) {
    const double x = PyFloat_AS_DOUBLE(value);
    if (!std::isfinite(x)) return false;
    token(Token::number);
    number(x);
    return true;
  }
  if (PyLong_Check(value)) return integer(value);
  if (PyDict_Check(value)) {
    if (PyDict_GET_SIZE(value) == 0) return token(Token::empty_object), true;
    return depth < signwise::kMaxDepth && object(value, depth);
  }
  if (PyList_Check(value) || PyTuple_Check(value)) {
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(value);
    if (n == 0) return token(Token::empty_array), true;
    if (depth == signwise::kMaxDepth || static_cast<std::size_t>(n) > kMostCount) return false;
    token(Token::array);
    count(static_cast<std::size_t>(n));
    for (Py_ssize_t i = 0; i < n; ++i)
      if (i >= PySequence_Fast_GET_SIZE(value) || !this->value(PySequence_Fast_GET_ITEM(value, i), depth + 1))
        return false;
    return true;
  }
  return false;
}

bool Walker::object(PyObject* dict, int depth) {
  const std::size_t start = batch_.data.size();
  const Py_ssize_t members = PyDict_GET_SIZE(dict);
  if (static_cast<std::size_t>(members) > kMostCount) return false;
  token(Token::object);
  count(static_cast<std::size_t>(members));
  PyObject *key, *item;
  Py_ssize_t at = 0, seen = 0;
  bool changed = false;
  while (!changed && PyDict_Next(dict, &at, &key, &item)) {
    if (!PyUnicode_Check(key) || !text(key, &changed)) return false;
    if (!changed && !value(item, depth + 1)) return false;
    ++seen;
  }
  if (!changed) return seen == members;
  // A key has another normal form, so two keys may be one: the last member of each stands, in its own place.
  batch_.data.cut(start);
  Owned normal(PyDict_New());
  if (!normal.object) return failed();
  at = 0;
  while (PyDict_Next(dict, &at, &key, &item)) {
    if (!PyUnicode_Check(key)) return false;
    Owned form(PyUnicode_FromString("NFC"));
    Owned composed(form.object ? PyObject_CallFunctionObjArgs(normalize_, form.object, key, nullptr) : nullptr);
    if (!composed.object) return failed();
    const int known = PyDict_Contains(normal.object, composed.object);
    if (known < 0 || (known && PyDict_DelItem(normal.object, composed.object) < 0) ||
        PyDict_SetItem(normal.object, composed.object, item) < 0)
      return failed();
  }
  return object(normal.object, depth);
}

bool Walker::integer(PyObject* value) {
  int overflow = 0;
  const long long x = PyLong_AsLongLongAndOverflow(value, &overflow);
  constexpr long long kExact = 1LL << 53;
  if (!overflow && x >= -kExact && x <= kExact) {
    token(Token::number);
    number(static_cast<double>(x));
    return true;
  }
  char digits[24];
  char* end = digits;
  if (!overflow) {
    end = std::to_chars(digits, digits + sizeof(digits), x).ptr;
  } else if (overflow > 0) {
    const unsigned long long y = PyLong_AsUnsignedLongLong(value);
    if (y == static_cast<unsigned long long>(-1) && PyErr_Occurred())
      PyErr_Clear();
    else
      end = std::to_chars(digits, digits + sizeof(digits), y).ptr;
  }
  const double rounded = PyLong_AsDouble(value);
  if (rounded == -1.0 && PyErr_Occurred()) return failed();
  token(end == digits ? Token::number : Token::big);
  number(rounded);
  if (end != digits) {
    const auto size = static_cast<std::size_t>(end - digits);
    count(size);
    std::memcpy(room(size), digits, size);
  }
  return true;
}

bool Walker::text(PyObject* value, bool* changed) {
  if (PyUnicode_IS_ASCII(value)) {
    const auto size = static_cast<std::size_t>(PyUnicode_GET_LENGTH(value));
    if (size > kMostCount) return false;
    std::uint8_t* out = room(4 + size);
    const auto small = static_cast<std::uint32_t>(size);
    std::memcpy(out, &small, 4);
    std::memcpy(out + 4, PyUnicode_1BYTE_DATA(value), size);
    return true;
  }
  if (is_normal(value)) return utf8(value);
  Owned form(PyUnicode_FromString("NFC"));
  Owned composed(form.object ? PyObject_CallFunctionObjArgs(normalize_, form.object, value, nullptr) : nullptr);
  if (!composed.object) return failed();
  if (changed) {
    const int equal = PyUnicode_Compare(composed.object, value);
    if (equal == -1 && PyErr_Occurred()) return failed();
    *changed = equal != 0;
  }
  return utf8(composed.object);
}

bool Walker::utf8(PyObject* value) {
  const Py_ssize_t n = PyUnicode_GET_LENGTH(value);
  const int kind = PyUnicode_KIND(value);
  const void* data = PyUnicode_DATA(value);
  const std::size_t start = batch_.data.size();
  room(4);
  // Written for the longest form, then cut.
  const std::size_t widest = kind == PyUnicode_1BYTE_KIND ? 2 : kind == PyUnicode_2BYTE_KIND ? 3 : 4;
  std::uint8_t* const first = room(widest * static_cast<std::size_t>(n));
  std::uint8_t* out = first;
  for (Py_ssize_t i = 0; i < n; ++i) {
    const Py_UCS4 c = PyUnicode_READ(kind, data, i);
    if (c < 0x80) {
      *out++ = static_cast<std::uint8_t>(c);
    } else if (c < 0x800) {
      *out++ = static_cast<std::uint8_t>(0xC0 | (c >> 6));
      *out++ = static_cast<std::uint8_t>(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      if (c >= 0xD800 && c < 0xE000) return false;
      *out++ = static_cast<std::uint8_t>(0xE0 | (c >> 12));
      *out++ = static_cast<std::uint8_t>(0x80 | ((c >> 6) & 0x3F));
      *out++ = static_cast<std::uint8_t>(0x80 | (c & 0x3F));
    } else {
      *out++ = static_cast<std::uint8_t>(0xF0 | (c >> 18));
      *out++ = static_cast<std::uint8_t>(0x80 | ((c >> 12) & 0x3F));
      *out++ = static_cast<std::uint8_t>(0x80 | ((c >> 6) & 0x3F));
      *out++ = static_cast<std::uint8_t>(0x80 | (c & 0x3F));
    }
  }
  const auto size = static_cast<std::size_t>(out - first);
  if (size > kMostCount) return false;
  const auto small = static_cast<std::uint32_t>(size);
  std::memcpy(batch_.data.data() + start, &small, 4);
  batch_.data.cut(start + 4 + size);
  return true;
}
