#include "signwise/vsa.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <utility>

#include "signwise/parallel.hpp"
#include "signwise/vsa_frames.hpp"
#include "signwise/vsa_operators.hpp"
#include "signwise/vsa_tables.hpp"

namespace signwise {
namespace vsa {
namespace {

constexpr double kLargestWeight = 0x1p62;
constexpr int kPlaces = 4;
constexpr std::uint32_t kKeptIndices = 64;  // operators of higher indices would crowd out those of keys
constexpr std::uint32_t kMostConjoined = 64;

// max(1, rint(factor omega c)), ties to even.
std::int64_t rounded(double factor, double omega, double c) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::nearbyint(std::min(kLargestWeight, factor * omega * c))));
}

double raw_number(double x) {
  if (x == 0) return 0;
  const double u = 10 * std::fabs(x);
  const double z = u >= 0x1p500 ? portable_ln(std::fabs(x)) + 2.995732273553991 : portable_ln(u + std::sqrt(u * u + 1));
  return x > 0 ? z : -z;
}

bool is_scalar(std::uint8_t token) {
  return token <= 2 || (token >= static_cast<std::uint8_t>(Token::empty_string) &&
                        token <= static_cast<std::uint8_t>(Token::big));
}

// The operators under which a value is added: one, or one for each combination of the views of arrays around it.
struct Places {
  Operator* at[kPlaces];
  int count = 0;
};

// Walks one document's tokens and adds its terms.
template <class Acc>
class Walk {
 public:
  Walk(const VsaEncoder::Tables& tables, Operators& operators)
      : t_(tables), operators_(operators), code_(static_cast<std::size_t>(tables.words)),
        lane_scratch_(static_cast<std::size_t>(tables.spec.d / 16)),
        lane_bits_(static_cast<std::size_t>(tables.spec.d / 16)), number_bits_(kKeptNumbers, kNoNumber),
        number_codes_(kKeptNumbers * static_cast<std::size_t>(tables.words)),
        hashed_(tables.spec.adj || tables.spec.conjunctions) {}

  std::int64_t skipped = 0;

  // The finished sum; it stays valid until the next call.
  const Acc* encode(const std::uint8_t* begin, const std::uint8_t* end, double& total) {
    depth_ = 0;
    scalars_.clear();
    Reader reader{begin, end};
    operators_.refresh();
    operators_.release(0);
    Places places;
    places.at[0] = operators_.root();
    places.count = 1;
    Frame<Acc>& frame = open();
    value(reader, frame, places, 1.0);
    frame.finish();
    depth_ = 0;
    total = frame.total();
    return frame.acc();
  }

 private:
  Frame<Acc>& open() {
    if (depth_ == frames_.size()) frames_.push_back(std::make_unique<Frame<Acc>>(t_));
    Frame<Acc>& frame = *frames_[depth_++];
    frame.clear();
    return frame;
  }

  // Adds what stands at the reader; returns h of it where hashes are needed.
  U64 value(Reader& reader, Frame<Acc>& frame, const Places& places, double omega) {
    const double weight = places.at[0]->weight;
    if (weight == 0) return subtree_hash(t_, reader);
    omega = omega * weight;
    const Token op = reader.op();
    switch (op) {
      case Token::object: return object(reader, frame, places, omega);
      case Token::array:
      case Token::part: return array(reader, frame, places, omega, op == Token::part);
      case Token::string: {
        const Text content = text(reader);
        const U64 whole = hashed_ || t_.spec.whole ? t_.hash(STR, content) : 0;
        string(frame, places, omega, content, whole);
        return whole;
      }
      case Token::number: {
        const auto x = reader.take<double>();
        number(frame, places, omega, x);
        return hashed_ ? t_.hash(EXACT, x) : 0;
      }
      case Token::big: {
        const auto x = reader.take<double>();
        const U64 h = t_.hash(EXACT, text(reader));
        number(frame, places, omega * kHalf, x);
        atom(frame, places, h, rounded(1024, omega, kHalf));
        return h;
      }
      case Token::codes: {
        const auto c = reader.take<double>();
        const auto count = reader.take<std::uint32_t>();
        const std::int64_t each = rounded(1024, omega, c);
        for (std::uint32_t i = 0; i < count; ++i) atom(frame, places, reader.take<U64>(), each);
        return 0;
      }
      case Token::pairs: {
        const double inner = element_scale(omega, reader.take<U64>());
        const auto count = reader.take<std::uint32_t>();
        const std::size_t mark = operators_.mark();
        const Places adjacent = under(places, t_.adj_view);
        for (std::uint32_t i = 0; i < count; ++i) atom(frame, adjacent, reader.take<U64>(), rounded(1024, inner, 1.0));
        operators_.release(mark);
        return 0;
      }
      default: {
        const U64 h = t_.literals[static_cast<int>(op)];
        atom(frame, places, h, rounded(factor(places, h), omega, 1.0));
        return h;
      }
    }
  }

  double element_scale(double omega, U64 n) const {
    return omega / std::sqrt(static_cast<double>((t_.spec.array_norm ? n : 1) * static_cast<U64>(t_.views)));
  }

  Places under(const Places& places, U64 view) {
    Places inner;
    for (int i = 0; i < places.count; ++i) {
      Operator* none = nullptr;
      inner.at[inner.count++] = operators_.then(places.at[i], view, t_.array_step, &none);
    }
    return inner;
  }

  U64 object(Reader& reader, Frame<Acc>& frame, const Places& places, double omega) {
    const auto members = reader.take<std::uint32_t>();
    U64 sum = members * kPhi;
    const std::size_t first_scalar = scalars_.size();
    const std::size_t mark = operators_.mark();
    Operator** hints[kPlaces];
    for (int p = 0; p < places.count; ++p) hints[p] = &places.at[p]->first_inner;
    Places inner;
    inner.count = places.count;
    for (std::uint32_t i = 0; i < members; ++i) {
      const U64 key = t_.hash(KEY, text(reader));
      for (int p = 0; p < places.count; ++p) {
        inner.at[p] = operators_.then(places.at[p], key, key, hints[p]);
        hints[p] = &inner.at[p]->next;
      }
      reader.need(1);
      const bool scalar = is_scalar(*reader.at);
      const U64 h = value(reader, frame, inner, omega);
      if (hashed_) {
        const U64 kv = fold(key, h);
        sum += kv;
        if (scalar && t_.spec.conjunctions) scalars_.push_back(kv);
      }
      operators_.release(mark);
    }
    if (t_.spec.conjunctions) conjoin(frame, places, omega, first_scalar);
    return mix64(sum);
  }

  void conjoin(Frame<Acc>& frame, const Places& places, double omega, std::size_t first) {
    const std::size_t m = scalars_.size() - first;
    if (m > kMostConjoined) {
      ++skipped;
    } else if (m >= 2) {
      const std::int64_t weight = rounded(1024, omega, 0.7 / std::sqrt(static_cast<double>(m - 1) / 2));
      pairs_.clear();
      for (std::size_t i = 0; i < m; ++i)
        for (std::size_t j = 0; j < i; ++j) pairs_.push_back(mix64(scalars_[first + i] + scalars_[first + j]));
      atoms(frame, places, weight, pairs_.data(), pairs_.size());
    }
    scalars_.resize(first);
  }

  U64 array(Reader& reader, Frame<Acc>& frame, const Places& places, double omega, bool part) {
    if (places.count * t_.operators <= kPlaces) return elements(reader, frame, places, omega, part);
    // Too many combinations of views: the array gets a frame of its own, added under each place once.
    Frame<Acc>& own = open();
    Places here;
    here.at[0] = operators_.identity(places.at[0]);
    here.count = 1;
    const std::size_t mark = operators_.mark();
    const U64 h = elements(reader, own, here, omega, part);
    operators_.release(mark);
    own.finish();
    frame.expect(own.total() * places.count);
    for (int p = 0; p < places.count; ++p) frame.add_frame(own, places.at[p]->mask, places.at[p]->shift);
    --depth_;
    return h;
  }

  U64 elements(Reader& reader, Frame<Acc>& frame, const Places& places, double omega, bool part) {
    const U64 n = part ? reader.take<U64>() : reader.take<std::uint32_t>();
    const U64 given = part ? reader.take<std::uint32_t>() : n;
    omega = element_scale(omega, n);
    const std::size_t outer_mark = operators_.mark();
    Places set, adjacent;
    if (t_.spec.set) set = under(places, t_.set_view);
    if (t_.spec.adj) adjacent = under(places, t_.adj_view);
    const std::size_t mark = operators_.mark();
    U64 h = hashed_ ? t_.hash(ARRAY, n) : 0, before = 0;
    for (U64 k = 0; k < given; ++k) {
      const U64 i = part ? reader.take<U64>() : k;
      U64 element;
      if (t_.operators) {
        Places inner = set;
        for (int p = 0; p < places.count; ++p) {
          if (t_.spec.pos) inner.at[inner.count++] = step(places.at[p], INDEX, i);
          if (t_.spec.end) inner.at[inner.count++] = step(places.at[p], END, n - 1 - i);
        }
        element = value(reader, frame, inner, omega);
      } else {
        element = subtree_hash(t_, reader);
      }
      if (hashed_) {
        if (t_.spec.adj && !part && k) atom(frame, adjacent, fold(before, element), rounded(1024, omega, 1.0));
        before = element;
        h = fold(h, element);
      }
      operators_.release(mark);
    }
    operators_.release(outer_mark);
    return h;
  }

  Operator* step(Operator* outer, int domain, U64 index) {
    const U64 h = t_.hash(domain, index);
    Operator* none = nullptr;
    return index < kKeptIndices ? operators_.then(outer, h, t_.array_step, &none)
                                : operators_.pass(outer, h, t_.array_step);
  }

  double factor(const Places& places, U64 token) const {
    if (!t_.spec.idf) return 1024;
    const std::int64_t* found = t_.spec.factors.find(fold(places.at[0]->path, token));
    return static_cast<double>(found ? *found : t_.spec.unseen);
  }

  void atom(Frame<Acc>& frame, const Places& places, U64 h, std::int64_t weight) {
    frame.expect(static_cast<double>(weight) * places.count);
    for (int p = 0; p < places.count; ++p)
      vsa_kernels().rotated_atom(h, places.at[p]->mask, places.at[p]->shift, t_.words, operators_.steps(),
                                 frame.code(weight));
  }

  // Atoms of equal weight. From four on it is cheaper to count them first.
  void atoms(Frame<Acc>& frame, const Places& places, std::int64_t weight, const U64* hashes, std::size_t n) {
    if (n < 4) {
      for (std::size_t i = 0; i < n; ++i) atom(frame, places, hashes[i], weight);
      return;
    }
    frame.expect(static_cast<double>(weight) * static_cast<double>(n) * places.count);
    for (std::size_t i = 0; i < n; i += kMostCounted) {
      const int count = static_cast<int>(std::min<std::size_t>(kMostCounted, n - i));
      frame.count_atoms(hashes + i, count);
      for (int p = 0; p < places.count; ++p)
        frame.add_counted(places.at[p]->mask, places.at[p]->shift, weight, count);
    }
  }

  void string(Frame<Acc>& frame, const Places& places, double omega, Text content, U64 whole) {
    parts_.read(content, t_.spec.words, t_.spec.grams, t_.seeds[WORD], t_.seeds[GRAM]);
    const int parts = t_.spec.whole + !parts_.words.hashes.empty() + !parts_.grams.hashes.empty();
    if (!parts) return;
    const double beta = omega / std::sqrt(static_cast<double>(parts));
    if (t_.spec.whole) atom(frame, places, whole, rounded(factor(places, whole), beta, 1.0));
    part(frame, places, beta, parts_.words);
    part(frame, places, beta, parts_.grams);
  }

  void part(Frame<Acc>& frame, const Places& places, double beta, const Tokens& tokens) {
    const std::size_t n = tokens.hashes.size();
    if (!n) return;
    U64 sum = n;
    if (!tokens.counts.empty()) {
      sum = 0;
      for (const std::uint32_t count : tokens.counts) sum += U64{count} * count;
    }
    const double norm = std::sqrt(static_cast<double>(sum));
    if (!t_.spec.idf && tokens.counts.empty()) {
      atoms(frame, places, rounded(1024, beta, 1 / norm), tokens.hashes.data(), n);
      return;
    }
    weighed_.clear();
    for (std::size_t i = 0; i < n; ++i) {
      const double count = tokens.counts.empty() ? 1 : tokens.counts[i];
      weighed_.emplace_back(rounded(factor(places, tokens.hashes[i]), beta, count / norm), tokens.hashes[i]);
    }
    std::sort(weighed_.begin(), weighed_.end());
    hashes_.clear();
    for (const auto& [weight, h] : weighed_) hashes_.push_back(h);
    for (std::size_t i = 0; i < n;) {
      std::size_t stop = i + 1;
      while (stop < n && weighed_[stop].first == weighed_[i].first) ++stop;
      atoms(frame, places, weighed_[i].first, hashes_.data() + i, stop - i);
      i = stop;
    }
  }

  void number(Frame<Acc>& frame, const Places& places, double omega, double x) {
    const VsaStat* stat = places.at[0]->stat;
    if (!stat) return add_code(frame, places, raw_code(x), rounded(1024, omega, 1.0));
    const double z = (x - stat->center) / stat->scale;
    const double linear = 1024 * omega * kHalf * std::min(4.0, std::max(-4.0, z));
    const auto weight = static_cast<std::int64_t>(
        std::nearbyint(std::min(kLargestWeight, std::max(-kLargestWeight, linear))));
    if (weight) {
      frame.expect(std::fabs(static_cast<double>(weight)) * places.count);
      for (int p = 0; p < places.count; ++p) {
        U64* code = frame.code(weight < 0 ? -weight : weight);
        vsa_kernels().rotated_atom(t_.linear, places.at[p]->mask, places.at[p]->shift, t_.words,
                                   operators_.steps(), code);
        if (weight < 0)
          for (std::int64_t j = 0; j < t_.words; ++j) code[j] = ~code[j];
      }
    }
    lanes(t_.fitted, std::min(0x1p20, std::max(-0x1p20, z)), code_.data());
    add_code(frame, places, code_.data(), rounded(1024, omega, kHalf));
  }

  // Small whole numbers and the like come again and again: the last code of each place is kept.
  const U64* raw_code(double x) {
    U64 bits;
    std::memcpy(&bits, &x, 8);
    const auto place = static_cast<std::size_t>(mix64(bits) % kKeptNumbers);
    U64* code = number_codes_.data() + place * static_cast<std::size_t>(t_.words);
    if (number_bits_[place] != bits) {
      lanes(t_.raw, raw_number(x), code);
      number_bits_[place] = bits;
    }
    return code;
  }

  void lanes(const Lanes& table, double z, U64* code) {
    const auto count = static_cast<std::int64_t>(lane_bits_.size());
    vsa_kernels().lanes(z, table.g.data(), table.inverse.data(), table.offset.data(), count, lane_scratch_.data(),
                        lane_bits_.data());
    std::memcpy(code, lane_bits_.data(), 2 * lane_bits_.size());
  }

  void add_code(Frame<Acc>& frame, const Places& places, const U64* code, std::int64_t weight) {
    frame.expect(static_cast<double>(weight) * places.count);
    for (int p = 0; p < places.count; ++p)
      vsa_kernels().rotated_code(code, places.at[p]->mask, places.at[p]->shift, t_.words, operators_.scratch(),
                                 frame.code(weight));
  }

  static constexpr std::size_t kKeptNumbers = 64;
  static constexpr U64 kNoNumber = ~U64{0};  // the bits of a NaN

  const VsaEncoder::Tables& t_;
  Operators& operators_;
  std::vector<std::unique_ptr<Frame<Acc>>> frames_;
  std::size_t depth_ = 0;
  Parts parts_;
  std::vector<U64> code_, hashes_, scalars_, pairs_, lane_scratch_;
  std::vector<std::uint16_t> lane_bits_;
  std::vector<U64> number_bits_, number_codes_;
  std::vector<std::pair<std::int64_t, U64>> weighed_;
  bool hashed_;
};

// ---- Writing a row -----------------------------------------------------------------------------------------

bool write_row(const std::int64_t* acc, double, const VsaEncoder::Tables& t, VsaOutput output, void* out) {
  const std::int64_t d = t.spec.d;
  if (output == VsaOutput::int64) {
    std::memcpy(out, acc, static_cast<std::size_t>(8 * d));
    return true;
  }
  if (output == VsaOutput::int32) {
    auto* to = static_cast<std::int32_t*>(out);
    for (std::int64_t i = 0; i < d; ++i) {
      if (acc[i] > INT32_MAX || acc[i] < INT32_MIN) return false;
      to[i] = static_cast<std::int32_t>(acc[i]);
    }
    return true;
  }
  if (output == VsaOutput::bits) {
    std::vector<U64> words(static_cast<std::size_t>(t.words));
    for (std::int64_t i = 0; i < d; ++i) {
      const bool up = acc[i] > 0 || (acc[i] == 0 && !((t.tie[static_cast<std::size_t>(i / 64)] >> (i % 64)) & 1));
      words[static_cast<std::size_t>(i / 64)] |= U64{up} << (i % 64);
    }
    std::memcpy(out, words.data(), static_cast<std::size_t>(d / 8));
    return true;
  }
  // The sum of squares is in int64: components are halved until it must fit, and the root doubled as often.
  U64 largest = 0;
  for (std::int64_t i = 0; i < d; ++i)
    largest = std::max(largest, acc[i] < 0 ? 0 - static_cast<U64>(acc[i]) : static_cast<U64>(acc[i]));
  int halvings = 0;
  const U64 most = ((U64{1} << 62) - 1) / static_cast<U64>(d);
  const auto fits = [most](U64 x) { return x < (U64{1} << 31) && x * x <= most; };
  while (!fits(largest >> halvings)) ++halvings;
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < d; ++i) sum += (acc[i] >> halvings) * (acc[i] >> halvings);
  const double norm = std::sqrt(static_cast<double>(sum)) * std::ldexp(1.0, halvings);
  auto* to = static_cast<float*>(out);
  for (std::int64_t i = 0; i < d; ++i)
    to[i] = largest ? static_cast<float>(static_cast<double>(acc[i]) / norm) : 0.0f;
  return true;
}

bool write_row(const std::int32_t* acc, double total, const VsaEncoder::Tables& t, VsaOutput output, void* out) {
  const std::int64_t d = t.spec.d;
  if (output == VsaOutput::int32) {
    std::memcpy(out, acc, static_cast<std::size_t>(4 * d));
  } else if (output == VsaOutput::bits) {
    vsa_kernels().packed(acc, t.tie.data(), t.words, static_cast<U64*>(out));
  } else if (output == VsaOutput::float32 && total * total * static_cast<double>(d) < 0x1p61) {
    const std::int64_t sum = vsa_kernels().squares(acc, d);
    if (sum)
      vsa_kernels().divided(acc, std::sqrt(static_cast<double>(sum)), d, static_cast<float*>(out));
    else
      std::memset(out, 0, static_cast<std::size_t>(4 * d));
  } else {
    const std::vector<std::int64_t> wide(acc, acc + d);
    return write_row(wide.data(), total, t, output, out);
  }
  return true;
}

}  // namespace
}  // namespace vsa

using namespace vsa;

namespace {

// What one thread works with; kept between calls.
struct Worker {
  explicit Worker(const VsaEncoder::Tables& t) : tables(t), operators(t), narrow(t, operators) {}

  bool encode(const std::uint8_t* begin, const std::uint8_t* end, VsaOutput output, void* out) {
    double total = 0;
    try {
      const std::int32_t* acc = narrow.encode(begin, end, total);
      return write_row(acc, total, tables, output, out);
    } catch (const NeedsWide&) {
      narrow.skipped = 0;
    }
    if (!wide) wide = std::make_unique<Walk<std::int64_t>>(tables, operators);
    const std::int64_t* acc = wide->encode(begin, end, total);
    return write_row(acc, total, tables, output, out);
  }

  std::int64_t take_skipped() {
    std::int64_t count = std::exchange(narrow.skipped, 0);
    if (wide) count += std::exchange(wide->skipped, 0);
    return count;
  }

  const VsaEncoder::Tables& tables;
  Operators operators;
  Walk<std::int32_t> narrow;
  std::unique_ptr<Walk<std::int64_t>> wide;
};

}  // namespace

struct VsaEncoder::Workers {
  std::mutex mutex;
  std::vector<std::unique_ptr<Worker>> idle;

  std::unique_ptr<Worker> take(const Tables& tables) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (!idle.empty()) {
        auto worker = std::move(idle.back());
        idle.pop_back();
        return worker;
      }
    }
    return std::make_unique<Worker>(tables);
  }
  void give(std::unique_ptr<Worker> worker) {
    std::lock_guard<std::mutex> lock(mutex);
    idle.push_back(std::move(worker));
  }
};

VsaEncoder::VsaEncoder(VsaSpec spec)
    : tables_(std::make_unique<const Tables>(std::move(spec))), workers_(std::make_unique<Workers>()) {}

VsaEncoder::~VsaEncoder() = default;

std::int64_t VsaEncoder::row_bytes(VsaOutput output) const {
  const std::int64_t d = tables_->spec.d;
  switch (output) {
    case VsaOutput::int64: return 8 * d;
    case VsaOutput::bits: return d / 8;
    default: return 4 * d;
  }
}

std::int64_t VsaEncoder::encode(const TokenBatch& batch, VsaOutput output, void* out, int threads,
                                std::int64_t& skipped) {
  const auto n = static_cast<std::int64_t>(batch.size());
  const std::int64_t stride = row_bytes(output);
  std::atomic<std::int64_t> misfit{n}, total_skipped{0};
  parallel_for(n, 4, threads, [&](std::int64_t begin, std::int64_t end) {
    auto worker = workers_->take(*tables_);
    for (std::int64_t i = begin; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (!worker->encode(batch.begin(at), batch.end(at), output, static_cast<char*>(out) + i * stride)) {
        std::int64_t seen = misfit.load();
        while (i < seen && !misfit.compare_exchange_weak(seen, i)) {
        }
      }
    }
    total_skipped += worker->take_skipped();
    workers_->give(std::move(worker));
  });
  skipped += total_skipped.load();
  return misfit.load() == n ? -1 : misfit.load();
}

std::uint64_t VsaEncoder::subtree_hash(const std::uint8_t* begin, const std::uint8_t* end) const {
  Reader reader{begin, end};
  return vsa::subtree_hash(*tables_, reader);
}

}  // namespace signwise
