// The directory of ours that is mounted, read-only, into a container for the agent: its program and
// the socket at which the supervisor waits for it.
//
// It lies in the state directory, which no other user of this machine may enter; in the container
// everybody may. Nothing that is found in it is read or followed.
// SPEC.md "Agent". Thread rule: a value. No call blocks beyond the file system.
#pragma once

#include <string>
#include <string_view>

#include "base/private_directory.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::target {

class AgentDirectory {
 public:
  // In the state directory; made if it is missing.
  static base::Result<AgentDirectory> create(const base::PrivateDirectory& state,
                                             const std::string& name);
  // The one that lies at `source`, as an engine names it; whatever that says, only one of the state
  // directory's own. ENOENT: it is none.
  static base::Result<AgentDirectory> open(const base::PrivateDirectory& state,
                                           const std::string& source);
  // With all that is ours in it; what is not there is not missed.
  static void remove(const base::PrivateDirectory& state, const std::string& source);

  const std::string& path() const { return path_; }

  // Writes the program under its name, whole or not at all, and removes those of other names.
  base::Result<void> put_program(const std::string& name, std::string_view bytes) const;
  // A packet socket that listens in it, for whoever is in the container; replaces an older one.
  base::Result<base::UniqueFd> listen() const;
  void remove_socket() const;

  static constexpr const char* kSocketName = "socket";

 private:
  AgentDirectory(base::UniqueFd fd, std::string path)
      : fd_(std::move(fd)), path_(std::move(path)) {}
  void remove_programs(const std::string& kept) const;

  base::UniqueFd fd_;
  std::string path_;
};

}  // namespace fairlead::target
