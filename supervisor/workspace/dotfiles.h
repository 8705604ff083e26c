// The user's own dotfiles, cloned and installed inside the container. SPEC.md "Lifecycle".
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "supervisor/engine/engine.h"
#include "supervisor/workspace/remote_user.h"

namespace fairlead::workspace {

struct Dotfiles {
  std::string repository;  // empty = none
  std::string install_command;
  std::string target_path = "~/dotfiles";
};

// What git clones: a URL or path as it is, "owner/name" as one of GitHub's.
std::string dotfiles_url(const std::string& repository);
// The command for the container. Its script is ours, everything else comes as arguments.
std::vector<std::string> dotfiles_argv(const Dotfiles& dotfiles);

// Once for each container. Blocks. A failure is said and stops nothing: the container is as the
// workspace wants it, whatever becomes of one person's dotfiles.
void install_dotfiles(const Dotfiles& dotfiles, engine::Engine& engine, RemoteUser& user,
                      const engine::Variables& secrets,
                      const std::function<void(const std::string&)>& say);

}  // namespace fairlead::workspace
