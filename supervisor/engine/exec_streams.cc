#include "supervisor/engine/exec_streams.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "supervisor/engine/docker_json.h"
#include "supervisor/engine/docker_stream.h"
#include "supervisor/engine/engine_http.h"

namespace fairlead::engine {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr auto kStreamPatience = std::chrono::seconds(30);
constexpr std::size_t kMostOutput = 4096;
constexpr std::size_t kTarBlock = 512;

// One file as an archive of the old, universal kind.
std::string tar_of(const std::string& name, std::string_view bytes) {
  std::string header(kTarBlock, '\0');
  const auto put = [&](std::size_t at, const std::string& text) {
    header.replace(at, text.size(), text);
  };
  const auto octal = [](std::size_t value, int digits) {
    std::string text(static_cast<std::size_t>(digits), '0');
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value /= 8) {
      *digit = static_cast<char>('0' + value % 8);
    }
    return text;
  };
  put(0, name.substr(0, 99));
  put(100, octal(0755, 7));           // mode
  put(108, octal(0, 7));              // uid
  put(116, octal(0, 7));              // gid
  put(124, octal(bytes.size(), 11));  // size
  put(136, octal(0, 11));             // time
  put(148, "        ");               // its own sum counts as spaces
  put(156, "0");                      // an ordinary file
  put(257, std::string("ustar\0"
                       "00",
                       8));
  std::size_t sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  put(148, octal(sum, 6) + std::string("\0 ", 2));
  std::string archive = header;
  archive += bytes;
  archive.resize((archive.size() + kTarBlock - 1) / kTarBlock * kTarBlock + 2 * kTarBlock);
  return archive;
}

// A stream whose input is given at once, and whose output is collected.
class Feeding : public std::enable_shared_from_this<Feeding> {
 public:
  using Done = std::function<void(base::Result<std::string>)>;
  Feeding(asio::io_context& loop, ExecStream stream, std::string input, Done done)
      : stream_(std::move(stream)),
        socket_(loop, asio::local::stream_protocol(), stream_.connection.fd.release()),
        deadline_(loop),
        input_(std::move(input)),
        done_(std::move(done)) {}

  void start() {
    deadline_.expires_after(kStreamPatience);
    deadline_.async_wait([self = shared_from_this()](error_code code) {
      if (!code) self->finish(base::errno_error(ETIMEDOUT, "a command in the container"));
    });
    if (!take(stream_.first_bytes)) return;
    read();
    asio::async_write(socket_, asio::buffer(input_),
                      [self = shared_from_this()](error_code, std::size_t) {
                        error_code ignored;
                        self->socket_.shutdown(asio::socket_base::shutdown_send, ignored);
                      });
  }

 private:
  void read() {
    socket_.async_read_some(asio::buffer(chunk_),
                            [self = shared_from_this()](error_code code, std::size_t size) {
                              if (code) return self->finish(std::move(self->output_));
                              if (self->take({self->chunk_.data(), size})) self->read();
                            });
  }

  bool take(std::string_view raw) {
    const bool sense = stream_.unwrapper->feed(raw, [this](std::string_view payload) {
      output_ += payload.substr(0, kMostOutput - std::min(kMostOutput, output_.size()));
      return true;
    });
    if (!sense) finish(base::plain_error("what the engine sends is no stream"));
    return sense;
  }

  void finish(base::Result<std::string> result) {
    deadline_.cancel();
    error_code ignored;
    socket_.close(ignored);
    if (const auto done = std::exchange(done_, nullptr)) done(std::move(result));
  }

  ExecStream stream_;
  asio::local::stream_protocol::socket socket_;
  asio::steady_timer deadline_;
  const std::string input_;
  std::array<char, 4096> chunk_{};
  std::string output_;
  Done done_;
};

}  // namespace

ExecStreams::ExecStreams(asio::io_context& loop, EngineAddress engine, std::string container_id)
    : loop_(loop), engine_(std::move(engine)), container_id_(std::move(container_id)) {}

ExecStreams::~ExecStreams() = default;

void ExecStreams::open(std::vector<std::string> argv,
                       std::function<void(base::Result<ExecStream>)> done) {
  const nlohmann::json command{{"AttachStdin", true},  {"AttachStdout", true},
                               {"AttachStderr", true}, {"Tty", false},
                               {"User", "0"},          {"Cmd", std::move(argv)}};
  http_ask(loop_, engine_,
           {"POST", "/containers/" + percent_encode(container_id_) + "/exec", "application/json",
            command.dump()},
           [this, alive = std::weak_ptr(alive_),
            done = std::move(done)](const base::Result<HttpResponse>& answer) {
             if (alive.expired()) return;
             if (!answer) return done(answer.error());
             const auto id = parse_docker_created(answer->body);
             if (answer->status != 201 || !id) {
               return done(base::plain_error("exec: " + docker_message(answer->body)));
             }
             http_upgrade(loop_, engine_,
                          {"POST", "/exec/" + percent_encode(*id) + "/start", "application/json",
                           R"({"Detach":false,"Tty":false})"},
                          [alive, done](base::Result<HttpUpgraded> upgraded) {
                            if (alive.expired()) return;
                            if (!upgraded) return done(upgraded.error());
                            done(ExecStream{std::move(upgraded->connection),
                                            std::make_unique<DockerStream>(),
                                            std::move(upgraded->first_bytes)});
                          });
           });
}

void ExecStreams::put_program(const std::string& name, std::string_view bytes,
                              std::function<void(base::Result<void>)> done) {
  http_ask(loop_, engine_,
           {"PUT", "/containers/" + percent_encode(container_id_) + "/archive?path=%2F",
            "application/x-tar", tar_of(name, bytes)},
           [alive = std::weak_ptr(alive_),
            done = std::move(done)](const base::Result<HttpResponse>& answer) {
             if (alive.expired()) return;
             if (!answer) return done(answer.error());
             if (answer->status != 200) {
               return done(base::plain_error("cp: " + docker_message(answer->body)));
             }
             done({});
           });
}

void ExecStreams::feed(std::vector<std::string> argv, std::string_view input,
                       std::function<void(base::Result<std::string>)> done) {
  open(std::move(argv), [this, alive = std::weak_ptr(alive_), input = std::string(input),
                         done = std::move(done)](base::Result<ExecStream> stream) mutable {
    if (!stream) return done(stream.error());
    std::make_shared<Feeding>(loop_, std::move(*stream), std::move(input),
                              [alive, done](base::Result<std::string> output) {
                                if (!alive.expired()) done(std::move(output));
                              })
        ->start();
  });
}

}  // namespace fairlead::engine
