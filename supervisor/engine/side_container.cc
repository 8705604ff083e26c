#include "supervisor/engine/side_container.h"

#include <cerrno>

namespace fairlead::engine {
namespace {

constexpr const char* kImage = "fairlead-side:1";

// The engine reads a mount as one line of CSV.
std::string quoted(const std::string& field) {
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

}  // namespace

base::Result<void> ensure_side_image(Engine& engine) {
  const auto image = engine.inspect_image(kImage, false);
  if (image) return {};
  if (image.error().code.value() != ENOENT) return image.error();
  return engine.make_empty_image(kImage);
}

std::vector<std::string> side_container_command(const std::vector<std::string>& engine_command,
                                                const std::string& container_id,
                                                const std::string& directory) {
  std::vector<std::string> words = engine_command;
  const std::string mount =
      "type=bind," + quoted("source=" + directory) + ",target=" + target::kAgentMount + ",readonly";
  words.insert(words.end(), {"run", "--detach", "--rm", "--pull=never", "--log-driver=none"});
  words.insert(words.end(), {"--label", std::string(kSideLabel) + "=" + container_id});
  words.insert(words.end(), {"--network", "container:" + container_id, "--read-only"});
  words.insert(words.end(), {"--cap-drop=ALL", "--security-opt=no-new-privileges"});
  words.insert(words.end(), {"--user=65534:65534", "--pids-limit=8", "--mount", mount, kImage});
  return words;
}

}  // namespace fairlead::engine
