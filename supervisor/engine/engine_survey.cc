#include "supervisor/engine/engine_survey.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "supervisor/engine/docker_engine.h"
#include "supervisor/engine/docker_json.h"
#include "supervisor/engine/engine_http.h"
#include "supervisor/engine/native_process.h"

namespace fairlead::engine {
namespace {

// An engine that is well takes some milliseconds; one that hangs shall not hang the diagnosis.
constexpr auto kAnswerPatience = std::chrono::seconds(5);

bool found(const std::string& program) {
  if (program.find('/') != std::string::npos) return access(program.c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "/bin:/usr/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string candidate = (directory.empty() ? "." : directory) + "/" + program;
    struct stat info {};
    if (stat(candidate.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        access(candidate.c_str(), X_OK) == 0) {
      return true;
    }
  }
  return false;
}

std::string group_of(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || info.st_gid == 0 || (info.st_mode & S_IWGRP) == 0) {
    return {};
  }
  const group* entry = getgrgid(info.st_gid);
  return entry != nullptr ? entry->gr_name : std::to_string(info.st_gid);
}

void read_info(const std::string& body, EngineFacts& facts) {
  const auto info = nlohmann::json::parse(body, nullptr, false);
  if (!info.is_object()) {
    facts.trouble = "its answer makes no sense";
    return;
  }
  facts.answers = true;
  if (const auto version = info.find("ServerVersion");
      version != info.end() && version->is_string()) {
    facts.version = version->get<std::string>();
  }
  const auto options = info.find("SecurityOptions");
  if (options == info.end() || !options->is_array()) return;
  for (const auto& option : *options) {
    facts.rootless |= option.is_string() && option.get<std::string>() == "name=rootless";
  }
}

void ask(EngineFacts& facts) {
  boost::asio::io_context loop(1);
  std::optional<base::Result<HttpResponse>> answer;
  http_get(loop, {facts.socket, facts.command}, "/info",
           [&](base::Result<HttpResponse> result) { answer = std::move(result); });
  loop.run_for(kAnswerPatience);
  if (!answer) {
    facts.trouble = "it does not answer within " + std::to_string(kAnswerPatience.count()) + " s";
  } else if (answer->has_error()) {
    facts.connect_error = answer->error().code.value();
    if (facts.connect_error == 0) facts.trouble = answer->error().message();
  } else if ((*answer)->status != 200) {
    facts.trouble = docker_message((*answer)->body);
  } else {
    read_info((*answer)->body, facts);
  }
}

EngineFacts survey_docker(const std::string& docker_path) {
  EngineFacts facts;
  facts.name = "docker";
  facts.command = docker_path;
  facts.command_found = found(docker_path);
  facts.has_systemd = access("/run/systemd/system", F_OK) == 0;
  facts.has_apt = found("apt-get");
  if (const char* host = std::getenv("DOCKER_HOST"); host != nullptr && *host != '\0') {
    facts.chosen_by = "DOCKER_HOST";
  }
  const auto address = find_docker(docker_path);
  if (!address) {
    facts.trouble = address.error().message();
    return facts;
  }
  facts.socket = address->text;
  facts.remote = !address->is_local_socket();
  if (!facts.remote) facts.group = group_of(facts.socket);
  ask(facts);
  return facts;
}

EngineFacts survey_unsupported(const std::string& name) {
  EngineFacts facts;
  facts.name = name;
  facts.supported = false;
  facts.command = name;
  facts.command_found = found(name);
  return facts;
}

}  // namespace

std::vector<EngineFacts> survey_engines(const std::string& docker_path) {
  return {survey_docker(docker_path), survey_unsupported("podman"), survey_unsupported("incus")};
}

NativeFacts survey_native() {
  CallerSignals signals{};
  sigemptyset(&signals.mask);
  // Its namespaces go with the child, which never becomes that command.
  const auto process = NativeProcess::prepare({"true"}, signals);
  if (process) return {true, {}};
  return {false, process.error().message()};
}

}  // namespace fairlead::engine
