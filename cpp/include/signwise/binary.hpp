#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "signwise/binary_tiers.hpp"

namespace signwise {

struct ConvShape {
  std::int64_t outputs, inputs, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups;
};

struct PoolShape {
  std::int64_t kind, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, ceil_mode, count_padding, divisor;
  bool whole() const { return kernel_y == 0; }  // the window is the image
};

// The steps of Finish, one entry a channel; an empty vector leaves a step out. Values are numbers of the net's
// values, -1 for none.
struct FinishSpec {
  std::vector<float> a, b, slope;
  std::vector<std::int32_t> threshold;
  std::vector<std::uint8_t> flip;
  float lo, hi;
  std::int64_t residual = -1, out = -1, bits = -1;
};

struct NetMemory {
  std::int64_t weights, binary_weights, floats, bits, scratch;  // bytes; the first two of parameters
};

// A network as a list of operations on values, each a float image or an image of signs, run without leaving C++.
// Value 0 is the float input. Buffers are planned once for each shape of the input. Every result is the same on each
// instruction tier and for every number of threads.
class BinaryNet {
 public:
  explicit BinaryNet(std::int64_t channels);
  ~BinaryNet();
  BinaryNet(const BinaryNet&) = delete;
  BinaryNet& operator=(const BinaryNet&) = delete;

  std::int64_t add_value(bool bits, std::int64_t channels);
  // Bit (ky kernel_x + kx) inputs/groups + c of row o, least significant first, is the sign of weight (o, c, ky, kx).
  void add_bit_conv(std::int64_t input, const ConvShape& shape, const std::uint8_t* weights, FinishSpec finish);
  // (outputs, kernel_y, kernel_x, inputs / groups)
  void add_float_conv(std::int64_t input, const ConvShape& shape, const float* weights, FinishSpec finish);
  // As above; the input is divided by `scale`, rounded and clamped to [-127, 127] first.
  void add_byte_conv(std::int64_t input, const ConvShape& shape, const std::int8_t* weights, float scale,
                     FinishSpec finish);
  void add_map(std::int64_t input, FinishSpec finish);
  void add_pool(std::int64_t input, const PoolShape& shape, std::vector<float> sign, FinishSpec finish);
  // A set bit of any window where `any` is 1, of every place of the window where it is 0.
  void add_pool_bits(std::int64_t input, const PoolShape& shape, const std::vector<std::uint8_t>& any,
                     std::int64_t out);
  void add_pad_channels(std::int64_t input, std::int64_t before, std::int64_t out);
  void add_flatten(std::int64_t input, std::int64_t out);
  void set_output(std::int64_t value);

  std::int64_t operations() const;
  std::int64_t channels() const { return values_[0].channels; }
  // Channels, height and width of a value for an input of this size.
  std::array<std::int64_t, 3> shape(std::int64_t value, std::int64_t height, std::int64_t width);
  NetMemory memory(std::int64_t n, std::int64_t height, std::int64_t width);

  // x (n, channels, height, width) to the output value (n, ...), both C-contiguous. `seconds`, if given, gets the time
  // of loading the input, of each operation, and of storing the output.
  void run(const float* x, std::int64_t n, std::int64_t height, std::int64_t width, float* out, int threads,
           double* seconds);

  // The same one operation at a time, to look at values and to replace them: bits are +1 and -1.
  void begin(const float* x, std::int64_t n, std::int64_t height, std::int64_t width);
  void step(std::int64_t operation, int threads);
  void read(std::int64_t value, float* out);  // (n, channels, height, width)
  void write(std::int64_t value, const float* x);
  std::array<std::int64_t, 4> sums_shape(std::int64_t operation);
  // Sums of a convolution of signs or bytes before its finish, from the present value of its input.
  void sums(std::int64_t operation, std::int32_t* out, int threads);

 private:
  struct Operation;
  struct Plan;
  using Key = std::array<std::int64_t, 3>;

  Operation& add(int kind, std::int64_t input, FinishSpec* finish, std::int64_t channels);
  void check_value(std::int64_t value, bool bits, const char* what) const;
  Plan& plan(const Key& key);
  void execute(Plan& plan, std::size_t operation, int threads, bool only_sums);

  struct Value {
    bool bits;
    std::int64_t channels;
  };
  std::vector<Value> values_;
  std::vector<std::unique_ptr<Operation>> operations_;
  std::int64_t output_ = 0;
  std::map<Key, std::unique_ptr<Plan>> plans_;
  Plan* current_ = nullptr;
  std::mutex mutex_;
};

}  // namespace signwise
