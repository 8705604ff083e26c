// The Compose file that is laid over a project's own: what devcontainer.json says of the service.
// JSON is YAML, so it is written as JSON. Pure. SPEC.md "Compose".
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace fairlead::workspace {

// Plain text everywhere; "$" is doubled when it is written, so nothing is replaced by Compose.
struct ComposeOverride {
  std::string file_version;  // `version` of the project's files; empty = none
  std::string service;
  std::string image;              // in place of the service's own; empty = that one
  std::map<std::string, std::string> labels;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string user;
  bool init = false;
  bool privileged = false;
  std::vector<std::string> cap_add;
  std::vector<std::string> security_opt;
  std::vector<std::string> mounts;         // as --mount takes them
  std::set<std::string> declared_volumes;  // by the project itself
};

// Start of the container, where it is not simply the service's own. These words are written as they
// are: "$" stands doubled in them already.
struct ComposeStart {
  std::vector<std::string> entrypoint;
  std::optional<std::vector<std::string>> command;  // nothing: the service's
};

std::string compose_override_text(const ComposeOverride& what,
                                  const std::optional<ComposeStart>& start);

// "$" doubled, as a Compose file wants a "$" that means itself.
std::string compose_escaped(const std::string& text);

// A --mount's fields: CSV of key=value and flags. Aliases (src, dst, destination) are resolved.
std::map<std::string, std::string> parse_mount_fields(const std::string& mount);

}  // namespace fairlead::workspace
