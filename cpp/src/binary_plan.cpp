#include "signwise/binary_plan.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>

namespace signwise {
namespace {

using i64 = std::int64_t;

constexpr std::size_t most_plans = 8;
constexpr i64 largest = i64{1} << 40;  // elements of a buffer; more is a mistake in a file or an input

i64 checked(i64 elements) {
  if (elements < 0 || elements > largest) throw std::invalid_argument("a value of this network would be too large");
  return elements;
}

i64 conv_size(i64 size, i64 pad, i64 dilation, i64 kernel, i64 stride) {
  const i64 room = size + 2 * pad - dilation * (kernel - 1) - 1;
  if (room < 0) throw std::invalid_argument("the image is smaller than a window of the network");
  return room / stride + 1;
}

i64 pool_size(i64 size, i64 pad, i64 kernel, i64 stride, bool ceil_mode) {
  const i64 room = size + 2 * pad - kernel + (ceil_mode ? stride - 1 : 0);
  if (room < 0) throw std::invalid_argument("the image is smaller than a window of the network");
  i64 out = room / stride + 1;
  if (ceil_mode && (out - 1) * stride >= size + pad) --out;  // a window must begin inside the image or its left border
  return out;
}

// Classes of the places of one axis by which taps fall inside the image, and for each class those that do not.
struct Axis {
  std::vector<std::int32_t> of_place;
  std::vector<std::vector<bool>> inside;
};

Axis classes(i64 size, i64 places, i64 pad, i64 dilation, i64 kernel, i64 stride) {
  Axis axis;
  std::map<std::vector<bool>, std::int32_t> known;
  for (i64 place = 0; place < places; ++place) {
    std::vector<bool> inside(static_cast<std::size_t>(kernel));
    for (i64 tap = 0; tap < kernel; ++tap) {
      const i64 at = place * stride - pad + tap * dilation;
      inside[static_cast<std::size_t>(tap)] = at >= 0 && at < size;
    }
    const auto entry = known.emplace(inside, static_cast<std::int32_t>(known.size()));
    if (entry.second) axis.inside.push_back(inside);
    axis.of_place.push_back(entry.first->second);
  }
  return axis;
}

// First-fit places for buffers that live from one operation to another.
class Arena {
 public:
  i64 take(i64 size, std::size_t from, std::size_t until) {
    size = (size + 15) / 16 * 16;
    i64 offset = 0;
    for (const Piece& piece : pieces_) {  // kept in order of offset
      if (piece.until < from || until < piece.from) continue;
      if (offset + size <= piece.offset) break;
      offset = std::max(offset, piece.offset + piece.size);
    }
    pieces_.insert(std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                    [](i64 value, const Piece& piece) { return value < piece.offset; }),
                   {offset, size, from, until});
    size_ = std::max(size_, offset + size);
    return offset;
  }
  i64 size() const { return size_; }

 private:
  struct Piece {
    i64 offset, size;
    std::size_t from, until;
  };
  std::vector<Piece> pieces_;
  i64 size_ = 0;
};

}  // namespace

BinaryNet::Plan& BinaryNet::plan(const Key& key) {
  const auto found = plans_.find(key);
  if (found != plans_.end()) return *found->second;
  const i64 n = key[0], height = key[1], width = key[2];
  if (n < 1 || height < 1 || width < 1) throw std::invalid_argument("the input is empty");
  auto made = std::make_unique<Plan>();
  Plan& plan = *made;
  plan.n = n;
  plan.slots.resize(values_.size());
  plan.steps.resize(operations_.size());

  // Borders that convolutions want, and whether the input is read by convolutions alone: then it needs no lanes.
  std::vector<i64> borders(values_.size(), 0);
  bool compact = output_ != 0;
  for (const auto& op : operations_) {
    if (op->kind == Kind::bit_conv || op->kind == Kind::float_conv) {
      i64& border = borders[static_cast<std::size_t>(op->input)];
      border = std::max({border, op->conv.pad_y, op->conv.pad_x});
    }
    if (op->residual == 0 || (op->input == 0 && (op->kind == Kind::map || op->kind == Kind::pool))) compact = false;
  }

  const auto place = [&](i64 value, i64 h, i64 w) {
    Plan::Slot& slot = plan.slots[static_cast<std::size_t>(value)];
    const Value& is = values_[static_cast<std::size_t>(value)];
    slot.n = n;
    slot.channels = is.channels;
    slot.layout.height = h;
    slot.layout.width = w;
    slot.layout.border = borders[static_cast<std::size_t>(value)];
    slot.layout.unit = is.bits ? (is.channels + 31) / 32
                       : value == 0 && compact ? is.channels
                                               : (is.channels + 15) / 16 * 16;
    checked(h);
    checked(w);
    checked(checked(h + 2 * slot.layout.border) * checked(w + 2 * slot.layout.border));
    checked(n * checked((h + 2 * slot.layout.border) * (w + 2 * slot.layout.border)) * slot.layout.unit);
  };
  place(0, height, width);

  i64 scratch = 0;
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    const Operation& op = *operations_[i];
    Plan::Step& step = plan.steps[i];
    const Plan::Slot& in = plan.slots[static_cast<std::size_t>(op.input)];
    if (in.n == 0) throw std::invalid_argument("an operation reads a value before it is written");
    const Layout& from = in.layout;
    i64 h = from.height, w = from.width;
    if (op.is_conv()) {
      const ConvShape& c = op.conv;
      h = conv_size(from.height, c.pad_y, c.dilation_y, c.kernel_y, c.stride_y);
      w = conv_size(from.width, c.pad_x, c.dilation_x, c.kernel_x, c.stride_x);
    } else if (op.kind == Kind::pool || op.kind == Kind::pool_bits) {
      const PoolShape& p = op.pool;
      h = p.whole() ? 1 : pool_size(from.height, p.pad_y, p.kernel_y, p.stride_y, p.ceil_mode);
      w = p.whole() ? 1 : pool_size(from.width, p.pad_x, p.kernel_x, p.stride_x, p.ceil_mode);
    } else if (op.kind == Kind::flatten) {
      if (in.channels * h * w != op.channels)
        throw std::invalid_argument("the image has another size than the linear layer behind flatten was made for");
      h = w = 1;
    }
    if (op.residual >= 0) {
      const Plan::Slot& r = plan.slots[static_cast<std::size_t>(op.residual)];
      if (r.n == 0 || r.layout.height != h || r.layout.width != w)
        throw std::invalid_argument("the images of a sum differ in size");
    }
    if (op.out >= 0) place(op.out, h, w);
    if (op.bits >= 0) place(op.bits, h, w);

    step.pixels = n * h * w;
    Finish& f = step.finish;
    const auto given = [](const auto& block) { return block.size() ? block.data() : nullptr; };
    f.a = given(op.a);
    f.b = given(op.b);
    f.slope = given(op.slope);
    f.threshold = given(op.threshold);
    f.flip = given(op.flip);
    f.valid = given(op.valid);
    f.clamps = op.clamps;
    f.lo = op.lo;
    f.hi = op.hi;
    f.height = h;
    f.width = w;
    f.vectors = op.vectors();
    i64 cost = f.vectors;  // of a pixel, in vector steps
    if (op.is_conv()) {
      const ConvShape& c = op.conv;
      Layout layout = from;
      i64 group_unit = op.group_inputs();
      if (op.kind == Kind::bit_conv) {
        group_unit = (op.group_inputs() + 31) / 32;
        if (c.groups > 1 && op.group_inputs() % 32) {  // groups share words: they are taken apart first
          layout.unit = c.groups * group_unit;
          step.scratch_layout = layout;
          step.scratch_input = n * layout.image() * 4;
        }
      } else if (op.kind == Kind::byte_conv) {
        layout.border = std::max(c.pad_y, c.pad_x);
        layout.unit = c.inputs;
        step.scratch_layout = layout;
        step.scratch_input = n * layout.image() + 64;  // the last step may read past the last pixel
      }
      step.scratch_input = checked(step.scratch_input + 63) / 64 * 64;
      step.window.layout = layout;
      step.window.stride_y = c.stride_y;
      step.window.stride_x = c.stride_x;
      step.window.origin_y = layout.border - c.pad_y;
      step.window.origin_x = layout.border - c.pad_x;
      step.group_offset = group_unit;
      const bool rows = op.by_rows(layout.unit, group_unit);
      for (i64 ky = 0; ky < c.kernel_y; ++ky)
        for (i64 kx = 0; kx < (rows ? 1 : c.kernel_x); ++kx)
          step.segments.push_back(ky * c.dilation_y * layout.row() + kx * c.dilation_x * layout.unit);
      step.window.segment_length = rows ? c.kernel_x * group_unit : group_unit;
      if (op.kind == Kind::byte_conv) step.window.segment_length = (step.window.segment_length + 3) / 4 * 4;
      step.window.segments = step.segments.data();
      step.window.segment_count = static_cast<int>(step.segments.size());
      step.k = step.window.segment_length * static_cast<i64>(step.segments.size());
      if (op.kind == Kind::byte_conv) step.k /= 4;
      cost *= step.k;
      step.sums_unit = (c.outputs + 15) / 16 * 16 + 64;  // a group's last vector may reach past the channels
      step.scratch_sums = checked(step.pixels * step.sums_unit * 4);
      if (op.kind == Kind::bit_conv) {
        const Axis ys = classes(from.height, h, c.pad_y, c.dilation_y, c.kernel_y, c.stride_y);
        const Axis xs = classes(from.width, w, c.pad_x, c.dilation_x, c.kernel_x, c.stride_x);
        const i64 columns = static_cast<i64>(xs.inside.size()), lanes = 16 * op.group_vectors();
        step.classes = static_cast<i64>(ys.inside.size()) * columns;
        step.base.reset(c.groups * step.classes * lanes);
        for (i64 g = 0; g < c.groups; ++g)
          for (i64 id = 0; id < step.classes; ++id)
            for (i64 lane = 0; lane < op.group_outputs(); ++lane) {
              i64 base = op.taps() * op.group_inputs();
              for (i64 tap = 0; tap < op.taps(); ++tap)
                if (!ys.inside[static_cast<std::size_t>(id / columns)][static_cast<std::size_t>(tap / c.kernel_x)] ||
                    !xs.inside[static_cast<std::size_t>(id % columns)][static_cast<std::size_t>(tap % c.kernel_x)])
                  base += op.tap_sums[(g * op.taps() + tap) * lanes + lane];
              step.base[(g * step.classes + id) * lanes + lane] = static_cast<std::int32_t>(base);
            }
        for (std::int32_t id : ys.of_place) step.row_class.push_back(id * static_cast<std::int32_t>(columns));
        step.column_class = xs.of_place;
      }
      scratch = std::max(scratch, step.scratch_input + (c.groups > 1 ? step.scratch_sums : 0));
    }
    step.grain = std::max<i64>(1, 30000 / std::max<i64>(1, cost));
    if (op.is_conv()) step.grain = (step.grain + 47) / 48 * 48;
  }

  // Where values lie. Borders must stay zero, so values with one, and bits, keep their place to themselves.
  std::vector<std::size_t> born(values_.size(), 0), dies(values_.size(), 0);
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    const Operation& op = *operations_[i];
    for (i64 result : {op.out, op.bits})
      if (result >= 0) born[static_cast<std::size_t>(result)] = dies[static_cast<std::size_t>(result)] = i + 1;
    for (i64 read : {op.input, op.residual})
      if (read >= 0) dies[static_cast<std::size_t>(read)] = i + 1;
  }
  dies[static_cast<std::size_t>(output_)] = operations_.size() + 1;
  Arena arena;
  std::vector<i64> offsets(values_.size(), 0);
  i64 words = 0, bordered = 0;
  for (std::size_t v = 0; v < values_.size(); ++v) {
    Plan::Slot& slot = plan.slots[v];
    const i64 size = (slot.n * slot.layout.image() + 15) / 16 * 16 + 16;
    if (slot.n == 0) continue;
    if (values_[v].bits) {
      offsets[v] = words;
      words += size;
    } else if (slot.layout.border > 0 || v == 0) {
      offsets[v] = bordered;
      bordered += size;
    } else {
      offsets[v] = arena.take(size, born[v], dies[v]);
    }
  }
  if (plan.slots[static_cast<std::size_t>(output_)].n == 0)
    throw std::invalid_argument("the output is never written");
  plan.words.reset(checked(words));
  plan.bordered.reset(checked(bordered));
  plan.floats.reset(checked(arena.size()));
  plan.scratch.reset(checked(scratch));
  for (std::size_t v = 0; v < values_.size(); ++v) {
    Plan::Slot& slot = plan.slots[v];
    if (values_[v].bits)
      slot.words = plan.words.data() + offsets[v];
    else
      slot.floats = (slot.layout.border > 0 || v == 0 ? plan.bordered.data() : plan.floats.data()) + offsets[v];
  }
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    const Operation& op = *operations_[i];
    Finish& f = plan.steps[i].finish;
    if (op.out >= 0) {
      f.out = plan.slots[static_cast<std::size_t>(op.out)].floats;
      f.out_layout = plan.slots[static_cast<std::size_t>(op.out)].layout;
    }
    if (op.bits >= 0) {
      f.bits = plan.slots[static_cast<std::size_t>(op.bits)].words;
      f.bits_layout = plan.slots[static_cast<std::size_t>(op.bits)].layout;
    }
    if (op.residual >= 0) {
      f.residual = plan.slots[static_cast<std::size_t>(op.residual)].floats;
      f.residual_layout = plan.slots[static_cast<std::size_t>(op.residual)].layout;
    }
  }
  if (plans_.size() >= most_plans) {
    plans_.clear();
    current_ = nullptr;
  }
  return *plans_.emplace(key, std::move(made)).first->second;
}

}  // namespace signwise
