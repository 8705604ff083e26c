// The kinds of relays that the suites for all of them run with. Relays `exec` and `mux` enter the
// test's namespace by an exec of our own; `exec` finds there the programs of one kind of container,
// the real ones, and `mux` the real agent.
#pragma once

#include <csignal>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "agent/agent_image.h"
#include "base/child_process.h"
#include "relay/exec_dialer.h"
#include "relay/mux_dialer.h"
#include "tests/netns/relay_fixture.h"
#include "tests/support/exec_entry.h"
#include "tests/support/temp_dir.h"

namespace fairlead::testing {

// A program as the container calls it, and where this machine has it.
struct Guest {
  const char* name;
  const char* path;
};

class ExecWay : public Way {
 public:
  ExecWay(const target::InitProcess& init, const target::ExecTools& tools,
          std::vector<Guest> guests)
      : pid_(init.identity().pid),
        guests_(std::move(guests)),
        channel_(std::make_shared<target::ExecChannel>(loop_, exec_prefix(pid_, bin_.path()))),
        dialer_(std::make_shared<relay::ExecDialer>(channel_, tools)) {}
  ~ExecWay() override {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
    channel_->close();
    data_plane_.reset();
    kill_guests_of(pid_);
  }

  base::Result<void> start() override {
    for (const Guest& guest : guests_) {
      if (!std::filesystem::exists(guest.path)) {
        return base::plain_error(std::string(guest.path) +
                                 " is missing: tools/install-packages.sh test");
      }
      std::filesystem::create_symlink(guest.path, bin_.path_of(guest.name));
    }
    if (auto started = start_data_plane(); !started) return started;
    thread_ = std::thread([this] { loop_.run(); });
    return {};
  }
  // descriptors(): one for each program that has not been waited for is among them.
  relay::Route route(std::vector<base::Endpoint> targets) override {
    return {dialer_, std::move(targets)};
  }

 private:
  const std::int64_t pid_;
  const std::vector<Guest> guests_;
  const TempDir bin_;
  boost::asio::io_context loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      loop_.get_executor()};
  std::shared_ptr<target::ExecChannel> channel_;
  std::shared_ptr<relay::ExecDialer> dialer_;
  std::thread thread_;
};

class MuxWay : public Way {
 public:
  explicit MuxWay(const target::InitProcess& init) : pid_(init.identity().pid) {}
  ~MuxWay() override {
    data_plane_.reset();
    dialer_->use(nullptr);
    channel_.reset();
    if (agent_) agent_->wait();
  }

  base::Result<void> start() override {
    std::signal(SIGPIPE, SIG_IGN);  // as the supervisor does
    const std::string program = bin_.path_of("fairlead-agent");
    std::ofstream(program, std::ios::binary) << agent::agent_program();
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      return base::errno_error("socketpair");
    }
    base::UniqueFd ours(ends[0]);
    const base::UniqueFd theirs(ends[1]);
    const std::string nonce(target::mux::kNonceSize, 'a');
    base::SpawnOptions how;
    how.argv = exec_prefix(pid_, bin_.path());
    how.argv.insert(how.argv.end(), {"fairlead-agent", "--mux", nonce});
    how.stdin_fd = how.stdout_fd = theirs.get();
    auto agent = base::spawn(how);
    if (!agent) return agent.error();
    agent_.emplace(std::move(*agent));
    auto channel = target::mux::Channel::create(std::move(ours), nullptr, "", nonce, {});
    if (!channel) return channel.error();
    channel_ = std::move(*channel);
    dialer_->use(channel_.get());
    return start_data_plane();
  }
  relay::Route route(std::vector<base::Endpoint> targets) override {
    return {dialer_, std::move(targets)};
  }

 private:
  const std::int64_t pid_;
  const TempDir bin_;
  std::optional<base::ChildProcess> agent_;
  std::unique_ptr<target::mux::Channel> channel_;
  const std::shared_ptr<relay::MuxDialer> dialer_ = std::make_shared<relay::MuxDialer>();
};

// `tools` is what the probe would have found.
inline constexpr target::ExecTools kSocatTools{target::ExecTool::kSocat, true, true};
inline constexpr target::ExecTools kSocatAloneTools{target::ExecTool::kSocat, false, false};
inline constexpr target::ExecTools kNcTools{target::ExecTool::kNc, true, true};
inline constexpr target::ExecTools kBashTools{target::ExecTool::kBash, true, true};

template <const target::ExecTools& Tools, const Guest*... Guests>
constexpr Kind exec_kind(const char* name, bool duplex = true) {
  return {name,
          [](const target::InitProcess& init) -> std::unique_ptr<Way> {
            return std::make_unique<ExecWay>(init, Tools, std::vector<Guest>{*Guests...});
          },
          /*inside=*/true,
          /*exact=*/false,
          /*programs=*/true,
          duplex};
}

inline constexpr Guest kSh{"sh", "/bin/sh"};
inline constexpr Guest kCat{"cat", "/bin/cat"};
inline constexpr Guest kSleep{"sleep", "/bin/sleep"};
inline constexpr Guest kSocat{"socat", "/usr/bin/socat"};
inline constexpr Guest kBash{"bash", "/bin/bash"};
inline constexpr Guest kOpenbsdNc{"nc", "/bin/nc.openbsd"};
inline constexpr Guest kTraditionalNc{"nc", "/bin/nc.traditional"};
inline constexpr Guest kBusyboxNc{"nc", "/bin/busybox"};

inline constexpr Kind kMuxKind{"Mux", [](const target::InitProcess& init) -> std::unique_ptr<Way> {
                                 return std::make_unique<MuxWay>(init);
                               }};
inline constexpr Kind kSocatKind = exec_kind<kSocatTools, &kSh, &kCat, &kSocat>("Socat");
inline constexpr Kind kBashKind = exec_kind<kBashTools, &kBash, &kCat, &kSleep>("Bash");

// Bytes arrive as they were sent, in both directions, as long as neither side ends its own.
inline constexpr Kind kEveryKind[] = {
    kNamespaceKind,
    kDirectKind,
    kMuxKind,
    kSocatKind,
    kBashKind,
    exec_kind<kSocatAloneTools, &kSocat>("SocatAlone"),
    exec_kind<kNcTools, &kOpenbsdNc>("OpenbsdNc"),
    exec_kind<kNcTools, &kTraditionalNc>("TraditionalNc", /*duplex=*/false),
    exec_kind<kNcTools, &kBusyboxNc>("BusyboxNc", /*duplex=*/false),
};
// And the client is told how the server ended: in order, or not.
inline constexpr Kind kEndingKinds[] = {kNamespaceKind, kDirectKind, kMuxKind, kSocatKind,
                                        kBashKind};
// And the server hears the client's end, and may still answer.
inline constexpr Kind kHalfClosingKinds[] = {kNamespaceKind, kDirectKind, kMuxKind, kSocatKind};
// And everything the other way round; resets are resets.
inline constexpr Kind kExactKinds[] = {kNamespaceKind, kDirectKind, kMuxKind};

inline void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

// A test of every kind in a list.
class RelayKindTest : public RelayTest, public ::testing::WithParamInterface<Kind> {
 protected:
  const Kind& kind() const override { return GetParam(); }
};

inline std::string name_of_kind(const ::testing::TestParamInfo<Kind>& info) {
  return info.param.name;
}

}  // namespace fairlead::testing
