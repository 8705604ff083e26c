// The latest of what another thread tells, brought to the loop's: whatever it tells faster than
// once in a pause replaces what has not been seen yet. So a flood costs neither memory nor the
// loop's time. Thread rule: tell() on any thread; the rest on the loop's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace fairlead::daemon {

template <class Value>
class Latest : public std::enable_shared_from_this<Latest<Value>> {
 public:
  Latest(boost::asio::io_context& loop, std::chrono::milliseconds pause,
         std::function<void(const Value&)> see)
      : loop_(loop), timer_(loop), pause_(pause), see_(std::move(see)) {}

  void tell(Value value) {
    {
      const std::lock_guard lock(mutex_);
      value_ = std::move(value);
      if (std::exchange(busy_, true)) return;
    }
    boost::asio::post(loop_, [self = this->shared_from_this()] { self->look(); });
  }

  // Nothing is seen any more.
  void close() {
    see_ = nullptr;
    timer_.cancel();
  }

 private:
  void look() {
    std::optional<Value> value;
    {
      const std::lock_guard lock(mutex_);
      value.swap(value_);
      if (!value || !see_) {
        busy_ = false;
        return;
      }
    }
    timer_.expires_after(pause_);
    timer_.async_wait([self = this->shared_from_this()](boost::system::error_code code) {
      if (!code) self->look();
    });
    const auto see = see_;  // it may close this
    see(*value);
  }

  boost::asio::io_context& loop_;
  boost::asio::steady_timer timer_;
  const std::chrono::milliseconds pause_;
  std::function<void(const Value&)> see_;
  std::mutex mutex_;  // guards what follows
  std::optional<Value> value_;
  bool busy_ = false;
};

}  // namespace fairlead::daemon
