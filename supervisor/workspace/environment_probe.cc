#include "supervisor/workspace/environment_probe.h"

#include <algorithm>
#include <cctype>

namespace fairlead::workspace {
namespace {

// Arguments: mark, user (name or uid), flags of the shell, the same for a PowerShell. Without the
// latter two only home and shell are printed.
constexpr const char* kProbeScript = R"SCRIPT(
mark=$1 user=$2 home= shell=
known() {
  { command -v getent >/dev/null 2>&1 && getent passwd "$1"; } ||
    { [ -r /etc/passwd ] && while IFS= read -r row || [ -n "$row" ]; do
      case $row in "$1":*|*:*:"$1":*) printf '%s\n' "$row"; break ;; esac
    done </etc/passwd; }
}
row=$(known "$user")
if [ -n "$row" ]; then shell=${row##*:}; row=${row%:*}; home=${row##*:}; fi
if [ -n "${SHELL:-}" ]; then shell=$SHELL; fi
if [ -z "$shell" ]; then shell=/bin/sh; fi
printf '%s' "$mark$home$mark$shell$mark"
if [ $# -lt 4 ]; then exit 0; fi
flags=$3
case ${shell##*/} in pwsh|pwsh-preview) flags=$4 ;; esac
ask="printf %s $mark; cat /proc/self/environ || printenv; printf %s $mark"
if [ "$flags" = "-Login -Command" ]; then exec "$shell" -Login -Command "$ask"; fi
exec "$shell" "$flags" "$ask"
)SCRIPT";

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0;;) {
    const std::size_t end = text.find(separator, at);
    parts.push_back(text.substr(at, end - at));
    if (end == std::string_view::npos) return parts;
    at = end + separator.size();
  }
}

engine::Variables to_variables(std::string_view text) {
  // From procfs, or as printenv prints them.
  const std::string_view separator =
      text.find('\0') != std::string_view::npos ? std::string_view("\0", 1) : "\n";
  engine::Variables variables;
  for (const std::string_view entry : split(text, separator)) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    const std::string_view name = entry.substr(0, equals);
    if (name == "PWD") continue;
    variables.emplace_back(name, entry.substr(equals + 1));
  }
  return variables;
}

}  // namespace

std::vector<std::string> probe_argv(const std::string& kind, const std::string& user,
                                    const std::string& mark) {
  std::vector<std::string> argv{"/bin/sh", "-c", kProbeScript, "sh", mark, user};
  if (kind == "loginInteractiveShell") argv.insert(argv.end(), {"-lic", "-Login -Command"});
  if (kind == "loginShell") argv.insert(argv.end(), {"-lc", "-Login -Command"});
  if (kind == "interactiveShell") argv.insert(argv.end(), {"-ic", "-Command"});
  return argv;
}

std::optional<ProbeAnswer> parse_probe(std::string_view output, const std::string& mark) {
  // mark HOME mark SHELL mark noise mark ENVIRONMENT mark
  const auto parts = split(output, mark);
  if (parts.size() < 4) return std::nullopt;
  ProbeAnswer answer;
  answer.home = parts[1];
  answer.shell = parts[2].empty() ? "/bin/sh" : std::string(parts[2]);
  if (parts.size() >= 6) answer.environment = to_variables(parts[4]);
  return answer;
}

bool is_variable_name(const std::string& name) {
  const auto is_word = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name.front())) == 0 &&
         std::all_of(name.begin(), name.end(), is_word);
}

std::string merge_paths(const std::string& of_shell, const std::string& of_container, bool root) {
  std::vector<std::string_view> result = split(of_shell, ":");
  std::size_t at = 0;  // where the next missing one belongs: after its predecessor
  for (const std::string_view directory : split(of_container, ":")) {
    const auto found = std::find(result.begin(), result.end(), directory);
    if (found != result.end()) {
      at = static_cast<std::size_t>(found - result.begin()) + 1;
      continue;
    }
    const bool administrative =
        directory.ends_with("/sbin") || directory.find("/sbin/") != std::string_view::npos;
    if (administrative && !root) continue;
    result.insert(result.begin() + static_cast<std::ptrdiff_t>(at), directory);
    ++at;
  }
  std::string path;
  for (std::size_t i = 0; i < result.size(); ++i)
    path += (i > 0 ? ":" : "") + std::string(result[i]);
  return path;
}

}  // namespace fairlead::workspace
