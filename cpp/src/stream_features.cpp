#include <algorithm>
#include <cmath>
#include <cstring>

#include "signwise/stream_state.hpp"

// The running features but for the triads.

namespace signwise {

namespace {

constexpr double day = 86400.0;

// log1p of the counts that most nodes have.
struct SmallLogs {
  float values[4096];
  SmallLogs() {
    for (int i = 0; i < 4096; ++i) values[i] = static_cast<float>(std::log1p(static_cast<double>(i)));
  }
};
const SmallLogs small_logs;

float log1p_count(std::int64_t count) {
  return count < 4096 ? small_logs.values[count] : static_cast<float>(std::log1p(static_cast<double>(count)));
}

// Centres of 128 pieces of [1, 2): their reciprocals and logarithms.
struct LogPieces {
  double reciprocal[128], log[128];
  LogPieces() {
    for (int i = 0; i < 128; ++i) {
      const double centre = 1.0 + (i + 0.5) / 128;
      reciprocal[i] = 1.0 / centre;
      log[i] = -std::log(reciprocal[i]);
    }
  }
};
const LogPieces log_pieces;

// log1p(z) of z >= 0 as std::log1p rounds it to float, in a third of its time: a value that is right to a part in
// 2**40 is rounded, and where that could round another way, one time in 2**15, std::log1p decides.
float log1p_lag(double z) {
  double log;
  if (z < 0x1p-7) {
    // The series; the first term left out is below 2**-51 of the sum.
    log = z * (1.0 - z * (1.0 / 2 - z * (1.0 / 3 - z * (1.0 / 4 - z * (1.0 / 5 - z * (1.0 / 6 - z / 7))))));
  } else if (z < 0x1p50) {
    const double y = 1.0 + z;
    std::uint64_t bits;
    std::memcpy(&bits, &y, sizeof(bits));
    const auto exponent = static_cast<std::int64_t>(bits >> 52) - 1023;
    const std::uint64_t mantissa_bits = (bits & ((std::uint64_t{1} << 52) - 1)) | (std::uint64_t{1023} << 52);
    double mantissa;
    std::memcpy(&mantissa, &mantissa_bits, sizeof(mantissa));
    const std::size_t piece = (bits >> 45) & 127;
    // |r| < 2**-8, so the series to the sixth power is right to 2**-58 beside a logarithm of at least 2**-7.01.
    const double r = mantissa * log_pieces.reciprocal[piece] - 1.0, square = r * r;
    const double series = r - square * (1.0 / 2 - r * (1.0 / 3) + square * (1.0 / 4 - r * (1.0 / 5) + square / 6));
    log = static_cast<double>(exponent) * 0.693147180559945309417 + log_pieces.log[piece] + series;
  } else {
    return static_cast<float>(std::log1p(z));
  }
  const auto low = static_cast<float>(log * (1.0 - 0x1p-40)), high = static_cast<float>(log * (1.0 + 0x1p-40));
  return low == high ? low : static_cast<float>(std::log1p(z));
}

}  // namespace

void StreamState::features(const PairColumns& pairs, float* out) const {
  std::int64_t reads = 0;
  for (std::int64_t i = 0; i < pairs.n; ++i)
    read(pairs.source[i], pairs.target[i], pairs.time[i], out + i * features_per_pair, reads);
  triad_reads_.fetch_add(reads, std::memory_order_relaxed);
}

void StreamState::read(std::int64_t u, std::int64_t v, std::int64_t t, float* out, std::int64_t& reads) const {
  static const Node unseen;
  const Node* known_u = find_node(u);
  const Node* known_v = find_node(v);
  features_of(known_u != nullptr ? *known_u : unseen, known_v != nullptr ? *known_v : unseen, t, out);
  if (known_u != nullptr && known_v != nullptr && u != v) pair_features(u, v, places_of(u, v), out, reads);
}

void StreamState::features_of(const Node& u, const Node& v, std::int64_t t, float* out) const {
  for (int i = 0; i < 2; ++i) {
    out[i] = log1p_count(u.given[i]);
    out[2 + i] = log1p_count(u.received[i]);
    out[4 + i] = log1p_count(v.given[i]);
    out[6 + i] = log1p_count(v.received[i]);
  }
  const double events = static_cast<double>(events_);
  const double g = 3.0 * ((total_x_ + 0.1) / (events + 1.0));
  const double base = (static_cast<double>(positive_) + 9.0) / (events + 10.0);
  const auto given_u = static_cast<double>(u.all_given()), received_u = static_cast<double>(u.all_received());
  const auto given_v = static_cast<double>(v.all_given()), received_v = static_cast<double>(v.all_received());
  // Features 8 to 16: means (sum + 3g)/(n + 3), the bias R/(n + 3), and rates (positive + 2π)/(n + 2).
  const double above[10] = {u.given_x + g,
                            v.received_x + g,
                            u.received_x + g,
                            v.given_x + g,
                            u.residual,
                            static_cast<double>(u.given[0]) + 2.0 * base,
                            static_cast<double>(v.received[0]) + 2.0 * base,
                            static_cast<double>(u.received[0]) + 2.0 * base,
                            static_cast<double>(v.given[0]) + 2.0 * base,
                            0.0};
  const double below[10] = {given_u + 3.0,    received_v + 3.0, received_u + 3.0, given_v + 3.0, given_u + 3.0,
                            given_u + 2.0,    received_v + 2.0, received_u + 2.0, given_v + 2.0, 1.0};
  for (int i = 0; i < 10; ++i) out[8 + i] = static_cast<float>(above[i] / below[i]);
  out[18] = 0.0f;
  out[19] = static_cast<float>(base);
  // Unsigned, because the times of a stream may be further apart than int64 reaches.
  const auto lag = [this, t](std::int64_t last) {
    const auto ticks = static_cast<std::uint64_t>(t) - static_cast<std::uint64_t>(last);
    return log1p_lag(static_cast<double>(ticks) * tick_seconds_ / day);
  };
  out[20] = given_u > 0 ? lag(u.last_given) : 0.0f;
  out[21] = received_v > 0 ? lag(v.last_received) : 0.0f;
  std::fill(out + 22, out + features_per_pair, 0.0f);
}

void StreamState::pair_features(std::int64_t u, std::int64_t v, const Places& places, float* out,
                                std::int64_t& reads) const {
  if (places.v_of_u.there) {
    const Ends ends = ends_of(u, node(u).peers, places.v_of_u.at);
    if ((ends.there & 2) != 0) {
      out[17] = static_cast<float>(ends.x[1]);
      out[18] = 1.0f;
    }
  }
  write_triads(u, v, out + 22, reads);
}

}  // namespace signwise
