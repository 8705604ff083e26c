#include "supervisor/cli/change_printer.h"

#include "supervisor/cli/console.h"
#include "supervisor/daemon/listing.h"

namespace fairlead::cli {

using config::Json;

void ChangePrinter::operator()(const Json& listing) {
  std::map<std::string, std::string> now;
  for (const Json& forward : listing.value("forwards", Json::array())) {
    const auto line = daemon::announcement(forward);
    if (line) now[std::to_string(forward.value("containerPort", 0))] = *line;
  }
  for (const auto& [port, line] : now) {
    if (!known_.contains(port) || known_[port] != line) say(line);
  }
  for (const auto& [port, line] : known_) {
    if (!now.contains(port)) say("Withdrawn: container " + port);
  }
  known_ = std::move(now);
}

}  // namespace fairlead::cli
