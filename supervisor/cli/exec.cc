// fairlead exec: finds the container and the words for the engine, then becomes the engine's own
// program: its terminal, signals and exit status are the caller's. SPEC.md "exec".
#include "supervisor/workspace/exec.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/result.h"
#include "supervisor/cli/console.h"
#include "supervisor/cli/options.h"
#include "supervisor/cli/workspace_flags.h"

namespace fairlead::cli {
namespace {

// Comes back only if it fails.
int become(const std::vector<std::string>& argv, bool pipe_ignored) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  if (!pipe_ignored) signal(SIGPIPE, SIG_DFL);
  execvp(words.front(), words.data());
  warn(base::errno_error("start " + argv.front()).message());
  return kFailure;
}

}  // namespace

int run_exec(const ExecOptions& options) {
  workspace::ExecQuery query;
  query.configuration = configuration_request(
      options.configuration, options.select.workspace_folder, options.select.id_labels);
  query.folder_is_given = !options.select.workspace_folder.empty();
  query.container_id = options.select.container_id;
  query.remote = remote_options(options.configuration);
  query.command = options.command;
  const auto engine = engine::open_engine(options.engine);
  if (!engine) {
    warn(engine.error().message());
    return kFailure;
  }
  const auto request = workspace::resolve_exec(**engine, query, say);
  if (!request) {
    warn(request.error().message());
    return kFailure;
  }
  const bool terminal = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
  return become((*engine)->exec_argv(
                    *request, terminal ? engine::ExecInput::kTerminal : engine::ExecInput::kStream),
                options.pipe_ignored);
}

}  // namespace fairlead::cli
