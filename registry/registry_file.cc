#include "registry/registry_file.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <map>

#include "base/clock.h"
#include "base/file_lock.h"

namespace fairlead::registry {
namespace {

constexpr std::size_t kFileLimit = 16U << 20;
// Binding is a matter of microseconds, but not of 64,000 of them.
constexpr int kMostBindAttempts = 4096;

// Two descriptors each; some are left to the connections that they are for, and to the rest of us.
std::size_t most_listeners() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return SIZE_MAX;
  return static_cast<std::size_t>((limit.rlim_cur - limit.rlim_cur / 16) / 2);
}

std::int64_t now_seconds() { return base::to_epoch_seconds(base::wall_now()); }

}  // namespace

void RegistryFile::warn(const std::string& text) {
  if (warned_.insert(text).second) warnings_.push_back(text);
}

std::vector<std::string> RegistryFile::take_warnings() { return std::exchange(warnings_, {}); }

// True if the table may be written back.
bool RegistryFile::load(LeaseTable& table) {
  const auto text = directory_.read_file(kFileName, kFileLimit);
  if (!text) {
    if (text.error().code.value() == ENOENT) return true;
    warn("cannot read the port registry (" + text.error().message() +
         "); host ports are chosen by binding alone");
    return false;
  }
  LeaseTable::Parsed parsed = LeaseTable::parse(*text);
  switch (parsed.verdict) {
    case LeaseTable::Verdict::kUsable:
      table = std::move(parsed.table);
      return true;
    case LeaseTable::Verdict::kNewerVersion:
      warn("the port registry " + directory_.path_of(kFileName) +
           " was written by a newer fairlead and is left untouched; host ports are chosen by "
           "binding alone");
      return false;
    case LeaseTable::Verdict::kCorrupt:
      break;
  }
  static std::atomic<unsigned> serial{0};
  const std::string aside = std::string(kFileName) + ".corrupt-" + std::to_string(now_seconds()) +
                            "-" + std::to_string(getpid()) + "-" + std::to_string(serial++);
  if (auto renamed = directory_.rename(kFileName, aside); !renamed) {
    warn("the port registry is corrupt and cannot be set aside: " + renamed.error().message());
    return false;
  }
  warn("the port registry was corrupt; it was set aside as " + directory_.path_of(aside) +
       " and a new one begun");
  return true;
}

void RegistryFile::transact(const std::function<void(LeaseTable&)>& change) {
  const auto lock = base::FileLock::acquire(directory_, kLockName, lock_patience_);
  if (!lock) {
    warn("cannot lock the port registry: " + lock.error().message() +
         "; host ports are chosen by binding alone until it is free");
    unwritten_ = true;
    LeaseTable nobody_keeps;
    change(nobody_keeps);
    return;
  }
  LeaseTable table;
  const bool writable = load(table);
  if (writable) {
    // A supervisor has many leases; procfs is asked once for each owner.
    std::map<std::pair<std::int64_t, std::uint64_t>, bool> known;
    table.prune(
        [&](const base::ProcessIdentity& owner) {
          if (owner == owner_) return true;
          if (owner.boot_id != owner_.boot_id) return base::is_alive(owner);
          const auto [at, is_new] = known.try_emplace({owner.pid, owner.start_ticks}, false);
          if (is_new) at->second = base::is_alive(owner);
          return at->second;
        },
        now_seconds());
    table.set_leases_of(owner_, mine_);
  }
  change(table);
  if (!writable) return;
  const auto written = directory_.write_file_atomically(kFileName, table.to_text());
  unwritten_ = !written;
  if (unwritten_) {
    warn("cannot write the port registry: " + written.error().message() +
         "; forwarding goes on, host ports are chosen by binding alone");
  }
}

base::Result<Grant> RegistryFile::bind_first(const LeaseTable& table, const LeaseRequest& request,
                                             TakenNumbers& taken) {
  auto candidates = table.candidates(request, now_seconds(), &taken);
  const std::uint16_t preferred = request.preferred();
  base::Error last = base::plain_error("no host port is free");
  bool preferred_denied = preferred < kFirstUnprivilegedPort && !request.may_be_privileged;
  for (int attempt = 0; attempt < kMostBindAttempts; ++attempt) {
    const auto port = candidates.next();
    if (!port) break;
    auto bound = bind_port(*port);
    if (bound) {
      Grant grant{std::move(*bound), Remap::kNone};
      if (*port != preferred) grant.remap = preferred_denied ? Remap::kPrivileged : Remap::kInUse;
      return grant;
    }
    last = bound.error();
    const int failure = last.code.value();
    if (failure == EACCES && *port == preferred) preferred_denied = true;
    // Full descriptor table, no loopback at all: another number would not help.
    if (failure != EADDRINUSE && failure != EACCES) return last;
    if (failure == EADDRINUSE) taken.take(*port);
  }
  return last;
}

std::vector<base::Result<Grant>> RegistryFile::allocate(const std::vector<LeaseRequest>& requests) {
  std::vector<base::Result<Grant>> grants;
  transact([&](LeaseTable& table) {
    const std::size_t most = most_listeners();
    std::map<std::string, TakenNumbers> taken;  // by workspace: each may have other numbers
    for (const LeaseRequest& request : requests) {
      if (mine_.size() >= most) {
        grants.push_back(
            base::errno_error(EMFILE, "host port " + std::to_string(request.preferred())));
        continue;
      }
      grants.push_back(bind_first(table, request, taken[request.workspace]));
      if (!grants.back()) continue;
      Lease lease;
      lease.host_port = grants.back()->bound.port;
      lease.container_port = request.container_port;
      lease.service = request.service;
      lease.container_id = request.container_id;
      lease.workspace = request.workspace;
      lease.label = request.label;
      lease.owner = owner_;
      mine_.push_back(lease);
      table.add(std::move(lease));
    }
  });
  return grants;
}

void RegistryFile::release(const std::vector<std::uint16_t>& host_ports) {
  if (host_ports.empty()) return;
  const std::set<std::uint16_t> gone(host_ports.begin(), host_ports.end());
  const auto released = [&](const Lease& lease) { return gone.contains(lease.host_port); };
  transact([&](LeaseTable& table) {
    for (const std::uint16_t port : host_ports) table.release(port, owner_, now_seconds());
    std::erase_if(mine_, released);
  });
}

void RegistryFile::record_again() {
  if (unwritten_) prune();
}

void RegistryFile::prune() {
  transact([](LeaseTable&) {});
}

}  // namespace fairlead::registry
