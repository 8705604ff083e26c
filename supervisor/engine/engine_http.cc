#include "supervisor/engine/engine_http.h"

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <optional>

#include "base/line_buffer.h"

namespace fairlead::engine {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Socket = asio::local::stream_protocol::socket;

constexpr std::size_t kBodyLimit = 32U << 20;
constexpr std::size_t kLineLimit = 1U << 20;
constexpr std::size_t kShownBody = 500;
constexpr auto kRequestPatience = std::chrono::seconds(30);

// What went wrong on a connection; where a program carries it, in that program's words.
base::Error failure_of(const EngineConnection& connection, const std::string& what,
                       const std::string& why) {
  const std::string complaint = connection.via ? connection.via->complaint() : "";
  return base::plain_error(what + ": " + (complaint.empty() ? why : complaint));
}

// Asio's own connect would open the socket without close-on-exec.
base::Result<EngineConnection> open_socket(Socket& socket, const EngineAddress& engine) {
  auto connection = connect_engine(engine);
  if (connection) socket.assign(asio::local::stream_protocol(), connection->fd.release());
  return connection;
}

http::request<http::string_body> make_request(HttpRequest&& asked) {
  http::request<http::string_body> request(http::string_to_verb(asked.method), asked.target, 11);
  request.set(http::field::host, "localhost");
  if (!asked.content_type.empty()) request.set(http::field::content_type, asked.content_type);
  request.body() = std::move(asked.body);
  if (asked.method != "GET") request.prepare_payload();
  return request;
}

class Question : public std::enable_shared_from_this<Question> {
 public:
  using Done = std::function<void(base::Result<HttpResponse>)>;
  using Upgraded = std::function<void(base::Result<HttpUpgraded>)>;
  Question(asio::io_context& loop, EngineAddress engine, HttpRequest request, Done done,
           Upgraded upgraded)
      : loop_(loop),
        engine_(std::move(engine)),
        socket_(loop),
        timer_(loop),
        request_(make_request(std::move(request))),
        done_(std::move(done)),
        upgraded_(std::move(upgraded)) {
    parser_.body_limit(kBodyLimit);
    if (!upgraded_) return;
    request_.set(http::field::connection, "Upgrade");
    request_.set(http::field::upgrade, "tcp");
  }

  void start() {
    auto opened = open_socket(socket_, engine_);
    if (!opened) {
      asio::post(loop_,
                 [self = shared_from_this(), error = opened.error()] { self->finish(error); });
      return;
    }
    connection_ = std::move(*opened);
    timer_.expires_after(kRequestPatience);
    timer_.async_wait([self = shared_from_this()](error_code code) {
      if (!code) {
        self->finish(base::errno_error(ETIMEDOUT, "ask the engine at " + self->engine_.text));
      }
    });
    http::async_write(socket_, request_, [self = shared_from_this()](error_code code, std::size_t) {
      if (code && code != asio::error::broken_pipe) return self->fail("write to ", code);
      self->read_header();  // an engine that refuses a long body answers without reading it
    });
  }

 private:
  void fail(const std::string& what, error_code code) {
    finish(failure_of(connection_, what + engine_.text, code.message()));
  }

  void read_header() {
    http::async_read_header(socket_, buffer_, parser_,
                            [self = shared_from_this()](error_code code, std::size_t) {
                              if (code) return self->fail("answer of ", code);
                              self->on_header();
                            });
  }

  void on_header() {
    const unsigned status = parser_.get().result_int();
    if (upgraded_ && (status == 101 || status == 200)) return upgrade();
    if (parser_.is_done()) return answered();
    http::async_read(socket_, buffer_, parser_,
                     [self = shared_from_this()](error_code code, std::size_t) {
                       if (code) return self->fail("answer of ", code);
                       self->answered();
                     });
  }

  void answered() {
    auto& message = parser_.get();
    finish(HttpResponse{message.result_int(), std::move(message.body())});
  }

  void upgrade() {
    timer_.cancel();
    HttpUpgraded result{std::move(connection_), {}};
    // What the parser has taken for a body is not one.
    result.first_bytes = parser_.get().body();
    const auto rest = buffer_.data();
    result.first_bytes.append(static_cast<const char*>(rest.data()), rest.size());
    error_code failure;
    result.connection.fd.reset(socket_.release(failure));
    done_ = nullptr;
    std::exchange(upgraded_, nullptr)(std::move(result));
  }

  void finish(base::Result<HttpResponse> result) {
    if (!done_ && !upgraded_) return;
    timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
    const auto done = std::exchange(done_, nullptr);
    const auto upgraded = std::exchange(upgraded_, nullptr);
    if (done) return done(std::move(result));
    if (!result) return upgraded(result.error());
    upgraded(base::plain_error("the engine answered " + std::to_string(result->status) + ": " +
                               result->body.substr(0, kShownBody)));
  }

  asio::io_context& loop_;
  const EngineAddress engine_;
  EngineConnection connection_;
  Socket socket_;
  asio::steady_timer timer_;
  http::request<http::string_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  Done done_;
  Upgraded upgraded_;
};

}  // namespace

void http_ask(asio::io_context& loop, const EngineAddress& engine, HttpRequest request,
              std::function<void(base::Result<HttpResponse>)> done) {
  std::make_shared<Question>(loop, engine, std::move(request), std::move(done), nullptr)->start();
}

void http_get(asio::io_context& loop, const EngineAddress& engine, const std::string& target,
              std::function<void(base::Result<HttpResponse>)> done) {
  http_ask(loop, engine, {"GET", target}, std::move(done));
}

void http_upgrade(asio::io_context& loop, const EngineAddress& engine, HttpRequest request,
                  std::function<void(base::Result<HttpUpgraded>)> done) {
  std::make_shared<Question>(loop, engine, std::move(request), nullptr, std::move(done))->start();
}

class HttpLineStream::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& loop, EngineAddress engine, const std::string& target, Handlers handlers)
      : loop_(loop),
        engine_(std::move(engine)),
        socket_(loop),
        request_(make_request({"GET", target})),
        handlers_(std::move(handlers)) {
    parser_.body_limit(boost::none);
  }

  void start() {
    auto opened = open_socket(socket_, engine_);
    if (!opened) {
      asio::post(loop_, [self = shared_from_this(), error = opened.error()] { self->end(error); });
      return;
    }
    connection_ = std::move(*opened);
    http::async_write(socket_, request_, [self = shared_from_this()](error_code code, std::size_t) {
      if (code) return self->fail("write to ", code);
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
          if (code) return self->fail("answer of ", code);
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

  void fail(const std::string& what, error_code code) {
    end(failure_of(connection_, what + engine_.text, code.message()));
  }

  void end(const base::Error& error) {
    error_code ignored;
    socket_.close(ignored);
    connection_.via.reset();
    const auto on_end = std::exchange(handlers_, {}).on_end;
    if (on_end) on_end(error);
  }

  asio::io_context& loop_;
  const EngineAddress engine_;
  EngineConnection connection_;
  Socket socket_;
  http::request<http::string_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::buffer_body> parser_;
  std::array<char, 4096> chunk_{};
  base::LineBuffer lines_{kLineLimit};
  Handlers handlers_;
};

HttpLineStream::HttpLineStream(asio::io_context& loop, const EngineAddress& engine,
                               const std::string& target, Handlers handlers)
    : impl_(std::make_shared<Impl>(loop, engine, target, std::move(handlers))) {
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
