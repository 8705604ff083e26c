#include "target/agent_sockets.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <deque>

#include "base/net.h"
#include "target/exec_channel.h"
#include "target/socket_protocol.h"

namespace fairlead::target {
namespace {

namespace asio = boost::asio;
using base::UniqueFd;
using boost::system::error_code;

// An engine takes some 100 ms for an exec, and more on a busy machine.
constexpr auto kStartPatience = std::chrono::milliseconds(5000);
constexpr auto kOwnersPatience = std::chrono::milliseconds(2000);
constexpr std::size_t kMostText = 4096;
// What an engine's exec ends with if the program cannot be run.
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;

std::string words_for(int status) {
  if (status == kNotExecutable || status == kNotFound) {
    return "the agent cannot be run in the container";
  }
  return "starting the agent ended with status " + std::to_string(status);
}

}  // namespace

// Asks one thing after the other. An agent that does not answer costs each question two seconds.
class AgentQuestions : public std::enable_shared_from_this<AgentQuestions> {
 public:
  using Owners = std::map<std::uint64_t, AgentSockets::Owner>;

  explicit AgentQuestions(asio::io_context& loop) : loop_(loop), patience_(loop) {}

  void ask(const std::set<std::uint64_t>& inodes, const AgentSockets::OwnersFound& found,
           std::function<bool(const void*, std::size_t)> send) {
    send_ = std::move(send);
    const auto all = std::make_shared<Owners>();
    for (auto next = inodes.begin(); next != inodes.end();) {
      Question question;
      for (; next != inodes.end() && question.inodes.size() < kMaxOwnersPerRequest; ++next) {
        question.inodes.insert(*next);
      }
      question.all = all;
      if (next == inodes.end()) question.found = found;
      waiting_.push_back(std::move(question));
    }
    if (!asked_) ask_next();
  }

  bool take(const void* data, std::size_t size) {
    OwnerReply reply;
    if (!asked_ || size != sizeof reply) return false;
    std::memcpy(&reply, data, sizeof reply);
    if (reply.reply != ReplyKind::kOwner || reply.length > sizeof reply.command_line) return false;
    Question& question = waiting_.front();
    if (reply.inode == 0) {
      answered();
      return true;
    }
    // Once for each: a flood ends here.
    if (question.inodes.erase(reply.inode) == 0) return false;
    (*question.all)[reply.inode] = {reply.pid, std::string(reply.command_line, reply.length)};
    return true;
  }

  // The agent has gone: nothing more will be known.
  void give_up() {
    while (!waiting_.empty()) answered();
  }

  void close() {
    waiting_.clear();
    asked_ = false;
    patience_.cancel();
  }

 private:
  struct Question {
    std::set<std::uint64_t> inodes;
    std::shared_ptr<Owners> all;
    AgentSockets::OwnersFound found;  // of the last of several
  };

  void ask_next() {
    if (waiting_.empty()) return;
    OwnersRequest request;
    for (const std::uint64_t inode : waiting_.front().inodes) {
      request.inodes[request.count++] = inode;
    }
    asked_ = true;
    // Also if it could not be sent: the answer is then that nothing is known.
    const bool sent = send_(&request, sizeof request);
    patience_.expires_after(sent ? kOwnersPatience : std::chrono::milliseconds(0));
    patience_.async_wait([weak = weak_from_this(), this](error_code failure) {
      const auto self = weak.lock();
      if (!failure && self) give_up();
    });
  }

  void answered() {
    Question question = std::move(waiting_.front());
    waiting_.pop_front();
    asked_ = false;
    patience_.cancel();
    if (question.found) {
      asio::post(loop_, [found = std::move(question.found), all = question.all] {
        found(std::move(*all));
      });
    }
    ask_next();
  }

  asio::io_context& loop_;
  asio::steady_timer patience_;
  std::function<bool(const void*, std::size_t)> send_;
  std::deque<Question> waiting_;
  bool asked_ = false;
};

namespace {

class AgentSource : public SocketSource {
 public:
  AgentSource(asio::io_context& loop, AgentSockets::Options options,
              std::shared_ptr<AgentQuestions> questions)
      : options_(std::move(options)),
        questions_(std::move(questions)),
        exec_(std::make_shared<ExecChannel>(loop, options_.exec_prefix)),
        listener_(loop),
        patience_(loop) {}
  ~AgentSource() override { drop(); }

  void open(Opened opened) override {
    opened_ = std::move(opened);
    if (auto begun = begin(); !begun) return settle(begun.error());
    patience_.expires_after(kStartPatience);
    patience_.async_wait([alive = std::weak_ptr(alive_), this](error_code failure) {
      if (failure || alive.expired()) return;
      settle(base::errno_error(ETIMEDOUT, "the agent does not answer"));
    });
  }

  // It ends by itself when its channel is closed.
  void drop() override {
    alive_ = std::make_shared<bool>(true);
    opened_ = nullptr;
    patience_.cancel();
    stop_listening();
    questions_->give_up();
  }

  std::int64_t pid() const override { return 0; }
  bool trusted() const override { return false; }
  bool take_message(const void* data, std::size_t size) override {
    return questions_->take(data, size);
  }

 private:
  base::Result<void> begin() {
    const AgentProgram& program = options_.program;
    if (auto put = options_.directory.put_program(program.name, program.bytes); !put) return put;
    auto listener = options_.directory.listen();
    if (!listener) return listener.error();
    listener_.assign(listener->release());
    wait_for_agent();
    exec_->run(
        {options_.place + "/" + program.name, options_.place + "/" + AgentDirectory::kSocketName},
        kStartPatience, kMostText, [alive = std::weak_ptr(alive_), this](const auto& ended) {
          if (alive.expired()) return;
          if (!ended) return settle(ended.error());
          if (ended->status != 0) settle(base::plain_error(words_for(ended->status)));
        });
    return {};
  }

  void wait_for_agent() {
    listener_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [alive = std::weak_ptr(alive_), this](error_code failure) {
                           if (failure || alive.expired()) return;
                           auto channel = base::accept_connection(listener_.native_handle());
                           if (!channel) return wait_for_agent();
                           settle(std::move(*channel));
                         });
  }

  // The first who comes is believed to be the agent, as far as anything in a container is.
  void settle(base::Result<UniqueFd> outcome) {
    stop_listening();
    patience_.cancel();
    if (const auto opened = std::exchange(opened_, nullptr)) opened(std::move(outcome));
  }

  void stop_listening() {
    if (!listener_.is_open()) return;
    error_code ignored;
    listener_.close(ignored);
    options_.directory.remove_socket();
  }

  const AgentSockets::Options options_;
  const std::shared_ptr<AgentQuestions> questions_;
  const std::shared_ptr<ExecChannel> exec_;
  asio::posix::stream_descriptor listener_;
  asio::steady_timer patience_;
  Opened opened_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // another for each start
};

}  // namespace

AgentSockets::AgentSockets(asio::io_context& loop, const InitProcess& init, Options options)
    : AgentSockets(loop, init, std::move(options), std::make_shared<AgentQuestions>(loop)) {}

AgentSockets::AgentSockets(asio::io_context& loop, const InitProcess& init, Options options,
                           std::shared_ptr<AgentQuestions> questions)
    : PooledSockets(loop, init, std::make_unique<AgentSource>(loop, std::move(options), questions),
                    Sizes{}),
      questions_(std::move(questions)) {}

void AgentSockets::find_owners(const std::set<std::uint64_t>& inodes, OwnersFound found) {
  questions_->ask(inodes, found,
                  [this](const void* data, std::size_t size) { return send(data, size); });
}

}  // namespace fairlead::target
