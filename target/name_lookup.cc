#include "target/name_lookup.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <memory>

#include "target/dns_message.h"

namespace fairlead::target {
namespace {

namespace asio = boost::asio;
using base::Family;
using base::IpAddress;
using boost::system::error_code;

constexpr std::uint16_t kNamePort = 53;
constexpr auto kPatience = std::chrono::milliseconds(1'000);
constexpr std::size_t kRounds = 2;  // through all servers

std::uint16_t random_id() {
  std::uint16_t id = 0;
  if (getrandom(&id, sizeof id, 0) != sizeof id) id = static_cast<std::uint16_t>(rand());
  return id;
}

// One name after the other; for each, one server after the other, until one of them knows.
class Lookup : public std::enable_shared_from_this<Lookup> {
 public:
  Lookup(asio::io_context& loop, const std::string& name, ResolverSettings settings,
         OpenSocket open, LookupDone done)
      : name_(name),
        names_(names_to_ask(name, settings)),
        settings_(std::move(settings)),
        open_(std::move(open)),
        done_(std::move(done)),
        socket_(loop),
        patience_(loop) {}

  void start() {
    if (settings_.servers.empty()) {
      return finish(base::plain_error("the container has no name server"));
    }
    ask();
  }

 private:
  struct Question {
    Family family;
    std::uint16_t id = 0;
    DnsAnswer answer;
  };

  const IpAddress& server() const { return settings_.servers[attempt_ % settings_.servers.size()]; }

  void ask() {
    const SocketKind kind =
        server().family() == Family::kIpv4 ? SocketKind::kUdp4 : SocketKind::kUdp6;
    open_(kind, [self = shared_from_this()](base::Result<base::UniqueFd> socket) {
      if (!socket) return self->finish(socket.error());
      self->ask_on(std::move(*socket));
    });
  }

  void ask_on(base::UniqueFd socket) {
    error_code ignored;
    socket_.close(ignored);
    const base::SocketAddress address = base::to_socket_address({server(), kNamePort});
    if (connect(socket.get(), address.get(), address.length) != 0) {
      last_ = base::errno_error("reach name server " + server().to_string());
      return next_server();
    }
    questions_ = {Question{Family::kIpv6, random_id(), {}},
                  Question{Family::kIpv4, random_id(), {}}};
    for (const Question& question : questions_) {
      const auto bytes = dns_question(names_[at_], question.family, question.id);
      if (!bytes) return next_name();
      if (send(socket.get(), bytes->data(), bytes->size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        last_ = base::errno_error("ask name server " + server().to_string());
        return next_server();
      }
    }
    socket_.assign(socket.release());
    patience_.expires_after(kPatience);
    patience_.async_wait([self = shared_from_this()](error_code failure) {
      if (failure) return;
      self->last_ = base::errno_error(ETIMEDOUT, "name server " + self->server().to_string());
      self->next_server();
    });
    wait();
  }

  void wait() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](error_code failure) {
                         if (!failure) self->read();
                       });
  }

  void read() {
    std::array<char, kMostDnsBytes + 1> buffer{};
    const ssize_t size = recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno != EAGAIN && errno != EINTR) {
      last_ = base::errno_error("name server " + server().to_string());
      return next_server();
    }
    if (size > 0) take({buffer.data(), static_cast<std::size_t>(size)});
    for (const Question& question : questions_) {
      if (question.answer.kind == DnsAnswer::Kind::kStray) return wait();
    }
    judge();
  }

  void take(std::string_view bytes) {
    for (Question& question : questions_) {
      if (question.answer.kind != DnsAnswer::Kind::kStray) continue;
      question.answer = read_dns_answer(bytes, question.family, question.id);
      if (question.answer.kind != DnsAnswer::Kind::kStray) return;
    }
  }

  void judge() {
    std::vector<IpAddress> addresses;
    bool failed = false;
    for (const Question& question : questions_) {
      failed |= question.answer.kind == DnsAnswer::Kind::kFailed;
      addresses.insert(addresses.end(), question.answer.addresses.begin(),
                       question.answer.addresses.end());
    }
    if (!addresses.empty()) return finish(std::move(addresses));
    if (!failed) return next_name();
    last_ = base::plain_error("name server " + server().to_string() + " cannot tell");
    next_server();
  }

  void next_server() {
    stop();
    if (++attempt_ < settings_.servers.size() * kRounds) return ask();
    attempt_ = 0;
    finish(last_);
  }

  void next_name() {
    stop();
    if (++at_ < names_.size()) return ask();
    finish(base::errno_error(ENOENT, "no host \"" + name_ + "\" in the container's network"));
  }

  void stop() {
    error_code ignored;
    socket_.close(ignored);
    patience_.cancel();
  }

  void finish(base::Result<std::vector<IpAddress>> result) {
    stop();
    if (const auto done = std::exchange(done_, nullptr)) done(std::move(result));
  }

  const std::string name_;
  const std::vector<std::string> names_;
  const ResolverSettings settings_;
  const OpenSocket open_;
  LookupDone done_;
  asio::posix::stream_descriptor socket_;
  asio::steady_timer patience_;
  std::size_t at_ = 0;
  std::size_t attempt_ = 0;
  base::Error last_;
  std::array<Question, 2> questions_{};
};

}  // namespace

void look_up_name(asio::io_context& loop, const std::string& name, ResolverSettings settings,
                  OpenSocket open, LookupDone done) {
  std::make_shared<Lookup>(loop, name, std::move(settings), std::move(open), std::move(done))
      ->start();
}

}  // namespace fairlead::target
