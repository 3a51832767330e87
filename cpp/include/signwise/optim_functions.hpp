// The subgradients of the fused step, and the terms of K and K* that the certificate sums need. Included by
// optim_generic.hpp inside the namespace of one instruction tier, so that no code of one tier is linked into another.

// What a step needs, in the type T that it is computed in. Every number is computed in double and rounded once.
template <class T>
struct Scalars {
  T keep, minus_lr, b1, a1, b2, a2, sign;  // 1 - lr*wd, -lr, beta, 1 - beta, and -1 to maximize
  T first, second, third, scale;           // K's arguments as the subgradient uses them, and the factor of K
  double norm;                             // group_l2
  double d_first, d_second, lambda;        // K's arguments for the sums, and weight_decay / scale

  Scalars(const OptimOptions& o, double whole_norm) : norm(whole_norm) {
    keep = T(1.0 - o.lr * o.weight_decay);
    minus_lr = T(-o.lr);
    b1 = T(o.beta1);
    a1 = T(1.0 - o.beta1);
    b2 = T(o.beta2);
    a2 = T(1.0 - o.beta2);
    sign = o.maximize ? T(-1) : T(1);
    double f = o.first, s = o.second, t = 0;
    if (o.kappa == Kappa::huber) f = 1 / o.first;
    if (o.kappa == Kappa::smoothed_l1) f = 1 / (1.4142135623730951 * o.first);
    if (o.kappa == Kappa::asymmetric_box) t = o.first > 0 ? o.first : o.second < 0 ? o.second : 0.0;
    first = T(f);
    second = T(s);
    third = T(t);
    scale = T(o.scale);
    d_first = o.first;
    d_second = o.second;
    lambda = o.weight_decay / o.scale;
  }
};

// tanh of a float by double arithmetic: within half a unit in the last place and a hair. Plain loops over it
// vectorize, and give the same bits on every tier, since each operation is exact or rounded by IEEE rules.
inline float tanh_of(float value) {
  const double x = value, a = __builtin_fabs(x);
  const double x2 = x * x;
  const double near =
      x * __builtin_fma(
              x2, __builtin_fma(x2, __builtin_fma(x2, __builtin_fma(x2, 62.0 / 2835, -17.0 / 315), 2.0 / 15), -1.0 / 3),
              1.0);
  const double t = 2 * (a < 20 ? a : 20.0);
  // exp(t) = 2^k exp(r): the sum with 1.5 * 2^52 holds k in its low bits.
  const double magic = 6755399441055744.0;
  const double shifted = __builtin_fma(t, 1.4426950408889634, magic);
  const double r = __builtin_fma(-(shifted - magic), 0.6931471805599453, t);
  double p = 1.0 / 3628800;
  p = __builtin_fma(p, r, 1.0 / 362880);
  p = __builtin_fma(p, r, 1.0 / 40320);
  p = __builtin_fma(p, r, 1.0 / 5040);
  p = __builtin_fma(p, r, 1.0 / 720);
  p = __builtin_fma(p, r, 1.0 / 120);
  p = __builtin_fma(p, r, 1.0 / 24);
  p = __builtin_fma(p, r, 1.0 / 6);
  p = __builtin_fma(p, r, 0.5);
  p = __builtin_fma(p, r, 1.0);
  p = __builtin_fma(p, r, 1.0);
  const double e = bits_to<double>(bits_of(p) + (bits_of(shifted) << 52));
  const double far = __builtin_copysign(1 - 2 / (e + 1), x);
  const double y = a < 0.03 ? near : far;
  return float(x != x ? x : y);
}
inline double tanh_of(double x) { return std::tanh(x); }

// erf of a float by double arithmetic: its Taylor series on [0, 1], and on [1, 4] the interpolant at 19 Chebyshev
// points, in powers of (x - 2.5) / 1.5; both are within 1e-10, and beyond 4 erf rounds to 1.
inline float erf_of(float value) {
  const double x = value, a = __builtin_fabs(x), x2 = x * x;
  double near = -6.71136685516411038e-12;
  near = __builtin_fma(near, x2, 9.42275906465041097e-11);
  near = __builtin_fma(near, x2, -1.22905553017179274e-9);
  near = __builtin_fma(near, x2, 1.48071928158792172e-8);
  near = __builtin_fma(near, x2, -1.63658446912349243e-7);
  near = __builtin_fma(near, x2, 1.64621143658892474e-6);
  near = __builtin_fma(near, x2, -0.000014925650358406251);
  near = __builtin_fma(near, x2, 0.000120553329817896643);
  near = __builtin_fma(near, x2, -0.000854832702345085283);
  near = __builtin_fma(near, x2, 0.00522397762544218784);
  near = __builtin_fma(near, x2, -0.0268661706451312518);
  near = __builtin_fma(near, x2, 0.112837916709551257);
  near = __builtin_fma(near, x2, -0.376126389031837525);
  near = __builtin_fma(near, x2, 1.12837916709551257);
  near *= x;
  const double s = ((a < 4 ? a : 4.0) - 2.5) * (1 / 1.5);
  double far = -1.6278264458952962e-05;
  far = __builtin_fma(far, s, 3.300364340630997e-05);
  far = __builtin_fma(far, s, 8.066068767220715e-05);
  far = __builtin_fma(far, s, -0.0002940983699533574);
  far = __builtin_fma(far, s, 9.287527698114366e-05);
  far = __builtin_fma(far, s, 0.0009193688284947136);
  far = __builtin_fma(far, s, -0.0018524888047115953);
  far = __builtin_fma(far, s, 0.0004429757496316263);
  far = __builtin_fma(far, s, 0.004554078991581515);
  far = __builtin_fma(far, s, -0.00962193117314239);
  far = __builtin_fma(far, s, 0.006678397796993577);
  far = __builtin_fma(far, s, 0.009267706775609952);
  far = __builtin_fma(far, s, -0.03187626636452267);
  far = __builtin_fma(far, s, 0.046453590285032736);
  far = __builtin_fma(far, s, -0.04365079002280724);
  far = __builtin_fma(far, s, 0.028181553764713756);
  far = __builtin_fma(far, s, -0.012252848526172162);
  far = __builtin_fma(far, s, 0.0032674263182749103);
  far = __builtin_fma(far, s, 0.9995930479825548);
  const double y = a < 1 ? near : __builtin_copysign(far, x);
  return float(x != x ? x : y);
}
inline double erf_of(double x) { return std::erf(x); }

// erfinv of a double: Giles' single-precision approximation and three Newton steps on erf (erfc near the ends).
inline double erfinv_of(double y) {
  const double a = std::fabs(y);
  if (!(a < 1)) return a == 1 ? std::copysign(HUGE_VAL, y) : NAN;
  double w = -std::log((1 - a) * (1 + a)), p;
  if (w < 5) {
    w -= 2.5;
    p = 2.81022636e-08;
    for (double c : {3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
                     0.246640727, 1.50140941})
      p = c + p * w;
  } else {
    w = std::sqrt(w) - 3;
    p = -0.000200214257;
    for (double c : {0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
                     1.00167406, 2.83297682})
      p = c + p * w;
  }
  double x = p * a;
  for (int k = 0; k < 3; ++k) {
    const double error = a < 0.5 ? std::erf(x) - a : (1 - a) - std::erfc(x);
    const double step = error * 0.8862269254527580 * std::exp(x * x);
    x -= step / (1 + x * step);  // Halley
  }
  return std::copysign(x, y);
}

// The functions. sub(c) is v = -dK(-c), which is dK(c) for even K: the step is x - lr * v, exactly as torch's
// x.add_(u, alpha=-lr), so that a zero v leaves even the sign of a zero x alone. D below is double or a vector of it.
struct Box {  // what the functions on the box [-1, 1] share
  static constexpr bool sums = true;
  // Whether every y of at most this size is in C, so that none needs clipping.
  static bool holds(double top, double, double) { return top <= 1; }
  template <class D>
  static D clip(D y, double, double) {
    return min_of(max_of(y, all<D>(-1)), all<D>(1));
  }
  template <class D>
  static D gauge(D y, double, double) {
    return abs_of(y);
  }
};

struct Support : Box {  // K* = 0 on C
  template <class D>
  static D conjugate(D, double) {
    return all<D>(0);
  }
  template <class D>
  static D slope(D, double) {
    return all<D>(0);
  }
};

struct L1 : Support {
  template <class T>
  static T sub(T c, const Scalars<T>&) {
    return c > 0 ? T(1) : c < 0 ? T(-1) : T(0);
  }
  template <class D>
  static D subgradient(D z, double, double) {
    return z > 0 ? all<D>(1) : (z < 0 ? all<D>(-1) : all<D>(0));
  }
  template <class D>
  static D value(D z, double, double) {
    return abs_of(z);
  }
};

struct DeadZone : Box {
  // A product with 0, as in torch, whose sign is that of c.
  template <class T>
  static T sub(T c, const Scalars<T>& s) {
    return (c > 0 ? T(1) : c < 0 ? T(-1) : T(0)) * (abs_of(c) > s.first ? T(1) : T(0));
  }
  template <class D>
  static D subgradient(D z, double eps, double) {
    return z > eps ? all<D>(1) : (z < -eps ? all<D>(-1) : all<D>(0));
  }
  template <class D>
  static D value(D z, double eps, double) {
    return max_of(abs_of(z) - eps, all<D>(0));
  }
  template <class D>
  static D conjugate(D y, double eps) {
    return eps * abs_of(y);
  }
  template <class D>
  static D slope(D y, double eps) {
    return y > 0 ? all<D>(eps) : (y < 0 ? all<D>(-eps) : all<D>(0));
  }
};

struct Huber : Box {
  template <class T>
  static T sub(T c, const Scalars<T>& s) {
    const T t = c * s.first;
    return t < T(-1) ? T(-1) : t > T(1) ? T(1) : t;
  }
  template <class D>
  static D subgradient(D z, double eps, double) {
    return min_of(max_of(z / eps, all<D>(-1)), all<D>(1));
  }
  template <class D>
  static D value(D z, double eps, double) {
    const D a = abs_of(z), m = min_of(a, all<D>(eps));
    return (m * (1 / eps)) * (a - m * 0.5);
  }
  template <class D>
  static D conjugate(D y, double eps) {
    return (eps / 2) * (y * y);
  }
  template <class D>
  static D slope(D y, double eps) {
    return eps * y;
  }
};

struct LogCosh : Box {
  template <class T>
  static T sub(T c, const Scalars<T>&) {
    return tanh_of(c);
  }
  template <class D>
  static D subgradient(D z, double, double) {
    return each(z, [](double t) { return std::tanh(t); });
  }
  template <class D>
  static D value(D z, double, double) {
    return each(z, [](double t) {
      const double a = std::fabs(t);
      if (a >= 1) return a + std::log1p(std::exp(-2 * a)) - 0.6931471805599453;
      const double h = std::sinh(a / 2);
      return std::log1p(2 * h * h);
    });
  }
  template <class D>
  static D conjugate(D y, double) {
    return each(y, [](double t) {
      const double up = t > -1 ? (1 + t) * std::log1p(t) : 0 * t, down = t < 1 ? (1 - t) * std::log1p(-t) : 0 * t;
      return 0.5 * (up + down);
    });
  }
  template <class D>
  static D slope(D y, double) {
    return each(y, [](double t) { return std::atanh(t); });
  }
};

struct PseudoHuber : Box {
  template <class T>
  static T sub(T c, const Scalars<T>&) {
    const T a = abs_of(c), inverse = T(1) / c;
    const T far = (c > 0 ? T(1) : c < 0 ? T(-1) : T(0)) / sqrt_of(T(1) + inverse * inverse);
    const T near = c / sqrt_of(T(1) + c * c);
    return a <= T(1) ? near : far;
  }
  template <class D>
  static D subgradient(D z, double, double) {
    const D inverse = 1.0 / z;
    const D far = (z > 0 ? all<D>(1) : all<D>(-1)) / sqrt_of(1.0 + inverse * inverse);
    return abs_of(z) <= 1 ? z / sqrt_of(1.0 + z * z) : far;
  }
  template <class D>
  static D value(D z, double, double) {
    return sqrt_of(1.0 + z * z);
  }
  template <class D>
  static D conjugate(D y, double) {
    return -sqrt_of((1.0 - y) * (1.0 + y));
  }
  template <class D>
  static D slope(D y, double) {
    return y / sqrt_of((1.0 - y) * (1.0 + y));
  }
};

struct SmoothedL1 : Box {
  template <class T>
  static T sub(T c, const Scalars<T>& s) {
    return erf_of(T(c * s.first));
  }
  template <class D>
  static D subgradient(D z, double scale, double) {
    return each(z, [scale](double t) { return std::erf(t / (1.4142135623730951 * scale)); });
  }
  template <class D>
  static D value(D z, double scale, double) {
    return each(z, [scale](double v) {
      const double t = v / (1.4142135623730951 * scale);
      return v * std::erf(t) + scale * 0.7978845608028654 * std::exp(-t * t);
    });
  }
  template <class D>
  static D conjugate(D y, double scale) {
    return each(y, [scale](double v) {
      const double t = erfinv_of(v);
      return -scale * 0.7978845608028654 * std::exp(-t * t);
    });
  }
  template <class D>
  static D slope(D y, double scale) {
    return each(y, [scale](double v) { return 1.4142135623730951 * scale * erfinv_of(v); });
  }
};

struct AsymmetricBox : Support {
  static bool holds(double top, double low, double high) { return top <= -low && top <= high; }
  template <class T>
  static T sub(T c, const Scalars<T>& s) {
    return c < 0 ? -s.second : c > 0 ? -s.first : -s.third;
  }
  template <class D>
  static D subgradient(D z, double low, double high) {
    const double middle = low > 0 ? low : high < 0 ? high : 0.0;
    return z > 0 ? all<D>(high) : (z < 0 ? all<D>(low) : all<D>(middle));
  }
  template <class D>
  static D value(D z, double low, double high) {
    return max_of(low * z, high * z);
  }
  template <class D>
  static D clip(D y, double low, double high) {
    return min_of(max_of(y, all<D>(low)), all<D>(high));
  }
  // No gauge where 0 is not inside: what is outside, relative to the larger end, from 1 on.
  template <class D>
  static D gauge(D y, double low, double high) {
    const double size = std::max(std::fabs(low), std::fabs(high));
    const D outside = abs_of(y - clip(y, low, high));
    return outside > 0 ? 1.0 + outside / size : all<D>(0);
  }
};

struct HalfSquare {
  static constexpr bool sums = true;
  static bool holds(double, double, double) { return true; }
  template <class T>
  static T sub(T c, const Scalars<T>&) {
    return c;
  }
  template <class D>
  static D subgradient(D z, double, double) {
    return z;
  }
  template <class D>
  static D value(D z, double, double) {
    return 0.5 * (z * z);
  }
  template <class D>
  static D conjugate(D y, double) {
    return 0.5 * (y * y);
  }
  template <class D>
  static D slope(D y, double) {
    return y;
  }
  template <class D>
  static D clip(D y, double, double) {
    return y;
  }
  template <class D>
  static D gauge(D, double, double) {
    return all<D>(0);
  }
};

struct GroupL2 {
  static constexpr bool sums = false;
  template <class T>
  static T sub(T c, const Scalars<T>& s) {
    return T(double(c) / s.norm);
  }
};
