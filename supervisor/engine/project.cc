#include "supervisor/engine/project.h"

#include <charconv>
#include <sstream>

#include "base/child_process.h"

namespace fairlead::engine {
namespace {

constexpr auto kComposePatience = std::chrono::seconds(60);
// The CLI itself works on so many at once.
constexpr std::size_t kSideBySide = 50;

std::string label_of(const target::Target& container, const char* name) {
  const auto found = container.labels.find(name);
  return found != container.labels.end() ? found->second : std::string();
}

// Whether all that went wrong is that somebody else was quicker.
bool only_missing(const std::string& messages) {
  std::istringstream lines(messages);
  bool any = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    any = true;
    if (line.find("No such ") == std::string::npos &&
        line.find("is already in progress") == std::string::npos) {
      return false;
    }
  }
  return any;
}

base::Result<std::string> call(const Engine& engine, std::vector<std::string> words,
                               std::chrono::seconds patience = kComposePatience) {
  std::vector<std::string> argv = engine.address().command();
  argv.insert(argv.end(), words.begin(), words.end());
  auto output = base::run_command(argv, patience);
  if (!output) return output.error();
  if (output->status != 0 && !only_missing(output->err)) {
    return base::plain_error("docker " + words.front() +
                             " failed: " + output->err.substr(0, output->err.find('\n')));
  }
  return std::move(output->out);
}

// Networks or volumes with the project's label.
base::Result<void> remove_labelled(const Engine& engine, const std::string& kind,
                                   const std::string& project) {
  const auto listed = call(engine, {kind, "ls", "--quiet", "--filter",
                                    "label=" + std::string(kProjectLabel) + "=" + project});
  if (!listed) return listed.error();
  std::istringstream lines(*listed);
  std::vector<std::string> words{kind, "rm"};
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) words.push_back(line);
  }
  if (words.size() == 2) return {};
  const auto removed = call(engine, words);
  if (!removed) return removed.error();
  return {};
}

}  // namespace

std::string project_of(const target::Target& container) {
  return label_of(container, kProjectLabel);
}

std::string service_of(const target::Target& container) {
  return label_of(container, kServiceLabel);
}

bool is_one_off(const target::Target& container) {
  return label_of(container, "com.docker.compose.oneoff") == "True";
}

unsigned number_in_service(const target::Target& container) {
  const std::string text = label_of(container, "com.docker.compose.container-number");
  unsigned number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc{} && number > 0 ? number : 1;
}

base::Result<std::vector<target::Target>> project_containers(Engine& engine,
                                                             const std::string& project) {
  return engine.find_by_labels({std::string(kProjectLabel) + "=" + project});
}

base::Result<void> stop_containers(const Engine& engine, const std::vector<std::string>& ids,
                                   std::chrono::seconds patience) {
  if (ids.empty()) return {};
  std::vector<std::string> words{"stop", "--time", std::to_string(patience.count())};
  words.insert(words.end(), ids.begin(), ids.end());
  const auto rounds = static_cast<std::int64_t>(1 + ids.size() / kSideBySide);
  const auto done = call(engine, words, patience * rounds + kComposePatience);
  if (!done) return done.error();
  return {};
}

base::Result<void> remove_containers(const Engine& engine, const std::vector<std::string>& ids,
                                     bool volumes) {
  if (ids.empty()) return {};
  std::vector<std::string> words{"rm", "--force"};
  if (volumes) words.emplace_back("--volumes");
  words.insert(words.end(), ids.begin(), ids.end());
  const auto done = call(engine, words);
  if (!done) return done.error();
  return {};
}

base::Result<void> remove_project(const Engine& engine, const std::string& project, bool volumes) {
  if (auto networks = remove_labelled(engine, "network", project); !networks) return networks;
  return volumes ? remove_labelled(engine, "volume", project) : base::Result<void>();
}

}  // namespace fairlead::engine
