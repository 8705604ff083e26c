#include "relay/nat/guard.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <thread>
#include <utility>

#include "base/text_file.h"
#include "base/unique_fd.h"
#include "relay/nat/nft_ruleset.h"

namespace fairlead::relay {
namespace {

constexpr auto kLockPatience = std::chrono::seconds(3);
// Long enough for somebody else to get it, too.
constexpr auto kLockPause = std::chrono::milliseconds(10);
constexpr const char* kLockTable = "fairlead-guard-lock";
constexpr std::string_view kOwnerPrefix = "fairlead-";
constexpr const char* kListTables = "list tables ip";

std::string setting_of(const std::string& interface) {
  return "/proc/sys/net/ipv4/conf/" + interface + "/route_localnet";
}

// ENOENT: there is no such interface.
base::Result<bool> is_raised(const std::string& interface) {
  const auto text = base::read_text_file(setting_of(interface), 16);
  if (!text) return text.error();
  return text->starts_with('1');
}

base::Result<void> set_raised(const std::string& interface, bool raised) {
  const std::string path = setting_of(interface);
  const base::UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return base::errno_error("set " + path);
  return base::write_all(file, raised ? "1" : "0", path);
}

// Exclusive in this network, until it is destroyed or the process ends.
class Lock {
 public:
  static base::Result<Lock> acquire(NftContext& nft) {
    const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
    const std::string make = std::string("create table ip ") + kLockTable + " { flags owner; }";
    for (;;) {
      // To ask costs nobody anything; to try and fail holds up whoever has it.
      const auto tables = nft.run(kListTables);
      if (!tables) return tables.error();
      const bool is_held = read_tables(*tables).contains(kLockTable);
      const auto made = is_held ? tables : nft.run(make);
      if (!is_held && made) return Lock(nft);
      if (std::chrono::steady_clock::now() >= deadline) {
        if (!is_held) return made.error();
        return base::plain_error(std::string("somebody holds the nftables table ") + kLockTable);
      }
      std::this_thread::sleep_for(kLockPause);
    }
  }
  Lock(Lock&& other) noexcept : nft_(std::exchange(other.nft_, nullptr)) {}
  Lock& operator=(Lock&&) = delete;
  ~Lock() {
    if (nft_ != nullptr) static_cast<void>(nft_->run(delete_table(kLockTable)));
  }

 private:
  explicit Lock(NftContext& nft) : nft_(&nft) {}
  NftContext* nft_;
};

// Whether a living owner of this bridge is missing from the ledger: somebody has emptied the
// ruleset.
bool has_unlisted_owner(NftContext& nft, const Guard::State& state, const std::string& bridge) {
  std::set<std::string> listed{kLockTable, GuardLedger::kTable};
  for (const auto& [name, one] : state.ledger.bridges) {
    for (const GuardLedger::Owner& owner : one.owners) listed.insert(owner.table);
  }
  return std::any_of(state.tables.begin(), state.tables.end(), [&](const std::string& table) {
    if (!table.starts_with(kOwnerPrefix) || listed.contains(table)) return false;
    const auto rules = nft.run("list table ip " + table);
    return rules && rules->find("iifname \"" + bridge + "\"") != std::string::npos;
  });
}

// Lowers what nobody needs, then lets go of what protected it. The words say which.
base::Result<std::vector<std::string>> release_idle(NftContext& nft, GuardLedger& ledger,
                                                    const GuardLedger& before) {
  std::vector<std::string> words;
  for (const std::string& name : ledger.take_idle()) {
    const auto raised = is_raised(name);
    const bool is_gone = !raised && raised.error().code.value() == ENOENT;
    base::Result<void> lowered;
    if (!raised && !is_gone) lowered = raised.error();
    if (raised && *raised) lowered = set_raised(name, false);
    if (!lowered) {
      ledger.bridges[name];  // it stays guarded
      words.push_back(lowered.error().message());
      continue;
    }
    words.push_back("lowered route_localnet of " + name + " and removed its guard");
  }
  if (ledger == before) return words;
  if (const auto written = nft.run(render_guard(ledger)); !written) return written.error();
  return words;
}

}  // namespace

base::Result<Guard::State> Guard::look(NftContext& nft) {
  const auto listed = nft.run(kListTables);
  if (!listed) return listed.error();
  State state;
  state.tables = read_tables(*listed);
  if (!state.tables.contains(GuardLedger::kTable)) return state;
  const auto json = nft.run_for_json(std::string("list table ip ") + GuardLedger::kTable);
  if (!json) return json.error();
  auto ledger = parse_guard(*json);
  if (!ledger) return ledger.error();
  state.ledger = std::move(*ledger);
  return state;
}

base::Result<void> Guard::is_possible() {
  const auto everywhere = is_raised("all");
  if (!everywhere) return everywhere.error();
  // Every interface would want a guard, and it is somebody else's doing.
  if (*everywhere) return base::plain_error("net.ipv4.conf.all.route_localnet is 1 already");
  const std::string path = setting_of("all");
  if (faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0) return {};
  return base::errno_error("set " + path);
}

base::Result<void> Guard::enter(const std::string& bridge, const GuardLedger::Owner& owner,
                                const std::string& owner_table) {
  if (auto possible = is_possible(); !possible) return possible.error();
  const auto lock = Lock::acquire(nft_);
  if (!lock) return lock.error();
  auto state = look(nft_);
  if (!state) return state.error();
  const std::string path = setting_of(bridge);
  setting_.reset(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!setting_) return base::errno_error("open " + path);
  const auto raised = read_setting();
  if (!raised) return raised.error();
  GuardLedger ledger = state->ledger;
  // A guard would keep out what somebody else has raised it for.
  if (*raised && !ledger.bridges.contains(bridge) && !has_unlisted_owner(nft_, *state, bridge)) {
    return base::plain_error("route_localnet of " + bridge + " is 1 already");
  }
  if (const auto made = nft_.run(owner_table); !made) return made.error();
  ledger.prune(state->tables);
  ledger.enter(bridge, owner);
  // With the others' remains, if there are any.
  if (const auto done = release_idle(nft_, ledger, {}); !done) return done.error();
  bridge_ = bridge;
  owner_ = owner;
  // Even if it is raised: who could not have the lock may have lowered it just now.
  auto done = write_setting(true);
  if (done) return {};
  GuardLedger without = ledger;
  without.leave(bridge, owner.table);
  static_cast<void>(release_idle(nft_, without, ledger));
  bridge_.clear();
  return done.error();
}

base::Result<void> Guard::leave() {
  if (bridge_.empty()) return {};
  const std::string bridge = std::exchange(bridge_, "");
  // Else it is lowered for everybody: the others will see it, and it is safe without a guard.
  if (const auto done = take_out(bridge); done) return {};
  return write_setting(false);
}

base::Result<void> Guard::take_out(const std::string& bridge) {
  const auto lock = Lock::acquire(nft_);
  if (!lock) return lock.error();
  const auto state = look(nft_);
  if (!state) return state.error();
  GuardLedger ledger = state->ledger;
  ledger.enter(bridge, owner_);  // somebody may have emptied the ruleset
  ledger.leave(bridge, owner_.table);
  ledger.prune(state->tables);
  // By the descriptor that is open: there may be no other.
  if (ledger.bridges[bridge].owners.empty()) {
    if (auto lowered = write_setting(false); !lowered) return lowered.error();
  }
  if (const auto done = release_idle(nft_, ledger, state->ledger); !done) return done.error();
  return {};
}

base::Result<bool> Guard::read_setting() const {
  char value = 0;
  if (pread(setting_.get(), &value, 1, 0) != 1) return base::errno_error("read route_localnet");
  return value == '1';
}

base::Result<void> Guard::write_setting(bool raised) const {
  if (pwrite(setting_.get(), raised ? "1" : "0", 1, 0) == 1) return {};
  if (errno == ENOENT && !raised) return {};  // the bridge is no more
  return base::errno_error("set route_localnet");
}

base::Result<void> Guard::check() const {
  const auto raised = read_setting();
  if (!raised) return raised.error();
  if (!*raised) return base::plain_error("route_localnet of " + bridge_ + " was switched off");
  return {};
}

base::Result<void> Guard::restore() {
  const auto before = look(nft_);
  if (!before) return before.error();
  if (before->ledger.has(bridge_, owner_.table)) return {};
  const auto lock = Lock::acquire(nft_);
  if (!lock) return lock.error();
  const auto state = look(nft_);
  if (!state) return state.error();
  GuardLedger ledger = state->ledger;
  ledger.enter(bridge_, owner_);
  if (const auto written = nft_.run(render_guard(ledger)); !written) return written.error();
  return {};
}

base::Result<std::vector<std::string>> Guard::settle(NftContext& nft) {
  const auto lock = Lock::acquire(nft);
  if (!lock) return lock.error();
  const auto state = look(nft);
  if (!state) return state.error();
  GuardLedger ledger = state->ledger;
  ledger.prune(state->tables);
  return release_idle(nft, ledger, state->ledger);
}

}  // namespace fairlead::relay
