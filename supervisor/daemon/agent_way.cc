#include "supervisor/daemon/agent_way.h"

#include <utility>

#include "agent/agent_image.h"

namespace fairlead::daemon {
namespace {

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
                   std::function<void()> on_lost)
    : loop_(loop),
      init_(init),
      state_(state),
      source_(container.agent_source),
      exec_prefix_(container.detached_exec_prefix),
      on_lost_(std::move(on_lost)) {
  if (source_.empty()) {
    way_.words =
        "the container was made without the agent's directory (fairlead up --auto-forward "
        "makes one with it)";
  } else if (exec_prefix_.empty()) {
    way_.words = "its engine has no exec";
  } else {
    way_.state = WayIn::State::kNotLookedFor;
  }
}

void AgentWay::look(std::function<void()> done) {
  if (way_.state != WayIn::State::kNotLookedFor) return done();
  waiting_.push_back(std::move(done));
  if (waiting_.size() > 1) return;
  auto directory = target::AgentDirectory::open(state_, source_);
  if (!directory) {
    return started(base::plain_error("what is mounted at " + std::string(target::kAgentMount) +
                                     " is not of this state directory"));
  }
  sockets_ = std::make_shared<target::AgentSockets>(
      loop_, init_,
      target::AgentSockets::Options{exec_prefix_,
                                    std::move(*directory),
                                    {agent::agent_name(), agent::agent_program()},
                                    target::kAgentMount});
  sockets_->on_lost([open = std::weak_ptr(open_), this](const base::Error& error) {
    if (open.expired()) return;
    shut("the agent was lost: " + error.message());
    on_lost_();
  });
  sockets_->start([open = std::weak_ptr(open_), this](const base::Result<void>& outcome) {
    if (!open.expired()) started(outcome);
  });
}

void AgentWay::started(const base::Result<void>& outcome) {
  if (outcome) {
    way_ = {WayIn::State::kOpen, "sockets by the agent"};
    dialer_ = std::make_shared<relay::NamespaceDialer>(sockets_);
    sockets_->on_refilled([dialer = dialer_] { dialer->sockets_arrived(); });
  } else {
    shut(outcome.error().message());
  }
  for (const auto& done : std::exchange(waiting_, {})) done();
}

void AgentWay::shut(const std::string& why) {
  way_ = {WayIn::State::kClosed, why};
  if (sockets_) sockets_->close();
  dialer_.reset();
}

bool AgentWay::find_owners(const std::set<std::uint64_t>& inodes,
                           ContainerSession::OwnersFound found) {
  if (!way_.open()) return false;
  sockets_->find_owners(
      inodes, [open = std::weak_ptr(open_), found = std::move(found)](const auto& owners) {
        if (!open.expired()) found(printable(owners));
      });
  return true;
}

void AgentWay::close() {
  open_.reset();
  waiting_.clear();
  if (sockets_) sockets_->close();
  dialer_.reset();
}

}  // namespace fairlead::daemon
