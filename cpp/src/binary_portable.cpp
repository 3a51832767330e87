#include <cmath>

#include "signwise/binary_kernels.hpp"

namespace signwise {
namespace {

// Vectors of 16 bytes, which every processor of the supported families has; the rest is arithmetic.
struct Simd {
  typedef float F __attribute__((vector_size(16)));
  typedef std::int32_t I __attribute__((vector_size(16)));
  typedef std::uint32_t W __attribute__((vector_size(16)));
  static constexpr int lanes = 4;
  static constexpr bool wide = false;
  static constexpr int bit_pixels = 4, float_pixels = 2;

  template <class T>
  static T load(const void* p) {
    T v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
  static F load_f(const float* p) { return load<F>(p); }
  static void store_f(float* p, F v) { std::memcpy(p, &v, sizeof v); }
  static I load_i(const void* p) { return load<I>(p); }
  static void store_i(i32* p, I v) { std::memcpy(p, &v, sizeof v); }
  static F splat_f(float x) { return F{x, x, x, x}; }
  static I splat_i(i32 x) { return I{x, x, x, x}; }
  static F to_float(I x) { return __builtin_convertvector(x, F); }
  static F fma(F a, F b, F c) {
    F r;
    SIGNWISE_UNROLL
    for (int l = 0; l < lanes; ++l) r[l] = std::fma(a[l], b[l], c[l]);
    return r;
  }
  static F at_least(F lo, F v) { return v < lo ? lo : v; }
  static F at_most(F hi, F v) { return hi < v ? hi : v; }
  static F positive_or(F v, F w) { return v > splat_f(0.0f) ? v : w; }
  static u32 mask_of(I m) {
    u32 mask = 0;
    SIGNWISE_UNROLL
    for (int l = 0; l < lanes; ++l) mask |= (static_cast<u32>(m[l]) >> 31) << l;
    return mask;
  }
  static u32 mask_nonnegative(F v) { return mask_of(v >= splat_f(0.0f)); }
  static u32 mask_ge(I s, I t) { return mask_of(s >= t); }

  struct Bytes {
    const std::int8_t* p;
  };
  struct Four {
    const std::uint8_t* p;
  };
  static Bytes load_bytes(const std::int8_t* p) { return {p}; }
  static Four splat_four(const std::uint8_t* p) { return {p}; }
  static I dot_four(I s, Four x, Bytes w) {
    SIGNWISE_UNROLL
    for (int l = 0; l < lanes; ++l) {
      i32 sum = 0;
      SIGNWISE_UNROLL
      for (int b = 0; b < 4; ++b) sum += static_cast<i32>(x.p[b]) * w.p[4 * l + b];
      s[l] += sum;
    }
    return s;
  }

  static I count_bytes(I v) {
    W x = reinterpret_cast<W>(v);
    x -= (x >> 1) & 0x55555555u;
    x = (x & 0x33333333u) + ((x >> 2) & 0x33333333u);
    return reinterpret_cast<I>((x + (x >> 4)) & 0x0f0f0f0fu);
  }
  // Every byte stays below 256, so nothing carries into the next.
  static I add_bytes(I a, I b) { return reinterpret_cast<I>(reinterpret_cast<W>(a) + reinterpret_cast<W>(b)); }
  static I sum_bytes(I v) {
    W x = reinterpret_cast<W>(v);
    x = (x & 0x00ff00ffu) + ((x >> 8) & 0x00ff00ffu);
    return reinterpret_cast<I>((x + (x >> 16)) & 0xffffu);
  }
  template <int P, int V>
  static void count_bits(const BitConv& c, const Place* places, const u32* weights, i64 stride, I (&counts)[P][4 * V]) {
    static_assert(V == 1, "tiles span one vector");
    count_by_bytes<Simd, P>(c, places, weights, stride, counts);
  }
};

}  // namespace

const BinaryTier binary_portable = make_binary_tier<Simd>();

}  // namespace signwise
