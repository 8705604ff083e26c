#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>
#include <string_view>

#include "supervisor/cli/build_facts.h"
#include "supervisor/cli/completion.h"
#include "supervisor/cli/console.h"
#include "supervisor/cli/options.h"
#include "supervisor/cli/workspace_flags.h"
#include "supervisor/engine/native_endpoint.h"

namespace fairlead::cli {
namespace {

void add_engine(CLI::App& app, engine::EngineChoice& choice) {
  app.add_option("--engine", choice.name, "Container engine")
      ->check(CLI::IsMember({"auto", "docker", "podman", "incus"}))
      ->capture_default_str();
  app.add_option("--docker-path", choice.cli_path, "The docker CLI")->capture_default_str();
}

void add_state(CLI::App& app, StateOptions& options) {
  app.add_option("--user-data-folder", options.user_data_folder,
                 "State directory (default: $FAIRLEAD_STATE_DIR, $XDG_STATE_HOME/fairlead, "
                 "~/.local/state/fairlead)");
}

void add_log(CLI::App& app, StateOptions& options) {
  app.add_option("--log-level", options.log_level, "What the supervisor writes to its log")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}))
      ->capture_default_str();
  app.add_option("--log-format", options.log_format, "Form of the log")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void add_select(CLI::App& app, SelectOptions& options) {
  app.add_option("--workspace-folder", options.workspace_folder, "The workspace's folder");
  app.add_option("--container-id", options.container_id, "Id, unique prefix or name");
  app.add_option("--id-label", options.id_labels, "Label name=value that identifies the container");
}

void add_forwarding(CLI::App& app, ForwardingOptions& options) {
  app.add_option("--max-auto-forwards", options.max_auto_forwards,
                 "Most ports forwarded without being declared (64)");
  app.add_option("--relay", options.relay, "How bytes get into the container")
      ->check(CLI::IsMember({"auto", "nat", "namespace", "agent", "direct", "mux", "exec"}))
      ->capture_default_str();
}

void add_sidecar(CLI::App& app, ForwardingOptions& options) {
  app.add_flag("--sidecar", options.sidecar,
               "Let the agent run in a container beside this one, if this one was made without it");
}

constexpr const char* kPortHelp =
    "Declared port: 3000, 8080:3000 (host:container), a range 3000-3010 or 8000-8010:3000-3010";

// What exists in the contract but is not built yet is refused, never ignored.
void refuse_unbuilt(const engine::EngineChoice& choice) {
  if (choice.name != "auto" && choice.name != "docker") {
    throw CLI::ValidationError("--engine", choice.name + " is not supported yet");
  }
}

struct CommandLine {
  CLI::App app{
      "Makes every port that a program opens in a dev container reachable on the host's "
      "127.0.0.1, by itself."};
  UpOptions up;
  ExecOptions exec;
  DownOptions down;
  ForwardOptions forward;
  RunOptions run;
  PortsOptions ports;
  WhyOptions why;
  EventsOptions events;
  LogsOptions logs;
  DoctorOptions doctor;
  std::string completion_shell;
  int status = kSuccess;

  CommandLine() {
    app.name("fairlead");
    app.set_version_flag("--version", build_facts());
    app.require_subcommand(1);
    define_up();
    define_exec();
    define_down();
    define_forward();
    define_run();
    define_ports();
    define_why();
    define_events();
    define_logs();
    define_doctor();
    define_completion();
  }

  void define_up() {
    CLI::App& command = *app.add_subcommand("up", "Create or find the workspace's container");
    command.add_option("--workspace-folder", up.workspace_folder,
                       "The workspace's folder (default: the current directory)");
    command.add_option("--id-label", up.id_labels,
                       "Label name=value that identifies the container");
    add_configuration(command, up.configuration);
    command.add_flag("--auto-forward", up.auto_forward,
                     "Leave a supervisor behind that forwards ports");
    command.add_option("--forward-port", up.forwarding.ports, kPortHelp);
    add_forwarding(command, up.forwarding);
    add_sidecar(command, up.forwarding);
    command.add_flag("--ports-events", up.ports_events,
                     "Print a line PORT_EVENT: {...} for each port, too");
    command.add_flag("--strict-forwarding", up.strict_forwarding,
                     "Fail if anything cannot be forwarded as asked");
    add_creation(command, up);
    add_lifecycle(command, up);
    add_engine(command, up.engine);
    command.add_option("--docker-compose-path", up.compose_path,
                       "The Compose program (default: the docker CLI's own, else docker-compose)");
    add_state(command, up.state);
    add_log(command, up.state);
    command.final_callback([this] {
      refuse_unbuilt(up.engine);
      if (!up.auto_forward && !up.forwarding.ports.empty()) {
        throw CLI::ValidationError("--forward-port", "needs --auto-forward");
      }
      status = run_up(up);
    });
  }

  void define_exec() {
    CLI::App& command = *app.add_subcommand("exec", "Run a command in the workspace's container");
    command.footer(
        "As: fairlead exec [OPTIONS] [--] COMMAND [ARGUMENT...]\n"
        "COMMAND runs as the remote user, in the workspace's folder and the user's environment, "
        "with a terminal if there\nis one. Its exit status is passed on, 128 + N after signal N.");
    add_select(command, exec.select);
    add_configuration(command, exec.configuration);
    add_engine(command, exec.engine);
    add_state(command, exec.state);
    command.final_callback([this] {
      refuse_unbuilt(exec.engine);
      if (exec.command.empty()) throw CLI::RequiredError("COMMAND");
      status = run_exec(exec);
    });
  }

  void define_down() {
    CLI::App& command =
        *app.add_subcommand("down", "Stop the container, its supervisor and its forwards");
    add_select(command, down.select);
    command.add_flag("--all", down.all, "Every container that has a supervisor");
    command.add_flag("--remove", down.remove,
                     "Delete the container, too; of a Compose project its networks as well");
    command.add_flag("--remove-volumes", down.remove_volumes,
                     "With --remove: delete the volumes, too, but those declared external");
    command.add_option("--timeout", down.timeout_seconds, "Seconds to stop in before being killed")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    add_engine(command, down.engine);
    add_state(command, down.state);
    command.final_callback([this] {
      refuse_unbuilt(down.engine);
      if (down.all && down.select.any()) {
        throw CLI::ValidationError("--all", "cannot be combined with a selection");
      }
      if (down.remove_volumes && !down.remove) {
        throw CLI::ValidationError("--remove-volumes", "needs --remove");
      }
      status = run_down(down);
    });
  }

  void define_forward() {
    CLI::App& command =
        *app.add_subcommand("forward", "Forward the ports of any running container");
    command.add_option("container", forward.container, "Id, unique prefix or name")->required();
    command.add_option("ports", forward.forwarding.ports, kPortHelp);
    command.add_flag("--foreground", forward.foreground, "Stay, and print what happens");
    command.add_flag("--stop", forward.stop, "End the container's supervisor instead");
    add_forwarding(command, forward.forwarding);
    add_sidecar(command, forward.forwarding);
    add_engine(command, forward.engine);
    add_state(command, forward.state);
    add_log(command, forward.state);
    command.final_callback([this] {
      refuse_unbuilt(forward.engine);
      status = run_forward(forward);
    });
  }

  void define_run() {
    CLI::App& command = *app.add_subcommand(
        "run", "Run a command in namespaces of its own and forward its ports; needs no engine");
    command.footer(
        "As: fairlead run [OPTIONS] -- COMMAND [ARGUMENT...]\n"
        "COMMAND has a network of its own with nothing but loopback: no way out to other machines, "
        "or to servers\nof this one. It keeps files, user and terminal. Its exit status is passed "
        "on, 128 + N after signal N.");
    command.add_option("--name", run.name, "Name for ports, logs and down (default: run-<id>)")
        ->check([](const std::string& name) {
          return engine::is_run_name(name) ? std::string()
                                           : "a name has letters, digits, '.', '_' and '-', 64 at "
                                             "most, and begins with one of the first two";
        });
    command.add_option("--forward-port", run.forwarding.ports, kPortHelp);
    add_forwarding(command, run.forwarding);
    command.add_flag("--quiet", run.quiet, "Print no lines about ports");
    add_state(command, run.state);
    add_log(command, run.state);
    command.final_callback([this] {
      if (run.command.empty()) throw CLI::RequiredError("COMMAND");
      status = run_run(run);
    });
  }

  // What follows the own flags of `run` and `exec` belongs to a command, whatever it looks like:
  // the parser never sees it. Returns the words that are ours.
  int split_off_command(int argc, char** argv) {
    const std::string_view name = argc < 2 ? "" : argv[1];
    if (name != "run" && name != "exec") return argc;
    const CLI::App& command = *app.get_subcommand(std::string(name));
    int end = 2;
    while (end < argc && argv[end][0] == '-' && std::string_view(argv[end]) != "--") {
      const CLI::Option* option = command.get_option_no_throw(argv[end]);
      end += option != nullptr && option->get_items_expected_max() > 0 ? 2 : 1;
    }
    end = std::min(end, argc);
    const bool marked = end < argc && std::string_view(argv[end]) == "--";
    std::vector<std::string>& words = name == "run" ? run.command : exec.command;
    words.assign(argv + end + (marked ? 1 : 0), argv + argc);
    return end;
  }

  void define_ports() {
    CLI::App& command = *app.add_subcommand("ports", "What is forwarded, to where and why");
    add_select(command, ports.select);
    add_state(command, ports.state);
    command.add_flag("--json", ports.json, "Print JSON");
    CLI::App& list = *command.add_subcommand("ls", "List (the default)");
    list.add_flag("--json", ports.json, "Print JSON");
    CLI::App& wait = *command.add_subcommand("wait", "Wait until a port is forwarded");
    wait.add_option("port", ports.wait_port, "Container port")
        ->required()
        ->check(CLI::Range(1, 65535));
    wait.add_option("--timeout", ports.timeout_seconds, "Seconds")->capture_default_str();
    wait.add_flag("--json", ports.json, "Print JSON");
    CLI::App& add = *command.add_subcommand("add", "Declare ports, as forwardPorts does");
    add.add_option("specs", ports.specs, kPortHelp)->required();
    add.add_flag("--json", ports.json, "Print JSON");
    CLI::App& remove = *command.add_subcommand("rm", "Stop forwarding a port, until it is added");
    remove.add_option("port", ports.port, "Container port")
        ->required()
        ->check(CLI::Range(1, 65535));
    remove.add_flag("--json", ports.json, "Print JSON");
    for (CLI::App* sub : {&list, &wait, &add, &remove}) sub->fallthrough();
    command.require_subcommand(0, 1);
    command.final_callback([this, &add, &remove] {
      if (add.parsed()) {
        status = run_ports_add(ports);
      } else {
        status = remove.parsed() ? run_ports_remove(ports) : run_ports(ports);
      }
    });
  }

  void define_why() {
    CLI::App& command = *app.add_subcommand("why", "Why a port is, or is not, forwarded");
    command.add_option("port", why.port, "Container port")->required()->check(CLI::Range(1, 65535));
    add_select(command, why.select);
    add_state(command, why.state);
    command.add_flag("--json", why.json, "Print JSON");
    command.final_callback([this] { status = run_why(why); });
  }

  void define_events() {
    CLI::App& command =
        *app.add_subcommand("events", "What happened to forwards, a line of JSON each");
    add_select(command, events.select);
    add_state(command, events.state);
    command.add_flag("-f,--follow", events.follow, "Go on as it happens");
    command.final_callback([this] { status = run_events(events); });
  }

  void define_logs() {
    CLI::App& command = *app.add_subcommand("logs", "The supervisor's log");
    add_select(command, logs.select);
    add_state(command, logs.state);
    command.add_flag("-f,--follow", logs.follow, "Go on as it grows");
    command.final_callback([this] { status = run_logs(logs); });
  }

  void define_doctor() {
    CLI::App& command = *app.add_subcommand(
        "doctor",
        "What this machine and its engines allow, what is missing, and what killed "
        "supervisors left");
    command.add_flag("--repair", doctor.repair, "Settle what killed supervisors left");
    command.add_flag("--json", doctor.json, "Print JSON");
    command.add_option("--docker-path", doctor.cli_path, "The docker CLI")->capture_default_str();
    add_state(command, doctor.state);
    command.final_callback([this] { status = run_doctor(doctor); });
  }

  void define_completion() {
    CLI::App& command =
        *app.add_subcommand("completion", "The script that completes words in a shell");
    command.add_option("shell", completion_shell, "Which shell's")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    command.final_callback([this] { std::fputs(completion_script(completion_shell), stdout); });
  }
};

// The parser's words quote the command line.
void say_lines_of(const CLI::App& app, const CLI::ParseError& error) {
  std::stringstream words;
  app.exit(error, words, words);
  for (std::string line; std::getline(words, line);) say(line);
}

}  // namespace

int run_command_line(int argc, char** argv, bool pipe_ignored) {
  CommandLine line;
  line.run.pipe_ignored = pipe_ignored;
  line.exec.pipe_ignored = pipe_ignored;
  if (argc > 1 && std::string_view(argv[1]) == "__complete") {
    return run_complete(line.app, {argv + 2, argv + argc});
  }
  try {
    line.app.parse(line.split_off_command(argc, argv), argv);
  } catch (const CLI::Success& success) {
    return line.app.exit(success);
  } catch (const CLI::ParseError& error) {
    const std::string word = argc > 1 ? argv[1] : "-";
    const auto known = line.app.get_subcommands(
        [&](const CLI::App* command) { return command->get_name() == word; });
    if (word[0] != '-' && known.empty()) {
      warn("unknown command \"" + word + "\"; see fairlead --help");
    } else {
      say_lines_of(line.app, error);
    }
    return kUsageError;
  }
  return line.status;
}

}  // namespace fairlead::cli
