#include "supervisor/daemon/relay_chooser.h"

#include <algorithm>
#include <cerrno>

namespace fairlead::daemon {
namespace {

using boost::system::error_code;

constexpr auto kCheck = std::chrono::seconds(2);
constexpr auto kFailureBelieved = std::chrono::seconds(10);
constexpr auto kLookAgain = std::chrono::seconds(20);

bool is_direct(const ForwardView& forward) {
  return forward.host_port != 0 && forward.port.relay == RelayKind::kDirect &&
         !forward.port.targets.empty();
}

bool lacks_way(const ForwardView& forward) { return forward.port.refusal == Refusal::kNoRelay; }

}  // namespace

RelayChooser::RelayChooser(boost::asio::io_context& loop, std::function<void()> on_change)
    : on_change_(on_change), trials_(loop, std::move(on_change)), timer_(loop) {}

void RelayChooser::choose(Wish& wish, const std::shared_ptr<ContainerSession>& session,
                          const std::vector<base::IpAddress>& addresses,
                          std::optional<RelayKind> forced) {
  Capabilities can = session->capabilities();
  can.addresses = addresses;
  const auto questions = choose_relays(wish, can, forced, [this](const base::Endpoint& endpoint) {
    return trials_.evidence(endpoint);
  });
  session_ = session;
  for (const RelayKind kind : questions.look_for) look_for(kind);
  trials_.start(questions.trials, [weak = std::weak_ptr(session)](const base::IpAddress& address) {
    const auto still = weak.lock();
    return still ? still->confirm_address(address)
                 : base::Result<void>(base::errno_error(ESRCH, "the container"));
  });
}

void RelayChooser::look_for(RelayKind kind) {
  const auto session = session_.lock();
  if (!session || !looking_.insert(kind).second) return;
  if (kind == RelayKind::kExec) looked_ = base::steady_now();
  session->look_for(kind, [this, kind] {
    looking_.erase(kind);
    on_change_();
  });
}

void RelayChooser::watch(Views views) {
  const auto now = views();
  const bool rests_on_something =
      trials_.have_failures() || std::any_of(now.begin(), now.end(), [](const ForwardView& view) {
        return is_direct(view) || lacks_way(view);
      });
  if (!rests_on_something) return;
  if (std::exchange(armed_, true)) return;
  timer_.expires_after(kCheck);
  timer_.async_wait([this, views = std::move(views)](error_code code) {
    if (code) return;
    armed_ = false;
    check(views);
  });
}

void RelayChooser::check(const Views& views) {
  bool again = trials_.doubt_failures_older_than(kFailureBelieved);
  for (const ForwardView& forward : views()) {
    // Somebody may have installed what was missing.
    if (lacks_way(forward) && base::steady_now() - looked_ > kLookAgain) {
      look_for(RelayKind::kExec);
    }
    if (!is_direct(forward)) continue;
    std::uint64_t& known = failed_[forward.port.key()];
    if (forward.stats.failed > known) {
      trials_.doubt(forward.port.targets.front());
      again = true;
    }
    known = forward.stats.failed;
  }
  if (again) return on_change_();
  watch(views);
}

void RelayChooser::clear() {
  trials_.clear();
  timer_.cancel();
  armed_ = false;
  session_.reset();
  looking_.clear();
  failed_.clear();
}

}  // namespace fairlead::daemon
