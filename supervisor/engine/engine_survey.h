// What there is of engines on this machine, as facts for `doctor`: programs, sockets, answers, and
// whether the kernel grants the namespaces of `run`. SPEC.md "doctor".
// Thread rule: one thread, and no other in the program (survey_native() forks). Blocks, bounded.
#pragma once

#include <string>
#include <vector>

namespace fairlead::engine {

struct EngineFacts {
  std::string name;            // "docker"
  bool supported = true;       // by this program
  bool command_found = false;  // its command-line program
  std::string command;         // what was looked for
  std::string socket;          // where it is asked; empty: see `trouble`
  bool remote = false;         // that is no socket of this machine
  std::string chosen_by;       // "DOCKER_HOST" where that named the socket
  std::string group;           // whose members may use the socket; empty: nobody's but root's
  int connect_error = 0;       // errno of reaching the socket; 0: reached
  bool answers = false;
  std::string trouble;       // why not, where no errno says it
  std::string version;       // the engine's own
  bool rootless = false;     // it runs as an ordinary user
  bool has_systemd = false;  // services are systemd's here
  bool has_apt = false;      // packages are APT's here
};

// Those that the program supports and those that it knows of.
std::vector<EngineFacts> survey_engines(const std::string& docker_path);

struct NativeFacts {
  bool possible = false;
  std::string refusal;  // a sentence that names the setting to blame, where it can be told
};
// Makes the namespaces of `run`, and gives them up again.
NativeFacts survey_native();

}  // namespace fairlead::engine
