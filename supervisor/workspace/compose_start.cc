#include "supervisor/workspace/compose_start.h"

namespace fairlead::workspace {
namespace {

// Runs the entry points, then becomes the words it is given; without any it stays, and SIGTERM ends
// it at once.
std::string script(const std::vector<std::string>& entrypoints) {
  std::string text = "trap 'exit 0' TERM INT\necho Container started\n";
  for (const std::string& entrypoint : entrypoints) text += entrypoint + "\n";
  return text + "exec \"$@\"\nwhile :; do sleep 3600 & wait $!; done";
}

void append_escaped(std::vector<std::string>& words, const std::vector<std::string>& more) {
  for (const std::string& word : more) words.push_back(compose_escaped(word));
}

}  // namespace

std::optional<ComposeStart> compose_start(bool overridden,
                                          const std::vector<std::string>& entrypoints,
                                          const ComposeService& service,
                                          const engine::ImageDescription& image) {
  if (!overridden && entrypoints.empty()) return std::nullopt;
  ComposeStart start;
  start.entrypoint = {"/bin/sh", "-c", compose_escaped(script(entrypoints)), "-"};
  if (overridden) {
    start.command.emplace();  // the service's would be taken for what is to run
    return start;
  }
  // An entry point of the service's takes the image's command away with the image's entry point.
  if (service.entrypoint) {
    start.entrypoint.insert(start.entrypoint.end(), service.entrypoint->begin(),
                            service.entrypoint->end());
  } else {
    append_escaped(start.entrypoint, image.entrypoint);
  }
  if (!service.command) {
    start.command.emplace();
    if (!service.entrypoint) append_escaped(*start.command, image.command);
  }
  return start;
}

}  // namespace fairlead::workspace
