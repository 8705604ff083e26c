// Backend `connect`: BPF programs on the root control group change where a process of this host
// connects to, before the first packet. What it changes needs no route, no rule, no masquerading:
// the connection is one to the container's address from the start.
//
// Takes CAP_BPF and CAP_NET_ADMIN, Linux 5.14 that can end connections, cgroup v2. The kernel
// detaches everything when the last descriptor closes, that is with this object or this process;
// connections go on, unless they are ended. SPEC.md "Kernel NAT". Thread rule: as kernel_table.h.
// create() takes some milliseconds.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/unique_fd.h"
#include "relay/nat/connect_program.h"
#include "relay/nat/kernel_table.h"

namespace fairlead::relay {

class ConnectTable : public KernelTable {
 public:
  static constexpr std::uint32_t kMostEntries = 16384;

  // For this process' own network. `root_cgroup`: where cgroup v2 is mounted, or
  // empty. Errors say in words
  // what is missing.
  static base::Result<std::unique_ptr<ConnectTable>> create(const std::string& root_cgroup);

  base::Result<void> set(const Key& key, const base::Endpoint& target) override;
  void remove(const Key& key) override;
  void end() override;
  std::uint64_t connections(const Key& key) const override;
  base::Result<void> check() override;
  const char* backend() const override { return "BPF"; }

 private:
  struct Descriptors {
    base::UniqueFd targets;
    base::UniqueFd memory;
    base::UniqueFd connect;  // the links
    base::UniqueFd peer_name;
  };
  explicit ConnectTable(Descriptors descriptors) : fds_(std::move(descriptors)) {}

  Descriptors fds_;
  std::set<base::IpAddress> addresses_;  // where connections have been sent
};

}  // namespace fairlead::relay
