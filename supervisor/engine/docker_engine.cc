#include "supervisor/engine/docker_engine.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/child_process.h"
#include "base/net.h"
#include "base/text_file.h"
#include "supervisor/engine/docker_json.h"
#include "supervisor/engine/docker_watcher.h"

namespace fairlead::engine {
namespace {

constexpr const char* kDefaultSocket = "/var/run/docker.sock";
constexpr std::string_view kUnixScheme = "unix://";
constexpr auto kQuickPatience = std::chrono::seconds(60);

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// By the CLI's own way to say where. `context`: by whose name it is found again where a URL would
// not do (keys belong to a context, too).
base::Result<EngineAddress> address_of(const std::string& docker_path, const std::string& endpoint,
                                       const std::string& source, const std::string& context) {
  if (endpoint.starts_with(kUnixScheme) && endpoint.size() > kUnixScheme.size()) {
    return EngineAddress{endpoint.substr(kUnixScheme.size()), docker_path};
  }
  const bool remote = endpoint.starts_with("ssh://") || endpoint.starts_with("tcp://");
  if (remote && context.empty()) return EngineAddress{endpoint, docker_path};
  if (remote) return EngineAddress{"context:" + context, docker_path};
  return base::plain_error("the Docker engine \"" + endpoint + "\" (" + source +
                           ") is reached in no way that is known here (unix, ssh, tcp)");
}

// The context that is in force, by the CLI's own configuration file; empty for the default.
std::string current_context() {
  const std::string chosen = environment("DOCKER_CONTEXT");
  if (!chosen.empty()) return chosen != "default" ? chosen : "";
  std::string directory = environment("DOCKER_CONFIG");
  if (directory.empty()) directory = environment("HOME") + "/.docker";
  const auto text = base::read_text_file(directory + "/config.json", 1U << 20);
  if (!text) return {};
  const auto document = nlohmann::json::parse(*text, nullptr, false);
  if (!document.is_object() || !document.contains("currentContext")) return {};
  const auto& context = document["currentContext"];
  return context.is_string() && context != "default" ? context.get<std::string>() : "";
}

// Whether a file there describes devices, in CDI's words (the Container Device Interface).
bool describes_devices(const std::string& folder) {
  constexpr int kMostLookedAt = 1024;
  int left = kMostLookedAt;
  std::error_code ignored;
  for (std::filesystem::directory_iterator file(folder, ignored), end; file != end && left-- > 0;
       file.increment(ignored)) {
    const auto kind = file->path().extension();
    if (kind == ".json" || kind == ".yaml") return true;
  }
  return false;
}

std::string first_line(const std::string& text) {
  const std::string line = text.substr(0, text.find('\n'));
  return line.substr(0, 500);
}

}  // namespace

base::Result<EngineAddress> find_docker(const std::string& docker_path) {
  if (const std::string host = environment("DOCKER_HOST"); !host.empty()) {
    return address_of(docker_path, host, "from DOCKER_HOST", "");
  }
  const std::string context = current_context();
  if (context.empty()) return EngineAddress{kDefaultSocket, docker_path};
  const auto output = base::run_command(
      {docker_path, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}", "--", context},
      kQuickPatience);
  if (!output) return output.error();
  if (output->status != 0) return base::plain_error("docker context: " + first_line(output->err));
  return address_of(docker_path, first_line(output->out), "from the current Docker context",
                    context);
}

DockerEngine::DockerEngine(EngineAddress address) : address_(std::move(address)) {}

base::Result<HttpResponse> DockerEngine::get(const std::string& target) {
  boost::asio::io_context loop(1);
  std::optional<base::Result<HttpResponse>> answer;
  http_get(loop, address_, target,
           [&](base::Result<HttpResponse> result) { answer = std::move(result); });
  loop.run();
  if (!answer) return base::plain_error("no answer from " + address_.text);
  if (answer->has_error() && !address_.is_local_socket()) {
    return base::plain_error("cannot reach the Docker engine at " + address_.text + ": " +
                             answer->error().message());
  }
  if (answer->has_error()) {
    const int failure = answer->error().code.value();
    if (failure == ECONNREFUSED) {
      return base::plain_error("Docker is not running (nothing answers at " + address_.text +
                               "); start it, or point DOCKER_HOST at it");
    }
    if (failure == EACCES) {
      return base::plain_error("no permission to use Docker at " + address_.text +
                               "; join the \"docker\" group or run as root");
    }
  }
  return std::move(*answer);
}

base::Result<void> DockerEngine::ping() {
  const auto answer = get("/_ping");
  if (!answer) return answer.error();
  if (answer->status != 200) return base::plain_error("Docker: " + docker_message(answer->body));
  return {};
}

std::optional<bool> DockerEngine::offers_gpu() {
  const auto answer = get("/info");
  if (!answer || answer->status != 200) return std::nullopt;
  const auto gpus = parse_docker_gpus(answer->body);
  if (!gpus) return std::nullopt;
  return gpus->offered ||
         std::any_of(gpus->cdi_folders.begin(), gpus->cdi_folders.end(), describes_devices);
}

base::Result<target::Target> DockerEngine::inspect(const std::string& id) {
  return docker_inspect_answer(id, get(docker_inspect_target(id)));
}

base::Result<std::vector<target::Target>> DockerEngine::find_by_labels(
    const std::vector<std::string>& labels) {
  const nlohmann::json filters{{"label", labels}};
  const auto answer = get("/containers/json?all=1&filters=" + percent_encode(filters.dump()));
  if (!answer) return answer.error();
  if (answer->status != 200) return base::plain_error("Docker: " + docker_message(answer->body));
  const auto ids = parse_docker_list(answer->body);
  if (!ids) return ids.error();
  std::vector<target::Target> containers;
  for (const std::string& id : *ids) {
    auto container = inspect(id);
    if (container) {
      containers.push_back(std::move(*container));
    } else if (container.error().code.value() != ENOENT) {  // gone in the meantime
      return container.error();
    }
  }
  return containers;
}

std::vector<std::string> DockerEngine::command(std::vector<std::string> arguments) const {
  std::vector<std::string> argv = address_.command();
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

base::Result<std::string> DockerEngine::run_quietly(std::vector<std::string> arguments,
                                                    std::chrono::seconds patience) {
  const std::string verb = arguments.front();
  auto output = base::run_command(command(std::move(arguments)), patience);
  if (!output) return output.error();
  if (output->status != 0) {
    return base::plain_error("docker " + verb + " failed: " + first_line(output->err));
  }
  return std::move(output->out);
}

base::Result<std::string> DockerEngine::run(const std::vector<std::string>& arguments) {
  auto ends = base::make_pipe();
  if (!ends) return ends.error();
  std::vector<std::string> argv{"run", "--detach"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  base::SpawnOptions options;
  options.argv = command(std::move(argv));
  options.stdout_fd = ends->second.get();
  options.stderr_fd = STDERR_FILENO;  // pulls show their progress there
  auto child = base::spawn(options);
  if (!child) return child.error();
  ends->second.reset();
  const auto out = base::read_all(ends->first, 64U << 10, "docker run");
  const int status = child->wait();
  if (!out) return out.error();
  const std::string id = first_line(*out);
  if (status != 0) {
    // It may have been created all the same, with the command or a port refused.
    if (!id.empty()) (void)remove(id);
    return base::plain_error("docker run failed with status " + std::to_string(status) +
                             " (its message is above)");
  }
  return id;
}

base::Result<void> DockerEngine::start(const std::string& id) {
  const auto done = run_quietly({"start", id}, kQuickPatience);
  if (!done) return done.error();
  return {};
}

base::Result<void> DockerEngine::stop(const std::string& id, std::chrono::seconds patience) {
  const auto done = run_quietly({"stop", "--time", std::to_string(patience.count()), id},
                                patience + kQuickPatience);
  if (!done) return done.error();
  return {};
}

base::Result<void> DockerEngine::remove(const std::string& id) {
  const auto done = run_quietly({"rm", "--force", id}, kQuickPatience);
  if (!done) return done.error();
  return {};
}

}  // namespace fairlead::engine
