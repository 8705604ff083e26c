// The kinds of relays that the suites for all of them run with. Relay `exec` enters the test's
// namespace by an exec of our own and finds there the programs of one kind of container, the real
// ones.
#pragma once

#include <filesystem>
#include <ostream>

#include "relay/exec_dialer.h"
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

inline constexpr Kind kSocatKind = exec_kind<kSocatTools, &kSh, &kCat, &kSocat>("Socat");
inline constexpr Kind kBashKind = exec_kind<kBashTools, &kBash, &kCat, &kSleep>("Bash");

// Bytes arrive as they were sent, in both directions, as long as neither side ends its own.
inline constexpr Kind kEveryKind[] = {
    kNamespaceKind,
    kDirectKind,
    kSocatKind,
    kBashKind,
    exec_kind<kSocatAloneTools, &kSocat>("SocatAlone"),
    exec_kind<kNcTools, &kOpenbsdNc>("OpenbsdNc"),
    exec_kind<kNcTools, &kTraditionalNc>("TraditionalNc", /*duplex=*/false),
    exec_kind<kNcTools, &kBusyboxNc>("BusyboxNc", /*duplex=*/false),
};
// And the client is told how the server ended: in order, or not.
inline constexpr Kind kEndingKinds[] = {kNamespaceKind, kDirectKind, kSocatKind, kBashKind};
// And the server hears the client's end, and may still answer.
inline constexpr Kind kHalfClosingKinds[] = {kNamespaceKind, kDirectKind, kSocatKind};
// And everything the other way round; resets are resets.
inline constexpr Kind kExactKinds[] = {kNamespaceKind, kDirectKind};

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
