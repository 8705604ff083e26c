#include "supervisor/daemon/network_sharing.h"

namespace fairlead::daemon {
namespace {

constexpr auto kInterval = std::chrono::seconds(2);

}  // namespace

void NetworkSharing::begin(bool known) {
  running_ = true;
  shared_ = known;
}

void NetworkSharing::end() {
  running_ = false;
  shared_ = false;
  reason_.clear();
  timer_.cancel();
}

void NetworkSharing::look_for_sharers() {
  if (shared_ || !running_) return;
  context_.engine.has_sharer(context_.marker.container_id,
                             [weak = weak_from_this(), this](bool found) {
                               const auto self = weak.lock();
                               if (!self || !found || !running_ || shared_) return;
                               shared_ = true;
                               context_.on_shared();
                               check();
                             });
}

void NetworkSharing::check() {
  if (!running_ || !shared_) return;
  const auto markers = std::make_shared<std::vector<Marker>>();
  context_.worker.run(
      [markers, &directory = context_.supervisors] { *markers = living_markers(directory); },
      [weak = weak_from_this(), this, markers] {
        const auto self = weak.lock();
        if (!self) return;
        if (running_) yield_to_elder(*markers);
        context_.on_looked();
      });
  timer_.expires_after(kInterval);
  timer_.async_wait([weak = weak_from_this(), this](boost::system::error_code code) {
    const auto self = weak.lock();
    if (!code && self) check();
  });
}

void NetworkSharing::yield_to_elder(const std::vector<Marker>& markers) {
  const std::uint64_t cookie = context_.marker.namespace_cookie;
  std::string elder;
  for (const Marker& marker : markers) {
    if (cookie == 0 || marker.namespace_cookie != cookie) continue;
    const auto age = [](const Marker& m) {
      return std::pair(m.process.start_ticks, m.process.pid);
    };
    if (age(marker) < age(context_.marker)) elder = marker.container_name;
  }
  const std::string reason =
      elder.empty() ? "" : "forwarded for container " + elder + ", which shares this network";
  if (std::exchange(reason_, reason) != reason) context_.on_reason();
}

}  // namespace fairlead::daemon
