#include "signwise/vsa_tables.hpp"

#include <utility>

#include "signwise/vsa_kernels.hpp"

namespace signwise {
namespace vsa {
namespace {

// 2^((i + 1/2)/16), correctly rounded.
constexpr double kSteps[16] = {
    0x1.059b0d3158574p+0, 0x1.11301d0125b51p+0, 0x1.1d4873168b9aap+0, 0x1.29e9df51fdee1p+0,
    0x1.371a7373aa9cbp+0, 0x1.44e086061892dp+0, 0x1.5342b569d4f82p+0, 0x1.6247eb03a5585p+0,
    0x1.71f75e8ec5f74p+0, 0x1.82589994cce13p+0, 0x1.93737b0cdc5e5p+0, 0x1.a5503b23e255dp+0,
    0x1.b7f76f2fb5e47p+0, 0x1.cb720dcef9069p+0, 0x1.dfc97337b9b5fp+0, 0x1.f50765b6e4540p+0};

Lanes draw_lanes(U64 seed, std::int64_t count, int a, int b) {
  Lanes lanes;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto lane = static_cast<std::uint32_t>(i);
    const U64 g = xxh64(&lane, 4, seed);
    const int tau = static_cast<int>(16 * (b - a) * uniform(mix64(g)));
    const double delta = std::ldexp(kSteps[tau % 16], a + tau / 16);
    lanes.g.push_back(g);
    lanes.inverse.push_back(1 / delta);
    lanes.offset.push_back(uniform(g));
  }
  return lanes;
}

inline std::uint8_t lower(std::uint8_t c) { return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + 32) : c; }

inline bool in_word(std::uint8_t c) { return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

inline std::size_t code_point_bytes(std::uint8_t lead) {
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

}  // namespace

void Parts::read(Text text, bool with_words, bool with_grams, U64 word_seed, U64 gram_seed) {
  words.hashes.clear();
  grams.hashes.clear();
  if (!with_words && !with_grams) return;
  lowered_.resize(text.size + 2);
  lowered_.front() = lowered_.back() = ' ';
  std::uint8_t all = 0;
  for (std::size_t i = 0; i < text.size; ++i) {
    all |= text.data[i];
    lowered_[i + 1] = lower(text.data[i]);
  }
  const std::uint8_t* const first = lowered_.data();
  const std::uint8_t* const last = first + lowered_.size();
  if (with_words) {
    for (const std::uint8_t* p = first; p < last;) {
      while (p < last && !in_word(*p)) ++p;
      const std::uint8_t* start = p;
      while (p < last && in_word(*p)) ++p;
      if (p > start) words.hashes.push_back(xxh64(start, static_cast<std::size_t>(p - start), word_seed));
    }
    words.count();
  }
  if (with_grams) {
    if (all < 0x80) {
      grams.hashes.resize(text.size);
      vsa_kernels().hash_threes(first, static_cast<std::int64_t>(text.size), gram_seed, grams.hashes.data());
    } else {
      const std::uint8_t *a = first, *b = a + 1, *c = b + code_point_bytes(*b);
      while (c < last) {
        const std::uint8_t* end = c + code_point_bytes(*c);
        grams.hashes.push_back(xxh64(a, static_cast<std::size_t>(end - a), gram_seed));
        a = b;
        b = c;
        c = end;
      }
    }
    grams.count();
  }
}

void Tokens::count() {
  constexpr std::size_t kPairwise = 64;  // up to here comparing all pairs is quicker than a table
  counts.clear();
  const std::size_t n = hashes.size();
  if (n <= kPairwise && vsa_kernels().distinct(hashes.data(), static_cast<std::int64_t>(n))) return;
  given_.swap(hashes);
  hashes.clear();
  std::size_t size = 32;
  while (size < 2 * n) size *= 2;
  places_.assign(size, 0);  // 1 + place among the distinct ones
  for (const U64 h : given_) {
    std::size_t slot = h & (size - 1);
    while (places_[slot] && hashes[places_[slot] - 1] != h) slot = (slot + 1) & (size - 1);
    if (places_[slot]) {
      ++counts[places_[slot] - 1];
    } else {
      hashes.push_back(h);
      counts.push_back(1);
      places_[slot] = static_cast<std::uint32_t>(hashes.size());
    }
  }
}

// Object members are summed, so the hash does not depend on their order.
U64 subtree_hash(const VsaEncoder::Tables& tables, Reader& reader) {
  const Token op = reader.op();
  switch (op) {
    case Token::string: return tables.hash(STR, text(reader));
    case Token::number: return tables.hash(EXACT, reader.take<double>());
    case Token::big: reader.take<double>(); return tables.hash(EXACT, text(reader));
    case Token::object: {
      const auto members = reader.take<std::uint32_t>();
      U64 sum = members * kPhi;
      for (std::uint32_t i = 0; i < members; ++i) {
        const U64 key = tables.hash(KEY, text(reader));
        sum += fold(key, subtree_hash(tables, reader));
      }
      return mix64(sum);
    }
    case Token::array:
    case Token::part: {
      const bool partial = op == Token::part;
      const U64 n = partial ? reader.take<U64>() : reader.take<std::uint32_t>();
      const U64 given = partial ? reader.take<std::uint32_t>() : n;
      U64 h = tables.hash(ARRAY, n);
      for (U64 i = 0; i < given; ++i) {
        if (partial) reader.take<U64>();
        h = fold(h, subtree_hash(tables, reader));
      }
      return h;
    }
    case Token::codes:
    case Token::pairs: {
      reader.take<U64>();
      reader.bytes(8 * static_cast<std::size_t>(reader.take<std::uint32_t>()));
      return 0;
    }
    default: return tables.literals[static_cast<int>(op)];
  }
}

}  // namespace vsa

using namespace vsa;

VsaEncoder::Tables::Tables(VsaSpec given) : spec(std::move(given)) {
  words = spec.d / 64;
  operators = spec.pos + spec.set + spec.end;
  views = operators + spec.adj;
  for (U64 domain = 0; domain < seeds.size(); ++domain) seeds[domain] = mix64(spec.seed + domain * kPhi);
  const char* const names[kLiterals] = {"null", "false", "true", "{}", "[]", "\"\""};
  for (int i = 0; i < kLiterals; ++i) literals[i] = hash(LIT, names[i], std::strlen(names[i]));
  linear = hash(LINEAR, "", 0);
  array_step = hash(ARRAY, "", 0);
  set_view = hash(VIEW, "set", 3);
  adj_view = hash(VIEW, "adj", 3);
  const U64 h = hash(TIE, "", 0);
  for (std::int64_t i = 0; i < words; ++i) tie.push_back(atom_word(h, static_cast<U64>(i)));
  raw = draw_lanes(seeds[LANE], spec.d / 16, -6, 3);
  fitted = draw_lanes(seeds[LANEFIT], spec.d / 16, 0, 3);
}

}  // namespace signwise
