#include "supervisor/engine/unix_http.h"

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <optional>

#include "base/line_buffer.h"
#include "base/net.h"

namespace fairlead::engine {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Socket = asio::local::stream_protocol::socket;

constexpr std::size_t kBodyLimit = 32U << 20;
constexpr std::size_t kLineLimit = 1U << 20;
constexpr auto kPatience = std::chrono::seconds(30);

base::Error failure_of(error_code code, const std::string& what) {
  return base::plain_error(what + ": " + code.message());
}

// Asio's own connect would open the socket without close-on-exec.
base::Result<void> open_socket(Socket& socket, const std::string& path) {
  auto fd = base::connect_unix(path);
  if (!fd) {
    base::Error error = fd.error();
    // ENOENT is what a missing container is called.
    if (error.code.value() == ENOENT) {
      error.code = std::error_code(ECONNREFUSED, std::system_category());
    }
    return error;
  }
  socket.assign(asio::local::stream_protocol(), fd->release());
  return {};
}

http::request<http::empty_body> make_request(const std::string& target) {
  http::request<http::empty_body> request(http::verb::get, target, 11);
  request.set(http::field::host, "localhost");
  return request;
}

class GetOperation : public std::enable_shared_from_this<GetOperation> {
 public:
  using Done = std::function<void(base::Result<HttpResponse>)>;
  GetOperation(asio::io_context& loop, std::string path, const std::string& target, Done done)
      : loop_(loop),
        path_(std::move(path)),
        socket_(loop),
        timer_(loop),
        request_(make_request(target)),
        done_(std::move(done)) {
    parser_.body_limit(kBodyLimit);
  }

  void start() {
    if (auto opened = open_socket(socket_, path_); !opened) {
      asio::post(loop_,
                 [self = shared_from_this(), error = opened.error()] { self->finish(error); });
      return;
    }
    timer_.expires_after(kPatience);
    timer_.async_wait([self = shared_from_this()](error_code code) {
      if (!code) self->finish(base::errno_error(ETIMEDOUT, "ask the engine at " + self->path_));
    });
    http::async_write(socket_, request_, [self = shared_from_this()](error_code code, std::size_t) {
      if (code) return self->finish(failure_of(code, "write to " + self->path_));
      self->read();
    });
  }

 private:
  void read() {
    http::async_read(socket_, buffer_, parser_,
                     [self = shared_from_this()](error_code code, std::size_t) {
                       if (code) {
                         return self->finish(
                             base::plain_error("answer of " + self->path_ + ": " + code.message()));
                       }
                       auto& message = self->parser_.get();
                       self->finish(HttpResponse{message.result_int(), std::move(message.body())});
                     });
  }

  void finish(base::Result<HttpResponse> result) {
    if (!done_) return;
    timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
    std::exchange(done_, nullptr)(std::move(result));
  }

  asio::io_context& loop_;
  std::string path_;
  Socket socket_;
  asio::steady_timer timer_;
  http::request<http::empty_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  Done done_;
};

}  // namespace

void http_get(asio::io_context& loop, const std::string& socket_path, const std::string& target,
              std::function<void(base::Result<HttpResponse>)> done) {
  std::make_shared<GetOperation>(loop, socket_path, target, std::move(done))->start();
}

class HttpLineStream::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& loop, std::string path, const std::string& target, Handlers handlers)
      : loop_(loop),
        path_(std::move(path)),
        socket_(loop),
        request_(make_request(target)),
        handlers_(std::move(handlers)) {
    parser_.body_limit(boost::none);
  }

  void start() {
    if (auto opened = open_socket(socket_, path_); !opened) {
      asio::post(loop_, [self = shared_from_this(), error = opened.error()] { self->end(error); });
      return;
    }
    http::async_write(socket_, request_, [self = shared_from_this()](error_code code, std::size_t) {
      if (code) return self->end(failure_of(code, "write to " + self->path_));
      self->read_header();
    });
  }

  void abandon() {
    handlers_ = {};
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  void read_header() {
    http::async_read_header(
        socket_, buffer_, parser_, [self = shared_from_this()](error_code code, std::size_t) {
          if (code) return self->end(failure_of(code, "answer of " + self->path_));
          const unsigned status = self->parser_.get().result_int();
          if (status != 200) {
            return self->end(base::plain_error("the engine answered " + std::to_string(status)));
          }
          if (self->handlers_.on_open) self->handlers_.on_open();
          self->read_some();
        });
  }

  void read_some() {
    parser_.get().body().data = chunk_.data();
    parser_.get().body().size = chunk_.size();
    parser_.get().body().more = true;
    http::async_read_some(
        socket_, buffer_, parser_, [self = shared_from_this()](error_code code, std::size_t) {
          if (code && code != http::error::need_buffer) {
            return self->end(base::plain_error("event stream: " + code.message()));
          }
          const std::size_t size = self->chunk_.size() - self->parser_.get().body().size;
          self->take({self->chunk_.data(), size});
          if (self->parser_.is_done()) {
            return self->end(base::plain_error("the engine ended the event stream"));
          }
          if (self->socket_.is_open()) self->read_some();
        });
  }

  void take(std::string_view text) {
    lines_.feed(text);  // what is too long is nothing that we asked for
    while (const auto line = lines_.next()) {
      if (handlers_.on_line) handlers_.on_line(*line);
    }
  }

  void end(const base::Error& error) {
    error_code ignored;
    socket_.close(ignored);
    const auto on_end = std::exchange(handlers_, {}).on_end;
    if (on_end) on_end(error);
  }

  asio::io_context& loop_;
  std::string path_;
  Socket socket_;
  http::request<http::empty_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::buffer_body> parser_;
  std::array<char, 4096> chunk_{};
  base::LineBuffer lines_{kLineLimit};
  Handlers handlers_;
};

HttpLineStream::HttpLineStream(asio::io_context& loop, const std::string& socket_path,
                               const std::string& target, Handlers handlers)
    : impl_(std::make_shared<Impl>(loop, socket_path, target, std::move(handlers))) {
  impl_->start();
}

HttpLineStream::~HttpLineStream() { impl_->abandon(); }

std::string percent_encode(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      result.push_back(c);
    } else {
      result += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return result;
}

}  // namespace fairlead::engine
