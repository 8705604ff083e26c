#include "supervisor/workspace/remote_user.h"
#include "base/random.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace fairlead::workspace {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);
constexpr std::size_t kAnswerLimit = 1U << 20;

// Nothing that a startup file could print by chance.
std::string random_mark() { return "fairlead-" + base::random_digits(32); }

// Runs a command without some variables of the container: the engine's exec can only add.
// Arguments: how many names, the names, the command.
constexpr const char* kWithout =
    "n=$1; shift; while [ \"$n\" -gt 0 ]; do unset \"$1\"; shift; n=$((n - 1)); done; exec \"$@\"";

}  // namespace

std::optional<std::string> variable_in(const std::vector<std::string>& words,
                                       const std::string& name) {
  std::optional<std::string> value;
  for (const std::string& word : words) {
    if (word.size() > name.size() && word[name.size()] == '=' && word.starts_with(name)) {
      value = word.substr(name.size() + 1);  // the last one counts
    }
  }
  return value;
}

RemoteUser::RemoteUser(engine::Engine& engine, const config::DevcontainerConfig& config,
                       const target::Target& container, std::string folder, RemoteOptions options)
    : engine_(engine),
      config_(config),
      container_id_(container.id),
      container_environment_(container.environment),
      user_(!config.remote_user.empty() ? config.remote_user : container.user),
      folder_(std::move(folder)),
      options_(std::move(options)) {}

std::string RemoteUser::name() const {
  const std::string user = user_.substr(0, user_.find(':'));
  return user.empty() || user == "0" ? "root" : user;
}

engine::ExecRequest RemoteUser::plain_command(std::vector<std::string> argv) const {
  engine::ExecRequest request;
  request.container_id = container_id_;
  request.user = user_;
  request.argv = std::move(argv);
  return request;
}

engine::ExecRequest RemoteUser::command(std::vector<std::string> argv) {
  if (!asked_) ask();
  engine::ExecRequest request = plain_command(std::move(argv));
  request.working_directory = folder_.empty() ? home_ : folder_;
  request.environment = environment_;
  if (!unset_.empty() && !request.argv.empty()) {
    std::vector<std::string> wrapped{"/bin/sh", "-c", kWithout, "sh",
                                     std::to_string(unset_.size())};
    wrapped.insert(wrapped.end(), unset_.begin(), unset_.end());
    wrapped.insert(wrapped.end(), request.argv.begin(), request.argv.end());
    request.argv = std::move(wrapped);
  }
  return request;
}

void RemoteUser::set(const std::string& name, const std::string& value) {
  for (auto& [known, old] : environment_) {
    if (known == name) {
      old = value;
      return;
    }
  }
  environment_.emplace_back(name, value);
}

void RemoteUser::ask() {
  asked_ = true;
  const std::string kind =
      config_.user_env_probe.empty() ? options_.default_probe : config_.user_env_probe;
  if (kind != "none" || folder_.empty()) {
    const std::string mark = random_mark();
    const auto output = engine_.exec_collect(plain_command(probe_argv(kind, name(), mark)),
                                             kPatience, kAnswerLimit);
    if (!output) {
      complaint_ = output.error().code.value() == ETIMEDOUT
                       ? "the shell of user " + name() +
                             " takes more than 10 s to start (userEnvProbe \"" + kind +
                             "\"); going on without its environment"
                       : "userEnvProbe: " + output.error().message();
    } else if (auto answer = parse_probe(output->out, mark)) {
      home_ = answer->home;
      environment_ = std::move(answer->environment);
      if (kind != "none" && environment_.empty()) {
        complaint_ = "userEnvProbe \"" + kind + "\": " + answer->shell +
                     " does not tell its environment; going on without it";
      }
    }
  }
  const auto of_container = variable_in(container_environment_, "PATH");
  for (auto& [variable, value] : environment_) {
    if (variable == "PATH" && of_container)
      value = merge_paths(value, *of_container, name() == "root");
  }
  // In the reference CLI's order: the configuration has the last word.
  for (const auto& [variable, value] : options_.environment) set(variable, value);
  for (const auto& [variable, value] : config_.remote_env) {
    if (value) {
      set(variable, *value);
      continue;
    }
    std::erase_if(environment_, [&](const auto& known) { return known.first == variable; });
    if (is_variable_name(variable)) unset_.push_back(variable);
  }
}

}  // namespace fairlead::workspace
