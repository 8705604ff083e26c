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

constexpr auto kOwnersPatience = std::chrono::milliseconds(2000);
constexpr std::size_t kMostAnswerText = 4096;
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

// Asks one thing after the other. What an agent answers too late is not listened to, and until it
// has come nothing else is asked.
class AgentQuestions : public std::enable_shared_from_this<AgentQuestions> {
 public:
  explicit AgentQuestions(asio::io_context& loop) : loop_(loop), patience_(loop) {}

  void ask(const std::set<std::uint64_t>& inodes, const AgentSockets::OwnersFound& found,
           std::function<bool(const void*, std::size_t)> send) {
    send_ = std::move(send);
    const auto all = std::make_shared<AgentSockets::Owners>();
    for (auto next = inodes.begin(); next != inodes.end();) {
      Question question;
      for (; next != inodes.end() && question.inodes.size() < kMaxOwnersPerRequest; ++next) {
        question.inodes.insert(*next);
      }
      question.all = all;
      if (next == inodes.end()) question.found = found;
      waiting_.push_back(std::move(question));
    }
    if (is_late_) {
      settle_all(false);
    } else if (!asked_) {
      ask_next();
    }
  }

  bool take(const void* data, std::size_t size) {
    OwnerReply reply;
    if ((!asked_ && !is_late_) || size != sizeof reply) return false;
    std::memcpy(&reply, data, sizeof reply);
    if (reply.reply != ReplyKind::kOwner || reply.length > sizeof reply.command_line) return false;
    if (is_late_) {
      is_late_ = reply.inode != 0;
      return --late_left_ > 0;
    }
    Question& question = waiting_.front();
    if (reply.inode == 0) {
      asked_ = false;
      settle(true);
      ask_next();
      return true;
    }
    // Once for each: a flood ends here.
    if (question.inodes.erase(reply.inode) == 0) return false;
    (*question.all)[reply.inode] = {reply.pid, std::string(reply.command_line, reply.length)};
    return true;
  }

  // The agent has gone: nothing more will come.
  void give_up() {
    asked_ = false;
    is_late_ = false;
    send_ = nullptr;
    settle_all(false);
  }

 private:
  struct Question {
    std::set<std::uint64_t> inodes;
    std::shared_ptr<AgentSockets::Owners> all;
    AgentSockets::OwnersFound found;  // of the last of several
  };

  void ask_next() {
    if (waiting_.empty()) return;
    OwnersRequest request;
    for (const std::uint64_t inode : waiting_.front().inodes) {
      request.inodes[request.count++] = inode;
    }
    if (!send_ || !send_(&request, sizeof request)) return settle_all(false);
    asked_ = true;
    patience_.expires_after(kOwnersPatience);
    patience_.async_wait([weak = weak_from_this(), this](error_code failure) {
      const auto self = weak.lock();
      if (failure || !self || !asked_) return;
      asked_ = false;
      is_late_ = true;
      late_left_ = static_cast<int>(kMaxOwnersPerRequest) + 2;
      settle_all(false);
    });
  }

  void settle_all(bool complete) {
    while (!waiting_.empty()) settle(complete);
  }

  void settle(bool complete) {
    const Question question = std::move(waiting_.front());
    waiting_.pop_front();
    patience_.cancel();
    if (!question.found) return;
    asio::post(loop_, [found = question.found, all = question.all, complete] {
      found(std::move(*all), complete);
    });
  }

  asio::io_context& loop_;
  asio::steady_timer patience_;
  std::function<bool(const void*, std::size_t)> send_;
  std::deque<Question> waiting_;
  bool asked_ = false;    // the first of those who wait
  bool is_late_ = false;  // what comes is the answer to a question that was given up
  int late_left_ = 0;     // messages that it may have
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
    patience_.expires_after(options_.patience);
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
        options_.patience, kMostAnswerText,
        [alive = std::weak_ptr(alive_), this](const auto& ended) {
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
                           // Who came has gone again.
                           const int number = channel ? 0 : channel.error().code.value();
                           if (number == EAGAIN || number == ECONNABORTED) return wait_for_agent();
                           settle(std::move(channel));
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
    : AgentSockets(loop, init, std::move(options), std::make_shared<AgentQuestions>(loop),
                   Patience(options.later)) {}

AgentSockets::AgentSockets(asio::io_context& loop, const InitProcess& init, Options options,
                           std::shared_ptr<AgentQuestions> questions, Patience later)
    : PooledSockets(loop, init, std::make_unique<AgentSource>(loop, std::move(options), questions),
                    Sizes{}, later),
      questions_(std::move(questions)) {}

void AgentSockets::find_owners(const std::set<std::uint64_t>& inodes, OwnersFound found) {
  questions_->ask(inodes, found,
                  [this](const void* data, std::size_t size) { return send(data, size); });
}

}  // namespace fairlead::target
