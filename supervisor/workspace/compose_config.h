// What a Compose project consists of, from what `config` prints. Pure; hostile text is refused.
// SPEC.md "Compose".
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/config/nat_wish.h"

namespace fairlead::workspace {

// Values stand as `config` prints them, with "$" doubled: fit for another Compose file.
struct ComposeService {
  std::string image;
  bool builds = false;
  std::string user;
  std::optional<std::vector<std::string>> entrypoint;  // nothing: the image's
  std::optional<std::vector<std::string>> command;
  config::NatWish nat;  // x-fairlead: {nat-proxy: …}
};

struct ComposeConfig {
  std::string name;  // version 2 says it
  std::map<std::string, ComposeService> services;
  std::set<std::string> volumes;
  std::vector<std::string> warnings;  // of what is ours in it and not known
};

base::Result<ComposeConfig> parse_compose_config(const std::string& yaml);

// Of a Compose file itself: its top-level `version` and `name`, empty where it has none, or cannot
// be read (then Compose will say so).
struct ComposeFileHead {
  std::string version;
  std::string name;
};
ComposeFileHead parse_compose_file_head(const std::string& yaml);

// The words of a command written as one string: quotes and backslashes as a POSIX shell has them,
// nothing else of a shell.
std::vector<std::string> split_words(const std::string& text);

}  // namespace fairlead::workspace
