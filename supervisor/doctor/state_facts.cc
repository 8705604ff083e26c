#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <map>

#include "base/file_lock.h"
#include "base/process_identity.h"
#include "registry/registry_file.h"
#include "supervisor/daemon/control_client.h"
#include "supervisor/daemon/manage.h"
#include "supervisor/daemon/marker.h"
#include "supervisor/doctor/state.h"
#include "supervisor/engine/native_endpoint.h"

namespace fairlead::doctor {
namespace {

constexpr auto kAnswerPatience = std::chrono::seconds(1);
constexpr auto kLockPatience = std::chrono::seconds(2);
constexpr std::size_t kRegistryLimit = 16U << 20;

// Whether somebody holds the lock right now; a file that is gone is nobody's.
bool is_held(const base::PrivateDirectory& directory, const std::string& name) {
  const auto file = directory.open_file(name, O_RDWR);
  return file && flock(file->get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

bool command_lives(const daemon::Marker& marker) {
  const auto run = engine::parse_native_endpoint(marker.engine_endpoint);
  return run && base::is_alive({run->pid, run->start_ticks, marker.process.boot_id});
}

bool answers(const daemon::StateDirectory& state, const std::string& id) {
  auto client = daemon::ControlClient::connect(state.supervisors, id);
  return client && client->ask({{"op", "hello"}}, kAnswerPatience);
}

// ".NAME.PID.N", as PrivateDirectory writes: the pid, 0 for other names.
std::int64_t writer_of(const std::string& name) {
  if (!name.starts_with('.')) return 0;
  const auto last = name.rfind('.');
  const auto before = last == 0 ? std::string::npos : name.rfind('.', last - 1);
  if (before == std::string::npos || before == 0) return 0;
  std::int64_t pid = 0;
  std::int64_t serial = 0;
  const char* text = name.data();
  const auto first = std::from_chars(text + before + 1, text + last, pid);
  const auto second = std::from_chars(text + last + 1, text + name.size(), serial);
  const bool whole = first.ec == std::errc{} && first.ptr == text + last &&
                     second.ec == std::errc{} && second.ptr == text + name.size();
  return whole && pid > 0 ? pid : 0;
}

void find_temporary(const base::PrivateDirectory& directory, const std::string& prefix,
                    StateFacts& facts) {
  for (const std::string& name : directory.list()) {
    const std::int64_t writer = writer_of(name);
    if (writer > 0 && !base::open_pidfd(writer)) facts.temporary.push_back(prefix + name);
  }
}

void look_at_supervisor(const daemon::StateDirectory& state, const std::string& id,
                        std::vector<std::string> files, StateFacts& facts) {
  const auto marker = daemon::read_marker(state.supervisors, id);
  const std::string name = marker ? marker->container_name : "";
  if (is_held(state.supervisors, daemon::lock_name(id))) {
    // Without a marker it is just starting.
    if (marker) facts.running.push_back({id, name, marker->process.pid, answers(state, id)});
    return;
  }
  // Gone by itself in the meantime.
  std::erase_if(files, [&](const std::string& file) {
    return faccessat(state.supervisors.fd(), file.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0;
  });
  if (files.empty()) return;
  facts.remains.push_back({id, name, marker ? marker->process.pid : 0, std::move(files),
                           marker && command_lives(*marker)});
}

void look_at_supervisors(const daemon::StateDirectory& state, StateFacts& facts) {
  std::map<std::string, std::vector<std::string>> files;
  for (const std::string& name : state.supervisors.list()) {
    if (name.starts_with('.')) continue;
    const auto dot = name.rfind('.');
    const std::string suffix = dot == std::string::npos ? "" : name.substr(dot);
    const bool brief = name.starts_with("name-") || name.starts_with("reap-");
    if (brief && suffix == ".lock") {
      if (!is_held(state.supervisors, name)) facts.brief_locks.push_back(name);
    } else if (suffix == ".json" || suffix == ".sock" || suffix == ".lock") {
      files[name.substr(0, dot)].push_back(name);
    }
  }
  for (auto& [id, names] : files) look_at_supervisor(state, id, std::move(names), facts);
}

void look_at_registry(const base::PrivateDirectory& directory, StateFacts& facts) {
  using registry::LeaseTable;
  using registry::RegistryFile;
  for (const std::string& name : directory.list()) {
    if (name.starts_with(std::string(RegistryFile::kFileName) + ".corrupt-")) {
      facts.set_aside.push_back(name);
    }
  }
  if (auto file = directory.open_file(RegistryFile::kLockName, O_RDWR); file) {
    const auto lock = base::FileLock::acquire(std::move(*file), "of the registry", kLockPatience);
    if (!lock) facts.lock_trouble = lock.error().message();
  }
  const auto text = directory.read_file(RegistryFile::kFileName, kRegistryLimit);
  if (!text) {
    if (text.error().code.value() != ENOENT) facts.registry_trouble = text.error().message();
    return;
  }
  const LeaseTable::Parsed parsed = LeaseTable::parse(*text);
  facts.registry_corrupt = parsed.verdict == LeaseTable::Verdict::kCorrupt;
  facts.registry_newer = parsed.verdict == LeaseTable::Verdict::kNewerVersion;
  facts.leases = parsed.table.leases().size();
  for (const registry::Lease& lease : parsed.table.leases()) {
    facts.dead_leases += base::is_alive(lease.owner) ? 0 : 1;
  }
}

// Whether the nearest ancestor that exists lets us make directories.
bool is_creatable(const std::string& path) {
  std::filesystem::path place(path);
  std::error_code ignored;
  while (place.has_relative_path() && !std::filesystem::exists(place, ignored)) {
    place = place.parent_path();
  }
  return faccessat(AT_FDCWD, place.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

}  // namespace

StateFacts read_state_facts(const std::string& chosen) {
  StateFacts facts;
  const auto path = daemon::state_path(chosen);
  if (!path) {
    facts.trouble = path.error().message();
    return facts;
  }
  facts.path = *path;
  const auto base = base::PrivateDirectory::open(*path);
  if (!base) {
    if (base.error().code.value() != ENOENT) {
      facts.trouble = base.error().message();
    } else {
      facts.creatable = is_creatable(*path);
    }
    return facts;
  }
  facts.exists = true;
  struct statvfs space {};
  if (fstatvfs(base->fd(), &space) == 0) {
    facts.free_bytes = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
    facts.read_only = (space.f_flag & ST_RDONLY) != 0;
  }
  find_temporary(*base, "", facts);
  look_at_registry(*base, facts);
  const auto state = daemon::StateDirectory::open(*path);
  if (!state) {
    // A directory that nobody has used yet has no children.
    if (state.error().code.value() != ENOENT) facts.trouble = state.error().message();
    return facts;
  }
  find_temporary(state->supervisors, "supervisors/", facts);
  look_at_supervisors(*state, facts);
  return facts;
}

std::vector<std::string> repair_state(const StateFacts& facts) {
  std::vector<std::string> done;
  const auto base = base::PrivateDirectory::open(facts.path);
  const auto self = base::identify_self();
  if (!base || !self) return done;
  if (const auto state = daemon::StateDirectory::open(facts.path); state) {
    for (const Remains& one : facts.remains) {
      if (one.command_lives || !daemon::settle_supervisor(*state, one.id)) continue;
      done.push_back("settled what the supervisor of " + (one.name.empty() ? one.id : one.name) +
                     " had left");
    }
    for (const std::string& name : facts.brief_locks) {
      auto lock = base::FileLock::acquire(state->supervisors, name, {});
      if (!lock) continue;
      lock->remove_file(state->supervisors, name);
      done.push_back("removed the lock file " + name);
    }
  }
  for (const std::string& path : facts.temporary) {
    const auto slash = path.find('/');
    if (slash == std::string::npos) {
      if (base->remove(path)) done.push_back("removed the half-written file " + path);
    } else if (const auto child = base->open_child(path.substr(0, slash)); child) {
      if (child->remove(path.substr(slash + 1))) {
        done.push_back("removed the half-written file " + path);
      }
    }
  }
  if (facts.dead_leases > 0 || facts.registry_corrupt) {
    registry::RegistryFile registry(*base, *self);
    registry.prune();
    const auto warnings = registry.take_warnings();
    done.insert(done.end(), warnings.begin(), warnings.end());
    if (facts.dead_leases > 0) {
      done.push_back("ended " + std::to_string(facts.dead_leases) +
                     " leases of dead supervisors; their numbers stay reserved");
    }
  }
  return done;
}

}  // namespace fairlead::doctor
