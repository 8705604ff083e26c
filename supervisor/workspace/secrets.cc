#include "supervisor/workspace/secrets.h"

#include "base/text_file.h"
#include "supervisor/config/jsonc.h"
#include "supervisor/workspace/environment_probe.h"

namespace fairlead::workspace {

base::Result<engine::Variables> parse_secrets(const std::string& text, const std::string& path) {
  const auto json = config::parse_jsonc(text, path);
  // What the parser says may quote the text.
  if (!json) return base::plain_error(path + ": not a JSON object of secrets");
  if (!json->is_object()) return base::plain_error(path + ": not a JSON object of secrets");
  engine::Variables secrets;
  for (const auto& [name, value] : json->items()) {
    if (!is_variable_name(name)) {
      return base::plain_error(path + ": \"" + name + "\" cannot be the name of a variable");
    }
    if (!value.is_string() || value.get_ref<const std::string&>().find('\0') != std::string::npos) {
      return base::plain_error(path + ": the value of \"" + name + "\" must be a string");
    }
    secrets.emplace_back(name, value.get<std::string>());
  }
  return secrets;
}

base::Result<engine::Variables> load_secrets(const std::string& path) {
  constexpr std::size_t kLimit = 1U << 20;
  const auto text = base::read_text_file(path, kLimit);
  if (!text) return text.error();
  return parse_secrets(*text, path);
}

}  // namespace fairlead::workspace
