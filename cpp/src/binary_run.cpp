#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "signwise/binary_plan.hpp"
#include "signwise/isa.hpp"
#include "signwise/parallel.hpp"

namespace signwise {
namespace {

using i64 = std::int64_t;

// Images as (n, channels, height, width), and pixel by pixel.
template <class Body>
void for_pixels(i64 n, const Layout& layout, const Body& body) {
  for (i64 image = 0; image < n; ++image)
    for (i64 y = 0; y < layout.height; ++y)
      for (i64 x = 0; x < layout.width; ++x) body(image, y, x, layout.at(image, y, x));
}

void load_floats(const float* x, i64 n, i64 channels, const Layout& layout, float* to) {
  for (i64 image = 0; image < n; ++image)
    for (i64 y = 0; y < layout.height; ++y) {
      float* row = to + layout.at(image, y, 0);
      for (i64 c = 0; c < channels; ++c) {
        const float* from = x + ((image * channels + c) * layout.height + y) * layout.width;
        for (i64 i = 0; i < layout.width; ++i) row[i * layout.unit + c] = from[i];
      }
    }
}

void store_floats(const float* from, i64 n, i64 channels, const Layout& layout, float* out) {
  const i64 area = layout.height * layout.width;
  for_pixels(n, layout, [&](i64 image, i64 y, i64 x, i64 at) {
    for (i64 c = 0; c < channels; ++c) out[(image * channels + c) * area + y * layout.width + x] = from[at + c];
  });
}

void pool_bits(const std::uint32_t* from, const Layout& layout, const PoolShape& p,
               const std::vector<std::uint32_t>& any, std::uint32_t* to, const Layout& out, i64 first, i64 last) {
  const i64 height = p.whole() ? layout.height : p.kernel_y, width = p.whole() ? layout.width : p.kernel_x;
  for (i64 pixel = first; pixel < last; ++pixel) {
    const i64 image = pixel / (out.height * out.width), y = pixel / out.width % out.height, x = pixel % out.width;
    const i64 top = y * p.stride_y - p.pad_y, left = x * p.stride_x - p.pad_x;
    const i64 y0 = std::max<i64>(top, 0), y1 = std::min(top + height, layout.height);
    const i64 x0 = std::max<i64>(left, 0), x1 = std::min(left + width, layout.width);
    for (i64 w = 0; w < layout.unit; ++w) {
      std::uint32_t some = 0, all = ~std::uint32_t{0};
      for (i64 row = y0; row < y1; ++row)
        for (i64 column = x0; column < x1; ++column) {
          const std::uint32_t word = from[layout.at(image, row, column) + w];
          some |= word;
          all &= word;
        }
      const std::uint32_t mode = any[static_cast<std::size_t>(w)];
      to[out.at(image, y, x) + w] = (some & mode) | (all & ~mode);
    }
  }
}

// The bits of each group to words of its own.
void regroup(const std::uint32_t* from, const Layout& layout, i64 n, i64 groups, i64 per, std::uint32_t* to,
             const Layout& out) {
  const i64 words = (per + 31) / 32;
  std::memset(to, 0, static_cast<std::size_t>(n * out.image()) * sizeof *to);
  for_pixels(n, layout, [&](i64 image, i64 y, i64 x, i64 at) {
    std::uint32_t* pixel = to + out.at(image, y, x);
    for (i64 c = 0; c < groups * per; ++c)
      pixel[c / per * words + c % per / 32] |= (from[at + c / 32] >> (c % 32) & 1u) << (c % per % 32);
  });
}

}  // namespace

const BinaryTier& binary_tier() {
#ifdef SIGNWISE_X86
  switch (active_isa()) {
    case Isa::avx512: return binary_avx512;
    case Isa::avx2: return binary_avx2;
    default: break;
  }
#endif
  return binary_portable;
}

void BinaryNet::execute(Plan& plan, std::size_t number, int threads, bool only_sums) {
  const BinaryTier& tier = binary_tier();
  const Operation& op = *operations_[number];
  Plan::Step& step = plan.steps[number];
  const Plan::Slot& in = plan.slots[static_cast<std::size_t>(op.input)];
  const auto over = [&](i64 grain, const auto& body) {
    parallel_for(step.pixels, grain, threads, [&](i64 first, i64 last) { body(first, last); });
  };
  switch (op.kind) {
    case Kind::map:
      over(step.grain, [&](i64 a, i64 b) { tier.map(in.floats, in.layout, step.finish, a, b); });
      return;
    case Kind::pool: {
      const PoolShape& p = op.pool;
      Pool pool;
      pool.kind = static_cast<PoolKind>(p.kind);
      pool.input = in.floats;
      pool.sign = op.sign.size() ? op.sign.data() : nullptr;
      pool.layout = in.layout;
      pool.kernel_y = p.whole() ? in.layout.height : p.kernel_y;
      pool.kernel_x = p.whole() ? in.layout.width : p.kernel_x;
      pool.stride_y = p.stride_y;
      pool.stride_x = p.stride_x;
      pool.pad_y = p.pad_y;
      pool.pad_x = p.pad_x;
      pool.count_padding = p.count_padding != 0;
      pool.divisor = p.divisor;
      over(step.grain, [&](i64 a, i64 b) { tier.pool(pool, step.finish, a, b); });
      return;
    }
    case Kind::pool_bits:
      over(step.grain, [&](i64 a, i64 b) {
        pool_bits(in.words, in.layout, op.pool, op.any, step.finish.bits, step.finish.bits_layout, a, b);
      });
      return;
    case Kind::pad_channels:
      for_pixels(plan.n, in.layout, [&](i64 image, i64 y, i64 x, i64 at) {
        float* to = step.finish.out + step.finish.out_layout.at(image, y, x);
        std::memset(to, 0, static_cast<std::size_t>(step.finish.out_layout.unit) * sizeof *to);
        std::memcpy(to + op.before, in.floats + at, static_cast<std::size_t>(in.channels) * sizeof *to);
      });
      return;
    case Kind::flatten:
      for (i64 image = 0; image < plan.n; ++image)
        store_floats(in.floats + image * in.layout.image(), 1, in.channels, in.layout,
                     step.finish.out + image * step.finish.out_layout.image());
      return;
    default: break;
  }

  const i64 groups = op.conv.groups, lanes = 16 * op.group_vectors();
  const void* input = in.floats ? static_cast<const void*>(in.floats) : in.words;
  std::uint8_t* scratch = plan.scratch.data();
  Block<std::uint8_t> own;  // for sums that the plan has no room for
  if (only_sums) {
    own.reset(step.scratch_input + step.scratch_sums);
    scratch = own.data();
  }
  if (op.kind == Kind::bit_conv && step.scratch_input) {
    regroup(in.words, in.layout, plan.n, groups, op.group_inputs(), reinterpret_cast<std::uint32_t*>(scratch),
            step.scratch_layout);
    input = scratch;
  } else if (op.kind == Kind::byte_conv) {
    std::memset(scratch, 128, static_cast<std::size_t>(step.scratch_input));
    const float inverse = 1.0f / op.scale;
    const bool compact = in.layout.unit == in.channels;
    parallel_for(plan.n * in.layout.height, 16, threads, [&](i64 first, i64 last) {
      for (i64 row = first; row < last; ++row) {
        const i64 image = row / in.layout.height, y = row % in.layout.height;
        const float* from = in.floats + in.layout.at(image, y, 0);
        std::uint8_t* to = scratch + step.scratch_layout.at(image, y, 0);
        if (compact)
          tier.quantize(from, in.layout.width * in.channels, inverse, to);
        else
          for (i64 x = 0; x < in.layout.width; ++x)
            tier.quantize(from + x * in.layout.unit, in.channels, inverse, to + x * in.channels);
      }
    });
    input = scratch;
  }
  std::uint8_t* sums = scratch + step.scratch_input;
  const bool apart = only_sums || groups > 1;  // sums first, the finish afterwards
  over(step.grain, [&](i64 first, i64 last) {
    for (i64 g = 0; g < groups; ++g) {
      Finish finish = step.finish;
      if (apart) {
        finish = Finish{};
        finish.height = step.finish.height;
        finish.width = step.finish.width;
        finish.vectors = op.group_vectors();
        finish.valid = step.finish.valid;
        if (op.kind == Kind::float_conv) {
          finish.out = reinterpret_cast<float*>(sums) + g * op.group_outputs();
          finish.out_layout = {step.finish.height, step.finish.width, 0, step.sums_unit};
        } else {
          finish.sums = reinterpret_cast<std::int32_t*>(sums) + g * op.group_outputs();
          finish.sums_unit = step.sums_unit;
        }
      }
      if (op.kind == Kind::bit_conv) {
        BitConv c;
        c.input = static_cast<const std::uint32_t*>(input) + g * step.group_offset;
        c.weights = op.bit_weights.data() + g * step.k * lanes;
        c.base = step.base.data() + g * step.classes * lanes;
        c.row_class = step.row_class.data();
        c.column_class = step.column_class.data();
        c.window = step.window;
        c.k = step.k;
        tier.bit_conv(c, finish, first, last);
      } else if (op.kind == Kind::float_conv) {
        FloatConv c;
        c.input = static_cast<const float*>(input) + g * step.group_offset;
        c.weights = op.float_weights.data() + g * step.k * lanes;
        c.window = step.window;
        c.k = step.k;
        tier.float_conv(c, finish, first, last);
      } else {
        ByteConv c;
        c.input = static_cast<const std::uint8_t*>(input) + g * step.group_offset;
        c.weights = op.byte_weights.data() + 4 * g * step.k * lanes;
        c.base = op.bases.data() + g * lanes;
        c.window = step.window;
        c.k = step.k;
        tier.byte_conv(c, finish, first, last);
      }
    }
    if (only_sums || groups == 1) return;
    if (op.kind == Kind::float_conv)
      tier.map(reinterpret_cast<const float*>(sums), {step.finish.height, step.finish.width, 0, step.sums_unit},
               step.finish, first, last);
    else
      tier.finish_sums(reinterpret_cast<const std::int32_t*>(sums), step.sums_unit, step.finish, first, last);
  });
  if (only_sums) plan.scratch = std::move(own);  // until the next operation; see sums()
}

void BinaryNet::run(const float* x, i64 n, i64 height, i64 width, float* out, int threads, double* seconds) {
  std::lock_guard<std::mutex> lock(mutex_);
  Plan& p = plan({n, height, width});
  auto before = std::chrono::steady_clock::now();
  const auto lap = [&](std::size_t place) {
    if (!seconds) return;
    const auto now = std::chrono::steady_clock::now();
    seconds[place] = std::chrono::duration<double>(now - before).count();
    before = now;
  };
  load_floats(x, n, p.slots[0].channels, p.slots[0].layout, p.slots[0].floats);
  lap(0);
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    execute(p, i, threads, false);
    lap(i + 1);
  }
  const Plan::Slot& last = p.slots[static_cast<std::size_t>(output_)];
  store_floats(last.floats, n, last.channels, last.layout, out);
  lap(operations_.size() + 1);
}

void BinaryNet::begin(const float* x, i64 n, i64 height, i64 width) {
  std::lock_guard<std::mutex> lock(mutex_);
  current_ = &plan({n, height, width});
  load_floats(x, n, current_->slots[0].channels, current_->slots[0].layout, current_->slots[0].floats);
}

void BinaryNet::step(i64 operation, int threads) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!current_) throw std::invalid_argument("begin comes first");
  if (operation < 0 || operation >= operations()) throw std::invalid_argument("there is no such operation");
  execute(*current_, static_cast<std::size_t>(operation), threads, false);
}

void BinaryNet::read(i64 value, float* out) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!current_) throw std::invalid_argument("begin comes first");
  const Plan::Slot& slot = current_->slots.at(static_cast<std::size_t>(value));
  if (slot.floats) return store_floats(slot.floats, slot.n, slot.channels, slot.layout, out);
  const i64 area = slot.layout.height * slot.layout.width;
  for_pixels(slot.n, slot.layout, [&](i64 image, i64 y, i64 x, i64 at) {
    for (i64 c = 0; c < slot.channels; ++c)
      out[(image * slot.channels + c) * area + y * slot.layout.width + x] =
          slot.words[at + c / 32] >> (c % 32) & 1u ? 1.0f : -1.0f;
  });
}

void BinaryNet::write(i64 value, const float* x) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!current_) throw std::invalid_argument("begin comes first");
  const Plan::Slot& slot = current_->slots.at(static_cast<std::size_t>(value));
  if (slot.floats) return load_floats(x, slot.n, slot.channels, slot.layout, slot.floats);
  const i64 area = slot.layout.height * slot.layout.width;
  for_pixels(slot.n, slot.layout, [&](i64 image, i64 y, i64 column, i64 at) {
    std::memset(slot.words + at, 0, static_cast<std::size_t>(slot.layout.unit) * 4);
    for (i64 c = 0; c < slot.channels; ++c)
      if (x[(image * slot.channels + c) * area + y * slot.layout.width + column] >= 0)
        slot.words[at + c / 32] |= 1u << (c % 32);
  });
}

std::array<i64, 4> BinaryNet::sums_shape(i64 operation) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!current_) throw std::invalid_argument("begin comes first");
  const Plan::Step& step = current_->steps.at(static_cast<std::size_t>(operation));
  return {current_->n, operations_[static_cast<std::size_t>(operation)]->channels, step.finish.height,
          step.finish.width};
}

void BinaryNet::sums(i64 operation, std::int32_t* out, int threads) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!current_) throw std::invalid_argument("begin comes first");
  if (operation < 0 || operation >= operations()) throw std::invalid_argument("there is no such operation");
  const auto number = static_cast<std::size_t>(operation);
  const Operation& op = *operations_[number];
  if (op.kind != Kind::bit_conv && op.kind != Kind::byte_conv)
    throw std::invalid_argument("only convolutions of integers have sums");
  const Plan::Step& step = current_->steps[number];
  Block<std::uint8_t> kept;
  std::swap(kept, current_->scratch);
  execute(*current_, number, threads, true);
  std::swap(kept, current_->scratch);  // kept now holds the sums
  const auto* from = reinterpret_cast<const std::int32_t*>(kept.data() + step.scratch_input);
  const i64 area = step.finish.height * step.finish.width;
  for (i64 pixel = 0; pixel < step.pixels; ++pixel)
    for (i64 c = 0; c < op.channels; ++c)
      out[(pixel / area * op.channels + c) * area + pixel % area] = from[pixel * step.sums_unit + c];
}

std::array<i64, 3> BinaryNet::shape(i64 value, i64 height, i64 width) {
  std::lock_guard<std::mutex> lock(mutex_);
  const Plan::Slot& slot = plan({1, height, width}).slots.at(static_cast<std::size_t>(value));
  return {slot.channels, slot.layout.height, slot.layout.width};
}

NetMemory BinaryNet::memory(i64 n, i64 height, i64 width) {
  std::lock_guard<std::mutex> lock(mutex_);
  const Plan& p = plan({n, height, width});
  NetMemory m{};
  for (const auto& op : operations_) {
    m.binary_weights += op->bit_weights.bytes();
    m.weights += op->float_weights.bytes() + op->byte_weights.bytes() + op->bit_weights.bytes() + op->a.bytes() +
                 op->b.bytes() + op->slope.bytes() + op->threshold.bytes() + op->flip.bytes();
  }
  m.floats = p.floats.bytes() + p.bordered.bytes();
  m.bits = p.words.bytes();
  m.scratch = p.scratch.bytes();
  return m;
}

}  // namespace signwise
