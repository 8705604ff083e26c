#include "target/container_names.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/text_file.h"

namespace fairlead::target {
namespace {

constexpr std::size_t kFileLimit = 64U << 10;

// The container can write into these files: a regular one, without following links or waiting.
std::string read_small(const std::string& path) {
  if (path.empty()) return {};
  const base::UniqueFd fd(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!fd || fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  auto text = base::read_all(fd, kFileLimit, path);
  return text ? std::move(*text) : std::string();
}

}  // namespace

void ContainerNames::resolve(boost::asio::io_context& loop, const std::string& host,
                             OpenSocket open, const LookupDone& done) const {
  if (const auto address = base::IpAddress::parse(host)) return done({{*address}});
  if (!is_host_name(host)) return done(base::errno_error(EINVAL, "host name \"" + host + "\""));
  auto addresses = addresses_in_hosts(read_small(hosts_path_), host);
  if (!addresses.empty()) {
    std::stable_partition(addresses.begin(), addresses.end(), [](const base::IpAddress& address) {
      return address.family() == base::Family::kIpv6;
    });
    return done(std::move(addresses));
  }
  look_up_name(loop, host, parse_resolver_settings(read_small(resolv_conf_path_)), std::move(open),
               done);
}

}  // namespace fairlead::target
