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

constexpr auto kLockPatience = std::chrono::seconds(2);
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
      const auto made = nft.run(make);
      if (made) return Lock(nft);
      const auto tables = nft.run(kListTables);
      if (!tables) return tables.error();
      if (std::chrono::steady_clock::now() >= deadline) {
        if (!read_tables(*tables).contains(kLockTable)) return made.error();
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

// A living owner table that the ledger does not know.
bool has_unlisted_owner(const Guard::State& state, const std::string& own) {
  std::set<std::string> listed{own, kLockTable, GuardLedger::kTable};
  for (const auto& [name, bridge] : state.ledger.bridges) {
    for (const GuardLedger::Owner& owner : bridge.owners) listed.insert(owner.table);
  }
  return std::any_of(state.tables.begin(), state.tables.end(), [&](const std::string& table) {
    return table.starts_with(kOwnerPrefix) && !listed.contains(table);
  });
}

// Lowers what nobody needs, then lets go of what protected it. The words say which.
base::Result<std::vector<std::string>> release_idle(NftContext& nft, GuardLedger& ledger,
                                                    const GuardLedger& before) {
  std::vector<std::string> words;
  for (const auto& [name, bridge] : ledger.take_idle()) {
    const auto raised = is_raised(name);
    const bool is_gone = !raised && raised.error().code.value() == ENOENT;
    base::Result<void> lowered;
    if (!raised && !is_gone) lowered = raised.error();
    if (raised && *raised && !bridge.was_on) lowered = set_raised(name, false);
    if (!lowered) {
      ledger.bridges[name] = bridge;  // it stays guarded
      words.push_back(lowered.error().message());
      continue;
    }
    words.push_back(bridge.was_on ? "removed the guard of " + name
                                  : "lowered route_localnet of " + name + " and removed its guard");
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

base::Result<void> Guard::enter(const std::string& bridge, const GuardLedger::Owner& owner) {
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
  ledger.prune(state->tables);
  // Somebody has emptied the ruleset, and one of us who has raised it has not put it back yet.
  const bool by_one_of_us = has_unlisted_owner(*state, owner.table);
  ledger.enter(bridge, owner, *raised && !by_one_of_us);
  // With the others' remains, if there are any.
  if (const auto done = release_idle(nft_, ledger, {}); !done) return done.error();
  bridge_ = bridge;
  owner_ = owner;
  was_on_ = ledger.bridges[bridge].was_on;
  if (*raised) return {};
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
  auto done = take_out(bridge);
  // Then it is lowered for everybody: the others will see it, and it is safe without a guard.
  if (!done && (was_on_ || write_setting(false))) return {};
  return done;
}

base::Result<void> Guard::take_out(const std::string& bridge) {
  const auto lock = Lock::acquire(nft_);
  if (!lock) return lock.error();
  const auto state = look(nft_);
  if (!state) return state.error();
  GuardLedger ledger = state->ledger;
  enter_as_before(ledger, bridge);
  ledger.leave(bridge, owner_.table);
  ledger.prune(state->tables);
  if (const auto done = release_idle(nft_, ledger, state->ledger); !done) return done.error();
  return {};
}

// Somebody may have taken us out, and who came then has seen what we had raised.
void Guard::enter_as_before(GuardLedger& ledger, const std::string& bridge) const {
  ledger.enter(bridge, owner_, was_on_);
  if (!was_on_) ledger.bridges[bridge].was_on = false;
}

base::Result<bool> Guard::read_setting() const {
  char value = 0;
  if (pread(setting_.get(), &value, 1, 0) != 1) return base::errno_error("read route_localnet");
  return value == '1';
}

base::Result<void> Guard::write_setting(bool raised) const {
  if (pwrite(setting_.get(), raised ? "1" : "0", 1, 0) == 1) return {};
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
  enter_as_before(ledger, bridge_);
  if (const auto written = nft_.run(render_guard(ledger)); !written) return written.error();
  was_on_ = ledger.bridges[bridge_].was_on;
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
