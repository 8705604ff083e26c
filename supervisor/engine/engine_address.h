// Where an engine is asked: a Unix socket of this machine, or wherever its command-line program can
// connect to. SPEC.md "Engines". Thread rule: values; connect_engine() forks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::engine {

struct EngineAddress {
  // As it is kept in files: the path of a socket, a URL ("ssh://…", "tcp://…"), or "context:NAME".
  std::string text;
  std::string cli = "docker";  // the engine's program

  bool is_local_socket() const { return text.starts_with('/'); }
  // How the engine's program is told: {"--host", "unix:///…"}.
  std::vector<std::string> cli_words() const;
  // The program and those words.
  std::vector<std::string> command() const;
};

// Bytes to and from the engine's API. Where that is no local socket the engine's program carries
// them, and ends with the last copy of `via`.
struct EngineConnection {
  base::UniqueFd fd;  // AF_UNIX stream, blocking
  class Carrier {
   public:
    virtual ~Carrier() = default;
    // What the program complains of: its first lines, shortened; hostile.
    virtual std::string complaint() const = 0;
  };
  std::shared_ptr<const Carrier> via;
};

// ECONNREFUSED, EACCES of a socket. A program that cannot connect is only seen by its silence and
// its complaint. Blocks no longer than a fork.
base::Result<EngineConnection> connect_engine(const EngineAddress& address);

}  // namespace fairlead::engine
