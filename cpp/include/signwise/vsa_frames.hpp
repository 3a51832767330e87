#pragma once

// A sum of weighted codes under construction.

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "signwise/vsa_kernels.hpp"
#include "signwise/vsa_tables.hpp"

namespace signwise::vsa {

// Thrown where the weights of a document may add up to more than an int32 component holds.
struct NeedsWide {};

// Codes of equal weight wait in a row until they are counted together. Counts go to 16-bit sums while these cannot
// overflow, and those to the whole numbers of Acc: int32_t, or int64_t modulo 2^64.
template <class Acc>
class Frame {
 public:
  explicit Frame(const VsaEncoder::Tables& tables)
      : words_(tables.words), d_(tables.spec.d), acc_(size(d_)), small_(size(d_)), counts_(size(2 * d_)),
        turned_(size(d_)), waiting_(size(kWeights * kWaiting * words_)) {}

  void clear() {
    blank_ = true;
    total_ = 0;
    // After NeedsWide something may be left.
    if (small_bound_) std::fill(small_.begin(), small_.end(), std::int16_t{0});
    small_bound_ = 0;
    for (Waiting& w : waits_) w.count = 0;
  }

  double total() const { return total_; }
  const Acc* acc() const { return acc_.data(); }

  // Notes weights before they are added.
  void expect(double weights) {
    total_ += weights;
    if constexpr (sizeof(Acc) == 4)
      if (total_ > 2147483647.0) throw NeedsWide{};
  }

  // Room for one code of this weight: the caller writes it.
  U64* code(std::int64_t weight) {
    ++clock_;
    Waiting* free = nullptr;
    Waiting* oldest = waits_;
    for (Waiting& w : waits_) {
      if (w.count && w.weight == weight) {
        if (w.count == kWaiting) flush(w);
        w.used = clock_;
        return waiting_.data() + ((&w - waits_) * kWaiting + w.count++) * words_;
      }
      if (!w.count) free = &w;
      if (w.used < oldest->used) oldest = &w;
    }
    if (!free) {
      flush(*oldest);
      free = oldest;
    }
    free->weight = weight;
    free->count = 1;
    free->used = clock_;
    return waiting_.data() + (free - waits_) * kWaiting * words_;
  }

  // Counts n <= kMostCounted atoms; then each turn adds them under one operator.
  void count_atoms(const U64* hashes, int n) {
    vsa_kernels().count_atoms(hashes, n, words_, counts_.data());
    std::memcpy(counts_.data() + d_, counts_.data(), size(d_));
  }
  void add_counted(const U64* mask, std::int64_t shift, std::int64_t weight, int n) {
    if (fits_small(weight, n)) {
      vsa_kernels().add16_under(counts_.data(), mask, shift, static_cast<std::int16_t>(weight), words_, small_.data());
    } else {
      vsa_kernels().signed_rotation(counts_.data(), mask, shift, words_, turned_.data());
      add_large(turned_.data(), weight);
    }
  }

  // Adds a finished frame under an operator.
  void add_frame(const Frame& inner, const U64* mask, std::int64_t shift) {
    begin();
    if constexpr (sizeof(Acc) == 4) {
      vsa_kernels().add_frame(inner.acc(), mask, shift, words_, acc_.data());
    } else {
      for (std::int64_t i = 0; i < d_; ++i) {
        const Acc v = inner.acc_[size(i >= shift ? i - shift : i - shift + d_)];
        const bool minus = (mask[i / 64] >> (i % 64)) & 1;
        acc_[size(i)] = wrapped(static_cast<U64>(acc_[size(i)]) + (minus ? 0 - static_cast<U64>(v) : static_cast<U64>(v)));
      }
    }
  }

  // Adds all that waits; acc() is complete then.
  void finish() {
    for (Waiting& w : waits_)
      if (w.count) flush(w);
    spill();
    begin();
  }

 private:
  static constexpr int kWeights = 8;
  static constexpr int kWaiting = 16;

  struct Waiting {
    std::int64_t weight = 0;
    int count = 0;
    U64 used = 0;
  };

  static std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }
  static Acc wrapped(U64 x) {
    Acc out;
    std::memcpy(&out, &x, sizeof(Acc));
    return out;
  }

  void flush(Waiting& w) {
    const int n = w.count;
    vsa_kernels().count_codes(waiting_.data() + (&w - waits_) * kWaiting * words_, n, words_, counts_.data());
    if (fits_small(w.weight, n))
      vsa_kernels().add16(counts_.data(), static_cast<std::int16_t>(w.weight), d_, small_.data());
    else
      add_large(counts_.data(), w.weight);
    w.count = 0;
  }

  // Makes room for n codes in the 16-bit sums; false where they are too heavy for them.
  bool fits_small(std::int64_t weight, int n) {
    constexpr std::int64_t kMost = 32767;
    if (weight > kMost || weight * n > kMost) return false;
    if (weight * n > kMost - small_bound_) spill();
    small_bound_ += weight * n;
    return true;
  }

  // acc_ is cleared when it is first needed; one spill is often all there is.
  void begin() {
    if (blank_) std::fill(acc_.begin(), acc_.end(), Acc{0});
    blank_ = false;
  }

  void add_large(const std::int8_t* x, std::int64_t weight) {
    begin();
    if constexpr (sizeof(Acc) == 4) {
      vsa_kernels().add32(x, static_cast<std::int32_t>(weight), d_, acc_.data());
    } else {
      for (std::int64_t i = 0; i < d_; ++i)
        acc_[size(i)] = wrapped(static_cast<U64>(acc_[size(i)]) +
                                static_cast<U64>(weight) * static_cast<U64>(static_cast<std::int64_t>(x[i])));
    }
  }

  void spill() {
    if (!small_bound_) return;
    if constexpr (sizeof(Acc) == 4) {
      (blank_ ? vsa_kernels().spill_first : vsa_kernels().spill)(small_.data(), d_, acc_.data());
      blank_ = false;
    } else {
      begin();
      for (std::int64_t i = 0; i < d_; ++i) {
        acc_[size(i)] = wrapped(static_cast<U64>(acc_[size(i)]) + static_cast<U64>(std::int64_t{small_[size(i)]}));
        small_[size(i)] = 0;
      }
    }
    small_bound_ = 0;
  }

  std::int64_t words_, d_;
  std::vector<Acc> acc_;
  std::vector<std::int16_t> small_;
  std::vector<std::int8_t> counts_, turned_;
  std::vector<U64> waiting_;
  Waiting waits_[kWeights];
  std::int64_t small_bound_ = 0;
  bool blank_ = true;
  U64 clock_ = 0;
  double total_ = 0;
};

}  // namespace signwise::vsa
