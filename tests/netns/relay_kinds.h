// The kinds of relays that the typed suites run with, and what each of them guarantees: SPEC.md
// "Relays". Relay `exec` enters the test's namespace by an exec of our own and finds there the
// programs of one kind of container, the real ones.
#pragma once

#include <array>
#include <filesystem>
#include <string_view>

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

struct WithSocat {
  static constexpr const char* kName = "Socat";
  static constexpr target::ExecTools kTools{target::ExecTool::kSocat, true, true};
  static constexpr std::array kGuests{Guest{"sh", "/bin/sh"}, Guest{"cat", "/bin/cat"},
                                      Guest{"socat", "/usr/bin/socat"}};
};
struct WithSocatAlone {
  static constexpr const char* kName = "SocatAlone";
  static constexpr target::ExecTools kTools{target::ExecTool::kSocat, false, false};
  static constexpr std::array kGuests{Guest{"socat", "/usr/bin/socat"}};
};
struct WithOpenbsdNc {
  static constexpr const char* kName = "OpenbsdNc";
  static constexpr target::ExecTools kTools{target::ExecTool::kNc, true, true};
  static constexpr std::array kGuests{Guest{"nc", "/bin/nc.openbsd"}};
};
struct WithTraditionalNc {
  static constexpr const char* kName = "TraditionalNc";
  static constexpr target::ExecTools kTools{target::ExecTool::kNc, true, true};
  static constexpr std::array kGuests{Guest{"nc", "/bin/nc.traditional"}};
};
struct WithBusyboxNc {
  static constexpr const char* kName = "BusyboxNc";
  static constexpr target::ExecTools kTools{target::ExecTool::kNc, true, true};
  static constexpr std::array kGuests{Guest{"nc", "/bin/busybox"}};
};
struct WithBash {
  static constexpr const char* kName = "Bash";
  static constexpr target::ExecTools kTools{target::ExecTool::kBash, true, true};
  static constexpr std::array kGuests{Guest{"bash", "/bin/bash"}, Guest{"cat", "/bin/cat"},
                                      Guest{"sleep", "/bin/sleep"}};
};

template <class Container>
class ExecWay {
 public:
  struct Options {};
  static constexpr const char* kName = Container::kName;
  static constexpr bool kInside = true;
  static constexpr bool kPrograms = true;
  static constexpr bool kExact = false;
  static Options default_options() { return {}; }
  ExecWay(const target::InitProcess& init, Options)
      : pid_(init.identity().pid),
        channel_(std::make_shared<target::ExecChannel>(loop_, exec_prefix(pid_, bin_.path()))),
        dialer_(std::make_shared<relay::ExecDialer>(channel_, Container::kTools)) {}
  ExecWay(const ExecWay&) = delete;
  ExecWay& operator=(const ExecWay&) = delete;
  // Every relay has to be gone.
  ~ExecWay() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
    channel_->close();
    data_plane_.reset();
    kill_guests_of(pid_);
  }

  base::Result<void> start() {
    for (const Guest& guest : Container::kGuests) {
      if (!std::filesystem::exists(guest.path)) {
        return base::plain_error(std::string(guest.path) +
                                 " is missing: tools/install-packages.sh test");
      }
      std::filesystem::create_symlink(guest.path, bin_.path_of(guest.name));
    }
    auto data_plane = relay::DataPlane::start(2);
    if (!data_plane) return data_plane.error();
    data_plane_ = std::move(*data_plane);
    thread_ = std::thread([this] { loop_.run(); });
    return {};
  }
  void settle() { settle_all(*data_plane_); }
  // One for each program that has not been waited for, too.
  std::size_t descriptors() const { return open_descriptors(); }
  relay::DataPlane& data_plane() { return *data_plane_; }
  relay::Route route(std::vector<base::Endpoint> targets) { return {dialer_, std::move(targets)}; }

 private:
  const std::int64_t pid_;
  const TempDir bin_;
  boost::asio::io_context loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      loop_.get_executor()};
  std::shared_ptr<target::ExecChannel> channel_;
  std::shared_ptr<relay::ExecDialer> dialer_;
  std::unique_ptr<relay::DataPlane> data_plane_;
  std::thread thread_;
};

using SocatWay = ExecWay<WithSocat>;
using BashWay = ExecWay<WithBash>;

// Bytes arrive as they were sent, in both directions, as long as neither side ends its own.
using RelayKinds =
    ::testing::Types<NamespaceWay, DirectWay, SocatWay, ExecWay<WithSocatAlone>,
                     ExecWay<WithOpenbsdNc>, ExecWay<WithTraditionalNc>, ExecWay<WithBusyboxNc>,
                     BashWay>;
// And the client is told how the server ended: in order, or not.
using EndingKinds = ::testing::Types<NamespaceWay, DirectWay, SocatWay, BashWay>;
// And the server hears the client's end, and may still answer.
using HalfClosingKinds = ::testing::Types<NamespaceWay, DirectWay, SocatWay>;
// And everything the other way round; resets are resets.
using ExactKinds = ::testing::Types<NamespaceWay, DirectWay>;

struct KindNames {
  template <class Way>
  static std::string GetName(int) {
    return Way::kName;
  }
};

}  // namespace fairlead::testing
