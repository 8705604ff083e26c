#include "supervisor/workspace/compose_config.h"

#include "supervisor/config/yaml.h"

namespace fairlead::workspace {
namespace {

using config::operator/;

using config::Json;

constexpr const char* kSource = "what Compose prints of its configuration";

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<std::vector<std::string>> words_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  if (found->is_string()) return split_words(found->get<std::string>());
  if (!found->is_array()) return std::nullopt;
  std::vector<std::string> words;
  for (const Json& word : *found) {
    words.push_back(word.is_string() ? word.get<std::string>() : std::string());
  }
  return words;
}

// YAML's scalars are read as text.
Json with_booleans(const Json& value) {
  if (value == "true" || value == "false") return value == "true";
  if (!value.is_object()) return value;
  Json object = Json::object();
  for (const auto& [key, item] : value.items()) object[key] = with_booleans(item);
  return object;
}

// What stands at `x-fairlead`, a name that is left to us.
std::optional<config::Mistake> read_extension(const Json& extension,
                                              const config::PropertyPath& where,
                                              ComposeService& service,
                                              std::vector<std::string>& warnings) {
  if (!extension.is_object()) return config::wrong(where, "a mapping", extension);
  for (const auto& [key, value] : extension.items()) {
    if (key != "nat-proxy") {
      warnings.push_back(config::to_text(where / key) +
                         " is not known and has no effect (known is nat-proxy)");
    } else if (auto mistake =
                   config::read_nat_wish(with_booleans(value), where / key, service.nat)) {
      return mistake;
    }
  }
  return std::nullopt;
}

ComposeService service_from(const Json& object) {
  ComposeService service;
  service.image = text_at(object, "image");
  const auto build = object.find("build");
  service.builds = build != object.end() && !build->is_null();
  service.user = text_at(object, "user");
  service.entrypoint = words_at(object, "entrypoint");
  service.command = words_at(object, "command");
  return service;
}

}  // namespace

base::Result<ComposeConfig> parse_compose_config(const std::string& yaml) {
  const auto document = config::parse_yaml(yaml, kSource);
  if (!document) return document.error();
  if (!document->is_object()) return base::plain_error(std::string(kSource) + " is no mapping");
  ComposeConfig result;
  result.name = text_at(*document, "name");
  if (const auto volumes = document->find("volumes");
      volumes != document->end() && volumes->is_object()) {
    for (const auto& [name, volume] : volumes->items()) result.volumes.insert(name);
  }
  const auto services = document->find("services");
  if (services == document->end() || !services->is_object()) return result;
  for (const auto& [name, service] : services->items()) {
    if (!service.is_object()) continue;
    result.services[name] = service_from(service);
    const auto extension = service.find("x-fairlead");
    if (extension == service.end()) continue;
    if (const auto mistake = read_extension(*extension, {"services", name, "x-fairlead"},
                                            result.services[name], result.warnings)) {
      return base::plain_error("Compose files: " + config::to_text(*mistake));
    }
  }
  return result;
}

ComposeFileHead parse_compose_file_head(const std::string& yaml) {
  const auto document = config::parse_yaml(yaml, "Compose file");
  if (!document || !document->is_object()) return {};
  return {text_at(*document, "version"), text_at(*document, "name")};
}

std::vector<std::string> split_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool inside = false;  // a word has begun, if only by quotes
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\'' && c == '\\' && i + 1 < text.size()) {
      const char next = text[i + 1];
      const bool kept = quote == '"' && next != '"' && next != '\\' && next != '`';
      if (kept) word += c;
      word += next;
      ++i;
      inside = true;
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      inside = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (inside) words.push_back(std::move(word));
      word.clear();
      inside = false;
    } else {
      word += c;
      inside = true;
    }
  }
  if (inside) words.push_back(std::move(word));
  return words;
}

}  // namespace fairlead::workspace
