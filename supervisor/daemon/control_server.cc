#include "supervisor/daemon/control_server.h"

#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <deque>
#include <set>

#include "base/net.h"
#include "supervisor/daemon/control_protocol.h"

namespace fairlead::daemon {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using config::Json;

constexpr std::size_t kMaxQueuedAnswers = 64;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

bool is_welcome(int socket) {
  const auto user = base::peer_user(socket);
  return user && (*user == geteuid() || *user == 0);
}

}  // namespace

class ControlServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& loop, base::UniqueFd listener, Handler handler, Listing listing)
      : loop_(loop),
        listener_(loop, listener.release()),
        pause_(loop),
        handler_(std::move(handler)),
        listing_(std::move(listing)) {}

  void accept_next() {
    listener_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [self = shared_from_this()](error_code code) {
                           if (code || self->closed_) return;
                           if (self->accept_all()) return self->accept_next();
                           self->accept_later();
                         });
  }

  void publish(const Json& notices) {
    std::string line;
    for (const auto& client : clients_) {
      if (!client->watching) continue;
      if (line.empty()) {
        Json listing = listing_();
        listing["notices"] = notices;
        line = to_line(listing);
      }
      client->send(line);
    }
  }

  void close() {
    closed_ = true;
    handler_ = nullptr;
    listing_ = nullptr;
    error_code ignored;
    listener_.close(ignored);
    pause_.cancel();
    const auto clients = clients_;
    for (const auto& client : clients) client->close();
  }

 private:
  class Client : public std::enable_shared_from_this<Client> {
   public:
    Client(std::shared_ptr<Impl> server, base::UniqueFd fd)
        : server_(std::move(server)), socket_(server_->loop_), input_(kMaxControlLine) {
      socket_.assign(asio::local::stream_protocol(), fd.release());
    }

    void read_next() {
      asio::async_read_until(socket_, input_, '\n',
                             [self = shared_from_this()](error_code code, std::size_t size) {
                               if (code) return self->close();
                               std::string line(size, '\0');
                               self->input_.sgetn(line.data(), static_cast<std::streamsize>(size));
                               self->take(line);
                               if (self->socket_.is_open()) self->read_next();
                             });
    }

    void send(const std::string& line) {
      if (!socket_.is_open()) return;
      if (queue_.size() >= kMaxQueuedAnswers) return close();  // it does not read
      queue_.push_back(line);
      if (queue_.size() == 1) write_next();
    }

    void close() {
      const auto self = shared_from_this();
      error_code ignored;
      socket_.close(ignored);
      server_->clients_.erase(self);
    }

    bool watching = false;

   private:
    void take(const std::string& line) {
      if (server_->closed_) return;
      const auto request = parse_request(line);
      if (!request) return send(to_line(failure(request.error().message())));
      if ((*request)["op"] == "watch") {
        watching = true;
        return send(to_line(server_->listing_()));
      }
      try {
        server_->handler_(*request, [weak = weak_from_this()](const Json& answer) {
          if (const auto self = weak.lock()) self->send(to_line(answer));
        });
      } catch (const Json::exception& trouble) {
        send(to_line(failure(std::string("bad request: ") + trouble.what())));
      }
    }

    void write_next() {
      asio::async_write(socket_, asio::buffer(queue_.front()),
                        [self = shared_from_this()](error_code code, std::size_t) {
                          if (code) return self->close();
                          self->queue_.pop_front();
                          if (!self->queue_.empty()) self->write_next();
                        });
    }

    std::shared_ptr<Impl> server_;
    asio::local::stream_protocol::socket socket_;
    asio::streambuf input_;
    std::deque<std::string> queue_;
  };

  // Descriptors are used up: the listener stays readable, so a moment passes before the next look.
  void accept_later() {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](error_code code) {
      if (!code && !self->closed_) self->accept_next();
    });
  }

  // False if there are clients that cannot be accepted.
  bool accept_all() {
    for (;;) {
      auto fd = base::accept_connection(listener_.native_handle());
      if (!fd) return fd.error().code.value() == EAGAIN;
      if (!is_welcome(fd->get()) || clients_.size() >= kMaxControlClients) continue;
      const auto client = std::make_shared<Client>(shared_from_this(), std::move(*fd));
      clients_.insert(client);
      client->read_next();
    }
  }

  asio::io_context& loop_;
  asio::posix::stream_descriptor listener_;
  asio::steady_timer pause_;
  Handler handler_;
  Listing listing_;
  std::set<std::shared_ptr<Client>> clients_;
  bool closed_ = false;
};

ControlServer::ControlServer(asio::io_context& loop, base::UniqueFd listener, Handler handler,
                             Listing listing)
    : impl_(std::make_shared<Impl>(loop, std::move(listener), std::move(handler),
                                   std::move(listing))) {
  impl_->accept_next();
}

ControlServer::~ControlServer() { impl_->close(); }
void ControlServer::publish(const Json& notices) { impl_->publish(notices); }

}  // namespace fairlead::daemon
