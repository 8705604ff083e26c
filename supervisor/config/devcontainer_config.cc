#include "supervisor/config/devcontainer_config.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/text_file.h"

namespace fairlead::config {
namespace {

constexpr std::size_t kFileLimit = 1U << 20;

// Reads properties one by one; the first mistake is kept and everything after it is skipped.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  const std::optional<base::Error>& error() const { return error_; }

  void read(const char* name, std::string& value) {
    if (const Json* item = find(name, &Json::is_string, "a string")) value = *item;
  }
  void read(const char* name, std::optional<std::string>& value) {
    if (const Json* item = find(name, &Json::is_string, "a string")) {
      value = item->get<std::string>();
    }
  }
  void read(const char* name, bool& value) {
    if (const Json* item = find(name, &Json::is_boolean, "true or false")) value = *item;
  }
  void read(const char* name, std::vector<std::string>& values) {
    const Json* list = find(name, &Json::is_array, "an array of strings");
    if (list == nullptr) return;
    for (const Json& item : *list) {
      if (!item.is_string()) return fail(name, "an array of strings", item);
      values.push_back(item);
    }
  }
  void read(const char* name, StringMap& values) {
    const Json* object = find(name, &Json::is_object, "an object of strings");
    if (object == nullptr) return;
    for (const auto& [key, item] : object->items()) {
      if (item.is_null()) continue;  // unset
      if (!item.is_string()) return fail(std::string(name) + "." + key, "a string", item);
      values.emplace_back(key, item.get<std::string>());
    }
  }

  const Json* find(const char* name, bool (Json::*matches)() const noexcept, const char* wanted) {
    const auto found = object_.find(name);
    if (error_ || found == object_.end()) return nullptr;
    if (!((*found).*matches)()) {
      fail(name, wanted, *found);
      return nullptr;
    }
    return &*found;
  }
  const Json* find(const char* name) {
    const auto found = object_.find(name);
    return error_ || found == object_.end() ? nullptr : &*found;
  }
  void fail(const std::string& property, const std::string& wanted, const Json& value) {
    if (error_) return;
    const std::string shown = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    error_ = base::plain_error("\"" + property + "\" must be " + wanted + ", not " +
                               shown.substr(0, 80));
  }
  void fail(const base::Error& error) {
    if (!error_) error_ = error;
  }

 private:
  const Json& object_;
  std::optional<base::Error> error_;
};

std::optional<Command> to_command(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return std::nullopt;
  std::vector<std::string> argv;
  for (const Json& word : value) {
    if (!word.is_string()) return std::nullopt;
    argv.push_back(word);
  }
  return argv;
}

void read_lifecycle(Reader& reader, const char* name, DevcontainerConfig& config) {
  const Json* value = reader.find(name);
  if (value == nullptr || value->is_null()) return;
  constexpr const char* kWanted = "a string, an array of strings, or an object of these";
  LifecycleCommand command;
  if (value->is_object()) {
    for (const auto& [key, item] : value->items()) {
      const auto part = to_command(item);
      if (!part) return reader.fail(std::string(name) + "." + key, kWanted, item);
      command.parts.emplace_back(key, *part);
    }
  } else {
    const auto part = to_command(*value);
    if (!part) return reader.fail(name, kWanted, *value);
    command.parts.emplace_back("", *part);
  }
  config.lifecycle[name] = std::move(command);
}

bool is_port_number(const Json& value) {
  return value.is_number_integer() && value.get<std::int64_t>() >= 1 &&
         value.get<std::int64_t>() <= 65535;
}

void read_forward_ports(Reader& reader, DevcontainerConfig& config) {
  const Json* list = reader.find("forwardPorts", &Json::is_array, "an array of ports");
  if (list == nullptr) return;
  std::vector<DeclaredPort> declared;
  for (const Json& item : *list) {
    if (is_port_number(item)) {
      declared.push_back({item.get<std::uint16_t>(), "", 0});
    } else if (item.is_string()) {
      const auto ports = parse_port_spec(item.get<std::string>());
      if (!ports)
        return reader.fail(base::plain_error("\"forwardPorts\": " + ports.error().message()));
      declared.insert(declared.end(), ports->begin(), ports->end());
    } else {
      return reader.fail("forwardPorts", "an array of ports from 1 to 65535 or \"host:port\"",
                         item);
    }
    if (declared.size() > kMaxDeclaredPorts) {
      return reader.fail(base::plain_error("\"forwardPorts\": more than " +
                                           std::to_string(kMaxDeclaredPorts) + " ports"));
    }
  }
  merge_declared(config.forward_ports, declared);
}

void read_app_port(Reader& reader, DevcontainerConfig& config) {
  const Json* value = reader.find("appPort");
  if (value == nullptr) return;
  const Json list = value->is_array() ? *value : Json::array({*value});
  for (const Json& item : list) {
    if (is_port_number(item)) {
      config.app_ports.push_back(item.get<std::uint16_t>());
    } else if (item.is_string()) {
      config.published_app_ports.push_back(item);
    } else {
      return reader.fail("appPort", "a port from 1 to 65535, a string, or an array of these", item);
    }
  }
}

void read_mounts(Reader& reader, DevcontainerConfig& config) {
  const Json* list = reader.find("mounts", &Json::is_array, "an array");
  if (list == nullptr) return;
  for (const Json& item : *list) {
    if (item.is_string()) {
      config.mounts.push_back(item);
    } else if (item.is_object()) {
      std::string mount;
      for (const char* key : {"type", "source", "target"}) {
        if (!item.contains(key)) continue;
        if (!item[key].is_string()) return reader.fail("mounts", "objects of strings", item);
        mount += (mount.empty() ? "" : ",") + std::string(key) + "=" + item[key].get<std::string>();
      }
      config.mounts.push_back(mount);
    } else {
      return reader.fail("mounts", "an array of strings or objects", item);
    }
  }
}

// What would make another container than the one asked for is an error, not a warning.
void reject_unsupported(Reader& reader) {
  for (const char* name : {"build", "dockerFile", "dockerComposeFile"}) {
    if (reader.find(name) != nullptr) {
      reader.fail(base::plain_error("\"" + std::string(name) +
                                    "\" is not supported yet; only \"image\" configurations are"));
    }
  }
  const Json* features = reader.find("features");
  if (features != nullptr && features->is_object() && !features->empty()) {
    reader.fail(
        base::plain_error("\"features\" are not supported yet; build the image with them "
                          "first and name it as \"image\""));
  }
}

}  // namespace

base::Result<std::string> find_config_file(const std::string& workspace_folder) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path folder(workspace_folder);
  for (const char* place : {".devcontainer/devcontainer.json", ".devcontainer.json"}) {
    if (fs::exists(fs::symlink_status(folder / place, ignored))) return (folder / place).string();
  }
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder / ".devcontainer", ignored)) {
    const fs::path candidate = entry.path() / "devcontainer.json";
    if (fs::exists(candidate, ignored)) found.push_back(candidate.string());
  }
  std::sort(found.begin(), found.end());
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return base::plain_error("no dev container configuration in " + workspace_folder +
                             " (looked for .devcontainer/devcontainer.json, .devcontainer.json "
                             "and .devcontainer/*/devcontainer.json)");
  }
  std::string list;
  for (const std::string& path : found) list += "\n  " + path;
  return base::plain_error("several dev container configurations; choose one with --config:" +
                           list);
}

base::Result<Json> load_config_file(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return base::errno_error("read " + path);
  if (!S_ISREG(info.st_mode)) return base::plain_error(path + " is not a regular file");
  const auto text = base::read_text_file(path, kFileLimit);
  if (!text) return text.error();
  auto json = parse_jsonc(*text, path);
  if (json && !json->is_object()) return base::plain_error(path + ": not a JSON object");
  return json;
}

base::Result<DevcontainerConfig> parse_config(const Json& raw, const std::string& path,
                                              const VariableContext& variables) {
  DevcontainerConfig config;
  config.path = path;
  config.raw = raw;
  const Json json = substitute_all(raw, variables);
  Reader reader(json);
  reject_unsupported(reader);
  reader.read("image", config.image);
  reader.read("workspaceMount", config.workspace_mount);
  reader.read("workspaceFolder", config.workspace_folder);
  reader.read("containerUser", config.container_user);
  reader.read("remoteUser", config.remote_user);
  reader.read("containerEnv", config.container_env);
  reader.read("remoteEnv", config.remote_env);
  std::erase_if(config.remote_env, [&](const auto& variable) {
    const bool unknown = variable.second.find("${containerEnv:") != std::string::npos;
    if (unknown) {
      config.warnings.push_back("remoteEnv." + variable.first +
                                ": ${containerEnv:…} is not supported yet; left unset");
    }
    return unknown;
  });
  reader.read("runArgs", config.run_args);
  reader.read("init", config.init);
  reader.read("privileged", config.privileged);
  reader.read("capAdd", config.cap_add);
  reader.read("securityOpt", config.security_opt);
  reader.read("overrideCommand", config.override_command);
  read_mounts(reader, config);
  read_app_port(reader, config);
  read_forward_ports(reader, config);
  for (const char* name : {"onCreateCommand", "updateContentCommand", "postCreateCommand",
                           "postStartCommand", "postAttachCommand"}) {
    read_lifecycle(reader, name, config);
  }
  if (const Json* attributes = reader.find("portsAttributes")) {
    auto parsed = parse_ports_attributes(*attributes, config.warnings);
    if (parsed)
      config.attributes = std::move(*parsed);
    else
      reader.fail(parsed.error());
  }
  for (const char* name : {"initializeCommand", "otherPortsAttributes", "secrets"}) {
    if (reader.find(name) != nullptr) {
      config.warnings.push_back("\"" + std::string(name) +
                                "\" is not supported yet and has no effect");
    }
  }
  if (!reader.error() && config.image.empty()) {
    reader.fail(base::plain_error("\"image\" is missing"));
  }
  if (reader.error()) {
    return base::plain_error(path + ": " + reader.error()->message());
  }
  return config;
}

}  // namespace fairlead::config
