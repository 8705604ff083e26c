#include "supervisor/daemon/service_names.h"

#include <algorithm>
#include <cerrno>

namespace fairlead::daemon {
namespace {

// An address may change without an event of our engine; a name that is not there may appear.
constexpr auto kLookForNamesAgain = std::chrono::seconds(10);
constexpr auto kLookForMissingAgain = std::chrono::seconds(2);

}  // namespace

ServiceNames::ServiceNames(boost::asio::io_context& loop, std::function<void()> on_change)
    : on_change_(std::move(on_change)), timer_(loop) {}

void ServiceNames::want(const std::set<std::string>& names,
                        const std::shared_ptr<ContainerSession>& session) {
  session_ = session;
  std::erase_if(known_, [&](const auto& entry) { return !names.contains(entry.first); });
  std::vector<std::string> fresh;
  for (const std::string& name : names) {
    if (known_.try_emplace(name).second) fresh.push_back(name);
  }
  for (const std::string& name : fresh) look_up(name);
  if (!fresh.empty()) arm();
}

void ServiceNames::refresh() {
  std::vector<std::string> names;
  for (const auto& [name, entry] : known_) names.push_back(name);
  for (const std::string& name : names) look_up(name);
}

bool ServiceNames::under_way() const {
  return std::any_of(known_.begin(), known_.end(),
                     [](const auto& entry) { return !entry.second.known; });
}

void ServiceNames::look_up(const std::string& name) {
  const auto session = session_.lock();
  if (!session) return;
  session->resolve(name, [this, name](auto result) { learned(name, std::move(result)); });
}

void ServiceNames::learned(const std::string& name,
                           base::Result<std::vector<base::IpAddress>> result) {
  const auto found = known_.find(name);
  if (found == known_.end()) return;
  const ServiceAddress before = found->second;
  ServiceAddress& entry = found->second;
  entry.known = true;
  if (result) {
    entry.addresses = std::move(*result);
    std::sort(entry.addresses.begin(), entry.addresses.end(), [](const auto& a, const auto& b) {
      return std::pair(b.family(), a) < std::pair(a.family(), b);  // IPv6 first: relay/dialer.h
    });
    entry.problem.clear();
  } else {
    // A server that does not answer says nothing of the address.
    if (result.error().code.value() == ENOENT) entry.addresses.clear();
    entry.problem = entry.addresses.empty() ? result.error().message() : "";
  }
  if (entry != before) on_change_();
}

void ServiceNames::arm() {
  const bool missing = std::any_of(known_.begin(), known_.end(), [](const auto& entry) {
    return entry.second.addresses.empty();
  });
  timer_.expires_after(missing ? kLookForMissingAgain : kLookForNamesAgain);
  timer_.async_wait([this](boost::system::error_code failure) {
    if (failure || known_.empty() || session_.expired()) return;
    refresh();
    arm();
  });
}

void ServiceNames::clear() {
  timer_.cancel();
  known_.clear();
  session_.reset();
}

}  // namespace fairlead::daemon
