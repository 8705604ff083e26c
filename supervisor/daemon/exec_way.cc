#include "supervisor/daemon/exec_way.h"

#include <array>

namespace fairlead::daemon {
namespace {

using target::ExecTool;

constexpr auto kToolPatience = std::chrono::milliseconds(2500);
constexpr std::size_t kMostToolText = 4096;
// The engine's own statuses for "there is no such program in the container".
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;
constexpr std::array kWithoutShell = {ExecTool::kSocat, ExecTool::kNc, ExecTool::kBash};

}  // namespace

ExecWay::ExecWay(boost::asio::io_context& loop, std::vector<std::string> prefix) {
  if (prefix.empty()) {
    way_ = {WayIn::State::kClosed, "its engine has no exec"};
  } else {
    channel_ = std::make_shared<target::ExecChannel>(loop, std::move(prefix));
  }
}

void ExecWay::look(std::function<void()> done) {
  done_ = std::move(done);
  if (!channel_) return settle("its engine has no exec");
  channel_->run(target::probe_command(), kToolPatience, kMostToolText,
                [this](const auto& answer) { looked(answer); });
}

void ExecWay::looked(const base::Result<target::ExecChannel::Output>& answer) {
  tools_ = {};
  if (!answer) return settle("exec does not work: " + answer.error().message());
  tools_ = target::parse_probe(answer->text);
  if (!tools_.has_shell && (answer->status == kNotExecutable || answer->status == kNotFound)) {
    return look_one_by_one(0);
  }
  settle("need socat, nc or bash in the container");
}

void ExecWay::look_one_by_one(std::size_t next) {
  if (next == kWithoutShell.size()) return settle("need socat, nc or bash in the container");
  channel_->run(target::probe_command(kWithoutShell[next]), kToolPatience, kMostToolText,
                [this, next](const base::Result<target::ExecChannel::Output>& answer) {
                  // Usage messages come with all sorts of statuses, but not with these.
                  if (answer && answer->status != kNotExecutable && answer->status != kNotFound) {
                    tools_.best = kWithoutShell[next];
                    return settle("");
                  }
                  look_one_by_one(next + 1);
                });
}

void ExecWay::settle(const std::string& trouble) {
  dialer_.reset();
  if (tools_.best) {
    way_ = {WayIn::State::kOpen, std::string(target::name_of(*tools_.best)) + " in the container"};
    dialer_ = std::make_shared<relay::ExecDialer>(channel_, tools_);
  } else {
    way_ = {WayIn::State::kClosed, trouble};
  }
  if (const auto done = std::exchange(done_, nullptr)) done();
}

void ExecWay::close() {
  done_ = nullptr;
  if (channel_) channel_->close();
}

}  // namespace fairlead::daemon
