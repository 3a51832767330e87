#pragma once

#include <cstdint>

namespace signwise {

// Where a value of shape (n, height, width, channels) lies: rows of pixels, `unit` elements a pixel, with a border of
// `border` pixels on every side of each image. Elements are floats, or 32-bit words of signs. `unit` may exceed the
// channels: lanes of 16, or whole words.
struct Layout {
  std::int64_t height = 1, width = 1, border = 0, unit = 0;

  std::int64_t row() const { return (width + 2 * border) * unit; }
  std::int64_t image() const { return (height + 2 * border) * row(); }
  std::int64_t at(std::int64_t n, std::int64_t y, std::int64_t x) const {
    return n * image() + (y + border) * row() + (x + border) * unit;
  }
};

// What becomes of an accumulator s of one channel, for channels in vectors of 16 lanes:
//   v = s;  v = fl(fl(a v) + b);  v = fl(v + residual);  v = v > 0 ? v : slope v;  v = clamp(v, lo, hi)
// each step only where it is given. Then v goes to `out` and v >= 0 to `bits`. With `threshold`, bits are
// (s >= threshold) ^ flip and nothing else is computed. With `sums`, s itself is stored and nothing else.
struct Finish {
  const float* a = nullptr;
  const float* b = nullptr;
  const std::int32_t* threshold = nullptr;
  const std::uint16_t* flip = nullptr;   // one mask a vector
  const std::uint16_t* valid = nullptr;  // lanes that are channels, one mask a vector
  const float* slope = nullptr;
  bool clamps = false;
  float lo = 0, hi = 0;
  const float* residual = nullptr;
  float* out = nullptr;
  std::uint32_t* bits = nullptr;
  std::int32_t* sums = nullptr;
  std::int64_t sums_unit = 0;
  Layout residual_layout, out_layout, bits_layout;
  std::int64_t height = 1, width = 1;  // of the result, whose pixels are numbered row by row, image by image
  int vectors = 0;
};

// A window that slides over the input. Segments are runs of the window that are contiguous in memory.
struct Window {
  Layout layout;
  std::int64_t stride_y = 1, stride_x = 1, origin_y = 0, origin_x = 0;  // origin: of the window of pixel (0, 0)
  const std::int64_t* segments = nullptr;                              // offsets in elements
  int segment_count = 0;
  std::int64_t segment_length = 0;  // in elements
};

// Products of signs: s = base[class] - 2 popcount. Weights are blocks of up to 4 vectors, each (k words, lanes).
struct BitConv {
  const std::uint32_t* input = nullptr;
  const std::uint32_t* weights = nullptr;
  const std::int32_t* base = nullptr;  // (classes, 16 * vectors)
  const std::int32_t* row_class = nullptr;
  const std::int32_t* column_class = nullptr;  // class of a pixel: row_class[y] + column_class[x]
  Window window;
  std::int64_t k = 0;  // words
};

// Sums of fused multiply-adds in the order of the window. Weights as above, one float a step.
struct FloatConv {
  const float* input = nullptr;
  const float* weights = nullptr;
  Window window;
  std::int64_t k = 0;
};

// Integer products of unsigned and signed bytes, four to a step, plus base[channel].
struct ByteConv {
  const std::uint8_t* input = nullptr;
  const std::int8_t* weights = nullptr;  // blocks of (k steps, lanes, 4)
  const std::int32_t* base = nullptr;
  Window window;  // in bytes; segment_length a multiple of 4, reading past a window is harmless
  std::int64_t k = 0;
};

enum class PoolKind : int { max, average };

// Each window is clipped to the image. Maxima of channels with sign -1 are minima. Averages divide the sum, taken row
// by row, by the given number, or by the clipped window's size where that is 0, or, with count_padding, by the size of
// the window clipped to the padded image.
struct Pool {
  PoolKind kind = PoolKind::max;
  const float* input = nullptr;
  const float* sign = nullptr;
  Layout layout;
  std::int64_t kernel_y = 1, kernel_x = 1, stride_y = 1, stride_x = 1, pad_y = 0, pad_x = 0;
  bool count_padding = false;
  std::int64_t divisor = 0;
};

// What one instruction tier provides; first and last are numbers of result pixels.
struct BinaryTier {
  void (*bit_conv)(const BitConv&, const Finish&, std::int64_t first, std::int64_t last);
  void (*float_conv)(const FloatConv&, const Finish&, std::int64_t first, std::int64_t last);
  void (*byte_conv)(const ByteConv&, const Finish&, std::int64_t first, std::int64_t last);
  void (*map)(const float* input, const Layout& layout, const Finish&, std::int64_t first, std::int64_t last);
  void (*finish_sums)(const std::int32_t* sums, std::int64_t unit, const Finish&, std::int64_t first,
                      std::int64_t last);
  void (*pool)(const Pool&, const Finish&, std::int64_t first, std::int64_t last);
  // clamp(rint(x / scale), -127, 127) + 128 for count values.
  void (*quantize)(const float* x, std::int64_t count, float inverse_scale, std::uint8_t* out);
  // Does the inner loop of bit_conv on data that stays in the first cache; the number of 32-bit words compared.
  std::int64_t (*busy)(std::int64_t rounds);
};

extern const BinaryTier binary_portable;
#ifdef SIGNWISE_X86
extern const BinaryTier binary_avx2;
extern const BinaryTier binary_avx512;
#endif

const BinaryTier& binary_tier();

}  // namespace signwise
