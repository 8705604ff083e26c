// Commands in a Docker container, by its own CLI.
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/child_process.h"
#include "base/net.h"
#include "base/text_file.h"
#include "supervisor/engine/docker_engine.h"

namespace fairlead::engine {
namespace {

constexpr std::size_t kLongestLine = 64U << 10;
constexpr std::size_t kReadSize = 16384;

// A file of "NAME=value" lines has no way to write these.
bool fits_a_line(const std::string& value) {
  return value.size() < kLongestLine / 2 && value.find_first_of("\r\n") == std::string::npos;
}

// The CLI reads such a file by its descriptor: it has no name, and no other user can open it.
base::Result<base::UniqueFd> secrets_file(const Variables& secrets) {
  base::UniqueFd file(memfd_create("fairlead-secrets", MFD_CLOEXEC));
  if (!file) return base::errno_error("memory for secrets");
  std::string text;
  for (const auto& [name, value] : secrets) {
    if (fits_a_line(value)) text += name + "=" + value + "\n";
  }
  if (auto written = base::write_all(file, text, "secrets"); !written) return written.error();
  return file;
}

// The others come from the CLI's own environment: no other user can read that either. What means
// something to the CLI itself, or to whatever loads it, is not for such values.
bool may_be_in_environment(const std::string& name) {
  return name != "PATH" && name != "HOME" && name != "GODEBUG" && !name.starts_with("LD_") &&
         !name.starts_with("DOCKER_");
}

base::Result<std::vector<std::string>> secrets_environment(const Variables& secrets) {
  std::vector<std::string> variables;
  for (const auto& [name, value] : secrets) {
    if (fits_a_line(value)) continue;
    if (!may_be_in_environment(name)) {
      return base::plain_error("the secret " + name + " must be a single line of less than 32 KiB");
    }
    variables.push_back(name + "=" + value);
  }
  return variables;
}

std::vector<std::string> exec_arguments(const ExecRequest& request, ExecInput input,
                                        bool with_secrets) {
  std::vector<std::string> argv{"exec"};
  if (input != ExecInput::kNone) argv.emplace_back("--interactive");
  if (input == ExecInput::kTerminal) argv.emplace_back("--tty");
  if (!request.user.empty()) argv.insert(argv.end(), {"--user", request.user});
  if (!request.working_directory.empty()) {
    argv.insert(argv.end(), {"--workdir", request.working_directory});
  }
  for (const auto& [name, value] : request.environment) {
    argv.insert(argv.end(), {"--env", name + "=" + value});
  }
  if (with_secrets) {
    argv.insert(argv.end(), {"--env-file", "/dev/fd/3"});
    for (const auto& [name, value] : request.secrets) {
      if (!fits_a_line(value)) argv.insert(argv.end(), {"--env", name});
    }
  }
  argv.push_back(request.container_id);
  argv.insert(argv.end(), request.argv.begin(), request.argv.end());
  return argv;
}

// What one of several commands prints, line by line, so that lines of different ones do not mix.
class PrefixedOutput {
 public:
  PrefixedOutput(std::string prefix, base::UniqueFd source)
      : prefix_(std::move(prefix)), source_(std::move(source)) {}

  int descriptor() const { return source_.get(); }  // -1: it has ended

  void read_some() {
    char buffer[kReadSize];
    const ssize_t count = read(source_.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) return;
    if (count <= 0) {
      if (!partial_.empty()) print();
      return source_.reset();
    }
    std::string_view bytes(buffer, static_cast<std::size_t>(count));
    for (std::size_t end = bytes.find('\n'); end != std::string_view::npos;
         end = bytes.find('\n')) {
      partial_ += bytes.substr(0, end);
      print();
      bytes.remove_prefix(end + 1);
    }
    partial_ += bytes;
    if (partial_.size() > kLongestLine) print();
  }

 private:
  void print() {
    const std::string line = prefix_ + partial_ + "\n";
    (void)std::fwrite(line.data(), 1, line.size(), stderr);
    partial_.clear();
  }

  std::string prefix_;
  base::UniqueFd source_;
  std::string partial_;
};

void print_until_all_have_ended(std::vector<PrefixedOutput>& outputs) {
  for (;;) {
    std::vector<pollfd> entries;
    for (const PrefixedOutput& output : outputs) {
      entries.push_back({output.descriptor(), POLLIN, 0});
    }
    if (std::all_of(entries.begin(), entries.end(), [](const pollfd& e) { return e.fd < 0; })) {
      return;
    }
    if (poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR) return;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].revents != 0) outputs[i].read_some();
    }
  }
}

}  // namespace

std::vector<base::Result<int>> DockerEngine::exec(const std::vector<ExecRequest>& requests) {
  std::vector<base::Result<base::ChildProcess>> children;
  std::vector<PrefixedOutput> outputs;
  const auto start = [&](const ExecRequest& request) -> base::Result<base::ChildProcess> {
    base::SpawnOptions options;
    base::UniqueFd secrets;
    if (!request.secrets.empty()) {
      auto file = secrets_file(request.secrets);
      if (!file) return file.error();
      auto variables = secrets_environment(request.secrets);
      if (!variables) return variables.error();
      secrets = std::move(*file);
      options.extra_fd = secrets.get();
      options.environment = std::move(*variables);
    }
    options.argv = command(exec_arguments(request, ExecInput::kNone, secrets.valid()));
    options.stdout_fd = STDERR_FILENO;
    options.stderr_fd = STDERR_FILENO;
    if (request.output_prefix.empty()) return base::spawn(options);
    auto ends = base::make_pipe();
    if (!ends) return ends.error();
    options.stdout_fd = ends->second.get();
    options.stderr_fd = ends->second.get();
    auto child = base::spawn(options);
    if (child) outputs.emplace_back(request.output_prefix, std::move(ends->first));
    return child;
  };
  children.reserve(requests.size());
  for (const ExecRequest& request : requests) children.push_back(start(request));
  print_until_all_have_ended(outputs);
  std::vector<base::Result<int>> statuses;
  for (auto& child : children) {
    if (child) {
      statuses.emplace_back(child->wait());
    } else {
      statuses.emplace_back(child.error());
    }
  }
  return statuses;
}

base::Result<base::CommandOutput> DockerEngine::exec_collect(const ExecRequest& request,
                                                             std::chrono::seconds patience,
                                                             std::size_t limit) {
  return base::run_command(command(exec_arguments(request, ExecInput::kNone, false)), patience,
                           limit);
}

base::Result<std::string> DockerEngine::exec_output(const ExecRequest& request) {
  constexpr auto kPatience = std::chrono::seconds(60);
  return run_quietly(exec_arguments(request, ExecInput::kNone, false), kPatience);
}

std::vector<std::string> DockerEngine::exec_argv(const ExecRequest& request,
                                                 ExecInput input) const {
  return command(exec_arguments(request, input, false));
}

}  // namespace fairlead::engine
