#include "supervisor/daemon/nat_way.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "detect/cgroups.h"
#include "relay/nat/connect_table.h"
#include "relay/nat/local_route.h"
#include "relay/nat/nft_table.h"

namespace fairlead::daemon {
namespace {

using boost::system::error_code;
using Descriptor = boost::asio::posix::stream_descriptor;

constexpr auto kProbeAgain = std::chrono::seconds(5);
constexpr auto kEndAgain = std::chrono::milliseconds(100);
constexpr auto kSettled = 2 * kEndAgain;
constexpr int kMostFailures = 2;

relay::KernelTable::Key key_of(std::uint16_t host_port) {
  return {{base::IpAddress::loopback4(), host_port}, relay::KernelTable::Protocol::kTcp};
}

bool is_v4(const base::IpAddress& address) { return address.family() == base::Family::kIpv4; }

using Table = std::unique_ptr<relay::KernelTable>;

// The better backend that can be had.
base::Result<Table> make_table(const std::string& interface) {
  auto connect = relay::ConnectTable::create(detect::cgroup2_mount());
  if (connect) return Table(std::move(*connect));
  auto nft = relay::NftTable::create(interface);
  if (nft) return Table(std::move(*nft));
  return base::plain_error(connect.error().message() + "; " + nft.error().message());
}

}  // namespace

NatWay::NatWay(boost::asio::io_context& loop, Handlers handlers)
    : loop_(loop),
      handlers_(std::move(handlers)),
      timer_(loop),
      changes_(loop),
      table_changes_(loop) {
  way_.state = WayIn::State::kNotLookedFor;
}

std::optional<base::IpAddress> NatWay::address() const {
  return way_.open() ? address_ : std::nullopt;
}

void NatWay::set_addresses(const std::vector<base::IpAddress>& addresses) {
  if (addresses == addresses_) return;
  addresses_ = addresses;
  const bool is_kept = address_ && is_known(*address_);
  if (way_.open() && is_kept) {
    way_.words = words();
    return;
  }
  patience_.reset();
  drop(is_kept ? Address::kStays : Address::kGoes);
  const std::string why = "its addresses have changed";
  const auto now = std::chrono::steady_clock::now();
  if (now >= not_before_) return settle({WayIn::State::kNotLookedFor, why});
  look_again_after(std::chrono::ceil<std::chrono::milliseconds>(not_before_ - now));
  settle({WayIn::State::kClosed, why});
}

bool NatWay::is_known(const base::IpAddress& address) const {
  return std::find(addresses_.begin(), addresses_.end(), address) != addresses_.end();
}

std::string NatWay::words() const {
  std::string words = std::string("by the kernel (") + table_->backend() + "), to " +
                      address_->to_string() + " through " + interface_;
  const auto count = std::count_if(addresses_.begin(), addresses_.end(), is_v4);
  if (count > 1) words += ", the first of its " + std::to_string(count);
  return words;
}

void NatWay::look(std::function<void()> done) {
  if (way_.state != WayIn::State::kNotLookedFor) return done();
  waiting_.push_back(std::move(done));
  if (waiting_.size() > 1) return;
  attempt_ = std::make_shared<int>();
  if (std::none_of(addresses_.begin(), addresses_.end(), is_v4)) {
    return shut("it has no IPv4 address");
  }
  // Its changes are watched before it is used: none after the proof remains unseen.
  open(target::SocketKind::kRoute, &NatWay::choose_address);
}

void NatWay::open(target::SocketKind kind, void (NatWay::*opened)(base::UniqueFd)) {
  const bool asked = handlers_.open(
      kind, [attempt = std::weak_ptr(attempt_), this, opened](base::Result<base::UniqueFd> fd) {
        if (attempt.expired()) return;
        if (!fd) return shut(fd.error().message());
        (this->*opened)(std::move(*fd));
      });
  if (!asked) shut("its network is not to be entered");
}

// By a socket of the container's network.
void NatWay::choose_address(base::UniqueFd fd) {
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_IPV4_IFADDR;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) != 0) {
    return shut(base::errno_error("watch the container's addresses").message());
  }
  auto netlink = relay::NetlinkSocket::adopt(std::move(fd), "ask for the container's addresses");
  const auto found = relay::addresses_in_order(netlink);
  if (!found) return shut(found.error().message());
  const auto first =
      std::find_if(found->begin(), found->end(), [&](const auto& one) { return is_known(one); });
  if (first == found->end()) return shut("its address is not there");
  address_ = *first;
  if (const auto prepared = prepare(); !prepared) return shut(prepared.error().message());
  changes_.assign(netlink.release().release());
  wait_for_change();
  open(target::SocketKind::kUdp4, &NatWay::begin_probe);
}

base::Result<void> NatWay::prepare() {
  auto interface = relay::local_interface(*address_);
  if (!interface) return interface.error();
  interface_ = std::move(*interface);
  auto table = make_table(interface_);
  if (!table) return table.error();
  table_ = std::move(*table);
  if (table_->changes() >= 0) {
    const int changes = fcntl(table_->changes(), F_DUPFD_CLOEXEC, 0);
    if (changes < 0) return base::errno_error("watch the kernel's table");
    table_changes_.assign(changes);
    watch_table();
  }
  return {};
}

void NatWay::wait_for_change() {
  changes_.async_wait(Descriptor::wait_read,
                      [attempt = std::weak_ptr(attempt_), this](error_code failure) {
                        if (failure || attempt.expired()) return;
                        if (address_goes()) return shut("its address has gone", Address::kGoes);
                        wait_for_change();
                      });
}

// What is lost, or makes no sense, may have said so.
bool NatWay::address_goes() {
  char buffer[16384];
  for (;;) {
    const ssize_t count = recv(changes_.native_handle(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno != EAGAIN;
    if (count == 0) return true;
    if (relay::takes_away({buffer, static_cast<std::size_t>(count)}, *address_)) return true;
  }
}

void NatWay::begin_probe(base::UniqueFd fd) {
  auto probe = NatProbe::create(loop_, *table_, *address_, std::move(fd));
  if (!probe) return shut(probe.error().message());
  probe_ = std::move(*probe);
  probe_->run([this](const base::Result<void>& outcome) { probed(outcome); });
}

void NatWay::probed(const base::Result<void>& outcome) {
  failures_ = outcome ? 0 : failures_ + 1;
  if (!outcome && (!way_.open() || failures_ >= kMostFailures)) {
    return shut(outcome.error().message());
  }
  next_probe_ = std::chrono::steady_clock::now() + kProbeAgain;
  if (way_.open()) return check_later();
  patience_.reset();
  settle({WayIn::State::kOpen, words()});
}

void NatWay::watch_table() {
  table_changes_.async_wait(Descriptor::wait_read,
                            [attempt = std::weak_ptr(attempt_), this](error_code failure) {
                              if (failure || attempt.expired()) return;
                              if (const auto checked = table_->check(); !checked) {
                                return shut(checked.error().message());
                              }
                              watch_table();
                            });
}

// As long as the kernel sends anything.
void NatWay::check_later() {
  if (host_ports_.empty()) return;
  timer_.expires_after(table_->check_interval());
  timer_.async_wait([attempt = std::weak_ptr(attempt_), this](error_code failure) {
    if (!failure && !attempt.expired() && !host_ports_.empty()) check();
  });
}

void NatWay::check() {
  if (const auto checked = table_->check(); !checked) return shut(checked.error().message());
  const auto now = std::chrono::steady_clock::now();
  if (now < next_probe_) return check_later();
  next_probe_ = now + kProbeAgain;  // one at a time
  probe_->run([this](const base::Result<void>& outcome) { probed(outcome); });
}

bool NatWay::set(std::uint16_t host_port, const base::Endpoint& target) {
  if (!way_.open()) return false;
  if (const auto done = table_->set(key_of(host_port), target); !done) {
    handlers_.log("host port " + std::to_string(host_port) + ": " + done.error().message());
    return false;
  }
  const bool is_first = host_ports_.empty();
  host_ports_.insert(host_port);
  if (is_first) check_later();
  return true;
}

void NatWay::remove(std::uint16_t host_port) {
  if (table_) table_->remove(key_of(host_port));
  host_ports_.erase(host_port);
}

std::uint64_t NatWay::connections(std::uint16_t host_port) const {
  return table_ ? table_->connections(key_of(host_port)) : 0;
}

// The kernel forgets everything first; then people are told.
void NatWay::shut(const std::string& why, Address address) {
  drop(address);
  if (way_.open()) handlers_.log("no longer by the kernel: " + why);
  look_again_after(patience_.next());
  settle({WayIn::State::kClosed, why});
}

void NatWay::look_again_after(std::chrono::milliseconds pause) {
  attempt_ = std::make_shared<int>();
  timer_.expires_after(pause);
  timer_.async_wait([attempt = std::weak_ptr(attempt_), this](error_code failure) {
    if (failure || attempt.expired()) return;
    way_ = {WayIn::State::kNotLookedFor, ""};
    handlers_.on_change();
  });
}

void NatWay::drop(Address address) {
  probe_.reset();
  if (address == Address::kGoes && table_) end_twice();
  table_.reset();
  host_ports_.clear();
  failures_ = 0;
  attempt_.reset();
  error_code ignored;
  changes_.close(ignored);
  table_changes_.close(ignored);
  timer_.cancel();
}

// Now, and once more when what was just being made has come about: after a moment, or when the loop
// ends. Sooner than a SYN is repeated, and than the next table for that address is made.
void NatWay::end_twice() {
  struct Departing {
    explicit Departing(std::unique_ptr<relay::KernelTable> one) : table(std::move(one)) {
      table->end();
    }
    Departing(const Departing&) = delete;
    Departing& operator=(const Departing&) = delete;
    ~Departing() { table->end(); }
    std::unique_ptr<relay::KernelTable> table;
  };
  const auto departing = std::make_shared<Departing>(std::move(table_));
  const auto later = std::make_shared<boost::asio::steady_timer>(loop_, kEndAgain);
  later->async_wait([later, departing](error_code) {});
  not_before_ = std::chrono::steady_clock::now() + kSettled;
}

void NatWay::settle(WayIn way) {
  const bool was_open = way_.open();
  way_ = std::move(way);
  for (const auto& done : std::exchange(waiting_, {})) done();
  if (was_open) handlers_.on_change();
}

void NatWay::close() {
  drop(Address::kGoes);
  waiting_.clear();
}

}  // namespace fairlead::daemon
