#include "signwise/parallel.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace signwise {
namespace {

using Body = std::function<void(std::int64_t, std::int64_t)>;

thread_local bool inside_pool = false;

class Pool {
 public:
  // One job at a time; a caller that finds the pool taken works alone (see parallel_for).
  std::mutex in_use;

  void run(std::int64_t n, std::int64_t piece, int threads, const Body& body) {
    const int helpers = std::min(threads - 1, grow(threads - 1));
    {
      std::lock_guard<std::mutex> lock(mutex_);
      body_ = &body;
      n_ = n;
      piece_ = piece;
      next_.store(0);
      error_ = nullptr;
      seats_ = helpers;
      ++job_;
    }
    wake_.notify_all();
    work();
    std::unique_lock<std::mutex> lock(mutex_);
    seats_ = 0;  // nobody joins late
    done_.wait(lock, [this] { return working_ == 0; });
    body_ = nullptr;
    if (error_) std::rethrow_exception(error_);
  }

 private:
  // The number of workers, at least `count` unless the system refuses more threads: fewer then do the same work.
  int grow(int count) {
    try {
      while (static_cast<int>(workers_.size()) < count) workers_.emplace_back([this] { loop(); });
    } catch (const std::system_error&) {
    }
    return static_cast<int>(workers_.size());
  }

  void loop() {
    inside_pool = true;
    std::uint64_t seen = 0;
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return job_ != seen; });
      seen = job_;
      if (seats_ == 0) continue;
      --seats_;
      ++working_;
      lock.unlock();
      work();
      lock.lock();
      if (--working_ == 0) done_.notify_all();
    }
  }

  void work() {
    for (;;) {
      const std::int64_t begin = next_.fetch_add(piece_);
      if (begin >= n_) return;
      try {
        (*body_)(begin, std::min(n_, begin + piece_));
      } catch (...) {
        std::lock_guard<std::mutex> lock(mutex_);
        if (!error_) error_ = std::current_exception();
        next_.store(n_);
        return;
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> workers_;
  const Body* body_ = nullptr;
  std::int64_t n_ = 0, piece_ = 1;
  std::atomic<std::int64_t> next_{0};
  std::exception_ptr error_;
  int seats_ = 0, working_ = 0;
  std::uint64_t job_ = 0;
};

// The pool is never destroyed: its threads sleep until the process ends. A forked child has none of them, so it
// forgets the parent's pool and makes its own when it first needs one.
std::atomic<Pool*> pool{nullptr};
std::mutex making;

Pool& the_pool() {
  Pool* p = pool.load(std::memory_order_acquire);
  if (!p) {
    std::lock_guard<std::mutex> lock(making);
    p = pool.load(std::memory_order_acquire);
    if (!p) {
      static std::once_flag once;
      std::call_once(once, [] {
        pthread_atfork([] { making.lock(); }, [] { making.unlock(); },
                       [] {
                         pool.store(nullptr, std::memory_order_release);
                         inside_pool = false;
                         making.unlock();
                       });
      });
      p = new Pool;
      pool.store(p, std::memory_order_release);
    }
  }
  return *p;
}

}  // namespace

void parallel_for(std::int64_t n, std::int64_t grain, int threads, const Body& body) {
  if (n <= 0) return;
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t grains = (n + grain - 1) / grain;
  threads = static_cast<int>(std::min<std::int64_t>(threads, grains));
  if (threads <= 1 || inside_pool) {
    body(0, n);
    return;
  }
  Pool& p = the_pool();
  std::unique_lock<std::mutex> lock(p.in_use, std::try_to_lock);
  if (!lock) {
    body(0, n);
    return;
  }
  // About four pieces a thread balance uneven cores without much traffic on the counter.
  const std::int64_t piece = grain * std::max<std::int64_t>(1, grains / (4 * static_cast<std::int64_t>(threads)));
  inside_pool = true;
  try {
    p.run(n, piece, threads, body);
  } catch (...) {
    inside_pool = false;
    throw;
  }
  inside_pool = false;
}

}  // namespace signwise
