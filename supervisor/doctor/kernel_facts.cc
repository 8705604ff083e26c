#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/net.h"
#include "base/process_identity.h"
#include "base/text_file.h"
#include "detect/cgroups.h"
#include "detect/diag_source.h"
#include "relay/nat/connect_table.h"
#include "relay/nat/nft_table.h"
#include "supervisor/doctor/kernel.h"
#include "target/init_process.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace fairlead::doctor {
namespace {

constexpr int kWantedPipe = 1 << 20;  // what a relay asks for

int try_cookie() {
  const base::UniqueFd probe(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe) return errno;
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return getsockopt(probe.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0 ? 0 : errno;
}

base::UniqueFd diag_socket() {
  return base::UniqueFd(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
}

// The real source, on our own namespace.
void try_diag(KernelFacts& facts) {
  const auto self = target::InitProcess::open(getpid());
  if (!self) {
    facts.diag_trouble = facts.events_trouble = self.error().message();
    return;
  }
  base::UniqueFd queries = diag_socket();
  if (!queries) {
    facts.diag_trouble = facts.events_trouble = base::errno_error("sock_diag").message();
    return;
  }
  if (const auto plain = detect::DiagSource::create(*self, std::move(queries), {}); !plain) {
    facts.diag_trouble = plain.error().message();
  }
  const auto hearing = detect::DiagSource::create(*self, diag_socket(), diag_socket());
  if (!hearing) facts.events_trouble = hearing.error().message();
}

// In the order of preference.
void try_nat(KernelFacts& facts) {
  const auto connect = relay::ConnectTable::create(facts.cgroup_mount);
  if (connect) {
    facts.nat_backend = (*connect)->backend();
    return;
  }
  const auto nft = relay::NftTable::try_out();
  if (nft) {
    facts.nat_backend = "nftables";
    return;
  }
  facts.nat_trouble = connect.error().message() + "; " + nft.error().message();
}

std::int64_t try_pipe() {
  const auto ends = base::make_pipe();
  if (!ends) return 0;
  const int granted = fcntl(ends->first.get(), F_SETPIPE_SZ, kWantedPipe);
  return granted >= 0 ? granted : fcntl(ends->first.get(), F_GETPIPE_SZ);
}

}  // namespace

KernelFacts read_kernel_facts() {
  KernelFacts facts;
  utsname name{};
  if (uname(&name) == 0) facts.release = std::string(name.sysname) + " " + name.release;
  if (const auto pidfd = base::open_pidfd(getpid()); !pidfd) {
    facts.pidfd_error = pidfd.error().code.value();
  }
  facts.cookie_error = try_cookie();
  try_diag(facts);
  facts.cgroup_mount = detect::cgroup2_mount();
  try_nat(facts);
  facts.pipe_bytes = try_pipe();
  if (const auto text = base::read_text_file("/proc/sys/fs/pipe-user-pages-soft", 64); text) {
    std::int64_t pages = 0;
    if (std::from_chars(text->data(), text->data() + text->size(), pages).ec == std::errc{}) {
      facts.pipe_pages_soft = pages;
    }
  }
  const auto v6 = base::listen_tcp({base::IpAddress::loopback6(), 0}, 1);
  if (!v6) facts.v6_loopback_error = v6.error().code.value();
  return facts;
}

}  // namespace fairlead::doctor
