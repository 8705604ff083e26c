// Host names as one container resolves them: its hosts file, then its name server, both as its
// engine has written them on this host. SPEC.md "Other hosts". Thread rule: the loop's thread.
#pragma once

#include <string>

#include "target/name_lookup.h"

namespace fairlead::target {

class ContainerNames {
 public:
  // Paths on this host; empty = not known.
  ContainerNames(std::string hosts_path, std::string resolv_conf_path)
      : hosts_path_(std::move(hosts_path)), resolv_conf_path_(std::move(resolv_conf_path)) {}

  // An address means itself. Reads two small files, the rest does not block. Failures as of
  // look_up_name(), and EINVAL for what is no host name.
  void resolve(boost::asio::io_context& loop, const std::string& host, OpenSocket open,
               const LookupDone& done) const;

 private:
  std::string hosts_path_;
  std::string resolv_conf_path_;
};

}  // namespace fairlead::target
