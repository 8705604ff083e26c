#include "supervisor/daemon/mux_way.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "agent/agent_image.h"
#include "base/printable.h"
#include "base/random.h"
#include "detect/owner_process.h"

namespace fairlead::daemon {
namespace {

using boost::system::error_code;
using target::mux::Channel;

// From the exec to the agent's first word: an engine takes some 100 ms, and more when it is busy or
// far away.
constexpr auto kJoinPatience = std::chrono::seconds(15);
constexpr auto kPutPatience = std::chrono::seconds(60);
// Through all processes of a container.
constexpr auto kOwnersPatience = std::chrono::seconds(10);
// Pictures that come faster are left out, but for the last.
constexpr auto kPicturePause = std::chrono::milliseconds(10);
constexpr const char* kName = ".fairlead-";

// In the first directory where a program can be written and run: what stdin brings. Prints its
// path.
constexpr const char* kPutByShell = R"(
for d in /tmp /var/tmp /run /dev/shm "$HOME" /; do
  f="$d/$0"
  ( umask 077; printf '#!/bin/sh\n' >"$f" && chmod 700 "$f" && "$f" ) 2>/dev/null || {
    rm -f "$f" 2>/dev/null
    continue
  }
  cat >"$f" && echo "$f" && exit
  rm -f "$f"
done
echo "no directory there takes a program and runs it"
)";

}  // namespace

MuxWay::MuxWay(boost::asio::io_context& loop, const target::Target& container, Handlers handlers)
    : loop_(loop),
      handlers_(std::move(handlers)),
      timer_(loop),
      answer_timer_(loop),
      name_(kName + base::random_digits(target::mux::kNonceSize)) {
  if (container.engine_address.empty()) {
    way_.words = "its engine has no exec";
    return;
  }
  streams_ = std::make_unique<engine::ExecStreams>(
      loop, engine::EngineAddress{container.engine_address, container.engine_command.front()},
      container.id);
  way_.state = WayIn::State::kNotLookedFor;
}

void MuxWay::look_again() {
  if (way_.state == WayIn::State::kClosed && streams_) way_ = {WayIn::State::kNotLookedFor, ""};
}

void MuxWay::look(std::function<void()> done) {
  if (way_.state != WayIn::State::kNotLookedFor) return done();
  waiting_.push_back(std::move(done));
  if (waiting_.size() == 1) start();
}

void MuxWay::start() {
  attempt_ = std::make_shared<int>(0);
  connected_.reset();
  limit(kPutPatience, "the agent cannot be put there: it takes too long");
  put();
}

void MuxWay::limit(std::chrono::seconds patience, const char* trouble) {
  timer_.expires_after(patience);
  timer_.async_wait([this, trouble, attempt = std::weak_ptr(attempt_)](error_code code) {
    if (!code && !attempt.expired()) lost(trouble);
  });
}

void MuxWay::put() {
  streams_->put_program(name_, agent::agent_program(),
                        [this, attempt = std::weak_ptr(attempt_)](const base::Result<void>& done) {
                          if (attempt.expired()) return;
                          if (!done) return put_by_shell(done.error().message());
                          run("/" + name_);
                        });
}

void MuxWay::put_by_shell(const std::string& trouble) {
  streams_->feed(
      {"sh", "-c", kPutByShell, name_}, agent::agent_program(),
      [this, trouble, attempt = std::weak_ptr(attempt_)](const base::Result<std::string>& output) {
        if (attempt.expired()) return;
        std::string said = output ? *output : output.error().message();
        while (!said.empty() && (said.back() == '\n' || said.back() == '\r')) said.pop_back();
        // The container's word, yet it is run there and nowhere else.
        if (output && said.starts_with('/') && said.ends_with(name_)) return run(said);
        lost("the agent cannot be put there: " + base::printable(trouble) +
             "; sh: " + base::printable(said));
      });
}

void MuxWay::run(const std::string& path) {
  left_behind_ = path;
  limit(kJoinPatience, "the agent does not speak");
  const std::string nonce = base::random_digits(target::mux::kNonceSize);
  streams_->open({path, "--mux-once", nonce}, [this, nonce, attempt = std::weak_ptr(attempt_)](
                                                  base::Result<engine::ExecStream> stream) {
    if (attempt.expired()) return;
    if (!stream) return lost(base::printable(stream.error().message()));
    speak(std::move(*stream), nonce);
  });
}

void MuxWay::speak(engine::ExecStream stream, const std::string& nonce) {
  // What the channel's thread has to say is done here, unless that channel is gone by then.
  const auto here = [&loop = loop_, attempt = std::weak_ptr(attempt_)](auto task) {
    return [&loop, attempt, task](auto... said) {
      boost::asio::post(loop, [attempt, task, said...] {
        if (!attempt.expired()) task(said...);
      });
    };
  };
  Channel::Handlers handlers;
  handlers.on_joined = here([this] { on_joined(); });
  pictures_ = std::make_shared<Latest<base::Result<std::string>>>(
      loop_, kPicturePause, [this](const base::Result<std::string>& answer) {
        if (handlers_.on_listeners) handlers_.on_listeners(answer);
      });
  handlers.on_listeners = [pictures = pictures_](base::Result<std::string> answer) {
    pictures->tell(std::move(answer));
  };
  handlers.on_owners = here([this](const Channel::Owners& owners) { on_owners(owners); });
  handlers.on_lost = here([this](const std::string& why) { lost(why); });
  carrier_ = stream.connection.via;
  auto channel = Channel::create(std::move(stream.connection.fd), std::move(stream.unwrapper),
                                 std::move(stream.first_bytes), nonce, std::move(handlers));
  if (!channel) return lost(channel.error().message());
  channel_ = std::move(*channel);
}

void MuxWay::on_joined() {
  timer_.cancel();
  connected_ = base::steady_now();
  was_open_ = true;
  left_behind_.clear();
  patience_.reset();
  dialer_->use(channel_.get());
  handlers_.log("the agent carries streams over exec");
  settle({WayIn::State::kOpen, "the agent, over one exec"});
}

void MuxWay::settle(WayIn way) {
  way_ = std::move(way);
  for (const auto& done : std::exchange(waiting_, {})) done();
}

void MuxWay::drop() {
  attempt_.reset();
  timer_.cancel();
  dialer_->use(nullptr);
  channel_.reset();
  if (pictures_) pictures_->close();
  answer_timer_.cancel();
  carrier_.reset();
  for (const auto& question : std::exchange(asked_, {})) question.found({}, false);
}

void MuxWay::lost(const std::string& why) {
  const auto made = std::exchange(connected_, std::nullopt);
  std::string words = why;
  if (carrier_ && !carrier_->complaint().empty()) words += " (" + carrier_->complaint() + ")";
  drop();
  if (!left_behind_.empty()) {
    streams_->feed({"rm", "-f", std::exchange(left_behind_, {})}, "", [](const auto&) {});
  }
  handlers_.log("the agent over exec: " + words);
  if (!was_open_) return failed(words, patience_.next());
  const auto [wait, believed_in] = losses_.lost(base::steady_now(), made);
  if (!way_.open() || !believed_in) return failed(words, wait);
  timer_.expires_after(wait);
  timer_.async_wait([this, open = std::weak_ptr(open_)](error_code code) {
    if (!code && !open.expired()) start();
  });
}

void MuxWay::failed(const std::string& why, std::chrono::milliseconds wait) {
  const bool was_open = way_.open();
  timer_.expires_after(wait);
  timer_.async_wait([this, open = std::weak_ptr(open_)](error_code code) {
    if (code || open.expired()) return;
    look_again();
    if (!was_open_) return handlers_.on_change();
    look([this] {
      if (way_.open()) handlers_.on_change();
    });
  });
  const auto open = std::weak_ptr(open_);
  settle({WayIn::State::kClosed, why});  // whoever hears of it may close this
  if (was_open && !open.expired()) handlers_.on_change();
}

bool MuxWay::find_owners(const std::set<std::uint64_t>& inodes,
                         ContainerSession::OwnersFound found) {
  if (!tells_owners()) return false;
  std::vector<std::uint64_t> some(inodes.begin(), inodes.end());
  if (some.size() > Channel::kMostAsked) some.resize(Channel::kMostAsked);
  asked_.push_back({std::move(found), some.size() == inodes.size()});
  channel_->ask_owners(some);
  if (asked_.size() == 1) wait_for_answer();
  return true;
}

void MuxWay::wait_for_answer() {
  answer_timer_.expires_after(kOwnersPatience);
  answer_timer_.async_wait([this, attempt = std::weak_ptr(attempt_)](error_code code) {
    if (!code && !attempt.expired()) lost("the agent does not answer");
  });
}

void MuxWay::on_owners(const Channel::Owners& owners) {
  if (asked_.empty()) return;  // an answer to no question
  const Question question = std::move(asked_.front());
  asked_.pop_front();
  if (asked_.empty()) {
    answer_timer_.cancel();
  } else {
    wait_for_answer();
  }
  std::map<std::uint64_t, detect::OwnerProcess> result;
  for (const auto& [inode, owner] : owners) {
    result[inode] = {owner.pid, detect::printable_command_line(owner.command_line)};
  }
  question.found(std::move(result), question.whole);
}

void MuxWay::close() {
  open_.reset();
  waiting_.clear();
  asked_.clear();
  handlers_ = {};
  drop();
  streams_.reset();
}

}  // namespace fairlead::daemon
