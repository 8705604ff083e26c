#include "supervisor/daemon/direct_trials.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>

#include "base/net.h"
#include "base/unique_fd.h"

namespace fairlead::daemon {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Descriptor = asio::posix::stream_descriptor;

constexpr auto kPatience = std::chrono::milliseconds(1000);

}  // namespace

class DirectTrials::Trial : public std::enable_shared_from_this<Trial> {
 public:
  using Done = std::function<void(base::Result<void>)>;
  Trial(asio::io_context& loop, Done done)
      : socket_(loop), deadline_(loop), done_(std::move(done)) {}

  void start(const base::Endpoint& endpoint) {
    words_ = "dial " + endpoint.to_string();
    const base::SocketAddress address = base::to_socket_address(endpoint);
    base::UniqueFd fd(
        socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return finish_later(base::errno_error(words_));
    if (connect(fd.get(), address.get(), address.length) != 0 && errno != EINPROGRESS) {
      return finish_later(base::errno_error(words_));
    }
    socket_.assign(fd.release());
    wait();
    deadline_.expires_after(kPatience);
    deadline_.async_wait([self = shared_from_this(), this](error_code code) {
      if (!code) finish(base::errno_error(ETIMEDOUT, words_));
    });
  }

  void abandon() {
    done_ = nullptr;
    close();
  }

 private:
  void wait() {
    socket_.async_wait(Descriptor::wait_write, [self = shared_from_this(), this](error_code code) {
      if (code) return;
      if (base::ready_now(socket_.native_handle(), POLLOUT) == 0) return wait();
      finish(result());
    });
  }
  base::Result<void> result() {
    int failure = 0;
    socklen_t size = sizeof failure;
    getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure != 0) return base::errno_error(failure, words_);
    return {};
  }
  // Never from within start(): whoever starts is not ready for an answer yet.
  void finish_later(base::Error error) {
    deadline_.expires_after(std::chrono::milliseconds(0));
    deadline_.async_wait(
        [self = shared_from_this(), this, error = std::move(error)](error_code) { finish(error); });
  }
  void finish(base::Result<void> outcome) {
    if (const auto done = std::exchange(done_, nullptr)) done(std::move(outcome));
    close();
  }
  void close() {
    error_code ignored;
    socket_.close(ignored);
    deadline_.cancel();
  }

  Descriptor socket_;
  asio::steady_timer deadline_;
  Done done_;
  std::string words_;
};

DirectTrials::DirectTrials(asio::io_context& loop, std::function<void()> on_result)
    : loop_(loop), on_result_(std::move(on_result)) {}
DirectTrials::~DirectTrials() { clear(); }

Evidence DirectTrials::evidence(const base::Endpoint& endpoint) const {
  const auto found = entries_.find(endpoint);
  return found != entries_.end() ? found->second.evidence : Evidence{};
}

void DirectTrials::start(const std::vector<base::Endpoint>& endpoints, const Proof& proof) {
  for (const base::Endpoint& endpoint : endpoints) {
    Entry& entry = entries_[endpoint];
    if (entry.trial) continue;
    entry.trial =
        std::make_shared<Trial>(loop_, [this, endpoint, proof](base::Result<void> outcome) {
          if (outcome) outcome = proof(endpoint.address);
          Entry& tried = entries_[endpoint];
          tried.trial.reset();
          tried.since = base::steady_now();
          tried.evidence = outcome ? Evidence{Evidence::State::kWorks, ""}
                                   : Evidence{Evidence::State::kFails, outcome.error().message()};
          on_result_();
        });
    entry.trial->start(endpoint);
  }
}

bool DirectTrials::under_way() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const auto& entry) { return entry.second.trial != nullptr; });
}

bool DirectTrials::have_failures() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) {
    return entry.second.evidence.state == Evidence::State::kFails;
  });
}

void DirectTrials::doubt(const base::Endpoint& endpoint) {
  const auto found = entries_.find(endpoint);
  if (found != entries_.end()) found->second.evidence = {};
}

bool DirectTrials::doubt_failures_older_than(std::chrono::milliseconds age) {
  bool any = false;
  const auto now = base::steady_now();
  for (auto& [endpoint, entry] : entries_) {
    if (entry.evidence.state != Evidence::State::kFails || now - entry.since < age) continue;
    entry.evidence = {};
    any = true;
  }
  return any;
}

void DirectTrials::clear() {
  for (auto& [endpoint, entry] : entries_) {
    if (entry.trial) entry.trial->abandon();
  }
  entries_.clear();
}

}  // namespace fairlead::daemon
