#include "supervisor/engine/compose.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/child_process.h"
#include "base/held_signals.h"
#include "base/process_identity.h"

namespace fairlead::engine {
namespace {

constexpr auto kVersionPatience = std::chrono::seconds(120);
constexpr auto kConfigPatience = std::chrono::seconds(120);
constexpr const char* kProgram = "docker-compose";

base::Result<ComposeTool> with_version(std::vector<std::string> command) {
  std::vector<std::string> argv = command;
  argv.insert(argv.end(), {"version", "--short"});
  const auto output = base::run_command(argv, kVersionPatience);
  if (!output) return output.error();
  const auto version = parse_compose_version(output->out);
  if (output->status != 0 || !version) {
    return base::plain_error(argv.front() + " does not say which version of Compose it is");
  }
  return ComposeTool{std::move(command), *version};
}

// The last lines say what it was; warnings come before.
std::string tail(const std::string& text) {
  constexpr std::size_t kShown = 1'000;
  const std::size_t end = text.find_last_not_of(" \n") + 1;
  return text.substr(end > kShown ? end - kShown : 0, std::min(end, kShown));
}

}  // namespace

base::Result<ComposeTool> find_compose(const Engine& engine, const std::string& chosen) {
  if (!chosen.empty()) return with_version(compose_program_command(chosen, engine.address()));
  auto plugin = with_version(compose_plugin_command(engine.address()));
  if (plugin) return plugin;
  auto program = with_version(compose_program_command(kProgram, engine.address()));
  if (program || program.error().code.value() != ENOENT) return program;
  return base::plain_error("Compose is missing: neither \"" + engine.address().cli +
                           " compose\" nor \"" + kProgram +
                           "\" can be run; install one, or name it by --docker-compose-path");
}

base::Result<std::string> ask_compose(const std::vector<std::string>& argv) {
  auto output = base::run_command(argv, kConfigPatience);
  if (!output) return output.error();
  if (output->status != 0) {
    return base::plain_error("Compose cannot make sense of its files: " + tail(output->err));
  }
  return std::move(output->out);
}

base::Result<void> run_compose(const std::vector<std::string>& argv, const std::string& what) {
  base::SpawnOptions options;
  options.argv = argv;
  options.stdout_fd = STDERR_FILENO;
  options.stderr_fd = STDERR_FILENO;
  const auto interrupted = [&] {
    return base::plain_error("Compose's \"" + what + "\" was interrupted");
  };
  if (base::HeldSignals::held() != 0) return interrupted();
  auto child = base::spawn(options);
  if (!child) return child.error();
  // It may have come where the child was still us.
  if (const int late = base::HeldSignals::held(); late != 0) {
    (void)base::send_signal(child->pidfd(), late);
    (void)child->wait();
    return interrupted();
  }
  if (const int status = child->wait(); status != 0) {
    return base::plain_error("Compose's \"" + what + "\" failed with status " +
                             std::to_string(status) + " (its message is above)");
  }
  return {};
}

}  // namespace fairlead::engine
