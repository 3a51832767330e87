#pragma once

// The operators of the paths of documents, kept from document to document, and those of one path for a while.

#include <algorithm>
#include <memory>
#include <vector>

#include "signwise/vsa_kernels.hpp"
#include "signwise/vsa_tables.hpp"

namespace signwise::vsa {

// v -> s * R^shift v, s the signs of the mask: the product of the operators of a path's steps.
struct Operator {
  const Operator* parent;
  U64 h, step;  // hash of the last operator, and what it adds to the index-free path
  U64 path;
  std::int64_t shift;
  double weight;  // the user's for this path
  const VsaStat* stat;
  U64* mask;
  bool kept;
  // Where the next one was found last time: members mostly come in one order.
  Operator *first_inner, *next;
};

class Operators {
 public:
  explicit Operators(const VsaEncoder::Tables& tables)
      : tables_(tables), most_(std::max<std::size_t>(64, kKeptBytes / static_cast<std::size_t>(tables.spec.d / 8))),
        scratch_(static_cast<std::size_t>(2 * tables.words + 8)) {
    for (std::int64_t i = 0; i < 2 * tables.words; ++i)
      steps_.push_back(static_cast<U64>(i % tables.words + 1) * kPhi);
    std::size_t size = 64;
    while (size < 2 * most_) size *= 2;
    slots_.assign(size, nullptr);
    forget();
  }

  U64* scratch() { return scratch_.data(); }
  const U64* steps() const { return steps_.data(); }
  Operator* root() { return root_; }

  // Called between documents: makes room where it has run out.
  void refresh() {
    if (used_ + used_ / 8 >= most_) forget();
  }

  // The outer operator after the rotation of hash h. `hint` is a guess, and is set for the next time.
  Operator* then(Operator* outer, U64 h, U64 step, Operator** hint) {
    Operator* guess = *hint;
    if (guess && guess->h == h && guess->parent == outer && guess->step == step) return guess;
    Operator** slot = outer->kept ? find(outer, h, step) : nullptr;
    Operator* found = slot && *slot ? *slot : build(slot, outer, h, step);
    if (found->kept) *hint = found;
    return found;
  }

  // The same, not kept.
  Operator* pass(Operator* outer, U64 h, U64 step) { return build(nullptr, outer, h, step); }

  // The identity, with the index-free path of another operator: where a frame of its own begins.
  Operator* identity(const Operator* place) {
    Operator** slot = find(root_, place->path, 0);
    if (*slot) return *slot;
    Operator* made = make(slot);
    describe(made, root_, place->path, 0, place->path);
    made->shift = 0;
    std::memset(made->mask, 0, static_cast<std::size_t>(tables_.spec.d / 8));
    return made;
  }

  // Operators that were not kept since a mark are given up.
  std::size_t mark() const { return passing_used_; }
  void release(std::size_t mark) { passing_used_ = mark; }

 private:
  static constexpr std::size_t kKeptBytes = std::size_t{4} << 20;

  struct Owned : Operator {
    std::unique_ptr<U64[]> words;
  };

  Operator** find(const Operator* outer, U64 h, U64 step) {
    std::size_t at = mix64(h ^ reinterpret_cast<std::uintptr_t>(outer)) & (slots_.size() - 1);
    while (slots_[at] && !(slots_[at]->h == h && slots_[at]->parent == outer && slots_[at]->step == step))
      at = (at + 1) & (slots_.size() - 1);
    return &slots_[at];
  }

  Operator* build(Operator** slot, const Operator* outer, U64 h, U64 step) {
    const U64 sigma = mix64(h ^ 0xA5A5A5A5A5A5A5A5u);
    const std::int64_t d = tables_.spec.d;
    const auto own = static_cast<std::int64_t>(2 * (mix64(sigma ^ 0x5A5A5A5A5A5A5A5Au) % static_cast<U64>(d / 2)) + 1);
    Operator* made = make(slot);
    describe(made, outer, h, step, fold(outer->path, step));
    made->shift = outer->shift + own < d ? outer->shift + own : outer->shift + own - d;
    vsa_kernels().rotated_atom(sigma, outer->mask, outer->shift, tables_.words, steps_.data(), made->mask);
    return made;
  }

  Operator* make(Operator** slot) {
    const bool kept = slot && used_ < most_;
    auto& pool = kept ? kept_ : passing_;
    auto& used = kept ? used_ : passing_used_;
    if (used == pool.size()) {
      pool.push_back(std::make_unique<Owned>());
      pool.back()->words = std::make_unique<U64[]>(static_cast<std::size_t>(tables_.words));
      pool.back()->mask = pool.back()->words.get();
    }
    Operator* made = pool[used++].get();
    made->kept = kept;
    if (kept) *slot = made;
    return made;
  }

  void describe(Operator* made, const Operator* parent, U64 h, U64 step, U64 path) {
    made->parent = parent;
    made->h = h;
    made->step = step;
    made->path = path;
    made->first_inner = made->next = nullptr;
    const double* weight = tables_.spec.weights.find(path);
    made->weight = weight ? *weight : 1;
    made->stat = tables_.spec.stats.find(path);
  }

  void forget() {
    std::fill(slots_.begin(), slots_.end(), nullptr);
    // Guesses that still point at one of them must not take it for what it was.
    for (auto& operator_ : kept_) operator_->parent = nullptr;
    used_ = passing_used_ = 0;
    root_ = make(&root_);
    describe(root_, nullptr, 0, 0, 0);
    root_->shift = 0;
    std::memset(root_->mask, 0, static_cast<std::size_t>(tables_.spec.d / 8));
  }

  const VsaEncoder::Tables& tables_;
  std::size_t most_, used_ = 0, passing_used_ = 0;
  std::vector<std::unique_ptr<Owned>> kept_, passing_;
  std::vector<Operator*> slots_;
  std::vector<U64> scratch_, steps_;
  Operator* root_ = nullptr;
};

}  // namespace signwise::vsa
