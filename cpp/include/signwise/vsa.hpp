#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

namespace signwise {

// ---- Documents as tokens -----------------------------------------------------------------------------------

// One byte names what follows; whole numbers are little-endian. See signwise/_native/_vsa_walk.py.
enum class Token : std::uint8_t {
  null, no, yes, empty_object, empty_array, empty_string,
  string,   // u32 length, UTF-8
  number,   // f64
  big,      // f64, u32 length, decimal text
  object,   // u32 members, each: u32 length, key, value
  array,    // u32 elements
  part,     // u64 elements in all, u32 given, each: u64 index, value
  codes,    // f64 weight, u32 count, u64 hashes
  pairs     // u64 elements in all, u32 count, u64 hashes
};

constexpr int kMaxDepth = 1024;

// A growing row of bytes; new ones are left as they are, to be written at once.
class Bytes {
 public:
  std::size_t size() const { return size_; }
  std::uint8_t* data() { return data_.get(); }
  const std::uint8_t* data() const { return data_.get(); }
  void cut(std::size_t size) { size_ = size; }

  std::uint8_t* grow(std::size_t bytes) {
    if (bytes > capacity_ - size_) widen(bytes);
    std::uint8_t* at = data_.get() + size_;
    size_ += bytes;
    return at;
  }

 private:
  struct Free {
    void operator()(std::uint8_t* p) const { std::free(p); }
  };

  void widen(std::size_t bytes) {
    const std::size_t wanted = std::max(size_ + bytes + 4096, capacity_ + capacity_ / 2);
    void* moved = std::realloc(data_.get(), wanted);
    if (!moved) throw std::bad_alloc();
    (void)data_.release();
    data_.reset(static_cast<std::uint8_t*>(moved));
    capacity_ = wanted;
  }

  std::unique_ptr<std::uint8_t, Free> data_;
  std::size_t size_ = 0, capacity_ = 0;
};

// Token buffers of several documents, one after the other.
struct TokenBatch {
  Bytes data;
  std::vector<std::size_t> ends;

  std::size_t size() const { return ends.size(); }
  const std::uint8_t* begin(std::size_t i) const { return data.data() + (i ? ends[i - 1] : 0); }
  const std::uint8_t* end(std::size_t i) const { return data.data() + ends[i]; }
};

// ---- What to compute ---------------------------------------------------------------------------------------

struct VsaStat {
  double center, scale;
};

// A sorted table by hash.
template <class T>
struct HashTable {
  std::vector<std::uint64_t> keys;
  std::vector<T> values;

  const T* find(std::uint64_t key) const;
};

struct VsaSpec {
  std::int64_t d = 2048;
  std::uint64_t seed = 0;
  bool whole = true, words = true, grams = true;
  bool pos = true, set = true, adj = false, end = false;
  bool array_norm = true, conjunctions = false, idf = false;
  HashTable<double> weights;        // by index-free path hash
  HashTable<VsaStat> stats;         // by index-free path hash
  HashTable<std::int64_t> factors;  // by hash of path and token
  std::int64_t unseen = 1024;
};

enum class VsaOutput { int32, int64, float32, bits };

// What documents add to a fit.
struct VsaCollected {
  std::vector<std::uint64_t> terms;  // distinct within each document
  std::vector<std::uint64_t> paths, priorities;
  std::vector<double> values;
};

class VsaEncoder {
 public:
  struct Tables;

  explicit VsaEncoder(VsaSpec spec);
  ~VsaEncoder();

  // Bytes of one row of the result.
  std::int64_t row_bytes(VsaOutput output) const;

  // Writes one row per document. Returns the first document with a component that does not fit int32, or -1;
  // adds to `skipped` the objects of too many members for conjunctions. Throws std::invalid_argument on tokens that
  // end early.
  std::int64_t encode(const TokenBatch& batch, VsaOutput output, void* out, int threads, std::int64_t& skipped);

  VsaCollected collect(const TokenBatch& batch, int threads);
  std::uint64_t subtree_hash(const std::uint8_t* begin, const std::uint8_t* end) const;

 private:
  struct Workers;
  std::unique_ptr<const Tables> tables_;
  std::unique_ptr<Workers> workers_;
};

}  // namespace signwise
