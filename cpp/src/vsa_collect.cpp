#include <algorithm>
#include <mutex>

#include "signwise/parallel.hpp"
#include "signwise/vsa_tables.hpp"

namespace signwise {
namespace vsa {
namespace {

// Gathers the idf terms and the numbers of one document at a time.
struct Gather {
  Gather(const VsaEncoder::Tables& tables, VsaCollected& collected) : t(tables), into(collected) {}

  const VsaEncoder::Tables& t;
  VsaCollected& into;
  U64 document = 0;
  std::vector<U64> terms;
  Parts parts;

  void run(Reader reader) {
    Reader again = reader;
    document = subtree_hash(t, again);
    terms.clear();
    value(reader, 0, 0);
    std::sort(terms.begin(), terms.end());
    into.terms.insert(into.terms.end(), terms.begin(), std::unique(terms.begin(), terms.end()));
  }

  // `full` is the path with indices.
  void value(Reader& reader, U64 path, U64 full) {
    const Token op = reader.op();
    switch (op) {
      case Token::object: {
        const auto members = reader.take<std::uint32_t>();
        for (std::uint32_t i = 0; i < members; ++i) {
          const U64 key = t.hash(KEY, text(reader));
          value(reader, fold(path, key), fold(full, key));
        }
        return;
      }
      case Token::array: {
        const auto n = reader.take<std::uint32_t>();
        path = fold(path, t.array_step);
        for (U64 i = 0; i < n; ++i) value(reader, path, fold(full, t.hash(INDEX, i)));
        return;
      }
      case Token::string: {
        const Text content = text(reader);
        if (!t.spec.idf) return;
        parts.read(content, t.spec.words, t.spec.grams, t.seeds[WORD], t.seeds[GRAM]);
        if (t.spec.whole) terms.push_back(fold(path, t.hash(STR, content)));
        for (const U64 h : parts.words.hashes) terms.push_back(fold(path, h));
        for (const U64 h : parts.grams.hashes) terms.push_back(fold(path, h));
        return;
      }
      case Token::number:
      case Token::big: {
        into.values.push_back(reader.take<double>());
        into.paths.push_back(path);
        into.priorities.push_back(mix64(document ^ full));
        if (op == Token::big) text(reader);
        return;
      }
      case Token::part:
      case Token::codes:
      case Token::pairs: throw std::invalid_argument("a part of a document cannot be collected");
      default:
        if (t.spec.idf) terms.push_back(fold(path, t.literals[static_cast<int>(op)]));
    }
  }
};

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace
}  // namespace vsa

VsaCollected VsaEncoder::collect(const TokenBatch& batch, int threads) {
  VsaCollected all;
  std::mutex mutex;
  parallel_for(static_cast<std::int64_t>(batch.size()), 16, threads, [&](std::int64_t begin, std::int64_t end) {
    VsaCollected own;
    vsa::Gather gather(*tables_, own);
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      gather.run({batch.begin(i), batch.end(i)});
    std::lock_guard<std::mutex> lock(mutex);
    vsa::append(all.terms, own.terms);
    vsa::append(all.paths, own.paths);
    vsa::append(all.priorities, own.priorities);
    vsa::append(all.values, own.values);
  });
  return all;
}

}  // namespace signwise
