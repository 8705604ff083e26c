#include "supervisor/cli/workspace_flags.h"

#include "supervisor/cli/selection.h"

namespace fairlead::cli {
namespace {

std::string check_variable(const std::string& word) {
  const std::size_t equals = word.find('=');
  const bool named = equals != std::string::npos && equals > 0;
  return named ? std::string() : "\"" + word + "\" is not NAME=value";
}

std::string check_mount(const std::string& word) {
  return engine_mount(word).empty()
             ? "\"" + word +
                   "\" is not type=<bind|volume>,source=<source>,target=<target>"
                   "[,external=<true|false>]"
             : std::string();
}

// Takes "KEY=value" off the front of a list with commas; nothing if it begins otherwise.
std::string take_field(std::string& list, const std::string& key) {
  if (!list.starts_with(key + "=")) return {};
  const std::size_t end = std::min(list.find(','), list.size());
  std::string value = list.substr(key.size() + 1, end - key.size() - 1);
  list.erase(0, std::min(end + 1, list.size()));
  return value;
}

}  // namespace

std::string engine_mount(const std::string& word) {
  std::string rest = word;
  const std::string type = take_field(rest, "type");
  const std::string source = take_field(rest, "source");
  const std::string target = take_field(rest, "target");
  const bool external = !rest.empty();
  const std::string outside = take_field(rest, "external");
  if (type != "bind" && type != "volume") return {};
  if (source.empty() || target.empty() || !rest.empty() || word.ends_with(',')) return {};
  if (external && outside != "true" && outside != "false") return {};
  return "type=" + type + ",source=" + source + ",target=" + target;
}

void add_configuration(CLI::App& command, ConfigurationOptions& options) {
  command.add_option("--config", options.config, "devcontainer.json to use");
  command.add_option("--override-config", options.override_config,
                     "File whose text takes the place of devcontainer.json's");
  command
      .add_option("--mount-workspace-git-root", options.mount_git_root,
                  "Mount the git repository's root")
      ->capture_default_str();
  command
      .add_option("--default-user-env-probe", options.default_probe,
                  "How the user's shell is asked for its environment, if the configuration does "
                  "not say it")
      ->check(CLI::IsMember({"none", "loginInteractiveShell", "interactiveShell", "loginShell"}))
      ->capture_default_str();
  command
      .add_option("--remote-env", options.remote_env,
                  "Variable NAME=value for commands in the container")
      ->check(check_variable);
}

void add_creation(CLI::App& command, UpOptions& options) {
  command.add_flag("--remove-existing-container", options.remove_existing,
                   "Delete the container first");
  command.add_flag("--expect-existing-container", options.expect_existing,
                   "Fail if there is no container yet");
  command
      .add_option("--mount", options.mounts,
                  "Another mount: type=<bind|volume>,source=<source>,target=<target>")
      ->check(check_mount);
  command
      .add_option("--update-remote-user-uid-default", options.uid_mode,
                  "Whether the remote user gets the host user's ids, if the configuration does not "
                  "say it")
      ->check(CLI::IsMember({"never", "on", "off"}))
      ->capture_default_str();
  command.add_flag("--include-configuration", options.include_configuration,
                   "Print the configuration, too");
  command.add_flag("--include-merged-configuration", options.include_merged_configuration,
                   "Print the configuration merged with the image's metadata, too");
}

void add_lifecycle(CLI::App& command, UpOptions& options) {
  command.add_flag("--skip-post-create", options.skip_post_create, "Do not run lifecycle commands");
  command.add_flag("--skip-non-blocking-commands", options.skip_non_blocking,
                   "Run no commands after the one that waitFor names");
  command.add_flag("--skip-post-attach", options.skip_post_attach, "Do not run postAttachCommand");
  command.add_option("--secrets-file", options.secrets_file,
                     "JSON object of variables for lifecycle commands");
  command.add_option("--dotfiles-repository", options.dotfiles_repository,
                     "Git repository of dotfiles to install in the container");
  command.add_option("--dotfiles-install-command", options.dotfiles_install_command,
                     "What to run in it (default: the first of install.sh, install, bootstrap.sh, "
                     "bootstrap, setup.sh, setup)");
  command
      .add_option("--dotfiles-target-path", options.dotfiles_target_path, "Where to clone it to")
      ->capture_default_str();
}

workspace::ConfigurationRequest configuration_request(const ConfigurationOptions& options,
                                                      const std::string& workspace_folder,
                                                      const std::vector<std::string>& id_labels) {
  workspace::ConfigurationRequest request;
  request.folder = absolute_folder(workspace_folder);
  if (!options.config.empty()) request.config_path = absolute_folder(options.config);
  if (!options.override_config.empty()) {
    request.override_path = absolute_folder(options.override_config);
  }
  request.id_labels = id_labels;
  request.mount_git_root = options.mount_git_root;
  return request;
}

workspace::RemoteOptions remote_options(const ConfigurationOptions& options) {
  workspace::RemoteOptions remote;
  remote.default_probe = options.default_probe;
  for (const std::string& word : options.remote_env) {
    const std::size_t equals = word.find('=');
    remote.environment.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return remote;
}

}  // namespace fairlead::cli
