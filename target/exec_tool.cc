#include "target/exec_tool.h"

#include <array>

namespace fairlead::target {
namespace {

constexpr std::array kPreference = {ExecTool::kSocat, ExecTool::kNc, ExecTool::kBash};

// socat learns that the server has ended but cannot tell the outside without ending itself, and it
// is to wait long for a server that answers late. So its output goes through a cat, and when that
// sees the end the whole group is told to go. A socat that could not connect ends with 1, and then
// so does the shell.
constexpr const char* kSocatScript =
    "trap 'exit 1' USR1; trap 'exit 0' TERM; exec 3<&0; "
    "{ socat -t 600 STDIO,shut-close \"$0\" <&3 & exec 3<&- >&-; trap '' TERM; wait $!; "
    "[ $? -eq 1 ] && kill -USR1 $$; } 2>/dev/null | "
    "{ exec 3<&-; cat; trap '' TERM; kill -TERM 0; }; exit 0";

// What breaks in the middle must not look like the end, so the status is cat's. Without half-close,
// a server that waits for its client's end gets it a minute late.
constexpr const char* kBashScript =
    "exec 3<&0; exec 4<>\"/dev/tcp/$0/$1\" || exit 1; "
    "{ cat <&3 >&4; sleep 60; kill $$; } >/dev/null 2>&1 & cat <&4; s=$?; kill $!; exit $s";

std::string host_of(const base::Endpoint& endpoint) { return endpoint.address.to_string(); }

}  // namespace

const char* name_of(ExecTool tool) {
  switch (tool) {
    case ExecTool::kSocat:
      return "socat";
    case ExecTool::kNc:
      return "nc";
    case ExecTool::kBash:
      return "bash";
  }
  return "";
}

std::vector<std::string> probe_command() {
  return {"sh", "-c",
          "echo sh; for t in socat nc bash cat; do command -v $t >/dev/null && echo $t; done; :"};
}

std::vector<std::string> probe_command(ExecTool tool) {
  switch (tool) {
    case ExecTool::kSocat:
      return {"socat", "-V"};
    case ExecTool::kNc:
      return {"nc", "-h"};
    case ExecTool::kBash:
      return {"bash", "-c", ":"};
  }
  return {};
}

ExecTools parse_probe(std::string_view printed) {
  const auto has = [&](std::string_view word) {
    std::string_view rest = printed;
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      std::string_view line = rest.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line == word) return true;
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    return false;
  };
  ExecTools tools;
  tools.has_shell = has("sh");
  tools.has_cat = has("cat");
  for (const ExecTool tool : kPreference) {
    if (!tools.best && has(name_of(tool))) tools.best = tool;
  }
  return tools;
}

std::vector<std::string> connect_command(const ExecTools& tools, const base::Endpoint& endpoint) {
  if (!tools.best) return {};
  const std::string port = std::to_string(endpoint.port);
  const std::string socat_address =
      (endpoint.address.family() == base::Family::kIpv6 ? "TCP6:" : "TCP4:") +
      endpoint.to_string() + ",nodelay";
  switch (*tools.best) {
    case ExecTool::kSocat:
      if (tools.has_shell && tools.has_cat) return {"sh", "-c", kSocatScript, socat_address};
      return {"socat", "-t", "10", "-", socat_address};
    case ExecTool::kNc:
      return {"nc", host_of(endpoint), port};
    case ExecTool::kBash:
      return {"bash", "-c", kBashScript, host_of(endpoint), port};
  }
  return {};
}

std::vector<std::string> read_sockets_command(const ExecTools& tools) {
  if (tools.has_cat) return {"cat", "/proc/net/tcp", "/proc/net/tcp6"};
  if (tools.best == ExecTool::kBash) {
    return {"bash", "-c", "echo \"$(</proc/net/tcp)\"; echo \"$(</proc/net/tcp6)\""};
  }
  return {};
}

}  // namespace fairlead::target
