#pragma once

#include <cstdint>
#include <vector>

namespace signwise {

// The convex functions whose subgradient the fused step evaluates; the numbers are those of _native/_optim.py.
enum class Kappa : int {
  l1 = 0,
  dead_zone = 1,       // first = eps
  huber = 2,           // first = eps
  log_cosh = 3,
  pseudo_huber = 4,
  smoothed_l1 = 5,     // first = scale
  asymmetric_box = 6,  // first = low, second = high
  half_square = 7,
  group_l2 = 8,        // one group: the whole tensor
};
constexpr int kappa_count = 9;

enum class OptimType : std::uint8_t { f32 = 0, f64 = 1, bf16 = 2, i8 = 3 };

// Momentum in int8: value = code * scale[index / momentum_block].
constexpr std::int64_t momentum_block = 256;

struct OptimTensor {
  void* x = nullptr;
  void* m = nullptr;
  float* scale = nullptr;  // int8 momentum only
  std::int64_t n = 0;
  OptimType x_type = OptimType::f32;  // also the gradient's
  OptimType m_type = OptimType::f32;
  std::uint32_t x_seed = 0, m_seed = 0;  // of stochastic rounding
};

struct OptimOptions {
  double lr = 0, beta1 = 0, beta2 = 0, weight_decay = 0;
  Kappa kappa = Kappa::l1;
  double first = 0, second = 0, scale = 1;  // K's arguments; scale multiplies K
  bool maximize = false;
  bool cautious_mask = false;
  bool cautious_decay = false;
  bool stochastic = true;    // rounding of bf16 and i8; else to nearest
  bool all_sums = false;     // else those of the gap and the distance only; see OptimSum
  bool check_first = false;  // look at every gradient before anything is written, and write nothing if one is bad
};

// Sums over a tensor for the certificates, in float64: see _native/_optim.py for the formulas.
enum OptimSum : int {
  sum_k_gradient = 0,
  sum_conjugate_before,
  sum_x_gradient,
  sum_distance_squared,
  sum_k_momentum_before,  // from here on only with all_sums
  sum_x_momentum_before,
  sum_conjugate_after,
  sum_k_momentum_after,
  sum_x_momentum_after,
  sum_delta_weights,
  sum_delta_momentum,
  sum_step_squared,
  max_gauge_before,  // always
  max_gauge_after,
  optim_sums
};

// A list of parameters that takes steps together. It keeps addresses only: the owner keeps the memory alive.
class OptimPlan {
 public:
  explicit OptimPlan(std::vector<OptimTensor> tensors);

  // One step of every tensor whose address in `gradients` is not 0. `steps` holds one step number a tensor, for the
  // hash of stochastic rounding. `sums`, if given, receives optim_sums numbers a tensor, 0 where it has no gradient.
  // Returns how many gradient entries were NaN or infinite; with check_first, nothing was written if that is not 0.
  // The results are the same at every number of threads.
  std::int64_t step(const std::uint64_t* gradients, const std::int64_t* steps, const OptimOptions& options,
                    int threads, double* sums) const;

  // How many entries of the gradients are NaN or infinite; nothing is written.
  std::int64_t count_nonfinite(const std::uint64_t* gradients, int threads) const;

  std::int64_t size() const { return static_cast<std::int64_t>(tensors_.size()); }

 private:
  struct Chunk {
    std::int64_t tensor, begin, end;
  };
  std::vector<OptimTensor> tensors_;
  // Calls body(c) for every chunk c of a tensor with a gradient.
  template <class Body>
  void over_chunks(const std::uint64_t* gradients, int threads, const Body& body) const;

  std::vector<Chunk> chunks_;
  std::int64_t elements_ = 0;
};

// Whether the active instruction tier has a fused multiply-add, without which there is no fused step.
bool optim_available();

// Whether step() can give sums for this function.
bool optim_has_sums(Kappa kappa);

// One float32 tensor of a sign vote: its n votes are the bits from `first` on of two planes, nonzero and positive, in
// the layout of pack_ternary_rows. A null g stands for zeros.
struct VoteTensor {
  float* x = nullptr;
  const float* g = nullptr;
  float* m = nullptr;
  std::int64_t n = 0, first = 0;
};

// Sets the bits of sign(c), c = beta1 * m + (1 - beta1) * g, in planes that hold zeros there. With options' lr and decay
// optim_step_votes then takes the plain step with the sign that planes hold: x <- (1 - lr * wd) x - lr * r, and m as ever.
void optim_vote(const std::vector<VoteTensor>& tensors, const OptimOptions& options, std::uint64_t* nonzero,
                std::uint64_t* positive, int threads);
void optim_step_votes(const std::vector<VoteTensor>& tensors, const OptimOptions& options, std::uint64_t* nonzero,
                      std::uint64_t* positive, int threads);

// Reads x, g and m and writes x and m of n float32 values, with two multiply-adds a value: the least work that moves
// the bytes of a step, for benchmarks.
void optim_stream(float* x, const float* g, float* m, std::int64_t n);

}  // namespace signwise
