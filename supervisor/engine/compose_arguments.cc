#include "supervisor/engine/compose_arguments.h"

#include <charconv>

namespace fairlead::engine {
namespace {

constexpr ComposeVersion kFirstWithDashesInImages{2, 8, 0};
constexpr ComposeVersion kFirstWithDashesInProjects{1, 21, 0};

// `files` and, if it is known already, the project's name.
std::vector<std::string> begin(const ComposeTool& tool, const ComposeProject& project) {
  std::vector<std::string> argv = tool.command;
  const auto add = [&](const char* flag, const std::string& value) {
    argv.emplace_back(flag);
    argv.push_back(value);
  };
  if (!project.name.empty()) add("--project-name", project.name);
  for (const std::string& file : project.files) add("-f", file);
  if (!project.env_file.empty()) add("--env-file", project.env_file);
  return argv;
}

}  // namespace

std::optional<ComposeVersion> parse_compose_version(const std::string& text) {
  ComposeVersion version;
  const char* at = text.data();
  const char* const end = at + text.size();
  if (at != end && *at == 'v') ++at;
  unsigned* const parts[] = {&version.major, &version.minor, &version.patch};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto parsed = std::from_chars(at, end, *parts[i]);
    if (parsed.ec != std::errc{}) return std::nullopt;
    at = parsed.ptr;
    if (i < 2 && (at == end || *at++ != '.')) return std::nullopt;
  }
  return version;
}

std::string ComposeTool::built_image(const std::string& project, const std::string& service) const {
  return project + (version < kFirstWithDashesInImages ? "_" : "-") + service;
}

bool ComposeTool::keeps_dashes() const { return version >= kFirstWithDashesInProjects; }

std::vector<std::string> compose_plugin_command(const EngineAddress& engine) {
  std::vector<std::string> words = engine.command();
  words.emplace_back("compose");
  return words;
}

std::vector<std::string> compose_program_command(const std::string& program,
                                                 const EngineAddress& engine) {
  std::vector<std::string> words = engine.cli_words();
  words.insert(words.begin(), program);
  return words;
}

std::vector<std::string> compose_config_arguments(const ComposeTool& tool,
                                                  const ComposeProject& project) {
  std::vector<std::string> argv = begin(tool, project);
  // Version 2 leaves out services of profiles that are not asked for; the workspace's may be one.
  if (tool.version.major >= 2) argv.insert(argv.end(), {"--profile", "*"});
  argv.emplace_back("config");
  return argv;
}

std::vector<std::string> compose_build_arguments(const ComposeTool& tool,
                                                 const ComposeProject& project,
                                                 const std::vector<std::string>& services) {
  std::vector<std::string> argv = begin(tool, project);
  argv.emplace_back("build");
  argv.insert(argv.end(), services.begin(), services.end());
  return argv;
}

std::vector<std::string> compose_up_arguments(const ComposeTool& tool,
                                              const ComposeProject& project,
                                              const std::vector<std::string>& services,
                                              bool recreate) {
  std::vector<std::string> argv = begin(tool, project);
  argv.insert(argv.end(), {"up", "-d"});
  if (!recreate) argv.emplace_back("--no-recreate");
  argv.insert(argv.end(), services.begin(), services.end());
  return argv;
}

}  // namespace fairlead::engine
