#include "supervisor/config/metadata.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "supervisor/config/host_requirements.h"
#include "supervisor/config/mount_text.h"

namespace fairlead::config {
namespace {

using Entries = std::vector<Json>;

constexpr std::array kKept{"onCreateCommand",
                           "updateContentCommand",
                           "postCreateCommand",
                           "postStartCommand",
                           "postAttachCommand",
                           "waitFor",
                           "customizations",
                           "mounts",
                           "containerEnv",
                           "containerUser",
                           "init",
                           "privileged",
                           "capAdd",
                           "securityOpt",
                           "remoteUser",
                           "userEnvProbe",
                           "remoteEnv",
                           "overrideCommand",
                           "portsAttributes",
                           "otherPortsAttributes",
                           "forwardPorts",
                           "shutdownAction",
                           "updateRemoteUserUID",
                           "hostRequirements"};
constexpr std::array kCommands{"onCreateCommand", "updateContentCommand", "postCreateCommand",
                               "postStartCommand", "postAttachCommand"};

// As JavaScript sees it.
bool is_truthy(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value != 0;
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return !value.is_null();
}

// What each entry says of `key`, where it says anything.
std::vector<const Json*> said(const Entries& entries, const char* key) {
  std::vector<const Json*> values;
  for (const Json& entry : entries) {
    const auto found = entry.find(key);
    if (found != entry.end() && is_truthy(*found)) values.push_back(&*found);
  }
  return values;
}

Json collected(const Entries& entries, const char* key) {
  Json list = Json::array();
  for (const Json* value : said(entries, key)) list.push_back(*value);
  return list;
}

bool any_says(const Entries& entries, const char* key) { return !said(entries, key).empty(); }

std::optional<Json> last_said(const Entries& entries, const char* key) {
  const auto values = said(entries, key);
  if (values.empty()) return std::nullopt;
  return *values.back();
}

std::optional<Json> last_boolean(const Entries& entries, const char* key) {
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const auto found = entry->find(key);
    if (found != entry->end() && found->is_boolean()) return *found;
  }
  return std::nullopt;
}

// An object whose keys are found by their hashes: an ordered object looks through all of them.
class Assembly {
 public:
  Json& at(const std::string& key) {
    auto& members = object_.get_ref<Json::object_t&>();
    const auto [known, is_new] = places_.try_emplace(key, members.size());
    if (is_new) members.emplace_back(key, Json());
    return members.data()[known->second].second;
  }
  Json take() { return std::move(object_); }

 private:
  Json object_ = Json::object();
  std::unordered_map<std::string, std::size_t> places_;
};

// Variable by variable, or key by key: the last one's value, whole.
Json assigned(const Entries& entries, const char* key) {
  Assembly result;
  for (const Json* object : said(entries, key)) {
    if (!object->is_object()) continue;
    for (const auto& [name, value] : object->items()) result.at(name) = value;
  }
  return result.take();
}

std::optional<Json> unless_empty(Json list) {
  if (list.empty()) return std::nullopt;
  return list;
}

// All elements of all lists; a value that is no list counts as one element.
std::vector<const Json*> elements(const Entries& entries, const char* key) {
  std::vector<const Json*> result;
  for (const Json* value : said(entries, key)) {
    if (!value->is_array()) {
      result.push_back(value);
      continue;
    }
    for (const Json& item : *value) result.push_back(&item);
  }
  return result;
}

Json united(const Entries& entries, const char* key) {
  Json result = Json::array();
  std::set<std::string> known;
  for (const Json* item : elements(entries, key)) {
    const std::string text = item->dump(-1, ' ', false, Json::error_handler_t::replace);
    if (known.insert(text).second) result.push_back(*item);
  }
  return result;
}

// 3000 and "localhost:3000" are one.
Json forwarded_ports(const Entries& entries) {
  constexpr std::string_view kLocal = "localhost:";
  Json result = Json::array();
  std::set<std::string> known;
  for (const Json* item : elements(entries, "forwardPorts")) {
    const std::string text = item->is_number()
                                 ? std::string(kLocal) + item->dump()
                                 : item->dump(-1, ' ', false, Json::error_handler_t::replace);
    const std::string name = item->is_string() ? item->get<std::string>() : text;
    if (!known.insert(name).second) continue;
    const std::string_view digits =
        name.starts_with(kLocal) ? std::string_view(name).substr(kLocal.size()) : "";
    const bool is_port = !digits.empty() && digits.size() <= 5 &&
                         digits.find_first_not_of("0123456789") == std::string_view::npos;
    if (item->is_string() && is_port) {
      result.push_back(std::stoul(std::string(digits)));
    } else {
      result.push_back(*item);
    }
  }
  return result;
}

// One for each target, the last.
Json mounts(const Entries& entries) {
  const std::vector<const Json*> all = elements(entries, "mounts");
  std::set<std::string> targets;
  std::vector<const Json*> kept;
  for (auto mount = all.rbegin(); mount != all.rend(); ++mount) {
    if (targets.insert(mount_target(**mount)).second) kept.push_back(*mount);
  }
  Json result = Json::array();
  for (auto mount = kept.rbegin(); mount != kept.rend(); ++mount) result.push_back(**mount);
  return result;
}

Json customizations(const Entries& entries) {
  Assembly result;
  for (const Json* object : said(entries, "customizations")) {
    if (!object->is_object()) continue;
    for (const auto& [tool, value] : object->items()) {
      Json& list = result.at(tool);
      if (!list.is_array()) list = Json::array();
      list.push_back(value);
    }
  }
  return result.take();
}

Json more_gpu(const Json& a, const Json& b) {
  if (!is_truthy(a)) return b;
  if (!is_truthy(b)) return a;
  if (a == "optional" && b == "optional") return a;
  const auto of = [](const Json& gpu, const char* key) {
    const auto found = gpu.is_object() ? gpu.find(key) : gpu.end();
    return gpu.is_object() && found != gpu.end() ? parse_byte_size(*found).value_or(0) : 0;
  };
  Json result = Json::object();
  if (const auto cores = std::max(of(a, "cores"), of(b, "cores"))) result["cores"] = cores;
  if (const auto memory = std::max(of(a, "memory"), of(b, "memory"))) {
    result["memory"] = std::to_string(memory);
  }
  return result;
}

// The greatest of each.
std::optional<Json> host_requirements(const Entries& entries) {
  std::uint64_t cpus = 0;
  std::uint64_t memory = 0;
  std::uint64_t storage = 0;
  Json gpu;
  for (const Json* value : said(entries, "hostRequirements")) {
    if (!value->is_object()) continue;
    const auto size = [&](const char* key) {
      const auto found = value->find(key);
      return found == value->end() ? 0 : parse_byte_size(*found).value_or(0);
    };
    cpus = std::max(cpus, size("cpus"));
    memory = std::max(memory, size("memory"));
    storage = std::max(storage, size("storage"));
    if (value->contains("gpu")) gpu = more_gpu(gpu, value->at("gpu"));
  }
  if (cpus == 0 && memory == 0 && storage == 0 && !is_truthy(gpu)) return std::nullopt;
  Json result = {{"cpus", cpus}};
  if (memory != 0) result["memory"] = std::to_string(memory);
  if (storage != 0) result["storage"] = std::to_string(storage);
  if (!gpu.is_null()) result["gpu"] = gpu;
  return result;
}

Json merge(const Json& config, const Entries& entries) {
  Json result = config;
  for (const char* gone : {"customizations", "entrypoint", "shutdownAction"}) result.erase(gone);
  for (const char* command : kCommands) result.erase(command);
  const auto set = [&](const char* key, std::optional<Json> value) {
    if (value) {
      result[key] = std::move(*value);
    } else {
      result.erase(key);
    }
  };
  set("init", any_says(entries, "init"));
  set("privileged", any_says(entries, "privileged"));
  set("capAdd", unless_empty(united(entries, "capAdd")));
  set("securityOpt", unless_empty(united(entries, "securityOpt")));
  set("entrypoints", unless_empty(collected(entries, "entrypoint")));
  set("mounts", unless_empty(mounts(entries)));
  set("customizations", unless_empty(customizations(entries)));
  for (const char* command : kCommands) {
    set((std::string(command) + "s").c_str(), collected(entries, command));
  }
  for (const char* key : {"waitFor", "remoteUser", "containerUser", "userEnvProbe"}) {
    set(key, last_said(entries, key));
  }
  for (const char* key : {"remoteEnv", "containerEnv"}) set(key, assigned(entries, key));
  set("overrideCommand", last_boolean(entries, "overrideCommand"));
  set("portsAttributes", assigned(entries, "portsAttributes"));
  set("otherPortsAttributes", last_said(entries, "otherPortsAttributes"));
  set("forwardPorts", unless_empty(forwarded_ports(entries)));
  set("shutdownAction", last_said(entries, "shutdownAction"));
  set("updateRemoteUserUID", last_boolean(entries, "updateRemoteUserUID"));
  set("hostRequirements", host_requirements(entries));
  return result;
}

}  // namespace

std::vector<Json> parse_metadata(const std::string& label) {
  Entries entries;
  if (label.size() > kMetadataLimit) return entries;
  auto document = parse_json(label);
  if (!document) return entries;
  if (document->is_object()) *document = Json::array({std::move(*document)});
  if (!document->is_array()) return entries;
  for (Json& entry : *document) {
    if (entries.size() == kMaxMetadataEntries) break;
    if (entry.is_object() && !entry.empty()) entries.push_back(std::move(entry));
  }
  return entries;
}

Json metadata_entry(const Json& raw) {
  Json entry = Json::object();
  if (!raw.is_object()) return entry;
  for (const char* key : kKept) {
    const auto found = raw.find(key);
    if (found != raw.end()) entry[key] = *found;
  }
  return entry;
}

std::string metadata_label(const Json& raw, const std::string& of_image) {
  Json list = Json::array();
  for (Json& entry : parse_metadata(of_image)) list.push_back(std::move(entry));
  if (Json own = metadata_entry(raw); !own.empty()) list.push_back(std::move(own));
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json merge_metadata(const Json& config, const std::vector<Json>& image_entries) {
  if (!config.is_object()) return config;
  Entries entries = image_entries;
  if (Json own = metadata_entry(config); !own.empty()) entries.push_back(std::move(own));
  return merge(config, entries);
}

}  // namespace fairlead::config
