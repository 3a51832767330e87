#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "signwise/binary.hpp"
#include "signwise/binary_plan.hpp"

namespace signwise {
namespace {

using i64 = std::int64_t;

void require(bool good, const char* message) {
  if (!good) throw std::invalid_argument(message);
}

template <class T, class From>
Block<T> padded(const std::vector<From>& values, i64 channels, const char* what) {
  Block<T> block;
  if (values.empty()) return block;
  require(static_cast<i64>(values.size()) == channels, what);
  block.reset((channels + 15) / 16 * 16);
  for (i64 i = 0; i < channels; ++i) block[i] = static_cast<T>(values[static_cast<std::size_t>(i)]);
  return block;
}

// Calls put(step, lane, place) for blocks of up to four vectors, each (k, lanes): place is where weight `step` of
// output `lane` of a group goes.
template <class Put>
void for_weights(i64 outputs, i64 k, const Put& put) {
  const i64 lanes = (outputs + 15) / 16 * 16;
  for (i64 first = 0; first < lanes; first += 64) {
    const i64 width = std::min<i64>(64, lanes - first);
    for (i64 step = 0; step < k; ++step)
      for (i64 l = 0; l < std::min(width, outputs - first); ++l)
        put(step, first + l, first * k + step * width + l);
  }
}

void check(const ConvShape& s) {
  require(s.outputs > 0 && s.inputs > 0 && s.groups > 0 && s.outputs % s.groups == 0 && s.inputs % s.groups == 0,
          "channels and groups of a convolution do not fit");
  require(s.kernel_y > 0 && s.kernel_x > 0 && s.stride_y > 0 && s.stride_x > 0 && s.dilation_y > 0 &&
              s.dilation_x > 0 && s.pad_y >= 0 && s.pad_x >= 0,
          "a size of a convolution is out of range");
  // Bounds that keep every product below in range, whatever a file says.
  require(s.outputs < (i64{1} << 24) && s.inputs < (i64{1} << 24) && s.kernel_y < 4096 && s.kernel_x < 4096 &&
              s.stride_y < 65536 && s.stride_x < 65536 && s.pad_y < 65536 && s.pad_x < 65536 && s.dilation_y < 65536 &&
              s.dilation_x < 65536,
          "a size of a convolution is too large");
}

void check(const PoolShape& s) {
  require(s.kernel_y >= 0 && s.kernel_y < 65536 && s.kernel_x < 65536 && (s.whole() || s.kernel_x > 0) &&
              s.stride_y > 0 && s.stride_x > 0 && s.stride_y < 65536 && s.stride_x < 65536 && s.pad_y >= 0 &&
              s.pad_x >= 0 && s.divisor >= 0 && (s.kind == 0 || s.kind == 1),
          "a size of a pool is out of range");
  require(s.whole() || (2 * s.pad_y <= s.kernel_y && 2 * s.pad_x <= s.kernel_x), "a pool's padding exceeds its half");
}

}  // namespace

i64 BinaryNet::Operation::byte_steps() const {
  // Rows of taps are padded to whole steps together where the window's rows are contiguous, else each tap is.
  if (by_rows(conv.inputs, conv.inputs)) return conv.kernel_y * ((conv.kernel_x * conv.inputs + 3) / 4);
  return taps() * ((group_inputs() + 3) / 4);
}

BinaryNet::BinaryNet(i64 channels) { add_value(false, channels); }
BinaryNet::~BinaryNet() = default;

i64 BinaryNet::add_value(bool bits, i64 channels) {
  require(channels > 0 && channels < (i64{1} << 31), "a value needs channels");
  values_.push_back({bits, channels});
  return static_cast<i64>(values_.size()) - 1;
}

void BinaryNet::check_value(i64 value, bool bits, const char* what) const {
  require(value >= 0 && value < static_cast<i64>(values_.size()), what);
  require(values_[static_cast<std::size_t>(value)].bits == bits, what);
}

BinaryNet::Operation& BinaryNet::add(int kind, i64 input, FinishSpec* finish, i64 channels) {
  auto made = std::make_unique<Operation>();
  Operation& op = *made;
  op.kind = static_cast<Kind>(kind);
  op.input = input;
  op.channels = channels;
  const i64 lanes = (channels + 15) / 16 * 16;
  op.valid.reset(lanes / 16);
  for (i64 c = 0; c < channels; ++c) op.valid[c / 16] = static_cast<std::uint16_t>(op.valid[c / 16] | 1u << (c % 16));
  if (finish) {
    op.a = padded<float>(finish->a, channels, "a finish has the wrong number of scales");
    op.b = padded<float>(finish->b, channels, "a finish has the wrong number of shifts");
    op.slope = padded<float>(finish->slope, channels, "a finish has the wrong number of slopes");
    op.threshold = padded<std::int32_t>(finish->threshold, channels, "a finish has the wrong number of thresholds");
    op.lo = finish->lo;
    op.hi = finish->hi;
    op.clamps = op.lo > -std::numeric_limits<float>::infinity() || op.hi < std::numeric_limits<float>::infinity();
    op.residual = finish->residual;
    op.out = finish->out;
    op.bits = finish->bits;
    if (op.threshold.size()) {
      const bool from_integers = op.kind == Kind::bit_conv || op.kind == Kind::byte_conv;
      require(from_integers && op.out < 0 && op.residual < 0 && op.bits >= 0, "thresholds give bits of integers only");
      require(static_cast<i64>(finish->flip.size()) == channels, "a finish has the wrong number of flips");
      op.flip.reset(lanes / 16);
      for (i64 c = 0; c < channels; ++c)
        if (finish->flip[static_cast<std::size_t>(c)])
          op.flip[c / 16] = static_cast<std::uint16_t>(op.flip[c / 16] | 1u << (c % 16));
    }
    if (op.residual >= 0) {
      check_value(op.residual, false, "a residual is not a float value");
      require(values_[static_cast<std::size_t>(op.residual)].channels == channels, "a residual has other channels");
    }
  }
  require(op.out >= 0 || op.bits >= 0 || !finish, "an operation has no result");
  for (i64 result : {op.out, op.bits}) {
    if (result < 0) continue;
    check_value(result, result == op.bits, "a result is of the wrong kind");
    require(result != 0 && values_[static_cast<std::size_t>(result)].channels == channels,
            "a result has the wrong channels");
    for (const auto& other : operations_)
      require(other->out != result && other->bits != result, "a value is written twice");
  }
  plans_.clear();
  current_ = nullptr;
  operations_.push_back(std::move(made));
  return op;
}

void BinaryNet::add_bit_conv(i64 input, const ConvShape& s, const std::uint8_t* weights, FinishSpec finish) {
  check(s);
  check_value(input, true, "a convolution of signs needs bits");
  require(values_[static_cast<std::size_t>(input)].channels == s.inputs, "a convolution has other channels");
  Operation& op = add(static_cast<int>(Kind::bit_conv), input, &finish, s.outputs);
  op.conv = s;
  const i64 per = op.group_inputs(), words = (per + 31) / 32, taps = op.taps(), k = taps * words;
  const i64 outputs = op.group_outputs(), lanes = 16 * op.group_vectors(), row = (taps * per + 7) / 8;
  op.bit_weights.reset(s.groups * k * lanes);
  op.tap_sums.reset(s.groups * taps * lanes);
  for (i64 g = 0; g < s.groups; ++g) {
    std::uint32_t* to = op.bit_weights.data() + g * k * lanes;
    for_weights(outputs, k, [&](i64 step, i64 lane, i64 place) {
      const std::uint8_t* from = weights + (g * outputs + lane) * row;
      const i64 tap = step / words, first = step % words * 32, count = std::min<i64>(32, per - first);
      std::uint32_t word = 0;
      for (i64 c = 0; c < count; ++c) {
        const i64 index = tap * per + first + c;
        word |= static_cast<std::uint32_t>(from[index / 8] >> (index % 8) & 1) << c;
      }
      to[place] = word;
      op.tap_sums[(g * taps + tap) * lanes + lane] +=
          static_cast<std::int32_t>(2 * __builtin_popcount(word) - static_cast<int>(count));
    });
  }
}

void BinaryNet::add_float_conv(i64 input, const ConvShape& s, const float* weights, FinishSpec finish) {
  check(s);
  check_value(input, false, "a float convolution needs floats");
  require(values_[static_cast<std::size_t>(input)].channels == s.inputs, "a convolution has other channels");
  Operation& op = add(static_cast<int>(Kind::float_conv), input, &finish, s.outputs);
  op.conv = s;
  const i64 k = op.taps() * op.group_inputs(), outputs = op.group_outputs(), lanes = 16 * op.group_vectors();
  op.float_weights.reset(s.groups * k * lanes);
  for (i64 g = 0; g < s.groups; ++g)
    for_weights(outputs, k, [&](i64 step, i64 lane, i64 place) {
      op.float_weights[g * k * lanes + place] = weights[(g * outputs + lane) * k + step];
    });
}

void BinaryNet::add_byte_conv(i64 input, const ConvShape& s, const std::int8_t* weights, float scale,
                              FinishSpec finish) {
  check(s);
  check_value(input, false, "a convolution of bytes needs floats");
  require(values_[static_cast<std::size_t>(input)].channels == s.inputs, "a convolution has other channels");
  require(scale > 0 && std::isfinite(scale), "the scale of a convolution of bytes must be positive");
  Operation& op = add(static_cast<int>(Kind::byte_conv), input, &finish, s.outputs);
  op.conv = s;
  op.scale = scale;
  const i64 per = op.group_inputs(), outputs = op.group_outputs(), lanes = 16 * op.group_vectors();
  const bool rows = op.by_rows(s.inputs, s.inputs);
  const i64 run = rows ? s.kernel_x * per : per, steps = (run + 3) / 4, runs = rows ? s.kernel_y : op.taps();
  const i64 k = runs * steps;
  require(op.taps() * per < (i64{1} << 16), "a convolution of bytes is too long for its sums");
  op.byte_weights.reset(s.groups * k * lanes * 4);
  op.bases.reset(s.groups * lanes);
  for (i64 g = 0; g < s.groups; ++g)
    for_weights(outputs, k, [&](i64 step, i64 lane, i64 place) {
      for (i64 i = 0; i < 4; ++i) {
        const i64 within = step % steps * 4 + i;
        if (within >= run) continue;
        const std::int8_t w = weights[((g * outputs + lane) * runs + step / steps) * run + within];
        op.byte_weights[4 * (g * k * lanes + place) + i] = w;
        op.bases[g * lanes + lane] -= 128 * w;
      }
    });
}

void BinaryNet::add_map(i64 input, FinishSpec finish) {
  check_value(input, false, "an elementwise operation needs floats");
  add(static_cast<int>(Kind::map), input, &finish, values_[static_cast<std::size_t>(input)].channels);
}

void BinaryNet::add_pool(i64 input, const PoolShape& s, std::vector<float> sign, FinishSpec finish) {
  check(s);
  check_value(input, false, "a pool needs floats");
  const i64 channels = values_[static_cast<std::size_t>(input)].channels;
  auto signs = padded<float>(sign, channels, "a pool has the wrong number of signs");
  Operation& op = add(static_cast<int>(Kind::pool), input, &finish, channels);
  op.pool = s;
  op.sign = std::move(signs);
}

void BinaryNet::add_pool_bits(i64 input, const PoolShape& s, const std::vector<std::uint8_t>& any, i64 out) {
  check(s);
  check_value(input, true, "a pool of bits needs bits");
  const i64 channels = values_[static_cast<std::size_t>(input)].channels;
  require(static_cast<i64>(any.size()) == channels, "a pool has the wrong number of modes");
  FinishSpec finish;
  finish.lo = -std::numeric_limits<float>::infinity();
  finish.hi = std::numeric_limits<float>::infinity();
  finish.bits = out;
  Operation& op = add(static_cast<int>(Kind::pool_bits), input, &finish, channels);
  op.pool = s;
  op.any.assign(static_cast<std::size_t>((channels + 31) / 32), 0);
  for (i64 c = 0; c < channels; ++c)
    if (any[static_cast<std::size_t>(c)]) op.any[static_cast<std::size_t>(c / 32)] |= 1u << (c % 32);
}

void BinaryNet::add_pad_channels(i64 input, i64 before, i64 out) {
  check_value(input, false, "padding of channels needs floats");
  check_value(out, false, "padding of channels gives floats");
  const i64 channels = values_[static_cast<std::size_t>(out)].channels;
  require(before >= 0 && before + values_[static_cast<std::size_t>(input)].channels <= channels,
          "padding of channels does not fit");
  FinishSpec finish{};
  finish.out = out;
  add(static_cast<int>(Kind::pad_channels), input, &finish, channels).before = before;
}

void BinaryNet::add_flatten(i64 input, i64 out) {
  check_value(input, false, "flatten needs floats");
  check_value(out, false, "flatten gives floats");
  FinishSpec finish{};
  finish.out = out;
  add(static_cast<int>(Kind::flatten), input, &finish, values_[static_cast<std::size_t>(out)].channels);
}

void BinaryNet::set_output(i64 value) {
  check_value(value, false, "the output is not a float value");
  output_ = value;
  plans_.clear();
  current_ = nullptr;
}

i64 BinaryNet::operations() const { return static_cast<i64>(operations_.size()); }

}  // namespace signwise
