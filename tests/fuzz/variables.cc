// ${…} in strings. Values come from outside, too: the part after the first newline is one.
#include "supervisor/config/variables.h"

#include "tests/fuzz/require.h"

using namespace fairlead;

FAIRLEAD_FUZZER(variables) {
  const std::string_view input = fuzz::text_of(data, size);
  const std::size_t newline = std::min(input.find('\n'), input.size());
  const std::string_view text = input.substr(0, newline);
  const std::string value(input.substr(newline));
  config::VariableContext context;
  context.local_workspace_folder = value;
  context.container_workspace_folder = value;
  context.devcontainer_id = "0123";
  context.local_env = [&](const std::string& name) {
    return name == "A" ? std::optional(value) : std::nullopt;
  };
  const std::string result = config::substitute(text, context);
  fuzz::require(result.size() <= text.size() * (value.size() + 1), "the result is bounded");
  if (text.find("${") == std::string_view::npos) fuzz::require(result == text, "plain text stays");
  fuzz::require(config::substitute_all(config::Json(std::string(text)), context) == result,
                "a JSON string is one");
  const std::string id = config::devcontainer_id({{std::string(text), value}});
  fuzz::require(id.size() == 52 &&
                    id.find_first_not_of("0123456789abcdefghijklmnopqrstuv") == std::string::npos,
                "an id is 52 digits");
  return 0;
}
