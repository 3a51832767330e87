#pragma once

// What the parts of the JSON vector encoder share: its constants, the reading of tokens, hashes of text.

#include <array>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "signwise/ortho.hpp"
#include "signwise/vsa.hpp"

namespace signwise {

template <class T>
const T* HashTable<T>::find(std::uint64_t key) const {
  if (keys.empty()) return nullptr;
  std::size_t low = 0, high = keys.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (keys[middle] < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low < keys.size() && keys[low] == key ? &values[low] : nullptr;
}

namespace vsa {

using U64 = std::uint64_t;

enum Domain { KEY = 1, STR, WORD, GRAM, LIT, LANE, EXACT, LINEAR, INDEX, END, VIEW, TIE, MATRIX, LANEFIT, ARRAY };

constexpr double kHalf = 0.7071067811865476;  // the square root of one half
constexpr int kLiterals = 6;

struct Lanes {
  std::vector<U64> g;
  std::vector<double> inverse, offset;
};

// Bytes [at, end) of a token buffer. Nothing is read past the end.
struct Reader {
  const std::uint8_t* at;
  const std::uint8_t* end;

  void need(std::size_t bytes) const {
    if (static_cast<std::size_t>(end - at) < bytes) throw std::invalid_argument("the tokens end early");
  }
  template <class T>
  T take() {
    need(sizeof(T));
    T value;
    std::memcpy(&value, at, sizeof(T));
    at += sizeof(T);
    return value;
  }
  Token op() {
    const auto code = take<std::uint8_t>();
    if (code > static_cast<std::uint8_t>(Token::pairs)) throw std::invalid_argument("unknown token");
    return static_cast<Token>(code);
  }
  const std::uint8_t* bytes(std::size_t count) {
    need(count);
    at += count;
    return at - count;
  }
};

struct Text {
  const std::uint8_t* data;
  std::size_t size;
};

inline Text text(Reader& reader) {
  const auto size = reader.take<std::uint32_t>();
  return {reader.bytes(size), size};
}

// The distinct tokens of a part of a string; counts are empty where each stands there once.
struct Tokens {
  std::vector<U64> hashes;
  std::vector<std::uint32_t> counts;

  // Replaces tokens in their order by distinct ones with counts.
  void count();

 private:
  std::vector<std::uint32_t> places_;
  std::vector<U64> given_;
};

// Splits strings. One object serves many.
class Parts {
 public:
  // Fills the words and 3-grams of UTF-8 text; a part that is switched off stays empty.
  void read(Text text, bool words, bool grams, U64 word_seed, U64 gram_seed);

  Tokens words, grams;

 private:
  std::vector<std::uint8_t> lowered_;
};

}  // namespace vsa

struct VsaEncoder::Tables {
  VsaSpec spec;
  std::int64_t words;
  int views, operators;  // enabled views; those that add elements under an operator
  std::array<vsa::U64, 16> seeds;
  std::array<vsa::U64, vsa::kLiterals> literals;
  vsa::U64 linear, array_step, set_view, adj_view;
  std::vector<vsa::U64> tie;
  vsa::Lanes raw, fitted;

  explicit Tables(VsaSpec given);

  vsa::U64 hash(int domain, const void* data, std::size_t size) const { return xxh64(data, size, seeds[domain]); }
  vsa::U64 hash(int domain, vsa::Text text) const { return hash(domain, text.data, text.size); }
  vsa::U64 hash(int domain, vsa::U64 number) const { return hash(domain, &number, 8); }
  vsa::U64 hash(int domain, double number) const { return hash(domain, &number, 8); }
};

namespace vsa {

// h of the value at the reader, which moves past it.
U64 subtree_hash(const VsaEncoder::Tables& tables, Reader& reader);

}  // namespace vsa
}  // namespace signwise
