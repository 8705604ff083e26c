#include "supervisor/daemon/browser.h"

namespace fairlead::daemon {
namespace {

// A container that opens and closes ports all day is no reason for as many windows.
constexpr std::size_t kMostAtOnce = 4;

}  // namespace

std::vector<std::string> BrowserWishes::observe(const ContainerView& container,
                                                const std::vector<ForwardView>& forwards) {
  using config::OnAutoForward;
  std::vector<std::string> urls;
  std::set<PortKey> now;
  for (const ForwardView& forward : forwards) {
    if (forward.host_port == 0 || !forward.port.listening || container.paused) continue;
    const PortKey key = forward.port.key();
    now.insert(key);
    if (open_.contains(key)) continue;
    const auto wish = forward.port.attributes.on_auto_forward.value_or(OnAutoForward::kNotify);
    const bool once = wish == OnAutoForward::kOpenBrowserOnce;
    if (!once && wish != OnAutoForward::kOpenBrowser && wish != OnAutoForward::kOpenPreview) {
      continue;
    }
    if (!opened_.insert(key).second && once) continue;
    if (auto url = url_of(forward)) urls.push_back(std::move(*url));
  }
  open_ = std::move(now);
  return urls;
}

std::vector<std::string> Browser::open(const std::vector<std::string>& command,
                                       const std::vector<std::string>& urls) {
  std::vector<std::string> troubles;
  std::erase_if(running_, [](base::ChildProcess& child) { return child.try_wait().has_value(); });
  if (command.empty()) return troubles;
  for (const std::string& url : urls) {
    if (running_.size() >= kMostAtOnce) {
      troubles.push_back("not opened in a browser, too many are being opened: " + url);
      continue;
    }
    base::SpawnOptions options;
    options.argv = command;
    options.argv.push_back(url);
    auto child = base::spawn(options);
    if (child) {
      running_.push_back(std::move(*child));
    } else {
      troubles.push_back("cannot open " + url + " in a browser: " + child.error().message());
    }
  }
  return troubles;
}

}  // namespace fairlead::daemon
