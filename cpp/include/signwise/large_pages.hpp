#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace signwise {

// Allocates for std::vector on cache lines and, from two large pages on, asks the system for large pages: a state that
// is read at random otherwise spends more time on finding pages than on reading them.
template <class T>
struct LargePages {
  using value_type = T;

  LargePages() = default;
  template <class U>
  LargePages(const LargePages<U>&) {}

  T* allocate(std::size_t n) {
    constexpr std::size_t line = 64, page = std::size_t{1} << 21;
    if (n > (~std::size_t{0} - page) / sizeof(T)) throw std::bad_alloc();
    const std::size_t bytes = n * sizeof(T);
    const bool large = bytes >= 2 * page;
    const std::size_t unit = large ? page : line;
    void* block = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
    if (block == nullptr) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (large) madvise(block, bytes, MADV_HUGEPAGE);
#endif
    return static_cast<T*>(block);
  }
  void deallocate(T* block, std::size_t) { std::free(block); }

  // Leaves numbers without a value, so that memory that is not used yet is not touched.
  template <class U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <class U, class... Arguments>
  void construct(U* at, Arguments&&... arguments) {
    ::new (static_cast<void*>(at)) U(std::forward<Arguments>(arguments)...);
  }

  bool operator==(const LargePages&) const { return true; }
  bool operator!=(const LargePages&) const { return false; }
};

}  // namespace signwise
