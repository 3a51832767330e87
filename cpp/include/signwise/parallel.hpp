#pragma once

#include <cstdint>
#include <functional>

namespace signwise {

// Calls body(begin, end) on disjoint pieces that cover [0, n); piece borders are multiples of `grain`.
// Uses at most `threads` threads, the caller among them, from one pool made on first use and again after a
// fork. Runs in the calling thread alone when threads <= 1, when n <= grain, inside another parallel_for, or
// while another thread has the pool. The first exception thrown by body is thrown again in the caller.
void parallel_for(std::int64_t n, std::int64_t grain, int threads,
                  const std::function<void(std::int64_t, std::int64_t)>& body);

}  // namespace signwise
