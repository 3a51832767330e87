#pragma once

// The row kernels that gain from wider vectors, compiled once for each instruction tier. Everything here has
// internal linkage and uses no std:: template, so that the linker cannot hand a lower tier the code of a higher.
// The order of floating-point operations on each component does not depend on the vector width.

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "signwise/isa.hpp"

namespace signwise {

// Columns that a Householder reflector is applied to at a time, and rows summed side by side.
static constexpr std::int64_t kHaarColumns = 16;
static constexpr std::int64_t kHaarLanes = 4;

struct OrthoKernels {
  void (*rotate[7])(const void* x, const std::int8_t* signs, std::int64_t d, std::int64_t shift, void* out);
  void (*hadamard32)(float* v, const std::int8_t* signs, std::int64_t d, std::int64_t masks, float scale);
  void (*hadamard64)(double* v, const std::int8_t* signs, std::int64_t d, std::int64_t masks, double scale);
  // block (rows, kHaarColumns): block[i] -= v[i] * (beta * sum_i v[i] block[i]) for rows begin..end-1, the sum in
  // kHaarLanes lanes; begin and end are multiples of kHaarLanes.
  void (*reflect)(const double* v, double beta, double* block, std::int64_t begin, std::int64_t end);
};

extern const OrthoKernels ortho_portable, ortho_avx2, ortho_avx512;

// The kernels of the tier in use.
static inline const OrthoKernels& ortho_kernels() {
#ifdef SIGNWISE_X86
  if (active_isa() == Isa::avx512) return ortho_avx512;
  if (active_isa() == Isa::avx2) return ortho_avx2;
#endif
  return ortho_portable;
}

namespace {

template <int Bytes> struct Unsigned;
template <> struct Unsigned<1> { using type = std::uint8_t; };
template <> struct Unsigned<2> { using type = std::uint16_t; };
template <> struct Unsigned<4> { using type = std::uint32_t; };
template <> struct Unsigned<8> { using type = std::uint64_t; };

// sign is +1 or -1, so sign >> 7 is 0 or all ones.
template <class U, bool Float>
inline U flipped(U x, std::int8_t sign) {
  const U m = static_cast<U>(static_cast<std::make_signed_t<U>>(static_cast<std::int8_t>(sign >> 7)));
  if constexpr (Float) return x ^ static_cast<U>(m & (U{1} << (8 * sizeof(U) - 1)));
  return static_cast<U>((x ^ m) - m);
}

template <class U, bool Float>
inline void flip_run(const U* x, const std::int8_t* signs, std::int64_t n, U* __restrict out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = flipped<U, Float>(x[i], signs[i]);
}

template <int Bytes, bool Float>
void rotate_row(const void* x, const std::int8_t* signs, std::int64_t d, std::int64_t shift, void* out) {
  using U = typename Unsigned<Bytes>::type;
  const U* from = static_cast<const U*>(x);
  U* to = static_cast<U*>(out);
  flip_run<U, Float>(from + (d - shift), signs, shift, to);
  flip_run<U, Float>(from, signs + shift, d - shift, to + shift);
}

// A vector of N components of T, loaded from any address.
template <class T, int N>
struct VectorOf {
  typedef T type __attribute__((vector_size(N * sizeof(T))));
  typedef T unaligned __attribute__((vector_size(N * sizeof(T)), aligned(sizeof(T)), may_alias));
};

// The butterflies of stride H inside one vector: (a, b) -> (a + b, a - b).
template <int H, class V, std::size_t... I>
inline V butterfly(V x, std::index_sequence<I...>) {
  const V y = __builtin_shufflevector(x, x, (I ^ H)...);
  const V sum = x + y, difference = y - x;
  return __builtin_shufflevector(sum, difference, ((I & H) ? sizeof...(I) + I : I)...);
}

template <int H, int N, class V>
inline V butterflies(V x) {
  if constexpr (H < N) return butterflies<2 * H, N>(butterfly<H>(x, std::make_index_sequence<N>{}));
  return x;
}

// Unnormalised Walsh-Hadamard transform in place, strides 1, 2, 4, ...; two stages a pass once past one vector.
template <class T, int N>
void fwht(T* v, std::int64_t d) {
  using V = typename VectorOf<T, N>::type;
  using M = typename VectorOf<T, N>::unaligned;
  if (d < N) {
    for (std::int64_t h = 1; h < d; h *= 2)
      for (std::int64_t base = 0; base < d; base += 2 * h)
        for (std::int64_t i = base; i < base + h; ++i) {
          const T a = v[i], b = v[i + h];
          v[i] = a + b;
          v[i + h] = a - b;
        }
    return;
  }
  const auto at = [v](std::int64_t i) -> M& { return *reinterpret_cast<M*>(v + i); };
  for (std::int64_t i = 0; i < d; i += N) at(i) = butterflies<1, N>(static_cast<V>(at(i)));
  std::int64_t h = N;
  for (; 4 * h <= d; h *= 4)
    for (std::int64_t base = 0; base < d; base += 4 * h)
      for (std::int64_t i = base; i < base + h; i += N) {
        const V a = at(i), b = at(i + h), c = at(i + 2 * h), e = at(i + 3 * h);
        const V ab = a + b, a_b = a - b, ce = c + e, c_e = c - e;
        at(i) = ab + ce;
        at(i + h) = a_b + c_e;
        at(i + 2 * h) = ab - ce;
        at(i + 3 * h) = a_b - c_e;
      }
  if (h < d)
    for (std::int64_t i = 0; i < h; i += N) {
      const V a = at(i), b = at(i + h);
      at(i) = a + b;
      at(i + h) = a - b;
    }
}

template <class T>
inline T flipped_float(T x, std::int8_t sign) {
  using U = typename Unsigned<sizeof(T)>::type;
  U bits;
  std::memcpy(&bits, &x, sizeof(T));
  bits = flipped<U, true>(bits, sign);
  std::memcpy(&x, &bits, sizeof(T));
  return x;
}

template <class T, int N>
void hadamard_row(T* v, const std::int8_t* signs, std::int64_t d, std::int64_t masks, T scale) {
  for (std::int64_t i = 0; i < d; ++i) v[i] = flipped_float(v[i], signs[i]);
  for (std::int64_t q = 1; q < masks; ++q) {
    signs += d;
    fwht<T, N>(v, d);
    for (std::int64_t i = 0; i < d; ++i) v[i] = flipped_float(v[i] * scale, signs[i]);
  }
}

// Two vectors of columns at a time keep the eight sums in registers on every tier.
template <int N>
void reflect_block(const double* v, double beta, double* block, std::int64_t begin, std::int64_t end) {
  using V = typename VectorOf<double, N>::type;
  using M = typename VectorOf<double, N>::unaligned;
  for (std::int64_t column = 0; column < kHaarColumns; column += 2 * N) {
    const auto at = [=](std::int64_t i, std::int64_t half) -> M& {
      return *reinterpret_cast<M*>(block + i * kHaarColumns + column + half * N);
    };
    V a0{}, a1{}, a2{}, a3{}, b0{}, b1{}, b2{}, b3{};
    for (std::int64_t i = begin; i < end; i += kHaarLanes) {
      a0 += v[i] * at(i, 0);
      b0 += v[i] * at(i, 1);
      a1 += v[i + 1] * at(i + 1, 0);
      b1 += v[i + 1] * at(i + 1, 1);
      a2 += v[i + 2] * at(i + 2, 0);
      b2 += v[i + 2] * at(i + 2, 1);
      a3 += v[i + 3] * at(i + 3, 0);
      b3 += v[i + 3] * at(i + 3, 1);
    }
    const V a = beta * ((a0 + a1) + (a2 + a3)), b = beta * ((b0 + b1) + (b2 + b3));
    for (std::int64_t i = begin; i < end; ++i) {
      at(i, 0) -= v[i] * a;
      at(i, 1) -= v[i] * b;
    }
  }
}

template <int Bytes>
constexpr OrthoKernels make_ortho_kernels() {
  return {{rotate_row<1, false>, rotate_row<2, false>, rotate_row<4, false>, rotate_row<8, false>,
           rotate_row<2, true>, rotate_row<4, true>, rotate_row<8, true>},
          hadamard_row<float, Bytes / 4>,
          hadamard_row<double, Bytes / 8>,
          reflect_block<Bytes / 8>};
}

}  // namespace
}  // namespace signwise
