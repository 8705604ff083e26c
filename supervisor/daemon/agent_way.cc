#include "supervisor/daemon/agent_way.h"

#include <utility>

#include "agent/agent_image.h"
#include "supervisor/daemon/marker.h"
#include "supervisor/engine/side_container.h"

namespace fairlead::daemon {
namespace {

// A container of its own takes an engine longer than an exec does.
constexpr auto kSidePatience = std::chrono::seconds(15);

// Whose command lines an agent tells; what it says is the container's word.
std::map<std::uint64_t, detect::OwnerProcess> printable(
    const std::map<std::uint64_t, target::AgentSockets::Owner>& owners) {
  std::map<std::uint64_t, detect::OwnerProcess> result;
  for (const auto& [inode, owner] : owners) {
    result[inode] = {owner.pid, detect::printable_command_line(owner.command_line)};
  }
  return result;
}

}  // namespace

AgentWay::AgentWay(boost::asio::io_context& loop, const target::InitProcess& init,
                   const target::Target& container, const base::PrivateDirectory& state,
                   std::function<void()> on_change)
    : loop_(loop),
      init_(init),
      state_(state),
      container_id_(container.id),
      source_(container.agent_source),
      exec_prefix_(container.detached_exec_prefix),
      engine_command_(container.engine_command),
      on_change_(std::move(on_change)),
      retry_(loop) {
  if (source_.empty()) {
    way_.words =
        "the container was made without the agent's directory (fairlead up --auto-forward makes "
        "one with it; --sidecar runs the agent beside this one)";
  } else if (exec_prefix_.empty()) {
    way_.words = "its engine has no exec";
  } else {
    way_.state = WayIn::State::kNotLookedFor;
  }
}

void AgentWay::allow_side_container() {
  if (std::exchange(side_allowed_, true) || engine_command_.empty()) return;
  look_again();
}

void AgentWay::look_again() {
  const bool possible = side_allowed_ || (!source_.empty() && !exec_prefix_.empty());
  if (way_.state == WayIn::State::kClosed && possible) way_ = {WayIn::State::kNotLookedFor, ""};
}

// How the agent is to be started.
base::Result<target::AgentSockets::Options> AgentWay::options() {
  const target::AgentProgram program{agent::agent_name(), agent::agent_program()};
  if (!source_.empty()) {
    auto directory = target::AgentDirectory::open(state_, source_);
    if (directory) {
      return target::AgentSockets::Options{exec_prefix_, std::move(*directory), program,
                                           target::kAgentMount};
    }
    if (!side_allowed_) {
      return base::plain_error("what is mounted at " + std::string(target::kAgentMount) +
                               " is not of this state directory (--sidecar does without it)");
    }
  }
  auto directory = target::AgentDirectory::create(state_, side_directory_name(container_id_));
  if (!directory) return directory.error();
  side_directory_ = directory->path();
  return target::AgentSockets::Options{
      engine::side_container_command(engine_command_, container_id_, side_directory_),
      std::move(*directory), program, target::kAgentMount, kSidePatience};
}

void AgentWay::look(std::function<void()> done) {
  if (way_.state != WayIn::State::kNotLookedFor) return done();
  waiting_.push_back(std::move(done));
  if (waiting_.size() > 1) return;
  auto how = options();
  if (!how) return started(how.error());
  sockets_ = std::make_shared<target::AgentSockets>(loop_, init_, std::move(*how));
  sockets_->on_lost([open = std::weak_ptr(open_), this](const base::Error& error) {
    if (open.expired()) return;
    shut("the agent was lost: " + error.message());
    on_change_();
  });
  sockets_->start([open = std::weak_ptr(open_), this](const base::Result<void>& outcome) {
    if (!open.expired()) started(outcome);
  });
}

void AgentWay::started(const base::Result<void>& outcome) {
  if (outcome) {
    way_ = {WayIn::State::kOpen,
            side_directory_.empty() ? "sockets by the agent" : "sockets by the agent, beside it"};
    dialer_ = std::make_shared<relay::NamespaceDialer>(sockets_);
    sockets_->on_refilled([dialer = dialer_] { dialer->sockets_arrived(); });
  } else {
    shut(outcome.error().message());
  }
  for (const auto& done : std::exchange(waiting_, {})) done();
}

void AgentWay::shut(const std::string& why) {
  way_ = {WayIn::State::kClosed, why};
  drop();
  retry_.expires_after(patience_.next());
  retry_.async_wait([open = std::weak_ptr(open_), this](boost::system::error_code failure) {
    if (failure || open.expired()) return;
    look_again();
    on_change_();
  });
}

void AgentWay::drop() {
  if (sockets_) sockets_->close();
  dialer_.reset();
  if (!side_directory_.empty()) target::AgentDirectory::remove(state_, side_directory_);
  side_directory_.clear();
}

bool AgentWay::find_owners(const std::set<std::uint64_t>& inodes,
                           ContainerSession::OwnersFound found) {
  if (!tells_owners()) return false;
  sockets_->find_owners(inodes, [open = std::weak_ptr(open_), found = std::move(found)](
                                    const auto& owners, bool complete) {
    if (!open.expired()) found(printable(owners), complete);
  });
  return true;
}

void AgentWay::close() {
  open_.reset();
  waiting_.clear();
  retry_.cancel();
  drop();
}

}  // namespace fairlead::daemon
