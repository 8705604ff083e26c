// One thread for what blocks: the registry's lock and disk, looking through processes. Tasks run
// one after the other, in the order they were given. SPEC.md "Supervisor". Thread rule: run() and
// busy() on the loop's thread; destruction waits for the running task.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>

namespace fairlead::daemon {

class Worker {
 public:
  explicit Worker(boost::asio::io_context& loop) : loop_(loop), pool_(1) {}
  ~Worker() { pool_.join(); }

  // `task` on the worker's thread, then `done` on the loop's.
  void run(std::function<void()> task, std::function<void()> done) {
    ++pending_;
    boost::asio::post(pool_, [this, task = std::move(task), done = std::move(done)] {
      task();
      boost::asio::post(loop_, [this, done] {
        --pending_;
        done();
      });
    });
  }
  bool busy() const { return pending_ > 0; }

 private:
  boost::asio::io_context& loop_;
  boost::asio::thread_pool pool_;
  int pending_ = 0;
};

}  // namespace fairlead::daemon
