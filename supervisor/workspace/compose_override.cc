#include "supervisor/workspace/compose_override.h"

#include "supervisor/config/jsonc.h"

namespace fairlead::workspace {
namespace {

using config::Json;

std::vector<std::string> escaped(const std::vector<std::string>& words) {
  std::vector<std::string> result;
  for (const std::string& word : words) result.push_back(compose_escaped(word));
  return result;
}

std::string field(const std::map<std::string, std::string>& fields, const char* name) {
  const auto found = fields.find(name);
  return found != fields.end() ? found->second : std::string();
}

bool is_on(const std::map<std::string, std::string>& fields, const char* name) {
  const auto found = fields.find(name);
  return found != fields.end() &&
         (found->second.empty() || found->second == "true" || found->second == "1");
}

// A mount as Compose writes volumes: short where no colon is in the way.
Json volume(const std::map<std::string, std::string>& fields) {
  const std::string source = compose_escaped(field(fields, "source"));
  const std::string target = compose_escaped(field(fields, "target"));
  const bool read_only = is_on(fields, "readonly") || is_on(fields, "ro");
  if (source.empty()) return target;
  if ((source + target).find(':') == std::string::npos) {
    return source + ":" + target + (read_only ? ":ro" : "");
  }
  const std::string type = field(fields, "type");
  Json object{{"type", type.empty() ? "volume" : type}, {"source", source}, {"target", target}};
  if (read_only) object["read_only"] = true;
  return object;
}

void add_mounts(const ComposeOverride& what, Json& service, Json& document) {
  for (const std::string& mount : what.mounts) {
    const auto fields = parse_mount_fields(mount);
    const std::string type = field(fields, "type");
    const std::string source = field(fields, "source");
    if (type == "tmpfs") {
      service["tmpfs"].push_back(compose_escaped(field(fields, "target")));
      continue;
    }
    service["volumes"].push_back(volume(fields));
    const bool named = (type.empty() || type == "volume") && !source.empty();
    // Declaring one again would take away what the project says of it.
    if (!named || what.declared_volumes.contains(source)) continue;
    document["volumes"][source] = is_on(fields, "external") ? Json{{"external", true}} : Json();
  }
}

// YAML knows fewer characters than JSON: what it would refuse is written as an escape.
std::string printable_yaml(const std::string& json) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string result;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto byte = [&](std::size_t at) {
      return at < json.size() ? static_cast<unsigned char>(json[at]) : 0U;
    };
    if (byte(i) == 0x7f) {
      result += "\\u007f";
    } else if (byte(i) == 0xc2 && byte(i + 1) >= 0x80 && byte(i + 1) < 0xa0) {
      result += "\\u00";
      result += kDigits[byte(i + 1) >> 4U];
      result += kDigits[byte(i + 1) & 15U];
      ++i;
    } else if (byte(i) == 0xef && byte(i + 1) == 0xbf && byte(i + 2) >= 0xbe) {
      result += byte(i + 2) == 0xbe ? "\\ufffe" : "\\uffff";
      i += 2;
    } else {
      result += json[i];
    }
  }
  return result;
}

}  // namespace

std::string compose_escaped(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '$' ? std::string("$$") : std::string(1, c);
  return result;
}

std::map<std::string, std::string> parse_mount_fields(const std::string& mount) {
  std::map<std::string, std::string> fields;
  std::string part;
  bool quoted = false;
  const auto take = [&] {
    const std::size_t equals = part.find('=');
    std::string key = part.substr(0, equals);
    if (key == "src") key = "source";
    if (key == "dst" || key == "destination") key = "target";
    if (!key.empty()) fields[key] = equals == std::string::npos ? "" : part.substr(equals + 1);
    part.clear();
  };
  for (std::size_t i = 0; i < mount.size(); ++i) {
    if (mount[i] == '"') {
      if (quoted && i + 1 < mount.size() && mount[i + 1] == '"') {
        part += '"';
        ++i;
      } else {
        quoted = !quoted;
      }
    } else if (mount[i] == ',' && !quoted) {
      take();
    } else {
      part += mount[i];
    }
  }
  take();
  return fields;
}

std::string compose_override_text(const ComposeOverride& what,
                                  const std::optional<ComposeStart>& start) {
  Json service = Json::object();
  Json document = Json::object();
  if (!what.image.empty()) service["image"] = compose_escaped(what.image);
  if (start) {
    service["entrypoint"] = start->entrypoint;
    if (start->command) service["command"] = *start->command;
  }
  if (what.init) service["init"] = true;
  if (what.privileged) service["privileged"] = true;
  if (!what.user.empty()) service["user"] = compose_escaped(what.user);
  for (const auto& [name, value] : what.environment) {
    service["environment"].push_back(compose_escaped(name + "=" + value));
  }
  for (const auto& [name, value] : what.labels) {
    service["labels"].push_back(compose_escaped(name + "=" + value));
  }
  if (!what.cap_add.empty()) service["cap_add"] = escaped(what.cap_add);
  if (!what.security_opt.empty()) service["security_opt"] = escaped(what.security_opt);
  add_mounts(what, service, document);
  if (!what.file_version.empty()) document["version"] = what.file_version;
  document["services"][what.service] = std::move(service);
  return printable_yaml(document.dump(1, ' ', false, Json::error_handler_t::replace)) + "\n";
}

}  // namespace fairlead::workspace
