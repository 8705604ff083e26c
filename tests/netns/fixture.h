// What the namespace tests share: a namespace with its init process, a loop, a pool of sockets.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/net.h"
#include "target/init_process.h"
#include "target/setns_sockets.h"
#include "target/socket_helper.h"
#include "tests/support/namespace.h"
#include "tests/support/processes.h"

namespace fairlead::testing {

// Skips where namespaces cannot be had.
class NamespaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto space = Namespace::create();
    if (!space) FAIRLEAD_SKIP("netns", space.error().message());
    space_.emplace(std::move(*space));
    init_.emplace(space_->init());
  }

  // Runs the loop until `condition` holds; false if it does not within kPatience.
  template <class Condition>
  bool run_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      loop_.restart();
      if (loop_.run_one_for(std::chrono::milliseconds(5)) == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    return true;
  }

  static target::SetnsSockets::Options options() {
    target::SetnsSockets::Options result;
    result.helper_argv = {"/proc/self/exe", "__sockets"};
    result.idle_pool = 4;
    result.largest_pool = 32;
    return result;
  }
  std::unique_ptr<target::SetnsSockets> make_sockets() {
    return std::make_unique<target::SetnsSockets>(loop_, *init_, options());
  }
  base::Result<void> start(target::SetnsSockets& sockets) {
    std::optional<base::Result<void>> outcome;
    sockets.start([&](base::Result<void> result) { outcome = std::move(result); });
    if (!run_until([&] { return outcome.has_value(); })) return base::plain_error("no answer");
    return *outcome;
  }
  base::Result<base::UniqueFd> open_diag(target::SetnsSockets& sockets) {
    std::optional<base::Result<base::UniqueFd>> outcome;
    sockets.open_one(target::SocketKind::kDiag,
                     [&](base::Result<base::UniqueFd> result) { outcome = std::move(result); });
    if (!run_until([&] { return outcome.has_value(); })) return base::plain_error("no answer");
    return std::move(*outcome);
  }

  base::Endpoint on(const std::string& address, std::uint16_t port) const {
    return {*base::IpAddress::parse(address), port};
  }

  boost::asio::io_context loop_;
  std::optional<Namespace> space_;
  std::optional<target::InitProcess> init_;
};

}  // namespace fairlead::testing
