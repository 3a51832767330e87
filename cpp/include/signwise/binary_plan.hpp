#pragma once

// What an operation keeps of its parameters, and where everything lies for one shape of the input.

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "signwise/binary.hpp"

namespace signwise {

// Memory aligned to a cache line, zeroed.
template <class T>
class Block {
 public:
  Block() = default;
  explicit Block(std::int64_t count) { reset(count); }
  ~Block() { std::free(data_); }
  Block(Block&& other) noexcept : data_(other.data_), count_(other.count_) {
    other.data_ = nullptr;
    other.count_ = 0;
  }
  Block& operator=(Block&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  void reset(std::int64_t count) {
    std::free(data_);
    data_ = nullptr;
    count_ = count;
    if (count == 0) return;
    const std::size_t bytes = (static_cast<std::size_t>(count) * sizeof(T) + 63) / 64 * 64;
    data_ = static_cast<T*>(std::aligned_alloc(64, bytes));
    if (!data_) throw std::bad_alloc();
    std::memset(static_cast<void*>(data_), 0, bytes);
  }
  T* data() { return data_; }
  const T* data() const { return data_; }
  std::int64_t size() const { return count_; }
  std::int64_t bytes() const { return count_ * static_cast<std::int64_t>(sizeof(T)); }
  T& operator[](std::int64_t i) { return data_[i]; }
  const T& operator[](std::int64_t i) const { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::int64_t count_ = 0;
};

enum class Kind { bit_conv, float_conv, byte_conv, map, pool, pool_bits, pad_channels, flatten };

struct BinaryNet::Operation {
  Kind kind;
  std::int64_t input = 0, channels = 0;  // channels of the result
  std::int64_t out = -1, bits = -1, residual = -1;
  ConvShape conv{};
  PoolShape pool{};
  std::int64_t before = 0;  // of pad_channels
  float scale = 1;          // of byte_conv

  // Per lane, padded with zeros to whole vectors.
  Block<float> a, b, slope, sign;
  Block<std::int32_t> threshold;
  Block<std::uint16_t> flip, valid;
  bool clamps = false;
  float lo = 0, hi = 0;
  std::vector<std::uint32_t> any;

  // One after another for each group; `tap_sums` (groups, taps, lanes of a group) are the sums of a tap's weights,
  // `bases` those of a byte_conv's channels times -128.
  Block<std::uint32_t> bit_weights;
  Block<float> float_weights;
  Block<std::int8_t> byte_weights;
  Block<std::int32_t> tap_sums, bases;

  int vectors() const { return static_cast<int>((channels + 15) / 16); }
  std::int64_t group_outputs() const { return conv.outputs / conv.groups; }
  std::int64_t group_inputs() const { return conv.inputs / conv.groups; }
  int group_vectors() const { return static_cast<int>((group_outputs() + 15) / 16); }
  std::int64_t taps() const { return conv.kernel_y * conv.kernel_x; }
  bool is_conv() const { return kind == Kind::bit_conv || kind == Kind::float_conv || kind == Kind::byte_conv; }
  // Runs of the window: its rows where they are contiguous, else its taps; and the steps of the weights in one.
  bool by_rows(std::int64_t unit, std::int64_t group_unit) const {
    return conv.groups == 1 && (conv.dilation_x == 1 || conv.kernel_x == 1) && unit == group_unit;
  }
  std::int64_t byte_steps() const;  // steps of one group of a byte_conv
};

struct BinaryNet::Plan {
  struct Slot {
    std::int64_t n = 0, channels = 0;
    Layout layout;
    float* floats = nullptr;
    std::uint32_t* words = nullptr;
  };
  struct Step {
    Finish finish;
    std::int64_t pixels = 0, grain = 1;
    std::vector<std::int64_t> segments;  // of the first group
    std::int64_t group_offset = 0;       // elements between groups
    Window window;
    std::int64_t k = 0;
    Block<std::int32_t> base;
    std::vector<std::int32_t> row_class, column_class;
    std::int64_t classes = 0;
    Layout scratch_layout;  // of the regrouped or quantized input
    std::int64_t scratch_input = 0, scratch_sums = 0;  // bytes
    std::int64_t sums_unit = 0;
  };
  std::int64_t n = 0;
  std::vector<Slot> slots;
  std::vector<Step> steps;
  Block<float> floats, bordered;
  Block<std::uint32_t> words;
  Block<std::uint8_t> scratch;
};

}  // namespace signwise
