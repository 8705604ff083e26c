#include "supervisor/config/devcontainer_config.h"

#include <algorithm>
#include <filesystem>

#include "supervisor/config/config_reader.h"
#include "supervisor/config/json_lines.h"
#include "supervisor/config/mount_text.h"

namespace fairlead::config {
namespace {

std::optional<Command> to_command(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return std::nullopt;
  std::vector<std::string> argv;
  for (const Json& word : value) {
    if (!word.is_string()) return std::nullopt;
    argv.push_back(word.get<std::string>());
  }
  return argv;
}

std::optional<Mistake> read_command(const Json& value, const PropertyPath& where,
                                    std::vector<LifecycleCommand>& into) {
  constexpr const char* kWanted = "a string, an array of strings, or an object of these";
  LifecycleCommand command;
  if (value.is_null()) return std::nullopt;
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) {
      auto part = to_command(item);
      if (!part) return wrong(where / key, "a string or an array of strings", item);
      command.parts.emplace_back(key, std::move(*part));
    }
  } else {
    auto part = to_command(value);
    if (!part) return wrong(where, kWanted, value);
    command.parts.emplace_back("", std::move(*part));
  }
  into.push_back(std::move(command));
  return std::nullopt;
}

class Parser {
 public:
  Parser(const Json& json, DevcontainerConfig& config) : reader_(json), config_(config) {}

  const std::optional<Mistake>& run() {
    reader_.read("name", config_.name);
    read_origin();
    read_container();
    read_user();
    read_ports();
    read_commands();
    read_tools();
    return reader_.mistake();
  }

 private:
  // --- What the container is made of ---

  void read_origin() {
    reader_.read("image", config_.image);
    read_build();
    read_compose();
    if (const Json* features = reader_.find("features", &Json::is_object, "an object")) {
      config_.features = *features;
    }
    if (config_.image.empty() && !config_.build && !config_.compose) {
      reader_.fail(Mistake{{},
                           "\"image\" is missing (or \"build\" with a \"dockerfile\", or "
                           "\"dockerComposeFile\")"});
    }
  }

  // "build", and its old form with "dockerFile" and "context" beside it.
  void read_build() {
    static const Json kNothing = Json::object();
    const Json* build = reader_.find("build", &Json::is_object, "an object");
    ConfigReader inner(build != nullptr ? *build : kNothing, {"build"});
    ImageBuild result;
    std::optional<std::string> dockerfile;
    std::optional<std::string> context;
    inner.read("dockerfile", dockerfile);
    inner.read("context", context);
    inner.read("args", result.args);
    inner.read("target", result.target);
    inner.read_one_or_more("cacheFrom", result.cache_from);
    inner.read("options", result.options);
    reader_.fail(inner.mistake());
    reader_.read("dockerFile", dockerfile);
    if (reader_.has("dockerFile")) reader_.read("context", context);
    if (!dockerfile) return;
    result.dockerfile = beside_the_file(*dockerfile);
    result.context = context ? beside_the_file(*context)
                             : std::filesystem::path(result.dockerfile).parent_path().string();
    config_.build = std::move(result);
  }

  void read_compose() {
    if (!reader_.has("dockerComposeFile")) return;
    ComposeService compose;
    reader_.read_one_or_more("dockerComposeFile", compose.files);
    for (std::string& file : compose.files) file = beside_the_file(file);
    reader_.read("service", compose.service);
    if (compose.service.empty()) {
      reader_.fail(Mistake{{"dockerComposeFile"}, "needs a \"service\" beside it"});
    }
    compose.all_run_services = !reader_.has("runServices");
    reader_.read("runServices", compose.run_services);
    config_.compose = std::move(compose);
  }

  std::string beside_the_file(const std::string& path) const {
    namespace fs = std::filesystem;
    const fs::path whole = (fs::path(config_.path).parent_path() / path).lexically_normal();
    // "/a/b/." and "/a/b/" name the folder /a/b.
    return whole.has_filename() || !whole.has_relative_path() ? whole.string()
                                                              : whole.parent_path().string();
  }

  // --- How it is made ---

  void read_container() {
    reader_.read("workspaceMount", config_.workspace_mount);
    reader_.read("workspaceFolder", config_.workspace_folder);
    reader_.read("containerUser", config_.container_user);
    reader_.read("containerEnv", config_.container_env);
    reader_.read("runArgs", config_.run_args);
    reader_.read("init", config_.init);
    reader_.read("privileged", config_.privileged);
    reader_.read("capAdd", config_.cap_add);
    reader_.read("securityOpt", config_.security_opt);
    reader_.read("entrypoints", config_.entrypoints);
    reader_.read("overrideCommand", config_.override_command);
    reader_.read_one_of("shutdownAction", {"none", "stopContainer", "stopCompose"},
                        config_.shutdown_action);
    if (const Json* mounts = reader_.find("mounts", &Json::is_array, "an array")) {
      for (std::size_t i = 0; i < mounts->size(); ++i) {
        std::string mount;
        reader_.fail(read_mount((*mounts)[i], reader_.place("mounts") / i, mount));
        config_.mounts.push_back(std::move(mount));
      }
    }
    if (const Json* wanted = reader_.find("hostRequirements")) {
      reader_.fail(read_host_requirements(*wanted, config_.host_requirements));
    }
  }

  void read_user() {
    reader_.read("remoteUser", config_.remote_user);
    reader_.read("remoteEnv", config_.remote_env);
    reader_.read("updateRemoteUserUID", config_.update_remote_user_uid);
    reader_.read_one_of("userEnvProbe",
                        {"none", "loginInteractiveShell", "interactiveShell", "loginShell"},
                        config_.user_env_probe);
    if (const Json* secrets = reader_.find("secrets", &Json::is_object, "an object")) {
      for (const auto& [name, item] : secrets->items()) config_.secrets.push_back(name);
    }
  }

  // --- Ports ---

  void read_ports() {
    read_forward_ports();
    read_app_port();
    reader_.fail(PortsAttributes::read(reader_.find("portsAttributes"),
                                       reader_.find("otherPortsAttributes"), config_.attributes,
                                       config_.warnings));
  }

  void read_forward_ports() {
    const Json* list = reader_.find("forwardPorts", &Json::is_array, "an array of ports");
    if (list == nullptr) return;
    std::vector<DeclaredPort> declared;
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Json& item = (*list)[i];
      const PropertyPath where = reader_.place("forwardPorts") / i;
      if (is_port_number(item)) {
        declared.push_back({item.get<std::uint16_t>(), "", 0});
      } else if (item.is_string()) {
        const auto ports = parse_port_spec(item.get<std::string>());
        if (!ports) return reader_.fail(Mistake{where, "is wrong: " + ports.error().message()});
        declared.insert(declared.end(), ports->begin(), ports->end());
      } else {
        return reader_.fail(wrong(where, "a port from 1 to 65535 or \"host:port\"", item));
      }
      if (declared.size() > kMaxDeclaredPorts) {
        return reader_.fail(
            Mistake{where, "makes more than " + std::to_string(kMaxDeclaredPorts) + " ports"});
      }
    }
    merge_declared(config_.forward_ports, declared);
  }

  void read_app_port() {
    const Json* value = reader_.find("appPort");
    if (value == nullptr) return;
    const PropertyPath where = reader_.place("appPort");
    if (!value->is_array()) return read_app_port(*value, where);
    for (std::size_t i = 0; i < value->size(); ++i) read_app_port((*value)[i], where / i);
  }
  void read_app_port(const Json& item, const PropertyPath& where) {
    if (is_port_number(item)) {
      config_.app_ports.push_back(item.get<std::uint16_t>());
    } else if (item.is_string()) {
      config_.published_app_ports.push_back(item.get<std::string>());
    } else {
      reader_.fail(wrong(where, "a port from 1 to 65535, a string, or an array of these", item));
    }
  }

  // --- Commands ---

  void read_commands() {
    reader_.read_one_of("waitFor",
                        {"initializeCommand", "onCreateCommand", "updateContentCommand",
                         "postCreateCommand", "postStartCommand"},
                        config_.wait_for);
    for (const char* name : {"initializeCommand", "onCreateCommand", "updateContentCommand",
                             "postCreateCommand", "postStartCommand", "postAttachCommand"}) {
      std::vector<LifecycleCommand> commands;
      if (const Json* value = reader_.find(name)) {
        reader_.fail(read_command(*value, reader_.place(name), commands));
      }
      const std::string plural = std::string(name) + "s";  // of a merged configuration
      if (const Json* list =
              reader_.find(plural.c_str(), &Json::is_array, "an array of commands")) {
        for (std::size_t i = 0; i < list->size(); ++i) {
          reader_.fail(read_command((*list)[i], reader_.place(plural.c_str()) / i, commands));
        }
      }
      if (!commands.empty()) config_.lifecycle[name] = std::move(commands);
    }
  }

  // --- customizations.fairlead ---

  void read_tools() {
    const Json* tools = reader_.find("customizations", &Json::is_object, "an object");
    if (tools == nullptr) return;
    const auto ours = tools->find("fairlead");
    if (ours == tools->end()) return;
    const PropertyPath where = reader_.place("customizations") / "fairlead";
    if (!ours->is_array()) return read_ours(*ours, where);
    // Of a merged configuration: the image's, then the file's.
    for (std::size_t i = 0; i < ours->size(); ++i) read_ours((*ours)[i], where / i);
  }
  void read_ours(const Json& object, const PropertyPath& where) {
    reader_.fail(apply_customizations(object, where, config_.customizations, config_.warnings));
  }

  ConfigReader reader_;
  DevcontainerConfig& config_;
};

}  // namespace

base::Result<DevcontainerConfig> parse_config(const Json& raw, const std::string& path,
                                              const VariableContext& variables,
                                              const ConfigSource* source) {
  DevcontainerConfig config;
  config.path = path;
  config.raw = raw;
  const Json json = substitute_all(raw, variables);
  if (const auto mistake = Parser(json, config).run()) {
    if (source != nullptr) return located(*mistake, source->path, source->text);
    return base::plain_error(path + ": " + to_text(*mistake));
  }
  return config;
}

}  // namespace fairlead::config
