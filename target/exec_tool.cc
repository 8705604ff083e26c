#include "target/exec_tool.h"

#include <array>

namespace fairlead::target {
namespace {

constexpr std::array kPreference = {ExecTool::kSocat, ExecTool::kNc, ExecTool::kBash};

// socat learns that the server has ended but cannot tell the outside without ending itself, and it
// is to wait long for a server that answers late. So its output goes through a cat, and when that
// sees the end the whole group is told to go. Its status says nothing of a reset; what it prints
// does: then, and for errors, the shell ends with 1. Whoever reads that ignores the group's signal
// before it lets go of the output, so it has spoken before the pipeline is over.
constexpr const char* kSocatScript =
    "f=0; trap 'f=1' USR1; trap : TERM; exec 3<&0; "
    "{ exec 4>&1; socat -d -t 600 STDIO,shut-close \"$0\" <&3 2>&1 >&4 4>&- | "
    "{ trap '' TERM; exec 3<&- 4>&- >&-; while read -r l; do "
    "case $l in *'] E '*|*reset*) kill -USR1 $$;; esac; done; } & "
    "trap '' TERM; exec 3<&- 4>&- >&-; wait $!; } 2>/dev/null | "
    "{ exec 3<&-; cat; trap '' TERM; kill -TERM 0; }; exit $f";

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
