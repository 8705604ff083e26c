#include "relay/stream_relay.h"

#include <sys/socket.h>

#include <algorithm>

#include "relay/relay_shard.h"

namespace fairlead::relay {
namespace {

SharedRoute shared(Route route) {
  std::stable_partition(
      route.targets.begin(), route.targets.end(),
      [](const base::Endpoint& target) { return target.address.family() == base::Family::kIpv6; });
  return std::make_shared<const Route>(std::move(route));
}

}  // namespace

StreamRelay::StreamRelay(DataPlane& plane, std::vector<base::UniqueFd> listeners, Route route) {
  for (base::UniqueFd& listener : listeners) {
    listeners_.push_back(std::make_shared<const base::UniqueFd>(std::move(listener)));
  }
  const SharedRoute common = shared(std::move(route));
  std::vector<std::weak_ptr<RelayShard>> siblings;
  for (EventLoop* loop : plane.loops()) {
    shards_.push_back(std::make_shared<RelayShard>(*loop, common));
    siblings.push_back(shards_.back());
  }
  for (const auto& shard : shards_) {
    shard->loop().post([shard, siblings, shared = listeners_] { shard->start(shared, siblings); });
  }
}

StreamRelay::~StreamRelay() {
  if (!stopped_) stop(std::chrono::milliseconds(0));
}

void StreamRelay::reroute(Route route) {
  const SharedRoute common = shared(std::move(route));
  for (const auto& shard : shards_) {
    shard->loop().post([shard, common] { shard->reroute(common); });
  }
}

void StreamRelay::stop(std::chrono::milliseconds drain) {
  stopped_ = true;
  // Refuses clients from this moment, however busy the data plane is, and lets the port be bound
  // again before it gets round to closing.
  for (const SharedListener& listener : listeners_) shutdown(listener->get(), SHUT_RDWR);
  listeners_.clear();
  for (const auto& shard : shards_) {
    shard->loop().post([shard, drain] { shard->stop(drain); });
  }
}

RelayStats StreamRelay::stats() const {
  RelayStats sum;
  for (const auto& shard : shards_) {
    const RelayStats part = shard->stats();
    sum.open += part.open;
    sum.total += part.total;
    sum.failed += part.failed;
    sum.bytes_to_container += part.bytes_to_container;
    sum.bytes_from_container += part.bytes_from_container;
    if (!part.last_error.empty()) sum.last_error = part.last_error;
  }
  return sum;
}

}  // namespace fairlead::relay
