// Programs that a container may have and that carry a connection over the stdio of an `exec`: which
// one to use, and how. Pure. SPEC.md "Relays", kind `exec`.
//
// What each can do: socat passes the client's half-close on and ends with the server; nc does as
// that nc does; bash cannot half-close. None can pass on that the server has ended its direction
// while it still reads: the connection ends with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"

namespace fairlead::target {

enum class ExecTool : std::uint8_t { kSocat, kNc, kBash };

const char* name_of(ExecTool tool);

// What a container has.
struct ExecTools {
  std::optional<ExecTool> best;
  bool has_shell = false;
  bool has_cat = false;
};

// A command that prints, a line each, which of the tools there are; needs a shell. Without one the
// tools are tried one by one by their own harmless commands.
std::vector<std::string> probe_command();
ExecTools parse_probe(std::string_view printed);
std::vector<std::string> probe_command(ExecTool tool);

// Connects its stdin and stdout to `endpoint`. Ends with a status other than 0 if it could not.
std::vector<std::string> connect_command(const ExecTools& tools, const base::Endpoint& endpoint);

// Prints both tables of sockets, one after the other; empty if nothing in the container can.
std::vector<std::string> read_sockets_command(const ExecTools& tools);

}  // namespace fairlead::target
